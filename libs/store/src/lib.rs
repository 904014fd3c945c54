//! Everything that is SQL: free functions named for what they do, set-based, checked at compile time.
//!
//! Workers pass the connection of their transaction; the runtime begins and commits it. The edge reads through
//! [`tenant::read`], confined to one merchant by row-level security.

pub mod account;
pub mod audit;
pub mod basket;
pub mod card_payment;
pub mod catalog;
pub mod connect;
pub mod customer;
mod error;
pub mod identity;
pub mod inbox;
pub mod loyalty;
pub mod price;
pub mod privilege;
pub mod receipt;
pub mod report;
pub mod reversal;
pub mod role;
mod rules;
pub mod sale;
pub mod seed;
pub mod shift;
pub mod stock;
pub mod tenant;
pub mod trail;
pub mod verify;

pub use connect::{MIGRATIONS, Plans, pool};
pub use error::{Error, Fault};
pub use sqlx::{PgConnection, PgPool};

use chrono::{DateTime, Utc};
use tillstream_domain::time::Timestamp;

/// As PostgreSQL takes it; both count microseconds.
fn stored(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.micros()).expect("a timestamp lies between the years 2000 and 9999")
}

/// As the domain takes it; both count microseconds.
fn read(at: DateTime<Utc>) -> Result<Timestamp, Error> {
    Timestamp::from_micros(at.timestamp_micros()).map_err(|error| Error::stored("time", &error))
}
