//! Price lists and promotions.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, PriceListId, ProductId, PromotionId, StoreId},
    money::Amount,
    pricing::{ListedPrice, LocalTime, PriceBook, PriceList, Promotion},
    quantity::Quantity,
    tax::TaxRules,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, stored};

/// Promotions of a merchant that have not ended, at the most.
pub const MAX_PROMOTIONS: usize = 500;
/// Price lists of a merchant that have not ended, at the most.
pub const MAX_LISTS: usize = 100;

/// Something with its version. What has ended has no effect any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What it is.
    pub what: T,
    /// Counts changes from 1.
    pub version: u32,
    /// Whether it has ended.
    pub ended: bool,
}

/// The promotions of a merchant, those that have ended too, by id.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn promotions(conn: &mut PgConnection, merchant: MerchantId) -> Result<Vec<Versioned<Promotion>>, Error> {
    let rows = sqlx::query!(
        "select document, version, ended from catalog.promotions where merchant_id = $1 order by promotion_id",
        merchant.uuid()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| read(&row.document, row.version, row.ended)).collect()
}

/// The price lists of a merchant, those that have ended too, by id.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn price_lists(conn: &mut PgConnection, merchant: MerchantId) -> Result<Vec<Versioned<PriceList>>, Error> {
    let rows = sqlx::query!(
        "select document, version, ended from catalog.price_lists where merchant_id = $1 order by list_id",
        merchant.uuid()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| read(&row.document, row.version, row.ended)).collect()
}

fn read<T: serde::de::DeserializeOwned>(document: &str, version: i32, ended: bool) -> Result<Versioned<T>, Error> {
    let what = serde_json::from_str(document).map_err(|error| Error::stored("price list or promotion", &error))?;
    let version = u32::try_from(version).map_err(|error| Error::stored("price list or promotion", &error))?;
    Ok(Versioned { what, version, ended })
}

/// All that prices of a merchant depend on now; none if there is nothing.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn book(
    conn: &mut PgConnection,
    merchant: MerchantId,
    rules: TaxRules,
) -> Result<Option<Arc<PriceBook>>, Error> {
    let lists = price_lists(conn, merchant).await?.into_iter().filter(|list| !list.ended).map(|list| list.what);
    let promotions = promotions(conn, merchant).await?.into_iter().filter(|of| !of.ended).map(|of| of.what);
    let (lists, promotions): (Vec<_>, Vec<_>) = (lists.collect(), promotions.collect());
    if lists.is_empty() && promotions.is_empty() {
        return Ok(None);
    }
    let book = PriceBook::try_new(rules, lists, promotions).map_err(|error| Error::stored("promotion", &error))?;
    Ok(Some(Arc::new(book)))
}

/// How often the price lists and promotions of each merchant have changed.
///
/// # Errors
/// When the statement fails.
pub async fn versions(
    conn: &mut PgConnection,
    merchants: &BTreeSet<MerchantId>,
) -> Result<BTreeMap<MerchantId, i32>, Error> {
    let ids: Vec<Uuid> = merchants.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!("select merchant_id, version from catalog.price_books where merchant_id = any($1)", &ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.version)).collect())
}

/// What price lists ask for products.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn listed(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, ProductId)>,
) -> Result<HashMap<(MerchantId, ProductId), Vec<ListedPrice>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select p.merchant_id, p.product_id, p.list_id, p.from_quantity, p.unit_price
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, product_id)
         join catalog.prices p on p.merchant_id = wanted.merchant_id and p.product_id = wanted.product_id
         join catalog.price_lists l on l.merchant_id = p.merchant_id and l.list_id = p.list_id and not l.ended
         order by p.merchant_id, p.product_id, p.list_id, p.from_quantity",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let stored = |error: &dyn std::fmt::Display| Error::stored("price", error);
        let price = ListedPrice {
            list: PriceListId::new(row.list_id),
            from_quantity: Quantity::from_thousandths(row.from_quantity).map_err(|error| stored(&error))?,
            unit_price: Amount::try_new(row.unit_price).map_err(|error| stored(&error))?,
        };
        let key = (MerchantId::new(row.merchant_id), ProductId::new(row.product_id));
        found.entry(key).or_default().push(price);
    }
    Ok(found)
}

/// Moments by the clocks of stores, in the order in which they are given; none for a store that there is not.
///
/// # Errors
/// When the statement fails.
pub async fn local_times(
    conn: &mut PgConnection,
    moments: &[(MerchantId, StoreId, Timestamp)],
) -> Result<Vec<Option<LocalTime>>, Error> {
    if moments.is_empty() {
        return Ok(Vec::new());
    }
    let merchants: Vec<Uuid> = moments.iter().map(|(merchant, ..)| merchant.uuid()).collect();
    let stores: Vec<Uuid> = moments.iter().map(|(_, store, _)| store.uuid()).collect();
    let times: Vec<_> = moments.iter().map(|(.., at)| stored(*at)).collect();
    let rows = sqlx::query_scalar!(
        r#"select m.at at time zone s.time_zone as "local"
           from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) with ordinality as m (merchant_id, store_id, at, place)
           left join catalog.stores s on s.merchant_id = m.merchant_id and s.store_id = m.store_id order by m.place"#,
        &merchants,
        &stores,
        &times
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|local| local.and_then(|local| LocalTime::try_from(local).ok())).collect())
}

/// Locks the promotions and price lists of a merchant until the transaction ends: who changes them comes one after the other.
///
/// # Errors
/// When the statement fails.
pub async fn lock(conn: &mut PgConnection, merchants: &BTreeSet<MerchantId>) -> Result<(), Error> {
    let ids: Vec<Uuid> = merchants.iter().map(|id| id.uuid()).collect();
    sqlx::query!(
        "insert into catalog.price_books (merchant_id, version)
         select m.merchant_id, 0 from catalog.merchants m where m.merchant_id = any($1) order by m.merchant_id
         on conflict do nothing",
        &ids
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "select merchant_id from catalog.price_books where merchant_id = any($1) order by merchant_id for update",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Saves promotions, price lists and prices that have changed, and that they have.
///
/// # Errors
/// When a statement fails.
pub async fn save(conn: &mut PgConnection, merchant: MerchantId, changes: &Changes) -> Result<(), Error> {
    for (id, promotion) in &changes.promotions {
        sqlx::query!(
            "insert into catalog.promotions (merchant_id, promotion_id, document, version, ended)
             values ($1, $2, $3, $4, $5) on conflict (merchant_id, promotion_id) do update set
               document = excluded.document, version = excluded.version, ended = excluded.ended",
            merchant.uuid(),
            id.uuid(),
            written(&promotion.what),
            i32::try_from(promotion.version).unwrap_or(i32::MAX),
            promotion.ended
        )
        .execute(&mut *conn)
        .await?;
    }
    for (id, list) in &changes.lists {
        sqlx::query!(
            "insert into catalog.price_lists (merchant_id, list_id, document, version, ended)
             values ($1, $2, $3, $4, $5) on conflict (merchant_id, list_id) do update set
               document = excluded.document, version = excluded.version, ended = excluded.ended",
            merchant.uuid(),
            id.uuid(),
            written(&list.what),
            i32::try_from(list.version).unwrap_or(i32::MAX),
            list.ended
        )
        .execute(&mut *conn)
        .await?;
    }
    save_prices(conn, merchant, &changes.prices).await?;
    sqlx::query!("update catalog.price_books set version = version + 1 where merchant_id = $1", merchant.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// What has changed of a merchant's prices.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Promotions.
    pub promotions: BTreeMap<PromotionId, Versioned<Promotion>>,
    /// Price lists.
    pub lists: BTreeMap<PriceListId, Versioned<PriceList>>,
    /// What a list asks for a product from a quantity on; none where it asks nothing any more.
    pub prices: BTreeMap<(ProductId, PriceListId, Quantity), Option<Amount>>,
}

impl Changes {
    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.promotions.is_empty() && self.lists.is_empty() && self.prices.is_empty()
    }
}

async fn save_prices(
    conn: &mut PgConnection,
    merchant: MerchantId,
    prices: &BTreeMap<(ProductId, PriceListId, Quantity), Option<Amount>>,
) -> Result<(), Error> {
    if prices.is_empty() {
        return Ok(());
    }
    let products: Vec<Uuid> = prices.keys().map(|(product, ..)| product.uuid()).collect();
    let lists: Vec<Uuid> = prices.keys().map(|(_, list, _)| list.uuid()).collect();
    let quantities: Vec<i64> = prices.keys().map(|(.., from)| from.thousandths()).collect();
    let amounts: Vec<Option<i64>> = prices.values().map(|price| price.map(Amount::get)).collect();
    sqlx::query!(
        "with given as (
           select * from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])
             as t (product_id, list_id, from_quantity, unit_price)
         ), gone as (
           delete from catalog.prices p using given g where g.unit_price is null and p.merchant_id = $1
             and p.product_id = g.product_id and p.list_id = g.list_id and p.from_quantity = g.from_quantity
         )
         insert into catalog.prices (merchant_id, product_id, list_id, from_quantity, unit_price)
         select $1, product_id, list_id, from_quantity, unit_price from given where unit_price is not null
         order by product_id, list_id, from_quantity
         on conflict (merchant_id, product_id, list_id, from_quantity) do update set unit_price = excluded.unit_price",
        merchant.uuid(),
        &products,
        &lists,
        &quantities,
        &amounts as &[Option<i64>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn written<T: serde::Serialize>(what: &T) -> String {
    serde_json::to_string(what).expect("a price list or promotion holds only texts, numbers and lists of them")
}
