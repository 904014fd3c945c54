//! Moments.

use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Invalid;

/// 2000-01-01T00:00:00Z in microseconds.
const EARLIEST_MICROS: i64 = 946_684_800_000_000;
/// 9999-12-31T23:59:59.999999Z in microseconds.
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

/// A moment: microseconds since the Unix epoch, UTC, in the years 2000 to 9999.
///
/// In human-readable formats an RFC 3339 text with exactly six decimals and `Z` ("2026-11-23T05:17:01.250000Z"), so
/// that a moment has one text only; in others the microseconds. Any RFC 3339 text is read, whatever its offset; what is
/// finer than a microsecond is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after the Unix epoch.
    ///
    /// # Errors
    /// [`Invalid::Timestamp`] outside the years 2000 to 9999.
    pub const fn from_micros(micros: i64) -> Result<Self, Invalid> {
        if micros < EARLIEST_MICROS || micros > LATEST_MICROS {
            return Err(Invalid::Timestamp);
        }
        Ok(Self(micros))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The one RFC 3339 text of this moment: six decimals and `Z`.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic, as the expect proves")]
    pub fn to_rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_micros(self.0)
            .expect("chrono's calendar spans 262,000 years and this type 8,000 of them")
            .to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl FromStr for Timestamp {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let moment = DateTime::parse_from_rfc3339(text).map_err(|_| Invalid::Timestamp)?;
        Self::from_micros(moment.timestamp_micros())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.to_rfc3339().serialize(serializer)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse()
        } else {
            Self::from_micros(i64::deserialize(deserializer)?)
        }
        .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_any_offset_and_writes_one_form() {
        for (text, canonical) in [
            ("2026-11-23T05:17:01Z", "2026-11-23T05:17:01.000000Z"),
            ("2026-11-23T05:17:01.2500009+05:30", "2026-11-22T23:47:01.250000Z"),
            ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_rfc3339(), canonical);
        }
    }

    #[test]
    fn refuses_what_is_not_a_moment_of_its_years() {
        for text in ["", "2026-11-23", "2026-11-23T05:17:01", "2026-02-30T00:00:00Z", "1999-12-31T23:59:59.999999Z"] {
            assert_eq!(text.parse::<Timestamp>(), Err(Invalid::Timestamp), "{text}");
        }
        assert!("9999-12-31T23:59:59-01:00".parse::<Timestamp>().is_err());
    }

    proptest! {
        #[test]
        fn text_and_json_round_trip(micros in EARLIEST_MICROS..=LATEST_MICROS) {
            let moment = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
            let json = serde_json::to_string(&moment).unwrap();
            prop_assert_eq!(json.len(), 29);
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment);
        }
    }
}
