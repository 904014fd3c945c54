use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    Rejection,
    sale::{Books, Flag, Submission},
    shop::{self, OTHER_REGISTER, OTHER_STORE, REGISTER, RULES, STORE, amount, noon, sale_id},
    tender::Payment,
};

fn id(number: u128) -> CardPaymentId {
    CardPaymentId::new(Uuid::from_u128(number))
}

fn eur() -> Currency {
    Currency::try_new("EUR").unwrap()
}

fn dollars() -> Currency {
    Currency::try_new("USD").unwrap()
}

fn order(units: i64) -> Order {
    let terminal = TerminalId::try_new("T1").unwrap();
    Order { store: STORE, register: REGISTER, terminal, amount: amount(units), currency: eur() }
}

fn books() -> Books {
    shop::books(RULES)
}

fn captured(units: i64) -> Heard {
    Heard::Captured(Taken { amount: amount(units), currency: eur(), reference: None, brand: None, last4: None })
}

fn started(units: i64) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.start(&books(), Start { id: id(1), order: order(units), at: noon() }, noon()).unwrap();
    ledger
}

fn heard(units: i64, answers: &[Heard]) -> Ledger {
    let mut ledger = started(units);
    for answer in answers {
        ledger.settle((id(1), None), answer, noon()).unwrap();
    }
    ledger
}

fn payment(ledger: &Ledger) -> &CardPayment {
    ledger.payment(id(1)).unwrap()
}

fn paying(number: u128, units: i64, payments: &[u128]) -> Submission {
    let card = |payment: &u128| Payment::Card {
        amount: amount(units),
        reference: None,
        brand: None,
        last4: None,
        payment: Some(id(*payment)),
    };
    Submission { payments: payments.iter().map(card).collect(), ..shop::submission(number) }
}

#[test]
fn what_cannot_be_charged_is_refused() {
    let start = |change: &dyn Fn(&mut Order)| {
        let mut order = order(100);
        change(&mut order);
        Ledger::default()
            .start(&books(), Start { id: id(1), order, at: noon() }, noon())
            .map(|_| ())
            .map_err(|why| why.code())
    };
    assert_eq!(start(&|_| ()), Ok(()));
    assert_eq!(start(&|order| order.amount = amount(0)), Err("amount_not_positive"));
    assert_eq!(start(&|order| order.currency = dollars()), Err("currency_mismatch"));
    assert_eq!(start(&|order| order.register = OTHER_REGISTER), Err("unknown_register"));
    assert_eq!(start(&|order| order.store = StoreId::new(Uuid::nil())), Err("unknown_store"));
    let mut ledger = started(100);
    let again = ledger.start(&books(), Start { id: id(1), order: order(100), at: noon() }, noon());
    assert_eq!(again.unwrap_err(), Rejection::IdTaken);
}

#[test]
fn an_approved_payment_pays_for_one_sale_of_its_amount() {
    let mut ledger = heard(200, &[captured(200)]);
    assert!(payment(&ledger).is_unmatched(), "there is money without a sale");
    let refused = |ledger: &Ledger, submission: Submission| ledger.pay(&submission).unwrap_err();
    assert_eq!(refused(&ledger, paying(1, 199, &[1])).code(), "card_payment_amount_differs");
    assert_eq!(refused(&ledger, paying(1, 200, &[2])).code(), "unknown_card_payment");
    let twice = refused(&ledger, paying(1, 200, &[1, 1]));
    assert_eq!((twice.code(), twice.pointer().unwrap()), ("card_payment_used", "/payments/1/payment".to_owned()));
    let elsewhere = Submission { store: OTHER_STORE, ..paying(1, 200, &[1]) };
    assert_eq!(refused(&ledger, elsewhere).code(), "unknown_card_payment");
    let practice = Submission { training: true, ..paying(1, 200, &[1]) };
    assert_eq!(ledger.pay(&practice), Ok(Matches::default()));
    ledger.apply(ledger.pay(&paying(1, 200, &[1])).unwrap(), noon());
    assert!(!payment(&ledger).is_unmatched());
    assert_eq!(refused(&ledger, paying(2, 200, &[1])).code(), "card_payment_used");
    assert_eq!(ledger.cancel(id(1), STORE, true, noon()).unwrap_err().code(), "card_payment_used");
    ledger.release(sale_id(1), noon());
    assert!(payment(&ledger).is_unmatched(), "the money of a sale that is undone is there");
}

#[test]
fn what_is_not_approved_pays_for_nothing() {
    for answers in [vec![], vec![Heard::Nothing], vec![Heard::Declined(None)], vec![captured(200), Heard::Refunded]] {
        let code = heard(200, &answers).pay(&paying(1, 200, &[1])).unwrap_err().code();
        assert_eq!(code, "card_payment_not_approved", "{answers:?}");
    }
}

#[test]
fn what_a_till_took_without_a_connection_is_a_fact() {
    let offline = |number, payments: &[u128]| Submission { offline: true, ..paying(number, 200, payments) };
    let mut ledger = heard(200, &[Heard::Declined(None)]);
    let matches = ledger.pay(&offline(1, &[1, 2])).unwrap();
    assert_eq!(matches.flags, [Flag::CardPaymentUnmatched; 2]);
    ledger.apply(matches, noon());
    assert!(payment(&ledger).is_unmatched(), "there is a sale without money");
    let matches = ledger.pay(&offline(2, &[1])).unwrap();
    assert_eq!(matches.flags, [Flag::CardPaymentUnmatched]);
    ledger.apply(matches, noon());
    assert_eq!(payment(&ledger).claim.unwrap().sale, sale_id(1), "it stays the first sale's");
}

#[test]
fn a_cancellation_that_comes_too_late_gives_the_money_back() {
    let mut ledger = started(200);
    assert!(ledger.cancel(id(1), STORE, false, noon()).unwrap().cancelling);
    ledger.settle((id(1), None), &captured(200), noon()).unwrap();
    assert_eq!(ledger.pay(&paying(1, 200, &[1])).unwrap_err().code(), "card_payment_cancelling");
    assert!(payment(&ledger).is_open() && payment(&ledger).is_unmatched());
    ledger.settle((id(1), None), &Heard::Refunded, noon()).unwrap();
    let payment = payment(&ledger);
    assert_eq!((payment.state, payment.is_open(), payment.is_unmatched()), (State::Reversed, false, false));
}

#[test]
fn money_is_given_back_only_where_that_is_asked_for() {
    let mut ledger = heard(200, &[captured(200)]);
    assert_eq!(ledger.cancel(id(1), STORE, false, noon()).unwrap_err().code(), "card_payment_taken");
    assert_eq!(ledger.cancel(id(1), OTHER_STORE, true, noon()).unwrap_err().code(), "unknown_card_payment");
    assert!(ledger.cancel(id(1), STORE, true, noon()).unwrap().cancelling);
    let mut ledger = heard(200, &[Heard::Declined(None)]);
    assert!(!ledger.cancel(id(1), STORE, false, noon()).unwrap().cancelling, "there is nothing to undo");
}

#[test]
fn a_capture_that_is_not_in_the_books_is_taken_into_them() {
    let mut ledger = Ledger::default();
    let settle = |ledger: &mut Ledger, order, heard: &Heard| {
        ledger.settle((id(1), order), heard, noon()).map(|payment| payment.state).map_err(|why| why.code())
    };
    assert_eq!(settle(&mut ledger, None, &captured(200)), Err("unknown_card_payment"));
    assert_eq!(settle(&mut ledger, Some(order(200)), &Heard::Refunded), Err("unknown_card_payment"));
    assert_eq!(settle(&mut ledger, Some(order(0)), &captured(200)), Err("amount_not_positive"));
    let elsewhere = StoreId::new(Uuid::nil());
    let foreign = Order { store: elsewhere, register: OTHER_REGISTER, currency: dollars(), ..order(200) };
    assert_eq!(settle(&mut ledger, Some(foreign), &captured(200)), Ok(State::Approved), "it is a fact");
    assert!(payment(&ledger).is_unmatched());
}

fn answer() -> impl Strategy<Value = Heard> {
    prop_oneof![
        (1..3_i64).prop_map(|units| captured(units * 100)),
        Just(Heard::Declined(None)),
        Just(Heard::Cancelled(None)),
        Just(Heard::Refunded),
        Just(Heard::Nothing),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Hear(Heard),
    Cancel(bool),
    Sell(u128, bool),
    Void(u128),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => answer().prop_map(Step::Hear),
        1 => any::<bool>().prop_map(Step::Cancel),
        2 => (1..4_u128, any::<bool>()).prop_map(|(sale, offline)| Step::Sell(sale, offline)),
        1 => (1..4_u128).prop_map(Step::Void),
    ]
}

proptest! {
    /// Whatever comes in whatever order: money that was heard of is in hand until it is given back, is seen where no sale
    /// counts on it, and what is over stays over.
    #[test]
    fn no_money_is_ever_forgotten(steps in prop::collection::vec(step(), 0..12)) {
        let mut ledger = started(200);
        let (mut money, mut refunded) = (0, false);
        for step in steps {
            let before = payment(&ledger).clone();
            match step {
                Step::Hear(heard) => {
                    if let Heard::Captured(taken) = &heard {
                        money = taken.amount.get();
                    }
                    refunded |= heard == Heard::Refunded;
                    ledger.settle((id(1), None), &heard, noon()).unwrap();
                }
                Step::Cancel(refund) => drop(ledger.cancel(id(1), STORE, refund, noon())),
                Step::Sell(sale, offline) => {
                    let submission = Submission { offline, ..paying(sale, 200, &[1]) };
                    if let Ok(matches) = ledger.pay(&submission) {
                        ledger.apply(matches, noon());
                    }
                }
                Step::Void(sale) => ledger.release(sale_id(sale), noon()),
            }
            let after = payment(&ledger);
            prop_assert_eq!(after.in_hand(), amount(if refunded { 0 } else { money }));
            let claimed = after.claim.map_or(0, |claim| claim.amount.get());
            if money > 0 && !refunded {
                prop_assert_eq!(after.is_unmatched(), claimed != money);
            }
            let stays = before.state == after.state || (before.state, after.state) == (State::Approved, State::Reversed);
            prop_assert!(before.state.is_pending() || stays, "{:?} became {:?}", before.state, after.state);
            prop_assert!(after.state != State::Started || before.state == State::Started);
            prop_assert!(!after.state.is_pending() || after.is_open(), "it is asked about until it is known");
            prop_assert!(!after.cancelling || after.is_open());
            prop_assert!(before.claim.is_none() || after.claim.is_none() || before.claim == after.claim);
        }
    }
}
