use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    id::{ProductId, RegisterId, StoreId},
    money::Currency,
    sale::{MAX_LINES, MAX_PAYMENTS},
    shop::{
        self, BEANS, ESPRESSO, OTHER_REGISTER, OTHER_STORE, REGISTER, RULES, STORE, amount, cash, line, noon, quantity,
    },
};

fn refused(change: impl FnOnce(&mut Submission)) -> (Rejection, &'static str, Option<String>) {
    let mut submission = shop::submission(1);
    change(&mut submission);
    let rejection = submit(&shop::books(RULES), &submission, &mut Pasts::new(), noon()).unwrap_err();
    let (code, pointer) = (rejection.code(), rejection.pointer());
    (rejection, code, pointer)
}

/// The code and pointer of what a change to a good submission leads to.
fn why(change: impl FnOnce(&mut Submission)) -> (&'static str, String) {
    let (_, code, pointer) = refused(change);
    (code, pointer.unwrap_or_default())
}

#[test]
fn a_sale_keeps_names_prices_and_rules_of_its_moment() {
    let sale = shop::sale(1);
    assert_eq!(
        (sale.id, sale.seller.merchant, sale.seller.store, sale.seller.register),
        (shop::sale_id(1), shop::MERCHANT, STORE, REGISTER)
    );
    assert_eq!((&*sale.seller.store_name, &*sale.seller.register_code, sale.rules), ("Hauptstraße", "K1", RULES));
    let beans = &sale.lines[1];
    assert_eq!(
        (&*beans.sku, &*beans.name, beans.quantity, beans.unit_price.get()),
        ("BEAN-KG", "Beans, loose", quantity("0.35"), 1999)
    );
    // 0.35 × 19.99 = 6.9965
    assert_eq!(
        (beans.amount.get(), beans.tax.rate().to_string(), &*beans.tax_category),
        (700, "7".to_owned(), "vat-7")
    );
    // 7.00 × 7 / 107 = 0.4579…; 5.00 × 19 / 119 = 0.7983…
    let taxes: Vec<_> = sale.taxes.iter().map(|group| (group.net.get(), group.tax.get(), group.gross.get())).collect();
    assert_eq!(taxes, [(654, 46, 700), (420, 80, 500)]);
    assert_eq!((sale.net.get(), sale.tax.get(), sale.total.get(), sale.change.get()), (1074, 126, 1200, 1000));
    assert_eq!((sale.flags, sale.recorded_at), (vec![], noon()));
}

#[test]
fn what_is_unknown_is_refused_and_pointed_at() {
    let nobody = Uuid::from_u128(99);
    assert_eq!(why(|sale| sale.store = StoreId::new(nobody)), ("unknown_store", "/store".to_owned()));
    assert_eq!(why(|sale| sale.register = RegisterId::new(nobody)), ("unknown_register", "/register".to_owned()));
    assert_eq!(why(|sale| sale.register = OTHER_REGISTER), ("unknown_register", "/register".to_owned()));
    assert_eq!(why(|sale| sale.store = OTHER_STORE), ("unknown_register", "/register".to_owned()));
    assert_eq!(
        why(|sale| sale.lines[1].product = ProductId::new(nobody)),
        ("unknown_product", "/lines/1/product".to_owned())
    );
    assert_eq!(
        why(|sale| sale.currency = Currency::try_new("USD").unwrap()),
        ("currency_mismatch", "/currency".to_owned())
    );
}

#[test]
fn what_is_malformed_is_refused_and_pointed_at() {
    assert_eq!(why(|sale| sale.lines.clear()), ("empty_basket", "/lines".to_owned()));
    assert_eq!(
        why(|sale| sale.lines = vec![line(ESPRESSO, "1"); MAX_LINES + 1]),
        ("too_many_lines", "/lines".to_owned())
    );
    assert_eq!(
        why(|sale| sale.payments = vec![cash(100); MAX_PAYMENTS + 1]),
        ("too_many_payments", "/payments".to_owned())
    );
    for bad in ["0", "-1000000.001", "1000000.001"] {
        assert_eq!(
            why(|sale| sale.lines[1] = line(BEANS, bad)),
            ("quantity_out_of_range", "/lines/1/quantity".to_owned())
        );
    }
    assert_eq!(
        why(|sale| sale.lines[0].unit_price = Some(amount(-1))),
        ("price_negative", "/lines/0/unit_price".to_owned())
    );
    assert_eq!(why(|sale| sale.lines[0].unit_price = Some(Amount::MAX)), ("amount_overflow", String::new()));
    assert_eq!(why(|sale| sale.payments[1] = cash(0)), ("payment_not_positive", "/payments/1".to_owned()));
    let (rejection, code, pointer) = refused(|sale| sale.payments[1] = cash(999));
    assert_eq!(
        (rejection, code, pointer.as_deref()),
        (Rejection::PaymentShort { missing: amount(1) }, "payment_short", Some("/payments"))
    );
}

#[test]
fn limits_themselves_are_accepted() {
    let mut submission = shop::submission(1);
    submission.lines = vec![line(ESPRESSO, "1000000"); MAX_LINES];
    submission.payments = vec![cash(125_000_000_000 / 20); MAX_PAYMENTS];
    assert_eq!(
        submit(&shop::books(RULES), &submission, &mut Pasts::new(), noon()).map(|sale| sale.total),
        Ok(amount(125_000_000_000))
    );
}

#[test]
fn facts_are_flagged_and_never_refused() {
    let flags = |offset_micros: i64, price| {
        let mut submission = shop::submission(1);
        submission.sold_at = Timestamp::from_micros(noon().micros() + offset_micros).unwrap();
        submission.lines[0].unit_price = price;
        submit(&shop::books(RULES), &submission, &mut Pasts::new(), noon()).unwrap().flags
    };
    assert_eq!(flags(AHEAD_MICROS, Some(amount(250))), []);
    assert_eq!(flags(-LATE_MICROS, None), []);
    assert_eq!(flags(AHEAD_MICROS + 1, None), [Flag::ClockAhead]);
    assert_eq!(flags(-LATE_MICROS - 1, None), [Flag::Late]);
    assert_eq!(flags(-20 * 365 * LATE_MICROS, Some(amount(249))), [Flag::PriceDiffers, Flag::Late]);
}

#[test]
fn half_a_cent_on_a_line_follows_the_merchants_rule() {
    let total = |rounding| {
        let mut submission = shop::submission(1);
        submission.lines = vec![NewLine { unit_price: Some(amount(5)), ..line(ESPRESSO, "0.5") }];
        submission.payments = vec![cash(10)];
        let books = shop::books(tax::TaxRules { rounding, ..RULES });
        submit(&books, &submission, &mut Pasts::new(), noon()).unwrap().total.get()
    };
    assert_eq!((total(Rounding::HalfUp), total(Rounding::HalfEven)), (3, 2));
}

#[test]
fn a_free_sale_needs_no_payment() {
    let mut submission = shop::submission(1);
    submission.lines = vec![NewLine { unit_price: Some(Amount::ZERO), ..line(ESPRESSO, "1") }];
    submission.payments.clear();
    let sale = submit(&shop::books(RULES), &submission, &mut Pasts::new(), noon()).unwrap();
    assert_eq!((sale.total, sale.change), (Amount::ZERO, Amount::ZERO));
}

proptest! {
    #[test]
    fn every_accepted_sale_adds_up((books, submission) in shop::any_sale()) {
        let sale = submit(&books, &submission, &mut Pasts::new(), noon()).unwrap();
        let lines: i64 = sale.lines.iter().map(|line| line.amount.get()).sum();
        let sum = |of: fn(&crate::tax::TaxGroup) -> Amount| sale.taxes.iter().map(|group| of(group).get()).sum::<i64>();
        prop_assert_eq!(lines, if sale.rules.mode == tax::TaxMode::Included { sale.total.get() } else { sale.net.get() });
        prop_assert_eq!((sum(|g| g.net), sum(|g| g.tax), sum(|g| g.gross)), (sale.net.get(), sale.tax.get(), sale.total.get()));
        prop_assert_eq!(sale.net.get() + sale.tax.get(), sale.total.get());
        let paid: i64 = sale.payments.iter().map(|payment| payment.amount().get()).sum();
        prop_assert_eq!(paid - sale.change.get(), sale.total.get());
        for line in &sale.lines {
            let exact = line.quantity.thousandths() * line.unit_price.get();
            prop_assert!((2 * (line.amount.get() * 1000 - exact)).abs() <= 1000);
        }
        prop_assert_eq!(sale.lines.len(), submission.lines.len());
        prop_assert_eq!(sale.payments, submission.payments);
    }
}
