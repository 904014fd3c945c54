//! What promotions do to lines.

use std::cmp::Ordering;

use super::{
    Bundle, BuyGet, Effect, Off, Percent, Promotion, Ratio, Rule, allocate, bundle,
    work::{By, Line, ONE, Work, weight, within},
};
use crate::{
    money::{Amount, Rounding, divide},
    quantity::Quantity,
};

impl Work<'_> {
    /// Applies a promotion to the lines that are open to it. Says whether it took anything.
    pub(super) fn apply(&mut self, promotion: &Promotion, mut lines: Vec<usize>) -> bool {
        match promotion.effect {
            Effect::BasketPercent(percent) => self.take_share(promotion, &lines, Off::Percent(percent)),
            Effect::BasketAmount(amount) => self.take_share(promotion, &lines, Off::Amount(amount)),
            Effect::BuyGet(deal) => {
                self.keep_units(&mut lines);
                self.buy_get(promotion, deal, &lines)
            }
            Effect::Bundle(deal) => {
                self.keep_units(&mut lines);
                self.bundle(promotion, deal, &lines)
            }
            Effect::Percent(percent) => self.each(promotion, lines, |line, covered| line.percent_off(percent, covered)),
            Effect::AmountOff(per_unit) => self.each(promotion, lines, |_, covered| amount_off(per_unit, covered)),
            Effect::UnitPrice(price) => {
                let rounding = self.rounding;
                self.each(promotion, lines, |_, covered| at_unit_price(price, covered, rounding))
            }
        }
    }

    fn take_share(&mut self, promotion: &Promotion, lines: &[usize], off: Off) -> bool {
        let taken = self.take_from_all(lines, By::from(promotion), off);
        if taken {
            for &at in lines {
                self.lines[at].taken_by(promotion);
            }
        }
        taken
    }

    /// Leaves the lines that have open units, the dearest unit first.
    fn keep_units(&self, lines: &mut Vec<usize>) {
        lines.retain(|&at| self.lines[at].open_units > 0 && self.lines[at].open_due > 0);
        lines.sort_by(|&one, &other| self.lines[one].open_value_against(&self.lines[other]).reverse());
    }

    /// Works on each line by itself: all of it, or so many units as the promotion's limit leaves, the dearest first.
    fn each(
        &mut self,
        promotion: &Promotion,
        mut lines: Vec<usize>,
        work_out: impl Fn(&Line<'_>, Covered) -> (Rule, Ratio, i128),
    ) -> bool {
        let mut left = promotion.limit.map(|limit| i128::from(limit.get()) * 1000);
        if left.is_some() {
            lines.retain(|&at| self.lines[at].counts_units());
            lines.sort_by(|&one, &other| self.lines[one].value_against(&self.lines[other]).reverse());
        }
        let mut any = false;
        for at in lines {
            let all = i128::from(self.lines[at].facts.quantity.thousandths());
            let part = left.map_or(all, |left| left.min(all));
            if part == 0 {
                break;
            }
            let line = &mut self.lines[at];
            let worth = divide(line.due * part, all, self.rounding);
            let (rule, exact, most) = work_out(line, Covered { part, all, worth });
            if line.take(exact.round(self.rounding).min(most), By::from(promotion), rule, exact) {
                line.taken_by(promotion);
                left = left.map(|left| left - part);
                any = true;
            }
        }
        any
    }

    fn buy_get(&mut self, promotion: &Promotion, deal: BuyGet, lines: &[usize]) -> bool {
        let BuyGet { buy, get, percent } = deal;
        let (buy, get) = (i128::from(buy.get()), i128::from(get.get()));
        let units: i128 = lines.iter().map(|&at| self.lines[at].open_units).sum();
        let groups = (units / (buy + get)).min(promotion.limit.map_or(i128::MAX, |limit| limit.get().into()));
        let grouped = groups * (buy + get);
        // How many of the first `count` units are cheaper.
        let cheaper = |count: i128| count / (buy + get) * get + (count % (buy + get) - buy).max(0);
        let mut first = 0;
        let mut plan = Vec::new();
        for &at in lines {
            let line = &self.lines[at];
            let end = (first + line.open_units).min(grouped);
            if first == end {
                break;
            }
            let (open, units) = (line.open_units, cheaper(end) - cheaper(first));
            let rule = Rule::BuyGet { deal, units: count(units), of_units: count(open), of: within(line.open_due) };
            let exact = Ratio::new(line.open_due * units * i128::from(percent.millionths()), open * ONE);
            let worth = line.worth(end - first, self.rounding);
            plan.push((at, end - first, worth, exact.round(self.rounding).min(worth), rule, exact));
            first = end;
        }
        // Units are not spent on nothing.
        if plan.iter().all(|(_, _, _, off, _, _)| *off == 0) {
            return false;
        }
        for (at, units, worth, off, rule, exact) in plan {
            let line = &mut self.lines[at];
            line.put_into_group(units, worth);
            line.take_from_group(off, By::from(promotion), rule, exact);
            line.taken_by(promotion);
        }
        true
    }

    fn bundle(&mut self, promotion: &Promotion, deal: Bundle, lines: &[usize]) -> bool {
        let open: Vec<_> = lines.iter().map(|&at| (self.lines[at].open_units, self.lines[at].open_due)).collect();
        let limit = promotion.limit.map_or(i128::MAX, |limit| limit.get().into());
        let (groups, units) = bundle::group(&open, deal, limit);
        let of_line = |(&at, &units): (&usize, &i128)| (at, units, self.lines[at].worth(units, self.rounding));
        let grouped: Vec<_> = lines.iter().zip(&units).filter(|(_, units)| **units > 0).map(of_line).collect();
        let whole: i128 = grouped.iter().map(|(_, _, worth)| worth).sum();
        let off = whole - groups * i128::from(deal.price.get());
        if off <= 0 {
            return false;
        }
        let weights: Vec<_> = grouped.iter().map(|&(_, _, worth)| weight(worth)).collect();
        for (&(at, units, worth), share) in grouped.iter().zip(allocate(within(off), &weights)) {
            let (of, groups, counted) = (within(worth), count(groups), count(units));
            let rule = Rule::Bundle { deal, groups, units: counted, of, whole: within(whole), off: within(off) };
            let line = &mut self.lines[at];
            line.put_into_group(units, worth);
            line.take_from_group(share.get().into(), By::from(promotion), rule, Ratio::new(off * worth, whole));
            line.taken_by(promotion);
        }
        true
    }
}

/// How much of a line a promotion is for: `part` of `all` thousandths, which are worth `worth` now.
#[derive(Clone, Copy)]
struct Covered {
    part: i128,
    all: i128,
    worth: i128,
}

impl Covered {
    fn quantity(self) -> Quantity {
        let thousandths = i64::try_from(self.part).expect("a part of a quantity is one");
        Quantity::from_thousandths(thousandths).expect("a part of a quantity is one")
    }
}

fn amount_off(per_unit: Amount, covered: Covered) -> (Rule, Ratio, i128) {
    let rule = Rule::AmountOff { per_unit, quantity: covered.quantity() };
    (rule, Ratio::new(i128::from(per_unit.get()) * covered.part, 1000), covered.worth)
}

fn at_unit_price(unit_price: Amount, covered: Covered, rounding: Rounding) -> (Rule, Ratio, i128) {
    let quantity = covered.quantity();
    // Rounded as the amount of a line is: the customer pays what the same quantity costs at that price elsewhere.
    let costs = divide(i128::from(unit_price.get()) * covered.part, 1000, rounding);
    let rule = Rule::UnitPrice { unit_price, quantity, costs: within(costs), of: within(covered.worth) };
    (rule, Ratio::whole(covered.worth - costs), covered.worth)
}

impl Line<'_> {
    fn counts_units(&self) -> bool {
        !self.facts.weighed && self.facts.quantity.thousandths() % 1000 == 0
    }

    fn percent_off(&self, percent: Percent, covered: Covered) -> (Rule, Ratio, i128) {
        let Covered { part, all, worth } = covered;
        let rule = Rule::Percent { percent, of: within(worth) };
        (rule, Ratio::new(self.due * part * i128::from(percent.millionths()), all * ONE), worth)
    }

    /// Compares what one unit is worth.
    fn value_against(&self, other: &Self) -> Ordering {
        let units = |line: &Self| i128::from(line.facts.quantity.thousandths());
        (self.due * units(other)).cmp(&(other.due * units(self)))
    }

    /// Compares what one open unit is worth.
    fn open_value_against(&self, other: &Self) -> Ordering {
        (self.open_due * other.open_units).cmp(&(other.open_due * self.open_units))
    }
}

/// A number of units or groups. There are at most 500,000,000 units in a basket.
fn count(units: i128) -> u32 {
    u32::try_from(units).expect("a basket has at most 500 lines of 1,000,000 units")
}
