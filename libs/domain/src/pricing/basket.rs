//! What is to be priced.

use serde::{Deserialize, Serialize};

use super::{LocalTime, Miss, Missed, Percent, PriceBook, price_list::ListedPrice};
use crate::{
    Rejection,
    id::{CategoryId, GroupId, ProductId, StoreId},
    money::{Amount, Currency},
    quantity::Quantity,
    sale::{MAX_QUANTITY, check_count},
    tax::Tax,
    text::Text,
};

/// The most coupons in a basket.
pub const MAX_COUPONS: usize = 20;
/// The most groups of a customer.
pub const MAX_GROUPS: usize = 50;
/// The most categories above a product, its own among them.
pub const MAX_CATEGORIES: usize = 16;
/// The most listed prices of a product.
pub const MAX_LISTED: usize = 100;

/// The code of a coupon. Capitals and small letters of ASCII are the same.
pub type Coupon = Text<64>;
/// Why a cashier took something off, as printed.
pub type Reason = Text<120>;

/// A basket, with what the catalogue says of its products at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Basket {
    /// The currency of all amounts.
    pub currency: Currency,
    /// Where it is sold.
    pub store: StoreId,
    /// When, by the clock on the shop's wall.
    pub at: LocalTime,
    /// The groups that the customer is in, at most [`MAX_GROUPS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupId>,
    /// The coupons that the customer shows, at most [`MAX_COUPONS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub coupons: Vec<Coupon>,
    /// What is sold, 1 to [`crate::sale::MAX_LINES`] lines.
    pub lines: Vec<BasketLine>,
    /// What the cashier takes off the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<ManualDiscount>,
}

/// A line of a basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BasketLine {
    /// The product.
    pub product: ProductId,
    /// Its category and those above, at most [`MAX_CATEGORIES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryId>,
    /// How it is taxed.
    pub tax: Tax,
    /// How much: above zero, at most [`MAX_QUANTITY`].
    pub quantity: Quantity,
    /// Whether it is weighed or measured. Then it has no units that could be counted, even if it weighs 1.000.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weighed: bool,
    /// What the catalogue asks for one unit, not negative.
    pub unit_price: Amount,
    /// What price lists ask for it, at most [`MAX_LISTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<ListedPrice>,
    /// What the cashier asks for one unit instead, not negative. Promotions on lines leave such a line alone, for somebody has decided
    /// what it costs; minimum amounts count it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_price: Option<Amount>,
    /// What the cashier takes off it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<ManualDiscount>,
}

/// Something that a cashier takes off. Never more than is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ManualDiscount {
    /// How much.
    pub off: Off,
    /// Why, as printed.
    #[cfg_attr(feature = "schema", schema(value_type = String, max_length = 120))]
    pub reason: Reason,
}

/// How much is taken off: a part, or an amount that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DiscountOff))]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// A part of what is due.
    Percent(Percent),
    /// So much.
    Amount(Amount),
}

impl Basket {
    /// Checks the numbers of things and the ranges of their values.
    ///
    /// # Errors
    /// [`Rejection::EmptyBasket`], [`Rejection::TooManyLines`], [`Rejection::QuantityOutOfRange`],
    /// [`Rejection::PriceNegative`], [`Rejection::DiscountNegative`] or [`Rejection::BasketTooLarge`].
    pub fn check(&self) -> Result<(), Rejection> {
        check_count(self.lines.len())?;
        if self.coupons.len() > MAX_COUPONS || self.groups.len() > MAX_GROUPS {
            return Err(Rejection::BasketTooLarge);
        }
        let negative = |discount: &Option<ManualDiscount>| {
            discount
                .as_ref()
                .is_some_and(|ManualDiscount { off, .. }| matches!(off, Off::Amount(amount) if amount.is_negative()))
        };
        for (line, found) in self.lines.iter().enumerate() {
            if found.quantity <= Quantity::ZERO || found.quantity > MAX_QUANTITY {
                return Err(Rejection::QuantityOutOfRange { line });
            }
            let prices = found.listed.iter().map(|listed| listed.unit_price).chain(found.override_price);
            if prices.chain([found.unit_price]).any(Amount::is_negative) {
                return Err(Rejection::PriceNegative { line });
            }
            if negative(&found.discount) {
                return Err(Rejection::DiscountNegative { line: Some(line) });
            }
            if found.categories.len() > MAX_CATEGORIES || found.listed.len() > MAX_LISTED {
                return Err(Rejection::BasketTooLarge);
            }
        }
        if negative(&self.discount) { Err(Rejection::DiscountNegative { line: None }) } else { Ok(()) }
    }

    /// Whether the customer shows this coupon.
    pub(super) fn shows(&self, coupon: &Coupon) -> bool {
        self.coupons.iter().any(|shown| same(shown, coupon))
    }

    /// The coupons that no promotion asks for.
    pub(super) fn unknown_coupons(&self, book: &PriceBook) -> Vec<Missed> {
        let known = |coupon: &&Coupon| {
            book.promotions()
                .iter()
                .any(|promotion| promotion.conditions.coupon.as_ref().is_some_and(|asked| same(asked, coupon)))
        };
        let missed = |coupon: &Coupon| Missed {
            promotion: None,
            name: None,
            coupon: Some(coupon.clone()),
            why: Miss::UnknownCoupon,
        };
        self.coupons.iter().filter(|coupon| !known(coupon)).map(missed).collect()
    }
}

fn same(one: &Coupon, other: &Coupon) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}
