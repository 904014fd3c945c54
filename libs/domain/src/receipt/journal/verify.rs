//! Verifies an export.

use std::collections::HashSet;

use serde::{Serialize, de::DeserializeOwned};

use super::{Entry, FORMAT, Header, RegisterTally, SignedTrailer, Trailer, add};
use crate::{
    id::{MerchantId, RegisterId, SaleId},
    receipt::{Content, Hash, Head, KeyId, Signature, VerifyingKey, json},
    time::Timestamp,
};

/// What is wrong with an entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The line is not what belongs there.
    #[error("the line is no {expected} of a journal: {reason}")]
    Line {
        /// What belongs there.
        expected: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// A journal of another format or version.
    #[error("the format is {0:?}, not {FORMAT:?}")]
    Format(String),
    /// A key of the header goes by the id of another.
    #[error("the key listed as {0} has another id")]
    KeyMislabelled(KeyId),
    /// The content is no receipt.
    #[error("the content is no receipt: {0}")]
    Content(String),
    /// A receipt of another version.
    #[error("receipts of version {0} are unknown")]
    Version(u8),
    /// Written in another form than the canonical one.
    #[error("it is not in canonical form")]
    NotCanonical,
    /// The content has another hash than stated.
    #[error("the content's hash is {found}")]
    HashMismatch {
        /// The hash of the content as it is.
        found: Hash,
    },
    /// The header lists no such key.
    #[error("the header lists no key {0}")]
    KeyUnknown(KeyId),
    /// The key is none of those that the verifier was told to trust.
    #[error("key {0} is not trusted")]
    KeyUntrusted(KeyId),
    /// The key did not sign this.
    #[error("the signature is not that of the key")]
    SignatureBad,
    /// A receipt of another merchant.
    #[error("the receipt is of merchant {0}")]
    WrongMerchant(MerchantId),
    /// A register's receipts are not together, or not in the order of registers.
    #[error("the register is out of order")]
    RegisterOrder,
    /// A receipt is missing, doubled or out of order.
    #[error("the number should be {expected}")]
    NumberGap {
        /// The number that comes next.
        expected: u64,
    },
    /// The receipt is not chained to the one before it.
    #[error("the previous receipt's hash is {expected}, not what the receipt names")]
    PreviousMismatch {
        /// The hash of the receipt before.
        expected: Hash,
    },
    /// Lines, taxes, totals or payments do not add up.
    #[error("lines, taxes, totals and payments do not add up")]
    SumsMismatch,
    /// The sale has a receipt already.
    #[error("sale {0} has another receipt")]
    SaleRepeated(SaleId),
    /// The sum of totals is beyond what can be counted.
    #[error("the sum of totals is beyond what can be counted")]
    Overflow,
    /// The journal ends without a trailer.
    #[error("the trailer is missing")]
    TrailerMissing,
    /// The trailer states other receipts or another header than there are.
    #[error("the trailer disagrees with the journal")]
    TrailerMismatch,
    /// Something follows the trailer.
    #[error("something follows the trailer")]
    AfterTrailer,
}

/// The first bad entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the journal is bad")]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// The register that the entry names, if it can be read.
    pub register: Option<RegisterId>,
    /// The receipt number that the entry names, if it can be read.
    pub number: Option<u64>,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What a sound journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whose receipts.
    pub merchant: MerchantId,
    /// When they were exported, as the exporter says.
    pub exported_at: Timestamp,
    /// How many.
    pub receipts: u64,
    /// The registers by id.
    pub registers: Vec<RegisterTally>,
}

/// Verifies an export line by line. Keeps the ids of all sales (16 bytes each and their table) and nothing else of them.
#[derive(Debug, Default)]
pub struct Verifier {
    trusted: Option<Vec<VerifyingKey>>,
    header: Option<(Header, Hash)>,
    registers: Vec<RegisterTally>,
    sales: HashSet<SaleId>,
    lines: u64,
    ended: bool,
}

impl Verifier {
    /// Verifies signatures by the trusted keys only, or, if none are given, by whatever keys the header lists.
    ///
    /// Without trusted keys a sound journal proves that it is consistent, but not whose it is: anybody can make keys.
    #[must_use]
    pub fn new(trusted: Option<Vec<VerifyingKey>>) -> Self {
        Self { trusted, ..Self::default() }
    }

    /// Verifies the next line, without its line feed.
    ///
    /// # Errors
    /// The [`Fault`] of the line. After one the verifier is of no further use.
    pub fn line(&mut self, line: &str) -> Result<(), Fault> {
        self.lines += 1;
        if self.ended {
            return Err(self.fault(Problem::AfterTrailer));
        }
        if self.header.is_none() {
            self.header(line).map_err(|problem| self.fault(problem))
        } else if line.starts_with(r#"{"hash""#) {
            self.receipt(line)
        } else {
            self.trailer(line).map_err(|problem| self.fault(problem))
        }
    }

    /// Ends the verification.
    ///
    /// # Errors
    /// [`Problem::TrailerMissing`] if the journal was cut off.
    pub fn finish(self) -> Result<Summary, Fault> {
        match self.header {
            Some((Header { merchant, exported_at, .. }, _)) if self.ended => {
                let receipts = self.registers.iter().map(|register| register.count).sum();
                Ok(Summary { merchant, exported_at, receipts, registers: self.registers })
            }
            _ => Err(Fault { line: self.lines + 1, register: None, number: None, problem: Problem::TrailerMissing }),
        }
    }

    fn header(&mut self, line: &str) -> Result<(), Problem> {
        let header: Header = parse(line, "header")?;
        if header.format != FORMAT {
            return Err(Problem::Format(header.format));
        }
        if let Some((id, _)) = header.keys.iter().find(|(id, key)| key.key_id() != **id) {
            return Err(Problem::KeyMislabelled(*id));
        }
        self.header = Some((header, Hash::of(line.as_bytes())));
        Ok(())
    }

    fn receipt(&mut self, line: &str) -> Result<(), Fault> {
        let entry: Entry = parse(line, "receipt").map_err(|problem| self.fault(problem))?;
        let content = Content::parse(&entry.receipt);
        let (register, number) = content.as_ref().map(|content| (content.register.id, content.number)).ok().unzip();
        self.check(&entry, content).map_err(|problem| Fault { register, number, ..self.fault(problem) })
    }

    fn check(&mut self, entry: &Entry, content: Result<Content, Problem>) -> Result<(), Problem> {
        let found = Hash::of(entry.receipt.as_bytes());
        if found != entry.hash {
            return Err(Problem::HashMismatch { found });
        }
        self.check_signature(entry.key, &entry.hash, &entry.signature)?;
        let content = content?;
        if self.header.as_ref().is_none_or(|(header, _)| header.merchant != content.merchant.id) {
            return Err(Problem::WrongMerchant(content.merchant.id));
        }
        self.check_chain(&content)?;
        if !content.adds_up() {
            return Err(Problem::SumsMismatch);
        }
        if !self.sales.insert(content.sale) {
            return Err(Problem::SaleRepeated(content.sale));
        }
        add(&mut self.registers, &content, entry.hash)
    }

    fn check_chain(&self, content: &Content) -> Result<(), Problem> {
        let head = match self.registers.last() {
            Some(last) if last.register == content.register.id => Head { number: last.number, hash: last.hash },
            Some(last) if last.register > content.register.id => return Err(Problem::RegisterOrder),
            _ => Head::GENESIS,
        };
        if content.number != head.number + 1 {
            return Err(Problem::NumberGap { expected: head.number + 1 });
        }
        if content.previous != head.hash {
            return Err(Problem::PreviousMismatch { expected: head.hash });
        }
        Ok(())
    }

    fn check_signature(&self, id: KeyId, hash: &Hash, signature: &Signature) -> Result<(), Problem> {
        let keys = self.header.as_ref().map(|(header, _)| &header.keys);
        let key = keys.and_then(|keys| keys.get(&id)).ok_or(Problem::KeyUnknown(id))?;
        if self.trusted.as_ref().is_some_and(|trusted| !trusted.contains(key)) {
            return Err(Problem::KeyUntrusted(id));
        }
        if !key.verifies(hash, signature) {
            return Err(Problem::SignatureBad);
        }
        Ok(())
    }

    fn trailer(&mut self, line: &str) -> Result<(), Problem> {
        let signed: SignedTrailer = parse(line, "receipt or trailer")?;
        self.check_signature(signed.key, &Hash::of(signed.trailer.as_bytes()), &signed.signature)?;
        let trailer: Trailer = parse(&signed.trailer, "trailer")?;
        if self.header.as_ref().is_none_or(|(_, hash)| *hash != trailer.header) || self.registers != trailer.registers {
            return Err(Problem::TrailerMismatch);
        }
        self.ended = true;
        Ok(())
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault { line: self.lines, register: None, number: None, problem }
    }
}

/// Reads a line, which must be written as it would be written again.
fn parse<T: DeserializeOwned + Serialize>(line: &str, expected: &'static str) -> Result<T, Problem> {
    let value = serde_json::from_str(line).map_err(|error| Problem::Line { expected, reason: error.to_string() })?;
    if json(&value) != line {
        return Err(Problem::NotCanonical);
    }
    Ok(value)
}
