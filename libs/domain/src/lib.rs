//! The rules of selling, pure: money, tax, tenders, stock and receipts.
//!
//! Nothing here reads a clock, a random number, a network or a disk, so nothing here can fail for a reason outside its
//! arguments. The same code prices a basket at the till, at the edge and in the worker.

pub mod account;
pub mod barcode;
pub mod basket;
pub mod card_payment;
pub mod customer;
mod decimal;
pub mod id;
pub mod identity;
pub mod invalid;
pub mod loyalty;
pub mod money;
pub mod pricing;
pub mod quantity;
pub mod receipt;
pub mod rejection;
pub mod report;
pub mod sale;
pub mod shift;
#[cfg(test)]
mod shop;
pub mod stock;
pub mod tax;
pub mod tender;
pub mod text;
pub mod time;

pub use invalid::Invalid;
pub use rejection::Rejection;
