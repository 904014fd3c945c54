//! Card payments at terminals on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    card_payment::{self as domain, Heard, Order, Reason, Start, State, TerminalId},
    id::{CardPaymentId, RegisterId, SaleId, StoreId},
    identity::{Need, Permission, Place},
    money::{Amount, Currency},
    tender::{Brand, Last4, Reference},
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::Envelope;

/// A card payment to start. Its id is the request's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewCardPayment {
    /// Where the customer pays.
    pub store: StoreId,
    /// At which register of that store.
    pub register: RegisterId,
    /// The terminal, as the provider knows it.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub terminal: TerminalId,
    /// How much is to be taken, in minor units: above zero.
    pub amount: Amount,
    /// ISO 4217 code; it must be the merchant's.
    pub currency: Currency,
}

/// A card payment to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPaymentCancel {
    /// Which.
    pub payment: CardPaymentId,
    /// Where it was started.
    pub store: StoreId,
    /// Whether money that was taken is to be given back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refund: bool,
}

/// What a provider says of a card payment. The sales worker sends it to itself, once for each thing that the provider says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPaymentAnswer {
    /// Which.
    pub payment: CardPaymentId,
    /// What became of it.
    pub outcome: Outcome,
    /// Of `captured`, what was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
    /// Why nothing was taken, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 120)]
    pub reason: Option<Reason>,
    /// What was to be taken where, as the provider keeps it: for payments that are not in the books, as after the loss of
    /// a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<NewCardPayment>,
}

/// What a provider says became of a card payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CardPaymentOutcome)]
pub enum Outcome {
    /// Money was taken.
    Captured,
    /// The card was refused.
    Declined,
    /// It was cancelled before money was taken.
    Cancelled,
    /// What was taken was given back.
    Refunded,
    /// Nothing: it does not answer.
    NoAnswer,
}

/// Money that was taken from a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CardMoney)]
pub struct Taken {
    /// How much, in minor units.
    pub amount: Amount,
    /// ISO 4217 code.
    pub currency: Currency,
    /// The provider's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub reference: Option<Reference>,
    /// The card's brand, for example `visa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 32)]
    pub brand: Option<Brand>,
    /// The card number's last four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<Last4>,
}

/// A card payment as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPayment {
    /// Its id, by which sales name it.
    pub id: CardPaymentId,
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The terminal, as the provider knows it.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub terminal: TerminalId,
    /// How much was to be taken, in minor units.
    pub amount: Amount,
    /// ISO 4217 code.
    pub currency: Currency,
    /// How far it has come.
    pub state: State,
    /// Whether it is being undone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelling: bool,
    /// What was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
    /// Whether what was taken was given back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_back: bool,
    /// Why nothing was taken, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 120)]
    pub reason: Option<Reason>,
    /// The sale that it pays for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<SaleId>,
    /// How much of that sale it pays, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_amount: Option<Amount>,
    /// Whether somebody should look at it: there is money without a sale, or a sale without that money.
    pub unmatched: bool,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// A card payment has come further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardPaymentChanged {
    /// As it stands since.
    pub payment: CardPayment,
}

impl NewCardPayment {
    /// What the domain decides on: this, with the id of the envelope in which it came.
    #[must_use]
    pub fn start(&self, envelope: &Envelope) -> Start {
        Start { id: CardPaymentId::new(envelope.id), order: self.order(), at: envelope.at }
    }

    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }

    fn order(&self) -> Order {
        let Self { store, register, terminal, amount, currency } = self.clone();
        Order { store, register, terminal, amount, currency }
    }
}

impl From<Order> for NewCardPayment {
    fn from(order: Order) -> Self {
        let Order { store, register, terminal, amount, currency } = order;
        Self { store, register, terminal, amount, currency }
    }
}

impl CardPaymentCancel {
    /// Money is given back by who may undo sales.
    pub(crate) fn need(&self) -> Need {
        let permission = if self.refund { Permission::Void } else { Permission::Sell };
        Need::new(permission, Place::Store(self.store))
    }
}

impl CardPaymentAnswer {
    /// What the provider says of `payment`, and what it keeps of what was to be taken where.
    #[must_use]
    pub fn new(payment: CardPaymentId, heard: Heard, order: Option<Order>) -> Self {
        let (outcome, taken, reason) = match heard {
            Heard::Captured(taken) => (Outcome::Captured, Some(taken.into()), None),
            Heard::Declined(reason) => (Outcome::Declined, None, reason),
            Heard::Cancelled(reason) => (Outcome::Cancelled, None, reason),
            Heard::Refunded => (Outcome::Refunded, None, None),
            Heard::Nothing => (Outcome::NoAnswer, None, None),
        };
        Self { payment, outcome, taken, reason, order: order.map(NewCardPayment::from) }
    }

    /// What the provider says. Money of which it does not say how much is no answer.
    #[must_use]
    pub fn heard(&self) -> Heard {
        match (self.outcome, self.taken.clone()) {
            (Outcome::Captured, Some(taken)) => Heard::Captured(taken.into()),
            (Outcome::Declined, _) => Heard::Declined(self.reason.clone()),
            (Outcome::Cancelled, _) => Heard::Cancelled(self.reason.clone()),
            (Outcome::Refunded, _) => Heard::Refunded,
            (Outcome::Captured | Outcome::NoAnswer, _) => Heard::Nothing,
        }
    }

    /// What was to be taken where.
    #[must_use]
    pub fn order(&self) -> Option<Order> {
        self.order.as_ref().map(NewCardPayment::order)
    }

    /// It is of the system's own: nobody else has the operator's rights in a merchant.
    pub(crate) const fn need() -> Need {
        Need::new(Permission::OpenMerchant, Place::Merchant)
    }
}

impl From<domain::Taken> for Taken {
    fn from(taken: domain::Taken) -> Self {
        let domain::Taken { amount, currency, reference, brand, last4 } = taken;
        Self { amount, currency, reference, brand, last4 }
    }
}

impl From<Taken> for domain::Taken {
    fn from(taken: Taken) -> Self {
        let Taken { amount, currency, reference, brand, last4 } = taken;
        Self { amount, currency, reference, brand, last4 }
    }
}

impl From<&domain::CardPayment> for CardPayment {
    fn from(payment: &domain::CardPayment) -> Self {
        let domain::CardPayment { id, order, state, cancelling, taken, given_back, reason, claim, .. } =
            payment.clone();
        let Order { store, register, terminal, amount, currency } = order;
        Self {
            id,
            store,
            register,
            terminal,
            amount,
            currency,
            state,
            cancelling,
            taken: taken.map(Taken::from),
            given_back,
            reason,
            sale: claim.map(|claim| claim.sale),
            sale_amount: claim.map(|claim| claim.amount),
            unmatched: payment.is_unmatched(),
            started_at: payment.started_at,
            changed_at: payment.changed_at,
        }
    }
}
