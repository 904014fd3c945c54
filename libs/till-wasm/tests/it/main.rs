//! Tests of the JSON interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod vectors;
