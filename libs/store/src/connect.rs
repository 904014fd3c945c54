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
/// were, reads the whole table instead, and a prepared statement keeps it: the cost of a sale then grows with history. Tables
/// are joined in the order that a statement names them, from what is wanted on: without statistics each product of a sale
/// was looked up by its tax category among all of the merchant's.
const LOOK_UP_BY_KEY: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("join_collapse_limit", "1")];

/// When PostgreSQL plans a prepared statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plans {
    /// Once. A worker's statements are by key whatever the values, and planning anew costs as much as the statement.
    Once,
    /// As it sees fit. The edge's lists have filters that may be absent, and no one plan is right for all.
    Each,
}

/// A pool of up to `max_connections` to `url`, opened when first used: a database that is down at start is no reason not
/// to start. Waiting for a connection is bounded by `acquire_timeout`.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn pool(
    name: &str,
    url: &str,
    plans: Plans,
    max_connections: u32,
    acquire_timeout: Duration,
) -> Result<PgPool, Error> {
    let mut options =
        PgConnectOptions::from_str(url)?.application_name(&format!("tillstream-{name}")).options(LOOK_UP_BY_KEY);
    if plans == Plans::Once {
        options = options.options([("plan_cache_mode", "force_generic_plan")]);
    }
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
