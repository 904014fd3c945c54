use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    Rejection,
    sale::{Flag, Submission},
    shop::{self, amount, noon, sale_id},
    tender::Payment,
};

fn account_id(number: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(number))
}

fn issue(number: u128, kind: Kind, units: i64) -> Issue {
    let id = CommandId::new(Uuid::from_u128(number));
    Issue { id, kind, number: None, expires_at: None, amount: amount(units), sale: None, note: None }
}

fn transfer(from: u128, to: u128, units: Option<i64>) -> Transfer {
    let id = CommandId::new(Uuid::from_u128(99));
    Transfer { id, from: account_id(from), to: account_id(to), amount: units.map(amount), note: None }
}

fn gift_card(number: u128, units: i64) -> Payment {
    Payment::GiftCard { amount: amount(units), account: account_id(number) }
}

fn store_credit(number: u128, units: i64) -> Payment {
    Payment::StoreCredit { amount: amount(units), account: account_id(number) }
}

fn paying(number: u128, payments: Vec<Payment>) -> Submission {
    Submission { payments, ..shop::submission(number) }
}

/// Cards 1 and 2 with 50.00 and 20.00, store credit 3 of 10.00.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    for issue in [issue(1, Kind::GiftCard, 5_000), issue(2, Kind::GiftCard, 2_000), issue(3, Kind::StoreCredit, 1_000)]
    {
        ledger.apply(ledger.issue(&issue, noon()).unwrap());
    }
    ledger
}

fn balance(ledger: &Ledger, number: u128) -> i64 {
    ledger.account(account_id(number)).unwrap().balance.get()
}

fn later() -> Timestamp {
    Timestamp::from_micros(noon().micros() + 1).unwrap()
}

#[test]
fn a_sale_is_paid_from_accounts_and_never_with_more_than_is_there() {
    let mut ledger = ledger();
    let submission = paying(1, vec![gift_card(1, 3_000), gift_card(1, 2_000), store_credit(3, 1_000)]);
    ledger.apply(ledger.pay(&submission, noon()).unwrap());
    assert_eq!((balance(&ledger, 1), balance(&ledger, 3)), (0, 0));
    let refused = |payments| ledger.pay(&paying(2, payments), noon()).unwrap_err();
    let short = Rejection::from(AccountRejection::InsufficientBalance { balance: amount(0), payment: Some(1) });
    assert_eq!(refused(vec![gift_card(2, 2_000), gift_card(2, 1)]), short);
    assert_eq!(short.pointer().unwrap(), "/payments/1/amount");
    for wrong in [gift_card(3, 1), store_credit(2, 1), gift_card(9, 1), gift_card(9, -1), store_credit(2, -1)] {
        assert_eq!(refused(vec![wrong]).code(), "unknown_account");
    }
}

#[test]
fn practice_moves_nothing() {
    let submission = Submission { training: true, ..paying(1, vec![gift_card(1, 9_000)]) };
    assert_eq!(ledger().pay(&submission, noon()), Ok(Moves::default()));
}

#[test]
fn what_was_taken_without_a_connection_is_taken_and_flagged() {
    let mut ledger = ledger();
    let expiring = Issue { expires_at: Some(later()), ..issue(4, Kind::GiftCard, 100) };
    ledger.apply(ledger.issue(&expiring, noon()).unwrap());
    let payments = vec![gift_card(1, 6_000), gift_card(4, 100), gift_card(9, 100)];
    let moves = ledger.pay(&Submission { offline: true, ..paying(1, payments) }, later()).unwrap();
    assert_eq!(moves.flags, [Flag::AccountOverdrawn, Flag::AccountExpired, Flag::AccountUnknown]);
    ledger.apply(moves);
    assert_eq!((balance(&ledger, 1), balance(&ledger, 4)), (-1_000, 0));
    assert_eq!(ledger.transfer(&transfer(1, 2, None), noon()).unwrap_err().code(), "not_transferable");
}

#[test]
fn store_credit_given_back_opens_its_account() {
    let mut ledger = ledger();
    ledger.apply(ledger.pay(&paying(1, vec![store_credit(7, -250), store_credit(7, -50)]), noon()).unwrap());
    assert_eq!(balance(&ledger, 7), 300);
    let (opened, _) = ledger.changed();
    assert_eq!(opened.last().unwrap().id, account_id(7));
    assert_eq!(ledger.issue(&issue(7, Kind::StoreCredit, 1), noon()), Err(Rejection::IdTaken));
}

#[test]
fn what_is_over_can_not_be_spent_or_moved() {
    let mut ledger = ledger();
    let expiring = Issue { expires_at: Some(later()), ..issue(4, Kind::GiftCard, 100) };
    assert_eq!(ledger.issue(&expiring, later()), Err(Rejection::ExpiryPast));
    ledger.apply(ledger.issue(&expiring, noon()).unwrap());
    assert!(ledger.pay(&paying(1, vec![gift_card(4, 100)]), noon()).is_ok());
    assert_eq!(ledger.account(account_id(4)).unwrap().status(later()), Status::Expired);
    let expired = |payment| Rejection::from(AccountRejection::Expired { account: account_id(4), payment });
    assert_eq!(ledger.pay(&paying(1, vec![gift_card(4, 100)]), later()), Err(expired(Some(0))));
    assert_eq!(ledger.transfer(&transfer(4, 1, None), later()), Err(expired(None)));
    assert_eq!(ledger.transfer(&transfer(1, 4, None), later()), Err(expired(None)));
}

#[test]
fn a_balance_goes_to_another_account_of_its_kind() {
    let mut ledger = ledger();
    ledger.apply(ledger.transfer(&transfer(1, 2, Some(1_500)), noon()).unwrap());
    assert_eq!((balance(&ledger, 1), balance(&ledger, 2)), (3_500, 3_500));
    ledger.apply(ledger.transfer(&transfer(1, 2, None), noon()).unwrap());
    assert_eq!((balance(&ledger, 1), balance(&ledger, 2)), (0, 7_000));
    let refused = |from, to, units| ledger.transfer(&transfer(from, to, units), noon()).unwrap_err().code();
    assert_eq!(refused(1, 2, None), "not_transferable");
    assert_eq!(refused(2, 2, None), "not_transferable");
    assert_eq!(refused(2, 3, Some(1)), "not_transferable");
    assert_eq!(refused(2, 1, Some(7_001)), "insufficient_balance");
    assert_eq!(refused(2, 1, Some(-1)), "amount_not_positive");
    assert_eq!(refused(2, 9, Some(1)), "unknown_account");
}

#[test]
fn a_void_undoes_what_its_sale_changed_unless_it_is_spent() {
    let mut ledger = ledger();
    let sold = Issue { sale: Some(sale_id(1)), ..issue(4, Kind::GiftCard, 2_500) };
    ledger.apply(ledger.issue(&sold, noon()).unwrap());
    ledger.apply(ledger.pay(&paying(1, vec![gift_card(1, 400), gift_card(1, 100)]), noon()).unwrap());
    let mut spent = ledger.clone();
    spent.apply(spent.pay(&paying(2, vec![gift_card(4, 1)]), noon()).unwrap());
    assert_eq!(spent.undo(sale_id(1), sale_id(3), noon()).unwrap_err().code(), "not_voidable");
    ledger.apply(ledger.undo(sale_id(1), sale_id(3), noon()).unwrap());
    assert_eq!((balance(&ledger, 1), balance(&ledger, 4)), (5_000, 0));
    assert_eq!(ledger.undo(sale_id(9), sale_id(4), noon()), Ok(Moves::default()));
}

#[test]
fn names_are_read_as_they_are_written() {
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
    }
    for reason in Reason::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
    }
}

/// Something that may happen to the accounts 0 to 4.
#[derive(Debug, Clone)]
enum Step {
    Issue(u128, bool, i64),
    Reload(u128, i64),
    Transfer(u128, u128, Option<i64>),
    Pay(Vec<(u128, bool, i64)>, bool),
    Undo(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let payment = (0_u128..5, any::<bool>(), -300_i64..300);
    prop_oneof![
        (0_u128..5, any::<bool>(), -10_i64..500).prop_map(|(id, card, units)| Step::Issue(id, card, units)),
        (0_u128..5, -10_i64..300).prop_map(|(id, units)| Step::Reload(id, units)),
        (0_u128..5, 0_u128..5, prop::option::of(-10_i64..300))
            .prop_map(|(from, to, units)| Step::Transfer(from, to, units)),
        (prop::collection::vec(payment, 0..4), prop::bool::weighted(0.2))
            .prop_map(|(all, offline)| Step::Pay(all, offline)),
        (0_usize..20).prop_map(Step::Undo),
    ]
}

fn decide(ledger: &Ledger, at: usize, step: &Step) -> Result<Moves, Rejection> {
    let number = u128::try_from(at).unwrap();
    match step {
        Step::Issue(id, card, units) => {
            let kind = if *card { Kind::GiftCard } else { Kind::StoreCredit };
            ledger.issue(&issue(*id, kind, *units), noon())
        }
        Step::Reload(account, units) => {
            let (id, account) = (CommandId::new(Uuid::from_u128(number)), account_id(*account));
            ledger.reload(&Reload { id, account, amount: amount(*units), sale: None, note: None }, noon())
        }
        Step::Transfer(from, to, units) => ledger.transfer(&transfer(*from, *to, *units), noon()),
        Step::Pay(payments, offline) => {
            let payment = |(id, card, units): &(u128, bool, i64)| {
                if *card { gift_card(*id, *units) } else { store_credit(*id, *units) }
            };
            let payments = payments.iter().map(payment).collect();
            ledger.pay(&Submission { offline: *offline, ..paying(number, payments) }, noon())
        }
        Step::Undo(of) => ledger.undo(sale_id(u128::try_from(*of).unwrap()), sale_id(1_000 + number), noon()),
    }
}

proptest! {
    #[test]
    fn every_balance_is_the_sum_of_its_entries(steps in prop::collection::vec(step(), 1..20)) {
        let mut ledger = Ledger::default();
        let mut sums: BTreeMap<AccountId, (u32, i64)> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            let Ok(moves) = decide(&ledger, at, step) else { continue };
            for entry in &moves.entries {
                let (count, sum) = sums.entry(entry.account).or_default();
                let before = *sum;
                (*count, *sum) = (*count + 1, *sum + entry.amount.get());
                prop_assert_eq!((entry.number, entry.balance.get()), (*count, *sum));
                let offline = matches!(step, Step::Pay(_, true));
                prop_assert!(*sum >= 0 || *sum >= before || offline, "{step:?} takes what is not there: {entry:?}");
            }
            if matches!(step, Step::Transfer(..)) {
                prop_assert_eq!(moves.entries.iter().map(|entry| entry.amount.get()).sum::<i64>(), 0);
            }
            ledger.apply(moves);
        }
        for (id, (count, sum)) in sums {
            let account = ledger.account(id).unwrap();
            prop_assert_eq!((account.entries, account.balance.get()), (count, sum));
        }
    }
}
