//! The wire: what the parts of Tillstream say to each other and to the outside.
//!
//! Messages on the bus are MessagePack with named fields; documents over HTTP are JSON of the same types, in which
//! ids, times and quantities are strings. Types here are additive: a decoder ignores fields that it does not know, and
//! a field that was added later has a default. `schemas/` is generated from this crate.

pub mod account;
pub mod answer;
pub mod basket;
pub mod card_payment;
pub mod customer;
pub mod dead;
pub mod envelope;
pub mod identity;
pub mod loyalty;
pub mod outcome;
pub mod price;
pub mod receipt;
pub mod sale;
pub mod schema;
pub mod shift;
pub mod signature;
pub mod stock;
pub mod token;

pub use answer::{Answer, Answers, Verdict};
pub use envelope::{Approval, Batch, Command, DecodeError, Envelope, Message, Reply, Stage};
pub use outcome::{Outcome, Refusal};

/// MessagePack with named fields, of a type that always can be encoded.
pub(crate) fn pack<T: serde::Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("wire types hold only strings, integers, bytes, lists and named fields")
}

#[cfg(test)]
mod tests;
