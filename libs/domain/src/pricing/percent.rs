//! How much of something is taken off.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Invalid, decimal};

/// A part of a whole: integer millionths from 0 to 1,000,000 (0 % to 100 %); 12.5 % is 125,000.
///
/// In human-readable formats the percentage as a decimal text of at most four places, the shortest there is ("10",
/// "12.5"); in others the millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = r"^\+?\d+(\.\d{1,4})?$", example = "10"))]
pub struct Percent(u32);

impl Percent {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// So many millionths.
    ///
    /// # Errors
    /// [`Invalid::Percent`] beyond 1,000,000.
    pub const fn try_new(millionths: u32) -> Result<Self, Invalid> {
        if millionths > Self::ALL.0 {
            return Err(Invalid::Percent);
        }
        Ok(Self(millionths))
    }

    /// The millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal::shortest(self.0.into(), 4))
    }
}

impl FromStr for Percent {
    type Err = Invalid;

    /// Reads a percentage of at most four places, without the sign.
    fn from_str(percent: &str) -> Result<Self, Invalid> {
        let millionths = decimal::parse(percent, 4).and_then(|value| u32::try_from(value).ok());
        millionths.ok_or(Invalid::Percent).and_then(Self::try_new)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse()
        } else {
            Self::try_new(u32::deserialize(deserializer)?)
        }
        .map_err(D::Error::custom)
    }
}
