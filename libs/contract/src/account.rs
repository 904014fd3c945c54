//! Gift cards and store credit on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    account::{self as domain, GiftCardNumber, Issue, Kind, Status},
    id::{AccountId, CommandId, CustomerId, SaleId, StoreId},
    identity::{Need, Permission, Place},
    money::Amount,
    sale::Original,
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::Envelope;

/// A gift card to give out. Its account's id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewGiftCard {
    /// Where it is given out.
    pub store: StoreId,
    /// What is printed on it.
    pub number: GiftCardNumber,
    /// What is put on it, in minor units: above zero.
    pub amount: Amount,
    /// From when on it can not be spent; never, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The line of a sale of that store that paid for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold: Option<Original>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// Store credit to give out. Its account's id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewStoreCredit {
    /// Where it is given out.
    pub store: StoreId,
    /// What is put on it, in minor units: above zero.
    pub amount: Amount,
    /// From when on it can not be spent; never, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// More to put on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// The account.
    pub account: AccountId,
    /// Where it is done.
    pub store: StoreId,
    /// How much, in minor units: above zero.
    pub amount: Amount,
    /// The line of a sale of that store that paid for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold: Option<Original>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// What is to go from one account to another of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// From which.
    pub from: AccountId,
    /// To which.
    pub to: AccountId,
    /// Where it is done.
    pub store: StoreId,
    /// How much, in minor units: above zero; all of it, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// An account as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its id, by which sales name it.
    pub id: AccountId,
    /// What kind it is.
    pub kind: Kind,
    /// Of a gift card, how its number ends. The whole number is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 4, max_length = 4)]
    pub last4: Option<String>,
    /// Whose it is, if it is a customer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// Of a house account, how much its customer may owe, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Amount>,
    /// What is on it, in minor units, or points. Below zero is what the customer of a house account owes, points that were
    /// spent before their goods came back, and what a till without a connection took though it was not there.
    pub balance: Amount,
    /// Whether it can be spent.
    pub status: Status,
    /// From when on it can not be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Something was put on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountChanged {
    /// Where it was done.
    pub store: StoreId,
    /// The account as it stands since.
    pub account: Account,
}

/// Something went from one account to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transferred {
    /// Where it was done.
    pub store: StoreId,
    /// From which, as it stands since.
    pub from: Account,
    /// To which, as it stands since.
    pub to: Account,
}

impl NewGiftCard {
    /// What the domain decides on: this card, with the id of the envelope in which it came.
    #[must_use]
    pub fn issue(&self, envelope: &Envelope) -> Issue {
        Issue {
            id: CommandId::new(envelope.id),
            kind: Kind::GiftCard,
            number: Some(self.number.clone()),
            expires_at: self.expires_at,
            amount: self.amount,
            sale: paid_by(self.sold),
            note: self.note.clone(),
        }
    }

    pub(crate) fn need(&self) -> Need {
        put_on(self.store, self.sold)
    }
}

impl NewStoreCredit {
    /// What the domain decides on: this credit, with the id of the envelope in which it came.
    #[must_use]
    pub fn issue(&self, envelope: &Envelope) -> Issue {
        Issue {
            id: CommandId::new(envelope.id),
            kind: Kind::StoreCredit,
            number: None,
            expires_at: self.expires_at,
            amount: self.amount,
            sale: None,
            note: self.note.clone(),
        }
    }

    pub(crate) fn need(&self) -> Need {
        put_on(self.store, None)
    }
}

impl Reload {
    /// What the domain decides on: this, with the id of the envelope in which it came.
    #[must_use]
    pub fn reload(&self, envelope: &Envelope) -> domain::Reload {
        domain::Reload {
            id: CommandId::new(envelope.id),
            account: self.account,
            amount: self.amount,
            sale: paid_by(self.sold),
            note: self.note.clone(),
        }
    }

    pub(crate) fn need(&self) -> Need {
        put_on(self.store, self.sold)
    }
}

impl Transfer {
    /// What the domain decides on: this, with the id of the envelope in which it came.
    #[must_use]
    pub fn transfer(&self, envelope: &Envelope) -> domain::Transfer {
        let id = CommandId::new(envelope.id);
        domain::Transfer { id, from: self.from, to: self.to, amount: self.amount, note: self.note.clone() }
    }

    pub(crate) fn need(&self) -> Need {
        put_on(self.store, None)
    }
}

/// What it takes to put something on an account: what a sale paid for comes with selling.
fn put_on(store: StoreId, sold: Option<Original>) -> Need {
    let permission = if sold.is_some() { Permission::Sell } else { Permission::IssueAccounts };
    Need::new(permission, Place::Store(store))
}

fn paid_by(sold: Option<Original>) -> Option<SaleId> {
    sold.map(|line| line.sale)
}

impl Account {
    /// An account as it stands at `now`.
    #[must_use]
    pub fn of(account: &domain::Account, now: Timestamp) -> Self {
        Self {
            id: account.id,
            kind: account.kind,
            last4: account.number.as_ref().map(|number| number.last4().to_owned()),
            customer: account.customer,
            limit: (account.kind == Kind::House).then_some(account.limit),
            balance: account.balance,
            status: account.status(now),
            expires_at: account.expires_at,
        }
    }
}
