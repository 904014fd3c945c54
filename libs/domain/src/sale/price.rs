//! Which prices and discounts a submitted sale has.

use super::{Books, Discount, Flag, Line, Submission};
use crate::{
    Rejection,
    id::GroupId,
    money::{Amount, Overflow},
    pricing::{Basket, BasketLine, Coupon, LocalTime, MAX_LISTED, ManualDiscount, PriceBook, QuotedLine, quote},
    quantity::Quantity,
};

/// What was taken off at the till, beyond what promotions do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The coupons that the customer showed.
    pub coupons: Vec<Coupon>,
    /// The groups that the customer is in.
    pub groups: Vec<GroupId>,
    /// What the cashier took off the whole.
    pub discount: Option<ManualDiscount>,
    /// The time on the wall of the store when it was sold; without it nothing has a price of its own time.
    pub at: Option<LocalTime>,
}

/// The most discounts of a sale, so that it fits into a message.
const MAX_DISCOUNTS_IN_ALL: usize = 1_000;

/// Checks that there are no more than 1,000, so that they fit into a message.
///
/// # Errors
/// [`Rejection::BasketTooLarge`].
pub fn check_discounts(counts: impl IntoIterator<Item = usize>) -> Result<(), Rejection> {
    let count: usize = counts.into_iter().sum();
    if count > MAX_DISCOUNTS_IN_ALL { Err(Rejection::BasketTooLarge) } else { Ok(()) }
}

/// What [`discount`] does, to no more than so many discounts.
pub(super) fn apply(
    books: &Books,
    submission: &Submission,
    lines: &mut [Line],
    flags: &mut Vec<Flag>,
) -> Result<(), Rejection> {
    discount(books, submission, lines, flags)?;
    check_discounts(lines.iter().map(|line| line.discounts.len()))
}

/// Takes off the lines that go out what promotions and the cashier take off them, or what the till says that it took off.
/// Where the till has reckoned otherwise, its word counts, and the sale is flagged.
fn discount(
    books: &Books,
    submission: &Submission,
    lines: &mut [Line],
    flags: &mut Vec<Flag>,
) -> Result<(), Rejection> {
    let reckoned = submission.lines.iter().any(|line| line.charged.is_some());
    let Some(basket) = basket(books, submission) else {
        // Nothing takes anything off but the till's word.
        if submission.lines.iter().any(|line| line.charged.as_ref().is_some_and(|charged| !charged.is_empty())) {
            flags.push(Flag::PriceDiffers);
        }
        return charge(submission, lines);
    };
    let prices = books.prices().cloned().map_or_else(|| PriceBook::try_new(books.merchant().rules, vec![], vec![]), Ok);
    // A book of no promotions has none that could be wrong.
    let Ok(prices) = prices else { return charge(submission, lines) };
    let quoted = quote(&prices, &basket)?;
    let going_out = lines.iter_mut().filter(|line| line.quantity > Quantity::ZERO);
    if reckoned {
        let expected: Vec<_> = quoted.lines.iter().map(|line| line.due).collect();
        charge(submission, lines)?;
        let going_out = lines.iter().filter(|line| line.quantity > Quantity::ZERO);
        let charged = going_out.map(Line::due).collect::<Result<Vec<_>, _>>()?;
        if charged != expected {
            flags.push(Flag::PriceDiffers);
        }
        return Ok(());
    }
    for (line, QuotedLine { unit_price, amount, discounts, .. }) in going_out.zip(quoted.lines) {
        (line.unit_price, line.amount) = (unit_price, amount);
        let taken = discounts.into_iter().map(|off| Discount {
            amount: off.amount,
            name: off.name.to_string(),
            promotion: off.promotion,
        });
        line.discounts = taken.collect();
    }
    Ok(())
}

/// What the engine is asked; nothing if it could take nothing off.
fn basket(books: &Books, submission: &Submission) -> Option<Basket> {
    let manual = submission.asked.discount.is_some() || submission.lines.iter().any(|line| line.discount.is_some());
    if books.prices().is_none() && !manual {
        return None;
    }
    let midnight = "2000-01-01T00:00".parse().ok();
    let lines = submission.lines.iter().filter(|line| line.quantity > Quantity::ZERO);
    let lines: Vec<_> = lines
        .filter_map(|line| {
            let product = books.product(line.product)?;
            Some(BasketLine {
                product: line.product,
                categories: product.categories.clone(),
                tax: product.tax.clone(),
                quantity: line.quantity,
                weighed: product.weighed,
                unit_price: product.unit_price,
                listed: product.listed.iter().take(MAX_LISTED).cloned().collect(),
                // A till that says what the catalogue says has set no price of its own.
                override_price: line.unit_price.filter(|price| !product.asks(*price)),
                discount: line.discount.clone(),
            })
        })
        .collect();
    (!lines.is_empty()).then_some(())?;
    Some(Basket {
        currency: submission.currency,
        store: submission.store,
        at: submission.asked.at.or(midnight)?,
        groups: submission.asked.groups.clone(),
        coupons: submission.asked.coupons.clone(),
        lines,
        discount: submission.asked.discount.clone(),
    })
}

/// Takes off what the till says that it took off.
fn charge(submission: &Submission, lines: &mut [Line]) -> Result<(), Rejection> {
    for (at, (line, new)) in lines.iter_mut().zip(&submission.lines).enumerate() {
        let Some(charged) = &new.charged else { continue };
        if line.quantity > Quantity::ZERO {
            line.discounts.clone_from(charged);
            let off = charged.iter().try_fold(Amount::ZERO, |sum, off| sum.checked_add(off.amount)).ok_or(Overflow)?;
            if charged.iter().any(|off| off.amount <= Amount::ZERO) || off > line.amount {
                return Err(Rejection::DiscountOutOfRange { line: at });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
