//! A merchant's rules of tax and rounding, as columns.

use tillstream_domain::{
    money::Rounding,
    tax::{CashStep, Component, Rate, Tax, TaxMode, TaxRounding, TaxRules},
};

use crate::Error;

/// The columns `tax_mode`, `tax_per`, `rounding` and `cash_step`.
pub(crate) fn columns(rules: TaxRules) -> (&'static str, &'static str, &'static str, i16) {
    let mode = match rules.mode {
        TaxMode::Included => "included",
        TaxMode::Added => "added",
    };
    let per = match rules.per {
        TaxRounding::Line => "line",
        TaxRounding::Group => "group",
    };
    let rounding = match rules.rounding {
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
    };
    let step = i16::try_from(rules.cash_step.get()).expect("a step is at most 1000");
    (mode, per, rounding, step)
}

/// The rules in those columns.
pub(crate) fn read(mode: &str, per: &str, rounding: &str, step: i16) -> Result<TaxRules, Error> {
    let unknown = |what: &str| Error::stored("merchant", &format!("{what} is not known to this version"));
    let step = u16::try_from(step).ok().and_then(|step| CashStep::try_new(step).ok());
    Ok(TaxRules {
        cash_step: step.ok_or_else(|| unknown("cash step"))?,
        mode: match mode {
            "included" => TaxMode::Included,
            "added" => TaxMode::Added,
            _ => return Err(unknown("tax mode")),
        },
        per: match per {
            "line" => TaxRounding::Line,
            "group" => TaxRounding::Group,
            _ => return Err(unknown("tax rounding")),
        },
        rounding: match rounding {
            "half_up" => Rounding::HalfUp,
            "half_even" => Rounding::HalfEven,
            _ => return Err(unknown("rounding")),
        },
    })
}

/// The tax in the columns `rate`, `component_names` and `component_rates`.
pub(crate) fn read_tax(whole: i32, names: Vec<String>, rates: &[i32]) -> Result<Tax, Error> {
    let rate = |millionths: i32| {
        let millionths = u32::try_from(millionths).map_err(|error| Error::stored("tax category", &error))?;
        Rate::try_new(millionths).map_err(|error| Error::stored("tax category", &error))
    };
    let components = names.into_iter().zip(rates).map(|(name, part)| Ok(Component { name, rate: rate(*part)? }));
    Ok(Tax::recorded(rate(whole)?, components.collect::<Result<_, Error>>()?))
}

/// A rate in a column.
pub(crate) fn column(rate: Rate) -> i32 {
    i32::try_from(rate.millionths()).expect("a rate is at most 1000 %")
}
