//! Slices of the books, for workers that check them in the background: each one statement, so that it looks at one moment.

use sqlx::PgPool;
use tillstream_domain::{
    id::{MerchantId, ProductId, RegisterId, StoreId},
    receipt::{Hash, Head, Issued, Signature},
};
use uuid::Uuid;

use crate::{Error, receipt::SeriesKey, stock::LevelKey, verify::Drift};

/// Up to `limit` stock levels after `after`, in key order, each with what its movements come to.
///
/// # Errors
/// When the statement fails.
pub async fn levels(pool: &PgPool, after: Option<LevelKey>, limit: u32) -> Result<Vec<Drift>, Error> {
    let (merchant, store, product) = after
        .map_or((Uuid::nil(), Uuid::nil(), Uuid::nil()), |(merchant, store, product)| {
            (merchant.uuid(), store.uuid(), product.uuid())
        });
    let rows = sqlx::query!(
        r#"select l.merchant_id, l.store_id, l.product_id, l.on_hand, coalesce(m.total, 0) as "ledger!"
           from (select merchant_id, store_id, product_id, on_hand from stock.levels
             where (merchant_id, store_id, product_id) > ($1, $2, $3)
             order by merchant_id, store_id, product_id limit $4) l
           cross join lateral (select sum(delta)::bigint as total from stock.movements m
             where m.merchant_id = l.merchant_id and m.store_id = l.store_id and m.product_id = l.product_id) m
           order by l.merchant_id, l.store_id, l.product_id"#,
        merchant,
        store,
        product,
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    let levels = rows.into_iter().map(|row| Drift {
        merchant: MerchantId::new(row.merchant_id),
        store: StoreId::new(row.store_id),
        product: ProductId::new(row.product_id),
        level: row.on_hand,
        ledger: row.ledger,
    });
    Ok(levels.collect())
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
