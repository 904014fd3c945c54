//! Money: integer minor units and the currency that they are units of.

use std::{fmt, iter};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Invalid, decimal};

/// A sum is beyond the range of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sum is beyond the range of its type")]
pub struct Overflow;

/// The codes of the active national currencies by their number of decimals, 0 to 3, each list in order.
///
/// From ISO 4217 list one as of 2026, without fund codes, precious metals and codes for testing.
#[rustfmt::skip]
const CODES: [&[&str]; 4] = [
    &["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"],
    &[],
    &[
        "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND", "BOB", "BRL",
        "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP",
        "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL",
        "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR",
        "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN",
        "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB",
        "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB",
        "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG",
        "YER", "ZAR", "ZMW", "ZWG",
    ],
    &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"],
];

/// An active ISO 4217 currency. Its code ("EUR") in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    exponent: u8,
}

impl Currency {
    /// The currency with this alphabetic code, in capitals.
    ///
    /// # Errors
    /// [`Invalid::Currency`] for any other text.
    pub fn try_new(code: &str) -> Result<Self, Invalid> {
        iter::zip(0.., CODES)
            .find_map(|(exponent, codes)| codes.binary_search(&code).ok().map(|at| Self { code: codes[at], exponent }))
            .ok_or(Invalid::Currency)
    }

    /// The alphabetic code: three capital letters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// How many decimals an amount in major units has, 0 to 3: 2 for EUR, 0 for JPY.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.exponent
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some("The code of an active ISO 4217 currency."))
            .examples(["EUR"])
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Currency {}

/// An amount of money: integer minor units (cents) of a currency known from the context, within ±(2^53 − 1).
///
/// The bound is that of canonical JSON (RFC 8785): its numbers are IEEE doubles, in which larger integers do not all
/// survive, and receipts are signed in that form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = i64, minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64))]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most there can be: 2^53 − 1 minor units.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// So many minor units.
    ///
    /// # Errors
    /// [`Invalid::Amount`] beyond ±[`Amount::MAX`].
    pub const fn try_new(minor_units: i64) -> Result<Self, Invalid> {
        if minor_units < -Self::MAX.0 || minor_units > Self::MAX.0 {
            return Err(Invalid::Amount);
        }
        Ok(Self(minor_units))
    }

    /// The minor units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, none beyond the range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::try_new(self.0 + other.0).ok()
    }

    /// The difference, none beyond the range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::try_new(self.0 - other.0).ok()
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Whether this is less than nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The amount in major units with the currency's decimals, without the currency: "12.34", "-0.05", "500".
    #[must_use]
    pub fn format(self, currency: Currency) -> String {
        decimal::fixed(self.0, currency.exponent())
    }
}

impl std::ops::Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl TryFrom<i64> for Amount {
    type Error = Invalid;

    fn try_from(minor_units: i64) -> Result<Self, Invalid> {
        Self::try_new(minor_units)
    }
}

impl TryFrom<i128> for Amount {
    type Error = Overflow;

    fn try_from(minor_units: i128) -> Result<Self, Overflow> {
        i64::try_from(minor_units).ok().and_then(|units| Self::try_new(units).ok()).ok_or(Overflow)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// What becomes of exactly half a minor unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Away from zero: 2.5 becomes 3, −2.5 becomes −3.
    HalfUp,
    /// To the even neighbour (banker's rounding): 2.5 becomes 2, 3.5 becomes 4.
    HalfEven,
}

/// The integer nearest to `numerator` / `denominator`.
///
/// # Panics
/// If `denominator` is zero, or the quotient is 2^127.
#[must_use]
pub const fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    let quotient = numerator / denominator;
    let rest = (numerator % denominator).unsigned_abs();
    let gap = denominator.unsigned_abs() - rest;
    let away = match rounding {
        Rounding::HalfUp => rest >= gap,
        Rounding::HalfEven => rest > gap || (rest == gap && quotient % 2 != 0),
    };
    let direction = if (numerator < 0) == (denominator < 0) { 1 } else { -1 };
    if away { quotient + direction } else { quotient }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn currencies_have_their_iso_exponents() {
        for (code, exponent) in [("EUR", 2), ("JPY", 0), ("KWD", 3), ("ZWG", 2), ("BIF", 0), ("XPF", 0)] {
            assert_eq!(Currency::try_new(code).map(Currency::exponent), Ok(exponent), "{code}");
        }
        for code in ["", "eur", "EU", "XXX", "XTS", "DEM", "EURO"] {
            assert_eq!(Currency::try_new(code), Err(Invalid::Currency), "{code}");
        }
        assert!(CODES.iter().all(|codes| codes.is_sorted() && codes.iter().all(|code| code.len() == 3)));
        assert_eq!(serde_json::to_string(&Currency::try_new("CHF").unwrap()).unwrap(), "\"CHF\"");
        assert!(serde_json::from_str::<Currency>("\"chf\"").is_err());
    }

    #[test]
    fn amounts_end_at_what_a_double_holds() {
        assert_eq!(Amount::MAX.get(), 9_007_199_254_740_991);
        assert_eq!(Amount::try_new(-9_007_199_254_740_991).map(Amount::get), Ok(-9_007_199_254_740_991));
        assert_eq!(Amount::try_new(i64::MIN), Err(Invalid::Amount));
        assert_eq!(Amount::MAX.checked_add(Amount(1)), None);
        assert_eq!(Amount(-1).checked_sub(Amount::MAX), None);
        assert!(serde_json::from_str::<Amount>("9007199254740992").is_err());
        assert!(serde_json::from_str::<Amount>("1.0").is_err());
    }

    #[test]
    fn amounts_print_with_the_decimals_of_their_currency() {
        let format = |units, code| Amount(units).format(Currency::try_new(code).unwrap());
        assert_eq!(format(1234, "EUR"), "12.34");
        assert_eq!(format(-5, "EUR"), "-0.05");
        assert_eq!(format(500, "JPY"), "500");
        assert_eq!(format(1, "KWD"), "0.001");
    }

    #[test]
    fn halves_round_by_the_rule() {
        for (numerator, up, even) in
            [(25, 3, 2), (35, 4, 4), (-25, -3, -2), (-35, -4, -4), (24, 2, 2), (26, 3, 3), (-24, -2, -2), (5, 1, 0)]
        {
            assert_eq!(divide(numerator, 10, Rounding::HalfUp), up, "{numerator}");
            assert_eq!(divide(numerator, 10, Rounding::HalfEven), even, "{numerator}");
        }
    }

    proptest! {
        #[test]
        fn division_is_symmetric_and_nearest(n in -(1_i128 << 100)..(1 << 100), d in 1_i128..1 << 24, even: bool) {
            let rounding = if even { Rounding::HalfEven } else { Rounding::HalfUp };
            let quotient = divide(n, d, rounding);
            prop_assert_eq!(divide(-n, d, rounding), -quotient);
            prop_assert_eq!(divide(n, -d, rounding), -quotient);
            prop_assert!(2 * (quotient * d - n).abs() <= d);
        }

        #[test]
        fn ties_go_where_the_rule_says(whole in -(1_i128 << 60)..(1 << 60), half in 1_i128..1 << 24) {
            let numerator = whole * 2 * half + half; // whole + 1/2, over 2 × half
            let even = divide(numerator, 2 * half, Rounding::HalfEven);
            prop_assert_eq!(even % 2, 0);
            prop_assert!(even == whole || even == whole + 1);
            let up = divide(numerator, 2 * half, Rounding::HalfUp);
            prop_assert_eq!(up, if whole < 0 { whole } else { whole + 1 });
        }
    }
}
