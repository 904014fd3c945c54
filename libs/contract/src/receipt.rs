//! Receipts on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{RegisterId, SaleId, StoreId},
    receipt::{Hash, KeyId, Signature},
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::envelope::messages;

messages! {
    /// What the receipts worker reports.
    Event {
        /// A receipt was issued.
        Issued(Issued) = "receipt.issued.v1",
    }
}

/// A receipt was numbered, chained, signed and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issued {
    /// The sale that it is for.
    pub sale: SaleId,
    /// Where it was sold.
    pub store: StoreId,
    /// Whose series it is in.
    pub register: RegisterId,
    /// Its number in that series, from 1 without gaps.
    pub number: u64,
    /// SHA-256 of its canonical content, 64 hexadecimal digits.
    pub hash: Hash,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// A receipt, as `GET /v1/sales/{id}/receipt` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The sale that it is for.
    pub sale: SaleId,
    /// The register whose series it is in.
    pub register: RegisterId,
    /// Its number in that series.
    pub number: u64,
    /// The signed content, byte for byte: canonical JSON (RFC 8785) in a string, so that its hash can be checked.
    pub content: String,
    /// SHA-256 of `content`, 64 hexadecimal digits.
    pub hash: Hash,
    /// Ed25519 signature over the 32 bytes of `hash`, 128 hexadecimal digits.
    pub signature: Signature,
    /// Which key signed: the first 8 bytes of the public key's SHA-256, in hexadecimal.
    pub key: KeyId,
    /// When it was issued.
    pub issued_at: Timestamp,
}
