//! Phone numbers.

use serde::{Deserialize, Serialize};

use crate::{Invalid, text::holds_card_number};

/// A phone number as people write it: digits with spaces, `-`, `/`, `.`, `(`, `)` between them and a `+` before them; 4 to 15
/// digits (ITU-T E.164). Whether it rings is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, min_length = 4, max_length = 32))]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// Trims the number and checks it.
    ///
    /// # Errors
    /// [`Invalid::Phone`]; [`Invalid::CardNumber`] for what may be one: with a `+` it is none.
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let local = text.strip_prefix('+').unwrap_or(text);
        let digits = local.chars().filter(char::is_ascii_digit).count();
        let plain = local.chars().all(|char| char.is_ascii_digit() || " -/.()".contains(char));
        if !plain || !(4..=15).contains(&digits) || text.len() > 32 {
            return Err(Invalid::Phone);
        }
        if text == local && holds_card_number(text) {
            return Err(Invalid::CardNumber);
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its digits alone.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.chars().filter(char::is_ascii_digit).collect()
    }
}

impl TryFrom<String> for Phone {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::try_new(&text)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}
