//! The stock ledger and the levels derived from it.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, ProductId, StoreId},
    stock::{Level as OnHand, Movement},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, stored};

/// What a level is known by.
pub type LevelKey = (MerchantId, StoreId, ProductId);

/// A movement, with whose it is and what caused it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The merchant.
    pub merchant: MerchantId,
    /// The sale or adjustment.
    pub source: Uuid,
    /// What moved.
    pub movement: Movement,
}

/// A product's level in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The product.
    pub product: ProductId,
    /// Its stock-keeping unit code.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// What is there.
    pub on_hand: OnHand,
}

/// Appends movements to the ledger.
///
/// # Errors
/// When the statement fails.
pub async fn append(conn: &mut PgConnection, entries: &[Entry], now: Timestamp) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let merchants: Vec<Uuid> = entries.iter().map(|entry| entry.merchant.uuid()).collect();
    let sources: Vec<Uuid> = entries.iter().map(|entry| entry.source).collect();
    let lines: Vec<i16> = entries
        .iter()
        .map(|entry| i16::try_from(entry.movement.line).expect("a sale or adjustment has at most 500 lines"))
        .collect();
    let stores: Vec<Uuid> = entries.iter().map(|entry| entry.movement.store.uuid()).collect();
    let products: Vec<Uuid> = entries.iter().map(|entry| entry.movement.product.uuid()).collect();
    let deltas: Vec<i64> = entries.iter().map(|entry| entry.movement.delta.thousandths()).collect();
    let reasons: Vec<String> = entries.iter().map(|entry| entry.movement.reason.to_string()).collect();
    let occurred: Vec<_> = entries.iter().map(|entry| stored(entry.movement.occurred_at)).collect();
    sqlx::query!(
        "insert into stock.movements
           (merchant_id, source_id, line, store_id, product_id, delta, reason, occurred_at, recorded_at)
         select *, $9::timestamptz from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::uuid[],
           $6::bigint[], $7::text[], $8::timestamptz[])",
        &merchants,
        &sources,
        &lines,
        &stores,
        &products,
        &deltas,
        &reasons,
        &occurred,
        stored(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds each delta to its level, in key order, so that two workers cannot deadlock; creates levels that do not exist.
///
/// # Errors
/// When the statement fails, also because a level would leave the range of a 64-bit integer.
pub async fn apply_deltas(conn: &mut PgConnection, deltas: &BTreeMap<LevelKey, OnHand>) -> Result<(), Error> {
    if deltas.is_empty() {
        return Ok(());
    }
    let merchants: Vec<Uuid> = deltas.keys().map(|(merchant, _, _)| merchant.uuid()).collect();
    let stores: Vec<Uuid> = deltas.keys().map(|(_, store, _)| store.uuid()).collect();
    let products: Vec<Uuid> = deltas.keys().map(|(_, _, product)| product.uuid()).collect();
    let changes: Vec<i64> = deltas.values().map(|delta| delta.thousandths()).collect();
    sqlx::query!(
        "insert into stock.levels as l (merchant_id, store_id, product_id, on_hand)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
         on conflict (merchant_id, store_id, product_id) do update set on_hand = l.on_hand + excluded.on_hand",
        &merchants,
        &stores,
        &products,
        &changes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Up to `limit` levels of a store with a SKU after `after`, by SKU.
///
/// # Errors
/// When the statement fails.
pub async fn levels(
    conn: &mut PgConnection,
    merchant: MerchantId,
    store: StoreId,
    product: Option<ProductId>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Level>, Error> {
    let rows = sqlx::query!(
        "select p.product_id, p.sku, p.name, l.on_hand
         from stock.levels l
         join catalog.products p on p.merchant_id = l.merchant_id and p.product_id = l.product_id
         where l.merchant_id = $1 and l.store_id = $2
           and ($3::uuid is null or l.product_id = $3)
           and ($4::text is null or p.sku > $4)
         order by p.sku limit $5",
        merchant.uuid(),
        store.uuid(),
        product.map(ProductId::uuid),
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Level {
            product: ProductId::new(row.product_id),
            sku: row.sku,
            name: row.name,
            on_hand: OnHand::from_thousandths(row.on_hand),
        })
        .collect())
}
