//! Where each number of a quote is from.

use serde::{Deserialize, Serialize};

use super::{Bundle, BuyGet, PriceSource, Quote, QuotedDiscount, QuotedLine, Ratio, Rule};
use crate::{
    decimal,
    money::{Amount, Currency, Rounding},
    tax::{Component, Rate, Tax, TaxGroup, TaxMode, TaxRounding, exact_part},
};

/// Where a number is from: the value before it was rounded, what became of that, and all of it in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The line that it is about, from 0; of the whole basket, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What it is about.
    pub subject: Subject,
    /// The number.
    pub amount: Amount,
    /// What it was before it was rounded.
    pub exact: Ratio,
    /// How it was rounded.
    pub rounded: Rounded,
    /// In English.
    pub text: String,
}

/// What an explanation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplanationSubject))]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A line's unit price.
    UnitPrice,
    /// A line's amount.
    Amount,
    /// A discount of a line, from 0.
    Discount(usize),
    /// Tax at a rate, of a line where the rules round each line, else of all lines with that tax.
    Tax {
        /// The component's name, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The rate.
        rate: Rate,
    },
    /// What would be paid in cash.
    InCash,
}

/// How a number was rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ExplanationRounded))]
#[serde(rename_all = "snake_case")]
pub enum Rounded {
    /// It was whole.
    Exact,
    /// To the nearest, halves away from zero.
    HalfUp,
    /// To the nearest, halves to the even neighbour.
    HalfEven,
    /// Up or down, so that all shares add up.
    LargestRemainder,
    /// Cut to what was due.
    Capped,
}

impl Quote {
    /// Explains each number: of each line the unit price, the amount and the discounts, then the taxes, then what would be
    /// paid in cash.
    #[must_use]
    pub fn explain(&self) -> Vec<Explanation> {
        let words = Words { currency: self.currency, rounding: self.rules.rounding };
        let mut found = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let of_line = |explanation| Explanation { line: Some(at), ..explanation };
            found.extend([words.unit_price(line), words.amount(line)].map(of_line));
            found.extend(line.discounts.iter().enumerate().map(|(at, found)| of_line(words.discount(at, found))));
            if self.rules.per == TaxRounding::Line {
                let taxes =
                    parts(&line.tax).into_iter().map(|part| words.tax(self.rules.mode, &line.tax, part, line.due));
                found.extend(taxes.map(of_line));
            }
        }
        if self.rules.per == TaxRounding::Group {
            found.extend(self.taxes.iter().flat_map(|group| words.group(self.rules.mode, group)));
        }
        found.push(words.in_cash(self));
        found
    }
}

/// What the rounded numbers have in common.
struct Words {
    currency: Currency,
    rounding: Rounding,
}

impl Words {
    fn unit_price(&self, line: &QuotedLine) -> Explanation {
        let from = match &line.price_from {
            PriceSource::Catalogue => "the catalogue's price",
            PriceSource::List { name, .. } => &format!("the price of {name}"),
            PriceSource::Override => "the cashier's price",
        };
        let exact = Ratio::whole(line.unit_price.get().into());
        self.explanation(Subject::UnitPrice, line.unit_price, exact, Rounded::Exact, from)
    }

    fn amount(&self, line: &QuotedLine) -> Explanation {
        let exact = Ratio::new(i128::from(line.quantity.thousandths()) * i128::from(line.unit_price.get()), 1000);
        let text = format!("{} × {}", line.quantity, self.money(line.unit_price));
        self.rounded(Subject::Amount, line.amount, exact, &text)
    }

    fn discount(&self, at: usize, QuotedDiscount { amount, name, rule, exact, .. }: &QuotedDiscount) -> Explanation {
        let how = match *rule {
            Rule::Percent { percent, of } => format!("{percent} % of {}", self.money(of)),
            Rule::AmountOff { per_unit, quantity } => format!("{} off each of {quantity}", self.money(per_unit)),
            Rule::UnitPrice { unit_price, quantity, costs, of } => {
                let [of, costs, unit_price] = [of, costs, unit_price].map(|amount| self.money(amount));
                format!("{of} less {costs} for {quantity} × {unit_price}")
            }
            Rule::BuyGet { deal: BuyGet { buy, get, percent }, units, of_units, of } => format!(
                "buy {buy}, get {get} at {percent} % off: {units} of {of_units} units, which cost {}",
                self.money(of)
            ),
            Rule::Bundle { deal: Bundle { units: size, price }, groups, units, of, whole, off } => format!(
                "{size} for {}, {groups} times: {units} units' share of {} off, {} in {}",
                self.money(price),
                self.money(off),
                self.money(of),
                self.money(whole)
            ),
            Rule::Share { percent, of, whole, off } => {
                let part = percent.map(|percent| format!("{percent} %, ")).unwrap_or_default();
                let [off, of, whole] = [off, of, whole].map(|amount| self.money(amount));
                format!("{part}{off} off {whole}: the share of {of}")
            }
            Rule::Amount(off) => format!("{} off", self.money(off)),
        };
        let shared = matches!(rule, Rule::Bundle { .. } | Rule::Share { .. });
        let (exact, whole) = (exact.reduced(), Ratio::whole(amount.get().into()));
        let rounded = match exact {
            exact if exact == whole => Rounded::Exact,
            _ if shared => Rounded::LargestRemainder,
            exact if exact.round(self.rounding) == whole.numerator() => by(self.rounding),
            _ => Rounded::Capped,
        };
        self.explanation(Subject::Discount(at), *amount, exact, rounded, &format!("{name}: {how}"))
    }

    fn group(&self, mode: TaxMode, group: &TaxGroup) -> Vec<Explanation> {
        let components = group.components.iter().map(|part| Component { name: part.name.clone(), rate: part.rate });
        let tax = Tax::recorded(group.rate, components.collect());
        let base = match mode {
            TaxMode::Included => group.gross,
            TaxMode::Added => group.net,
        };
        parts(&tax).into_iter().map(|part| self.tax(mode, &tax, part, base)).collect()
    }

    fn tax(&self, mode: TaxMode, tax: &Tax, (name, rate): (Option<String>, Rate), base: Amount) -> Explanation {
        let (numerator, denominator) = exact_part(mode, tax.rate(), rate, base.get().into());
        let exact = Ratio::new(numerator, denominator);
        let how = match mode {
            TaxMode::Included => "included in",
            TaxMode::Added => "on",
        };
        let called = name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
        let text = format!("{called}{rate} % {how} {}", self.money(base));
        let amount = super::work::within(exact.round(self.rounding));
        self.rounded(Subject::Tax { name, rate }, amount, exact, &text)
    }

    fn in_cash(&self, quote: &Quote) -> Explanation {
        let step = quote.rules.cash_step.get();
        let text = match Amount::try_new(step.into()) {
            Ok(step) if step.get() > 1 => format!("{} to the nearest {}", self.money(quote.total), self.money(step)),
            _ => format!("{} as it is", self.money(quote.total)),
        };
        let exact = Ratio::whole(quote.total.get().into());
        let rounded = if quote.in_cash == quote.total { Rounded::Exact } else { by(self.rounding) };
        self.explanation(Subject::InCash, quote.in_cash, exact, rounded, &text)
    }

    /// Of a number that was rounded by the merchant's rule.
    fn rounded(&self, subject: Subject, amount: Amount, exact: Ratio, text: &str) -> Explanation {
        let exact = exact.reduced();
        let rounded = if exact.denominator() == 1 { Rounded::Exact } else { by(self.rounding) };
        self.explanation(subject, amount, exact, rounded, text)
    }

    fn explanation(&self, subject: Subject, amount: Amount, exact: Ratio, rounded: Rounded, text: &str) -> Explanation {
        let found = self.money(amount);
        let text = match rounded {
            Rounded::Exact => format!("{text} = {found}"),
            Rounded::HalfUp => format!("{text} = {}, rounded half up to {found}", self.decimal(exact)),
            Rounded::HalfEven => format!("{text} = {}, rounded half to even to {found}", self.decimal(exact)),
            Rounded::LargestRemainder => format!("{text} = {}, by largest remainder {found}", self.decimal(exact)),
            Rounded::Capped => format!("{text} = {}, cut to {found}", self.decimal(exact)),
        };
        Explanation { line: None, subject, amount, exact, rounded, text }
    }

    fn money(&self, amount: Amount) -> String {
        amount.format(self.currency)
    }

    /// In major units with at least the currency's places and at most four more; dots say that there would be more.
    fn decimal(&self, exact: Ratio) -> String {
        let more = exact.numerator() * 10_000;
        let text = decimal::fixed(more / exact.denominator(), self.currency.exponent() + 4);
        if more % exact.denominator() != 0 {
            return format!("{text}…");
        }
        let kept = text.len() - text.bytes().rev().take(4).take_while(|&byte| byte == b'0').count();
        text[..kept].trim_end_matches('.').to_owned()
    }
}

/// The rates that are rounded by themselves, with their names.
fn parts(tax: &Tax) -> Vec<(Option<String>, Rate)> {
    match tax.components() {
        [] => vec![(None, tax.rate())],
        components => components.iter().map(|part| (Some(part.name.clone()), part.rate)).collect(),
    }
}

const fn by(rounding: Rounding) -> Rounded {
    match rounding {
        Rounding::HalfUp => Rounded::HalfUp,
        Rounding::HalfEven => Rounded::HalfEven,
    }
}
