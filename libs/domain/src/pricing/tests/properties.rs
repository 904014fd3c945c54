//! What holds for any basket under any price book.

use std::num::NonZeroU16;

use proptest::prelude::*;

use super::*;

fn any_percent() -> impl Strategy<Value = Percent> {
    (1_u32..=1_000_000).prop_map(|millionths| Percent::try_new(millionths).unwrap())
}

fn any_units() -> impl Strategy<Value = NonZeroU16> {
    (1_u16..5).prop_map(|units| NonZeroU16::new(units).unwrap())
}

fn any_effect() -> impl Strategy<Value = Effect> {
    let price = (0_i64..3000).prop_map(amount);
    let off = (1_i64..3000).prop_map(amount);
    prop_oneof![
        any_percent().prop_map(Effect::Percent),
        off.clone().prop_map(Effect::AmountOff),
        price.clone().prop_map(Effect::UnitPrice),
        (any_units(), any_units(), any_percent()).prop_map(|(buy, get, percent)| Effect::BuyGet(BuyGet {
            buy,
            get,
            percent
        })),
        (any_units(), price).prop_map(|(units, price)| Effect::Bundle(Bundle { units, price })),
        any_percent().prop_map(Effect::BasketPercent),
        off.prop_map(Effect::BasketAmount),
    ]
}

prop_compose! {
    fn any_promotion()(
        priority in 0_i32..3,
        scope in prop_oneof![
            Just(Scope::All),
            prop::collection::vec(1_u128..6, 1..9).prop_map(|numbers| Scope::Products(numbers.into_iter().map(product).collect())),
            prop::collection::vec(1_u128..4, 1..3).prop_map(|numbers| Scope::Categories(numbers.into_iter().map(category).collect())),
        ],
        except in prop::collection::vec((1_u128..6).prop_map(product), 0..2),
        minimum in prop::option::of((0_i64..5000).prop_map(amount)),
        effect in any_effect(),
        exclusive: bool,
        limit in prop::option::of(any_units()),
    ) -> Promotion {
        let conditions = Conditions { minimum, ..Conditions::default() };
        Promotion { priority, scope, except, conditions, exclusive, limit, ..promotion(1000, effect) }
    }
}

fn any_off() -> impl Strategy<Value = Option<ManualDiscount>> {
    let some =
        prop_oneof![any_percent().prop_map(Off::Percent), (0_i64..2000).prop_map(|units| Off::Amount(amount(units)))];
    prop::option::weighted(0.2, some.prop_map(off))
}

prop_compose! {
    /// One of five products, whose category, tax and price are its own.
    fn any_line()(
        number in 1_u128..6,
        thousandths in prop_oneof![(1_i64..12).prop_map(|units| units * 1000), 1_i64..5000],
        override_price in prop::option::weighted(0.1, (0_i64..2000).prop_map(amount)),
        discount in any_off(),
    ) -> BasketLine {
        let price = [1, 99, 1000, 250, 1999][usize::try_from(number).unwrap() - 1];
        let rate = ["0", "7", "19", "8.875", "5.5"][usize::try_from(number).unwrap() - 1];
        BasketLine {
            categories: vec![category(number % 3), category(3)],
            tax: Tax::single(rate.parse().unwrap()),
            quantity: Quantity::from_thousandths(thousandths).unwrap(),
            weighed: number == 5,
            override_price,
            discount,
            ..line(number, "1", price)
        }
    }
}

prop_compose! {
    fn any_basket()(lines in prop::collection::vec(any_line(), 1..12), discount in any_off()) -> Basket {
        Basket { discount, ..basket(lines) }
    }
}

prop_compose! {
    fn any_book()(rules in crate::shop::any_rules(), step in 1_u16..=100, promotions in prop::collection::vec(any_promotion(), 0..8)) -> PriceBook {
        let own = |(number, found)| Promotion { id: promotion(number, Effect::Percent(Percent::ALL)).id, ..found };
        let promotions = (1..).zip(promotions).map(own).collect();
        let rules = TaxRules { cash_step: CashStep::try_new(step).unwrap(), ..rules };
        PriceBook::try_new(rules, Vec::new(), promotions).unwrap()
    }
}

fn with(book: &PriceBook, promotion: Promotion) -> PriceBook {
    let promotions = book.promotions().iter().cloned().chain([promotion]).collect();
    PriceBook::try_new(book.rules(), Vec::new(), promotions).unwrap()
}

/// The sums of a quote.
fn sums(quote: &Quote) -> [Amount; 6] {
    [quote.amount, quote.discount, quote.net, quote.tax, quote.total, quote.in_cash]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn everything_adds_up_and_nothing_is_negative(book in any_book(), basket in any_basket()) {
        let quote = quote(&book, &basket).unwrap();
        let sum = |of: fn(&QuotedLine) -> Amount| quote.lines.iter().map(|line| of(line).get()).sum::<i64>();
        for (line, asked) in quote.lines.iter().zip(&basket.lines) {
            let off: i64 = line.discounts.iter().map(|discount| discount.amount.get()).sum();
            prop_assert_eq!(line.amount.get() - off, line.due.get());
            prop_assert!(!line.due.is_negative() && line.discounts.iter().all(|discount| discount.amount > Amount::ZERO));
            prop_assert!(line.discounts.len() <= MAX_DISCOUNTS);
            prop_assert_eq!((line.product, line.quantity), (asked.product, asked.quantity));
        }
        prop_assert_eq!(sum(|line| line.amount), quote.amount.get());
        let due = sum(|line| line.due);
        prop_assert_eq!(quote.amount.get() - quote.discount.get(), due);
        prop_assert_eq!(due, if book.rules().mode == TaxMode::Included { quote.total } else { quote.net }.get());
        prop_assert_eq!(quote.net.get() + quote.tax.get(), quote.total.get());
        prop_assert_eq!(quote.taxes.iter().map(|group| group.gross.get()).sum::<i64>(), quote.total.get());
        prop_assert_eq!(quote.in_cash.get() % i64::from(book.rules().cash_step.get()), 0);
        prop_assert!(2 * (quote.in_cash.get() - quote.total.get()).abs() <= i64::from(book.rules().cash_step.get()));
    }

    #[test]
    fn every_number_is_explained_and_off_by_less_than_a_unit(book in any_book(), basket in any_basket()) {
        let quote = quote(&book, &basket).unwrap();
        let (mut discounts, mut taxes) = (0, 0);
        for found in quote.explain() {
            let off = found.exact.numerator() - i128::from(found.amount.get()) * found.exact.denominator();
            match (&found.subject, found.rounded) {
                (Subject::InCash, _) => {}
                (_, Rounded::Exact) => prop_assert_eq!(off, 0),
                (_, Rounded::HalfUp | Rounded::HalfEven) => prop_assert!(2 * off.abs() <= found.exact.denominator()),
                (_, Rounded::LargestRemainder) => prop_assert!(off.abs() < found.exact.denominator()),
                (_, Rounded::Capped) => prop_assert!(off > 0),
            }
            match found.subject {
                Subject::Discount(_) => discounts += found.amount.get(),
                Subject::Tax { .. } => taxes += found.amount.get(),
                _ => {}
            }
            let json = serde_json::to_string(&found).unwrap();
            prop_assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), found);
        }
        prop_assert_eq!((discounts, taxes), (quote.discount.get(), quote.tax.get()));
    }

    #[test]
    fn the_order_of_lines_changes_no_total(book in any_book(), basket in any_basket(), turn in 0_usize..12) {
        let mut turned = basket.clone();
        turned.lines.rotate_left(turn % basket.lines.len());
        turned.lines.reverse();
        let [first, second] = [&basket, &turned].map(|basket| quote(&book, basket).unwrap());
        prop_assert_eq!(sums(&first), sums(&second));
        prop_assert_eq!(first.taxes, second.taxes);
    }

    #[test]
    fn a_promotion_that_does_not_apply_changes_nothing(book in any_book(), basket in any_basket(), other in any_promotion()) {
        let coupon = Some(Text::try_new("not shown").unwrap());
        let conditions = Conditions { coupon, ..other.conditions.clone() };
        let more = with(&book, Promotion { conditions, ..other });
        prop_assert_eq!(quote(&more, &basket).unwrap(), quote(&book, &basket).unwrap());
    }

    #[test]
    fn nothing_gets_dearer_by_promotions(book in any_book(), basket in any_basket()) {
        let plain = Basket { discount: None, ..basket };
        let none = PriceBook::try_new(book.rules(), Vec::new(), Vec::new()).unwrap();
        let [with, without] = [&book, &none].map(|book| quote(book, &plain).unwrap());
        for (line, bare) in with.lines.iter().zip(&without.lines) {
            prop_assert!(line.due <= bare.amount);
        }
    }

    #[test]
    fn exclusive_promotions_are_alone_on_a_line(book in any_book(), basket in any_basket()) {
        let exclusive = |id| book.promotions().iter().any(|found| found.id == id && found.exclusive);
        for line in quote(&book, &basket).unwrap().lines {
            let by: Vec<_> = line.discounts.iter().filter_map(|discount| discount.promotion).collect();
            prop_assert!(by.len() <= 1 || !by.into_iter().any(exclusive));
        }
    }

    #[test]
    fn a_basket_and_its_quote_go_through_json_and_are_the_same(book in any_book(), basket in any_basket()) {
        let read = serde_json::from_str::<Basket>(&serde_json::to_string(&basket).unwrap()).unwrap();
        prop_assert_eq!(&read, &basket);
        let read_book = serde_json::from_str::<PriceBook>(&serde_json::to_string(&book).unwrap()).unwrap();
        prop_assert_eq!(&read_book, &book);
        let priced = quote(&book, &basket).unwrap();
        let json = serde_json::to_value(&priced).unwrap();
        prop_assert_eq!(serde_json::to_value(serde_json::from_value::<Quote>(json.clone()).unwrap()).unwrap(), json);
    }

    #[test]
    fn what_is_huge_is_priced_or_refused(
        book in any_book(),
        mut basket in any_basket(),
        sizes in prop::collection::vec((0_u32..54, 0_u32..41, any::<bool>()), 12),
        off in 0_u32..54,
    ) {
        for (line, (price, quantity, weighed)) in basket.lines.iter_mut().zip(sizes) {
            line.unit_price = Amount::try_new((1 << price) - 1).unwrap();
            let units = (1_i64 << quantity).min(crate::sale::MAX_QUANTITY.thousandths());
            line.quantity = Quantity::from_thousandths(if weighed { units } else { (units / 1000).max(1) * 1000 }).unwrap();
            line.override_price = None;
        }
        let discount = super::off(Off::Amount(Amount::try_new((1 << off) - 1).unwrap()));
        let basket = Basket { discount: Some(discount), ..basket };
        match quote(&book, &basket) {
            Ok(quote) => {
                let due: i64 = quote.lines.iter().map(|line| line.due.get()).sum();
                prop_assert_eq!(quote.amount.get() - quote.discount.get(), due);
                prop_assert!(quote.explain().iter().all(|found| !found.text.is_empty()));
            }
            Err(refused) => prop_assert_eq!(refused, Rejection::AmountOverflow),
        }
    }
}
