//! What a basket costs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Bundle, BuyGet, Coupon, Percent, PromotionName};
use crate::{
    Invalid,
    id::{PriceListId, ProductId, PromotionId},
    money::{Amount, Currency},
    quantity::Quantity,
    tax::{Tax, TaxGroup, TaxRules},
};

/// The most discounts on a line. Two of them are kept for what a cashier takes off.
pub const MAX_DISCOUNTS: usize = 8;

/// What a basket costs, and why.
///
/// `amount` − `discount` is what is due for the lines, which is `total` if tax is included in prices and `net` if it is
/// added. `net` + `tax` = `total`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quote {
    /// The currency of all amounts.
    pub currency: Currency,
    /// The rules of tax and rounding.
    pub rules: TaxRules,
    /// The lines, in the basket's order.
    pub lines: Vec<QuotedLine>,
    /// What the lines cost before anything is taken off.
    pub amount: Amount,
    /// What is taken off them.
    pub discount: Amount,
    /// The taxes by rate, the lowest first.
    pub taxes: Vec<TaxGroup>,
    /// The total without tax.
    pub net: Amount,
    /// The tax in the total.
    pub tax: Amount,
    /// What the customer owes.
    pub total: Amount,
    /// What they would pay if they paid all of it in cash: the total rounded to what there are coins for.
    pub in_cash: Amount,
    /// What might have applied and did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Missed>,
}

/// A line with its price. `amount` less the discounts is `due`, which is not negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuotedLine {
    /// The product.
    pub product: ProductId,
    /// How much.
    pub quantity: Quantity,
    /// What one unit costs.
    pub unit_price: Amount,
    /// Where that is from.
    pub price_from: PriceSource,
    /// `quantity` × `unit_price`, rounded by the rules.
    pub amount: Amount,
    /// What is taken off, in order, at most [`MAX_DISCOUNTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<QuotedDiscount>,
    /// What is due. Tax is reckoned on it.
    pub due: Amount,
    /// How it is taxed.
    pub tax: Tax,
}

/// Where a unit price is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// The catalogue.
    Catalogue,
    /// A price list.
    List {
        /// Its id.
        id: PriceListId,
        /// Its name.
        #[cfg_attr(feature = "schema", schema(value_type = String, max_length = 120))]
        name: PromotionName,
    },
    /// The cashier.
    Override,
}

/// Something taken off a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuotedDiscount {
    /// How much: above zero.
    pub amount: Amount,
    /// Why, as printed: the promotion's name or the cashier's reason.
    #[cfg_attr(feature = "schema", schema(value_type = String, max_length = 120))]
    pub name: PromotionName,
    /// By which promotion; by a cashier, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionId>,
    /// How it was worked out.
    pub rule: Rule,
    /// What that gives before it is rounded, or cut to what is due.
    pub exact: Ratio,
}

/// How a discount was worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DiscountRule))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A part of an amount.
    Percent {
        /// Which part.
        percent: Percent,
        /// Of what.
        of: Amount,
    },
    /// So much off each unit.
    AmountOff {
        /// Off one unit.
        per_unit: Amount,
        /// How much of the line.
        quantity: Quantity,
    },
    /// Each unit costs so much.
    UnitPrice {
        /// What one costs.
        unit_price: Amount,
        /// How much of the line.
        quantity: Quantity,
        /// What that costs, rounded.
        costs: Amount,
        /// What it cost before.
        of: Amount,
    },
    /// Of so many units some are cheaper.
    BuyGet {
        /// What is promised.
        deal: BuyGet,
        /// How many of the line's units are cheaper.
        units: u32,
        /// Of how many that were open to it.
        of_units: u32,
        /// What those cost before.
        of: Amount,
    },
    /// So many units together cost so much.
    Bundle {
        /// What is promised.
        deal: Bundle,
        /// How many groups there are, over all lines.
        groups: u32,
        /// How many of the line's units are in them.
        units: u32,
        /// What these cost before.
        of: Amount,
        /// What all units in groups cost before.
        whole: Amount,
        /// What is taken off all of them.
        off: Amount,
    },
    /// A share of what is taken off several lines.
    Share {
        /// Which part of `whole` is taken off, if it is a part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<Percent>,
        /// What was due for the line.
        of: Amount,
        /// What was due for all of them.
        whole: Amount,
        /// What is taken off all of them.
        off: Amount,
    },
    /// So much.
    Amount(Amount),
}

/// A promotion or a coupon that might have applied and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = MissedPromotion))]
pub struct Missed {
    /// The promotion; none if no promotion asks for the coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, max_length = 120))]
    pub name: Option<PromotionName>,
    /// The coupon that it asks for, or that nothing asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, max_length = 64))]
    pub coupon: Option<Coupon>,
    /// Why it did not.
    pub why: Miss,
}

/// Why a promotion did not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = MissReason))]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// No promotion asks for this coupon.
    UnknownCoupon,
    /// The customer did not show its coupon.
    CouponNotShown,
    /// It is for other stores.
    OtherStore,
    /// It is for customers in other groups.
    OtherGroup,
    /// It begins on a later day.
    NotYet,
    /// It ended on an earlier day.
    Over,
    /// It is for other days of the week or other hours.
    OtherTime,
    /// The basket costs too little.
    BelowMinimum {
        /// What it must cost, before anything is taken off.
        minimum: Amount,
    },
    /// No line is one that it is for.
    NothingInScope,
    /// There is nothing that it could take: too few units, lines closed by other promotions, or no gain.
    NothingToTake,
}

/// A number of minor units before it is rounded: a fraction in lowest terms. In every format a text: "25/2", or "12" if it
/// is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ratio {
    numerator: i128,
    denominator: i128,
}

super::text!(Ratio, r"^-?\d+(/\d+)?$", "25/2");

impl Ratio {
    /// `numerator` / `denominator`, which must be above zero.
    pub(crate) const fn new(numerator: i128, denominator: i128) -> Self {
        debug_assert!(denominator > 0);
        Self { numerator, denominator }
    }

    /// A whole number.
    pub(crate) const fn whole(number: i128) -> Self {
        Self::new(number, 1)
    }

    /// The numerator, which has the sign.
    #[must_use]
    pub const fn numerator(self) -> i128 {
        self.numerator
    }

    /// The denominator, above zero.
    #[must_use]
    pub const fn denominator(self) -> i128 {
        self.denominator
    }

    /// In lowest terms.
    pub(super) const fn reduced(self) -> Self {
        let (mut a, mut b) = (self.numerator.abs(), self.denominator);
        while a != 0 {
            (a, b) = (b % a, a);
        }
        Self::new(self.numerator / b, self.denominator / b)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reduced() {
            Self { numerator, denominator: 1 } => numerator.fmt(f),
            Self { numerator, denominator } => write!(f, "{numerator}/{denominator}"),
        }
    }
}

impl FromStr for Ratio {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        match (numerator.parse(), denominator.parse()) {
            (Ok(numerator), Ok(denominator @ 1..)) if numerator > i128::MIN => Ok(Self::new(numerator, denominator)),
            _ => Err(Invalid::Ratio),
        }
    }
}
