//! Checks over the whole database, all merchants', for the operator: what must hold between its parts, and how it is set
//! up. Each is one statement and so looks at one moment, while sales go on.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use tillstream_contract::Outcome;
use tillstream_domain::{
    id::{MerchantId, ProductId, SaleId, StoreId},
    shift::Grand,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, role, shift, stored};

/// A stock level that is not the sum of its movements; both in thousandths of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Whose.
    pub merchant: MerchantId,
    /// Where.
    pub store: StoreId,
    /// Of what.
    pub product: ProductId,
    /// What the level says.
    pub level: i64,
    /// What the movements come to.
    pub ledger: i64,
}

/// Up to `limit` stock levels that are not the sum of their movements.
///
/// # Errors
/// When the statement fails.
pub async fn stock_drift(conn: &mut PgConnection, limit: i64) -> Result<Vec<Drift>, Error> {
    let rows = sqlx::query!(
        r#"select merchant_id as "merchant_id!", store_id as "store_id!", product_id as "product_id!",
             coalesce(l.on_hand, 0) as "level!", coalesce(m.total, 0) as "ledger!"
           from stock.levels l
           full join (select merchant_id, store_id, product_id, sum(delta)::bigint as total from stock.movements
             group by merchant_id, store_id, product_id) m using (merchant_id, store_id, product_id)
           where coalesce(l.on_hand, 0) <> coalesce(m.total, 0)
           order by merchant_id, store_id, product_id limit $1"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    let drift = rows.into_iter().map(|row| Drift {
        merchant: MerchantId::new(row.merchant_id),
        store: StoreId::new(row.store_id),
        product: ProductId::new(row.product_id),
        level: row.level,
        ledger: row.ledger,
    });
    Ok(drift.collect())
}

/// What should belong together and does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loose {
    /// Sales recorded.
    pub sales: i64,
    /// Of those, without a receipt.
    pub without_receipt: i64,
    /// Of those, without a movement of stock.
    pub without_movement: i64,
    /// Receipts of no sale.
    pub receipts_without_sale: i64,
    /// Series of receipts whose numbers are not 1, 2, 3, … up to the series' last.
    pub series_with_gaps: i64,
}

/// Looks for sales without receipt or movement, practice apart, which has neither (a text that says so is written with
/// escaped quotes), and for receipts without sale or number. Sales recorded after `until`
/// are left out of the first two, for the workers may be on their way.
///
/// # Errors
/// When the statement fails.
pub async fn loose(conn: &mut PgConnection, until: Timestamp) -> Result<Loose, Error> {
    let found = sqlx::query_as!(
        Loose,
        r#"select
             (select count(*) from sales.sales) as "sales!",
             (select count(*) from sales.sales s where s.recorded_at <= $1
               and strpos(s.document, '"kind":"training"') = 0 and not exists
               (select from receipts.receipts r where r.merchant_id = s.merchant_id and r.sale_id = s.sale_id))
               as "without_receipt!",
             (select count(*) from sales.sales s where s.recorded_at <= $1
               and strpos(s.document, '"kind":"training"') = 0 and not exists
               (select from stock.movements m where m.merchant_id = s.merchant_id and m.source_id = s.sale_id))
               as "without_movement!",
             (select count(*) from receipts.receipts r where not exists
               (select from sales.sales s where s.merchant_id = r.merchant_id and s.sale_id = r.sale_id))
               as "receipts_without_sale!",
             (select count(*) from receipts.series s left join
               (select merchant_id, register_id, count(*) as receipts, min(number) as first, max(number) as last
                from receipts.receipts group by merchant_id, register_id) r using (merchant_id, register_id)
              where s.number <> coalesce(r.receipts, 0) or s.number <> coalesce(r.last, 0) or r.first > 1)
               as "series_with_gaps!""#,
        stored(until)
    )
    .fetch_one(conn)
    .await?;
    Ok(found)
}

/// How the server is set up and which version it is, by setting: `server_version`, `fsync`, `synchronous_commit` and
/// `full_page_writes`.
///
/// # Errors
/// When the statement fails.
pub async fn settings(conn: &mut PgConnection) -> Result<BTreeMap<String, String>, Error> {
    let rows = sqlx::query!(
        r#"select name as "name!", setting as "setting!" from pg_settings
           where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes')"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.setting)).collect())
}

/// The roles of [`role::ROLES`] that are missing or may not log in.
///
/// # Errors
/// When the statement fails.
pub async fn roles_without_login(conn: &mut PgConnection) -> Result<Vec<&'static str>, Error> {
    let names = role::ROLES.map(str::to_owned);
    let ready = sqlx::query_scalar!(
        r#"select rolname::text as "name!" from pg_roles where rolcanlogin and rolname::text = any($1)"#,
        &names
    )
    .fetch_all(conn)
    .await?;
    Ok(role::ROLES.into_iter().filter(|role| !ready.iter().any(|name| name == role)).collect())
}

/// The server's clock, and when the last sale was recorded by the worker's.
///
/// # Errors
/// When the statement fails.
pub async fn clocks(conn: &mut PgConnection) -> Result<(Timestamp, Option<Timestamp>), Error> {
    let row = sqlx::query!(
        r#"select clock_timestamp() as "now!", (select max(last.at) from catalog.merchants m,
             lateral (select max(s.recorded_at) as at from sales.sales s where s.merchant_id = m.merchant_id) last) as last"#
    )
    .fetch_one(conn)
    .await?;
    Ok((read(row.now)?, row.last.map(read).transpose()?))
}

/// A sale in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sold {
    /// Whose.
    pub merchant: MerchantId,
    /// The sale.
    pub sale: SaleId,
    /// What was due, in minor units.
    pub total: i64,
}

/// Every sale.
///
/// # Errors
/// When the statement fails.
pub async fn sold(conn: &mut PgConnection) -> Result<Vec<Sold>, Error> {
    let rows = sqlx::query!("select merchant_id, sale_id, total from sales.sales").fetch_all(conn).await?;
    let sold = rows.into_iter().map(|row| Sold {
        merchant: MerchantId::new(row.merchant_id),
        sale: SaleId::new(row.sale_id),
        total: row.total,
    });
    Ok(sold.collect())
}

/// What the drawers of each merchant have counted, over all Z reports, open shifts and what waits.
///
/// # Errors
/// When the statement fails or a stored drawer can't be read.
pub async fn drawers(conn: &mut PgConnection) -> Result<BTreeMap<MerchantId, Grand>, Error> {
    let rows = sqlx::query!("select merchant_id, document from sales.drawers").fetch_all(conn).await?;
    let mut all: BTreeMap<MerchantId, Grand> = BTreeMap::new();
    for row in rows {
        let sum = all.entry(MerchantId::new(row.merchant_id)).or_default();
        *sum = sum.and(shift::parse(&row.document)?.all());
    }
    Ok(all)
}

/// A command that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Whose.
    pub merchant: MerchantId,
    /// Which worker decided.
    pub context: String,
    /// The command.
    pub id: Uuid,
    /// The code of the reason for which it was refused; none if it took effect.
    pub refusal: Option<String>,
}

/// Every command in the inbox.
///
/// # Errors
/// When the statement fails or a stored outcome can't be read.
pub async fn decided(conn: &mut PgConnection) -> Result<Vec<Decided>, Error> {
    let rows = sqlx::query!(
        r#"select merchant_id, context, id, case when accepted then null else outcome end as refused
           from inbox.messages where fingerprint is not null"#
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let refusal = match row.refused.as_deref().map(Outcome::decode) {
                None => None,
                Some(Ok(Outcome::Rejected(refusal))) => Some(refusal.code),
                Some(Ok(Outcome::Accepted(_))) => return Err(Error::stored("outcome", &"it is no refusal")),
                Some(Err(error)) => return Err(Error::stored("outcome", &error)),
            };
            Ok(Decided { merchant: MerchantId::new(row.merchant_id), context: row.context, id: row.id, refusal })
        })
        .collect()
}

/// How many events took effect, by merchant and by the worker that took them.
///
/// # Errors
/// When the statement fails.
pub async fn events(conn: &mut PgConnection) -> Result<BTreeMap<(MerchantId, String), i64>, Error> {
    let rows = sqlx::query!(
        r#"select merchant_id, context, count(*) as "count!" from inbox.messages
           where fingerprint is null and accepted group by merchant_id, context"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| ((MerchantId::new(row.merchant_id), row.context), row.count)).collect())
}

/// What one sale or adjustment moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub merchant: MerchantId,
    /// The sale or adjustment.
    pub source: Uuid,
    /// How many movements.
    pub lines: i64,
    /// What they come to, in thousandths of a unit.
    pub delta: i64,
}

/// What every sale and adjustment moved; opening stock is left out.
///
/// # Errors
/// When the statement fails.
pub async fn moved(conn: &mut PgConnection) -> Result<Vec<Moved>, Error> {
    let rows = sqlx::query!(
        r#"select merchant_id, source_id, count(*) as "lines!", sum(delta)::bigint as "delta!" from stock.movements
           where reason <> 'opening' group by merchant_id, source_id"#
    )
    .fetch_all(conn)
    .await?;
    let moved = rows.into_iter().map(|row| Moved {
        merchant: MerchantId::new(row.merchant_id),
        source: row.source_id,
        lines: row.lines,
        delta: row.delta,
    });
    Ok(moved.collect())
}

/// Every stock level, in thousandths of a unit.
///
/// # Errors
/// When the statement fails.
pub async fn levels(conn: &mut PgConnection) -> Result<BTreeMap<crate::stock::LevelKey, i64>, Error> {
    let rows =
        sqlx::query!("select merchant_id, store_id, product_id, on_hand from stock.levels").fetch_all(conn).await?;
    let key = |merchant, store, product| (MerchantId::new(merchant), StoreId::new(store), ProductId::new(product));
    Ok(rows.into_iter().map(|row| (key(row.merchant_id, row.store_id, row.product_id), row.on_hand)).collect())
}
