//! Why what is counted or entered in a drawer is refused.

use crate::tender;

/// A refusal for the cash's sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CashRejection {
    /// A count names a tender twice.
    #[error("{0} is counted twice")]
    TenderRepeated(tender::Kind),
    /// Cash of less than nothing, or a denomination that is worth nothing.
    #[error("cash is not negative, and a note or coin is worth something")]
    Negative,
    /// More denominations than a count may have.
    #[error("there are {count} denominations, at most {max} are allowed")]
    TooManyDenominations {
        /// Denominations found.
        count: usize,
        /// Denominations allowed.
        max: usize,
    },
    /// An amount that does not go with what a drawer is opened for.
    #[error("the amount is above zero where cash moves, and zero without a sale")]
    DrawerAmount,
}

impl CashRejection {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TenderRepeated(_) => "tender_repeated",
            Self::Negative => "cash_negative",
            Self::TooManyDenominations { .. } => "too_many_denominations",
            Self::DrawerAmount => "drawer_amount",
        }
    }

    /// The field at fault as a JSON pointer (RFC 6901) into the command, none if it is no single one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::TenderRepeated(_) => Some("/tenders".to_owned()),
            Self::DrawerAmount => Some("/amount".to_owned()),
            Self::Negative | Self::TooManyDenominations { .. } => None,
        }
    }
}
