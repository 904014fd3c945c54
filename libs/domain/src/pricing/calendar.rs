//! Days and hours at a shop. The caller knows its time zone; here there are none.

use std::{fmt, str::FromStr};

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A day of the years 2000 to 9999: "2026-11-23" in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(NaiveDate);

super::text!(Date, r"^[2-9]\d{3}-\d{2}-\d{2}$", "2026-11-23");

impl Date {
    /// The day of the week.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        match self.0.weekday() {
            chrono::Weekday::Mon => Weekday::Monday,
            chrono::Weekday::Tue => Weekday::Tuesday,
            chrono::Weekday::Wed => Weekday::Wednesday,
            chrono::Weekday::Thu => Weekday::Thursday,
            chrono::Weekday::Fri => Weekday::Friday,
            chrono::Weekday::Sat => Weekday::Saturday,
            chrono::Weekday::Sun => Weekday::Sunday,
        }
    }
}

impl FromStr for Date {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| Invalid::Date)?;
        // chrono reads "2026-1-5" and "+2026-1-5" too; a day has one text only.
        let plain = text.len() == 10 && !text.starts_with('+');
        if plain && (2000..=9999).contains(&date.year()) { Ok(Self(date)) } else { Err(Invalid::Date) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%d").fmt(f)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A minute of the day, 0 to 1439: "17:05" in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

super::text!(TimeOfDay, r"^([01]\d|2[0-3]):[0-5]\d$", "17:05");

impl FromStr for TimeOfDay {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let two = |digits: &[u8]| match digits {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0')),
            _ => None,
        };
        let (hour, minute) = text.split_once(':').ok_or(Invalid::TimeOfDay)?;
        match (two(hour.as_bytes()), two(minute.as_bytes())) {
            (Some(hour @ ..=23), Some(minute @ ..=59)) => Ok(Self(hour * 60 + minute)),
            _ => Err(Invalid::TimeOfDay),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Hours of each day: `from` is in, `until` is out. From 22:00 until 02:00 goes over midnight; from 10:00 until 10:00 is
/// the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Hours {
    /// The first minute.
    pub from: TimeOfDay,
    /// The minute after the last.
    pub until: TimeOfDay,
}

impl Hours {
    /// Whether a minute is within.
    #[must_use]
    pub fn contain(self, time: TimeOfDay) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&time)
        } else {
            time >= self.from || time < self.until
        }
    }
}

/// The time on the wall of a shop, to the minute: "2026-11-23T17:05" in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime {
    /// The day.
    pub date: Date,
    /// The minute of the day.
    pub time: TimeOfDay,
}

super::text!(LocalTime, r"^[2-9]\d{3}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$", "2026-11-23T17:05");

impl FromStr for LocalTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (date, time) = text.split_once('T').ok_or(Invalid::LocalTime)?;
        let read = || Ok::<_, Invalid>(Self { date: date.parse()?, time: time.parse()? });
        read().map_err(|_| Invalid::LocalTime)
    }
}

impl TryFrom<NaiveDateTime> for LocalTime {
    type Error = Invalid;

    /// What a calendar with time zones makes of a moment; seconds are cut off.
    fn try_from(local: NaiveDateTime) -> Result<Self, Invalid> {
        let minute = u16::try_from(local.hour() * 60 + local.minute()).map_err(|_| Invalid::LocalTime)?;
        if !(2000..=9999).contains(&local.year()) {
            return Err(Invalid::LocalTime);
        }
        Ok(Self { date: Date(local.date()), time: TimeOfDay(minute) })
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date, self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_minutes_have_one_text() {
        for text in ["2026-11-23T17:05", "2000-01-01T00:00", "9999-12-31T23:59", "2028-02-29T12:00"] {
            assert_eq!(text.parse::<LocalTime>().unwrap().to_string(), text);
        }
        for text in ["2026-1-05", "2026-02-29", "1999-12-31", "10000-01-01", "2026-11-23T", "+2026-11-2", ""] {
            assert_eq!(text.parse::<Date>(), Err(Invalid::Date), "{text}");
        }
        for text in ["24:00", "7:30", "07:60", "07:3", "07:30:00", "0730", ""] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(Invalid::TimeOfDay), "{text}");
        }
        assert_eq!("2026-11-23".parse::<Date>().unwrap().weekday(), Weekday::Monday);
        let moment = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(17, 5, 59).unwrap();
        assert_eq!(LocalTime::try_from(moment).unwrap().to_string(), "2026-11-23T17:05");
    }

    #[test]
    fn hours_go_over_midnight() {
        let time = |text: &str| text.parse::<TimeOfDay>().unwrap();
        let within = |from, until, now| Hours { from: time(from), until: time(until) }.contain(time(now));
        assert!(within("17:00", "19:00", "17:00") && within("17:00", "19:00", "18:59"));
        assert!(!within("17:00", "19:00", "19:00") && !within("17:00", "19:00", "16:59"));
        assert!(within("22:00", "02:00", "23:59") && within("22:00", "02:00", "01:59"));
        assert!(!within("22:00", "02:00", "02:00") && within("10:00", "10:00", "09:59"));
    }
}
