use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    sale::Submission,
    shop::{self, amount, noon, sale_id},
    tender::Payment,
};

fn customer(number: u128) -> CustomerId {
    CustomerId::new(Uuid::from_u128(number))
}

/// Something that may happen to what the customers 0 to 2 owe and have collected.
#[derive(Debug, Clone)]
enum Step {
    Limit(u128, i64),
    /// A sale on account, or, below zero, a return; with or without a connection.
    OnAccount(u128, i64, bool),
    PayOff(u128, i64),
    Collect(u128, i64),
    Redeem(u128, i64),
    /// A sale paid for with store credit.
    Spend(u128, i64),
    Merge(u128, u128),
    /// A void of the sale of that step.
    Undo(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let one = || 0_u128..3;
    prop_oneof![
        (one(), -10_i64..1_000).prop_map(|(of, limit)| Step::Limit(of, limit)),
        (one(), -200_i64..500, prop::bool::weighted(0.2)).prop_map(|(of, units, cut)| Step::OnAccount(of, units, cut)),
        (one(), -100_i64..300).prop_map(|(of, units)| Step::PayOff(of, units)),
        (one(), -50_i64..200).prop_map(|(of, points)| Step::Collect(of, points)),
        (one(), -10_i64..200).prop_map(|(of, points)| Step::Redeem(of, points)),
        (one(), 1_i64..400).prop_map(|(of, units)| Step::Spend(of, units)),
        (one(), one())
            .prop_filter("nobody is merged into themselves", |(from, into)| from != into)
            .prop_map(|(from, into)| Step::Merge(from, into)),
        (0_usize..30).prop_map(Step::Undo),
    ]
}

fn rule() -> Rule {
    Rule::try_new(amount(1), amount(100), amount(3)).unwrap()
}

fn paying(number: u128, of: u128, offline: bool, payment: Payment) -> Submission {
    Submission { payments: vec![payment], customer: Some(customer(of)), offline, ..shop::submission(number) }
}

fn decide(ledger: &Ledger, at: usize, step: &Step) -> Result<Moves, Rejection> {
    let number = u128::try_from(at).unwrap();
    let id = CommandId::new(Uuid::from_u128(1_000 + number));
    match *step {
        Step::Limit(of, limit) => ledger.put_house(customer(of), amount(limit)),
        Step::OnAccount(of, units, offline) => {
            let payment = Payment::OnAccount { amount: amount(units) };
            ledger.pay(&paying(number, of, offline, payment), noon())
        }
        Step::PayOff(of, units) => {
            let payoff = Payoff { id, customer: customer(of), amount: amount(units), note: None };
            ledger.pay_off(&payoff, noon())
        }
        Step::Collect(of, points) => {
            let (mut collected, mut moves) = (Points::default(), Moves::default());
            if points < 0 {
                collected.take_back(customer(of), -points);
            } else {
                collected.earn(customer(of), points);
            }
            ledger.collect(&mut moves, sale_id(number), &collected, noon());
            Ok(moves)
        }
        Step::Redeem(of, points) => {
            ledger.redeem(&Redemption { id, customer: customer(of), points: amount(points) }, &rule(), noon())
        }
        Step::Spend(of, units) => {
            let account = Kind::StoreCredit.of_customer(customer(of));
            let payment = Payment::StoreCredit { amount: amount(units), account };
            ledger.pay(&paying(number, of, false, payment), noon())
        }
        Step::Merge(from, into) => ledger.merge(id, (customer(from), customer(into)), noon()),
        Step::Undo(of) => ledger.undo(sale_id(u128::try_from(of).unwrap()), sale_id(2_000 + number), noon()),
    }
}

fn balance(ledger: &Ledger, of: u128, kind: Kind) -> i64 {
    ledger.account(kind.of_customer(customer(of))).map_or(0, |account| account.balance.get())
}

/// What all customers together have on accounts of a kind.
fn all(ledger: &Ledger, kind: Kind) -> i64 {
    (0..3).map(|of| balance(ledger, of, kind)).sum()
}

proptest! {
    /// Whatever happens in whatever order: balances are sums of entries, nobody owes more than they may by a sale that is
    /// checked, points are redeemed once and at their worth, and a merge keeps every sum.
    #[test]
    fn what_customers_owe_and_collect_adds_up(steps in prop::collection::vec(step(), 1..30)) {
        let mut ledger = Ledger::default();
        let mut sums: BTreeMap<AccountId, (u32, i64)> = BTreeMap::new();
        // What each sale changed of all that is owed, collected and put by.
        let mut sales = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            let Ok(moves) = decide(&ledger, at, step) else { continue };
            for entry in &moves.entries {
                let (count, sum) = sums.entry(entry.account).or_default();
                (*count, *sum) = (*count + 1, *sum + entry.amount.get());
                prop_assert_eq!((entry.number, entry.balance.get()), (*count, *sum));
            }
            let before = OF_CUSTOMERS.map(|kind| all(&ledger, kind));
            ledger.apply(moves);
            let after = OF_CUSTOMERS.map(|kind| all(&ledger, kind));
            let [house, points, credit] = [after[0] - before[0], after[1] - before[1], after[2] - before[2]];
            match *step {
                Step::Limit(..) | Step::Merge(..) => prop_assert_eq!([house, points, credit], [0; 3]),
                Step::OnAccount(of, units, offline) => {
                    prop_assert_eq!([house, points, credit], [-units, 0, 0]);
                    let limit = ledger.account(Kind::House.of_customer(customer(of))).unwrap().limit.get();
                    let owed = -balance(&ledger, of, Kind::House);
                    prop_assert!(offline || units <= 0 || owed <= limit, "{step:?}: {owed} of {limit}");
                }
                Step::PayOff(_, units) => prop_assert_eq!([house, points, credit], [units, 0, 0]),
                Step::Collect(_, gained) => prop_assert_eq!([house, points, credit], [0, gained, 0]),
                Step::Redeem(of, spent) => {
                    prop_assert_eq!([house, points, credit], [0, -spent, 3 * spent]);
                    prop_assert!(spent > 0 && balance(&ledger, of, Kind::Points) >= 0);
                }
                Step::Spend(of, units) => {
                    prop_assert_eq!([house, points, credit], [0, 0, -units]);
                    prop_assert!(balance(&ledger, of, Kind::StoreCredit) >= 0);
                }
                Step::Undo(of) => {
                    let back = sales.get(&of).map_or([0; 3], |gains: &[i64; 3]| gains.map(|gain| -gain));
                    prop_assert_eq!([house, points, credit], back);
                }
            }
            if matches!(step, Step::OnAccount(..) | Step::Collect(..) | Step::Spend(..)) {
                sales.insert(at, [house, points, credit]);
            }
        }
        for (id, (count, sum)) in sums {
            let account = ledger.account(id).unwrap();
            prop_assert_eq!((account.entries, account.balance.get()), (count, sum));
        }
    }
}
