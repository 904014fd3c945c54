//! Card payments at terminals.
//!
//! Each is a state machine of its own, apart from the sale that it pays for: money may have been taken while nobody knows,
//! and a sale may never come. What a provider says is added to what is known of a payment, in whatever order it comes, and
//! money that was once heard of is counted until it is given back.

mod ledger;
mod rejection;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    id::{CardPaymentId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency},
    tender::{Brand, Last4, Reference},
    text::Text,
    time::Timestamp,
};

pub use ledger::{Ledger, Matches, Start};
pub use rejection::CardPaymentRejection;

/// What a provider calls a terminal.
pub type TerminalId = Text<64>;
/// Why no money was taken, in the provider's words.
pub type Reason = Text<120>;

/// How far a card payment has come.
///
/// `started` goes to any other but `reversed`, `unknown` likewise; `approved` goes to `reversed`; the others stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CardPaymentState))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The terminal has it, or soon will.
    Started,
    /// The provider does not answer: money may have been taken. It is asked until it does, and never charged again.
    Unknown,
    /// Money was taken.
    Approved,
    /// The card was refused, and no money taken.
    Declined,
    /// The customer or the till has cancelled it before money was taken.
    Cancelled,
    /// Money was taken, and given back.
    Reversed,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Started, Self::Unknown, Self::Approved, Self::Declined, Self::Cancelled, Self::Reversed];

    /// The name in snake case, as in every format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Unknown => "unknown",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Reversed => "reversed",
        }
    }

    /// Whether the provider has not said yet what became of it.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Started | Self::Unknown)
    }
}

impl FromStr for State {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(Invalid::CardPaymentState)
    }
}

/// Where a payment is made, and of how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The terminal, as the provider knows it.
    pub terminal: TerminalId,
    /// How much is to be taken: above zero.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
}

/// Money that a provider has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// How much.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
    /// The provider's reference.
    pub reference: Option<Reference>,
    /// The card's brand.
    pub brand: Option<Brand>,
    /// The last four digits of the card's number.
    pub last4: Option<Last4>,
}

/// What a provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Money was taken.
    Captured(Taken),
    /// The card was refused.
    Declined(Option<Reason>),
    /// It was cancelled before money was taken.
    Cancelled(Option<Reason>),
    /// What was taken was given back.
    Refunded,
    /// Nothing: it does not answer.
    Nothing,
}

/// What a sale counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The sale.
    pub sale: SaleId,
    /// How much of it was paid with this.
    pub amount: Amount,
}

/// A card payment as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPayment {
    /// The id of the command that started it.
    pub id: CardPaymentId,
    /// Where, and of how much.
    pub order: Order,
    /// How far it has come.
    pub state: State,
    /// Whether somebody wants it undone. It is, unless the provider refuses.
    pub cancelling: bool,
    /// What was taken.
    pub taken: Option<Taken>,
    /// Whether what was taken was given back.
    pub given_back: bool,
    /// Why no money was taken.
    pub reason: Option<Reason>,
    /// The sale that it pays for.
    pub claim: Option<Claim>,
    /// When the till asked for it, or when it was heard of first.
    pub started_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

impl CardPayment {
    /// One of which nothing is heard yet.
    #[must_use]
    pub const fn new(id: CardPaymentId, order: Order, at: Timestamp) -> Self {
        Self {
            id,
            order,
            state: State::Started,
            cancelling: false,
            taken: None,
            given_back: false,
            reason: None,
            claim: None,
            started_at: at,
            changed_at: at,
        }
    }

    /// The customer's money that the merchant has by it.
    #[must_use]
    pub fn in_hand(&self) -> Amount {
        let taken = self.taken.as_ref().filter(|_| !self.given_back);
        taken.map_or(Amount::ZERO, |taken| taken.amount)
    }

    /// Whether somebody should look at it: there is money without a sale, or a sale without that money.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        let other_money = self.taken.as_ref().is_some_and(|taken| taken.currency != self.order.currency);
        let claimed = self.claim.map_or(Amount::ZERO, |claim| claim.amount);
        // What a sale counts on may still come.
        let owed = self.in_hand() != claimed && !(self.state.is_pending() && self.taken.is_none());
        owed || (other_money && !self.given_back)
    }

    /// Whether the provider is to be asked about it, or told to undo it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.is_pending() || (self.cancelling && self.in_hand() > Amount::ZERO)
    }

    /// Adds what the provider says. Answers may come late, twice and in any order.
    pub fn hear(&mut self, heard: &Heard) {
        let pending = self.state.is_pending();
        match heard {
            Heard::Captured(taken) => {
                // Its books count, also where they say something else than before.
                self.taken = Some(taken.clone());
                if pending {
                    self.state = State::Approved;
                }
            }
            Heard::Declined(reason) | Heard::Cancelled(reason) => {
                if pending {
                    self.state = if matches!(heard, Heard::Declined(_)) { State::Declined } else { State::Cancelled };
                    self.reason.clone_from(reason);
                } else if self.in_hand() > Amount::ZERO {
                    // Asked to give money back, it says that it has none: that is for people to clear up.
                    self.cancelling = false;
                }
            }
            Heard::Refunded => {
                self.given_back = true;
                if pending || self.state == State::Approved {
                    self.state = State::Reversed;
                }
            }
            Heard::Nothing => {
                if pending {
                    self.state = State::Unknown;
                }
            }
        }
        if !self.is_open() {
            self.cancelling = false;
        }
    }
}

#[cfg(test)]
mod tests;
