//! Free text that is safe to keep and to print.

use std::{fmt, mem};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A text of 1 to `MAX` characters without white space at its ends.
///
/// It holds no control character but the line feed, so that it cannot steer a printer, and no card number as
/// [`holds_card_number`] finds them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

/// A remark on a sale or on a movement of stock.
pub type Note = Text<500>;

impl<const MAX: usize> Text<MAX> {
    /// Trims the text and checks it.
    ///
    /// # Errors
    /// [`Invalid::TextEmpty`], [`Invalid::TextTooLong`], [`Invalid::TextControl`] or [`Invalid::CardNumber`].
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 {
            return Err(Invalid::TextEmpty);
        }
        if length > MAX {
            return Err(Invalid::TextTooLong { length, max: MAX });
        }
        if text.chars().any(|char| char.is_control() && char != '\n') {
            return Err(Invalid::TextControl);
        }
        if holds_card_number(text) {
            return Err(Invalid::CardNumber);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::try_new(&text)
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

#[cfg(feature = "schema")]
impl<const MAX: usize> utoipa::PartialSchema for Text<MAX> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX))
            .description(Some("Trimmed text without control characters (but line feeds) and without card numbers."))
            .into()
    }
}

#[cfg(feature = "schema")]
impl<const MAX: usize> utoipa::ToSchema for Text<MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("Text{MAX}").into()
    }
}

/// Whether the text holds what may be a payment card number (PAN, ISO/IEC 7812).
///
/// That is 13 to 19 digits with a valid Luhn check digit that begin like a card: with 3 to 6, or with 22 to 27 (dates
/// begin with 20). They may stand in groups with one white space or dash between them; characters without width count
/// as absent, and digits of any script count by their value. Text may come before and behind. A number of more than 19
/// digits without a gap is no card number, nor is any part of it. One in ten other numbers of that length and beginning
/// is taken for a card number too: that is the price of the check digit.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    // Groups of digits with one separator between them, and the digits that follow the last of them.
    let (mut groups, mut group) = (Vec::new(), Vec::new());
    for char in text.chars().filter(|&char| !is_invisible(char)).chain(['.']) {
        if let Some(value) = digit(char) {
            group.push(value);
            continue;
        }
        let goes_on = is_separator(char) && !group.is_empty();
        if !group.is_empty() {
            groups.push(mem::take(&mut group));
        }
        if !goes_on && hold_card_number(&mem::take(&mut groups)) {
            return true;
        }
    }
    false
}

/// Whether some consecutive groups of digits make up a card number.
fn hold_card_number(groups: &[Vec<u8>]) -> bool {
    (0..groups.len()).any(|first| {
        let mut digits = Vec::new();
        groups[first..].iter().take(19).any(|group| {
            digits.extend_from_slice(group);
            is_card_number(&digits)
        })
    })
}

fn is_card_number(digits: &[u8]) -> bool {
    (13..=19).contains(&digits.len()) && matches!(digits, [3..=6, ..] | [2, 2..=7, ..]) && is_luhn_valid(digits)
}

/// ISO/IEC 7812-1 annex B: every second digit from the right is doubled; the digits of all add up to a multiple of ten.
fn is_luhn_valid(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| u32::from(digit) << (at % 2))
        .map(|value| value / 10 + value % 10)
        .sum();
    sum.is_multiple_of(10)
}

fn is_separator(char: char) -> bool {
    char.is_whitespace()
        || matches!(char, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

fn is_invisible(char: char) -> bool {
    matches!(char, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FE0E}' | '\u{FE0F}' | '\u{FEFF}' | '\u{20E3}')
}

/// The zeros of all decimal digits (Unicode 16, category Nd) past ASCII; one to nine follow each.
#[rustfmt::skip]
const ZEROS: [u32; 76] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50,
    0x11DA0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
    0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0, u32::MAX,
];

/// The value of a decimal digit of any script, also raised, lowered or circled.
fn digit(char: char) -> Option<u8> {
    let code = u32::from(char);
    let value = match char {
        '\0'..='\u{7F}' => char.to_digit(10)?,
        '²' | '³' => code - 0xB0,
        '¹' => 1,
        '⁰' | '⁴'..='⁹' => code - 0x2070,
        '₀'..='₉' => code - 0x2080,
        '①'..='⑨' => code - 0x245F,
        '⓪' => 0,
        _ => code.checked_sub(*ZEROS[..ZEROS.partition_point(|&zero| zero <= code)].last()?)?,
    };
    u8::try_from(value).ok().filter(|&value| value < 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for text in [
            "4111111111111111",
            "card 4111 1111 1111 1111 exp 12/27",
            "2x 12 4111 1111 1111 1111 12",
            "4111-1111-1111-1111",
            "paid with 378282246310005.",
            "PAN4222222222222x",
            "５５５５５５５５５５５５４４４４",
            "٤١١١ ١١١١ ١١١١ ١١١١",
            "4111\u{200B}1111\u{2060}1111\u{AD}1111",
            "4111\u{2013}1111\u{A0}1111\n1111",
            "𝟒𝟏𝟏𝟏𝟙𝟙𝟙𝟙𝟣𝟣𝟣𝟣①¹₁1",
            "6011000990139424",
            "2223003122003222",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for text in [
            "",
            "4111111111111112",
            "4111  1111  1111  1111",
            "411111111111",
            "41111111111111111111",
            "1111111111111117",
            "20261123051702",
            "2x espresso, 12:30, order 1234",
            "018f4e5a-0000-7000-8000-000000000000",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn text_is_trimmed_and_bounded() {
        assert_eq!(Text::<4>::try_new("  ça  ").unwrap().as_str(), "ça");
        assert_eq!(Text::<4>::try_new("äöüß").unwrap().to_string(), "äöüß");
        assert_eq!(Text::<4>::try_new("äöüße"), Err(Invalid::TextTooLong { length: 5, max: 4 }));
        assert_eq!(Text::<4>::try_new(" \n"), Err(Invalid::TextEmpty));
        assert_eq!(Text::<9>::try_new("a\u{1B}@"), Err(Invalid::TextControl));
        assert!(Note::try_new("two\nlines").is_ok());
        assert_eq!(Note::try_new("4111111111111111"), Err(Invalid::CardNumber));
        assert!(serde_json::from_str::<Text<3>>("\"four\"").is_err());
    }

    #[test]
    fn zeros_are_in_order() {
        assert!(ZEROS.is_sorted());
    }

    proptest! {
        #[test]
        fn every_luhn_valid_card_is_found(lead in 3_u8..=6, rest in prop::collection::vec(0_u8..10, 11..18), gap in "[ -]?") {
            let mut digits = vec![lead];
            digits.extend(rest);
            digits.push(0);
            let check = (0..10).find(|&check| {
                *digits.last_mut().unwrap() = check;
                is_luhn_valid(&digits)
            });
            prop_assert!(check.is_some());
            let text: Vec<_> = digits.chunks(4).map(|group| group.iter().map(ToString::to_string).collect::<String>()).collect();
            prop_assert!(holds_card_number(&format!("x {} y", text.join(&gap))), "{:?}", text);
            *digits.last_mut().unwrap() = (check.unwrap() + 1) % 10;
            prop_assert!(!is_card_number(&digits));
        }
    }
}
