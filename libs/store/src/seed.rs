//! A shop to try things with.

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, ProductId},
    quantity::Quantity,
    sale::{Merchant, Product, Register, Store},
    stock::{Level, Movement, Reason},
    tax::Tax,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, rules, stock};

/// A merchant with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The merchant.
    pub merchant: Merchant,
    /// Its stores.
    pub stores: Vec<Store>,
    /// Its registers, with their stores.
    pub registers: Vec<Register>,
    /// Its tax categories: code, name, tax.
    pub tax_categories: Vec<(String, String, Tax)>,
    /// Its products.
    pub products: Vec<Product>,
    /// What each product's level is at first, in each store.
    pub opening: Quantity,
}

/// Puts a shop into the database; what is there already stays as it is. Opening stock is a movement like any other.
///
/// # Errors
/// When a statement fails.
pub async fn plant(conn: &mut PgConnection, shop: &Shop, now: Timestamp) -> Result<(), Error> {
    let merchant = shop.merchant.id;
    plant_merchant(conn, &shop.merchant).await?;
    for store in &shop.stores {
        sqlx::query!(
            "insert into catalog.stores (merchant_id, store_id, name) values ($1, $2, $3) on conflict do nothing",
            merchant.uuid(),
            store.id.uuid(),
            store.name
        )
        .execute(&mut *conn)
        .await?;
    }
    for register in &shop.registers {
        sqlx::query!(
            "insert into catalog.registers (merchant_id, register_id, store_id, code) values ($1, $2, $3, $4)
             on conflict do nothing",
            merchant.uuid(),
            register.id.uuid(),
            register.store.id.uuid(),
            register.code
        )
        .execute(&mut *conn)
        .await?;
    }
    for (code, name, tax) in &shop.tax_categories {
        let (names, rates): (Vec<_>, Vec<_>) =
            tax.components().iter().map(|part| (part.name.clone(), rules::column(part.rate))).unzip();
        sqlx::query!(
            "insert into catalog.tax_categories (merchant_id, code, name, rate, component_names, component_rates)
             values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
            merchant.uuid(),
            code,
            name,
            rules::column(tax.rate()),
            &names,
            &rates
        )
        .execute(&mut *conn)
        .await?;
    }
    let planted = plant_products(conn, merchant, &shop.products).await?;
    let mut entries = Vec::new();
    for store in &shop.stores {
        for (line, product) in (0..).zip(&planted) {
            let movement = Movement {
                store: store.id,
                product: *product,
                delta: shop.opening,
                reason: Reason::Opening,
                occurred_at: now,
                line,
            };
            // One source for each level, so that a product that is added later has its own.
            let source = Uuid::new_v5(&store.id.uuid(), product.uuid().as_bytes());
            entries.push(stock::Entry { merchant, source, movement });
        }
    }
    stock::append(conn, &entries, now).await?;
    let opening = Level::from_thousandths(shop.opening.thousandths());
    let levels =
        entries.iter().map(|entry| ((merchant, entry.movement.store, entry.movement.product), opening)).collect();
    stock::apply_deltas(conn, &levels).await
}

async fn plant_merchant(conn: &mut PgConnection, merchant: &Merchant) -> Result<(), Error> {
    let (mode, per, rounding, cash_step) = rules::columns(merchant.rules);
    sqlx::query!(
        "insert into catalog.merchants (merchant_id, name, currency, tax_mode, tax_per, rounding, cash_step)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        merchant.id.uuid(),
        merchant.name,
        merchant.currency.code(),
        mode,
        per,
        rounding,
        cash_step
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Returns those that were not there yet.
async fn plant_products(
    conn: &mut PgConnection,
    merchant: MerchantId,
    products: &[Product],
) -> Result<Vec<ProductId>, Error> {
    let ids: Vec<Uuid> = products.iter().map(|product| product.id.uuid()).collect();
    let skus: Vec<String> = products.iter().map(|product| product.sku.clone()).collect();
    let names: Vec<String> = products.iter().map(|product| product.name.clone()).collect();
    let prices: Vec<i64> = products.iter().map(|product| product.unit_price.get()).collect();
    let categories: Vec<String> = products.iter().map(|product| product.tax_category.clone()).collect();
    let stored_value: Vec<bool> = products.iter().map(|product| product.stored_value).collect();
    let planted = sqlx::query_scalar!(
        "insert into catalog.products (merchant_id, product_id, sku, name, unit_price, tax_category, stored_value)
         select $1, i, s, n, p, c, v
         from unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[]) as t (i, s, n, p, c, v)
         on conflict do nothing returning product_id",
        merchant.uuid(),
        &ids,
        &skus,
        &names,
        &prices,
        &categories,
        &stored_value
    )
    .fetch_all(conn)
    .await?;
    Ok(planted.into_iter().map(ProductId::new).collect())
}
