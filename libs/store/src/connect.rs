//! Connections and migrations.

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::Error;

/// Every migration, in order. They never change once released.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Every statement of ours looks rows up by key. A plan that was made while a table was small, or before its statistics
/// were, reads the whole table instead, and a prepared statement keeps it: the cost of a sale then grows with history.
const LOOK_UP_BY_KEY: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // By key whatever the values: planning each time anew would cost as much as the statement.
    ("plan_cache_mode", "force_generic_plan"),
];

/// A pool of up to `max_connections` to `url`, opened when first used: a database that is down at start is no reason not
/// to start. Waiting for a connection is bounded by `acquire_timeout`.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn pool(name: &str, url: &str, max_connections: u32, acquire_timeout: Duration) -> Result<PgPool, Error> {
    let options =
        PgConnectOptions::from_str(url)?.application_name(&format!("tillstream-{name}")).options(LOOK_UP_BY_KEY);
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        // A broken connection shows in the first statement; a ping before each use would cost a round trip.
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

/// Whether the database answers.
///
/// # Errors
/// When it does not.
pub async fn ping(pool: &PgPool) -> Result<(), Error> {
    sqlx::query!("select 1 as one").fetch_one(pool).await?;
    Ok(())
}
