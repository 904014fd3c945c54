//! PINs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A PIN that somebody chooses: 4 to 8 digits, not all the same, and no straight run up or down (0 counts as before 1 and as
/// after 9). It is shown nowhere.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin(String);

impl Pin {
    /// Checks a new PIN.
    ///
    /// # Errors
    /// [`Invalid::Pin`].
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        let digits = text.as_bytes();
        let plain = (4..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        // All the same, or each one more or one less than the one before.
        let easy = |step: u8| digits.windows(2).all(|two| (two[0] - b'0' + step) % 10 == two[1] - b'0');
        if !plain || [0, 1, 9].into_iter().any(easy) {
            return Err(Invalid::Pin);
        }
        Ok(Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl TryFrom<String> for Pin {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::try_new(&text)
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_try_first_is_no_pin() {
        for text in ["2580", "1357", "11112", "00123457", "9120"] {
            assert_eq!(Pin::try_new(text).map(|pin| pin.reveal().to_owned()), Ok(text.to_owned()));
        }
        for text in ["", "258", "123456780", "25 80", "258a", "０１２４"] {
            assert_eq!(Pin::try_new(text), Err(Invalid::Pin), "{text}");
        }
        for text in ["0000", "77777777", "1234", "0123", "6789", "7890", "8901", "4321", "3210", "1098", "87654321"] {
            assert_eq!(Pin::try_new(text), Err(Invalid::Pin), "{text}");
        }
        assert_eq!(format!("{:?}", Pin::try_new("2580").unwrap()), "Pin(…)");
    }
}
