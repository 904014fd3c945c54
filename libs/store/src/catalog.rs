//! The catalogue: merchants, stores, registers, tax categories, products.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;
use tillstream_domain::{
    id::{CategoryId, MerchantId, ProductId, RegisterId, StoreId},
    money::{Amount, Currency},
    sale::{Books, Merchant, Product, Register, Store},
};
use uuid::Uuid;

use crate::{Error, rules};

/// What a batch of decisions needs to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose books.
    pub merchants: BTreeSet<MerchantId>,
    /// Stores named without a register.
    pub stores: BTreeSet<(MerchantId, StoreId)>,
    /// Registers, with their stores.
    pub registers: BTreeSet<(MerchantId, RegisterId)>,
    /// Products.
    pub products: BTreeSet<(MerchantId, ProductId)>,
}

/// The books of each merchant that exists, with those of the wanted stores, registers and products that exist.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn books(conn: &mut PgConnection, wanted: &Wanted) -> Result<HashMap<MerchantId, Books>, Error> {
    let merchants = merchants(conn, &wanted.merchants).await?;
    let mut registers = registers(conn, &wanted.registers).await?;
    // A register brings its store along.
    let found: BTreeSet<_> =
        registers.iter().flat_map(|(id, of)| of.iter().map(|register| (*id, register.store.id))).collect();
    let mut stores = stores(conn, &wanted.stores.difference(&found).copied().collect()).await?;
    let mut products = products(conn, &wanted.products).await?;
    let books = merchants.into_iter().map(|merchant| {
        let id = merchant.id;
        let books = Books::new(
            merchant,
            stores.remove(&id).unwrap_or_default(),
            registers.remove(&id).unwrap_or_default(),
            products.remove(&id).unwrap_or_default(),
        );
        (id, books)
    });
    Ok(books.collect())
}

async fn merchants(conn: &mut PgConnection, wanted: &BTreeSet<MerchantId>) -> Result<Vec<Merchant>, Error> {
    let ids: Vec<Uuid> = wanted.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        "select merchant_id, name, currency, tax_mode, tax_per, rounding, cash_step from catalog.merchants
         where merchant_id = any($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let rules = rules::read(&row.tax_mode, &row.tax_per, &row.rounding, row.cash_step)?;
            let currency = Currency::try_new(&row.currency).map_err(|error| Error::stored("merchant", &error))?;
            Ok(Merchant { id: MerchantId::new(row.merchant_id), name: row.name, currency, rules })
        })
        .collect()
}

type Of<T> = HashMap<MerchantId, Vec<T>>;

async fn stores(conn: &mut PgConnection, wanted: &BTreeSet<(MerchantId, StoreId)>) -> Result<Of<Store>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select s.merchant_id, s.store_id, s.name
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, store_id)
         join catalog.stores s on s.merchant_id = wanted.merchant_id and s.store_id = wanted.store_id",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let mut found: Of<Store> = HashMap::new();
    for row in rows {
        let store = Store { id: StoreId::new(row.store_id), name: row.name };
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(store);
    }
    Ok(found)
}

async fn registers(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, RegisterId)>,
) -> Result<Of<Register>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select r.merchant_id, r.register_id, r.code, s.store_id, s.name
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, register_id)
         join catalog.registers r on r.merchant_id = wanted.merchant_id and r.register_id = wanted.register_id
         join catalog.stores s on s.merchant_id = r.merchant_id and s.store_id = r.store_id",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let mut found: Of<Register> = HashMap::new();
    for row in rows {
        let store = Store { id: StoreId::new(row.store_id), name: row.name };
        let register = Register { id: RegisterId::new(row.register_id), code: row.code, store };
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(register);
    }
    Ok(found)
}

async fn products(conn: &mut PgConnection, wanted: &BTreeSet<(MerchantId, ProductId)>) -> Result<Of<Product>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        ProductRow,
        "select p.merchant_id, p.product_id, p.sku, p.name, p.unit_price, p.tax_category, c.rate,
           c.component_names, c.component_rates, p.categories, p.weighed, p.stored_value
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, product_id)
         join catalog.products p on p.merchant_id = wanted.merchant_id and p.product_id = wanted.product_id
         join catalog.tax_categories c on c.merchant_id = p.merchant_id and c.code = p.tax_category",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let mut found: Of<Product> = HashMap::new();
    for row in rows {
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(row.try_into()?);
    }
    Ok(found)
}

/// Up to `limit` products with a SKU after `after`, by SKU.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn page(
    conn: &mut PgConnection,
    merchant: MerchantId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Product>, Error> {
    let rows = sqlx::query_as!(
        ProductRow,
        "select p.merchant_id, p.product_id, p.sku, p.name, p.unit_price, p.tax_category, c.rate,
           c.component_names, c.component_rates, p.categories, p.weighed, p.stored_value
         from catalog.products p
         join catalog.tax_categories c on c.merchant_id = p.merchant_id and c.code = p.tax_category
         where p.merchant_id = $1 and ($2::text is null or p.sku > $2)
         order by p.sku limit $3",
        merchant.uuid(),
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Product::try_from).collect()
}

/// The registers of a merchant, with their stores, by code.
///
/// # Errors
/// When the statement fails.
pub async fn registers_of(conn: &mut PgConnection, merchant: MerchantId) -> Result<Vec<Register>, Error> {
    let rows = sqlx::query!(
        "select r.register_id, r.code, s.store_id, s.name from catalog.registers r
         join catalog.stores s on s.merchant_id = r.merchant_id and s.store_id = r.store_id
         where r.merchant_id = $1 order by r.code",
        merchant.uuid()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Register {
            id: RegisterId::new(row.register_id),
            code: row.code,
            store: Store { id: StoreId::new(row.store_id), name: row.name },
        })
        .collect())
}

/// Whether the merchant has this store.
///
/// # Errors
/// When the statement fails.
pub async fn has_store(conn: &mut PgConnection, merchant: MerchantId, store: StoreId) -> Result<bool, Error> {
    let found = stores(conn, &BTreeSet::from([(merchant, store)])).await?;
    Ok(!found.is_empty())
}

/// The register `id`, with its store.
///
/// # Errors
/// When the statement fails.
pub async fn register(
    conn: &mut PgConnection,
    merchant: MerchantId,
    id: RegisterId,
) -> Result<Option<Register>, Error> {
    let mut found = registers(conn, &BTreeSet::from([(merchant, id)])).await?;
    Ok(found.remove(&merchant).and_then(|mut of| of.pop()))
}

/// The currency in which the merchant sells, if there is such a merchant.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn currency(conn: &mut PgConnection, merchant: MerchantId) -> Result<Option<Currency>, Error> {
    let found = merchants(conn, &BTreeSet::from([merchant])).await?;
    Ok(found.first().map(|merchant| merchant.currency))
}

struct ProductRow {
    merchant_id: Uuid,
    product_id: Uuid,
    sku: String,
    name: String,
    unit_price: i64,
    tax_category: String,
    rate: i32,
    component_names: Vec<String>,
    component_rates: Vec<i32>,
    categories: Vec<Uuid>,
    weighed: bool,
    stored_value: bool,
}

impl TryFrom<ProductRow> for Product {
    type Error = Error;

    fn try_from(row: ProductRow) -> Result<Self, Error> {
        let stored = |error: &dyn std::fmt::Display| Error::stored("product", error);
        Ok(Self {
            id: ProductId::new(row.product_id),
            sku: row.sku,
            name: row.name,
            unit_price: Amount::try_new(row.unit_price).map_err(|error| stored(&error))?,
            tax_category: row.tax_category,
            tax: rules::read_tax(row.rate, row.component_names, &row.component_rates)?,
            categories: row.categories.into_iter().map(CategoryId::new).collect(),
            weighed: row.weighed,
            stored_value: row.stored_value,
            listed: Vec::new(),
        })
    }
}
