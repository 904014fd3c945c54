//! One-time codes that people copy.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::Invalid;

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters between two dashes.
const GROUP: usize = 5;

/// A one-time code of `CHARS` characters of Crockford's base 32, with 5 bits of chance in each. People may write it in lower
/// case, without its dashes, and with O, I and L for 0 and 1. It is shown once and kept nowhere: [`OneTimeCode::hash`] is.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode<const CHARS: usize>(String);

impl<const CHARS: usize> OneTimeCode<CHARS> {
    /// The code of random bytes, of each of which 5 bits count.
    #[must_use]
    pub fn of_random(bytes: [u8; CHARS]) -> Self {
        Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
    }

    /// SHA-256 of the code, which is random enough to be kept like this.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The code as people see it, in groups of five.
    #[must_use]
    pub fn reveal(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        chars.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }
}

impl<const CHARS: usize> fmt::Debug for OneTimeCode<CHARS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(…)")
    }
}

impl<const CHARS: usize> FromStr for OneTimeCode<CHARS> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let chars = text.trim().chars().filter(|char| *char != '-').map(|char| match char.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
        let code: String = chars.take(CHARS + 1).collect();
        let plain = code.bytes().all(|byte| ALPHABET.contains(&byte));
        if plain && code.len() == CHARS { Ok(Self(code)) } else { Err(Invalid::Code) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_people_write_it() {
        let code = OneTimeCode::of_random([0, 1, 31, 32, 33, 10, 11, 12, 13, 14]);
        assert_eq!(code.reveal(), "01Z01-ABCDE");
        for text in ["01Z01-ABCDE", " 01z01abcde\n", "oiZoL-abc-de"] {
            assert_eq!(text.parse::<OneTimeCode<10>>().unwrap().hash(), code.hash(), "{text}");
        }
        for text in ["", "01Z01-ABCD", "01Z01-ABCDEF", "01Z01-ABCDU", "01Z01 ABCDE", "01Z01-ABCDé"] {
            assert_eq!(text.parse::<OneTimeCode<10>>(), Err(Invalid::Code), "{text}");
        }
        assert_eq!(format!("{code:?}"), "OneTimeCode(…)");
    }
}
