//! Each check is seen to fail on books that are broken in its way, and on those alone.

use std::collections::BTreeSet;

use tillstream_bus::topology::Lag;
use tillstream_domain::{
    id::{MerchantId, ProductId, RegisterId, SaleId, StoreId},
    money::Amount,
    shift::Grand,
};
use tillstream_store::verify::Drift;

use super::*;
use crate::torture::{
    books::Journal,
    memory::{Shown, Surprise},
};

const MERCHANT: MerchantId = MerchantId::new(Uuid::from_u128(1));
const STORE: StoreId = StoreId::new(Uuid::from_u128(2));
const REGISTER: RegisterId = RegisterId::new(Uuid::from_u128(3));
const PRODUCT: ProductId = ProductId::new(Uuid::from_u128(4));
/// Keys: two sales, one that is not paid, an adjustment.
const FIRST: Uuid = Uuid::from_u128(11);
const SECOND: Uuid = Uuid::from_u128(12);
const UNPAID: Uuid = Uuid::from_u128(13);
const ADJUSTMENT: Uuid = Uuid::from_u128(14);

fn sent(key: Uuid, what: What, delta: i64) -> Sent {
    Sent { key, what, moves: vec![(PRODUCT, delta)], acknowledged: true, shown: None }
}

fn memory() -> Memory {
    let first = Sent {
        shown: Some(Shown { status: 201, total: Some(500), digest: 0 }),
        ..sent(FIRST, What::Sale { total: 500 }, -1_000)
    };
    Memory {
        merchant: MERCHANT,
        store: STORE,
        sent: vec![
            first,
            sent(SECOND, What::Sale { total: 700 }, -2_000),
            sent(UNPAID, What::Unpaid { total: 300 }, -1_000),
            sent(ADJUSTMENT, What::Adjustment, 3_000),
        ],
        surprises: Vec::new(),
        repeated: 1,
        reused: 1,
    }
}

fn sold(key: Uuid, total: i64) -> Sold {
    Sold { merchant: MERCHANT, sale: SaleId::new(key), total }
}

fn counted(documents: u64, gross: i64) -> Grand {
    Grand { documents, gross: Amount::try_new(gross).unwrap().into(), ..Grand::default() }
}

fn decided(context: &str, id: Uuid, refusal: Option<&str>) -> Decided {
    Decided { merchant: MERCHANT, context: context.to_owned(), id, refusal: refusal.map(str::to_owned) }
}

fn moved(source: Uuid, delta: i64) -> Moved {
    Moved { merchant: MERCHANT, source, lines: 1, delta }
}

fn receipt(number: u64, sale: Uuid, total: i64) -> Receipt {
    Receipt { merchant: MERCHANT, register: REGISTER, number, sale: SaleId::new(sale), total: Some(total) }
}

fn books() -> Books {
    Books {
        opening: [((MERCHANT, STORE, PRODUCT), 10_000)].into(),
        sold: vec![sold(FIRST, 500), sold(SECOND, 700)],
        drawers: [(MERCHANT, counted(2, 1_200))].into(),
        decided: vec![
            decided("sales", FIRST, None),
            decided("sales", SECOND, None),
            decided("sales", UNPAID, Some("payment_short")),
            decided("stock", ADJUSTMENT, None),
        ],
        events: [((MERCHANT, "stock".to_owned()), 2), ((MERCHANT, "receipts".to_owned()), 2)].into(),
        moved: vec![moved(FIRST, -1_000), moved(SECOND, -2_000), moved(ADJUSTMENT, 3_000)],
        levels: [((MERCHANT, STORE, PRODUCT), 10_000)].into(),
        drift: Vec::new(),
        receipts: vec![receipt(1, FIRST, 500), receipt(2, SECOND, 700)],
        journals: [(MERCHANT, Journal::Sound { receipts: 2, total: 1_200 })].into(),
        dead: Vec::new(),
        lags: [("cmd/sales".to_owned(), Lag::default())].into(),
    }
}

/// The names of the checks that fail.
fn fail(tills: &[Memory], books: &Books) -> BTreeSet<String> {
    let violated = all(tills, books).into_iter().filter(|finding| finding.violations > 0);
    violated
        .map(|finding| {
            assert!(!finding.examples.is_empty() && finding.checked + finding.violations > 0);
            finding.name
        })
        .collect()
}

/// What fails when the books are broken so.
fn broken(change: impl FnOnce(&mut Books)) -> Vec<String> {
    let mut books = books();
    change(&mut books);
    fail(&[memory()], &books).into_iter().collect()
}

/// What fails when a till remembers so.
fn remembered(change: impl FnOnce(&mut Memory)) -> Vec<String> {
    let mut memory = memory();
    change(&mut memory);
    fail(&[memory], &books()).into_iter().collect()
}

#[test]
fn sound_books_pass_and_everything_is_looked_at() {
    let findings = all(&[memory()], &books());
    for finding in &findings {
        assert_eq!(finding.violations, 0, "{finding:?}");
        assert!(finding.checked > 0 || finding.name == "dead letters", "{finding:?}");
    }
    let names: BTreeSet<_> = findings.iter().map(|finding| &finding.name).collect();
    assert_eq!(names.len(), findings.len());
}

#[test]
fn a_lost_sale_is_found() {
    assert_eq!(
        broken(|books| {
            books.sold.remove(1);
            books.drawers.insert(MERCHANT, counted(1, 500));
            books.decided.remove(1);
            books.moved.remove(1);
            books.receipts.remove(1);
            books.events.values_mut().for_each(|count| *count = 1);
            *books.levels.values_mut().next().unwrap() += 2_000;
            books.journals.insert(MERCHANT, Journal::Sound { receipts: 1, total: 500 });
        }),
        ["moved", "recorded", "stock", "sums"]
    );
    assert_eq!(broken(|books| drop(books.decided.remove(1))), ["recorded"]);
    assert_eq!(broken(|books| books.decided[0].refusal = Some("empty_basket".to_owned())), ["recorded"]);
}

#[test]
fn a_sale_that_nobody_sent_is_found() {
    let names = broken(|books| books.sold.push(sold(Uuid::from_u128(99), 1)));
    assert_eq!(names, ["drawers", "invented", "once", "receipts", "sums"]);
    assert_eq!(broken(|books| books.decided.push(decided("sales", Uuid::from_u128(99), None))), ["invented"]);
    assert_eq!(broken(|books| books.moved.push(moved(Uuid::from_u128(99), 1))), ["invented"]);
    assert_eq!(broken(|books| books.decided.push(decided("stock", FIRST, None))), ["once"]);
}

#[test]
fn what_is_doubled_is_found() {
    assert_eq!(broken(|books| books.sold.push(sold(FIRST, 500))), ["drawers", "once", "recorded", "sums"]);
    assert_eq!(broken(|books| books.receipts.push(receipt(3, FIRST, 500))), ["chain", "once", "receipts", "sums"]);
    assert_eq!(broken(|books| books.moved[0] = Moved { lines: 2, ..moved(FIRST, -2_000) }), ["moved"]);
    assert_eq!(broken(|books| *books.events.values_mut().next().unwrap() += 1), ["once"]);
}

#[test]
fn another_total_is_found() {
    assert_eq!(broken(|books| books.sold[1].total = 701), ["drawers", "receipts", "sums", "totals"]);
    let told = |total| Some(Shown { status: 201, total: Some(total), digest: 0 });
    assert_eq!(remembered(|till| till.sent[0].shown = told(501)), ["totals"]);
    assert_eq!(broken(|books| books.receipts[0].total = Some(501)), ["receipts", "sums"]);
    assert_eq!(broken(|books| books.receipts[0].total = None), ["receipts", "sums"]);
}

#[test]
fn a_refused_sale_with_effects_or_without_reason_is_found() {
    assert_eq!(broken(|books| drop(books.decided.remove(2))), ["refused"]);
    assert_eq!(broken(|books| books.decided[2].refusal = None), ["refused"]);
    assert!(broken(|books| books.sold.push(sold(UNPAID, 300))).contains(&"refused".to_owned()));
    assert_eq!(broken(|books| books.moved.push(moved(UNPAID, -1_000))), ["refused"]);
}

#[test]
fn what_drawers_count_otherwise_is_found() {
    assert_eq!(broken(|books| *books.drawers.values_mut().next().unwrap() = counted(3, 1_200)), ["drawers"]);
    assert_eq!(broken(|books| *books.drawers.values_mut().next().unwrap() = counted(2, 1_201)), ["drawers"]);
    assert_eq!(broken(|books| books.drawers.clear()), ["drawers"]);
}

#[test]
fn wrong_stock_is_found() {
    assert_eq!(broken(|books| *books.levels.values_mut().next().unwrap() -= 1), ["stock"]);
    assert_eq!(broken(|books| books.levels.clear()), ["stock"]);
    assert_eq!(broken(|books| books.moved.truncate(2)), ["moved"]);
    let drift = Drift { merchant: MERCHANT, store: STORE, product: PRODUCT, level: 1, ledger: 2 };
    assert_eq!(broken(|books| books.drift.push(drift)), ["ledger"]);
}

#[test]
fn a_missing_receipt_a_gap_and_a_broken_chain_are_found() {
    assert_eq!(broken(|books| books.receipts.truncate(1)), ["chain", "receipts", "sums"]);
    assert_eq!(broken(|books| books.receipts[1].number = 3), ["numbers"]);
    assert_eq!(broken(|books| books.receipts[0].number = 0), ["numbers"]);
    assert_eq!(
        broken(|books| drop(books.journals.insert(MERCHANT, Journal::Bad("the hash is another".to_owned())))),
        ["chain", "sums"]
    );
}

#[test]
fn dead_letters_and_undone_work_are_found() {
    assert_eq!(broken(|books| books.dead.push("1 of sales: poison".to_owned())), ["dead letters"]);
    let lag = |pending, in_hand| Lag { pending, in_hand, ..Lag::default() };
    assert_eq!(broken(|books| *books.lags.values_mut().next().unwrap() = lag(1, 0)), ["pending"]);
    assert_eq!(broken(|books| *books.lags.values_mut().next().unwrap() = lag(0, 1)), ["pending"]);
}

#[test]
fn what_tills_were_told_is_found() {
    assert_eq!(remembered(|till| till.sent[2].acknowledged = false), ["acknowledged"]);
    for (about, name) in [(About::Answer, "answers"), (About::Repetition, "repeated"), (About::Reuse, "reused")] {
        let surprise = Surprise { about, text: "another answer".to_owned() };
        assert_eq!(remembered(|till| till.surprises.push(surprise)), [name]);
    }
}

#[test]
fn what_nobody_acknowledged_may_have_taken_effect_or_not() {
    assert_eq!(remembered(|till| till.sent[1].acknowledged = false), ["acknowledged"]);
    let mut memory = memory();
    memory.sent.push(Sent { acknowledged: false, ..sent(Uuid::from_u128(15), What::Sale { total: 1 }, -1_000) });
    assert_eq!(fail(&[memory], &books()).into_iter().collect::<Vec<_>>(), ["acknowledged"]);
}

#[test]
fn examples_are_few() {
    let findings = all(&[], &Books { dead: vec!["letter".to_owned(); 9], ..Books::default() });
    let dead = findings.iter().find(|finding| finding.name == "dead letters").unwrap();
    assert_eq!((dead.violations, dead.examples.len()), (9, EXAMPLES_MAX));
}
