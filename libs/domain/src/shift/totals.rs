//! Totals that grow with every sale.

use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

use crate::{
    money::Amount,
    sale::{self, Sale},
    tax::{Rate, TaxGroup},
    tender::Kind,
};

/// A sum of amounts: integer minor units within ±(2^63 − 1), where it stays if more comes. A thousand of the largest sales
/// there can be fit, so what stays at the end was never sold, and a shift can always be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = i64))]
#[serde(transparent)]
pub struct Sum(i64);

impl Sum {
    /// The minor units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl From<Amount> for Sum {
    fn from(amount: Amount) -> Self {
        Self(amount.get())
    }
}

impl Add for Sum {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Sum {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign<Amount> for Sum {
    fn add_assign(&mut self, amount: Amount) {
        *self = *self + amount.into();
    }
}

/// What documents come to, in minor units. What comes back is negative in it, but for `refunded`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftTotals))]
pub struct Totals {
    /// How many there are. Practice counts nowhere.
    pub documents: Documents,
    /// Without tax.
    pub net: Sum,
    /// The tax.
    pub tax: Sum,
    /// What was sold less what came back.
    pub gross: Sum,
    /// What came back: the totals of the documents whose total is negative, as a positive sum.
    #[serde(default, skip_serializing_if = "Sum::is_zero")]
    pub refunded: Sum,
    /// What was taken off lines.
    #[serde(default, skip_serializing_if = "Sum::is_zero")]
    pub discounts: Sum,
    /// What customers gave on top.
    #[serde(default, skip_serializing_if = "Sum::is_zero")]
    pub tips: Sum,
    /// What cash was rounded by.
    #[serde(default, skip_serializing_if = "Sum::is_zero")]
    pub cash_rounding: Sum,
    /// What was given back in cash out of what was tendered.
    #[serde(default, skip_serializing_if = "Sum::is_zero")]
    pub change: Sum,
    /// By tender, in the order of the kinds; those that were used.
    pub tenders: Vec<TenderTotal>,
    /// By tender, what customers paid of what they owed: it is no turnover, and counts in what should be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received: Vec<TenderTotal>,
    /// By rate, the lowest first.
    pub taxes: Vec<TaxTotal>,
}

/// How many documents there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftDocuments))]
pub struct Documents {
    /// Goods went out.
    pub sales: u64,
    /// Goods came back.
    pub returns: u64,
    /// Both.
    pub exchanges: u64,
    /// Sales undone.
    pub voids: u64,
}

impl Documents {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.sales.saturating_add(self.returns).saturating_add(self.exchanges).saturating_add(self.voids)
    }
}

/// What was paid with one tender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TenderTotal {
    /// The tender.
    pub tender: Kind,
    /// Payments and refunds.
    pub count: u64,
    /// What was paid with it, not negative; of cash what was tendered, change included.
    pub paid: Sum,
    /// What went back with it, not negative.
    pub refunded: Sum,
}

/// The tax of one rate. `net` + `tax` = `gross`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaxTotal {
    /// The rate.
    pub rate: Rate,
    /// Without tax.
    pub net: Sum,
    /// The tax.
    pub tax: Sum,
    /// Both.
    pub gross: Sum,
}

impl Totals {
    /// Adds a document. Practice adds nothing.
    pub fn add(&mut self, sale: &Sale) {
        let count = match sale.kind {
            sale::Kind::Sale => &mut self.documents.sales,
            sale::Kind::Return => &mut self.documents.returns,
            sale::Kind::Exchange => &mut self.documents.exchanges,
            sale::Kind::Void => &mut self.documents.voids,
            sale::Kind::Training => return,
        };
        *count = count.saturating_add(1);
        self.net += sale.net;
        self.tax += sale.tax;
        self.gross += sale.total;
        if sale.total.is_negative() {
            self.refunded = self.refunded - sale.total.into();
        }
        for discount in sale.lines.iter().flat_map(|line| &line.discounts) {
            self.discounts += discount.amount;
        }
        self.tips += sale.tip;
        self.cash_rounding += sale.cash_rounding;
        self.change += sale.change;
        for payment in &sale.payments {
            add_to(&mut self.tenders, payment.kind(), payment.amount());
        }
        for group in &sale.taxes {
            self.add_tax(group);
        }
    }

    /// Adds what a customer paid of what they owed.
    pub fn receive(&mut self, tender: Kind, amount: Amount) {
        add_to(&mut self.received, tender, amount);
    }

    /// What is there of a tender: what was paid with it less what went back, as change too.
    #[must_use]
    pub fn held(&self, tender: Kind) -> Sum {
        let change = if tender == Kind::Cash { self.change } else { Sum::default() };
        let of_it = self.tenders.iter().chain(&self.received).filter(|total| total.tender == tender);
        of_it.fold(Sum::default() - change, |held, total| held + total.paid - total.refunded)
    }

    fn add_tax(&mut self, group: &TaxGroup) {
        let at = self.taxes.binary_search_by_key(&group.rate, |total| total.rate).unwrap_or_else(|at| {
            let none = Sum::default();
            self.taxes.insert(at, TaxTotal { rate: group.rate, net: none, tax: none, gross: none });
            at
        });
        let total = &mut self.taxes[at];
        total.net += group.net;
        total.tax += group.tax;
        total.gross += group.gross;
    }
}

fn add_to(totals: &mut Vec<TenderTotal>, tender: Kind, amount: Amount) {
    let at = totals.binary_search_by_key(&tender, |total| total.tender).unwrap_or_else(|at| {
        totals.insert(at, TenderTotal { tender, count: 0, paid: Sum::default(), refunded: Sum::default() });
        at
    });
    let total = &mut totals[at];
    total.count = total.count.saturating_add(1);
    if amount.is_negative() {
        total.refunded = total.refunded - amount.into();
    } else {
        total.paid += amount;
    }
}
