use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    customer::Known,
    id::CustomerId,
    sale::Returned,
    shop::{self, amount, noon},
};

fn rule(points: i64, per: i64) -> Rule {
    Rule::try_new(amount(points), amount(per), amount(1)).unwrap()
}

#[test]
fn a_rule_gives_points_for_full_amounts() {
    let earned = rule(3, 100).earned(&shop::sale(1).lines).unwrap();
    // 12.00 were paid.
    assert_eq!((earned.earned, earned.at(1_199), earned.at(1_200), earned.at(-1)), (amount(36), 33, 36, 0));
    assert_eq!(rule(1, 1_201).earned(&shop::sale(1).lines), None);
    for (points, per, worth) in [(0, 1, 1), (MAX_POINTS + 1, 1, 1), (1, 0, 1), (1, 1, 0)] {
        assert_eq!(Rule::try_new(amount(points), amount(per), amount(worth)), Err(Invalid::LoyaltyRule));
    }
}

#[test]
fn what_goes_onto_gift_cards_brings_none() {
    let mut sale = shop::sale(1);
    sale.lines[1].stored_value = true;
    // Of 12.00 the espressos were 5.00.
    assert_eq!(rule(1, 100).earned(&sale.lines).unwrap().earned, amount(5));
}

#[test]
fn nobody_collects_by_practice_or_who_is_not_known() {
    let anna = CustomerId::new(Uuid::from_u128(1));
    let known = |active| Clientele::from_iter([(anna, Known { id: anna, active, groups: Vec::new() })]);
    let earns = |customers: &Clientele, kind| {
        let mut sale = Sale { customer: Some(anna), kind, ..shop::sale(1) };
        let points = Collected::default().settle(&mut sale, Some(&rule(1, 100)), customers, &Pasts::new());
        assert_eq!(points == Points::default(), sale.loyalty.is_none());
        sale.loyalty.is_some()
    };
    assert!(earns(&known(true), Kind::Sale));
    assert!(!earns(&known(false), Kind::Sale) && !earns(&known(true), Kind::Training));
    assert!(!earns(&Clientele::default(), Kind::Sale));
}

proptest! {
    /// Whatever comes back in whatever pieces, what is left is the rule applied to what was kept, and nothing in the end.
    #[test]
    fn returns_take_back_exactly_what_was_earned(
        (books, submission) in shop::any_sale(),
        points in 1_i64..1_000,
        per in 1_i64..5_000,
        parts in prop::collection::vec(0_i64..=100, 1..10),
    ) {
        let Ok(mut sale) = crate::sale::submit(&books, &submission, &mut Pasts::new(), noon()) else { return Ok(()) };
        let rule = rule(points, per);
        let Some(earned) = rule.earned(&sale.lines) else { return Ok(()) };
        sale.loyalty = Some(earned);
        let dues: Vec<_> = sale.lines.iter().map(|line| line.due().unwrap().get()).collect();
        let mut past = Past::new(sale);
        let mut sum = earned.earned.get();
        let mut parts: Vec<_> = parts;
        parts.sort_unstable();
        parts.push(100);
        let mut before = earned.left(&past);
        prop_assert_eq!(before, sum);
        for percent in parts {
            for (at, due) in dues.iter().enumerate() {
                let returned = Returned { quantity: Quantity::ZERO, due: amount(due * percent / 100) };
                past.reversal.returned.insert(u16::try_from(at).unwrap(), returned);
            }
            let after = earned.left(&past);
            prop_assert!(after <= before, "nothing is earned by bringing something back");
            sum += after - before;
            let kept: i64 = dues.iter().map(|due| due - due * percent / 100).sum();
            prop_assert_eq!(sum, kept / per * points);
            before = after;
        }
        prop_assert_eq!(sum, 0);
    }
}
