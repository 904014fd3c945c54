//! Sales: what a till submits, what is decided from it, and what is kept.

mod books;
mod decide;
mod submission;

pub use books::{Books, Merchant, Product, Register, Store};
pub(crate) use decide::line_amount;
pub use decide::{AHEAD_MICROS, LATE_MICROS, submit};
pub(crate) use submission::check_count;
pub use submission::{MAX_LINES, MAX_PAYMENTS, MAX_QUANTITY, NewLine, Submission};

use serde::{Deserialize, Serialize};

use crate::{
    id::{MerchantId, ProductId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency},
    quantity::Quantity,
    tax::{Rate, TaxGroup, TaxRules},
    tender::Payment,
    text::Note,
    time::Timestamp,
};

/// A completed sale: what happened, with the names, prices and rules of that moment. It never changes.
///
/// The lines' amounts are the taxes' base, `net` + `tax` = `total`, and the payments' sum less `change` is `total`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The id of the command that submitted it.
    pub id: SaleId,
    /// Who sold.
    pub seller: Seller,
    /// When the customer paid, by the till's clock.
    pub sold_at: Timestamp,
    /// When the sale was decided on, by the worker's clock.
    pub recorded_at: Timestamp,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The rules by which tax and rounding were worked out.
    pub rules: TaxRules,
    /// What was sold, as submitted, in order; at least one.
    pub lines: Vec<Line>,
    /// The taxes by rate, the lowest first.
    pub taxes: Vec<TaxGroup>,
    /// The total without tax.
    pub net: Amount,
    /// The tax in the total.
    pub tax: Amount,
    /// What the customer owed.
    pub total: Amount,
    /// What the customer paid with, in order.
    pub payments: Vec<Payment>,
    /// What went back in cash.
    pub change: Amount,
    /// What somebody should look at, in order and without repetition.
    pub flags: Vec<Flag>,
    /// The cashier's remark.
    pub note: Option<Note>,
}

/// Who sold, with the names of that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's name.
    pub merchant_name: String,
    /// The store.
    pub store: StoreId,
    /// The store's name.
    pub store_name: String,
    /// The register.
    pub register: RegisterId,
    /// The register's code, as printed.
    pub register_code: String,
}

/// A line of a completed sale, with the product of that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The product.
    pub product: ProductId,
    /// The product's stock-keeping unit.
    pub sku: String,
    /// The product's name.
    pub name: String,
    /// How much, above zero.
    pub quantity: Quantity,
    /// What one unit cost: net or gross by the sale's rules.
    pub unit_price: Amount,
    /// `quantity` × `unit_price`, rounded by the sale's rules.
    pub amount: Amount,
    /// The product's tax category.
    pub tax_category: String,
    /// The tax rate.
    pub tax_rate: Rate,
}

/// What somebody should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A line's price is not the catalogue's.
    PriceDiffers,
    /// The till's clock is more than five minutes ahead.
    ClockAhead,
    /// The sale arrived more than a day after it happened.
    Late,
}
