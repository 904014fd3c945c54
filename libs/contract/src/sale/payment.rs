//! Payments on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{AccountId, CardPaymentId},
    money::Amount,
    tender::{self, Brand, Last4, Reference, TenderName, VoucherReference},
};
use utoipa::ToSchema;

/// How a sale, or a part of it, was paid. Amounts are in minor units: above zero, or below where money goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Payment {
    /// Banknotes and coins.
    Cash {
        /// What the customer handed over; change is given out of it.
        tendered: Amount,
    },
    /// A card, charged by a terminal.
    Card {
        /// What was charged.
        amount: Amount,
        /// The terminal's reference.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, max_length = 64)]
        reference: Option<Reference>,
        /// The card's brand, for example `visa`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, max_length = 32)]
        brand: Option<Brand>,
        /// The card number's last four digits. Never more: a text that holds a card number is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last4: Option<Last4>,
        /// The card payment that took it, as `POST /v1/card-payments` started it. It must have taken just this amount, and
        /// pays for one sale.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<CardPaymentId>,
    },
    /// A gift card.
    GiftCard {
        /// What is taken from it.
        amount: Amount,
        /// Its account.
        account: AccountId,
    },
    /// Store credit.
    StoreCredit {
        /// What is taken from it.
        amount: Amount,
        /// Its account.
        account: AccountId,
    },
    /// A voucher that somebody else redeems.
    Voucher {
        /// What it is taken for.
        amount: Amount,
        /// Its number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, max_length = 64)]
        reference: Option<VoucherReference>,
    },
    /// The customer's house account.
    OnAccount {
        /// What is put on it.
        amount: Amount,
    },
    /// Whatever else the merchant takes.
    Custom {
        /// What it is taken for.
        amount: Amount,
        /// What it is called, for example `lunch cheque`.
        #[schema(value_type = String, max_length = 32)]
        name: TenderName,
        /// Its number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, max_length = 64)]
        reference: Option<VoucherReference>,
    },
}

impl From<Payment> for tender::Payment {
    fn from(payment: Payment) -> Self {
        match payment {
            Payment::Cash { tendered } => Self::Cash { tendered },
            Payment::Card { amount, reference, brand, last4, payment } => {
                Self::Card { amount, reference, brand, last4, payment }
            }
            Payment::GiftCard { amount, account } => Self::GiftCard { amount, account },
            Payment::StoreCredit { amount, account } => Self::StoreCredit { amount, account },
            Payment::Voucher { amount, reference } => Self::Voucher { amount, reference },
            Payment::OnAccount { amount } => Self::OnAccount { amount },
            Payment::Custom { amount, name, reference } => Self::Custom { amount, name, reference },
        }
    }
}

impl From<tender::Payment> for Payment {
    fn from(payment: tender::Payment) -> Self {
        match payment {
            tender::Payment::Cash { tendered } => Self::Cash { tendered },
            tender::Payment::Card { amount, reference, brand, last4, payment } => {
                Self::Card { amount, reference, brand, last4, payment }
            }
            tender::Payment::GiftCard { amount, account } => Self::GiftCard { amount, account },
            tender::Payment::StoreCredit { amount, account } => Self::StoreCredit { amount, account },
            tender::Payment::Voucher { amount, reference } => Self::Voucher { amount, reference },
            tender::Payment::OnAccount { amount } => Self::OnAccount { amount },
            tender::Payment::Custom { amount, name, reference } => Self::Custom { amount, name, reference },
        }
    }
}
