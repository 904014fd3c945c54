//! Tenders: how a total is paid.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Invalid, Rejection,
    id::{AccountId, CardPaymentId},
    money::{Amount, Overflow},
    tax::TaxRules,
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

/// The number of a voucher, or of whatever else was taken in.
pub type VoucherReference = Text<64>;
/// What a merchant calls a tender of their own: "lunch cheque", "bank transfer".
pub type TenderName = Text<32>;

/// What somebody paid with. Amounts are positive, or negative where money goes back.
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
        /// The payment at a terminal that took it.
        payment: Option<CardPaymentId>,
    },
    /// A gift card of the merchant's.
    GiftCard {
        /// What was taken from it.
        amount: Amount,
        /// Its account.
        account: AccountId,
    },
    /// What the merchant owes the customer from a return.
    StoreCredit {
        /// What was taken from it.
        amount: Amount,
        /// Its account.
        account: AccountId,
    },
    /// A piece of paper that somebody else redeems.
    Voucher {
        /// What it is taken for.
        amount: Amount,
        /// Its number.
        reference: Option<VoucherReference>,
    },
    /// The customer's house account: they pay later.
    OnAccount {
        /// What is put on it.
        amount: Amount,
    },
    /// Whatever else the merchant takes.
    Custom {
        /// What it is taken for.
        amount: Amount,
        /// What it is called.
        name: TenderName,
        /// Its number.
        reference: Option<VoucherReference>,
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
    /// A gift card of the merchant's.
    GiftCard,
    /// What the merchant owes the customer from a return.
    StoreCredit,
    /// A piece of paper that somebody else redeems.
    Voucher,
    /// The customer's house account.
    OnAccount,
    /// Whatever else the merchant takes.
    Custom,
}

impl Kind {
    /// The name, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Card => "card",
            Self::GiftCard => "gift_card",
            Self::StoreCredit => "store_credit",
            Self::Voucher => "voucher",
            Self::OnAccount => "on_account",
            Self::Custom => "custom",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Payment {
    /// Which kind this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Cash { .. } => Kind::Cash,
            Self::Card { .. } => Kind::Card,
            Self::GiftCard { .. } => Kind::GiftCard,
            Self::StoreCredit { .. } => Kind::StoreCredit,
            Self::Voucher { .. } => Kind::Voucher,
            Self::OnAccount { .. } => Kind::OnAccount,
            Self::Custom { .. } => Kind::Custom,
        }
    }

    /// What was handed over, charged or given back.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        match self {
            Self::Cash { tendered: amount }
            | Self::Card { amount, .. }
            | Self::GiftCard { amount, .. }
            | Self::StoreCredit { amount, .. }
            | Self::Voucher { amount, .. }
            | Self::OnAccount { amount }
            | Self::Custom { amount, .. } => *amount,
        }
    }
}

impl Payment {
    /// Makes it go the other way.
    pub(crate) fn negate(&mut self) {
        match self {
            Self::Cash { tendered: amount }
            | Self::Card { amount, .. }
            | Self::GiftCard { amount, .. }
            | Self::StoreCredit { amount, .. }
            | Self::Voucher { amount, .. }
            | Self::OnAccount { amount }
            | Self::Custom { amount, .. } => *amount = -*amount,
        }
    }
}

/// How a total was paid: `paid` − `change` is the total, the tip and `cash_rounding`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The payments as given.
    pub payments: Vec<Payment>,
    /// What they come to.
    pub balance: Balance,
}

/// What payments come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Their sum.
    pub paid: Amount,
    /// What the part paid in cash was rounded by.
    pub cash_rounding: Amount,
    /// What went back in cash.
    pub change: Amount,
}

/// Settles a total with a tip.
///
/// If the customer owes, every payment is positive; nothing but cash may be more than is owed, cash covers the rest, rounded
/// to what there are coins for, and only of cash comes change, less than was tendered. If money goes back, every payment is
/// negative and they come to exactly what goes back, the part in cash rounded likewise. Nothing owed needs no payment.
///
/// # Errors
/// [`Rejection::PaymentNotPositive`], [`Rejection::CardExceedsTotal`], [`Rejection::PaymentShort`],
/// [`Rejection::CashNotNeeded`], [`Rejection::PaymentNotNegative`], [`Rejection::RefundExceedsTotal`],
/// [`Rejection::RefundShort`] or [`Rejection::AmountOverflow`].
pub fn settle(payments: &[Payment], total: Amount, tip: Amount, rules: TaxRules) -> Result<Settled, Rejection> {
    let given = payments.iter().map(|payment| (payment.kind(), payment.amount()));
    Ok(Settled { payments: payments.to_vec(), balance: balance(given, total, tip, rules)? })
}

/// What kinds and amounts of payments come to: the rules of [`settle`].
pub(crate) fn balance(
    payments: impl Iterator<Item = (Kind, Amount)>,
    total: Amount,
    tip: Amount,
    rules: TaxRules,
) -> Result<Balance, Rejection> {
    let owed = total.checked_add(tip).ok_or(Overflow)?;
    let (mut cash, mut other) = (Amount::ZERO, Amount::ZERO);
    for (payment, (kind, amount)) in payments.enumerate() {
        match (owed.is_negative(), amount.cmp(&Amount::ZERO)) {
            (false, Ordering::Less | Ordering::Equal) => return Err(Rejection::PaymentNotPositive { payment }),
            (true, Ordering::Greater | Ordering::Equal) => return Err(Rejection::PaymentNotNegative { payment }),
            _ => {}
        }
        let sum = if kind == Kind::Cash { &mut cash } else { &mut other };
        *sum = sum.checked_add(amount).ok_or(Overflow)?;
    }
    let rest = owed.checked_sub(other).ok_or(Overflow)?;
    if rest != Amount::ZERO && rest.is_negative() != owed.is_negative() {
        let excess = other.checked_sub(owed).ok_or(Overflow)?;
        return Err(if owed.is_negative() {
            Rejection::RefundExceedsTotal { excess: rest }
        } else {
            Rejection::CardExceedsTotal { excess }
        });
    }
    let in_cash = rules.cash_step.round(rest, rules.rounding)?;
    let change = cash.checked_sub(in_cash).ok_or(Overflow)?;
    if owed.is_negative() {
        match change.cmp(&Amount::ZERO) {
            Ordering::Less => {
                return Err(Rejection::RefundExceedsTotal { excess: in_cash.checked_sub(cash).ok_or(Overflow)? });
            }
            Ordering::Greater => return Err(Rejection::RefundShort { missing: change }),
            Ordering::Equal => {}
        }
    } else if change.is_negative() {
        return Err(Rejection::PaymentShort { missing: in_cash.checked_sub(cash).ok_or(Overflow)? });
    } else if cash > Amount::ZERO && change >= cash {
        return Err(Rejection::CashNotNeeded);
    }
    let cash_rounding = in_cash.checked_sub(rest).ok_or(Overflow)?;
    Ok(Balance { paid: cash.checked_add(other).ok_or(Overflow)?, cash_rounding, change })
}

#[cfg(test)]
mod tests;
