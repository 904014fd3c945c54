//! What a provider says, in the words of the books.

use tillstream_domain::{
    card_payment::{Heard, Order, Taken},
    money::Amount,
    tender::Last4,
    text::Text,
};
use tillstream_terminal::{Failure, Key, Payment, Status};

/// Money that was taken: by which payment, how much, and what was to be taken where.
pub(crate) type Captured = (Key, Taken, Option<Order>);

/// What `payment`, the answer to a question about `key`, says; none if nothing has become of it yet.
pub(crate) fn of(key: Key, payment: &Payment) -> Result<Option<Heard>, Failure> {
    if payment.key != key {
        return Err(Failure::NoAnswer(format!("it speaks of {}", payment.key)));
    }
    let reason = || payment.reason.as_deref().and_then(text);
    Ok(Some(match payment.status {
        Status::Pending => return Ok(None),
        Status::Captured => Heard::Captured(
            taken(payment).ok_or_else(|| Failure::NoAnswer("it does not say how much was taken".to_owned()))?,
        ),
        Status::Declined => Heard::Declined(reason()),
        Status::Cancelled => Heard::Cancelled(reason()),
        Status::Refunded => Heard::Refunded,
    }))
}

/// The same of a payment in a list of those that took money.
pub(crate) fn captured(payment: &Payment) -> Option<Captured> {
    if payment.status != Status::Captured {
        return None;
    }
    let order = payment.order.as_ref().and_then(|order| {
        let tillstream_terminal::Order { terminal, amount, currency, store, register } = order;
        let terminal = text(terminal)?;
        Some(Order { store: *store, register: *register, terminal, amount: *amount, currency: *currency })
    });
    Some((payment.key, taken(payment)?, order))
}

fn taken(payment: &Payment) -> Option<Taken> {
    let money = payment.money.as_ref().filter(|money| money.amount > Amount::ZERO)?;
    Some(Taken {
        amount: money.amount,
        currency: money.currency,
        reference: money.reference.as_deref().and_then(text),
        brand: money.brand.as_deref().and_then(text),
        last4: money.last4.as_deref().and_then(last4),
    })
}

/// As much of a provider's text as is kept; none if it must not be kept, for it holds what looks like a card number. The
/// money counts all the same.
pub(crate) fn text<const MAX: usize>(said: &str) -> Option<Text<MAX>> {
    let cut: String = said.chars().filter(|char| !char.is_control()).take(MAX).collect();
    Text::try_new(&cut).ok()
}

fn last4(said: &str) -> Option<Last4> {
    Last4::try_new(said).ok()
}
