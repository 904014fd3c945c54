use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    Rejection,
    id::UserId,
    money::Amount,
    sale::{Flag, Kind as Document, Pasts, Sale, Ticket},
    shop::{self, OTHER_REGISTER, OTHER_STORE, REGISTER, RULES, STORE, amount, noon},
    tender::Payment,
};

const SHIFT: ShiftId = ShiftId::new(Uuid::from_u128(0x5_1f7));
const TARGET: Target = Target { store: STORE, register: REGISTER, shift: SHIFT };
const MINUTE: i64 = 60_000_000;

/// So many minutes after noon.
fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(noon().micros() + minutes * MINUTE).unwrap()
}

fn mark(minutes: i64) -> Mark {
    Mark { at: at(minutes), by: Actor::User(UserId::new(Uuid::from_u128(9))) }
}

fn opening(float: i64) -> Opening {
    let float = Cash::Sum(amount(float));
    Opening { id: SHIFT, store: STORE, register: REGISTER, mark: mark(0), float, blind: false }
}

/// A drawer with a shift open since noon.
fn open(float: i64) -> Drawer {
    let mut drawer = Drawer::default();
    drawer.open(&shop::books(RULES), opening(float)).unwrap();
    drawer
}

/// 12.00 of which 2.00 by card, 20.00 tendered in cash, sold so many minutes after noon.
fn sale(minutes: i64) -> Sale {
    Sale { sold_at: at(minutes), ..shop::sale(1) }
}

fn closing() -> Closing {
    Closing { mark: mark(90), documents: None, last_ticket: None, force: false }
}

fn counting(cash: i64) -> Counting {
    Counting { mark: mark(70), tenders: vec![Counted { tender: Kind::Cash, amount: Cash::Sum(amount(cash)) }] }
}

fn reckoned(report: &Report, tender: Kind) -> (i64, Option<i64>, Option<i64>) {
    let line = report.tenders.iter().find(|line| line.tender == tender).unwrap();
    (line.expected.get(), line.counted.map(Amount::get), line.difference.map(Sum::get))
}

#[test]
fn a_shift_goes_from_its_float_to_its_z_report() {
    let mut drawer = open(10_000);
    for minutes in [1, 2] {
        let mut sale = sale(minutes);
        drawer.take(&mut sale);
        assert_eq!((sale.shift, sale.flags), (Some(SHIFT), vec![]));
    }
    for (what, units) in [(Use::CashIn, 500), (Use::CashOut, 120), (Use::Drop, 5_000), (Use::NoSale, 0)] {
        drawer.enter(TARGET, Entry { what, amount: amount(units) }).unwrap();
    }
    drawer.end(TARGET, mark(60)).unwrap();
    drawer.count(TARGET, counting(7_300)).unwrap();
    let report = drawer.close(TARGET, closing()).unwrap();
    // 100.00 + 2 × (20.00 − 10.00) + 5.00 − 1.20 − 50.00 = 73.80
    assert_eq!(reckoned(&report, Kind::Cash), (7_380, Some(7_300), Some(-80)));
    assert_eq!(reckoned(&report, Kind::Card), (400, None, None));
    assert_eq!((report.state, report.number, report.forced), (State::Closed, Some(1), false));
    let grand = Grand { documents: 2, net: Sum::from(amount(2_148)), ..Grand::default() };
    let (tax, gross) = (Sum::from(amount(252)), Sum::from(amount(2_400)));
    assert_eq!(report.grand, Some(Grand { tax, gross, ..grand }));
    assert_eq!(report.drawer.no_sales, 1);
    assert_eq!((drawer.shift, drawer.number), (None, 1));
}

#[test]
fn numbers_of_z_reports_ascend_and_totals_are_perpetual() {
    let mut drawer = Drawer::default();
    let books = shop::books(RULES);
    for number in 1..=3 {
        drawer.open(&books, opening(0)).unwrap();
        drawer.take(&mut sale(1));
        drawer.end(TARGET, mark(60)).unwrap();
        let report = drawer.close(TARGET, closing()).unwrap();
        let grand = report.grand.unwrap();
        assert_eq!(
            (report.number, grand.documents, grand.gross.get()),
            (Some(number), number, 1_200 * i64::try_from(number).unwrap())
        );
    }
}

#[test]
fn what_happens_out_of_order_is_refused() {
    let mut drawer = open(0);
    let books = shop::books(RULES);
    let code = |rejection: Rejection| rejection.code();
    assert_eq!(drawer.open(&books, opening(0)).map_err(code), Err("shift_open"));
    assert_eq!(drawer.count(TARGET, counting(0)).map_err(code), Err("shift_not_ended"));
    assert_eq!(drawer.close(TARGET, closing()).map_err(code), Err("shift_not_ended"));
    for other in [
        Target { shift: ShiftId::new(Uuid::nil()), ..TARGET },
        Target { store: OTHER_STORE, ..TARGET },
        Target { register: OTHER_REGISTER, ..TARGET },
    ] {
        assert_eq!(drawer.end(other, mark(60)).map_err(code), Err("unknown_shift"));
    }
    for (what, units) in [(Use::CashIn, 0), (Use::Drop, -1), (Use::NoSale, 1)] {
        assert_eq!(drawer.enter(TARGET, Entry { what, amount: amount(units) }).map_err(code), Err("drawer_amount"));
    }
    drawer.end(TARGET, mark(60)).unwrap();
    assert_eq!(drawer.end(TARGET, mark(61)).map_err(code), Err("shift_ended"));
    let entry = Entry { what: Use::Drop, amount: amount(1) };
    assert_eq!(drawer.enter(TARGET, entry), Ok(()), "the drawer is emptied after the end");
    let mut twice = counting(1);
    twice.tenders.extend(counting(2).tenders);
    assert_eq!(drawer.count(TARGET, twice).map_err(code), Err("tender_repeated"));
    assert_eq!(drawer.count(TARGET, counting(-1)).map_err(code), Err("cash_negative"));
    drawer.close(TARGET, closing()).unwrap();
    let kept = drawer.clone();
    assert_eq!(drawer.close(TARGET, closing()).map_err(code), Err("unknown_shift"));
    assert_eq!(drawer.enter(TARGET, entry).map_err(code), Err("unknown_shift"));
    assert_eq!(drawer, kept, "what is refused changes nothing");
}

#[test]
fn a_register_that_is_not_there_has_no_shift() {
    let books = shop::books(RULES);
    let opened = |change: fn(&mut Opening)| {
        let mut opening = opening(0);
        change(&mut opening);
        Drawer::default().open(&books, opening).map_err(|rejection| rejection.code())
    };
    assert_eq!(opened(|opening| opening.store = OTHER_STORE), Err("unknown_register"));
    assert_eq!(opened(|opening| opening.store = StoreId::new(Uuid::nil())), Err("unknown_store"));
    assert_eq!(opened(|opening| opening.float = Cash::Sum(amount(-1))), Err("cash_negative"));
}

#[test]
fn a_sale_counts_where_it_was_made() {
    let taken = |drawer: &mut Drawer, minutes| {
        let mut sale = sale(minutes);
        drawer.take(&mut sale);
        (sale.shift.is_some(), sale.flags)
    };
    let mut drawer = Drawer::default();
    assert_eq!(taken(&mut drawer, -5), (false, vec![Flag::NoShift]));
    drawer.open(&shop::books(RULES), opening(0)).unwrap();
    assert_eq!(drawer.shift.as_ref().unwrap().late.documents.sales, 1, "it is taken up");
    assert_eq!(taken(&mut drawer, -1), (true, vec![Flag::Late]));
    assert_eq!(taken(&mut drawer, 0), (true, vec![]));
    // A clock that is a day ahead, or a till that counts days otherwise, sells in the shift that is open.
    assert_eq!(taken(&mut drawer, 24 * 60), (true, vec![]));
    drawer.end(TARGET, mark(60)).unwrap();
    assert_eq!(taken(&mut drawer, 60), (true, vec![]));
    assert_eq!(taken(&mut drawer, 61), (false, vec![Flag::Late]));
    let report = drawer.close(TARGET, closing()).unwrap();
    let (totals, late) = (report.totals.clone().unwrap(), report.late.clone().unwrap());
    assert_eq!((totals.documents.sales, late.documents.sales, drawer.waiting.documents.sales), (3, 2, 1));
    assert_eq!(reckoned(&report, Kind::Cash), (3_000, None, None), "late cash was there before the float was counted");
    assert_eq!(report.grand.unwrap().documents, 5);
}

#[test]
fn a_clock_that_goes_backwards_ends_no_shift_before_it_began() {
    let mut drawer = open(0);
    let report = drawer.end(TARGET, mark(-24 * 60)).unwrap();
    assert_eq!(report.ended.unwrap().at, at(0));
}

#[test]
fn practice_counts_nowhere_and_uses_its_ticket() {
    for mut drawer in [Drawer::default(), open(0)] {
        let mut before = drawer.clone();
        let mut practice = Sale { kind: Document::Training, ticket: Ticket::try_from(7).ok(), ..sale(1) };
        drawer.take(&mut practice);
        assert_eq!((practice.shift, practice.flags), (None, vec![]));
        if let Some(shift) = &mut before.shift {
            shift.tickets = gaps_of(&[7]);
        }
        assert_eq!(drawer, before);
    }
}

#[test]
fn a_blind_shift_tells_nothing_until_it_is_counted_and_is_counted_once() {
    let mut drawer = Drawer::default();
    let opened = drawer.open(&shop::books(RULES), Opening { blind: true, ..opening(1_000) }).unwrap();
    drawer.take(&mut sale(1));
    let ended = drawer.end(TARGET, mark(60)).unwrap();
    for report in [opened, ended] {
        assert_eq!((report.totals, report.late, report.tenders), (None, None, vec![]));
    }
    let counted = drawer.count(TARGET, counting(2_000)).unwrap();
    assert_eq!(reckoned(&counted, Kind::Cash), (2_000, Some(2_000), Some(0)));
    let again = drawer.count(TARGET, counting(2_000)).map_err(|rejection| rejection.code());
    assert_eq!(again, Err("shift_counted"));
    let mut uncounted = open(0);
    uncounted.shift.as_mut().unwrap().blind = true;
    uncounted.end(TARGET, mark(60)).unwrap();
    assert!(uncounted.close(TARGET, closing()).unwrap().totals.is_some(), "a Z report tells all");
}

#[test]
fn a_close_waits_for_what_the_till_has_made() {
    let mut drawer = open(0);
    for ticket in [10, 12, 15] {
        drawer.take(&mut Sale { ticket: Ticket::try_from(ticket).ok(), ..sale(1) });
    }
    drawer.end(TARGET, mark(60)).unwrap();
    let said = |drawer: &mut Drawer, closing| drawer.close(TARGET, closing).map_err(|rejection| rejection.to_string());
    let told = Closing { documents: Some(4), last_ticket: Ticket::try_from(17).ok(), ..closing() };
    let why = "3 of 4 sales of the shift are here; tickets 11, 13 to 14, 16 to 17 are missing; send them and close again, or force it";
    assert_eq!(said(&mut drawer, told), Err(why.to_owned()));
    for (documents, closes) in [(3, true), (4, false)] {
        assert_eq!(said(&mut drawer.clone(), Closing { documents: Some(documents), ..closing() }).is_ok(), closes);
    }
    let report = drawer.close(TARGET, Closing { force: true, ..told }).unwrap();
    assert!(report.forced);
    assert_eq!((report.tickets.first, report.tickets.last), (Ticket::try_from(10).ok(), Ticket::try_from(15).ok()));
    assert_eq!(report.tickets.gaps, [Gap { from: 11, to: 11 }, Gap { from: 13, to: 14 }]);
    let mut none = open(0);
    none.end(TARGET, mark(60)).unwrap();
    let told = Closing { last_ticket: Ticket::try_from(3).ok(), ..closing() };
    assert!(said(&mut none, told).is_err(), "none has come");
}

#[test]
fn cash_is_counted_by_denomination() {
    let cash = |denominations: &[(i64, u32)]| {
        let all = denominations.iter().map(|(value, count)| Denomination { value: amount(*value), count: *count });
        Cash::Counted(all.collect()).total().map_err(|rejection| rejection.code())
    };
    assert_eq!(cash(&[(5_000, 2), (200, 3), (1, 7), (500, 0)]), Ok(amount(10_607)));
    assert_eq!(cash(&[]), Ok(Amount::ZERO));
    assert_eq!(cash(&[(0, 1)]), Err("cash_negative"));
    assert_eq!(cash(&[(Amount::MAX.get(), 2)]), Err("amount_overflow"));
    assert_eq!(cash(&[(1, 1); MAX_DENOMINATIONS + 1]), Err("too_many_denominations"));
    let json = r#"[{"value":5000,"count":2}]"#;
    assert_eq!(serde_json::from_str::<Cash>(json).unwrap().total(), Ok(amount(10_000)));
    assert_eq!(serde_json::from_str::<Cash>("700").unwrap().total(), Ok(amount(700)));
}

#[test]
fn the_largest_sales_there_can_be_stop_no_shift() {
    let mut drawer = open(0);
    let huge = Sale { total: Amount::MAX, ..sale(1) };
    for _ in 0..2_000 {
        drawer.take(&mut huge.clone());
    }
    drawer.end(TARGET, mark(60)).unwrap();
    let report = drawer.close(TARGET, closing()).unwrap();
    assert_eq!(report.totals.unwrap().gross.get(), i64::MAX);
}

fn gaps_of(tickets: &[u64]) -> Tickets {
    let mut all = Tickets::default();
    for number in tickets {
        all.add(Ticket::try_from(*number).unwrap());
    }
    all
}

#[test]
fn of_many_gaps_the_latest_are_remembered() {
    let odd: Vec<u64> = (0..60).map(|number| number * 2 + 1).collect();
    let tickets = gaps_of(&odd);
    assert_eq!((tickets.gaps.len(), tickets.gaps_forgotten, tickets.gaps[0].from), (MAX_GAPS, true, 20));
}

prop_compose! {
    /// Something that happens at a drawer: a sale some minutes around the shift, or an entry.
    fn any_act()(
        (_, submission) in shop::any_sale(),
        minutes in -30_i64..90,
        back: bool,
        kind in 0..5_u8,
        tip in 0_i64..500,
        units in 1_i64..50_000,
    ) -> Result<Sale, Entry> {
        let what = match kind {
            0 => Use::CashIn,
            1 => Use::CashOut,
            2 => Use::Drop,
            3 => Use::NoSale,
            _ => {
                let sold = crate::sale::submit(&shop::books(RULES), &submission, &mut Pasts::new(), noon());
                let sale = Sale { sold_at: at(minutes), tip: amount(tip), ..sold.unwrap_or_else(|_| shop::sale(1)) };
                return Ok(if back { returned(sale) } else { sale });
            }
        };
        Err(Entry { what, amount: amount(if what == Use::NoSale { 0 } else { units }) })
    }
}

/// The same goods brought back, for cash.
fn returned(sale: Sale) -> Sale {
    let taxes = sale.taxes.into_iter().map(|group| crate::tax::TaxGroup {
        net: -group.net,
        tax: -group.tax,
        gross: -group.gross,
        ..group
    });
    let payments = if sale.total.is_zero() { vec![] } else { vec![Payment::Cash { tendered: -sale.total }] };
    Sale {
        kind: Document::Return,
        taxes: taxes.collect(),
        net: -sale.net,
        tax: -sale.tax,
        total: -sale.total,
        tip: Amount::ZERO,
        change: Amount::ZERO,
        payments,
        ..sale
    }
}

/// What cash a document leaves in the drawer.
fn cash_of(sale: &Sale) -> i64 {
    let cash = sale.payments.iter().filter(|payment| payment.kind() == Kind::Cash);
    cash.map(|payment| payment.amount().get()).sum::<i64>() - sale.change.get()
}

proptest! {
    /// Through several shifts everything is counted once, and what is expected is what the documents and entries come to.
    #[test]
    fn every_shift_is_the_sum_of_what_happened_in_it(
        shifts in prop::collection::vec((0_i64..100_000, prop::collection::vec(any_act(), 0..12), 0_i64..200_000), 1..4),
    ) {
        let (mut drawer, books) = (Drawer::default(), shop::books(RULES));
        let (mut all, mut in_reports) = (Totals::default(), Grand::default());
        for (float, acts, found) in shifts {
            drawer.open(&books, opening(float)).unwrap();
            let (mut expected, mut on_time, mut late) = (float, Totals::default(), drawer.shift.as_ref().unwrap().late.clone());
            for act in &acts {
                match act {
                    Ok(sale) => {
                        let mut sale = sale.clone();
                        drawer.take(&mut sale);
                        all.add(&sale);
                        prop_assert_eq!(sale.shift, Some(SHIFT));
                        if sale.flags.contains(&Flag::Late) {
                            late.add(&sale);
                        } else {
                            on_time.add(&sale);
                            expected += cash_of(&sale);
                        }
                    }
                    Err(entry) => {
                        drawer.enter(TARGET, *entry).unwrap();
                        let units = entry.amount.get();
                        expected += if entry.what == Use::CashIn { units } else { -units };
                    }
                }
            }
            drawer.end(TARGET, mark(100)).unwrap();
            drawer.count(TARGET, counting(found)).unwrap();
            let report = drawer.close(TARGET, closing()).unwrap();
            let (totals, grand) = (report.totals.clone().unwrap(), report.grand.unwrap());
            let (cash, counted, difference) = reckoned(&report, Kind::Cash);
            prop_assert_eq!((cash, counted), (expected, Some(found)));
            prop_assert_eq!(cash + difference.unwrap(), found);
            let taxes = |of: fn(&TaxTotal) -> Sum| totals.taxes.iter().map(|total| of(total).get()).sum::<i64>();
            prop_assert_eq!((taxes(|t| t.net), taxes(|t| t.tax)), (totals.net.get(), totals.tax.get()));
            prop_assert_eq!(totals.net + totals.tax, totals.gross);
            prop_assert_eq!(&totals, &on_time);
            prop_assert_eq!(report.late.as_ref(), Some(&late));
            in_reports = in_reports.with(&totals).with(&late);
            prop_assert_eq!(grand, in_reports);
            prop_assert_eq!(drawer.all(), in_reports);
            let json = serde_json::to_string(&drawer).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Drawer>(&json).unwrap(), &drawer);
        }
        prop_assert_eq!(in_reports, Grand::default().with(&all));
    }

    /// In whatever order tickets come, those between the first and the last are there, or in a gap.
    #[test]
    fn tickets_and_gaps_fill_their_range(mut tickets in prop::collection::vec(1_u64..60, 1..60)) {
        let all = gaps_of(&tickets);
        let given = tickets.len();
        tickets.sort_unstable();
        tickets.dedup();
        let there = usize::try_from(all.count).unwrap();
        prop_assert_eq!((there, usize::try_from(all.repeated).unwrap()), (tickets.len(), given - tickets.len()));
        let (first, last) = (all.first.unwrap().get(), all.last.unwrap().get());
        let missing: Vec<u64> = (first..=last).filter(|number| !tickets.contains(number)).collect();
        prop_assert_eq!(all.gaps.iter().flat_map(|gap| gap.from..=gap.to).collect::<Vec<_>>(), missing);
        prop_assert!(all.gaps.windows(2).all(|pair| pair[0].to + 1 < pair[1].from));
    }
}
