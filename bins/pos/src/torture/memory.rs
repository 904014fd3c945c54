//! What a till remembers: what it sent, and what it was told.

use tillstream_domain::id::{MerchantId, ProductId, StoreId};
use uuid::Uuid;

/// Everything that one till did.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Whose till it is.
    pub merchant: MerchantId,
    /// Where it stands.
    pub store: StoreId,
    /// What it sent, in order.
    pub sent: Vec<Sent>,
    /// What it was told and should not have been.
    pub surprises: Vec<Surprise>,
    /// How often a command that had been answered in full was sent again and answered in full.
    pub repeated: u64,
    /// How often a key was used again with another body, and a final answer came.
    pub reused: u64,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its key, and so its id.
    pub key: Uuid,
    /// What was asked for.
    pub what: What,
    /// What moves in stock, line by line, in thousandths of a unit, if it takes effect.
    pub moves: Vec<(ProductId, i64)>,
    /// Whether an answer came that lets the till forget it: 201, 202 or, for what must be refused, 422.
    pub acknowledged: bool,
    /// The answer in full, once there was one.
    pub shown: Option<Shown>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A sale of this total, in minor units.
    Sale {
        /// As the till reckons it.
        total: i64,
    },
    /// A sale of this total that must be refused, for it is not paid in full.
    Unpaid {
        /// As the till reckons it.
        total: i64,
    },
    /// An adjustment of stock.
    Adjustment,
}

/// An answer in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The HTTP status.
    pub status: u16,
    /// The sale's total, in minor units; none for what is no sale.
    pub total: Option<i64>,
    /// Of the body, byte by byte.
    pub digest: u64,
}

/// Something that a till should not have been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// Which check it fails.
    pub about: About,
    /// What was told.
    pub text: String,
}

/// Checks that the tills make themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The answer is one that the command can have.
    Answer,
    /// A repeated command has the first answer.
    Repetition,
    /// A key that is used again with another body is refused.
    Reuse,
}

impl What {
    /// What to call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sale { .. } => "sale",
            Self::Unpaid { .. } => "unpaid sale",
            Self::Adjustment => "adjustment",
        }
    }
}
