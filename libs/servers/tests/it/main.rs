//! Both servers, for real.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod nats;
mod postgres;
mod scratch;
mod support;
