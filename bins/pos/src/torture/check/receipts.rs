//! Receipts: one for each sale, numbered without gaps, chained and signed.

use std::collections::BTreeMap;

use super::{Finding, View};
use crate::torture::{books::Journal, memory::What};

pub(super) fn issued(view: &View) -> Finding {
    let mut finding = Finding::new("receipts", "every sale has one receipt, of the same total");
    for sold in &view.books.sold {
        let key = (sold.merchant, sold.sale.uuid());
        let (count, receipt) = (view.receipts.count(key), view.receipts.first(key));
        let same = receipt.is_some_and(|receipt| receipt.total == Some(sold.total));
        finding.check(count == 1 && same, || {
            format!("sale {} of {}: {count} receipts, the first {receipt:?}", sold.sale, sold.total)
        });
    }
    finding
}

pub(super) fn numbers(view: &View) -> Finding {
    let mut finding = Finding::new("numbers", "each register's receipts are numbered 1, 2, 3, …");
    let mut series: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for receipt in &view.books.receipts {
        series.entry((receipt.merchant, receipt.register)).or_default().push(receipt.number);
    }
    for ((_, register), mut numbers) in series {
        numbers.sort_unstable();
        for (number, due) in numbers.into_iter().zip(1..) {
            finding.check(number == due, || format!("register {register}: number {due} is due, found {number}"));
        }
    }
    finding
}

pub(super) fn chain(view: &View) -> Finding {
    let mut finding = Finding::new("chain", "each merchant's exported journal is verified by the public key alone");
    for (merchant, journal) in &view.books.journals {
        let receipts = view.books.receipts.iter().filter(|receipt| receipt.merchant == *merchant).count() as u64;
        let sound = matches!(journal, Journal::Sound { receipts: verified, .. } if *verified == receipts);
        finding.check(sound, || format!("merchant {merchant} with {receipts} receipts: {journal:?}"));
    }
    finding
}

pub(super) fn sums(view: &View) -> Finding {
    let mut finding =
        Finding::new("sums", "each merchant's sales, receipts and journal come to what its tills reckoned");
    for (merchant, journal) in &view.books.journals {
        let tills = view.all_sent().filter(|(key, _, sent)| key.0 == *merchant && view.took_effect(*key, sent));
        let tills: i64 = tills
            .map(|(_, _, sent)| match sent.what {
                What::Sale { total } => total,
                What::Unpaid { .. } | What::Adjustment => 0,
            })
            .sum();
        let sold = view.books.sold.iter().filter(|sold| sold.merchant == *merchant);
        let sold: i64 = sold.map(|sold| sold.total).sum();
        let receipts = view.books.receipts.iter().filter(|receipt| receipt.merchant == *merchant);
        let receipts: i64 = receipts.filter_map(|receipt| receipt.total).sum();
        let journal = match journal {
            Journal::Sound { total, .. } => Some(*total),
            Journal::Bad(_) => None,
        };
        finding.check(tills == sold && sold == receipts && journal == Some(receipts), || {
            format!("merchant {merchant}: tills {tills}, sales {sold}, receipts {receipts}, journal {journal:?}")
        });
    }
    finding
}
