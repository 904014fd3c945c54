//! Each effect and condition by itself, and how promotions go together.

use std::num::NonZeroU16;

use super::*;

fn of(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

fn buy_get(buy: u16, get: u16, off: &str) -> Effect {
    Effect::BuyGet(BuyGet { buy: of(buy), get: of(get), percent: percent(off) })
}

fn bundle(units: u16, price: i64) -> Effect {
    Effect::Bundle(Bundle { units: of(units), price: amount(price) })
}

fn taken_by_one(effect: Effect, lines: Vec<BasketLine>) -> Vec<i64> {
    taken_by(vec![promotion(1, effect)], lines)
}

fn weighed(line: BasketLine) -> BasketLine {
    BasketLine { weighed: true, ..line }
}

#[test]
fn percent_amount_and_unit_price_are_of_each_line() {
    // 12.5 % of 0.99 is 0.12375, of 3 × 0.99 is 0.37125.
    assert_eq!(taken_by_one(Effect::Percent(percent("12.5")), vec![line(1, "1", 99), line(2, "3", 99)]), [12, 37]);
    // 0.50 off each: of 0.35 kg 0.175; never more than is due.
    let lines = || vec![line(1, "3", 200), weighed(line(2, "0.35", 1999)), line(3, "2", 30)];
    assert_eq!(taken_by_one(Effect::AmountOff(amount(50)), lines()), [150, 18, 60]);
    // At 1.50 each: 0.35 kg cost 7.00 and then 0.53; what costs less stays.
    assert_eq!(taken_by_one(Effect::UnitPrice(amount(150)), lines()), [150, 647, 0]);
}

#[test]
fn a_limit_counts_units_the_dearest_first_and_leaves_out_what_is_weighed() {
    let limited = |effect| {
        let promotion = Promotion { limit: Some(of(3)), ..promotion(1, effect) };
        taken_by(vec![promotion], vec![line(1, "2", 100), line(2, "2", 300), weighed(line(3, "9", 900))])
    };
    assert_eq!(limited(Effect::Percent(percent("50"))), [50, 300, 0]);
    assert_eq!(limited(Effect::UnitPrice(amount(90))), [10, 420, 0]);
    assert_eq!(limited(Effect::AmountOff(amount(150))), [100, 300, 0]);
    assert_eq!(limited(buy_get(1, 1, "100")), [100, 300, 0]);
    // Two groups of 2 save 2.00 + 6.00 − 2 × 1.50, which is shared 1 : 3.
    assert_eq!(limited(bundle(2, 150)), [125, 375, 0]);
}

#[test]
fn buy_some_and_get_the_cheapest_of_each_group() {
    // 10, 9, 8 and 3, 2, 1: 8 and 1 are free. The seventh makes no group.
    let prices = [900, 100, 800, 1000, 300, 200, 50];
    let lines = || (1..).zip(prices).map(|(number, price)| line(number, "1", price)).collect::<Vec<_>>();
    assert_eq!(taken_by_one(buy_get(2, 1, "100"), lines()), [0, 100, 800, 0, 0, 0, 0]);
    assert_eq!(taken_by_one(buy_get(2, 1, "50"), lines()), [0, 50, 400, 0, 0, 0, 0]);
    assert_eq!(taken_by_one(buy_get(1, 2, "100"), lines()), [900, 100, 800, 0, 0, 200, 0]);
    let once = Promotion { limit: Some(of(1)), ..promotion(1, buy_get(2, 1, "100")) };
    assert_eq!(taken_by(vec![once], lines()), [0, 0, 800, 0, 0, 0, 0]);
    // Groups go over lines, and lines over groups: 5 × 3.00, 2 × 2.00.
    assert_eq!(taken_by_one(buy_get(2, 1, "100"), vec![line(1, "5", 300), line(2, "2", 200)]), [300, 200]);
    assert_eq!(taken_by_one(buy_get(2, 1, "100"), vec![weighed(line(1, "3", 300)), line(2, "2.5", 200)]), [0, 0]);
}

#[test]
fn a_deal_that_takes_nothing_leaves_units_and_lines_to_others() {
    // A tenth of a cent is nothing.
    let nothing = Promotion { priority: 1, exclusive: true, ..promotion(1, buy_get(1, 1, "10")) };
    assert_eq!(taken_by(vec![nothing, promotion(2, buy_get(1, 1, "100"))], vec![line(1, "2", 1)]), [1]);
    let nothing = Promotion { priority: 1, exclusive: true, ..promotion(1, bundle(2, 200)) };
    assert_eq!(taken_by(vec![nothing, promotion(2, bundle(2, 150))], vec![line(1, "2", 100)]), [50]);
}

#[test]
fn mix_and_match_shares_out_what_the_groups_save() {
    // 3 for 5.00 of 2.50, 2.00 and 1.50: 1.00 off, by 5 : 4 : 3 — 0.4166…, 0.3333…, 0.25.
    let lines = vec![line(1, "1", 250), line(2, "1", 200), line(3, "1", 150)];
    assert_eq!(taken_by_one(bundle(3, 500), lines.clone()), [42, 33, 25]);
    assert_eq!(taken_by_one(bundle(3, 600), lines.clone()), [0, 0, 0]);
    assert_eq!(taken_by_one(bundle(2, 300), lines), [83, 67, 0]);
    assert_eq!(taken_by_one(bundle(3, 500), vec![line(1, "1000000", 200)]), [33_333_300]);
    let rule = quote(&book(vec![promotion(1, bundle(3, 500))]), &basket(vec![line(1, "7", 200)])).unwrap();
    assert_eq!(
        rule.explain()[2].text,
        "promotion 1: 3 for 5.00, 2 times: 6 units' share of 2.00 off, 12.00 in 12.00 = 2.00"
    );
}

#[test]
fn a_unit_is_in_one_group_only() {
    // Three of the five make a group, free is 10.00; two are left for the second deal, which they make at 15.00.
    let deals = vec![Promotion { priority: 1, ..promotion(1, buy_get(2, 1, "100")) }, promotion(2, bundle(2, 1500))];
    let quote = quote(&book(deals), &basket(vec![line(1, "5", 1000)])).unwrap();
    assert_eq!(quote.lines[0].discounts.iter().map(|found| found.amount.get()).collect::<Vec<_>>(), [1000, 500]);
    // What was taken from all units alike before counts for those in groups.
    let deals =
        vec![Promotion { priority: 1, ..promotion(1, Effect::Percent(percent("10"))) }, promotion(2, bundle(2, 1500))];
    assert_eq!(taken_by(deals, vec![line(1, "5", 1000)]), [500 + 600]);
}

#[test]
fn basket_promotions_are_shared_by_what_is_due() {
    assert_eq!(taken_by_one(Effect::BasketAmount(amount(100)), vec![line(1, "1", 100); 3]), [34, 33, 33]);
    assert_eq!(taken_by_one(Effect::BasketAmount(amount(1000)), vec![line(1, "1", 100), line(2, "1", 50)]), [100, 50]);
    // A tenth of 0.99 together: 0.10.
    assert_eq!(taken_by_one(Effect::BasketPercent(percent("10")), vec![line(1, "1", 33); 3]), [4, 3, 3]);
}

#[test]
fn scopes_name_products_and_categories() {
    let lines = || {
        let in_category =
            |number, own| BasketLine { categories: vec![category(own), category(9)], ..line(number, "1", 100) };
        vec![in_category(3, 1), in_category(2, 2), line(1, "1", 100)]
    };
    let taken = |scope, except| {
        taken_by(vec![Promotion { scope, except, ..promotion(1, Effect::Percent(percent("10"))) }], lines())
    };
    assert_eq!(taken(Scope::All, vec![product(2)]), [10, 0, 10]);
    assert_eq!(taken(Scope::Products(vec![product(3), product(1)]), vec![]), [10, 0, 10]);
    assert_eq!(taken(Scope::Products((2..20).rev().map(product).collect()), vec![]), [10, 10, 0]);
    assert_eq!(taken(Scope::Categories(vec![category(9), category(1)]), vec![]), [10, 10, 0]);
    assert_eq!(taken(Scope::Categories(vec![category(2)]), vec![]), [0, 10, 0]);
    assert_eq!(taken(Scope::Categories(vec![category(9)]), vec![product(3)]), [0, 10, 0]);
}

#[test]
fn conditions_all_hold_or_it_is_said_which_did_not() {
    type Change = fn(&mut Conditions);
    let conditions: [(Change, Miss); 7] = [
        (|found| found.stores = vec![StoreId::new(Uuid::from_u128(9))], Miss::OtherStore),
        (|found| found.groups = vec![group(9)], Miss::OtherGroup),
        (|found| (found.from, found.until) = ("2026-11-24".parse().ok(), None), Miss::NotYet),
        (|found| (found.from, found.until) = (None, "2026-11-22".parse().ok()), Miss::Over),
        (|found| found.weekdays = vec![Weekday::Tuesday, Weekday::Sunday], Miss::OtherTime),
        (
            |found| found.hours = Some(Hours { from: "17:06".parse().unwrap(), until: "17:05".parse().unwrap() }),
            Miss::OtherTime,
        ),
        (|found| found.minimum = Some(amount(201)), Miss::BelowMinimum { minimum: amount(201) }),
    ];
    let mut fine = promotion(1, Effect::Percent(percent("10")));
    fine.conditions = Conditions {
        minimum: Some(amount(200)),
        groups: vec![group(1), group(2)],
        coupon: Some(Text::try_new("Advent24").unwrap()),
        stores: vec![STORE],
        from: "2026-11-23".parse().ok(),
        until: "2026-11-23".parse().ok(),
        weekdays: vec![Weekday::Monday],
        hours: Some(Hours { from: "17:05".parse().unwrap(), until: "17:06".parse().unwrap() }),
    };
    let coupons = ["ADVENT24", "nonsense"].map(|code| Text::try_new(code).unwrap()).to_vec();
    let basket = Basket { coupons, groups: vec![group(2)], ..basket(vec![line(1, "2", 100)]) };
    let outcome = |promotion: &Promotion, basket: &Basket| {
        let quote = quote(&book(vec![promotion.clone()]), basket).unwrap();
        (quote.discount.get(), quote.missed.iter().map(|missed| missed.why).collect::<Vec<_>>())
    };
    assert_eq!(outcome(&fine, &basket), (20, vec![Miss::UnknownCoupon]));
    for (change, why) in conditions {
        let mut promotion = fine.clone();
        change(&mut promotion.conditions);
        assert_eq!(outcome(&promotion, &basket), (0, vec![Miss::UnknownCoupon, why]));
    }
    let scope = Scope::Products(vec![product(9)]);
    assert_eq!(outcome(&Promotion { scope, ..fine.clone() }, &basket).1, [Miss::UnknownCoupon, Miss::NothingInScope]);
    let deal = Promotion { effect: buy_get(2, 1, "100"), ..fine.clone() };
    assert_eq!(outcome(&deal, &basket).1, [Miss::UnknownCoupon, Miss::NothingToTake]);
    // Nobody is told of coupons that they do not have.
    assert_eq!(outcome(&fine, &Basket { coupons: Vec::new(), ..basket }), (0, Vec::new()));
}

#[test]
fn exclusive_promotions_share_a_line_with_none() {
    let half = |number, priority, exclusive, scope| Promotion {
        priority,
        scope,
        exclusive,
        ..promotion(number, Effect::Percent(percent("50")))
    };
    let first = || Scope::Products(vec![product(1)]);
    let lines = || vec![line(1, "1", 100), line(2, "1", 100)];
    // The exclusive one comes first, and closes its line.
    assert_eq!(taken_by(vec![half(1, 2, true, first()), half(2, 1, false, Scope::All)], lines()), [50, 50]);
    // It comes second, and takes only from what nobody took from.
    assert_eq!(taken_by(vec![half(1, 2, false, first()), half(2, 1, true, Scope::All)], lines()), [50, 50]);
    // Neither is: both.
    assert_eq!(taken_by(vec![half(1, 2, false, first()), half(2, 1, false, Scope::All)], lines()), [75, 50]);
    // Units that only count for a deal are taken too; what a cashier takes off goes with everything.
    let deal = Promotion { priority: 3, exclusive: true, ..promotion(3, buy_get(1, 1, "100")) };
    let by_hand = BasketLine { discount: Some(off(Off::Percent(percent("10")))), ..line(1, "1", 110) };
    assert_eq!(taken_by(vec![deal, half(2, 1, false, Scope::All)], vec![by_hand, line(2, "1", 100)]), [11, 100]);
}

#[test]
fn what_a_cashier_prices_is_left_alone_by_promotions() {
    let line = BasketLine { override_price: Some(amount(80)), ..line(1, "1", 100) };
    let promotions = vec![promotion(1, Effect::Percent(percent("50"))), promotion(2, Effect::BasketAmount(amount(10)))];
    assert_eq!(taken_by(promotions, vec![line.clone()]), [0]);
    let by_hand = BasketLine { discount: Some(off(Off::Percent(percent("10")))), ..line };
    assert_eq!(taken_by(Vec::new(), vec![by_hand]), [8]);
}

#[test]
fn a_line_has_at_most_eight_discounts_and_the_cashiers_are_among_them() {
    let promotions: Vec<_> = (1..20).map(|number| promotion(number, Effect::AmountOff(amount(1)))).collect();
    let with_whole = promotions.into_iter().chain([promotion(99, Effect::BasketAmount(amount(1)))]).collect();
    let line = BasketLine { discount: Some(off(Off::Amount(amount(10)))), ..line(1, "1", 100) };
    let basket = Basket { discount: Some(off(Off::Amount(amount(10)))), ..basket(vec![line]) };
    let quote = quote(&book(with_whole), &basket).unwrap();
    let off: Vec<_> = quote.lines[0].discounts.iter().map(|discount| discount.amount.get()).collect();
    assert_eq!(off, [1, 1, 1, 1, 1, 1, 10, 10]);
}

#[test]
fn promotions_that_cannot_be_are_refused() {
    let refused = |change: fn(&mut Promotion)| {
        let mut promotion = promotion(1, Effect::Percent(percent("10")));
        change(&mut promotion);
        assert_eq!(promotion.check(), Err(crate::Invalid::Promotion));
        assert!(PriceBook::try_new(RULES, Vec::new(), vec![promotion]).is_err());
    };
    refused(|found| found.effect = Effect::Percent(percent("0")));
    refused(|found| found.effect = Effect::AmountOff(amount(0)));
    refused(|found| found.effect = Effect::UnitPrice(amount(-1)));
    refused(|found| found.effect = bundle(3, -1));
    refused(|found| found.scope = Scope::Products(Vec::new()));
    refused(|found| found.scope = Scope::Categories(vec![category(1); MAX_NAMED + 1]));
    refused(|found| found.except = vec![product(1); MAX_NAMED + 1]);
    refused(|found| found.conditions.minimum = Some(amount(-1)));
    refused(|found| {
        found.conditions.from = "2026-11-24".parse().ok();
        found.conditions.until = "2026-11-23".parse().ok();
    });
    let twice = vec![promotion(1, Effect::Percent(Percent::ALL)), promotion(1, Effect::AmountOff(amount(1)))];
    assert!(PriceBook::try_new(RULES, Vec::new(), twice).is_err());
    for text in ["100.0001", "-1", "", "10 %"] {
        assert_eq!(text.parse::<Percent>(), Err(crate::Invalid::Percent));
    }
}

#[test]
fn json_is_checked_and_written_short() {
    let text = r#"{"id":"00000000-0000-0000-0000-000000000001","name":"3 for 2","priority":0,"scope":"all","conditions":{},"effect":{"buy_get":{"buy":2,"get":1,"percent":"100"}}}"#;
    let promotion: Promotion = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&promotion).unwrap(), text);
    for wrong in [text.replace("\"buy\":2", "\"buy\":0"), text.replace("\"100\"", "\"101\"")] {
        assert!(serde_json::from_str::<Promotion>(&wrong).is_err(), "{wrong}");
    }
}
