//! Parked baskets on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    basket::{Basket, Mark, Name, Parking, Status, Target},
    id::{BasketId, CustomerId, RegisterId, SaleId, StoreId, UserId},
    identity::{Need, Permission, Place},
    money::{Amount, Currency},
    pricing::{Coupon, ManualDiscount},
    sale::{self as domain, Asked, Submission},
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::{
    Envelope,
    sale::{NewLine, user},
};

/// A basket to put aside. Its id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewBasket {
    /// In which store.
    pub store: StoreId,
    /// At which register of that store.
    pub register: RegisterId,
    /// What people find it by: up to 80 characters.
    #[schema(value_type = String, min_length = 1, max_length = 80)]
    pub name: Name,
    /// From when on nobody gets it: up to 30 days from now; after a day, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What is in it.
    pub draft: Draft,
}

/// A sale that nobody has paid yet: with `store`, `register` and `payments` added it is one to submit. It has no prices: it
/// costs what it costs when it is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// ISO 4217 code; it must be the merchant's.
    pub currency: Currency,
    /// What is in it: 1 to 500 lines.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<NewLine>,
    /// The coupons that the customer shows: up to 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 20)]
    pub coupons: Vec<Coupon>,
    /// What the cashier takes off the whole. What it takes to do so is asked for when it is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<ManualDiscount>,
    /// What the customer gives on top, in minor units.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub tip: Amount,
    /// Whose sale it is, if not the cashier's who submits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesperson: Option<UserId>,
    /// Who buys, if they are a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// Whether somebody practises.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub training: bool,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// A parked basket to take or to throw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BasketTarget {
    /// The basket.
    pub basket: BasketId,
    /// In which store.
    pub store: StoreId,
    /// At which register of that store.
    pub register: RegisterId,
}

/// A basket was parked, taken or thrown away. Its name and what is in it are not told: they may be about people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BasketChanged {
    /// The basket.
    pub id: BasketId,
    /// In which store.
    pub store: StoreId,
    /// What became of it.
    pub status: Status,
    /// Who parked it.
    pub parked: Mark,
    /// From when on nobody gets it.
    pub expires_at: Timestamp,
    /// Who took it or threw it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Mark>,
}

impl NewBasket {
    /// What the domain decides on: this basket, with id and sender of the envelope in which it came.
    #[must_use]
    pub fn parking(&self, envelope: &Envelope) -> Parking {
        let Draft { currency, lines, coupons, discount, tip, salesperson, customer, training, note } =
            self.draft.clone();
        let draft = Submission {
            id: SaleId::new(envelope.id),
            store: self.store,
            register: self.register,
            ticket: None,
            cashier: user(envelope),
            salesperson,
            customer,
            training,
            offline: false,
            sold_at: envelope.at,
            currency,
            lines: lines.iter().map(domain::NewLine::from).collect(),
            asked: Asked { coupons, discount, ..Asked::default() },
            tip,
            payments: Vec::new(),
            note,
        };
        Parking { id: BasketId::new(envelope.id), expires_at: self.expires_at, draft }
    }

    pub(crate) const fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }
}

impl BasketTarget {
    /// What the domain decides on: this basket, with the sender of the envelope in which it came.
    #[must_use]
    pub fn target(&self, envelope: &Envelope) -> Target {
        let Self { basket, store, register } = *self;
        Target { basket, store, register, by: user(envelope) }
    }

    pub(crate) const fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }
}

impl From<&Basket> for BasketChanged {
    fn from(basket: &Basket) -> Self {
        let Basket { id, store, parked, expires_at, status, ended } = *basket;
        Self { id, store, status, parked, expires_at, ended }
    }
}
