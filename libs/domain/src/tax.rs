//! Tax on sales: per line or per rate, included in prices or added to them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    Invalid, decimal,
    money::{Amount, Overflow, Rounding, divide},
};

/// Millionths that make one whole.
const ONE: i128 = 1_000_000;

/// A tax rate: integer millionths from 0 to 10,000,000 (0 % to 1000 %); 19 % is 190,000.
///
/// In human-readable formats the percentage as a decimal text of at most four places, the shortest there is ("19",
/// "7.7"); in others the millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = r"^\+?\d+(\.\d{1,4})?$", example = "19"))]
pub struct Rate(u32);

impl Rate {
    /// No tax.
    pub const ZERO: Self = Self(0);

    /// A rate of so many millionths.
    ///
    /// # Errors
    /// [`Invalid::Rate`] beyond 10,000,000.
    pub const fn try_new(millionths: u32) -> Result<Self, Invalid> {
        if millionths > 10_000_000 {
            return Err(Invalid::Rate);
        }
        Ok(Self(millionths))
    }

    /// The millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal::shortest(self.0.into(), 4))
    }
}

impl FromStr for Rate {
    type Err = Invalid;

    /// Reads a percentage of at most four places, without the sign.
    fn from_str(percent: &str) -> Result<Self, Invalid> {
        let millionths = decimal::parse(percent, 4).and_then(|value| u32::try_from(value).ok());
        millionths.ok_or(Invalid::Rate).and_then(Self::try_new)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse()
        } else {
            Self::try_new(u32::deserialize(deserializer)?)
        }
        .map_err(D::Error::custom)
    }
}

/// Whether prices include tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// Prices are gross: what the customer pays.
    Included,
    /// Prices are net: tax comes on top.
    Added,
}

/// What tax is rounded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// Each line by itself.
    Line,
    /// The sum of the lines of one rate.
    Group,
}

/// A merchant's rules of tax and rounding, kept with every sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaxRules {
    /// Whether prices include tax.
    pub mode: TaxMode,
    /// What tax is rounded on.
    pub per: TaxRounding,
    /// What becomes of half a minor unit, of line amounts and of tax.
    pub rounding: Rounding,
}

/// The tax of one rate. `net` + `tax` = `gross`, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaxGroup {
    // In the order of canonical JSON, because receipts carry it.
    /// What is paid.
    pub gross: Amount,
    /// What the seller keeps.
    pub net: Amount,
    /// The rate.
    pub rate: Rate,
    /// What the state gets.
    pub tax: Amount,
}

/// The taxes of a sale. The sums are those of the groups, and `net` + `tax` = `gross`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxes {
    /// One group for each rate, the lowest first.
    pub groups: Vec<TaxGroup>,
    /// What the seller keeps.
    pub net: Amount,
    /// What the state gets.
    pub tax: Amount,
    /// What is paid.
    pub gross: Amount,
}

/// The taxes on lines, each of a rate and an amount: gross if tax is included in it, net if it is added.
///
/// Included tax is amount × rate / (1 + rate), added tax is amount × rate, rounded for each line or for each rate. The
/// order of the lines does not matter.
///
/// # Errors
/// [`Overflow`] if a sum is beyond the range of [`Amount`].
pub fn total(rules: TaxRules, lines: impl IntoIterator<Item = (Rate, Amount)>) -> Result<Taxes, Overflow> {
    let mut sums = BTreeMap::<Rate, (i128, i128)>::new();
    for (rate, amount) in lines {
        let (base, tax) = sums.entry(rate).or_default();
        let amount = i128::from(amount.get());
        *base += amount;
        *tax += tax_on(rules, rate, amount);
    }
    let mut taxes = Taxes { groups: Vec::new(), net: Amount::ZERO, tax: Amount::ZERO, gross: Amount::ZERO };
    for (rate, (base, sum_of_lines)) in sums {
        let tax = match rules.per {
            TaxRounding::Line => sum_of_lines,
            TaxRounding::Group => tax_on(rules, rate, base),
        };
        let (net, gross) = match rules.mode {
            TaxMode::Included => (base - tax, base),
            TaxMode::Added => (base, base + tax),
        };
        let group = TaxGroup { rate, net: net.try_into()?, tax: tax.try_into()?, gross: gross.try_into()? };
        taxes.net = taxes.net.checked_add(group.net).ok_or(Overflow)?;
        taxes.tax = taxes.tax.checked_add(group.tax).ok_or(Overflow)?;
        taxes.gross = taxes.gross.checked_add(group.gross).ok_or(Overflow)?;
        taxes.groups.push(group);
    }
    Ok(taxes)
}

fn tax_on(rules: TaxRules, rate: Rate, amount: i128) -> i128 {
    let rate = i128::from(rate.0);
    let whole = match rules.mode {
        TaxMode::Included => ONE + rate,
        TaxMode::Added => ONE,
    };
    divide(amount * rate, whole, rules.rounding)
}

#[cfg(test)]
mod tests;
