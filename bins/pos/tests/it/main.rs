//! `pos` as people run it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apart;
mod autoscaling;
mod deadletters;
mod drain;
mod drill;
mod journal;
mod logs;
mod metrics;
mod migrate;
mod owner;
mod rotation;
mod security;
mod shop;
mod sought;
mod stack;
mod up;
