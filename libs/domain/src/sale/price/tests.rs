use std::sync::Arc;

use super::*;
use crate::{
    id::PromotionId,
    pricing::{Effect, Promotion},
    sale::{NewLine, Pasts, Sale, submit},
    shop::{self, BEANS, ESPRESSO, RULES, amount, cash, line, noon},
    text::Text,
};

/// Promotions that each take a cent off each unit.
fn books(promotions: u128) -> Books {
    let promotion = |number: u128| Promotion {
        id: PromotionId::new(uuid::Uuid::from_u128(number)),
        name: Text::try_new("A cent off").unwrap(),
        priority: 0,
        scope: crate::pricing::Scope::All,
        except: Vec::new(),
        conditions: crate::pricing::Conditions::default(),
        effect: Effect::AmountOff(amount(1)),
        exclusive: false,
        limit: None,
    };
    let book = PriceBook::try_new(RULES, vec![], (1..=promotions).map(promotion).collect()).unwrap();
    shop::books(RULES).with_prices(Some(Arc::new(book)), |_| Vec::new())
}

fn sold(books: &Books, lines: Vec<NewLine>, paid: i64) -> Result<Sale, Rejection> {
    let submission = Submission { lines, payments: vec![cash(paid)], note: None, ..shop::submission(1) };
    submit(books, &submission, &mut Pasts::new(), noon())
}

#[test]
fn promotions_are_taken_off_what_goes_out() {
    let sale = sold(&books(1), vec![line(ESPRESSO, "2"), line(BEANS, "1")], 2496).unwrap();
    assert_eq!(sale.total.get(), 2496);
    assert_eq!(sale.lines[0].discounts[0].amount.get(), 2);
    assert!(sale.flags.is_empty());
    // Goods without their sale come back at the full price.
    let back = sold(&books(1), vec![line(ESPRESSO, "-1")], -250).unwrap();
    assert!(back.lines[0].discounts.is_empty());
}

#[test]
fn what_the_till_charged_counts() {
    let off = |units| Discount { amount: amount(units), name: "Cent off".to_owned(), promotion: None };
    let charged = |discounts: Vec<Discount>| NewLine { charged: Some(discounts), ..line(ESPRESSO, "1") };
    let same = sold(&books(1), vec![charged(vec![off(1)])], 249).unwrap();
    assert_eq!((same.total.get(), same.flags), (249, vec![]));
    let other = sold(&books(1), vec![charged(vec![off(50)])], 200).unwrap();
    assert_eq!((other.total.get(), other.flags), (200, vec![Flag::PriceDiffers]));
    let plain = sold(&shop::books(RULES), vec![charged(vec![off(50)])], 200).unwrap();
    assert_eq!(plain.flags, [Flag::PriceDiffers], "without any promotion too");
    for bad in [vec![off(251)], vec![off(0)], vec![off(-1)], vec![off(1); 9]] {
        assert_eq!(sold(&books(1), vec![charged(bad)], 250), Err(Rejection::DiscountOutOfRange { line: 0 }));
    }
}

#[test]
fn a_sale_has_no_more_discounts_than_fit_into_a_message() {
    let lines = |count| vec![line(ESPRESSO, "1"); count];
    // Six promotions on each line.
    assert!(sold(&books(6), lines(166), 166 * 244).is_ok());
    assert_eq!(sold(&books(6), lines(167), 167 * 244), Err(Rejection::BasketTooLarge));
}
