//! What is printed on gift cards.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Invalid, text::holds_card_number};

/// Consonants alone: no made number is a word, and none looks like a payment card's.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Characters between two dashes.
const GROUP: usize = 4;
/// How many characters a number has.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=32;

/// The number of a gift card: 8 to 32 letters and digits, in capitals. People may write it in small letters, with spaces and
/// dashes. Whoever knows it may spend the card, so that it is shown only where it is given out; elsewhere its end is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, min_length = 8, max_length = 64))]
#[serde(try_from = "String", into = "String")]
pub struct GiftCardNumber(String);

impl GiftCardNumber {
    /// Reads a number however it is written.
    ///
    /// # Errors
    /// [`Invalid::GiftCardNumber`] for what is none, or looks like a payment card's.
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        let chars = text.chars().filter(|char| !matches!(char, ' ' | '-'));
        let number: String = chars.take(LENGTH.end() + 1).map(|char| char.to_ascii_uppercase()).collect();
        let plain = number.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain && LENGTH.contains(&number.len()) && !holds_card_number(&number) {
            Ok(Self(number))
        } else {
            Err(Invalid::GiftCardNumber)
        }
    }

    /// The number of random bytes: 16 letters of 20, more than 2^69 numbers.
    #[must_use]
    pub fn of_random(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
    }

    /// The number itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as people see it, in groups of four.
    #[must_use]
    pub fn reveal(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        chars.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }

    /// Its last four characters, by which people tell cards apart.
    #[must_use]
    pub fn last4(&self) -> &str {
        &self.0[self.0.len() - GROUP..]
    }
}

impl fmt::Debug for GiftCardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GiftCardNumber(…{})", self.last4())
    }
}

impl TryFrom<String> for GiftCardNumber {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::try_new(&text)
    }
}

impl From<GiftCardNumber> for String {
    fn from(number: GiftCardNumber) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_people_write_it() {
        let number = GiftCardNumber::of_random([0, 1, 2, 3, 19, 20, 255, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(number.reveal(), "BCDF-ZBTK-LMNP-QRST");
        for text in ["BCDF-ZBTK-LMNP-QRST", "bcdf zbtk lmnp qrst", "BCDFZBTKLMNPQRST"] {
            assert_eq!(GiftCardNumber::try_new(text).as_ref(), Ok(&number), "{text}");
        }
        assert_eq!((number.last4(), format!("{number:?}").as_str()), ("QRST", "GiftCardNumber(…QRST)"));
        for text in ["", "1234567", "1234_5678", "äbcdefgh", &"1".repeat(33), "4111 1111 1111 1111", "12345678\n"] {
            assert_eq!(GiftCardNumber::try_new(text), Err(Invalid::GiftCardNumber), "{text}");
        }
    }
}
