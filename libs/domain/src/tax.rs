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
    // In the order of canonical JSON, because receipts carry it.
    /// What is paid in cash is rounded to a multiple of so many minor units: 5 for Swiss francs. Left out for 1.
    #[serde(default, skip_serializing_if = "CashStep::is_one")]
    #[cfg_attr(feature = "schema", schema(value_type = u16, minimum = 1, maximum = 1000))]
    pub cash_step: CashStep,
    /// Whether prices include tax.
    pub mode: TaxMode,
    /// What tax is rounded on.
    pub per: TaxRounding,
    /// What becomes of half a minor unit, of line amounts and of tax.
    pub rounding: Rounding,
}

/// The smallest amount that is paid in cash: integer minor units from 1 to 1000. Swiss francs have 5, Swedish kronor 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct CashStep(u16);

impl CashStep {
    /// Cash is not rounded.
    pub const ONE: Self = Self(1);

    /// So many minor units.
    ///
    /// # Errors
    /// [`Invalid::CashStep`] unless 1 to 1000.
    pub const fn try_new(minor_units: u16) -> Result<Self, Invalid> {
        match minor_units {
            1..=1000 => Ok(Self(minor_units)),
            _ => Err(Invalid::CashStep),
        }
    }

    /// The minor units.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The nearest amount that can be paid in cash.
    ///
    /// # Errors
    /// [`Overflow`] if it is beyond the range.
    pub fn round(self, amount: Amount, rounding: Rounding) -> Result<Amount, Overflow> {
        let step = i128::from(self.0);
        (divide(amount.get().into(), step, rounding) * step).try_into()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_one(&self) -> bool {
        *self == Self::ONE
    }
}

impl Default for CashStep {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u16> for CashStep {
    type Error = Invalid;

    fn try_from(minor_units: u16) -> Result<Self, Invalid> {
        Self::try_new(minor_units)
    }
}

impl From<CashStep> for u16 {
    fn from(step: CashStep) -> Self {
        step.0
    }
}

/// How something is taxed: by one rate, or by several components on the same base whose rates add up to it, such as a
/// state's and a city's sales tax.
///
/// In every format `rate`, or `components`; if both are there they must agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(try_from = "TaxForm")]
pub struct Tax {
    rate: Rate,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxForm {
    rate: Option<Rate>,
    #[serde(default)]
    components: Vec<Component>,
}

impl TryFrom<TaxForm> for Tax {
    type Error = Invalid;

    fn try_from(TaxForm { rate, components }: TaxForm) -> Result<Self, Invalid> {
        if components.is_empty() {
            return rate.map(Self::single).ok_or(Invalid::Rate);
        }
        let tax = Self::of(components)?;
        if rate.is_none_or(|rate| rate == tax.rate) { Ok(tax) } else { Err(Invalid::Rate) }
    }
}

/// One of the taxes on the same base.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Component {
    // In the order of canonical JSON, because receipts carry it.
    /// What the tax is called.
    pub name: String,
    /// Its rate.
    pub rate: Rate,
}

impl Tax {
    /// One rate.
    #[must_use]
    pub const fn single(rate: Rate) -> Self {
        Self { rate, components: Vec::new() }
    }

    /// The sum of components, in the order in which they are shown; of none there is no tax.
    ///
    /// # Errors
    /// [`Invalid::Rate`] if the sum is beyond 10,000,000.
    pub fn of(components: Vec<Component>) -> Result<Self, Invalid> {
        let sum = components.iter().map(|component| u64::from(component.rate.0)).sum::<u64>();
        Ok(Self { rate: Rate::try_new(u32::try_from(sum).map_err(|_| Invalid::Rate)?)?, components })
    }

    /// As it was recorded.
    #[must_use]
    pub const fn recorded(rate: Rate, components: Vec<Component>) -> Self {
        Self { rate, components }
    }

    /// The rate of all components together.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The components; none where there is but one rate.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

/// The tax of one component, on the base of its group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ComponentTax {
    // In the order of canonical JSON, because receipts carry it.
    /// What the tax is called.
    pub name: String,
    /// Its rate.
    pub rate: Rate,
    /// What the state gets of it.
    pub tax: Amount,
}

/// The tax of one rate. `net` + `tax` = `gross`, always, and the components' taxes add up to `tax`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaxGroup {
    // In the order of canonical JSON, because receipts carry it.
    /// The taxes of which it consists, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ComponentTax>,
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

/// The taxes on lines, each with its tax and an amount: gross if tax is included in it, net if it is added.
///
/// Included tax is amount × rate / (1 + rate), added tax is amount × rate, rounded for each line or for each rate. Of several
/// components each is rounded by itself: included it is amount × its rate / (1 + the sum of rates). The order of the lines
/// does not matter, and what is negative is rounded as what is positive.
///
/// # Errors
/// [`Overflow`] if a sum is beyond the range of [`Amount`].
pub fn total<'a>(rules: TaxRules, lines: impl IntoIterator<Item = (&'a Tax, Amount)>) -> Result<Taxes, Overflow> {
    // Of each group the base, and the taxes of its lines by component.
    let mut sums = BTreeMap::<&Tax, (i128, Vec<i128>)>::new();
    for (tax, amount) in lines {
        let amount = i128::from(amount.get());
        let (base, parts) = sums.entry(tax).or_insert_with(|| (0, vec![0; tax.rates().count()]));
        *base += amount;
        for (part, rate) in parts.iter_mut().zip(tax.rates()) {
            *part += part_of(rules, tax.rate, rate, amount);
        }
    }
    let mut taxes = Taxes { groups: Vec::new(), net: Amount::ZERO, tax: Amount::ZERO, gross: Amount::ZERO };
    for (tax, (base, of_lines)) in sums {
        let parts = match rules.per {
            TaxRounding::Line => of_lines,
            TaxRounding::Group => tax.rates().map(|rate| part_of(rules, tax.rate, rate, base)).collect(),
        };
        let group = group(rules, tax, base, &parts)?;
        taxes.net = taxes.net.checked_add(group.net).ok_or(Overflow)?;
        taxes.tax = taxes.tax.checked_add(group.tax).ok_or(Overflow)?;
        taxes.gross = taxes.gross.checked_add(group.gross).ok_or(Overflow)?;
        taxes.groups.push(group);
    }
    Ok(taxes)
}

fn group(rules: TaxRules, tax: &Tax, base: i128, parts: &[i128]) -> Result<TaxGroup, Overflow> {
    let sum: i128 = parts.iter().sum();
    let (net, gross) = match rules.mode {
        TaxMode::Included => (base - sum, base),
        TaxMode::Added => (base, base + sum),
    };
    let part = |(component, part): (&Component, &i128)| {
        let Component { name, rate } = component.clone();
        Ok(ComponentTax { name, rate, tax: (*part).try_into()? })
    };
    let components = tax.components.iter().zip(parts).map(part).collect::<Result<_, Overflow>>()?;
    Ok(TaxGroup { components, gross: gross.try_into()?, net: net.try_into()?, rate: tax.rate, tax: sum.try_into()? })
}

impl Tax {
    /// The rates that are rounded by themselves: those of the components, or the only one.
    fn rates(&self) -> impl Iterator<Item = Rate> {
        let single = self.components.is_empty().then_some(self.rate);
        self.components.iter().map(|component| component.rate).chain(single)
    }
}

/// What a part of a rate is of an amount.
fn part_of(rules: TaxRules, whole: Rate, part: Rate, amount: i128) -> i128 {
    let (numerator, denominator) = exact_part(rules.mode, whole, part, amount);
    divide(numerator, denominator, rules.rounding)
}

/// What a part of a rate is of an amount before it is rounded: numerator and denominator, which is above zero.
pub(crate) fn exact_part(mode: TaxMode, whole: Rate, part: Rate, amount: i128) -> (i128, i128) {
    let base = match mode {
        TaxMode::Included => ONE + i128::from(whole.0),
        TaxMode::Added => ONE,
    };
    (amount * i128::from(part.0), base)
}

#[cfg(test)]
mod tests;
