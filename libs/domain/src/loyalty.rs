//! Points that customers collect with what they buy.
//!
//! The rule is `points` for each full `per` of what was paid for goods: after discounts, before tax where tax is added to
//! prices, without tips. A sale keeps the rule of its moment. What it has brought is the rule applied to what the customer has
//! kept of it; each return takes back the difference, so that all returns together take back exactly what the sale brought.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    account::Points,
    customer::Clientele,
    id::SaleId,
    money::{Amount, Overflow},
    quantity::Quantity,
    sale::{Kind, Line, Past, Pasts, Sale, Submission},
};

/// The most points for each full amount.
pub const MAX_POINTS: i64 = 1_000_000;

/// What points are collected by, and what they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LoyaltyRule))]
#[serde(try_from = "Fields")]
pub struct Rule {
    /// How many points there are for each full `per`: 1 to 1,000,000.
    points: Amount,
    /// For how much of what was paid for goods, in minor units: above zero.
    per: Amount,
    /// What a point is worth when it is turned into store credit, in minor units: above zero.
    worth: Amount,
}

#[derive(Deserialize)]
struct Fields {
    points: Amount,
    per: Amount,
    worth: Amount,
}

impl TryFrom<Fields> for Rule {
    type Error = Invalid;

    fn try_from(fields: Fields) -> Result<Self, Invalid> {
        Self::try_new(fields.points, fields.per, fields.worth)
    }
}

/// What a sale collects points by: kept with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = EarnedPoints))]
pub struct Earned {
    /// How many points it brought.
    pub earned: Amount,
    /// How many there were for each full `per`.
    pub points: Amount,
    /// For how much of what was paid for goods, in minor units.
    pub per: Amount,
}

impl Rule {
    /// A rule within its ranges.
    ///
    /// # Errors
    /// [`Invalid::LoyaltyRule`].
    pub fn try_new(points: Amount, per: Amount, worth: Amount) -> Result<Self, Invalid> {
        let fits = (1..=MAX_POINTS).contains(&points.get()) && per > Amount::ZERO && worth > Amount::ZERO;
        if fits { Ok(Self { points, per, worth }) } else { Err(Invalid::LoyaltyRule) }
    }

    /// How many points there are for each full [`Rule::per`].
    #[must_use]
    pub const fn points(&self) -> Amount {
        self.points
    }

    /// For how much of what was paid for goods, in minor units.
    #[must_use]
    pub const fn per(&self) -> Amount {
        self.per
    }

    /// What a point is worth, in minor units.
    #[must_use]
    pub const fn worth(&self) -> Amount {
        self.worth
    }

    /// What so many points are worth.
    ///
    /// # Errors
    /// [`Overflow`] beyond the range.
    pub fn worth_of(&self, points: Amount) -> Result<Amount, Overflow> {
        (i128::from(points.get()) * i128::from(self.worth.get())).try_into()
    }

    /// What the lines that went out bring; none if that is nothing.
    #[must_use]
    pub fn earned(&self, lines: &[Line]) -> Option<Earned> {
        let paid = paid(lines.iter().map(|line| (line, Amount::ZERO)));
        let none = Earned { earned: Amount::ZERO, points: self.points, per: self.per };
        let earned = Amount::try_new(none.at(paid)).ok()?;
        (!earned.is_zero()).then_some(Earned { earned, ..none })
    }
}

impl Earned {
    /// How many points there are for what was kept, in minor units: none for less than nothing.
    #[must_use]
    pub fn at(&self, kept: i64) -> i64 {
        let full = kept.max(0) / self.per.get().max(1);
        let points = i128::from(full) * i128::from(self.points.get());
        i64::try_from(points).unwrap_or(i64::MAX).min(Amount::MAX.get())
    }

    /// How many points are left of what a sale brought, once so much of it has come back.
    #[must_use]
    pub fn left(&self, past: &Past) -> i64 {
        let returned = |at| past.reversal.returned.get(&at).map_or(Amount::ZERO, |returned| returned.due);
        self.at(paid((0..).zip(&past.sale.lines).map(|(at, line)| (line, returned(at)))))
    }
}

/// The points that are left of the sales of which something comes back, before it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected(BTreeMap<SaleId, i64>);

impl Collected {
    /// Those of the sales of which a submission takes something back.
    #[must_use]
    pub fn of(submission: &Submission, pasts: &Pasts) -> Self {
        let originals = submission.lines.iter().filter_map(|line| Some(line.original?.sale));
        let left = |id| Some((id, pasts.get(&id).and_then(|past| Some(past.sale.loyalty?.left(past)))?));
        Self(originals.filter_map(left).collect())
    }

    /// What customers collect by a sale, now that it is decided on, and lose by what came back. The sale keeps the rule by which
    /// they did; practice brings nothing.
    #[must_use]
    pub fn settle(self, sale: &mut Sale, rule: Option<&Rule>, customers: &Clientele, pasts: &Pasts) -> Points {
        let mut points = Points::default();
        if sale.kind == Kind::Training {
            return points;
        }
        let buyer = sale.customer.and_then(|id| customers.active(id));
        sale.loyalty = rule.filter(|_| buyer.is_some()).and_then(|rule| rule.earned(&sale.lines));
        if let (Some(buyer), Some(loyalty)) = (buyer, sale.loyalty) {
            points.earn(buyer.id, loyalty.earned.get());
        }
        for (id, before) in self.0 {
            let Some(past) = pasts.get(&id) else { continue };
            if let (Some(loyalty), Some(customer)) = (past.sale.loyalty, past.sale.customer) {
                let customer = customers.known(customer).map_or(customer, |known| known.id);
                points.take_back(customer, before - loyalty.left(past));
            }
        }
        points
    }
}

/// What was paid for goods that went out, less what was given back for them. What goes onto gift cards is no goods: they
/// bring points when the card buys them.
fn paid<'a>(lines: impl Iterator<Item = (&'a Line, Amount)>) -> i64 {
    let went_out = lines.filter(|(line, _)| line.quantity > Quantity::ZERO && !line.stored_value);
    // What is due for lines was added up before without overflow.
    went_out.fold(0, |sum: i64, (line, returned)| {
        let due = line.due().map_or(0, Amount::get);
        sum.saturating_add(due).saturating_sub(returned.get())
    })
}

#[cfg(test)]
mod tests;
