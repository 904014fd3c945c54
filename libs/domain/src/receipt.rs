//! Receipts: numbered, chained and signed, so that a journal of them proves itself.
//!
//! A receipt's content is canonical JSON (RFC 8785) that names the receipt's number and the hash of the register's
//! previous receipt. Its hash is SHA-256 of that text; its signature is Ed25519 (RFC 8032) over the hash's 32 bytes.

pub mod canonical;
mod chain;
mod content;
pub mod journal;
mod seal;
mod text;

pub use chain::verify_link;
pub use content::{
    CodedRegister, Content, ContentDiscount, ContentLine, ContentPayment, NamedMerchant, NamedStore, VERSION,
};
pub use seal::{Hash, KeyId, Signature, SigningKey, VerifyingKey};
pub use text::{MIN_WIDTH, WIDTH, text};

use serde::{Deserialize, Serialize};

use crate::{sale::Sale, time::Timestamp};

/// The last receipt of a register: what the next one is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0 if there is none yet.
    pub number: u64,
    /// Its hash; zeros if there is none yet.
    pub hash: Hash,
}

impl Head {
    /// Before the first receipt.
    pub const GENESIS: Self = Self { number: 0, hash: Hash::ZERO };
}

/// A receipt as it was issued: all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// From 1, consecutive for each register.
    pub number: u64,
    /// The [`Content`] in canonical JSON.
    pub content: String,
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Ed25519 over the hash.
    pub signature: Signature,
    /// Which key signed.
    pub key_id: KeyId,
}

impl Issued {
    /// What the register's next receipt is chained to.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash }
    }
}

/// Issues the receipt of a sale: the next after `head`, which is then [`Issued::head`].
#[must_use]
pub fn issue(head: &Head, sale: &Sale, issued_at: Timestamp, key: &SigningKey) -> Issued {
    let content = Content::of(sale, head, issued_at);
    let (number, content) = (content.number, content.canonical());
    let hash = Hash::of(content.as_bytes());
    Issued { number, content, hash, signature: key.sign(&hash), key_id: key.key_id() }
}

/// The JSON of a struct that declares its fields in canonical order, and so the canonical JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("text, integers, lists and maps keyed by text are always serialised")
}

#[cfg(test)]
mod tests;
