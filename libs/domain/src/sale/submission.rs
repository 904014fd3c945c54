//! A sale as a till reports it.

use super::{Asked, Discount, Original, Ticket};
use crate::{
    Rejection,
    id::{CustomerId, ProductId, RegisterId, SaleId, StoreId, UserId},
    money::{Amount, Currency},
    pricing::{MAX_COUPONS, MAX_DISCOUNTS, ManualDiscount},
    quantity::Quantity,
    tender::{Kind, Payment},
    text::Note,
    time::Timestamp,
};

/// The most lines of a sale or of an adjustment of stock.
pub const MAX_LINES: usize = 500;
/// The most payments of a sale.
pub const MAX_PAYMENTS: usize = 20;
/// The most of one line: 1,000,000 units.
pub const MAX_QUANTITY: Quantity = Quantity::whole(1_000_000);

/// A sale as a till reports it: what happened at the counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The id of the command that carries it.
    pub id: SaleId,
    /// Where it was sold.
    pub store: StoreId,
    /// The till.
    pub register: RegisterId,
    /// The number that the till gave it, by its own counter.
    pub ticket: Option<Ticket>,
    /// Who rings it up.
    pub cashier: Option<UserId>,
    /// Whose sale it is, if not the cashier's.
    pub salesperson: Option<UserId>,
    /// Who buys, if they are a customer.
    pub customer: Option<CustomerId>,
    /// Somebody practises: it counts nowhere.
    pub training: bool,
    /// The till had no connection: what happened is a fact, and flagged where it should not have happened.
    pub offline: bool,
    /// When the customer paid, by the till's clock.
    pub sold_at: Timestamp,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What was sold, 1 to [`MAX_LINES`].
    pub lines: Vec<NewLine>,
    /// What is to be taken off.
    pub asked: Asked,
    /// What the customer gives on top.
    pub tip: Amount,
    /// What the customer paid with, at most [`MAX_PAYMENTS`].
    pub payments: Vec<Payment>,
    /// The cashier's remark.
    pub note: Option<Note>,
}

/// A line of a submitted sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// The product.
    pub product: ProductId,
    /// How much: above zero, or below for what comes back; at most [`MAX_QUANTITY`] either way.
    pub quantity: Quantity,
    /// What comes back, if it was sold by this merchant.
    pub original: Option<Original>,
    /// What the till charged for one unit, not negative; none for the catalogue's price. It is a fact: where it differs
    /// from the catalogue it is kept, and the sale flagged.
    pub unit_price: Option<Amount>,
    /// What the cashier takes off it.
    pub discount: Option<ManualDiscount>,
    /// What the till has taken off, if it has reckoned itself: above zero, and no more than the amount.
    pub charged: Option<Vec<Discount>>,
}

impl Submission {
    /// Checks what the submission alone decides: how many lines and payments, and the ranges of their numbers.
    ///
    /// # Errors
    /// [`Rejection::EmptyBasket`], [`Rejection::TooManyLines`], [`Rejection::TooManyPayments`],
    /// [`Rejection::RefundNeedsConnection`],
    /// [`Rejection::TipNegative`], [`Rejection::QuantityOutOfRange`], [`Rejection::ReturnNotNegative`] or [`Rejection::PriceNegative`].
    pub fn check(&self) -> Result<(), Rejection> {
        check_count(self.lines.len())?;
        if self.payments.len() > MAX_PAYMENTS {
            return Err(Rejection::TooManyPayments { count: self.payments.len(), max: MAX_PAYMENTS });
        }
        let on_account = |payment: &Payment| matches!(payment.kind(), Kind::GiftCard | Kind::StoreCredit);
        let back = |payment: &Payment| payment.amount().is_negative() && on_account(payment);
        if let Some(payment) = self.payments.iter().position(back).filter(|_| self.offline) {
            return Err(Rejection::RefundNeedsConnection(payment));
        }
        if self.tip.is_negative() {
            return Err(Rejection::TipNegative);
        }
        if self.asked.coupons.len() > MAX_COUPONS {
            return Err(Rejection::BasketTooLarge);
        }
        for (line, NewLine { quantity, unit_price, original, charged, .. }) in self.lines.iter().enumerate() {
            if *quantity == Quantity::ZERO || *quantity > MAX_QUANTITY || *quantity < -MAX_QUANTITY {
                return Err(Rejection::QuantityOutOfRange { line });
            }
            if charged.as_ref().is_some_and(|charged| charged.len() > MAX_DISCOUNTS) {
                return Err(Rejection::DiscountOutOfRange { line });
            }
            if original.is_some() && *quantity > Quantity::ZERO {
                return Err(Rejection::ReturnNotNegative { line });
            }
            if unit_price.is_some_and(Amount::is_negative) {
                return Err(Rejection::PriceNegative { line });
            }
        }
        Ok(())
    }
}

/// Checks that there are 1 to [`MAX_LINES`] lines.
pub(crate) fn check_count(lines: usize) -> Result<(), Rejection> {
    match lines {
        0 => Err(Rejection::EmptyBasket),
        1..=MAX_LINES => Ok(()),
        count => Err(Rejection::TooManyLines { count, max: MAX_LINES }),
    }
}
