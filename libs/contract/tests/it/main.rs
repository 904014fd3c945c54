//! The wire against its golden bytes and its schemas.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod golden;
mod schema;
mod validate;
mod wire;
