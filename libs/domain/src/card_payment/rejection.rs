//! Why a command about card payments is refused.

use super::State;
use crate::{
    id::{CardPaymentId, SaleId},
    money::Amount,
};

/// A refusal for a card payment's sake. `payment` is the payment of a sale that names it, counted from 0, if one does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardPaymentRejection {
    /// The store has no such card payment.
    #[error("there is no card payment {id} in this store")]
    Unknown {
        /// The card payment.
        id: CardPaymentId,
        /// The payment that names it.
        payment: Option<usize>,
    },
    /// Nothing or less is to be taken.
    #[error("the amount is not positive")]
    AmountNotPositive,
    /// No provider of card terminals is set up.
    #[error("no card terminals are set up: set terminal.url of the sales worker")]
    NoProvider,
    /// It has taken no money, or does not have it any more.
    #[error("the card payment is {}, not approved", state.as_str())]
    NotApproved {
        /// How far it has come.
        state: State,
        /// The payment that names it.
        payment: usize,
    },
    /// It is being cancelled.
    #[error("the card payment is being cancelled")]
    Cancelling {
        /// The payment that names it.
        payment: usize,
    },
    /// It took another amount, or in another currency.
    #[error("the card payment took {} minor units, not that", taken.get())]
    AmountDiffers {
        /// What it took.
        taken: Amount,
        /// The payment that names it.
        payment: usize,
    },
    /// It pays for another sale.
    #[error("the card payment pays for sale {sale}")]
    Used {
        /// That sale.
        sale: SaleId,
        /// The payment that names it.
        payment: Option<usize>,
    },
    /// Money was taken, and giving it back was not asked for.
    #[error("the money is taken: sell with it, or cancel it with `refund`")]
    MoneyTaken,
}

impl CardPaymentRejection {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_card_payment",
            Self::AmountNotPositive => "amount_not_positive",
            Self::NoProvider => "no_card_terminals",
            Self::NotApproved { .. } => "card_payment_not_approved",
            Self::Cancelling { .. } => "card_payment_cancelling",
            Self::AmountDiffers { .. } => "card_payment_amount_differs",
            Self::Used { .. } => "card_payment_used",
            Self::MoneyTaken => "card_payment_taken",
        }
    }

    /// The field at fault as a JSON pointer (RFC 6901) into the command, none if it is no single one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::Unknown { payment, .. } | Self::Used { payment, .. } => {
                payment.map(|payment| format!("/payments/{payment}/payment"))
            }
            Self::NotApproved { payment, .. } | Self::Cancelling { payment } => {
                Some(format!("/payments/{payment}/payment"))
            }
            Self::AmountDiffers { payment, .. } => Some(format!("/payments/{payment}/amount")),
            Self::AmountNotPositive => Some("/amount".to_owned()),
            Self::NoProvider => None,
            Self::MoneyTaken => Some("/refund".to_owned()),
        }
    }
}
