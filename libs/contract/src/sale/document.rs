//! A completed sale on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{CategoryId, CustomerId, MerchantId, ProductId, PromotionId, RegisterId, SaleId, ShiftId, StoreId, UserId},
    loyalty::Earned,
    money::{Amount, Currency},
    quantity::Quantity,
    sale::{self as domain, Flag, Kind, Original, Seller, Ticket},
    tax::{Component, Rate, Tax, TaxGroup, TaxRules},
    tender,
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;

use super::Payment;

/// A completed sale. It never changes; voids and returns are documents of their own that refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sale {
    /// Its id: the `Idempotency-Key` of the request that submitted it.
    pub id: SaleId,
    /// What kind of document it is; a sale, if left out.
    #[serde(default, skip_serializing_if = "Kind::is_sale")]
    pub kind: Kind,
    /// Of a void, the sale that it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voids: Option<SaleId>,
    /// Who sold.
    pub merchant: Merchant,
    /// Where.
    pub store: Store,
    /// At which register.
    pub register: Register,
    /// The number that the till gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// In which shift it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftId>,
    /// Who rang it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashier: Option<UserId>,
    /// Whose sale it is, if not the cashier's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesperson: Option<UserId>,
    /// Who bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
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
    /// What the customer gave on top; nothing, if left out.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub tip: Amount,
    /// What the part paid in cash was rounded by; nothing, if left out.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub cash_rounding: Amount,
    /// How it was paid.
    pub payments: Vec<Payment>,
    /// What was given back, in cash.
    pub change: Amount,
    /// The points that the customer collected with it, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loyalty: Option<Earned>,
    /// What somebody should look at: `price_differs`, `clock_ahead`, `late` and others.
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
    /// Its category in the catalogue, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    /// How much of it.
    pub quantity: Quantity,
    /// Price of one unit, in minor units.
    pub unit_price: Amount,
    /// Quantity times unit price, rounded.
    pub amount: Amount,
    /// What was taken off. Tax is reckoned on the amount less these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
    /// What comes back, if it was sold by this merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// Whether what it brought in may go onto gift cards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stored_value: bool,
    /// The tax category.
    pub tax_category: String,
    /// The category's rate, in percent.
    pub tax_rate: Rate,
    /// The taxes of which it consists, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_components: Vec<Component>,
}

/// Something taken off a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Discount {
    /// How much, in minor units: above zero, or below on a line that came back.
    pub amount: Amount,
    /// Why, as printed: the promotion's name or the cashier's reason.
    pub name: String,
    /// By which promotion; by hand, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionId>,
}

impl From<domain::Sale> for Sale {
    fn from(sale: domain::Sale) -> Self {
        let Seller { merchant, merchant_name, store, store_name, register, register_code } = sale.seller;
        Self {
            id: sale.id,
            kind: sale.kind,
            voids: sale.voids,
            merchant: Merchant { id: merchant, name: merchant_name },
            store: Store { id: store, name: store_name },
            register: Register { id: register, code: register_code },
            ticket: sale.ticket,
            shift: sale.shift,
            cashier: sale.cashier,
            salesperson: sale.salesperson,
            customer: sale.customer,
            sold_at: sale.sold_at,
            recorded_at: sale.recorded_at,
            currency: sale.currency,
            rules: sale.rules,
            lines: sale.lines.into_iter().map(Line::from).collect(),
            taxes: sale.taxes,
            net: sale.net,
            tax: sale.tax,
            total: sale.total,
            tip: sale.tip,
            cash_rounding: sale.cash_rounding,
            payments: sale.payments.into_iter().map(Payment::from).collect(),
            change: sale.change,
            loyalty: sale.loyalty,
            flags: sale.flags,
            note: sale.note,
        }
    }
}

impl From<Sale> for domain::Sale {
    fn from(sale: Sale) -> Self {
        Self {
            id: sale.id,
            kind: sale.kind,
            voids: sale.voids,
            ticket: sale.ticket,
            shift: sale.shift,
            cashier: sale.cashier,
            salesperson: sale.salesperson,
            customer: sale.customer,
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
            tip: sale.tip,
            cash_rounding: sale.cash_rounding,
            payments: sale.payments.into_iter().map(tender::Payment::from).collect(),
            change: sale.change,
            loyalty: sale.loyalty,
            flags: sale.flags,
            note: sale.note,
        }
    }
}

impl From<domain::Line> for Line {
    fn from(line: domain::Line) -> Self {
        let (tax_rate, tax_components) = (line.tax.rate(), line.tax.components().to_vec());
        Self {
            product: line.product,
            sku: line.sku,
            name: line.name,
            category: line.category,
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount: line.amount,
            discounts: line.discounts.into_iter().map(Discount::from).collect(),
            original: line.original,
            stored_value: line.stored_value,
            tax_category: line.tax_category,
            tax_rate,
            tax_components,
        }
    }
}

impl From<Line> for domain::Line {
    fn from(line: Line) -> Self {
        Self {
            product: line.product,
            sku: line.sku,
            name: line.name,
            category: line.category,
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount: line.amount,
            discounts: line.discounts.into_iter().map(domain::Discount::from).collect(),
            original: line.original,
            stored_value: line.stored_value,
            tax_category: line.tax_category,
            tax: Tax::recorded(line.tax_rate, line.tax_components),
        }
    }
}

impl From<domain::Discount> for Discount {
    fn from(discount: domain::Discount) -> Self {
        let domain::Discount { amount, name, promotion } = discount;
        Self { amount, name, promotion }
    }
}

impl From<Discount> for domain::Discount {
    fn from(discount: Discount) -> Self {
        let Discount { amount, name, promotion } = discount;
        Self { amount, name, promotion }
    }
}
