//! Tenders: how a total is paid.

use serde::{Deserialize, Serialize};

use crate::{
    Invalid, Rejection,
    money::{Amount, Overflow},
    text::Text,
};

/// The last four digits of a card number: all of it that may be kept (PCI DSS 3.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9]{4}$"))]
#[serde(try_from = "String", into = "String")]
pub struct Last4(String);

impl Last4 {
    /// Four ASCII digits.
    ///
    /// # Errors
    /// [`Invalid::Last4`] for anything else.
    pub fn try_new(digits: &str) -> Result<Self, Invalid> {
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Invalid::Last4);
        }
        Ok(Self(digits.to_owned()))
    }

    /// The four digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Last4 {
    type Error = Invalid;

    fn try_from(digits: String) -> Result<Self, Invalid> {
        Self::try_new(&digits)
    }
}

impl From<Last4> for String {
    fn from(digits: Last4) -> Self {
        digits.0
    }
}

/// The terminal's reference of a card payment.
pub type Reference = Text<64>;
/// A card's brand, as the terminal names it.
pub type Brand = Text<32>;

/// What somebody paid with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// Notes and coins.
    Cash {
        /// What was handed over; change comes out of it.
        tendered: Amount,
    },
    /// A card at a terminal.
    Card {
        /// What was charged.
        amount: Amount,
        /// The terminal's reference.
        reference: Option<Reference>,
        /// The card's brand.
        brand: Option<Brand>,
        /// The last four digits of the card's number.
        last4: Option<Last4>,
    },
}

/// The kinds of [`Payment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Notes and coins.
    Cash,
    /// A card at a terminal.
    Card,
}

impl Payment {
    /// Which kind this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Cash { .. } => Kind::Cash,
            Self::Card { .. } => Kind::Card,
        }
    }

    /// What was handed over or charged.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        match self {
            Self::Cash { tendered } => *tendered,
            Self::Card { amount, .. } => *amount,
        }
    }
}

/// How a total was paid: `paid` − `change` is the total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The payments as given.
    pub payments: Vec<Payment>,
    /// Their sum.
    pub paid: Amount,
    /// What went back in cash.
    pub change: Amount,
}

/// Settles a total, which is not negative.
///
/// Every payment is positive; a total of zero needs none. Cards never pay more than the total; cash covers the rest,
/// and only of cash comes change, less than was tendered.
///
/// # Errors
/// [`Rejection::PaymentNotPositive`], [`Rejection::CardExceedsTotal`], [`Rejection::PaymentShort`],
/// [`Rejection::CashNotNeeded`] or [`Rejection::AmountOverflow`].
pub fn settle(payments: &[Payment], total: Amount) -> Result<Settled, Rejection> {
    let (paid, change) = balance(payments.iter().map(|payment| (payment.kind(), payment.amount())), total)?;
    Ok(Settled { payments: payments.to_vec(), paid, change })
}

/// What is paid and what goes back: the rules of [`settle`] on kinds and amounts alone.
pub(crate) fn balance(
    payments: impl Iterator<Item = (Kind, Amount)>,
    total: Amount,
) -> Result<(Amount, Amount), Rejection> {
    let (mut cash, mut card) = (Amount::ZERO, Amount::ZERO);
    for (payment, (kind, amount)) in payments.enumerate() {
        if amount <= Amount::ZERO {
            return Err(Rejection::PaymentNotPositive { payment });
        }
        let sum = match kind {
            Kind::Cash => &mut cash,
            Kind::Card => &mut card,
        };
        *sum = sum.checked_add(amount).ok_or(Overflow)?;
    }
    let rest = total.checked_sub(card).ok_or(Overflow)?;
    if rest.is_negative() {
        return Err(Rejection::CardExceedsTotal { excess: card.checked_sub(total).ok_or(Overflow)? });
    }
    let change = cash.checked_sub(rest).ok_or(Overflow)?;
    if change.is_negative() {
        return Err(Rejection::PaymentShort { missing: rest.checked_sub(cash).ok_or(Overflow)? });
    }
    if cash > Amount::ZERO && change >= cash {
        return Err(Rejection::CashNotNeeded);
    }
    Ok((cash.checked_add(card).ok_or(Overflow)?, change))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(minor_units: i64) -> Amount {
        Amount::try_new(minor_units).unwrap()
    }

    fn cash(tendered: i64) -> Payment {
        Payment::Cash { tendered: amount(tendered) }
    }

    fn card(charged: i64) -> Payment {
        Payment::Card { amount: amount(charged), reference: None, brand: None, last4: None }
    }

    fn change(payments: &[Payment], total: i64) -> Result<i64, Rejection> {
        settle(payments, amount(total)).map(|settled| settled.change.get())
    }

    #[test]
    fn change_comes_out_of_cash() {
        assert_eq!(change(&[cash(1000)], 750), Ok(250));
        assert_eq!(change(&[card(500), cash(500)], 750), Ok(250));
        assert_eq!(change(&[card(750)], 750), Ok(0));
        assert_eq!(change(&[cash(500), cash(500)], 750), Ok(250));
        assert_eq!(change(&[], 0), Ok(0));
    }

    #[test]
    fn what_does_not_settle_is_refused() {
        assert_eq!(change(&[cash(500)], 750), Err(Rejection::PaymentShort { missing: amount(250) }));
        assert_eq!(change(&[], 1), Err(Rejection::PaymentShort { missing: amount(1) }));
        assert_eq!(change(&[card(751)], 750), Err(Rejection::CardExceedsTotal { excess: amount(1) }));
        assert_eq!(change(&[card(750), cash(100)], 750), Err(Rejection::CashNotNeeded));
        assert_eq!(change(&[cash(100)], 0), Err(Rejection::CashNotNeeded));
        assert_eq!(change(&[cash(100), cash(0)], 100), Err(Rejection::PaymentNotPositive { payment: 1 }));
        assert_eq!(change(&[card(-1), cash(101)], 100), Err(Rejection::PaymentNotPositive { payment: 0 }));
        assert_eq!(
            settle(&[cash(1), Payment::Cash { tendered: Amount::MAX }], amount(1)),
            Err(Rejection::AmountOverflow)
        );
    }

    #[test]
    fn last4_is_four_digits() {
        assert_eq!(Last4::try_new("0042").unwrap().as_str(), "0042");
        for digits in ["", "042", "00042", "004x", "٤٤"] {
            assert_eq!(Last4::try_new(digits), Err(Invalid::Last4), "{digits}");
        }
    }

    proptest! {
        #[test]
        fn what_is_settled_is_paid_exactly(
            payments in prop::collection::vec((any::<bool>(), -10_i64..1000), 0..6), total in 0_i64..3000,
        ) {
            let payments: Vec<_> = payments.into_iter().map(|(is_cash, units)| if is_cash { cash(units) } else { card(units) }).collect();
            let sum = |kind| payments.iter().filter(|p| p.kind() == kind).map(|p| p.amount().get()).sum::<i64>();
            let (by_cash, by_card) = (sum(Kind::Cash), sum(Kind::Card));
            match settle(&payments, amount(total)) {
                Ok(settled) => {
                    prop_assert_eq!(settled.paid.get() - settled.change.get(), total);
                    prop_assert_eq!(settled.paid.get(), by_cash + by_card);
                    prop_assert!(settled.change.get() >= 0 && (by_cash == 0 || settled.change.get() < by_cash));
                    prop_assert!(by_card <= total);
                    prop_assert_eq!(settled.payments, payments);
                }
                Err(Rejection::PaymentShort { missing }) => prop_assert_eq!(missing.get(), total - by_cash - by_card),
                Err(Rejection::CardExceedsTotal { excess }) => prop_assert_eq!(excess.get(), by_card - total),
                Err(Rejection::CashNotNeeded) => prop_assert!(by_cash > 0 && by_card == total),
                Err(Rejection::PaymentNotPositive { payment }) => prop_assert!(payments[payment].amount().get() <= 0),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
