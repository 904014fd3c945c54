//! A basket while it is priced.

use super::{
    Basket, BasketLine, Effect, MAX_DISCOUNTS, ManualDiscount, Miss, Missed, Off, PriceBook, PriceSource, Promotion,
    PromotionName, QuotedDiscount, QuotedLine, Ratio, Rule, Scope, allocate, price_list,
};
use crate::{
    id::{CategoryId, ProductId, PromotionId},
    money::{Amount, Overflow, Rounding, divide},
    sale::line_amount,
};

/// Millionths that make one whole.
pub(super) const ONE: i128 = 1_000_000;

/// The lines, and where each product and category is among them.
///
/// They are in an order of their own, by what they are and not by when they were entered, so that whatever is settled by
/// "the first" does not depend on the cashier.
pub(super) struct Work<'a> {
    basket: &'a Basket,
    pub(super) rounding: Rounding,
    pub(super) lines: Vec<Line<'a>>,
    categories: Vec<(CategoryId, usize)>,
}

/// A line while it is priced. All numbers are minor units, and none is below zero.
pub(super) struct Line<'a> {
    /// Its place in the basket.
    at: usize,
    pub(super) facts: &'a BasketLine,
    unit_price: Amount,
    price_from: PriceSource,
    amount: i128,
    pub(super) due: i128,
    /// Whole units that are in no group of `buy_get` or `bundle` yet: a unit is in one at most.
    pub(super) open_units: i128,
    /// What is due for them.
    pub(super) open_due: i128,
    /// A promotion took from it.
    taken: bool,
    /// No promotion takes from it any more.
    closed: bool,
    discounts: Vec<QuotedDiscount>,
}

/// Who takes something off.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    name: &'a PromotionName,
    promotion: Option<PromotionId>,
}

impl<'a> From<&'a Promotion> for By<'a> {
    fn from(promotion: &'a Promotion) -> Self {
        Self { name: &promotion.name, promotion: Some(promotion.id) }
    }
}

impl<'a> From<&'a ManualDiscount> for By<'a> {
    fn from(discount: &'a ManualDiscount) -> Self {
        Self { name: &discount.reason, promotion: None }
    }
}

impl<'a> Work<'a> {
    pub(super) fn begin(book: &PriceBook, basket: &'a Basket) -> Result<Self, Overflow> {
        let rounding = book.rules().rounding;
        let mut entered: Vec<_> = basket.lines.iter().enumerate().collect();
        entered.sort_by_key(|(_, line)| {
            (line.product, line.quantity, line.unit_price, line.override_price, line.discount.as_ref(), line.weighed)
        });
        let applying = book.lists_for(basket);
        let mut lines = Vec::with_capacity(entered.len());
        for product in entered.chunk_by(|(_, one), (_, other)| one.product == other.product) {
            let quantity = product.iter().map(|(_, line)| line.quantity.thousandths()).sum();
            for &(at, facts) in product {
                lines.push(Line::begin(at, facts, price_list::unit_price(&applying, facts, quantity), rounding)?);
            }
        }
        let of_line = |(at, line): (usize, &Line<'a>)| line.facts.categories.iter().map(move |&id| (id, at));
        let mut categories: Vec<_> = lines.iter().enumerate().flat_map(of_line).collect();
        categories.sort_unstable();
        Ok(Self { basket, rounding, lines, categories })
    }

    /// What is due for all lines.
    pub(super) fn due(&self) -> i128 {
        self.lines.iter().map(|line| line.due).sum()
    }

    /// Applies promotions of one sort, in the book's order. `amount` is what the basket cost at first.
    pub(super) fn promote(
        &mut self,
        book: &PriceBook,
        sort: fn(&Effect) -> bool,
        amount: i128,
        missed: &mut Vec<Missed>,
    ) {
        for promotion in book.promotions().iter().filter(|promotion| sort(&promotion.effect)) {
            let Some(why) = self.try_promotion(promotion, amount) else { continue };
            // What was asked for is answered, and how far it is to a minimum is worth knowing.
            let near = match why {
                Miss::CouponNotShown => false,
                Miss::BelowMinimum { .. } => true,
                _ => promotion.conditions.coupon.is_some(),
            };
            if near {
                let Promotion { id, name, conditions, .. } = promotion;
                let (promotion, name) = (Some(*id), Some(name.clone()));
                missed.push(Missed { promotion, name, coupon: conditions.coupon.clone(), why });
            }
        }
    }

    fn try_promotion(&mut self, promotion: &Promotion, amount: i128) -> Option<Miss> {
        let missed = promotion.missed_by(self.basket, amount);
        if missed.is_some_and(|why| !matches!(why, Miss::BelowMinimum { .. })) {
            return missed;
        }
        let mut lines = self.in_scope(promotion);
        if lines.is_empty() {
            return Some(Miss::NothingInScope);
        }
        if missed.is_some() {
            return missed;
        }
        lines.retain(|&at| self.lines[at].is_open_to(promotion));
        if self.apply(promotion, lines) { None } else { Some(Miss::NothingToTake) }
    }

    /// The lines that a promotion is for, in order.
    fn in_scope(&self, promotion: &Promotion) -> Vec<usize> {
        let mut lines = match &promotion.scope {
            Scope::All => (0..self.lines.len()).collect(),
            // Whichever are fewer are looked up among the others.
            Scope::Products(products) if products.len() < self.lines.len() => {
                products.iter().flat_map(|&product| self.of_product(product)).collect()
            }
            Scope::Products(products) => {
                let named = |&at: &usize| products.binary_search(&self.lines[at].facts.product).is_ok();
                (0..self.lines.len()).filter(named).collect()
            }
            Scope::Categories(named) => self.of_categories(named),
        };
        if !promotion.except.is_empty() {
            lines.retain(|&at| promotion.except.binary_search(&self.lines[at].facts.product).is_err());
        }
        lines
    }

    fn of_product(&self, product: ProductId) -> std::ops::Range<usize> {
        let first = self.lines.partition_point(|line| line.facts.product < product);
        let count = self.lines[first..].partition_point(|line| line.facts.product == product);
        first..first + count
    }

    fn of_categories(&self, named: &[CategoryId]) -> Vec<usize> {
        let mut lines = Vec::new();
        for &category in named {
            let first = self.categories.partition_point(|&(id, _)| id < category);
            lines.extend(self.categories[first..].iter().take_while(|&&(id, _)| id == category).map(|&(_, at)| at));
        }
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    /// What the cashier takes off single lines.
    pub(super) fn discount_lines(&mut self) {
        for line in &mut self.lines {
            let Some(discount) = &line.facts.discount else { continue };
            let due = line.due;
            let (rule, exact) = match discount.off {
                Off::Percent(percent) => (
                    Rule::Percent { percent, of: within(due) },
                    Ratio::new(due * i128::from(percent.millionths()), ONE),
                ),
                Off::Amount(amount) => (Rule::Amount(amount), Ratio::whole(amount.get().into())),
            };
            line.take(exact.round(self.rounding), By::from(discount), rule, exact);
        }
    }

    /// What the cashier takes off the basket.
    pub(super) fn discount_basket(&mut self) {
        let Some(discount) = &self.basket.discount else { return };
        let lines = (0..self.lines.len()).collect::<Vec<_>>();
        self.take_from_all(&lines, By::from(discount), discount.off);
    }

    /// Takes something off lines together, each its share of what is still due.
    pub(super) fn take_from_all(&mut self, lines: &[usize], by: By<'_>, off: Off) -> bool {
        let whole: i128 = lines.iter().map(|&at| self.lines[at].due).sum();
        let (off, percent) = match off {
            Off::Percent(part) => (divide(whole * i128::from(part.millionths()), ONE, self.rounding), Some(part)),
            Off::Amount(amount) => (i128::from(amount.get()).min(whole), None),
        };
        let weights: Vec<_> = lines.iter().map(|&at| weight(self.lines[at].due)).collect();
        for (&at, share) in lines.iter().zip(allocate(within(off), &weights)) {
            let line = &mut self.lines[at];
            let rule = Rule::Share { percent, of: within(line.due), whole: within(whole), off: within(off) };
            // Where nothing is due at all, nothing is taken off.
            line.take(share.get().into(), by, rule, Ratio::new(off * line.due, whole.max(1)));
        }
        off > 0
    }

    /// The lines in the basket's order.
    pub(super) fn finish(mut self) -> Result<Vec<QuotedLine>, Overflow> {
        self.lines.sort_unstable_by_key(|line| line.at);
        self.lines.into_iter().map(Line::finish).collect()
    }
}

impl<'a> Line<'a> {
    fn begin(
        at: usize,
        facts: &'a BasketLine,
        (unit_price, price_from): (Amount, PriceSource),
        rounding: Rounding,
    ) -> Result<Self, Overflow> {
        let amount = i128::from(line_amount(facts.quantity, unit_price, rounding)?.get());
        let units = i128::from(facts.quantity.thousandths());
        let counted = !facts.weighed && units % 1000 == 0;
        Ok(Self {
            at,
            facts,
            unit_price,
            closed: price_from == PriceSource::Override,
            price_from,
            amount,
            due: amount,
            open_units: if counted { units / 1000 } else { 0 },
            open_due: if counted { amount } else { 0 },
            taken: false,
            discounts: Vec::new(),
        })
    }

    fn is_open_to(&self, promotion: &Promotion) -> bool {
        let by_promotions = || self.discounts.iter().filter(|discount| discount.promotion.is_some()).count();
        self.due > 0
            && !self.closed
            && !(promotion.exclusive && self.taken)
            && (self.discounts.len() < MAX_DISCOUNTS - 2 || by_promotions() < MAX_DISCOUNTS - 2)
    }

    /// Says that a promotion took from the line, money or units.
    pub(super) const fn taken_by(&mut self, promotion: &Promotion) {
        self.taken = true;
        self.closed |= promotion.exclusive;
    }

    /// Puts units into a group; they are worth `worth`.
    pub(super) const fn put_into_group(&mut self, units: i128, worth: i128) {
        self.open_units -= units;
        self.open_due -= worth;
    }

    /// What some of the open units are worth.
    pub(super) const fn worth(&self, units: i128, rounding: Rounding) -> i128 {
        divide(self.open_due * units, self.open_units, rounding)
    }

    /// Takes something off, at most what is due, from all units alike. Says whether that was anything.
    pub(super) fn take(&mut self, off: i128, by: By<'_>, rule: Rule, exact: Ratio) -> bool {
        let off = off.clamp(0, self.due);
        if off > 0 {
            self.open_due -= divide(off * self.open_due, self.due, Rounding::HalfUp);
        }
        self.take_from_group(off, by, rule, exact)
    }

    /// Takes something off units that are in a group, at most what is due.
    pub(super) fn take_from_group(&mut self, off: i128, by: By<'_>, rule: Rule, exact: Ratio) -> bool {
        let off = off.clamp(0, self.due);
        if off == 0 {
            return false;
        }
        self.due -= off;
        let (name, promotion) = (by.name.clone(), by.promotion);
        self.discounts.push(QuotedDiscount { amount: within(off), name, promotion, rule, exact });
        true
    }

    fn finish(self) -> Result<QuotedLine, Overflow> {
        Ok(QuotedLine {
            product: self.facts.product,
            quantity: self.facts.quantity,
            unit_price: self.unit_price,
            price_from: self.price_from,
            amount: self.amount.try_into()?,
            discounts: self.discounts,
            due: self.due.try_into()?,
            tax: self.facts.tax.clone(),
        })
    }
}

impl Ratio {
    pub(super) const fn round(self, rounding: Rounding) -> i128 {
        divide(self.numerator(), self.denominator(), rounding)
    }
}

/// An amount of which the caller knows that it is not below zero; cut off at the most there can be, which only a whole
/// basket beyond the range reaches, and that is refused at its end.
pub(super) fn within(units: i128) -> Amount {
    Amount::try_from(units).unwrap_or(Amount::MAX)
}

/// A weight of which the caller knows that it is not below zero.
pub(super) fn weight(units: i128) -> u64 {
    u64::try_from(units).unwrap_or_default()
}
