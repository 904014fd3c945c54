//! Sales on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    Rejection,
    id::{MerchantId, ProductId, RegisterId, SaleId, StoreId},
    identity::{Need, Permission, Place},
    money::{Amount, Currency},
    quantity::Quantity,
    sale::{self as domain, Flag, Seller, Submission},
    tax::{Rate, TaxGroup, TaxRules},
    tender::{self, Brand, Last4, Reference},
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Envelope, envelope::messages};

messages! {
    /// What the sales worker is told to do.
    Command {
        /// Record a sale.
        Submit(NewSale) = "sale.submit.v1",
    }
}

messages! {
    /// What the sales worker reports.
    Event {
        /// A sale is in the books.
        Recorded(Recorded) = "sale.recorded.v1",
    }
}

impl crate::Command for Command {
    fn need(&self) -> Need {
        match self {
            Self::Submit(sale) => Need::new(Permission::Sell, Place::Register(sale.store, sale.register)),
        }
    }
}

/// A sale, as a till submits it. Its id is the request's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSale {
    /// Where it was sold.
    pub store: StoreId,
    /// At which register of that store.
    pub register: RegisterId,
    /// When the customer paid; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold_at: Option<Timestamp>,
    /// ISO 4217 code; it must be the merchant's.
    pub currency: Currency,
    /// What was sold: 1 to 500 lines.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<NewLine>,
    /// How it was paid: up to 20 payments that cover the total.
    #[schema(max_items = 20)]
    pub payments: Vec<Payment>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// One line of a basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewLine {
    /// The product.
    pub product: ProductId,
    /// How much of it, above zero.
    pub quantity: Quantity,
    /// What the till charged for one unit, in minor units; the catalogue's price, if left out. A price that differs from
    /// the catalogue's is taken and flagged for review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
}

/// How a sale, or a part of it, was paid. Amounts are in minor units.
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
    },
}

/// A sale is in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// The sale, complete.
    pub sale: Sale,
}

/// A completed sale. It never changes; voids and returns are documents of their own that refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sale {
    /// Its id: the `Idempotency-Key` of the request that submitted it.
    pub id: SaleId,
    /// Who sold.
    pub merchant: Merchant,
    /// Where.
    pub store: Store,
    /// At which register.
    pub register: Register,
    /// When the customer paid.
    pub sold_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// ISO 4217 code of every amount.
    pub currency: Currency,
    /// The rules by which tax was reckoned and rounded.
    pub rules: TaxRules,
    /// What was sold.
    pub lines: Vec<Line>,
    /// Tax by rate, ascending.
    pub taxes: Vec<TaxGroup>,
    /// The total without tax, in minor units.
    pub net: Amount,
    /// The tax in the total.
    pub tax: Amount,
    /// What was due.
    pub total: Amount,
    /// How it was paid.
    pub payments: Vec<Payment>,
    /// What was given back, in cash.
    pub change: Amount,
    /// What somebody should look at: `price_differs`, `clock_ahead`, `late`.
    pub flags: Vec<Flag>,
    /// The till's remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// A merchant, as named on a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name when the sale was recorded.
    pub name: String,
}

/// A store, as named on a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Store {
    /// Its id.
    pub id: StoreId,
    /// Its name when the sale was recorded.
    pub name: String,
}

/// A register, as named on a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Register {
    /// Its id.
    pub id: RegisterId,
    /// Its short code, unique in the store.
    pub code: String,
}

/// A line of a completed sale, with names and prices as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The product.
    pub product: ProductId,
    /// Its stock-keeping unit code.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// How much of it.
    pub quantity: Quantity,
    /// Price of one unit, in minor units.
    pub unit_price: Amount,
    /// Quantity times unit price, rounded.
    pub amount: Amount,
    /// The tax category.
    pub tax_category: String,
    /// The category's rate, in percent.
    pub tax_rate: Rate,
}

impl NewSale {
    /// Checks what the body alone decides, for a sale submitted as `id` at `at`.
    ///
    /// # Errors
    /// What [`Submission::check`] refuses.
    pub fn check(&self, id: Uuid, at: Timestamp) -> Result<(), Rejection> {
        self.submitted(id, at).check()
    }

    /// What the domain decides on: this sale, with the id and time of the envelope in which it came.
    #[must_use]
    pub fn submission(&self, envelope: &Envelope) -> Submission {
        self.submitted(envelope.id, envelope.at)
    }

    fn submitted(&self, id: Uuid, at: Timestamp) -> Submission {
        Submission {
            id: SaleId::new(id),
            store: self.store,
            register: self.register,
            sold_at: self.sold_at.unwrap_or(at),
            currency: self.currency,
            lines: self.lines.iter().map(domain::NewLine::from).collect(),
            payments: self.payments.iter().cloned().map(tender::Payment::from).collect(),
            note: self.note.clone(),
        }
    }
}

impl From<&NewLine> for domain::NewLine {
    fn from(line: &NewLine) -> Self {
        Self { product: line.product, quantity: line.quantity, unit_price: line.unit_price }
    }
}

impl From<Payment> for tender::Payment {
    fn from(payment: Payment) -> Self {
        match payment {
            Payment::Cash { tendered } => Self::Cash { tendered },
            Payment::Card { amount, reference, brand, last4 } => Self::Card { amount, reference, brand, last4 },
        }
    }
}

impl From<tender::Payment> for Payment {
    fn from(payment: tender::Payment) -> Self {
        match payment {
            tender::Payment::Cash { tendered } => Self::Cash { tendered },
            tender::Payment::Card { amount, reference, brand, last4 } => Self::Card { amount, reference, brand, last4 },
        }
    }
}

impl From<domain::Sale> for Sale {
    fn from(sale: domain::Sale) -> Self {
        let Seller { merchant, merchant_name, store, store_name, register, register_code } = sale.seller;
        Self {
            id: sale.id,
            merchant: Merchant { id: merchant, name: merchant_name },
            store: Store { id: store, name: store_name },
            register: Register { id: register, code: register_code },
            sold_at: sale.sold_at,
            recorded_at: sale.recorded_at,
            currency: sale.currency,
            rules: sale.rules,
            lines: sale.lines.into_iter().map(Line::from).collect(),
            taxes: sale.taxes,
            net: sale.net,
            tax: sale.tax,
            total: sale.total,
            payments: sale.payments.into_iter().map(Payment::from).collect(),
            change: sale.change,
            flags: sale.flags,
            note: sale.note,
        }
    }
}

impl From<Sale> for domain::Sale {
    fn from(sale: Sale) -> Self {
        Self {
            id: sale.id,
            seller: Seller {
                merchant: sale.merchant.id,
                merchant_name: sale.merchant.name,
                store: sale.store.id,
                store_name: sale.store.name,
                register: sale.register.id,
                register_code: sale.register.code,
            },
            sold_at: sale.sold_at,
            recorded_at: sale.recorded_at,
            currency: sale.currency,
            rules: sale.rules,
            lines: sale.lines.into_iter().map(domain::Line::from).collect(),
            taxes: sale.taxes,
            net: sale.net,
            tax: sale.tax,
            total: sale.total,
            payments: sale.payments.into_iter().map(tender::Payment::from).collect(),
            change: sale.change,
            flags: sale.flags,
            note: sale.note,
        }
    }
}

impl From<domain::Line> for Line {
    fn from(line: domain::Line) -> Self {
        let domain::Line { product, sku, name, quantity, unit_price, amount, tax_category, tax_rate } = line;
        Self { product, sku, name, quantity, unit_price, amount, tax_category, tax_rate }
    }
}

impl From<Line> for domain::Line {
    fn from(line: Line) -> Self {
        let Line { product, sku, name, quantity, unit_price, amount, tax_category, tax_rate } = line;
        Self { product, sku, name, quantity, unit_price, amount, tax_category, tax_rate }
    }
}

#[cfg(test)]
mod tests;
