//! The edge's way to read: one merchant's rows and no others.

use sqlx::{PgPool, Postgres, Transaction};
use tillstream_domain::id::MerchantId;

use crate::Error;

/// A read-only transaction that sees `merchant` alone, by row-level security.
///
/// # Errors
/// When the database can't be reached.
pub async fn read(pool: &PgPool, merchant: MerchantId) -> Result<Transaction<'static, Postgres>, Error> {
    let mut tx = pool.begin_with("begin read only").await?;
    sqlx::query!("select set_config('tillstream.merchant', $1, true)", merchant.to_string())
        .fetch_one(&mut *tx)
        .await?;
    Ok(tx)
}
