//! The transaction of a sale.

use std::collections::HashMap;

use sqlx::PgPool;
use tillstream_contract::sale::{NewSale, Payment};
use uuid::Uuid;

/// Why a sale is not recorded.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is not right.
    Refused(&'static str),
    /// The database failed.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(failure: sqlx::Error) -> Self {
        Self::Database(failure)
    }
}

/// A line, priced.
struct Line {
    product: Uuid,
    quantity: i64,
    unit_price: i64,
    amount: i64,
}

/// Records a sale with its lines and payments and moves the stock, all or nothing. Returns the total.
pub(super) async fn record(pool: &PgPool, id: Uuid, sale: &NewSale) -> Result<i64, Failure> {
    let products: Vec<Uuid> = sale.lines.iter().map(|line| line.product.uuid()).collect();
    let mut tx = pool.begin().await?;
    let prices: Vec<(Uuid, i64)> =
        sqlx::query_as("select product_id, unit_price from products where product_id = any($1)")
            .bind(&products)
            .fetch_all(&mut *tx)
            .await?;
    let lines = priced(sale, &prices.into_iter().collect())?;
    let total: i64 = lines.iter().map(|line| line.amount).sum();
    let (method, paid) = paid(sale)?;
    if paid < total {
        return Err(Failure::Refused("the payment does not cover the total"));
    }
    sqlx::query("insert into sales (sale_id, store_id, register_id, currency, total) values ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(sale.store.uuid())
        .bind(sale.register.uuid())
        .bind(sale.currency.code())
        .bind(total)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into sale_lines (sale_id, line, product_id, quantity, unit_price, amount)
         select $1, l, p, q, u, a
         from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) with ordinality as t (p, q, u, a, l)",
    )
    .bind(id)
    .bind(lines.iter().map(|line| line.product).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.quantity).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.unit_price).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.amount).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    sqlx::query("insert into payments (sale_id, payment, method, amount) values ($1, 1, $2, $3)")
        .bind(id)
        .bind(method)
        .bind(paid)
        .execute(&mut *tx)
        .await?;
    for line in &lines {
        sqlx::query("update stock set on_hand = on_hand - $3 where store_id = $1 and product_id = $2")
            .bind(sale.store.uuid())
            .bind(line.product)
            .bind(line.quantity)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(total)
}

/// In the order of their products: two sales that lock the same ones do so in the same order, and never deadlock.
fn priced(sale: &NewSale, prices: &HashMap<Uuid, i64>) -> Result<Vec<Line>, Failure> {
    let mut lines = sale
        .lines
        .iter()
        .map(|line| {
            let (product, quantity) = (line.product.uuid(), line.quantity.thousandths());
            let unit_price = *prices.get(&product).ok_or(Failure::Refused("unknown product"))?;
            let thousandths = quantity.checked_mul(unit_price).ok_or(Failure::Refused("too much"))?;
            Ok(Line { product, quantity, unit_price, amount: (thousandths + 500).div_euclid(1000) })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    lines.sort_unstable_by_key(|line| line.product);
    Ok(lines)
}

fn paid(sale: &NewSale) -> Result<(&'static str, i64), Failure> {
    match sale.payments.as_slice() {
        [Payment::Cash { tendered }] => Ok(("cash", tendered.get())),
        [Payment::Card { amount, .. }] => Ok(("card", amount.get())),
        _ => Err(Failure::Refused("one payment, please")),
    }
}
