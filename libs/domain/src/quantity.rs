//! How much of a product.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Invalid, decimal};

/// Decimals of a quantity.
const PLACES: u8 = 3;

/// A quantity: integer thousandths of a unit (of a piece, a kilogram, a litre), within ±1,000,000,000 units.
///
/// In human-readable formats a decimal text, the shortest there is ("2", "0.35", "-1.5"), because a JSON number would
/// pass through a float on its way; in others the thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = r"^[+-]?\d+(\.\d{1,3})?$"))]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most there can be: 1,000,000,000 units.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// So many thousandths of a unit.
    ///
    /// # Errors
    /// [`Invalid::Quantity`] beyond ±[`Quantity::MAX`].
    pub const fn from_thousandths(thousandths: i64) -> Result<Self, Invalid> {
        if thousandths < -Self::MAX.0 || thousandths > Self::MAX.0 {
            return Err(Invalid::Quantity);
        }
        Ok(Self(thousandths))
    }

    /// So many whole units, within ±1,000,000,000.
    ///
    /// # Panics
    /// Beyond that range; meant for constants and tests.
    #[must_use]
    pub const fn whole(units: i32) -> Self {
        assert!(units >= -1_000_000_000 && units <= 1_000_000_000, "beyond the range of a quantity");
        Self(units as i64 * 1000)
    }

    /// Thousandths of a unit.
    #[must_use]
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// The sum, none beyond the range.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match Self::from_thousandths(self.0 + other.0) {
            Ok(sum) => Some(sum),
            Err(_) => None,
        }
    }
}

impl std::ops::Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal::shortest(self.0, PLACES))
    }
}

impl FromStr for Quantity {
    type Err = Invalid;

    /// Reads an optional sign, digits, and optionally a point with one to three digits.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        decimal::parse(text, PLACES).ok_or(Invalid::Quantity).and_then(Self::from_thousandths)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse()
        } else {
            Self::from_thousandths(i64::deserialize(deserializer)?)
        }
        .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_range_ends_where_it_says() {
        assert_eq!("1000000000".parse(), Ok(Quantity::MAX));
        assert_eq!("-1000000000".parse(), Ok(-Quantity::MAX));
        assert_eq!("1000000000.001".parse::<Quantity>(), Err(Invalid::Quantity));
        assert_eq!(Quantity::MAX.checked_add(Quantity::whole(1)), None);
        assert_eq!(Quantity::whole(2).checked_add(-Quantity::whole(3)), Some(Quantity::whole(-1)));
    }

    #[test]
    fn json_is_text_only() {
        assert_eq!(serde_json::to_string(&Quantity::from_thousandths(-1500).unwrap()).unwrap(), "\"-1.5\"");
        assert!(serde_json::from_str::<Quantity>("1.5").is_err());
    }

    proptest! {
        #[test]
        fn text_round_trips_and_is_shortest(thousandths in -Quantity::MAX.0..=Quantity::MAX.0) {
            let quantity = Quantity::from_thousandths(thousandths).unwrap();
            let text = quantity.to_string();
            prop_assert_eq!(text.parse(), Ok(quantity));
            prop_assert!(!text.contains('.') || !text.ends_with(['0', '.']));
        }
    }
}
