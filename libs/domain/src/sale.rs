//! Sales: what a till submits, what is decided from it, and what is kept.

mod books;
mod decide;
mod price;
mod reversal;
mod submission;
mod void;

pub use books::{Books, Merchant, Product, Register, Store};
pub(crate) use decide::line_amount;
pub use decide::{AHEAD_MICROS, LATE_MICROS, submit};
pub use price::{Asked, check_discounts};
pub use reversal::{Past, Pasts, Returned, Reversal};
pub(crate) use submission::check_count;
pub use submission::{MAX_LINES, MAX_PAYMENTS, MAX_QUANTITY, NewLine, Submission};
pub use void::{Voiding, void};

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    id::{CategoryId, CustomerId, MerchantId, ProductId, PromotionId, RegisterId, SaleId, ShiftId, StoreId, UserId},
    loyalty::Earned,
    money::{Amount, Currency, Overflow},
    quantity::Quantity,
    tax::{Tax, TaxGroup, TaxRules},
    tender::Payment,
    text::Note,
    time::Timestamp,
};

/// A completed sale: what happened, with the names, prices and rules of that moment. It never changes.
///
/// What is due for the lines is the taxes' base, `net` + `tax` = `total`, and the payments' sum less `change` is `total` +
/// `tip` + `cash_rounding`. Of returns all that is negative, as what goes back is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The id of the command that submitted it.
    pub id: SaleId,
    /// What kind of document it is.
    pub kind: Kind,
    /// Of a void, what it undoes.
    pub voids: Option<SaleId>,
    /// Who sold.
    pub seller: Seller,
    /// The number that the till gave it, by its own counter.
    pub ticket: Option<Ticket>,
    /// In which shift it counts.
    pub shift: Option<ShiftId>,
    /// Who rang it up.
    pub cashier: Option<UserId>,
    /// Whose sale it is, if not the cashier's.
    pub salesperson: Option<UserId>,
    /// Who bought.
    pub customer: Option<CustomerId>,
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
    /// What the customer gave on top. It is not the merchant's, and not taxed.
    pub tip: Amount,
    /// What the part paid in cash was rounded by, to what there are coins for.
    pub cash_rounding: Amount,
    /// What the customer paid with, in order.
    pub payments: Vec<Payment>,
    /// What went back in cash.
    pub change: Amount,
    /// The points that the customer collected with it.
    pub loyalty: Option<Earned>,
    /// What somebody should look at, in order and without repetition.
    pub flags: Vec<Flag>,
    /// The cashier's remark.
    pub note: Option<Note>,
}

impl Sale {
    /// The sales of which something comes back by it: none by practice.
    pub fn reverses(&self) -> impl Iterator<Item = SaleId> {
        let counts = self.kind != Kind::Training;
        self.lines.iter().filter_map(move |line| Some(line.original.filter(|_| counts)?.sale))
    }
}

/// The number of a sale at its till: from 1 to 2^53 − 1, consecutive for each register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = u64, minimum = 1, maximum = 9_007_199_254_740_991_u64))]
#[serde(try_from = "u64", into = "u64")]
pub struct Ticket(u64);

impl Ticket {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Ticket {
    type Error = Invalid;

    fn try_from(number: u64) -> Result<Self, Invalid> {
        // Numbers of canonical JSON (RFC 8785) are doubles.
        if (1..1 << 53).contains(&number) { Ok(Self(number)) } else { Err(Invalid::Ticket) }
    }
}

impl From<Ticket> for u64 {
    fn from(ticket: Ticket) -> Self {
        ticket.0
    }
}

/// What kind of document a sale is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SaleKind))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Goods go out.
    #[default]
    Sale,
    /// Goods come back.
    Return,
    /// Both.
    Exchange,
    /// A sale is undone.
    Void,
    /// Somebody practises: it counts nowhere.
    Training,
}

impl Kind {
    /// Whether it is a plain sale.
    #[must_use]
    pub fn is_sale(&self) -> bool {
        *self == Self::Sale
    }
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
    /// Its category in the catalogue, if it had one.
    pub category: Option<CategoryId>,
    /// How much: above zero, or below if it came back.
    pub quantity: Quantity,
    /// What one unit cost: net or gross by the sale's rules.
    pub unit_price: Amount,
    /// `quantity` × `unit_price`, rounded by the sale's rules.
    pub amount: Amount,
    /// What was taken off, in order.
    pub discounts: Vec<Discount>,
    /// What comes back, if it was sold here.
    pub original: Option<Original>,
    /// Whether what it brought in may go onto gift cards.
    pub stored_value: bool,
    /// The product's tax category.
    pub tax_category: String,
    /// The tax of that category.
    pub tax: Tax,
}

impl Line {
    /// What is due for it: the amount less the discounts. Tax is reckoned on it.
    ///
    /// # Errors
    /// [`Overflow`] beyond the range.
    pub fn due(&self) -> Result<Amount, Overflow> {
        self.discounts.iter().try_fold(self.amount, |due, discount| due.checked_sub(discount.amount).ok_or(Overflow))
    }
}

/// Something taken off a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// How much: above zero, or below on a line that came back.
    pub amount: Amount,
    /// Why, as printed: the promotion's name or the cashier's reason.
    pub name: String,
    /// By which promotion; none if somebody took it off by hand.
    pub promotion: Option<PromotionId>,
}

/// A line of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Original {
    // In the order of canonical JSON, because receipts carry it.
    /// Which of its lines, from 0.
    pub line: u16,
    /// The sale.
    pub sale: SaleId,
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
    /// The sale arrived more than a day after it happened, or after the shift in which it did.
    Late,
    /// The till gave its ticket number to another sale too: there may be two tills that take themselves for the same.
    TicketRepeated,
    /// More came back than was left of a line: it was taken back without a connection.
    ReturnExceeds,
    /// What came back was sold in a sale that is not known: it was taken back without a connection.
    OriginalUnknown,
    /// No shift was open at the register: it counts in the next one, as late.
    NoShift,
    /// More was taken from a gift card or store credit than was on it: it was taken without a connection.
    AccountOverdrawn,
    /// A gift card or store credit is not known: it was taken without a connection.
    AccountUnknown,
    /// A gift card or store credit had expired: it was taken without a connection.
    AccountExpired,
    /// A card payment that it names is not known, has not taken that much or belongs to another sale: it was named without a
    /// connection.
    CardPaymentUnmatched,
    /// The customer is not known, or erased: the sale was made without a connection.
    CustomerUnknown,
}
