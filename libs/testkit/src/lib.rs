//! A real shop for tests: its own database on a real PostgreSQL, its own nats-server, the real edge and workers, a clock
//! that stands still and ids that are seeded.
//!
//! `make test` provides PostgreSQL and the programs; see `scripts/services` and the program `scratch`.

mod database;
mod fixture;
mod http;
mod shop;
mod staff;
mod terminals;
mod till;

pub use database::Database;
pub use fixture::{Fixture, NEXT_DOOR, SHOP};
pub use http::{Answer, Call};
pub use shop::{Shop, ShopOptions, receipts};
pub use terminals::{Asking, Terminals, key};
pub use till::Till;
