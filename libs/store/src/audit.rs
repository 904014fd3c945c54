//! Slices of the books, for workers that check them in the background, and how far such a check has come.

use sqlx::PgPool;
use tillstream_domain::{
    id::{MerchantId, ProductId, RegisterId, StoreId},
    receipt::{Hash, Head, Issued, Signature},
};
use uuid::Uuid;

use crate::{Error, receipt::SeriesKey, stock::LevelKey, verify::Drift};

/// How long the movements of a level may take to be added up.
const LEVEL_TIMEOUT_MS: &str = "500";
/// PostgreSQL's `query_canceled`, which a statement that takes too long ends with.
const CANCELED: &str = "57014";

/// How far the check `what` has come, as [`keep_round`] was told.
///
/// # Errors
/// When the statement fails.
pub async fn round(pool: &PgPool, what: &str) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!("select round from audit.rounds where what = $1", what).fetch_optional(pool).await?)
}

/// Keeps how far the check `what` has come.
///
/// # Errors
/// When the statement fails.
pub async fn keep_round(pool: &PgPool, what: &str, round: &str) -> Result<(), Error> {
    sqlx::query!(
        "insert into audit.rounds (what, round) values ($1, $2) on conflict (what) do update set round = excluded.round",
        what,
        round
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Up to `limit` keys of stock levels after `after`, in order.
///
/// # Errors
/// When the statement fails.
pub async fn level_keys(pool: &PgPool, after: Option<LevelKey>, limit: u32) -> Result<Vec<LevelKey>, Error> {
    let (merchant, store, product) = after
        .map_or((Uuid::nil(), Uuid::nil(), Uuid::nil()), |(merchant, store, product)| {
            (merchant.uuid(), store.uuid(), product.uuid())
        });
    let rows = sqlx::query!(
        "select merchant_id, store_id, product_id from stock.levels where (merchant_id, store_id, product_id) > ($1, $2, $3)
         order by merchant_id, store_id, product_id limit $4",
        merchant,
        store,
        product,
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    let key = |row: (Uuid, Uuid, Uuid)| (MerchantId::new(row.0), StoreId::new(row.1), ProductId::new(row.2));
    Ok(rows.into_iter().map(|row| key((row.merchant_id, row.store_id, row.product_id))).collect())
}

/// A stock level and what its movements come to, at one moment; nothing when they are too many to be added up in time.
///
/// # Errors
/// When a statement fails.
pub async fn level(pool: &PgPool, (merchant, store, product): LevelKey) -> Result<Option<Drift>, Error> {
    let mut tx = pool.begin().await?;
    sqlx::query!("select set_config('statement_timeout', $1, true)", LEVEL_TIMEOUT_MS).fetch_one(&mut *tx).await?;
    let row = sqlx::query!(
        r#"select l.on_hand, (select coalesce(sum(m.delta), 0)::bigint from stock.movements m
             where m.merchant_id = l.merchant_id and m.store_id = l.store_id and m.product_id = l.product_id) as "ledger!"
           from stock.levels l where l.merchant_id = $1 and l.store_id = $2 and l.product_id = $3"#,
        merchant.uuid(),
        store.uuid(),
        product.uuid(),
    )
    .fetch_one(&mut *tx)
    .await;
    let row = match row {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(CANCELED) => None,
        row => Some(row?),
    };
    tx.rollback().await?;
    Ok(row.map(|row| Drift { merchant, store, product, level: row.on_hand, ledger: row.ledger }))
}

/// A series of receipts with one of its receipts, if there is one where it was looked.
#[derive(Clone, Debug)]
pub struct Link {
    /// The series.
    pub series: SeriesKey,
    /// Where it stands, by its own row.
    pub head: Head,
    /// The receipt; otherwise why it can't be read.
    pub receipt: Option<Result<Issued, String>>,
}

/// Up to `limit` receipts after the number `after.1` of the series `after.0`, and of the series behind it, by series and
/// number. A series without any is one link without a receipt.
///
/// # Errors
/// When the statement fails.
pub async fn links(pool: &PgPool, after: Option<(SeriesKey, u64)>, limit: u32) -> Result<Vec<Link>, Error> {
    let (merchant, register, number) = after.map_or((Uuid::nil(), Uuid::nil(), 0), |((merchant, register), number)| {
        (merchant.uuid(), register.uuid(), i64::try_from(number).unwrap_or(i64::MAX))
    });
    let rows = sqlx::query!(
        r#"select s.merchant_id, s.register_id, s.number as head_number, s.hash as head_hash, r.number as "number?",
             r.content as "content?", r.hash as "hash?", r.signature as "signature?", r.key_id as "key_id?"
           from (select * from receipts.series where (merchant_id, register_id) >= ($1, $2)
             order by merchant_id, register_id limit $4) s
           left join lateral (select * from receipts.receipts r
             where r.merchant_id = s.merchant_id and r.register_id = s.register_id
               and r.number > case when (s.merchant_id, s.register_id) = ($1, $2) then $3::bigint else 0 end
             order by r.number limit $4) r on true
           order by s.merchant_id, s.register_id, r.number limit $4"#,
        merchant,
        register,
        number,
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    let malformed = |what: &str| format!("its {what} is malformed");
    rows.into_iter()
        .map(|row| {
            let receipt = row.number.map(|number| {
                Ok(Issued {
                    number: u64::try_from(number).map_err(|_| malformed("number"))?,
                    content: row.content.unwrap_or_default(),
                    hash: bytes(row.hash).map(Hash::from_bytes).ok_or_else(|| malformed("hash"))?,
                    signature: bytes(row.signature).map(Signature::from_bytes).ok_or_else(|| malformed("signature"))?,
                    key_id: row.key_id.unwrap_or_default().parse().map_err(|_| malformed("key id"))?,
                })
            });
            let number = u64::try_from(row.head_number).map_err(|error| Error::stored("receipt series", &error))?;
            let hash = bytes(Some(row.head_hash)).map(Hash::from_bytes);
            let hash = hash.ok_or_else(|| Error::stored("receipt series", &"hash is not 32 bytes"))?;
            let series = (MerchantId::new(row.merchant_id), RegisterId::new(row.register_id));
            Ok(Link { series, head: Head { number, hash }, receipt })
        })
        .collect()
}

fn bytes<const N: usize>(stored: Option<Vec<u8>>) -> Option<[u8; N]> {
    stored?.try_into().ok()
}
