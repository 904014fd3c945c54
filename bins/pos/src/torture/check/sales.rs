//! Sales: none lost, none doubled, none changed.

use std::collections::{BTreeMap, BTreeSet};

use tillstream_domain::id::MerchantId;

use super::{Finding, View};
use crate::torture::memory::What;

/// The reason for which an unpaid sale is refused.
const UNPAID: &str = "payment_short";

pub(super) fn recorded(view: &View) -> Finding {
    let mut finding = Finding::new("recorded", "every acknowledged sale is in the books, exactly once");
    for (key, _, sent) in view.all_sent() {
        if !sent.acknowledged || !matches!(sent.what, What::Sale { .. }) {
            continue;
        }
        let (times, decided) = (view.sold.count(key), view.decided.first(key));
        let accepted = decided.is_some_and(|decided| decided.context == "sales" && decided.refusal.is_none());
        finding.check(times == 1 && accepted, || {
            format!("sale {} is {times} times in the books; the inbox says {decided:?}", sent.key)
        });
    }
    finding
}

pub(super) fn invented(view: &View) -> Finding {
    let mut finding = Finding::new("invented", "nothing is in the books that no till sent");
    let known = |key| view.sent.contains_key(&key);
    let is_sale = |key| view.sent.get(&key).is_some_and(|sent| matches!(sent.what, What::Sale { .. }));
    for key in view.sold.0.keys() {
        finding.check(is_sale(*key), || format!("sale {}", key.1));
    }
    for key in view.decided.0.keys() {
        finding.check(known(*key), || format!("command {}", key.1));
    }
    for key in view.moved.0.keys() {
        finding.check(known(*key), || format!("movement of stock for {}", key.1));
    }
    for key in view.receipts.0.keys() {
        finding.check(is_sale(*key), || format!("receipt of sale {}", key.1));
    }
    finding
}

pub(super) fn once(view: &View) -> Finding {
    let mut finding =
        Finding::new("once", "no sale, command or receipt is there twice, and each sale's event took effect once");
    for (key, _, _) in view.all_sent() {
        let counts = [view.sold.count(key), view.decided.count(key), view.receipts.count(key)];
        finding.check(counts.iter().all(|count| *count <= 1), || {
            format!("{}: {} sales, {} in the inbox, {} receipts", key.1, counts[0], counts[1], counts[2])
        });
    }
    for merchant in view.books.journals.keys() {
        let sales = view.books.sold.iter().filter(|sold| sold.merchant == *merchant).count() as u64;
        for worker in ["stock", "receipts"] {
            let events = view.books.events.get(&(*merchant, worker.to_owned())).copied().unwrap_or_default();
            finding.check(events.cast_unsigned() == sales, || {
                format!("{events} events took effect in {worker} for the {sales} sales of merchant {merchant}")
            });
        }
    }
    finding
}

pub(super) fn totals(view: &View) -> Finding {
    let mut finding = Finding::new("totals", "each sale's total is what its till reckoned and was told");
    for (key, _, sent) in view.all_sent() {
        let (What::Sale { total }, Some(sold)) = (sent.what, view.sold.first(key)) else { continue };
        let told = sent.shown.map_or(Some(total), |shown| shown.total);
        finding.check(sold.total == total && told == Some(total), || {
            format!("sale {}: reckoned {total}, told {told:?}, in the books {}", sent.key, sold.total)
        });
    }
    finding
}

pub(super) fn refused(view: &View) -> Finding {
    let mut finding = Finding::new("refused", "what must be refused has no effect, and its reason is kept");
    for (key, _, sent) in view.all_sent() {
        if !matches!(sent.what, What::Unpaid { .. }) {
            continue;
        }
        let reason = view.decided.first(key).and_then(|decided| decided.refusal.as_deref());
        let effects = view.sold.count(key) + view.moved.count(key) + view.receipts.count(key);
        let kept = reason == Some(UNPAID) || (!sent.acknowledged && view.decided.count(key) == 0);
        finding.check(kept && effects == 0, || {
            format!("unpaid sale {}: reason kept {reason:?}, {effects} effects", sent.key)
        });
    }
    finding
}

pub(super) fn counted(view: &View) -> Finding {
    let mut finding = Finding::new("drawers", "each merchant's drawers have counted every sale, exactly once");
    let mut sold: BTreeMap<MerchantId, (u64, i64)> = BTreeMap::new();
    for sale in &view.books.sold {
        let (count, total) = sold.entry(sale.merchant).or_default();
        *count += 1;
        *total += sale.total;
    }
    let merchants: BTreeSet<_> = sold.keys().chain(view.books.drawers.keys()).copied().collect();
    for merchant in merchants {
        let grand = view.books.drawers.get(&merchant).copied().unwrap_or_default();
        let (counted, sold) = ((grand.documents, grand.gross.get()), sold.get(&merchant).copied().unwrap_or_default());
        finding.check(counted == sold, || format!("merchant {merchant}: {counted:?} counted of {sold:?} sold"));
    }
    finding
}
