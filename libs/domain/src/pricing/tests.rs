mod promotions;
mod properties;

use uuid::Uuid;

use super::*;
use crate::{
    id::{CategoryId, GroupId, PriceListId, ProductId, PromotionId, StoreId},
    money::{Currency, Rounding},
    quantity::Quantity,
    tax::{CashStep, Tax, TaxMode, TaxRounding, TaxRules},
    text::Text,
};

pub(super) const RULES: TaxRules =
    TaxRules { cash_step: CashStep::ONE, mode: TaxMode::Included, per: TaxRounding::Group, rounding: Rounding::HalfUp };

pub(super) const STORE: StoreId = StoreId::new(Uuid::from_u128(1));

pub(super) fn product(number: u128) -> ProductId {
    ProductId::new(Uuid::from_u128(number))
}

pub(super) fn category(number: u128) -> CategoryId {
    CategoryId::new(Uuid::from_u128(number))
}

pub(super) fn group(number: u128) -> GroupId {
    GroupId::new(Uuid::from_u128(number))
}

pub(super) fn amount(minor_units: i64) -> Amount {
    Amount::try_new(minor_units).unwrap()
}

pub(super) fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

/// A line of 19 %.
pub(super) fn line(number: u128, quantity: &str, price: i64) -> BasketLine {
    BasketLine {
        product: product(number),
        categories: Vec::new(),
        tax: Tax::single("19".parse().unwrap()),
        quantity: quantity.parse().unwrap(),
        weighed: false,
        unit_price: amount(price),
        listed: Vec::new(),
        override_price: None,
        discount: None,
    }
}

/// A basket on a Monday at 17:05.
pub(super) fn basket(lines: Vec<BasketLine>) -> Basket {
    Basket {
        currency: Currency::try_new("EUR").unwrap(),
        store: STORE,
        at: "2026-11-23T17:05".parse().unwrap(),
        groups: Vec::new(),
        coupons: Vec::new(),
        lines,
        discount: None,
    }
}

pub(super) fn promotion(number: u128, effect: Effect) -> Promotion {
    Promotion {
        id: PromotionId::new(Uuid::from_u128(number)),
        name: Text::try_new(&format!("promotion {number}")).unwrap(),
        priority: 0,
        scope: Scope::All,
        except: Vec::new(),
        conditions: Conditions::default(),
        effect,
        exclusive: false,
        limit: None,
    }
}

pub(super) fn off(off: Off) -> ManualDiscount {
    ManualDiscount { off, reason: Text::try_new("damaged").unwrap() }
}

pub(super) fn book(promotions: Vec<Promotion>) -> PriceBook {
    PriceBook::try_new(RULES, Vec::new(), promotions).unwrap()
}

/// What is taken off each line.
pub(super) fn taken(quote: &Quote) -> Vec<i64> {
    quote.lines.iter().map(|line| line.amount.get() - line.due.get()).collect()
}

/// What promotions take off each line of a basket.
pub(super) fn taken_by(promotions: Vec<Promotion>, lines: Vec<BasketLine>) -> Vec<i64> {
    taken(&quote(&book(promotions), &basket(lines)).unwrap())
}

#[test]
fn a_basket_goes_through_all_steps_in_order() {
    // 2 × 10.00, a tenth off by promotion: 18.00; 1.00 off by hand: 17.00; a tenth off the basket: 1.70 of 17.00 and
    // 0.30 of 3.00; then 2.00 off the basket by hand, 15.30 and 2.70: 1.70 and 0.30.
    let lines =
        vec![BasketLine { discount: Some(off(Off::Amount(amount(100)))), ..line(1, "2", 1000) }, line(2, "0.3", 1000)];
    let tenth = Promotion { scope: Scope::Products(vec![product(1)]), ..promotion(1, Effect::Percent(percent("10"))) };
    // Of higher priority, and still after the lines.
    let whole = Promotion { priority: 9, ..promotion(2, Effect::BasketPercent(percent("10"))) };
    let basket = Basket { discount: Some(off(Off::Amount(amount(200)))), ..basket(lines) };
    let rules = TaxRules { cash_step: CashStep::try_new(5).unwrap(), ..RULES };
    let quote = quote(&PriceBook::try_new(rules, Vec::new(), vec![whole, tenth]).unwrap(), &basket).unwrap();
    let off =
        |line: usize| quote.lines[line].discounts.iter().map(|discount| discount.amount.get()).collect::<Vec<_>>();
    assert_eq!((off(0), off(1)), (vec![200, 100, 170, 170], vec![30, 30]));
    assert_eq!(
        [quote.amount, quote.discount, quote.total, quote.net, quote.tax].map(Amount::get),
        [2300, 700, 1600, 1345, 255]
    );
    assert_eq!(quote.in_cash, amount(1600));
    let texts: Vec<_> = quote.explain().into_iter().map(|found| found.text).collect();
    assert_eq!(
        texts,
        [
            "the catalogue's price = 10.00",
            "2 × 10.00 = 20.00",
            "promotion 1: 10 % of 20.00 = 2.00",
            "damaged: 1.00 off = 1.00",
            "promotion 2: 10 %, 2.00 off 20.00: the share of 17.00 = 1.70",
            "damaged: 2.00 off 18.00: the share of 15.30 = 1.70",
            "the catalogue's price = 10.00",
            "0.3 × 10.00 = 3.00",
            "promotion 2: 10 %, 2.00 off 20.00: the share of 3.00 = 0.30",
            "damaged: 2.00 off 18.00: the share of 2.70 = 0.30",
            "19 % included in 16.00 = 2.554621…, rounded half up to 2.55",
            "16.00 to the nearest 0.05 = 16.00",
        ]
    );
}

#[test]
fn the_best_list_that_applies_sets_the_price() {
    let list = |number: u128, priority| PriceList {
        id: PriceListId::new(Uuid::from_u128(number)),
        name: Text::try_new(&format!("list {number}")).unwrap(),
        priority,
        stores: Vec::new(),
        groups: Vec::new(),
        from: None,
        until: None,
    };
    let lists = vec![
        PriceList { groups: vec![group(1)], ..list(1, 9) },
        PriceList {
            from: Some("2026-11-23".parse().unwrap()),
            until: Some("2026-11-23".parse().unwrap()),
            ..list(2, 5)
        },
        list(3, 5),
        list(4, 1),
        PriceList { stores: vec![StoreId::new(Uuid::from_u128(9))], ..list(5, 99) },
        PriceList { until: Some("2026-11-22".parse().unwrap()), ..list(6, 99) },
    ];
    let listed = [
        (1, "0", 700),
        (2, "0", 900),
        (2, "10", 850),
        (3, "0", 890),
        (4, "0", 1),
        (5, "0", 2),
        (6, "0", 3),
        (7, "0", 4),
    ];
    let listed: Vec<_> = listed
        .into_iter()
        .map(|(list, from, price)| ListedPrice {
            list: PriceListId::new(Uuid::from_u128(list)),
            from_quantity: from.parse().unwrap(),
            unit_price: amount(price),
        })
        .collect();
    let book = PriceBook::try_new(RULES, lists, Vec::new()).unwrap();
    let price = |basket: &Basket| {
        let line = quote(&book, basket).unwrap().lines.remove(0);
        let from = match line.price_from {
            PriceSource::List { name, .. } => name.to_string(),
            other => format!("{other:?}"),
        };
        (line.unit_price.get(), from)
    };
    let of = |quantity: &str| BasketLine { listed: listed.clone(), ..line(1, quantity, 1000) };
    assert_eq!(price(&basket(vec![of("1")])), (890, "list 3".to_owned()));
    // The quantity is that of the product in the whole basket.
    assert_eq!(price(&basket(vec![of("4"), of("6"), line(2, "9", 1)])), (850, "list 2".to_owned()));
    assert_eq!(price(&Basket { groups: vec![group(1)], ..basket(vec![of("1")]) }), (700, "list 1".to_owned()));
    let by_hand = BasketLine { override_price: Some(amount(950)), ..of("1") };
    assert_eq!(price(&basket(vec![by_hand])), (950, "Override".to_owned()));
    assert_eq!(price(&basket(vec![line(1, "1", 1000)])), (1000, "Catalogue".to_owned()));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let refused = |change: fn(&mut Basket)| {
        let mut basket = basket(vec![line(1, "1", 100)]);
        change(&mut basket);
        quote(&book(Vec::new()), &basket).unwrap_err().code()
    };
    assert_eq!(refused(|basket| basket.lines.clear()), "empty_basket");
    assert_eq!(refused(|basket| basket.lines = vec![line(1, "1", 1); 501]), "too_many_lines");
    assert_eq!(refused(|basket| basket.lines[0].quantity = Quantity::ZERO), "quantity_out_of_range");
    assert_eq!(refused(|basket| basket.lines[0].quantity = Quantity::whole(1_000_001)), "quantity_out_of_range");
    assert_eq!(refused(|basket| basket.lines[0].unit_price = amount(-1)), "price_negative");
    assert_eq!(refused(|basket| basket.lines[0].override_price = Some(amount(-1))), "price_negative");
    assert_eq!(refused(|basket| basket.discount = Some(off(Off::Amount(amount(-1))))), "discount_negative");
    assert_eq!(refused(|basket| basket.lines[0].discount = Some(off(Off::Amount(amount(-1))))), "discount_negative");
    assert_eq!(refused(|basket| basket.coupons = vec![Text::try_new("A").unwrap(); 21]), "basket_too_large");
    assert_eq!(refused(|basket| basket.lines = vec![line(1, "1", Amount::MAX.get()); 2]), "amount_overflow");
    assert_eq!(refused(|basket| basket.lines = vec![line(1, "2", Amount::MAX.get())]), "amount_overflow");
}

#[test]
fn the_smallest_and_the_biggest_fit() {
    let least = quote(&book(Vec::new()), &basket(vec![line(1, "0.001", 1)])).unwrap();
    assert_eq!((least.total, least.lines[0].amount), (Amount::ZERO, Amount::ZERO));
    let half = vec![promotion(1, Effect::Percent(percent("50"))), promotion(2, Effect::BasketPercent(percent("50")))];
    let most = quote(&book(half), &basket(vec![line(1, "1", Amount::MAX.get())])).unwrap();
    assert_eq!(most.total, amount(Amount::MAX.get() / 4));
    let many = taken_by(
        vec![promotion(
            1,
            Effect::BuyGet(BuyGet { buy: 2.try_into().unwrap(), get: 1.try_into().unwrap(), percent: Percent::ALL }),
        )],
        vec![line(1, "1000000", 100); 500],
    );
    assert_eq!(many.iter().sum::<i64>(), 500_000_000 / 3 * 100);
}
