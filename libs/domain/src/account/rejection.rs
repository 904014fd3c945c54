//! Why a command about accounts is refused.

use crate::{id::AccountId, money::Amount};

/// A refusal for an account's sake. `payment` is the payment of a sale that names it, counted from 0, if one does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRejection {
    /// The merchant has no such account, or it is of another kind.
    #[error("there is no account {account} of that kind")]
    Unknown {
        /// The account.
        account: AccountId,
        /// The payment that names it.
        payment: Option<usize>,
    },
    /// The account's time is over.
    #[error("account {account} has expired")]
    Expired {
        /// The account.
        account: AccountId,
        /// The payment that names it.
        payment: Option<usize>,
    },
    /// More is to be taken from an account than is on it.
    #[error("on the account are {} minor units", balance.get())]
    InsufficientBalance {
        /// What is on it.
        balance: Amount,
        /// The payment that names it.
        payment: Option<usize>,
    },
    /// Something is to be paid on account, and nobody is named whose account it is.
    #[error("who pays on account must be named as the customer")]
    CustomerNeeded {
        /// The payment.
        payment: usize,
    },
    /// The customer has no house account.
    #[error("the customer has no house account")]
    NoHouseAccount {
        /// The payment that is to be put on it.
        payment: Option<usize>,
    },
    /// The customer would owe more than they may.
    #[error("the customer may put {} more minor units on account", available.get())]
    CreditLimit {
        /// What they may.
        available: Amount,
        /// The payment that exceeds it.
        payment: usize,
    },
    /// Somebody may owe less than nothing.
    #[error("the limit is negative")]
    LimitNegative,
    /// The customer has fewer points.
    #[error("the customer has {} points", left.get())]
    InsufficientPoints {
        /// How many they have.
        left: Amount,
    },
    /// What is on a customer's own account changes by selling, paying and redeeming alone.
    #[error("account {0} is a customer's, and changes by what they buy and pay")]
    OfCustomer(AccountId),
    /// The merchant has no rule by which points are worth something.
    #[error("there is no rule for points")]
    NoLoyaltyRule,
    /// A debt is paid with what is no money.
    #[error("what is owed is not paid with {0}")]
    TenderNotTaken(crate::tender::Kind),
    /// What is on an account cannot go where it is to.
    #[error("nothing can be transferred: {0}")]
    NotTransferable(&'static str),
    /// Another gift card of the merchant has this number.
    #[error("another gift card has this number")]
    NumberTaken,
    /// Nothing or less is to be put on an account or taken from it.
    #[error("the amount is not positive")]
    AmountNotPositive,
    /// The line of the sale that is to pay for it did not bring in that much.
    #[error("of what that line brought in, {} minor units are left for accounts", left.get())]
    SaleDoesNotCover {
        /// What is left.
        left: Amount,
    },
}

impl AccountRejection {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_account",
            Self::Expired { .. } => "account_expired",
            Self::InsufficientBalance { .. } => "insufficient_balance",
            Self::CustomerNeeded { .. } => "customer_needed",
            Self::NoHouseAccount { .. } => "no_house_account",
            Self::CreditLimit { .. } => "credit_limit_exceeded",
            Self::LimitNegative => "limit_negative",
            Self::InsufficientPoints { .. } => "insufficient_points",
            Self::OfCustomer(_) => "account_of_customer",
            Self::NoLoyaltyRule => "no_loyalty_rule",
            Self::TenderNotTaken(_) => "tender_not_taken",
            Self::NotTransferable(_) => "not_transferable",
            Self::NumberTaken => "number_taken",
            Self::AmountNotPositive => "amount_not_positive",
            Self::SaleDoesNotCover { .. } => "sale_does_not_cover",
        }
    }

    /// The field at fault as a JSON pointer (RFC 6901) into the command, none if it is no single one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::Unknown { payment, .. } | Self::Expired { payment, .. } => {
                payment.map(|payment| format!("/payments/{payment}/account"))
            }
            Self::InsufficientBalance { payment, .. } => payment.map(|payment| format!("/payments/{payment}/amount")),
            Self::CustomerNeeded { .. } => Some("/customer".to_owned()),
            Self::NoHouseAccount { payment } => payment.map(|payment| format!("/payments/{payment}")),
            Self::CreditLimit { payment, .. } => Some(format!("/payments/{payment}/amount")),
            Self::LimitNegative => Some("/limit".to_owned()),
            Self::InsufficientPoints { .. } => Some("/points".to_owned()),
            Self::TenderNotTaken(_) => Some("/tender".to_owned()),
            Self::NotTransferable(_) | Self::OfCustomer(_) | Self::NoLoyaltyRule => None,
            Self::NumberTaken => Some("/number".to_owned()),
            Self::AmountNotPositive => Some("/amount".to_owned()),
            Self::SaleDoesNotCover { .. } => Some("/sold".to_owned()),
        }
    }
}
