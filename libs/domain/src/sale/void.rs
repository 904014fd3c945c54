//! Voids: a sale undone before its shift is closed, by a document that is its mirror image.

use super::{AHEAD_MICROS, Discount, Flag, Kind, LATE_MICROS, Line, Original, Past, Sale, Ticket};
use crate::{
    Rejection,
    id::{RegisterId, SaleId, ShiftId, StoreId, UserId},
    money::Amount,
    tax::{ComponentTax, TaxGroup},
    tender::Payment,
    text::Note,
    time::Timestamp,
};

/// A sale to undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voiding {
    /// The id of the command that carries it.
    pub id: SaleId,
    /// The sale.
    pub sale: SaleId,
    /// Where it was sold.
    pub store: StoreId,
    /// The till at which it was sold: it is undone there.
    pub register: RegisterId,
    /// The number that the till gave the void.
    pub ticket: Option<Ticket>,
    /// Who undoes it.
    pub cashier: Option<UserId>,
    /// When, by the till's clock.
    pub at: Timestamp,
    /// Why.
    pub note: Option<Note>,
}

/// Undoes a plain sale: all of it, in the shift in which it was made, or within a day where there is none. `shift` is the one
/// that is open at the register.
///
/// # Errors
/// [`Rejection::UnknownSale`] without such a sale at that register, [`Rejection::NotVoidable`] for what cannot be undone.
pub fn void(
    past: Option<&mut Past>,
    voiding: &Voiding,
    shift: Option<ShiftId>,
    now: Timestamp,
) -> Result<Sale, Rejection> {
    let past = past
        .filter(|past| (past.sale.seller.store, past.sale.seller.register) == (voiding.store, voiding.register))
        .ok_or(Rejection::UnknownSale(voiding.sale))?;
    let why = if past.reversal.voided_by.is_some() {
        Some("it is voided already")
    } else if !past.reversal.returned.is_empty() {
        Some("something of it has come back; take back the rest")
    } else if past.sale.kind != Kind::Sale {
        Some("it is no plain sale; sell what came back again instead")
    } else if past.sale.shift != shift {
        Some("its shift is over; take the goods back instead")
    } else if shift.is_none() && now.micros() - past.sale.recorded_at.micros() > LATE_MICROS {
        Some("it is older than a day; take the goods back instead")
    } else {
        None
    };
    if let Some(why) = why {
        return Err(Rejection::NotVoidable { sale: voiding.sale, why });
    }
    past.reversal.voided_by = Some(voiding.id);
    Ok(mirror(&past.sale, voiding, now))
}

/// The sale with every quantity and amount the other way round.
fn mirror(sale: &Sale, voiding: &Voiding, now: Timestamp) -> Sale {
    Sale {
        id: voiding.id,
        kind: Kind::Void,
        voids: Some(sale.id),
        ticket: voiding.ticket,
        cashier: voiding.cashier,
        // Not before what it undoes.
        sold_at: voiding.at.max(sale.sold_at),
        recorded_at: now,
        lines: (0..).zip(&sale.lines).map(|(at, line)| mirror_line(sale.id, at, line)).collect(),
        taxes: sale.taxes.iter().map(mirror_tax).collect(),
        net: -sale.net,
        tax: -sale.tax,
        total: -sale.total,
        tip: -sale.tip,
        cash_rounding: -sale.cash_rounding,
        payments: payments_back(sale),
        change: Amount::ZERO,
        loyalty: None,
        flags: if voiding.at.micros() - now.micros() > AHEAD_MICROS { vec![Flag::ClockAhead] } else { Vec::new() },
        note: voiding.note.clone(),
        ..sale.clone()
    }
}

fn mirror_line(sale: SaleId, at: u16, line: &Line) -> Line {
    let discount = |discount: &Discount| Discount { amount: -discount.amount, ..discount.clone() };
    Line {
        quantity: -line.quantity,
        amount: -line.amount,
        discounts: line.discounts.iter().map(discount).collect(),
        original: Some(Original { line: at, sale }),
        ..line.clone()
    }
}

fn mirror_tax(group: &TaxGroup) -> TaxGroup {
    let part = |part: &ComponentTax| ComponentTax { tax: -part.tax, ..part.clone() };
    TaxGroup {
        components: group.components.iter().map(part).collect(),
        gross: -group.gross,
        net: -group.net,
        rate: group.rate,
        tax: -group.tax,
    }
}

/// The payments the other way round. Of cash, what stayed in the drawer goes back.
fn payments_back(sale: &Sale) -> Vec<Payment> {
    let mut change = sale.change;
    let mut back = Vec::with_capacity(sale.payments.len());
    for payment in &sale.payments {
        let mut payment = payment.clone();
        if let Payment::Cash { tendered } = &mut payment {
            // Change is less than the cash that was tendered, in however many pieces.
            let taken = change.min(*tendered).max(Amount::ZERO);
            change = Amount::try_new(change.get() - taken.get()).unwrap_or(Amount::ZERO);
            *tendered = Amount::try_new(tendered.get() - taken.get()).unwrap_or(Amount::ZERO);
        }
        payment.negate();
        if !payment.amount().is_zero() {
            back.push(payment);
        }
    }
    back
}
