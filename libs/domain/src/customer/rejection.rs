//! Why a command about customers is refused.

use super::MAX_GROUPS;
use crate::id::{CustomerId, GroupId};

/// A refusal for a customer's sake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomerRejection {
    /// The merchant has no such customer.
    #[error("there is no customer {0}")]
    Unknown(CustomerId),
    /// The customer is erased.
    #[error("customer {0} is erased")]
    Erased(CustomerId),
    /// The customer was merged.
    #[error("customer {0} was merged into another")]
    Merged(CustomerId),
    /// A customer is to be merged into themself.
    #[error("a customer cannot be merged into themself")]
    Same,
    /// The merchant has no such group, or it has ended.
    #[error("there is no group {0}")]
    UnknownGroup(GroupId),
    /// What one customer put on account would be given back to another.
    #[error("what one customer has put on account goes back to them alone")]
    NotTheBuyer,
    /// More groups than a customer may be in.
    #[error("a customer is in at most {MAX_GROUPS} groups")]
    TooManyGroups,
}

impl CustomerRejection {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown_customer",
            Self::Erased(_) => "customer_erased",
            Self::Merged(_) => "customer_merged",
            Self::Same => "same_customer",
            Self::UnknownGroup(_) => "unknown_group",
            Self::NotTheBuyer => "not_the_buyer",
            Self::TooManyGroups => "too_many_groups",
        }
    }

    /// The field at fault as a JSON pointer (RFC 6901) into the command, none if it is no single one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::Unknown(_) | Self::Erased(_) | Self::Merged(_) | Self::NotTheBuyer => "/customer",
            Self::Same => "/into",
            Self::UnknownGroup(_) | Self::TooManyGroups => "/groups",
        };
        Some(field.to_owned())
    }
}
