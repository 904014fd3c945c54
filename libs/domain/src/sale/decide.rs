//! What becomes of a submitted sale.

use std::collections::BTreeMap;

use super::{
    Books, Discount, Flag, Kind, Line, NewLine, Original, Past, Pasts, Reversal, Sale, Seller, Submission, price,
    reversal,
};
use crate::{
    Rejection,
    money::{Amount, Overflow, Rounding, divide},
    quantity::Quantity,
    tax::{self, TaxRules},
    tender,
    time::Timestamp,
};

/// How far ahead a till's clock may be before its sales are flagged: five minutes, in microseconds.
pub const AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;
/// How old a sale may arrive before it is flagged: 24 hours, in microseconds.
pub const LATE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Records a sale as the till reports it: what goes out, and what comes back of the sales in `pasts`, of which it notes what
/// has come back. `now` is when the worker decides, `sold_at` when the customer paid.
///
/// A sale is never refused for when it happened or what was charged: those are facts, and flagged. The same goes for what a
/// till took back while it had no connection.
///
/// # Errors
/// What [`Submission::check`] refuses; an unknown store, register (one of another store counts as unknown) or product;
/// another currency than the merchant's; sums beyond the range; payments that do not settle the total. With a connection
/// also [`Rejection::NotReturnable`], [`Rejection::ReturnExceeds`] and [`Rejection::RefundExceedsTender`].
pub fn submit(books: &Books, submission: &Submission, pasts: &mut Pasts, now: Timestamp) -> Result<Sale, Rejection> {
    submission.check()?;
    let merchant = books.merchant();
    let seller = seller(books, submission)?;
    if submission.currency != merchant.currency {
        return Err(Rejection::CurrencyMismatch { expected: merchant.currency, found: submission.currency });
    }
    // What a refused sale would have taken back is forgotten with it.
    let mut touched = touched(submission, pasts);
    let mut flags = flags(books, submission, now);
    let mut lines = Vec::with_capacity(submission.lines.len());
    for (at, new) in submission.lines.iter().enumerate() {
        lines.push(match new.original {
            None => line(books, at, new)?,
            Some(original) => returned(books, submission, &mut touched, (at, new, original), &mut flags)?,
        });
    }
    price::apply(books, submission, &mut lines, &mut flags)?;
    let dues = lines.iter().map(Line::due).collect::<Result<Vec<_>, _>>()?;
    let taxes = tax::total(merchant.rules, lines.iter().zip(dues).map(|(line, due)| (&line.tax, due)))?;
    if taxes.gross.is_negative() && submission.tip > Amount::ZERO {
        return Err(Rejection::TipNegative);
    }
    let settled = tender::settle(&submission.payments, taxes.gross, submission.tip, merchant.rules)?;
    let inherited = refund(submission, &mut touched, merchant.rules, &lines)?;
    flags.sort_unstable();
    flags.dedup();
    let sale = Sale {
        id: submission.id,
        kind: kind(submission),
        voids: None,
        seller,
        ticket: submission.ticket,
        shift: None,
        cashier: submission.cashier,
        salesperson: submission.salesperson,
        customer: submission.customer,
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
        loyalty: None,
        flags,
        note: submission.note.clone(),
    };
    if sale.kind != Kind::Training {
        pasts.extend(touched);
        if !inherited.is_empty() {
            let reversal = Reversal { inherited, ..Reversal::default() };
            pasts.insert(sale.id, Past { sale: sale.clone(), reversal });
        }
    }
    Ok(sale)
}

/// The kind of document that follows from which way the goods go.
fn kind(submission: &Submission) -> Kind {
    let mut back = submission.lines.iter().map(|line| line.quantity < Quantity::ZERO);
    match (submission.training, back.clone().any(|back| back), back.all(|back| back)) {
        (true, ..) => Kind::Training,
        (_, false, _) => Kind::Sale,
        (_, true, true) => Kind::Return,
        (_, true, false) => Kind::Exchange,
    }
}

/// The sales of which something comes back, to work on.
fn touched(submission: &Submission, pasts: &Pasts) -> Pasts {
    let originals = submission.lines.iter().filter_map(|line| line.original);
    originals.filter_map(|original| Some((original.sale, pasts.get(&original.sale)?.clone()))).collect()
}

/// A line that comes back: at the price and the tax at which it was sold.
fn returned(
    books: &Books,
    submission: &Submission,
    pasts: &mut Pasts,
    (at, new, original): (usize, &NewLine, Original),
    flags: &mut Vec<Flag>,
) -> Result<Line, Rejection> {
    let past = pasts.get_mut(&original.sale);
    let sold = past.and_then(|past| Some((past.line(original.line)?.clone(), past)));
    let Some((sold, past)) = sold else {
        if !submission.offline {
            return Err(Rejection::NotReturnable { line: at });
        }
        flags.push(Flag::OriginalUnknown);
        return Ok(Line { original: Some(original), ..line(books, at, new)? });
    };
    if sold.product != new.product {
        return Err(Rejection::NotReturnable { line: at });
    }
    let left = past.left(original.line, &sold);
    let taken = past.take(original.line, &sold, -new.quantity)?;
    if taken.exceeds {
        if !submission.offline {
            return Err(Rejection::ReturnExceeds { line: at, left });
        }
        flags.push(Flag::ReturnExceeds);
    }
    let amount = line_amount(new.quantity, sold.unit_price, past.sale.rules.rounding)?;
    let off = amount.checked_add(taken.due).ok_or(Overflow)?;
    let name = sold.discounts.first().map_or("Rounding", |discount| &discount.name);
    let discounts = (!off.is_zero()).then(|| Discount { amount: off, name: name.to_owned(), promotion: None });
    Ok(Line {
        quantity: new.quantity,
        amount,
        discounts: discounts.into_iter().collect(),
        original: Some(original),
        ..sold
    })
}

/// Checks that no more goes back to a tender than was paid with it. Whoever may take goods back without their sale says
/// how. Returns what an exchange inherits.
fn refund(
    submission: &Submission,
    pasts: &mut Pasts,
    rules: TaxRules,
    lines: &[Line],
) -> Result<BTreeMap<tender::Kind, Amount>, Rejection> {
    let mut originals: Vec<_> = submission.lines.iter().filter_map(|line| Some(line.original?.sale)).collect();
    originals.sort_unstable();
    originals.dedup();
    // Each return is taxed and rounded by itself, which may make it a minor unit more for each line.
    let count = i64::try_from(submission.lines.len()).unwrap_or(i64::MAX);
    let unlinked = submission.lines.iter().any(|line| line.quantity < Quantity::ZERO && line.original.is_none());
    let slack = if unlinked || submission.offline { i64::MAX } else { count + i64::from(rules.cash_step.get()) };
    reversal::refund(pasts, &originals, &submission.payments, slack)?;
    let back = lines.iter().filter(|line| line.original.is_some());
    let dues = back.map(|line| Ok((&line.tax, line.due()?))).collect::<Result<Vec<_>, Overflow>>()?;
    if dues.is_empty() || dues.len() == lines.len() {
        return Ok(BTreeMap::new());
    }
    let worth = -tax::total(rules, dues)?.gross.get();
    Ok(reversal::inherit(pasts, &originals, &submission.payments, (worth, submission.customer))?)
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
        category: product.category(),
        sku: product.sku,
        name: product.name,
        quantity: new.quantity,
        unit_price,
        amount: line_amount(new.quantity, unit_price, books.merchant().rules.rounding)?,
        discounts: Vec::new(),
        original: None,
        stored_value: product.stored_value,
        tax_category: product.tax_category,
        tax: product.tax,
    })
}

fn flags(books: &Books, submission: &Submission, now: Timestamp) -> Vec<Flag> {
    let age_micros = now.micros() - submission.sold_at.micros();
    let differs = |line: &NewLine| {
        let asked = |charged| books.product(line.product).is_some_and(|product| product.asks(charged));
        line.original.is_none() && line.unit_price.is_some_and(|charged| !asked(charged))
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
