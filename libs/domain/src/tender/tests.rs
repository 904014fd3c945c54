use proptest::prelude::*;

use super::*;
use crate::{shop::RULES, tax::CashStep};

fn amount(minor_units: i64) -> Amount {
    Amount::try_new(minor_units).unwrap()
}

fn cash(tendered: i64) -> Payment {
    Payment::Cash { tendered: amount(tendered) }
}

fn card(charged: i64) -> Payment {
    Payment::Card { amount: amount(charged), reference: None, brand: None, last4: None, payment: None }
}

fn change(payments: &[Payment], total: i64) -> Result<i64, Rejection> {
    settle(payments, amount(total), Amount::ZERO, RULES).map(|settled| settled.balance.change.get())
}

#[test]
fn change_comes_out_of_cash() {
    assert_eq!(change(&[cash(1000)], 750), Ok(250));
    assert_eq!(change(&[card(500), cash(500)], 750), Ok(250));
    assert_eq!(change(&[card(750)], 750), Ok(0));
    assert_eq!(change(&[cash(500), cash(500)], 750), Ok(250));
    assert_eq!(change(&[], 0), Ok(0));
}

#[test]
fn what_does_not_settle_is_refused() {
    assert_eq!(change(&[cash(500)], 750), Err(Rejection::PaymentShort { missing: amount(250) }));
    assert_eq!(change(&[], 1), Err(Rejection::PaymentShort { missing: amount(1) }));
    assert_eq!(change(&[card(751)], 750), Err(Rejection::CardExceedsTotal { excess: amount(1) }));
    assert_eq!(change(&[card(750), cash(100)], 750), Err(Rejection::CashNotNeeded));
    assert_eq!(change(&[cash(100)], 0), Err(Rejection::CashNotNeeded));
    assert_eq!(change(&[cash(100), cash(0)], 100), Err(Rejection::PaymentNotPositive { payment: 1 }));
    assert_eq!(change(&[card(-1), cash(101)], 100), Err(Rejection::PaymentNotPositive { payment: 0 }));
    assert_eq!(
        settle(&[cash(1), Payment::Cash { tendered: Amount::MAX }], amount(1), Amount::ZERO, RULES),
        Err(Rejection::AmountOverflow)
    );
}

#[test]
fn last4_is_four_digits() {
    assert_eq!(Last4::try_new("0042").unwrap().as_str(), "0042");
    for digits in ["", "042", "00042", "004x", "٤٤"] {
        assert_eq!(Last4::try_new(digits), Err(Invalid::Last4), "{digits}");
    }
}

#[test]
fn cash_is_rounded_and_nothing_else() {
    let rules = TaxRules { cash_step: CashStep::try_new(5).unwrap(), ..RULES };
    let settled = |payments: &[Payment], total| {
        settle(payments, amount(total), Amount::ZERO, rules)
            .map(|Settled { balance, .. }| (balance.cash_rounding.get(), balance.change.get()))
    };
    assert_eq!(settled(&[cash(1000)], 752), Ok((-2, 250)));
    assert_eq!(settled(&[cash(1000)], 753), Ok((2, 245)));
    assert_eq!(settled(&[card(752)], 752), Ok((0, 0)));
    assert_eq!(settled(&[card(700), cash(50)], 752), Ok((-2, 0)));
    // What is left after the card is less than any coin.
    assert_eq!(settled(&[card(750)], 752), Ok((-2, 0)));
    assert_eq!(settled(&[], 2), Ok((-2, 0)));
    assert_eq!(settled(&[card(749)], 752), Err(Rejection::PaymentShort { missing: amount(5) }));
    assert_eq!(settled(&[cash(-750)], -752), Ok((2, 0)));
    assert_eq!(settled(&[card(-752)], -752), Ok((0, 0)));
}

#[test]
fn money_goes_back_exactly() {
    assert_eq!(change(&[cash(-500), card(-250)], -750), Ok(0));
    assert_eq!(change(&[cash(-500)], -750), Err(Rejection::RefundShort { missing: amount(250) }));
    assert_eq!(change(&[cash(-800)], -750), Err(Rejection::RefundExceedsTotal { excess: amount(50) }));
    assert_eq!(change(&[card(-800)], -750), Err(Rejection::RefundExceedsTotal { excess: amount(50) }));
    assert_eq!(change(&[card(-800), cash(50)], -750), Err(Rejection::PaymentNotNegative { payment: 1 }));
    assert_eq!(change(&[], -1), Err(Rejection::RefundShort { missing: amount(1) }));
}

#[test]
fn a_tip_is_paid_with_the_total() {
    let with_tip = |payments: &[Payment]| settle(payments, amount(1000), amount(150), RULES);
    assert_eq!(with_tip(&[card(1150)]).unwrap().balance.change, Amount::ZERO);
    assert_eq!(with_tip(&[cash(2000)]).unwrap().balance.change, amount(850));
    assert_eq!(with_tip(&[card(1000)]), Err(Rejection::PaymentShort { missing: amount(150) }));
}

proptest! {
    #[test]
    fn what_is_settled_is_paid_exactly(
        payments in prop::collection::vec((any::<bool>(), -1000_i64..1000), 0..5), total in -1500_i64..3000, tip in 0_i64..50,
        step in prop::sample::select(vec![1_u16, 5, 10, 100]),
    ) {
        let rules = TaxRules { cash_step: CashStep::try_new(step).unwrap(), ..RULES };
        let payments: Vec<_> = payments.into_iter().map(|(is_cash, units)| if is_cash { cash(units) } else { card(units) }).collect();
        let sum = |kind| payments.iter().filter(|p| p.kind() == kind).map(|p| p.amount().get()).sum::<i64>();
        let (by_cash, by_card, owed) = (sum(Kind::Cash), sum(Kind::Card), total + tip);
        match settle(&payments, amount(total), amount(tip), rules) {
            Ok(Settled { payments: kept, balance }) => {
                let Balance { paid, cash_rounding, change } = balance;
                prop_assert_eq!(paid.get() - change.get(), owed + cash_rounding.get());
                prop_assert_eq!(paid.get(), by_cash + by_card);
                prop_assert!(change.get() >= 0 && (by_cash == 0 || change.get() < by_cash.abs()));
                prop_assert!(by_card.abs() <= owed.abs());
                prop_assert_eq!((by_cash - change.get()) % i64::from(step), 0);
                prop_assert!(2 * cash_rounding.get().abs() <= i64::from(step));
                prop_assert_eq!(kept, payments);
            }
            Err(Rejection::PaymentShort { missing }) => prop_assert!(owed > 0 && missing.get() > 0),
            Err(Rejection::CardExceedsTotal { excess }) => prop_assert_eq!(excess.get(), by_card - owed),
            Err(Rejection::CashNotNeeded) => prop_assert!(by_cash > 0 && 2 * (owed - by_card) <= i64::from(step)),
            Err(Rejection::PaymentNotPositive { payment }) => prop_assert!(owed >= 0 && payments[payment].amount().get() <= 0),
            Err(Rejection::PaymentNotNegative { payment }) => prop_assert!(owed < 0 && payments[payment].amount().get() >= 0),
            Err(Rejection::RefundShort { missing }) => prop_assert!(owed < 0 && missing.get() > 0),
            Err(Rejection::RefundExceedsTotal { excess }) => prop_assert!(owed < 0 && excess.get() > 0),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
