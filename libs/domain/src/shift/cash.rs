//! Cash as it is counted.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};

use super::CashRejection;
use crate::{
    Rejection,
    money::{Amount, Overflow},
};

/// The most denominations of one count. No currency has half as many.
pub const MAX_DENOMINATIONS: usize = 64;

/// An amount that somebody has counted: as a sum, or by denomination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Cash {
    /// A sum in minor units.
    Sum(Amount),
    /// Notes and coins.
    Counted(Vec<Denomination>),
}

/// Notes or coins of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Denomination {
    /// What one is worth, in minor units, above zero.
    pub value: Amount,
    /// How many there are.
    pub count: u32,
}

impl Cash {
    /// What it comes to.
    ///
    /// # Errors
    /// [`CashRejection::Negative`] for less than nothing, [`CashRejection::TooManyDenominations`] beyond
    /// [`MAX_DENOMINATIONS`], [`Rejection::AmountOverflow`] beyond the range.
    pub fn total(&self) -> Result<Amount, Rejection> {
        match self {
            Self::Sum(amount) if amount.is_negative() => Err(CashRejection::Negative.into()),
            Self::Sum(amount) => Ok(*amount),
            Self::Counted(all) if all.len() > MAX_DENOMINATIONS => {
                Err(CashRejection::TooManyDenominations { count: all.len(), max: MAX_DENOMINATIONS }.into())
            }
            Self::Counted(all) => all.iter().try_fold(Amount::ZERO, |sum, Denomination { value, count }| {
                if *value <= Amount::ZERO {
                    return Err(CashRejection::Negative.into());
                }
                let worth = Amount::try_from(i128::from(value.get()) * i128::from(*count))?;
                Ok(sum.checked_add(worth).ok_or(Overflow)?)
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Cash {
    // Not derived: what is derived reads ahead, and so hides from the edge which field is wrong or unknown.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SumOrCount)
    }
}

struct SumOrCount;

impl<'de> Visitor<'de> for SumOrCount {
    type Value = Cash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("minor units, or a list of denominations")
    }

    fn visit_i64<E: de::Error>(self, minor_units: i64) -> Result<Cash, E> {
        Amount::try_new(minor_units).map(Cash::Sum).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, minor_units: u64) -> Result<Cash, E> {
        self.visit_i64(i64::try_from(minor_units).unwrap_or(i64::MAX))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cash, A::Error> {
        let mut all = Vec::new();
        while let Some(denomination) = list.next_element()? {
            all.push(denomination);
        }
        Ok(Cash::Counted(all))
    }
}
