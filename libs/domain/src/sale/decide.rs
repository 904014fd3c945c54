//! What becomes of a submitted sale.

use super::{Books, Flag, Kind, Line, NewLine, Sale, Seller, Submission};
use crate::{
    Rejection,
    money::{Amount, Overflow, Rounding, divide},
    quantity::Quantity,
    tax, tender,
    time::Timestamp,
};

/// How far ahead a till's clock may be before its sales are flagged: five minutes, in microseconds.
pub const AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;
/// How old a sale may arrive before it is flagged: 24 hours, in microseconds.
pub const LATE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Records a sale as the till reports it. `now` is when the worker decides, `sold_at` when the customer paid.
///
/// A sale is never refused for when it happened or what was charged: those are facts, and flagged.
///
/// # Errors
/// What [`Submission::check`] refuses; an unknown store, register (one of another store counts as unknown) or product;
/// another currency than the merchant's; sums beyond the range; payments that do not settle the total.
pub fn submit(books: &Books, submission: &Submission, now: Timestamp) -> Result<Sale, Rejection> {
    submission.check()?;
    let merchant = books.merchant();
    let seller = seller(books, submission)?;
    if submission.currency != merchant.currency {
        return Err(Rejection::CurrencyMismatch { expected: merchant.currency, found: submission.currency });
    }
    let mut lines = Vec::with_capacity(submission.lines.len());
    for (at, new) in submission.lines.iter().enumerate() {
        lines.push(line(books, at, new)?);
    }
    let dues = lines.iter().map(Line::due).collect::<Result<Vec<_>, _>>()?;
    let taxes = tax::total(merchant.rules, lines.iter().zip(dues).map(|(line, due)| (&line.tax, due)))?;
    let settled = tender::settle(&submission.payments, taxes.gross, submission.tip, merchant.rules)?;
    Ok(Sale {
        id: submission.id,
        kind: if submission.training { Kind::Training } else { Kind::Sale },
        voids: None,
        seller,
        ticket: submission.ticket,
        shift: None,
        cashier: submission.cashier,
        salesperson: submission.salesperson,
        customer: None,
        sold_at: submission.sold_at,
        recorded_at: now,
        currency: merchant.currency,
        rules: merchant.rules,
        lines,
        taxes: taxes.groups,
        net: taxes.net,
        tax: taxes.tax,
        total: taxes.gross,
        tip: submission.tip,
        cash_rounding: settled.balance.cash_rounding,
        payments: settled.payments,
        change: settled.balance.change,
        flags: flags(books, submission, now),
        note: submission.note.clone(),
    })
}

/// `quantity` × `unit_price` in whole minor units.
pub(crate) fn line_amount(quantity: Quantity, unit_price: Amount, rounding: Rounding) -> Result<Amount, Overflow> {
    divide(i128::from(quantity.thousandths()) * i128::from(unit_price.get()), 1000, rounding).try_into()
}

fn seller(books: &Books, submission: &Submission) -> Result<Seller, Rejection> {
    let store = books.store(submission.store).ok_or(Rejection::UnknownStore(submission.store))?;
    let register = books
        .register(submission.register)
        .filter(|register| register.store.id == store.id)
        .ok_or(Rejection::UnknownRegister(submission.register))?;
    let merchant = books.merchant();
    Ok(Seller {
        merchant: merchant.id,
        merchant_name: merchant.name.clone(),
        store: store.id,
        store_name: store.name.clone(),
        register: register.id,
        register_code: register.code.clone(),
    })
}

fn line(books: &Books, at: usize, new: &NewLine) -> Result<Line, Rejection> {
    let product =
        books.product(new.product).ok_or(Rejection::UnknownProduct { line: at, product: new.product })?.clone();
    let unit_price = new.unit_price.unwrap_or(product.unit_price);
    Ok(Line {
        product: product.id,
        sku: product.sku,
        name: product.name,
        quantity: new.quantity,
        unit_price,
        amount: line_amount(new.quantity, unit_price, books.merchant().rules.rounding)?,
        discounts: Vec::new(),
        original: None,
        tax_category: product.tax_category,
        tax: product.tax,
    })
}

fn flags(books: &Books, submission: &Submission, now: Timestamp) -> Vec<Flag> {
    let age_micros = now.micros() - submission.sold_at.micros();
    let differs = |line: &NewLine| {
        let listed = books.product(line.product).map(|product| product.unit_price);
        line.unit_price.is_some_and(|charged| Some(charged) != listed)
    };
    [
        (Flag::PriceDiffers, submission.lines.iter().any(differs)),
        (Flag::ClockAhead, age_micros < -AHEAD_MICROS),
        (Flag::Late, age_micros > LATE_MICROS),
    ]
    .into_iter()
    .filter_map(|(flag, applies)| applies.then_some(flag))
    .collect()
}

#[cfg(test)]
mod tests;
