//! What a reviewer would otherwise have to look for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrows;
mod documents;
mod sources;
mod workspace;
