//! Stock: what is there is what was there, less what was sold.

use std::collections::BTreeSet;

use super::{Finding, View};

pub(super) fn moved(view: &View) -> Finding {
    let mut finding = Finding::new("moved", "every sale and adjustment moved stock once, line by line");
    for (key, _, sent) in view.all_sent() {
        if !view.took_effect(key, sent) {
            continue;
        }
        let due = (sent.moves.len() as u64, sent.moves.iter().map(|(_, delta)| delta).sum::<i64>());
        let found = view.moved.first(key).map(|moved| (moved.lines.cast_unsigned(), moved.delta));
        finding.check(found == Some(due) && view.moved.count(key) == 1, || {
            format!("{} {}: {due:?} lines and thousandths due, found {found:?}", sent.what.name(), sent.key)
        });
    }
    finding
}

pub(super) fn ledger(view: &View) -> Finding {
    let mut finding = Finding::new("ledger", "every stock level is the sum of its movements");
    finding.checked = view.books.levels.len() as u64;
    for drift in &view.books.drift {
        finding.violate(|| format!("product {}: level {}, movements {}", drift.product, drift.level, drift.ledger));
    }
    finding
}

pub(super) fn levels(view: &View) -> Finding {
    let mut finding = Finding::new("stock", "every stock level is opening − sold + adjusted, as the tills know it");
    let mut due = view.books.opening.clone();
    for (key, till, sent) in view.all_sent() {
        if view.took_effect(key, sent) {
            for (product, delta) in &sent.moves {
                *due.entry((till.merchant, till.store, *product)).or_default() += delta;
            }
        }
    }
    let levels = &view.books.levels;
    let keys: BTreeSet<_> = due.keys().chain(levels.keys()).collect();
    for key in keys {
        let (due, found) = (due.get(key), levels.get(key));
        finding.check(due == found, || format!("product {}: {due:?} thousandths due, found {found:?}", key.2));
    }
    finding
}
