//! Barcodes: check digits, one form for all, and prices and weights that scales print into them.

use serde::{Deserialize, Serialize};

use crate::{Invalid, money::Amount, quantity::Quantity};

/// The digit that GS1 puts last (GS1 General Specifications, "Check digit calculations"): from the right every other
/// digit counts three times, the first of them does, and with the check digit the sum is a multiple of ten.
///
/// None if there is anything but ASCII digits.
#[must_use]
pub fn check_digit(digits: &str) -> Option<u8> {
    let mut sum = 0;
    for (at, digit) in digits.bytes().rev().enumerate() {
        let value = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        sum += if at % 2 == 0 { 3 * value } else { value };
    }
    u8::try_from((10 - sum % 10) % 10).ok()
}

/// The digit that verifies a price or weight of four or five digits (GS1 General Specifications, "Check digit
/// calculations", price or weight fields): each digit is multiplied, and the tens of the product are added to it or taken
/// away.
fn value_check_digit(digits: &str) -> Option<u8> {
    let digits: Vec<_> = digits.bytes().map(|digit| u32::from(digit.wrapping_sub(b'0'))).collect();
    let less = |factor: u32, digit: u32| factor * digit - factor * digit / 10;
    let more = |factor: u32, digit: u32| factor * digit + factor * digit / 10;
    let check = match *digits {
        [first, second, third, fourth] => (less(2, first) + less(2, second) + 3 * third + less(5, fourth)) * 3 % 10,
        [first, second, third, fourth, fifth] => {
            let sum = more(5, first) + less(2, second) + less(5, third) + more(5, fourth) + less(2, fifth);
            // The digit whose own product is what is missing to the next ten.
            (0..10).find(|&digit| (less(5, digit) + sum).is_multiple_of(10))?
        }
        _ => return None,
    };
    u8::try_from(check).ok()
}

/// Whether the last digit of a code is the check digit of the others.
#[must_use]
pub fn is_valid(code: &str) -> bool {
    code.split_at_checked(code.len().saturating_sub(1))
        .is_some_and(|(digits, last)| check_digit(digits).is_some_and(|check| last.parse() == Ok(check)))
}

/// One form of all that scanners make of the same symbol: a UPC-A of twelve digits with a valid check digit is the EAN-13
/// that begins with 0 (GS1 General Specifications: GTIN-12 and GTIN-13 are one number). An EAN-8 is a number of its own
/// and stays, as does everything else.
#[must_use]
pub fn normalize(code: &str) -> String {
    if code.len() == 12 && is_valid(code) { format!("0{code}") } else { code.to_owned() }
}

/// What the value in a barcode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// Minor units.
    Price,
    /// Thousandths of a unit: grams.
    Weight,
}

/// How a shop's scales print prices or weights into EAN-13: `prefix`, the item's digits, a check digit of the value if
/// `value_check`, the value's digits, the check digit of all. That makes 13.
///
/// Prefixes 20 to 29 are for use within a country or a company ("restricted circulation"); which means what, each GS1
/// organisation or shop says for itself (GS1 General Specifications, "Variable measure trade items").
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(try_from = "Form", into = "Form")]
pub struct Scheme(Form);

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Form {
    /// What the code begins with: two or more digits, of which the first is 2.
    prefix: String,
    /// Digits of the item's number, 1 or more.
    item_digits: u8,
    /// Digits of the value, 4 to 6.
    value_digits: u8,
    /// What the value is.
    value: ValueKind,
    /// Whether the value has a check digit of its own, in front of it. With four or five digits only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    value_check: bool,
}

/// What a scanned code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A product's code, in one form.
    Plain(String),
    /// An item, and how much of it.
    Embedded {
        /// The scheme's prefix and the item's digits: the code under which the catalogue has the product.
        item: String,
        /// How much.
        value: Value,
    },
}

/// The value in a barcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// What the package costs.
    Price(Amount),
    /// What it weighs.
    Weight(Quantity),
}

impl Scheme {
    /// A scheme with `prefix`, then `item_digits`, then a check digit if `value_check`, then `value_digits`.
    ///
    /// # Errors
    /// [`Invalid::BarcodeScheme`] if that does not make 13 digits with the last one, the prefix does not begin with 2 or
    /// has one digit, or there is no check digit for so long a value.
    pub fn try_new(
        prefix: &str,
        item_digits: u8,
        value_digits: u8,
        value: ValueKind,
        value_check: bool,
    ) -> Result<Self, Invalid> {
        Self::try_from(Form { prefix: prefix.to_owned(), item_digits, value_digits, value, value_check })
    }

    /// What is embedded in a valid EAN-13, if it is of this scheme.
    fn read(&self, code: &str) -> Option<Reading> {
        let Form { prefix, item_digits, value_digits, value, value_check } = &self.0;
        let rest = code.strip_prefix(prefix.as_str())?;
        let (_, rest) = rest.split_at_checked(usize::from(*item_digits))?;
        let item = code[..code.len() - rest.len()].to_owned();
        let (check, rest) = rest.split_at_checked(usize::from(*value_check))?;
        let digits = rest.get(..usize::from(*value_digits))?;
        if *value_check && check.parse().ok() != value_check_digit(digits) {
            return None;
        }
        let units = digits.parse().ok()?;
        let value = match value {
            ValueKind::Price => Value::Price(Amount::try_new(units).ok()?),
            ValueKind::Weight => Value::Weight(Quantity::from_thousandths(units).ok()?),
        };
        Some(Reading::Embedded { item, value })
    }
}

impl TryFrom<Form> for Scheme {
    type Error = Invalid;

    fn try_from(form: Form) -> Result<Self, Invalid> {
        let Form { prefix, item_digits, value_digits, value_check, .. } = &form;
        let digits = prefix.len() + usize::from(*item_digits) + usize::from(*value_check) + usize::from(*value_digits);
        let prefixed = prefix.len() >= 2 && prefix.starts_with('2') && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let measured = (4..=if *value_check { 5 } else { 6 }).contains(value_digits);
        if digits == 12 && prefixed && *item_digits > 0 && measured {
            Ok(Self(form))
        } else {
            Err(Invalid::BarcodeScheme)
        }
    }
}

impl From<Scheme> for Form {
    fn from(Scheme(form): Scheme) -> Self {
        form
    }
}

/// Reads what was scanned, by the first scheme that fits. What fits none is a plain code: a value whose check digit is
/// wrong too, so that nothing is sold at a price that was misread.
#[must_use]
pub fn read(schemes: &[Scheme], code: &str) -> Reading {
    let embedded = || schemes.iter().find_map(|scheme| scheme.read(code));
    let found = if code.len() == 13 && is_valid(code) { embedded() } else { None };
    found.unwrap_or_else(|| Reading::Plain(normalize(code)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scheme(prefix: &str, item_digits: u8, value_digits: u8, value: ValueKind, value_check: bool) -> Scheme {
        Scheme::try_new(prefix, item_digits, value_digits, value, value_check).unwrap()
    }

    fn with_check(digits: &str) -> String {
        format!("{digits}{}", check_digit(digits).unwrap())
    }

    #[test]
    fn check_digits_are_those_of_gs1() {
        // GTIN-13, GTIN-12 and GTIN-8 of published examples.
        for code in ["5010017088439", "9501101531000", "036000241457", "95012346"] {
            assert!(is_valid(code), "{code}");
        }
        for code in ["5010017088438", "", "5", "٥010017088439", "501001708843x"] {
            assert!(!is_valid(code), "{code}");
        }
        // The examples of the General Specifications for prices of four and five digits.
        assert_eq!((value_check_digit("2875"), value_check_digit("14685")), (Some(9), Some(6)));
        assert_eq!(value_check_digit("123"), None);
    }

    #[test]
    fn a_product_has_one_code() {
        assert_eq!(normalize("036000241457"), "0036000241457");
        for same in ["0036000241457", "036000241458", "95012346", "SKU-1"] {
            assert_eq!(normalize(same), same);
        }
    }

    #[test]
    fn prices_and_weights_are_read_by_the_scheme_of_their_prefix() {
        let schemes = [scheme("28", 4, 5, ValueKind::Price, true), scheme("29", 5, 5, ValueKind::Weight, false)];
        let embedded = |item: &str, value| Reading::Embedded { item: item.to_owned(), value };
        let price = |units| Value::Price(Amount::try_new(units).unwrap());
        // 146.85 with the verifier 6, and 0.350 kg.
        assert_eq!(read(&schemes, &with_check("281234614685")), embedded("281234", price(14685)));
        let weight = Value::Weight("0.35".parse().unwrap());
        assert_eq!(read(&schemes, &with_check("291234500350")), embedded("2912345", weight));
        // A wrong verifier or check digit, another prefix, another length.
        for plain in
            [with_check("281234514685"), "2812346146850".to_owned(), with_check("271234614685"), "28123".to_owned()]
        {
            assert_eq!(read(&schemes, &plain), Reading::Plain(plain.clone()));
        }
        assert_eq!(read(&schemes, "036000241457"), Reading::Plain("0036000241457".to_owned()));
    }

    #[test]
    fn schemes_make_thirteen_digits() {
        let refused = |prefix, item, digits, check| {
            assert_eq!(Scheme::try_new(prefix, item, digits, ValueKind::Price, check), Err(Invalid::BarcodeScheme));
        };
        refused("28", 4, 5, false);
        refused("2", 6, 5, false);
        refused("30", 5, 5, false);
        refused("2x", 5, 5, false);
        refused("28", 3, 6, true);
        refused("28123456", 0, 4, false);
        let json = r#"{"prefix":"28","item_digits":4,"value_digits":5,"value":"price","value_check":true}"#;
        let scheme: Scheme = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&scheme).unwrap(), json);
        assert!(serde_json::from_str::<Scheme>(&json.replace("28", "38")).is_err());
    }

    proptest! {
        #[test]
        fn any_single_wrong_digit_is_found(digits in "[0-9]{12}", at in 0_usize..13, by in 1_u8..10) {
            let code = with_check(&digits);
            let mut wrong = code.clone().into_bytes();
            wrong[at] = (wrong[at] - b'0' + by) % 10 + b'0';
            prop_assert!(is_valid(&code) && !is_valid(std::str::from_utf8(&wrong).unwrap()));
        }

        #[test]
        fn nothing_that_is_scanned_makes_it_fail(code in ".{0,14}|2[0-9]{12}") {
            let schemes = [scheme("28", 4, 5, ValueKind::Price, true), scheme("20", 6, 4, ValueKind::Weight, false)];
            let reading = read(&schemes, &code);
            prop_assert!(matches!(reading, Reading::Plain(_)) || is_valid(&code));
        }
    }
}
