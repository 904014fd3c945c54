//! Who acts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Invalid,
    id::{KeyId, RegisterId, UserId},
};

/// Who acts. As text, in tokens and in the books: `operator`, or `user:`, `till:` or `key:` and an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    /// Who operates the system, and so has its keys.
    Operator,
    /// A person.
    User(UserId),
    /// An enrolled till by itself.
    Till(RegisterId),
    /// A program, by its API key.
    Key(KeyId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Till(id) => write!(f, "till:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
        }
    }
}

impl FromStr for Actor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "operator" {
            return Ok(Self::Operator);
        }
        let (kind, id) = text.split_once(':').ok_or(Invalid::Actor)?;
        let id = Uuid::try_parse(id).map_err(|_| Invalid::Actor)?;
        match kind {
            "user" => Ok(Self::User(UserId::new(id))),
            "till" => Ok(Self::Till(RegisterId::new(id))),
            "key" => Ok(Self::Key(KeyId::new(id))),
            _ => Err(Invalid::Actor),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_its_text() {
        let id = Uuid::from_u128(7);
        let all = [
            Actor::Operator,
            Actor::User(UserId::new(id)),
            Actor::Till(RegisterId::new(id)),
            Actor::Key(KeyId::new(id)),
        ];
        for actor in all {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for text in ["", "Operator", "operator ", "user:", "user:x", "admin:018f0000-0000-7000-8000-000000000001"] {
            assert_eq!(text.parse::<Actor>(), Err(Invalid::Actor), "{text}");
        }
    }
}
