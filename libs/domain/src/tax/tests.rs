use proptest::prelude::*;

use super::*;
use crate::shop::any_rules;

fn rate(percent: &str) -> Rate {
    percent.parse().unwrap()
}

fn amount(minor_units: i64) -> Amount {
    Amount::try_new(minor_units).unwrap()
}

fn rules(mode: TaxMode, per: TaxRounding, rounding: Rounding) -> TaxRules {
    TaxRules { cash_step: CashStep::ONE, mode, per, rounding }
}

fn component(name: &str, percent: &str) -> Component {
    Component { name: name.to_owned(), rate: rate(percent) }
}

/// One rate, or the same in two halves.
fn any_tax(millionths: u32, several: bool) -> Tax {
    if !several {
        return Tax::single(Rate(millionths));
    }
    let half = |name: &str, millionths| Component { name: name.to_owned(), rate: Rate(millionths) };
    Tax::of(vec![half("state", millionths / 2), half("city", millionths - millionths / 2)]).unwrap()
}

/// Rate, net, tax and gross of each group.
fn groups(rules: TaxRules, lines: &[(&str, i64)]) -> Vec<(String, i64, i64, i64)> {
    let taxes = {
        let lines: Vec<_> = lines.iter().map(|&(percent, units)| (Tax::single(rate(percent)), amount(units))).collect();
        total(rules, lines.iter().map(|(tax, amount)| (tax, *amount))).unwrap()
    };
    taxes
        .groups
        .iter()
        .map(|group| (group.rate.to_string(), group.net.get(), group.tax.get(), group.gross.get()))
        .collect()
}

#[test]
fn included_tax_is_taken_out_of_the_price() {
    // 11.90 at 19 %: 11.90 × 19 / 119 = 1.90. 1.07 at 7 %: 0.07. 5.00 at 0 %: 0.
    let lines = [("19", 1190), ("7", 107), ("0", 500)];
    let expected =
        [("0", 500, 0, 500), ("7", 100, 7, 107), ("19", 1000, 190, 1190)].map(|(r, n, t, g)| (r.to_owned(), n, t, g));
    for per in [TaxRounding::Line, TaxRounding::Group] {
        assert_eq!(groups(rules(TaxMode::Included, per, Rounding::HalfUp), &lines), expected);
    }
}

#[test]
fn rounding_per_line_differs_from_rounding_per_rate() {
    // 0.99 at 19 % included: 0.158…, so 0.16 a line and 0.48 for three; of 2.97 it is 0.474…, so 0.47.
    let lines = [("19", 99); 3];
    let of = |per| groups(rules(TaxMode::Included, per, Rounding::HalfUp), &lines)[0].clone();
    assert_eq!(of(TaxRounding::Line), ("19".to_owned(), 249, 48, 297));
    assert_eq!(of(TaxRounding::Group), ("19".to_owned(), 250, 47, 297));
}

#[test]
fn added_tax_comes_on_top_and_halves_follow_the_rule() {
    // 0.10 at 5 % is half a cent: up to 0.01, or to the even 0. Three of them are 1.5 cents: 0.02 either way.
    let of = |per, rounding| groups(rules(TaxMode::Added, per, rounding), &[("5", 10); 3])[0].clone();
    assert_eq!(of(TaxRounding::Line, Rounding::HalfUp), ("5".to_owned(), 30, 3, 33));
    assert_eq!(of(TaxRounding::Line, Rounding::HalfEven), ("5".to_owned(), 30, 0, 30));
    assert_eq!(of(TaxRounding::Group, Rounding::HalfUp), ("5".to_owned(), 30, 2, 32));
    assert_eq!(of(TaxRounding::Group, Rounding::HalfEven), ("5".to_owned(), 30, 2, 32));
    // 19.99 at 8.875 % (New York) is 1.7741…
    let lines = [("8.875", 1999)];
    assert_eq!(
        groups(rules(TaxMode::Added, TaxRounding::Group, Rounding::HalfUp), &lines),
        [("8.875".to_owned(), 1999, 177, 2176)]
    );
}

#[test]
fn rates_are_percentages_in_text() {
    assert_eq!(rate("19").millionths(), 190_000);
    assert_eq!(rate("7.7").to_string(), "7.7");
    assert_eq!(serde_json::to_string(&rate("8.875")).unwrap(), "\"8.875\"");
    assert_eq!(rate("1000").millionths(), 10_000_000);
    for text in ["-1", "1000.0001", "0.00001", "19 %", ""] {
        assert_eq!(text.parse::<Rate>(), Err(Invalid::Rate), "{text}");
    }
}

#[test]
fn sums_beyond_the_range_are_refused() {
    let rules = rules(TaxMode::Added, TaxRounding::Line, Rounding::HalfUp);
    let [none, some] = ["0", "1"].map(|percent| Tax::single(rate(percent)));
    assert_eq!(total(rules, [(&some, Amount::MAX)]), Err(Overflow));
    assert_eq!(total(rules, [(&none, Amount::MAX), (&some, amount(1))]), Err(Overflow));
    assert_eq!(total(rules, [(&none, Amount::MAX)]).unwrap().gross, Amount::MAX);
    assert!(total(rules, []).unwrap().groups.is_empty());
}

#[test]
fn components_are_rounded_each_by_itself() {
    // Québec: GST 5 % and QST 9.975 %, on 19.99: 0.9995 and 1.9940…, so 1.00 and 1.99.
    let tax = Tax::of(vec![component("GST", "5"), component("QST", "9.975")]).unwrap();
    assert_eq!(tax.rate().to_string(), "14.975");
    let taxes = |mode, units| {
        let rules = rules(mode, TaxRounding::Group, Rounding::HalfUp);
        let group = total(rules, [(&tax, amount(units))]).unwrap().groups.remove(0);
        let parts: Vec<_> = group.components.iter().map(|part| part.tax.get()).collect();
        (group.net.get(), parts, group.gross.get())
    };
    assert_eq!(taxes(TaxMode::Added, 1999), (1999, vec![100, 199], 2298));
    assert_eq!(taxes(TaxMode::Included, 2298), (1999, vec![100, 199], 2298));
    assert_eq!(taxes(TaxMode::Added, -1999), (-1999, vec![-100, -199], -2298));
    assert_eq!(Tax::of(vec![component("A", "600"), component("B", "600")]), Err(Invalid::Rate));
    assert_eq!(Tax::of(Vec::new()), Ok(Tax::default()));
}

#[test]
fn cash_is_rounded_to_what_there_are_coins_for() {
    let round = |step, units| CashStep::try_new(step).unwrap().round(amount(units), Rounding::HalfUp).unwrap().get();
    assert_eq!([1, 2, 3, 4, 5, 7, 8].map(|units| round(5, units)), [0, 0, 5, 5, 5, 5, 10]);
    assert_eq!([round(1, 7), round(10, 5), round(100, 149), round(5, -3)], [7, 10, 100, -5]);
    assert_eq!([0, 1001].map(CashStep::try_new), [const { Err(Invalid::CashStep) }; 2]);
}

proptest! {
    #[test]
    fn everything_adds_up(rules in any_rules(), lines in prop::collection::vec((0_u32..300_000, any::<bool>(), -10_000_000_i64..10_000_000), 0..40)) {
        let lines: Vec<_> = lines.into_iter().map(|(r, several, a)| (any_tax(r / 50_000 * 50_000, several), amount(a))).collect();
        let taxes = total(rules, lines.iter().map(|(tax, amount)| (tax, *amount))).unwrap();
        let sum = |of: fn(&TaxGroup) -> Amount| taxes.groups.iter().map(|group| of(group).get()).sum::<i64>();
        prop_assert_eq!(taxes.net.get() + taxes.tax.get(), taxes.gross.get());
        prop_assert!(taxes.groups.iter().all(|group| group.net.get() + group.tax.get() == group.gross.get()));
        prop_assert!(taxes.groups.is_sorted_by_key(|group| group.rate));
        let parts = |group: &TaxGroup| group.components.iter().map(|part| part.tax.get()).sum::<i64>();
        prop_assert!(taxes.groups.iter().all(|group| group.components.is_empty() || parts(group) == group.tax.get()));
        prop_assert_eq!(sum(|group| group.net), taxes.net.get());
        prop_assert_eq!(sum(|group| group.tax), taxes.tax.get());
        prop_assert_eq!(sum(|group| group.gross), taxes.gross.get());
        let base = if rules.mode == TaxMode::Included { taxes.gross } else { taxes.net };
        prop_assert_eq!(lines.iter().map(|(_, amount)| amount.get()).sum::<i64>(), base.get());
        prop_assert_eq!(total(rules, lines.iter().rev().map(|(tax, amount)| (tax, *amount))), Ok(taxes));
    }

    #[test]
    fn tax_is_the_nearest_unit(rules in any_rules(), percent in 0_u32..=100, units in 0_i64..1_000_000_000) {
        let tax = Tax::single(Rate(percent * 10_000));
        let group = total(rules, [(&tax, amount(units))]).unwrap().groups.remove(0);
        // Off by at most half a unit: |tax − net' × rate| where the exact tax is units × p / (100 or 100 + p).
        let whole = if rules.mode == TaxMode::Included { 100 + i64::from(percent) } else { 100 };
        prop_assert!((2 * (group.tax.get() * whole - units * i64::from(percent))).abs() <= whole);
    }
}
