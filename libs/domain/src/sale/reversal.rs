//! What comes back of a sale: how much is left of each line and tender, and what it is worth.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Kind, Line, Sale};
use crate::{
    Rejection,
    account::AccountRejection,
    id::{CustomerId, SaleId},
    money::{Amount, Overflow, divide},
    quantity::Quantity,
    tax::Rate,
    tender::{self, Payment},
};

/// Sales of which something comes back, by id.
pub type Pasts = HashMap<SaleId, Past>;

/// A sale, and what has come back of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The sale, as it was recorded.
    pub sale: Sale,
    /// What has come back of it.
    pub reversal: Reversal,
}

/// What has come back of a sale.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reversal {
    /// The void that undid it.
    pub voided_by: Option<SaleId>,
    /// By line.
    pub returned: BTreeMap<u16, Returned>,
    /// By tender, what has gone back with it: above zero.
    pub refunded: BTreeMap<tender::Kind, Amount>,
    /// By line, what was put on gift cards for it: above zero. It is as good as gone.
    pub funded: BTreeMap<u16, Amount>,
    /// Of an exchange, by tender, what the goods that came back for it had been paid with: above zero. It may go back to
    /// that tender when what went out for them comes back too.
    pub inherited: BTreeMap<tender::Kind, Amount>,
}

/// What has come back of a line: above zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Returned {
    /// How much of it.
    pub quantity: Quantity,
    /// What was given back for it, without the tax that is added.
    pub due: Amount,
}

/// What a return of a part of a line is worth, and whether it is more than was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) due: Amount,
    pub(super) exceeds: bool,
}

impl Past {
    /// A sale of which nothing has come back.
    #[must_use]
    pub fn new(sale: Sale) -> Self {
        Self { sale, reversal: Reversal::default() }
    }

    /// The line `at` that goods may come back of: one that was sold, in a sale that stands.
    pub(super) fn line(&self, at: u16) -> Option<&Line> {
        let stands = self.reversal.voided_by.is_none() && matches!(self.sale.kind, Kind::Sale | Kind::Exchange);
        self.sale.lines.get(usize::from(at)).filter(|line| stands && line.quantity > Quantity::ZERO)
    }

    /// How much is left of a line.
    pub(super) fn left(&self, at: u16, line: &Line) -> Quantity {
        let returned = self.reversal.returned.get(&at).copied().unwrap_or_default();
        let gone = returned.quantity.checked_add(self.gone(at, line)).unwrap_or(line.quantity);
        line.quantity.checked_add(-gone).unwrap_or(Quantity::ZERO)
    }

    /// How much of a line stands for what was put on gift cards: it can not come back, for the cards are out.
    fn gone(&self, at: u16, line: &Line) -> Quantity {
        let (Some(funded), Ok(due)) = (self.reversal.funded.get(&at), line.due()) else { return Quantity::ZERO };
        let share = i128::from(line.quantity.thousandths()) * i128::from(funded.get());
        let whole = i128::from(due.get().max(1));
        let thousandths = (share + whole - 1) / whole;
        i64::try_from(thousandths).ok().and_then(|gone| Quantity::from_thousandths(gone).ok()).unwrap_or(line.quantity)
    }

    /// Notes that `amount` of what a line brought in goes onto a gift card. The line must have sold stored value, free of tax:
    /// what a card buys is taxed when it is bought (Council Directive 2006/112/EC, article 30b (2)).
    ///
    /// # Errors
    /// [`AccountRejection::SaleDoesNotCover`] when the line brought in less, or what it brought in is on cards or has come back.
    pub fn fund(&mut self, at: u16, amount: Amount) -> Result<(), Rejection> {
        let pays = |line: &&Line| line.stored_value && line.tax.rate() == Rate::ZERO;
        let due = self.line(at).filter(pays).map_or(Ok(Amount::ZERO), Line::due)?;
        let returned = self.reversal.returned.get(&at).map_or(Amount::ZERO, |returned| returned.due);
        let funded = self.reversal.funded.get(&at).copied().unwrap_or_default();
        let left = due.checked_sub(returned).and_then(|left| left.checked_sub(funded)).ok_or(Overflow)?;
        if amount > left {
            return Err(AccountRejection::SaleDoesNotCover { left }.into());
        }
        self.reversal.funded.insert(at, funded.checked_add(amount).ok_or(Overflow)?);
        Ok(())
    }

    /// Takes `quantity`, above zero, of a line back.
    ///
    /// It is worth its share of what was due for the line. Shares are rounded on the sum of all that came back, so that the
    /// last return gets what is left, to the minor unit.
    pub(super) fn take(&mut self, at: u16, line: &Line, quantity: Quantity) -> Result<Taken, Overflow> {
        let left = self.left(at, line);
        let returned = self.reversal.returned.entry(at).or_default();
        let sum = returned.quantity.checked_add(quantity).ok_or(Overflow)?;
        let whole = i128::from(line.due()?.get()) * i128::from(sum.thousandths());
        let worth: Amount = divide(whole, line.quantity.thousandths().into(), self.sale.rules.rounding).try_into()?;
        let due = worth.checked_sub(returned.due).ok_or(Overflow)?;
        *returned = Returned { quantity: sum, due: worth };
        Ok(Taken { due, exceeds: quantity > left })
    }

    /// What may still go back to a tender: what it paid, less what went back to it.
    fn refundable(&self, kind: tender::Kind) -> Amount {
        let of_kind = self.sale.payments.iter().filter(|payment| payment.kind() == kind);
        // What an exchange gave back it had not taken in.
        let paid: i64 = of_kind.map(|payment| payment.amount().get().max(0)).sum();
        let change = if kind == tender::Kind::Cash { self.sale.change.get() } else { 0 };
        let noted = |by: &BTreeMap<_, Amount>| by.get(&kind).map_or(0, |amount| amount.get());
        let (inherited, refunded) = (noted(&self.reversal.inherited), noted(&self.reversal.refunded));
        Amount::try_new(paid + inherited - change - refunded).unwrap_or(Amount::ZERO).max(Amount::ZERO)
    }
}

/// Notes what goes back to which tender of the sales that something comes back of. Store credit and gift cards take
/// anything. `slack` is what rounding may make more of it, in minor units.
///
/// # Errors
/// [`Rejection::RefundExceedsTender`] when more goes back to a tender than was paid with it.
pub(super) fn refund(pasts: &mut Pasts, of: &[SaleId], payments: &[Payment], mut slack: i64) -> Result<(), Rejection> {
    for (at, payment) in payments.iter().enumerate() {
        let kind = payment.kind();
        if matches!(kind, tender::Kind::StoreCredit | tender::Kind::GiftCard) || !payment.amount().is_negative() {
            continue;
        }
        let mut rest = -payment.amount().get();
        let mut left_in_all = 0;
        for id in of {
            let Some(past) = pasts.get_mut(id) else { continue };
            let left = past.refundable(kind).get();
            left_in_all += left;
            let share = rest.min(left);
            add(past, kind, share)?;
            rest -= share;
        }
        if rest > slack {
            let left = Amount::try_new(left_in_all).map_err(|_| Overflow)?;
            return Err(Rejection::RefundExceedsTender { payment: at, left });
        }
        slack -= rest;
        if let Some(past) = of.first().and_then(|id| pasts.get_mut(id)) {
            add(past, kind, rest)?;
        }
    }
    Ok(())
}

/// What an exchange by `buyer` inherits by tender, of what paid for the goods that it took back: `worth` minor units, less
/// what went back. It is noted as gone where it was paid. What somebody else has put on account is inherited by nobody.
pub(super) fn inherit(
    pasts: &mut Pasts,
    of: &[SaleId],
    payments: &[Payment],
    (worth, buyer): (i64, Option<CustomerId>),
) -> Result<BTreeMap<tender::Kind, Amount>, Overflow> {
    let out: i64 = payments.iter().map(|payment| payment.amount().get().min(0)).sum();
    let mut rest = worth.saturating_add(out).max(0);
    let mut inherited = BTreeMap::new();
    for id in of {
        let Some(past) = pasts.get_mut(id) else { continue };
        let kinds = past.sale.payments.iter().map(Payment::kind).chain(past.reversal.inherited.keys().copied());
        for kind in kinds.collect::<BTreeSet<_>>() {
            if kind == tender::Kind::OnAccount && past.sale.customer != buyer {
                continue;
            }
            let share = rest.min(past.refundable(kind).get());
            add(past, kind, share)?;
            note(&mut inherited, kind, share)?;
            rest -= share;
        }
    }
    Ok(inherited)
}

fn add(past: &mut Past, kind: tender::Kind, minor_units: i64) -> Result<(), Overflow> {
    note(&mut past.reversal.refunded, kind, minor_units)
}

fn note(by: &mut BTreeMap<tender::Kind, Amount>, kind: tender::Kind, minor_units: i64) -> Result<(), Overflow> {
    if minor_units != 0 {
        let noted = by.entry(kind).or_default();
        *noted = Amount::try_new(minor_units).ok().and_then(|part| noted.checked_add(part)).ok_or(Overflow)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
