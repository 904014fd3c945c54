use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::shop::{self, BEANS, ESPRESSO, OTHER_STORE, RULES, STORE, noon, quantity};

fn adjustment(lines: Vec<(ProductId, Quantity)>) -> Adjustment {
    let id = CommandId::new(Uuid::from_u128(50));
    Adjustment { id, store: STORE, reason: Reason::Received, occurred_at: noon(), lines, note: None }
}

fn level(text: &str) -> Level {
    Level::from_thousandths(quantity(text).thousandths())
}

fn why(adjustment: &Adjustment) -> (&'static str, Option<String>) {
    let rejection = adjust(&shop::books(RULES), adjustment).unwrap_err();
    (rejection.code(), rejection.pointer())
}

#[test]
fn what_is_sold_goes_out() {
    let movements =
        sold([(ESPRESSO, quantity("2")), (ESPRESSO, quantity("1")), (BEANS, quantity("0.35"))], STORE, noon());
    assert_eq!(movements.iter().map(|movement| movement.line).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(movements.iter().all(|movement| movement.reason == Reason::Sale && movement.occurred_at == noon()));
    let expected = [((STORE, ESPRESSO), level("-3")), ((STORE, BEANS), level("-0.35"))];
    assert_eq!(deltas(&movements), Ok(expected.into()));
}

#[test]
fn an_adjustment_moves_each_line() {
    let movements = adjust(&shop::books(RULES), &adjustment(vec![(BEANS, quantity("5")), (ESPRESSO, quantity("-1"))]));
    let of = |product, delta: &str, line| Movement {
        store: STORE,
        product,
        delta: quantity(delta),
        reason: Reason::Received,
        occurred_at: noon(),
        line,
    };
    assert_eq!(movements, Ok(vec![of(BEANS, "5", 0), of(ESPRESSO, "-1", 1)]));
}

#[test]
fn what_cannot_be_adjusted_is_refused() {
    let one = || adjustment(vec![(BEANS, quantity("5"))]);
    let nowhere = StoreId::new(Uuid::from_u128(99));
    assert_eq!(why(&Adjustment { store: nowhere, ..one() }), ("unknown_store", Some("/store".to_owned())));
    for reason in [Reason::Sale, Reason::Opening] {
        assert_eq!(why(&Adjustment { reason, ..one() }), ("reason_not_allowed", Some("/reason".to_owned())));
    }
    assert_eq!(why(&adjustment(vec![])).0, "empty_basket");
    assert_eq!(why(&adjustment(vec![(BEANS, quantity("1")); 501])).0, "too_many_lines");
    let zero = adjustment(vec![(BEANS, quantity("5")), (BEANS, Quantity::ZERO)]);
    assert_eq!(why(&zero), ("quantity_out_of_range", Some("/lines/1/quantity".to_owned())));
    let unknown = adjustment(vec![(ProductId::new(Uuid::from_u128(99)), quantity("5"))]);
    assert_eq!(why(&unknown), ("unknown_product", Some("/lines/0/product".to_owned())));
}

#[test]
fn a_level_may_be_beyond_a_quantity() {
    let movements = sold([Quantity::MAX; 3].map(|quantity| (BEANS, quantity)), STORE, noon());
    let sum = deltas(&movements).unwrap()[&(STORE, BEANS)];
    assert_eq!((sum.thousandths(), sum.to_string().as_str()), (-3_000_000_000_000, "-3000000000"));
}

#[test]
fn reasons_have_one_name() {
    for reason in Reason::ALL {
        assert_eq!(reason.to_string().parse(), Ok(reason));
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
    }
    assert_eq!("stolen".parse::<Reason>(), Err(Invalid::Reason));
}

prop_compose! {
    fn any_movement()(here: bool, espresso: bool, thousandths in -1_000_000_i64..1_000_000, line: u16) -> Movement {
        Movement {
            store: if here { STORE } else { OTHER_STORE },
            product: if espresso { ESPRESSO } else { BEANS },
            delta: Quantity::from_thousandths(thousandths).unwrap(),
            reason: Reason::Correction,
            occurred_at: noon(),
            line,
        }
    }
}

proptest! {
    #[test]
    fn order_does_not_matter_and_nothing_is_lost(
        (movements, shuffled) in prop::collection::vec(any_movement(), 0..40)
            .prop_flat_map(|movements| (Just(movements.clone()), Just(movements).prop_shuffle())),
        cut in 0_usize..40,
    ) {
        let whole = deltas(&movements).unwrap();
        prop_assert_eq!(&deltas(&shuffled).unwrap(), &whole);
        let sum: i64 = movements.iter().map(|movement| movement.delta.thousandths()).sum();
        prop_assert_eq!(whole.values().map(|delta| delta.thousandths()).sum::<i64>(), sum);
        // Two batches add up to what one would have been.
        let (first, second) = shuffled.split_at(cut.min(shuffled.len()));
        let mut levels = deltas(first).unwrap();
        for (level, delta) in deltas(second).unwrap() {
            let sum = levels.entry(level).or_default();
            *sum = Level::from_thousandths(sum.thousandths() + delta.thousandths());
        }
        prop_assert_eq!(levels, whole);
    }
}
