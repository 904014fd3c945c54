use proptest::prelude::*;

use super::*;
use crate::{
    Rejection,
    receipt::{Content, Head},
    sale::{Flag, NewLine, Original, Submission, Voiding, submit, void},
    shop::{self, BEANS, ESPRESSO, REGISTER, RULES, STORE, amount, books, cash, line, noon, quantity, sale_id},
    tax::{TaxMode, TaxRounding, TaxRules},
};

/// Two espressos and 350 g of beans for 12.00: 2.00 by card, 10.00 in cash.
fn pasts() -> Pasts {
    Pasts::from([(sale_id(1), Past::new(shop::sale(1)))])
}

fn back(at: u16, how_much: &str) -> NewLine {
    let product = if at == 0 { ESPRESSO } else { BEANS };
    NewLine { original: Some(Original { line: at, sale: sale_id(1) }), ..line(product, how_much) }
}

fn returning(number: u128, lines: Vec<NewLine>, payments: Vec<Payment>) -> Submission {
    Submission { lines, payments, note: None, ..shop::submission(number) }
}

fn card(units: i64) -> Payment {
    Payment::Card { amount: amount(units), reference: None, brand: None, last4: None, payment: None }
}

fn submitted(pasts: &mut Pasts, submission: &Submission) -> Result<Sale, Rejection> {
    let sale = submit(&books(RULES), submission, pasts, noon())?;
    assert!(Content::of(&sale, &Head::GENESIS, noon()).adds_up(), "{sale:?}");
    Ok(sale)
}

#[test]
fn what_comes_back_is_worth_what_was_paid() {
    let mut pasts = pasts();
    let sale = submitted(&mut pasts, &returning(2, vec![back(0, "-1")], vec![cash(-250)])).unwrap();
    assert_eq!((sale.kind, sale.total.get(), sale.tax.get()), (Kind::Return, -250, -40));
    assert_eq!((sale.lines[0].amount.get(), sale.change.get()), (-250, 0));
    let rest =
        submitted(&mut pasts, &returning(3, vec![back(0, "-1"), back(1, "-0.35")], vec![cash(-750), card(-200)]))
            .unwrap();
    assert_eq!(rest.total.get(), -950);
    assert_eq!(
        submitted(&mut pasts, &returning(4, vec![back(1, "-0.001")], vec![cash(-2)])),
        Err(Rejection::ReturnExceeds { line: 0, left: Quantity::ZERO })
    );
}

#[test]
fn an_exchange_goes_both_ways() {
    let lines = vec![back(0, "-1"), line(BEANS, "0.5")];
    let sale = submitted(&mut pasts(), &returning(2, lines, vec![cash(1000)])).unwrap();
    // 10.00 for the beans (9.995), less 2.50.
    assert_eq!((sale.kind, sale.total.get(), sale.change.get()), (Kind::Exchange, 750, 250));
    let even = submitted(&mut pasts(), &returning(3, vec![back(0, "-1"), line(ESPRESSO, "1")], vec![])).unwrap();
    assert_eq!((even.kind, even.total), (Kind::Exchange, Amount::ZERO));
}

/// What paid for goods may go back to where it came from, however often they were exchanged, and once.
#[test]
fn what_was_exchanged_comes_back_to_the_tender_that_paid() {
    let mut pasts = pasts();
    let again = |number: u128, of: u128, at, payments| {
        let original = Some(Original { line: at, sale: sale_id(of) });
        returning(number, vec![NewLine { original, ..line(ESPRESSO, "-1") }, line(ESPRESSO, "1")], payments)
    };
    // Of 2.50 that come back 0.50 go back in cash: 2.00 stay.
    let cheaper = NewLine { unit_price: Some(amount(200)), ..line(ESPRESSO, "1") };
    submitted(&mut pasts, &returning(2, vec![back(0, "-1"), cheaper], vec![cash(-50)])).unwrap();
    submitted(&mut pasts, &again(3, 2, 1, vec![cash(50)])).unwrap();
    let last = |payments| {
        let original = Some(Original { line: 1, sale: sale_id(3) });
        returning(4, vec![NewLine { original, ..line(ESPRESSO, "-1") }], payments)
    };
    // Cash comes first, and has paid for all of it.
    let by_card = submitted(&mut pasts.clone(), &last(vec![card(-250)])).unwrap_err();
    assert_eq!(by_card.code(), "refund_exceeds_tender");
    submitted(&mut pasts, &last(vec![cash(-250)])).unwrap();
    // Of 10.00 in cash 2.50 are gone; the rest of the sale gets what is left, and no more.
    let rest = |payments| returning(5, vec![back(0, "-1"), back(1, "-0.35")], payments);
    assert!(submitted(&mut pasts.clone(), &rest(vec![cash(-755), card(-195)])).is_err());
    submitted(&mut pasts, &rest(vec![cash(-750), card(-200)])).unwrap();
}

#[test]
fn goods_without_their_sale_come_back_at_the_price_of_the_day() {
    let sale = submitted(&mut Pasts::new(), &returning(2, vec![line(ESPRESSO, "-2")], vec![card(-500)])).unwrap();
    assert_eq!((sale.kind, sale.total.get(), sale.lines[0].original), (Kind::Return, -500, None));
}

#[test]
fn what_was_not_sold_does_not_come_back() {
    let refused = |change: fn(&mut Pasts, &mut Submission)| {
        let (mut pasts, mut submission) = (pasts(), returning(2, vec![back(0, "-1")], vec![cash(-250)]));
        change(&mut pasts, &mut submission);
        let before = pasts.clone();
        let rejection = submitted(&mut pasts, &submission).unwrap_err();
        assert_eq!(pasts, before, "a refused return leaves nothing behind");
        (rejection.code(), rejection.pointer().unwrap())
    };
    let not_returnable = ("not_returnable", "/lines/0/original".to_owned());
    assert_eq!(refused(|pasts, _| pasts.clear()), not_returnable);
    assert_eq!(refused(|_, sale| sale.lines[0].product = BEANS), not_returnable);
    assert_eq!(
        refused(|_, sale| sale.lines[0].original = Some(Original { line: 2, sale: sale_id(1) })),
        not_returnable
    );
    assert_eq!(
        refused(|pasts, _| pasts.get_mut(&sale_id(1)).unwrap().reversal.voided_by = Some(sale_id(9))),
        not_returnable
    );
    assert_eq!(
        refused(|_, sale| sale.lines = vec![back(0, "-1"), back(0, "-1.001")]),
        ("return_exceeds", "/lines/1/quantity".to_owned())
    );
    assert_eq!(
        refused(|_, sale| sale.lines[0].quantity = quantity("1")),
        ("return_not_negative", "/lines/0/quantity".to_owned())
    );
    // 2.00 were paid by card.
    assert_eq!(
        refused(|_, sale| sale.payments = vec![card(-250)]),
        ("refund_exceeds_tender", "/payments/0".to_owned())
    );
}

#[test]
fn store_credit_takes_what_another_tender_paid() {
    let account = crate::id::AccountId::new(uuid::Uuid::from_u128(7));
    let credit = |units| Payment::StoreCredit { amount: amount(units), account };
    let lines = vec![back(0, "-2"), back(1, "-0.35")];
    assert!(submitted(&mut pasts(), &returning(2, lines.clone(), vec![credit(-1200)])).is_ok());
    assert!(submitted(&mut pasts(), &returning(2, lines, vec![card(-200), credit(-1000)])).is_ok());
}

#[test]
fn what_happened_without_a_connection_is_a_fact() {
    let offline = |lines, payments| Submission { offline: true, ..returning(2, lines, payments) };
    let unknown = submitted(&mut Pasts::new(), &offline(vec![back(0, "-1")], vec![cash(-250)])).unwrap();
    assert_eq!(unknown.flags, [Flag::OriginalUnknown]);
    let too_much = submitted(&mut pasts(), &offline(vec![back(0, "-3")], vec![cash(-750)])).unwrap();
    assert_eq!((too_much.flags, too_much.total.get()), (vec![Flag::ReturnExceeds], -750));
}

#[test]
fn without_a_connection_nothing_goes_back_to_an_account() {
    let account = crate::id::AccountId::new(uuid::Uuid::from_u128(7));
    for payment in
        [Payment::StoreCredit { amount: amount(-250), account }, Payment::GiftCard { amount: amount(-250), account }]
    {
        let offline = Submission { offline: true, ..returning(2, vec![back(0, "-1")], vec![payment]) };
        assert_eq!(submitted(&mut pasts(), &offline), Err(Rejection::RefundNeedsConnection(0)));
    }
}

#[test]
fn no_tip_goes_with_money_that_goes_back() {
    let tipped = Submission { tip: amount(250), ..returning(2, vec![back(0, "-1")], vec![]) };
    assert_eq!(submitted(&mut pasts(), &tipped), Err(Rejection::TipNegative));
}

#[test]
fn what_rounding_explains_is_given_once() {
    // 2.00 were paid by card. One line and a step of one: two minor units more, over all payments.
    let cards = |units: &[i64]| units.iter().map(|units| card(*units)).collect::<Vec<_>>();
    let with = |units: &[i64]| {
        let rest = 250 + units.iter().sum::<i64>();
        let mut payments = cards(units);
        payments.extend((rest > 0).then(|| cash(-rest)));
        submitted(&mut pasts(), &returning(2, vec![back(0, "-1")], payments))
    };
    assert!(with(&[-200, -2]).is_ok());
    assert_eq!(
        with(&[-201, -1, -1]).map(|sale| sale.total),
        Err(Rejection::RefundExceedsTender { payment: 2, left: Amount::ZERO })
    );
}

#[test]
fn practice_leaves_the_sale_alone() {
    let mut pasts = pasts();
    let before = pasts.clone();
    let practice = Submission { training: true, ..returning(2, vec![back(0, "-1")], vec![cash(-250)]) };
    assert_eq!(submitted(&mut pasts, &practice).unwrap().kind, Kind::Training);
    assert_eq!(pasts, before);
}

fn voiding() -> Voiding {
    let (store, register) = (STORE, REGISTER);
    Voiding { id: sale_id(8), sale: sale_id(1), store, register, ticket: None, cashier: None, at: noon(), note: None }
}

#[test]
fn a_void_is_the_mirror_image() {
    let mut pasts = pasts();
    let undone = void(pasts.get_mut(&sale_id(1)), &voiding(), None, noon()).unwrap();
    assert_eq!((undone.kind, undone.voids, undone.total.get()), (Kind::Void, Some(sale_id(1)), -1200));
    assert_eq!(undone.payments.iter().map(|payment| payment.amount().get()).collect::<Vec<_>>(), [-200, -1000]);
    assert!(Content::of(&undone, &Head::GENESIS, noon()).adds_up());
    let again = void(pasts.get_mut(&sale_id(1)), &voiding(), None, noon()).unwrap_err();
    assert!(matches!(again, Rejection::NotVoidable { .. }), "{again}");
}

#[test]
fn what_cannot_be_undone_is_refused() {
    let refused = |shift, change: fn(&mut Past)| {
        let mut past = Past::new(shop::sale(1));
        change(&mut past);
        void(Some(&mut past), &voiding(), shift, noon()).unwrap_err().code()
    };
    let shift = crate::id::ShiftId::new(uuid::Uuid::from_u128(3));
    assert_eq!(refused(Some(shift), |_| ()), "not_voidable");
    assert_eq!(
        refused(None, |past| past.sale.shift = Some(crate::id::ShiftId::new(uuid::Uuid::nil()))),
        "not_voidable"
    );
    for kind in [Kind::Training, Kind::Return, Kind::Exchange, Kind::Void] {
        let mut past = Past::new(Sale { kind, ..shop::sale(1) });
        assert_eq!(void(Some(&mut past), &voiding(), None, noon()).unwrap_err().code(), "not_voidable", "{kind:?}");
    }
    let day_after: crate::time::Timestamp = "2026-11-24T12:00:01Z".parse().unwrap();
    let late = void(Some(&mut Past::new(shop::sale(1))), &voiding(), None, day_after).unwrap_err();
    assert_eq!(late.code(), "not_voidable", "in no shift, and older than a day");
    assert_eq!(
        refused(None, |past| {
            past.reversal.returned.insert(0, Returned::default());
        }),
        "not_voidable"
    );
    assert_eq!(refused(None, |past| past.sale.seller.register = shop::OTHER_REGISTER), "unknown_sale");
    assert_eq!(void(None, &voiding(), None, noon()), Err(Rejection::UnknownSale(sale_id(1))));
}

proptest! {
    /// However a line comes back, piece by piece, what was paid for it comes back, and no more.
    #[test]
    fn pieces_are_worth_the_whole((books, submission) in shop::any_sale(), cuts in prop::collection::vec(1_i64..100, 1..6)) {
        let sold = submit(&books, &submission, &mut Pasts::new(), noon()).unwrap();
        let mut pasts = Pasts::from([(sold.id, Past::new(sold.clone()))]);
        let past = pasts.get_mut(&sold.id).unwrap();
        let whole = sold.lines[0].quantity.thousandths();
        let (mut left, mut given) = (whole, 0);
        for cut in cuts.into_iter().chain([100]) {
            let piece = (whole * cut / 100).min(left);
            if piece > 0 {
                let taken = past.take(0, &sold.lines[0], Quantity::from_thousandths(piece).unwrap()).unwrap();
                prop_assert!(!taken.exceeds && !taken.due.is_negative());
                given += taken.due.get();
                left -= piece;
            }
        }
        prop_assert_eq!((left, given), (0, sold.lines[0].due().unwrap().get()));
    }

    /// A void and its sale come to nothing, in every sum.
    #[test]
    fn a_void_undoes_every_sum((books, submission) in shop::any_sale(), step in prop::sample::select(vec![1_u16, 5])) {
        let rules = TaxRules { cash_step: crate::tax::CashStep::try_new(step).unwrap(), ..books.merchant().rules };
        let books = shop::books(rules);
        let Ok(sold) = submit(&books, &submission, &mut Pasts::new(), noon()) else { return Ok(()) };
        let id = sold.id;
        let mut past = Past::new(sold.clone());
        let undone = void(Some(&mut past), &Voiding { sale: id, ..voiding() }, None, noon()).unwrap();
        prop_assert!(Content::of(&undone, &Head::GENESIS, noon()).adds_up());
        let paid = |sale: &Sale| sale.payments.iter().map(|payment| payment.amount().get()).sum::<i64>() - sale.change.get();
        for (one, other) in [(sold.total, undone.total), (sold.net, undone.net), (sold.tax, undone.tax), (sold.cash_rounding, undone.cash_rounding)] {
            prop_assert_eq!(one, -other);
        }
        prop_assert_eq!(paid(&sold), -paid(&undone));
    }

    /// With tax on top, coming back line by line never refunds more than rounding explains.
    #[test]
    fn returns_line_by_line_stay_within_the_slack(prices in prop::collection::vec(1_i64..5000, 1..8), per_line: bool) {
        let per = if per_line { TaxRounding::Line } else { TaxRounding::Group };
        let books = books(TaxRules { mode: TaxMode::Added, per, ..RULES });
        let lines: Vec<_> = prices.iter().map(|price| NewLine { unit_price: Some(amount(*price)), ..line(ESPRESSO, "1") }).collect();
        let sale = |number, lines, pasts: &mut Pasts| {
            let unpaid = returning(number, lines, vec![]);
            let owed = match submit(&books, &unpaid, &mut pasts.clone(), noon()) {
                Err(Rejection::PaymentShort { missing }) => missing.get(),
                Err(Rejection::RefundShort { missing }) => -missing.get(),
                other => { prop_assert!(other.is_ok(), "{other:?}"); 0 }
            };
            let payments = if owed == 0 { vec![] } else { vec![cash(owed)] };
            Ok(submit(&books, &Submission { payments, ..unpaid }, pasts, noon()).unwrap())
        };
        let sold = sale(1, lines, &mut Pasts::new())?;
        let mut pasts = Pasts::from([(sold.id, Past::new(sold.clone()))]);
        for at in 0..prices.len() {
            let original = Some(Original { line: u16::try_from(at).unwrap(), sale: sold.id });
            sale(2, vec![NewLine { original, ..line(ESPRESSO, "-1") }], &mut pasts)?;
        }
    }

    /// However often goods are exchanged before they come back, and whatever is tried, no tender gives back more than it
    /// took in, but for what rounding explains: a minor unit for each line.
    #[test]
    fn exchanges_make_no_tender_pay_out(steps in prop::collection::vec((150_i64..400, 0..4), 1..10)) {
        let mut pasts = pasts();
        let (mut of, mut at, mut slack) = (sale_id(1), 0, 0);
        let mut net = [(tender::Kind::Card, 200), (tender::Kind::Cash, 1000)];
        for (number, (price, way)) in (2..).zip(steps) {
            let original = Some(Original { line: at, sale: of });
            let mut lines = vec![NewLine { original, ..line(ESPRESSO, "-1") }];
            if way < 3 {
                lines.push(NewLine { unit_price: Some(amount(price)), ..line(ESPRESSO, "1") });
            }
            slack += i64::try_from(lines.len()).unwrap() + 1;
            let unpaid = returning(number, lines, vec![]);
            let owed = match submit(&books(RULES), &unpaid, &mut pasts.clone(), noon()) {
                Err(Rejection::PaymentShort { missing }) => missing.get(),
                Err(Rejection::RefundShort { missing }) => -missing.get(),
                other => { prop_assert!(other.is_ok(), "{other:?}"); 0 }
            };
            let payments = match way {
                _ if owed == 0 => vec![],
                0 | 3 => vec![card(owed)],
                _ => vec![cash(owed)],
            };
            let Ok(sale) = submit(&books(RULES), &Submission { payments, ..unpaid }, &mut pasts, noon()) else { continue };
            for (kind, sum) in &mut net {
                *sum += sale.payments.iter().filter(|of| of.kind() == *kind).map(|of| of.amount().get()).sum::<i64>();
                prop_assert!(*sum >= -slack, "{} has paid out: {}", kind.as_str(), sum);
            }
            if way == 3 {
                break;
            }
            (of, at) = (sale.id, 1);
        }
    }
}
