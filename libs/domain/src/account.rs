//! Accounts that hold value: gift cards, store credit, what customers owe, and the points that they have collected.
//!
//! Each is a ledger: entries are added and never change, and the balance is their sum. A balance falls below zero only by
//! what a till took while it had no connection, for what happened at the counter is a fact; that of points by what came back of
//! sales; and that of a house account, as far as its customer may owe.

mod customer;
mod ledger;
mod number;
mod rejection;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    id::{AccountId, CommandId, CustomerId, SaleId},
    money::{Amount, Overflow},
    text::Note,
    time::Timestamp,
};

pub use customer::{OF_CUSTOMERS, Payoff, Points, Redemption};
pub use ledger::{Issue, Ledger, Moves, Reload, Transfer};
pub use number::GiftCardNumber;
pub use rejection::AccountRejection;

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccountKind))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A gift card: whoever knows its number may spend it.
    GiftCard,
    /// What the merchant owes a customer, from a return or out of goodwill.
    StoreCredit,
    /// A customer's house account: below zero is what they owe.
    House,
    /// The points that a customer has collected: it counts points, not money.
    Points,
}

impl Kind {
    const ALL: [Self; 4] = [Self::GiftCard, Self::StoreCredit, Self::House, Self::Points];

    /// The name in snake case, as in every format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GiftCard => "gift_card",
            Self::StoreCredit => "store_credit",
            Self::House => "house",
            Self::Points => "points",
        }
    }
}

impl FromStr for Kind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(Invalid::AccountKind)
    }
}

/// Why an account's balance changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = EntryReason))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was put there at first.
    Issued,
    /// More was put there.
    Reloaded,
    /// It paid for a sale.
    Redeemed,
    /// It was given back for a return.
    Refunded,
    /// It went to another account, or came from one.
    Transferred,
    /// The sale that changed it was undone.
    Voided,
    /// The customer paid of what they owe.
    Paid,
    /// The customer collected points with a sale.
    Earned,
    /// Goods came back with which points had been collected.
    TakenBack,
}

impl Reason {
    const ALL: [Self; 9] = [
        Self::Issued,
        Self::Reloaded,
        Self::Redeemed,
        Self::Refunded,
        Self::Transferred,
        Self::Voided,
        Self::Paid,
        Self::Earned,
        Self::TakenBack,
    ];

    /// The name in snake case, as in every format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Reloaded => "reloaded",
            Self::Redeemed => "redeemed",
            Self::Refunded => "refunded",
            Self::Transferred => "transferred",
            Self::Voided => "voided",
            Self::Paid => "paid",
            Self::Earned => "earned",
            Self::TakenBack => "taken_back",
        }
    }
}

impl FromStr for Reason {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(Invalid::EntryReason)
    }
}

/// Whether an account can be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccountStatus))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It can.
    Active,
    /// Its time is over. What is on it stays, and can not be spent.
    Expired,
}

/// An account as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub id: AccountId,
    /// What kind.
    pub kind: Kind,
    /// Of a gift card, what is printed on it.
    pub number: Option<GiftCardNumber>,
    /// From when on it can not be spent.
    pub expires_at: Option<Timestamp>,
    /// Whose it is, if it is a customer's own.
    pub customer: Option<CustomerId>,
    /// How far below zero it may go: above zero for house accounts alone.
    pub limit: Amount,
    /// The sum of its entries.
    pub balance: Amount,
    /// How many entries it has.
    pub entries: u32,
}

impl Account {
    /// One without an entry.
    #[must_use]
    pub const fn new(id: AccountId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            number: None,
            expires_at: None,
            customer: None,
            limit: Amount::ZERO,
            balance: Amount::ZERO,
            entries: 0,
        }
    }

    /// Whether it can be spent at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        if self.expires_at.is_some_and(|end| end <= now) { Status::Expired } else { Status::Active }
    }

    /// How much can be taken from it.
    fn available(&self) -> Amount {
        self.balance.checked_add(self.limit).unwrap_or(self.balance)
    }

    /// Adds an entry.
    fn post(&mut self, amount: Amount, reason: Reason, cause: &Cause) -> Result<Entry, Overflow> {
        self.balance = self.balance.checked_add(amount).ok_or(Overflow)?;
        self.entries = self.entries.checked_add(1).ok_or(Overflow)?;
        let Cause { command, sale, note, at } = cause.clone();
        Ok(Entry {
            account: self.id,
            number: self.entries,
            amount,
            balance: self.balance,
            reason,
            command,
            sale,
            note,
            at,
        })
    }
}

/// A change of a balance. It never changes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of which account.
    pub account: AccountId,
    /// Counts the account's entries from 1.
    pub number: u32,
    /// By how much: above zero for what came in.
    pub amount: Amount,
    /// What was on the account then.
    pub balance: Amount,
    /// Why.
    pub reason: Reason,
    /// The command that brought it about.
    pub command: CommandId,
    /// The sale that it belongs to: which paid with it, or paid for it.
    pub sale: Option<SaleId>,
    /// Somebody's remark.
    pub note: Option<Note>,
    /// When it was decided on.
    pub at: Timestamp,
}

/// What brings an entry about.
#[derive(Debug, Clone)]
struct Cause {
    command: CommandId,
    sale: Option<SaleId>,
    note: Option<Note>,
    at: Timestamp,
}

#[cfg(test)]
mod tests;
