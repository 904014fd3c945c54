//! What a provider says, in the words of the books.

use tillstream_domain::{
    card_payment::{Heard, Order, Taken},
    money::Amount,
    tender::Last4,
    text::Text,
};
use tillstream_terminal::{Failure, Key, Payment, Status};

/// Money that was taken: by which payment, how much and whether it is still there, and what was to be taken where.
pub(crate) type Captured = (Key, Heard, Option<Order>);

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

/// The same of a payment in a list of those that took money. What it says beside the money must not hide it.
///
/// # Errors
/// Why it is no such payment.
pub(crate) fn captured(payment: &Payment) -> Result<Captured, Failure> {
    let Some(heard @ (Heard::Captured(_) | Heard::Refunded)) = of(payment.key, payment)? else {
        return Err(Failure::NoAnswer("it took no money".to_owned()));
    };
    let order = payment.order.as_ref().and_then(|order| {
        let tillstream_terminal::Order { terminal, amount, currency, store, register } = order;
        let terminal = text(terminal).or_else(|| text("?"))?;
        let amount = match &heard {
            Heard::Captured(taken) if *amount <= Amount::ZERO => taken.amount,
            _ => *amount,
        };
        Some(Order { store: *store, register: *register, terminal, amount, currency: *currency })
    });
    Ok((payment.key, heard, order))
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

#[cfg(test)]
mod tests {
    use tillstream_domain::{
        id::{CardPaymentId, MerchantId, RegisterId, StoreId},
        money::Currency,
    };
    use tillstream_terminal::Money;
    use uuid::Uuid;

    use super::*;

    fn key(payment: u128) -> Key {
        Key { merchant: MerchantId::new(Uuid::nil()), payment: CardPaymentId::new(Uuid::from_u128(payment)) }
    }

    fn captured_with(units: i64, reference: &str) -> Payment {
        let money = Money {
            amount: Amount::try_new(units).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: Some(reference.to_owned()),
            brand: None,
            last4: Some("12345".to_owned()),
        };
        Payment { key: key(1), status: Status::Captured, order: None, money: Some(money), reason: None }
    }

    #[test]
    fn money_counts_whatever_else_a_provider_says() {
        let said = |reference: &str| match of(key(1), &captured_with(200, reference)) {
            Ok(Some(Heard::Captured(taken))) => taken,
            other => panic!("{other:?}"),
        };
        assert_eq!(said("ch_1").reference.unwrap().as_str(), "ch_1");
        assert_eq!(said(&"x".repeat(99)).reference.unwrap().as_str(), "x".repeat(64));
        // Never a card number, nor more of it than its end.
        assert_eq!((said("4242 4242 4242 4242").reference, said("").last4), (None, None));
    }

    #[test]
    fn money_counts_whatever_was_to_be_taken() {
        let order = tillstream_terminal::Order {
            terminal: "4242 4242 4242 4242".to_owned(),
            amount: Amount::ZERO,
            currency: Currency::try_new("EUR").unwrap(),
            store: StoreId::new(Uuid::nil()),
            register: RegisterId::new(Uuid::nil()),
        };
        let (_, _, order) = captured(&Payment { order: Some(order), ..captured_with(200, "") }).unwrap();
        let order = order.unwrap();
        assert_eq!((order.terminal.as_str(), order.amount.get()), ("?", 200));
    }

    #[test]
    fn what_makes_no_sense_is_no_answer() {
        assert!(of(key(2), &captured_with(200, "")).is_err(), "it is about another payment");
        assert!(of(key(1), &captured_with(0, "")).is_err());
        assert!(of(key(1), &Payment { money: None, ..captured_with(200, "") }).is_err());
        assert!(captured(&Payment { money: None, ..captured_with(200, "") }).is_err());
        assert!(captured(&Payment { status: Status::Declined, ..captured_with(200, "") }).is_err());
        assert_eq!(of(key(1), &Payment { status: Status::Pending, ..captured_with(200, "") }), Ok(None));
    }
}
