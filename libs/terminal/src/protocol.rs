//! What goes to and fro, as JSON.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{CardPaymentId, MerchantId, RegisterId, StoreId},
    money::{Amount, Currency},
};
use uuid::Uuid;

/// What a payment is known by: the merchant's id, a dot, and the payment's. Payments of two merchants never have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// For whom money is taken.
    pub merchant: MerchantId,
    /// By which payment.
    pub payment: CardPaymentId,
}

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is two UUIDs with a dot between them")]
pub struct KeyError;

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.merchant, self.payment)
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (merchant, payment) = text.split_once('.').ok_or(KeyError)?;
        let id = |text: &str| Uuid::try_parse(text).map_err(|_| KeyError);
        Ok(Self { merchant: MerchantId::new(id(merchant)?), payment: CardPaymentId::new(id(payment)?) })
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

/// What is to be taken where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The terminal, as the provider knows it.
    pub terminal: String,
    /// In minor units, above zero.
    pub amount: Amount,
    /// ISO 4217 code.
    pub currency: Currency,
    /// The merchant's store, which the provider keeps with the payment.
    pub store: StoreId,
    /// The register of that store, likewise.
    pub register: RegisterId,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The customer is at the terminal.
    Pending,
    /// Money was taken.
    Captured,
    /// The card was refused.
    Declined,
    /// It was cancelled before money was taken.
    Cancelled,
    /// What was taken was given back.
    Refunded,
}

/// What a provider says of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Which.
    pub key: Key,
    /// What became of it.
    pub status: Status,
    /// What was to be taken where; none of what was cancelled before it was ever started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Of `captured` and `refunded`, what was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Why no money was taken, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was taken from a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In minor units, above zero.
    pub amount: Amount,
    /// ISO 4217 code.
    pub currency: Currency,
    /// The provider's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The card's brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The last four digits of the card's number, never more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
}

/// Payments that took money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// In the order in which they took it. No more than 200.
    pub items: Vec<Payment>,
    /// Why others that were in the list could not be read.
    #[serde(skip)]
    pub unreadable: Vec<String>,
    /// Give this as the cursor to get what comes after these. It may be called for again and again.
    pub next: String,
}
