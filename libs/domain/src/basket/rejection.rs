//! Why a command about parked baskets is refused.

use super::Mark;
use crate::{Rejection, id::BasketId};

/// A refusal for a basket's sake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BasketRejection {
    /// The store has no such basket, or has forgotten it.
    #[error("there is no basket {0} in this store")]
    Unknown(BasketId),
    /// Somebody else was faster.
    #[error("basket {basket} was taken at register {}{} at {}", mark.register, by(mark), mark.at)]
    Taken {
        /// The basket.
        basket: BasketId,
        /// Who has it.
        mark: Mark,
    },
    /// Somebody threw it away.
    #[error("basket {0} was thrown away")]
    Dropped(BasketId),
    /// Its time is over.
    #[error("basket {0} has expired")]
    Expired(BasketId),
    /// As many are parked in the store as may be.
    #[error("{max} baskets are parked in this store; take or drop some first")]
    TooMany {
        /// How many that is.
        max: usize,
    },
    /// It would have expired already.
    #[error("the basket would have expired already")]
    ExpiryPast,
    /// It would be parked for longer than may be.
    #[error("a basket is parked for 30 days at the most")]
    ExpiryTooFar,
    /// What is in it could not be sold.
    #[error(transparent)]
    Draft(Box<Rejection>),
}

impl BasketRejection {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown_basket",
            Self::Taken { .. } => "basket_taken",
            Self::Dropped(_) => "basket_dropped",
            Self::Expired(_) => "basket_expired",
            Self::TooMany { .. } => "too_many_baskets",
            Self::ExpiryPast => "expiry_past",
            Self::ExpiryTooFar => "expiry_too_far",
            Self::Draft(rejection) => rejection.code(),
        }
    }

    /// The field at fault as a JSON pointer (RFC 6901) into the command, none if it is no single one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::ExpiryPast | Self::ExpiryTooFar => Some("/expires_at".to_owned()),
            Self::Draft(rejection) => rejection.pointer().map(|pointer| format!("/draft{pointer}")),
            Self::Unknown(_) | Self::Taken { .. } | Self::Dropped(_) | Self::Expired(_) | Self::TooMany { .. } => None,
        }
    }
}

fn by(mark: &Mark) -> String {
    mark.by.map(|user| format!(" by user {user}")).unwrap_or_default()
}
