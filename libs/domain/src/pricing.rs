//! What a basket costs, and why: price lists, promotions, discounts, tax, cash.
//!
//! The order of work is fixed. The unit price of each line; its amount; promotions on lines, the highest priority first;
//! what the cashier takes off a line; promotions on the basket; what the cashier takes off the basket; tax on what is
//! then due; what of it would be paid in cash. Nothing goes below zero at any step, and the order in which the lines were
//! entered changes no total.

/// A type that is a text in every format.
macro_rules! text {
    ($name:ident, $schema:literal, $example:literal) => {
        impl TryFrom<String> for $name {
            type Error = $crate::Invalid;

            fn try_from(text: String) -> Result<Self, $crate::Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some($schema))
                    .examples([$example])
                    .into()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    };
}
use text;

mod allocate;
mod basket;
mod bundle;
mod calendar;
mod effect;
mod explain;
mod percent;
mod price_list;
mod promotion;
mod quote;
mod work;

pub use allocate::allocate;
pub use basket::{
    Basket, BasketLine, Coupon, MAX_CATEGORIES, MAX_COUPONS, MAX_GROUPS, MAX_LISTED, ManualDiscount, Off, Reason,
};
pub use calendar::{Date, Hours, LocalTime, TimeOfDay, Weekday};
pub use explain::{Explanation, Rounded, Subject};
pub use percent::Percent;
pub use price_list::{ListedPrice, PriceBook, PriceList};
pub use promotion::{Bundle, BuyGet, Conditions, Effect, MAX_NAMED, Promotion, PromotionName, Scope};
pub use quote::{MAX_DISCOUNTS, Miss, Missed, PriceSource, Quote, QuotedDiscount, QuotedLine, Ratio, Rule};

use crate::{Rejection, money::Amount, tax};

use self::work::Work;

/// Prices a basket by the merchant's price book.
///
/// # Errors
/// [`Rejection::EmptyBasket`], [`Rejection::TooManyLines`], [`Rejection::QuantityOutOfRange`],
/// [`Rejection::PriceNegative`], [`Rejection::BasketTooLarge`]; [`Rejection::AmountOverflow`] for sums beyond the range.
pub fn quote(book: &PriceBook, basket: &Basket) -> Result<Quote, Rejection> {
    basket.check()?;
    let mut work = Work::begin(book, basket)?;
    let amount = work.due();
    let mut missed = basket.unknown_coupons(book);
    work.promote(book, |effect| !effect.is_of_basket(), amount, &mut missed);
    work.discount_lines();
    work.promote(book, Effect::is_of_basket, amount, &mut missed);
    work.discount_basket();
    let due = work.due();
    let lines = work.finish()?;
    let rules = book.rules();
    let taxes = tax::total(rules, lines.iter().map(|line| (&line.tax, line.due)))?;
    Ok(Quote {
        currency: basket.currency,
        rules,
        lines,
        amount: Amount::try_from(amount)?,
        discount: Amount::try_from(amount - due)?,
        in_cash: rules.cash_step.round(taxes.gross, rules.rounding)?,
        taxes: taxes.groups,
        net: taxes.net,
        tax: taxes.tax,
        total: taxes.gross,
        missed,
    })
}

#[cfg(test)]
mod tests;
