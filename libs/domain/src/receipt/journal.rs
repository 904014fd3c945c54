//! The journal: an export of a merchant's receipts that is verified without the database.
//!
//! An export is JSON Lines, each line canonical JSON (RFC 8785): a header, each receipt by register and then by number,
//! and a signed trailer.
//!
//! ```text
//! {"exported_at":…,"format":"tillstream-journal/1","keys":{key id: public key},"merchant":…}
//! {"hash":…,"key":…,"receipt":"the receipt's canonical JSON","signature":…}
//! {"key":…,"signature":…,"trailer":"the trailer's canonical JSON"}
//! ```
//!
//! The trailer names the hash of the header line and, for each register, the count, last number, last hash and sum of
//! totals; it is signed like a receipt. So nothing can be cut off the end, and no header be swapped. What a verifier
//! cannot know is whether there is a newer export; the header's `exported_at` says what to ask for.

mod verify;

pub use verify::{Fault, Problem, Summary, Verifier};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Content, Hash, Head, Issued, KeyId, Signature, SigningKey, VerifyingKey, json};
use crate::{
    Invalid, decimal,
    id::{MerchantId, RegisterId},
    money::Currency,
    time::Timestamp,
};

/// The name of this format and its version.
pub const FORMAT: &str = "tillstream-journal/1";

/// What an export holds of one register.
// Fields in the order of canonical JSON, as in all structs of this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterTally {
    /// How many receipts.
    pub count: u64,
    /// The hash of the last.
    pub hash: Hash,
    /// The number of the last.
    pub number: u64,
    /// The register.
    pub register: RegisterId,
    /// The sum of the receipts' totals for each currency.
    pub totals: BTreeMap<Currency, Sum>,
}

/// A sum of totals, in minor units. In text and wider than an amount, so that no sale that is recorded makes a journal
/// that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sum(i128);

impl Sum {
    /// Minor units.
    #[must_use]
    pub const fn get(self) -> i128 {
        self.0
    }

    /// In units of the currency: `12.34`.
    #[must_use]
    pub fn format(self, currency: Currency) -> String {
        decimal::fixed(self.0, currency.exponent())
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.0.to_string()
    }
}

impl TryFrom<String> for Sum {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let sum = text.parse().map(Self).map_err(|_| Invalid::Number)?;
        // One text for one sum: no plus sign, no leading zero.
        if String::from(sum) == text { Ok(sum) } else { Err(Invalid::Number) }
    }
}

/// Writes an export, line by line; the caller adds the line feeds.
#[derive(Debug)]
pub struct Exporter {
    header: Hash,
    registers: Vec<RegisterTally>,
}

impl Exporter {
    /// Begins an export: the header line. `keys` are the public halves of all keys that signed its receipts or will sign
    /// its trailer.
    #[must_use]
    pub fn new(
        merchant: MerchantId,
        exported_at: Timestamp,
        keys: impl IntoIterator<Item = VerifyingKey>,
    ) -> (Self, String) {
        let keys = keys.into_iter().map(|key| (key.key_id(), key)).collect();
        let line = json(&Header { exported_at, format: FORMAT.to_owned(), keys, merchant });
        (Self { header: Hash::of(line.as_bytes()), registers: Vec::new() }, line)
    }

    /// The line of the next receipt. Receipts come by register id, then by number; the caller sees to that, and the
    /// verifier checks it, as it checks everything else. A receipt that was tampered with is exported as it is, so that
    /// the verifier can point at it.
    ///
    /// # Errors
    /// [`Problem::Content`] and its like if the content is no receipt, [`Problem::Overflow`] if the totals are beyond
    /// what can be counted.
    pub fn receipt(&mut self, issued: &Issued) -> Result<String, Problem> {
        add(&mut self.registers, &Content::parse(&issued.content)?, issued.hash)?;
        let Issued { content, hash, signature, key_id, .. } = issued.clone();
        Ok(json(&Entry { hash, key: key_id, receipt: content, signature }))
    }

    /// Ends the export: the trailer line.
    #[must_use]
    pub fn finish(self, key: &SigningKey) -> String {
        let trailer = json(&Trailer { header: self.header, registers: self.registers });
        let signature = key.sign(&Hash::of(trailer.as_bytes()));
        json(&SignedTrailer { key: key.key_id(), signature, trailer })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    exported_at: Timestamp,
    format: String,
    keys: BTreeMap<KeyId, VerifyingKey>,
    merchant: MerchantId,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    hash: Hash,
    key: KeyId,
    receipt: String,
    signature: Signature,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedTrailer {
    key: KeyId,
    signature: Signature,
    trailer: String,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Trailer {
    header: Hash,
    registers: Vec<RegisterTally>,
}

/// Counts a receipt to the last register, or to a new one if it is of another.
fn add(registers: &mut Vec<RegisterTally>, content: &Content, hash: Hash) -> Result<(), Problem> {
    let register = content.register.id;
    if registers.last().is_none_or(|last| last.register != register) {
        let Head { number, hash } = Head::GENESIS;
        registers.push(RegisterTally { count: 0, hash, number, register, totals: BTreeMap::new() });
    }
    let last = registers.last_mut().expect("one was pushed if there was none");
    last.count += 1;
    last.hash = hash;
    last.number = content.number;
    let total = last.totals.entry(content.currency).or_default();
    *total = Sum(total.0.checked_add(i128::from(content.total.get())).ok_or(Problem::Overflow)?);
    Ok(())
}

#[cfg(test)]
mod tests;
