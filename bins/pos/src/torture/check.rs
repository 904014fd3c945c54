//! What must hold, whatever was done to the system: the books against the tills' memories. Pure, so that each check can
//! be seen to fail.

mod receipts;
mod sales;
mod stock;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tillstream_domain::id::MerchantId;
use tillstream_store::verify::{Decided, Moved, Sold};
use uuid::Uuid;

use super::{
    books::{Books, Receipt},
    memory::{About, Memory, Sent, What},
};

/// How many examples a finding shows.
const EXAMPLES_MAX: usize = 5;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A short name.
    pub name: String,
    /// What must hold.
    pub rule: String,
    /// How many were looked at.
    pub checked: u64,
    /// How many of them break the rule.
    pub violations: u64,
    /// The first few of those.
    pub examples: Vec<String>,
}

impl Finding {
    pub(super) fn new(name: &str, rule: &str) -> Self {
        Self { name: name.to_owned(), rule: rule.to_owned(), checked: 0, violations: 0, examples: Vec::new() }
    }

    /// Counts one more that was looked at.
    pub(super) fn check(&mut self, holds: bool, example: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.violate(example);
        }
    }

    fn violate(&mut self, example: impl FnOnce() -> String) {
        self.violations += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example());
        }
    }
}

/// Every check of the books, and those that the tills made.
#[must_use]
pub fn all(tills: &[Memory], books: &Books) -> Vec<Finding> {
    let view = View::new(tills, books);
    let mut findings = told(tills);
    findings.extend([
        sales::recorded(&view),
        sales::invented(&view),
        sales::once(&view),
        sales::totals(&view),
        sales::refused(&view),
        sales::counted(&view),
        stock::moved(&view),
        stock::ledger(&view),
        stock::levels(&view),
        receipts::issued(&view),
        receipts::numbers(&view),
        receipts::chain(&view),
        receipts::sums(&view),
        dead(books),
        pending(books),
    ]);
    findings
}

/// What the tills know without looking into the books.
#[must_use]
pub fn told(tills: &[Memory]) -> Vec<Finding> {
    let mut acknowledged = Finding::new("acknowledged", "every command was answered once the faults were over");
    let mut answers = Finding::new("answers", "no till was told what its command can't bring about");
    let mut repeated = Finding::new("repeated", "a command that is sent again has its first answer");
    let mut reused = Finding::new("reused", "a key that is used again with another body is refused");
    for till in tills {
        for sent in &till.sent {
            acknowledged.check(sent.acknowledged, || format!("{} {}", sent.what.name(), sent.key));
        }
        answers.checked += till.sent.len() as u64;
        repeated.checked += till.repeated;
        reused.checked += till.reused;
        for surprise in &till.surprises {
            let finding = match surprise.about {
                About::Answer => &mut answers,
                About::Repetition => &mut repeated,
                About::Reuse => &mut reused,
            };
            finding.violate(|| surprise.text.clone());
        }
    }
    vec![acknowledged, answers, repeated, reused]
}

fn dead(books: &Books) -> Finding {
    let mut finding = Finding::new("dead letters", "nothing was set aside");
    for letter in &books.dead {
        finding.check(false, || letter.clone());
    }
    finding
}

fn pending(books: &Books) -> Finding {
    let mut finding = Finding::new("pending", "no consumer has anything left to do");
    for (consumer, lag) in &books.lags {
        finding.check(lag.pending + lag.in_hand == 0, || format!("{consumer}: {lag:?}"));
    }
    finding
}

/// What a command, sale or movement is known by.
type Key = (MerchantId, Uuid);

/// Books and memories, by key.
struct View<'a> {
    tills: &'a [Memory],
    books: &'a Books,
    sent: HashMap<Key, &'a Sent>,
    sold: Index<'a, Sold>,
    decided: Index<'a, Decided>,
    moved: Index<'a, Moved>,
    receipts: Index<'a, Receipt>,
}

impl<'a> View<'a> {
    fn new(tills: &'a [Memory], books: &'a Books) -> Self {
        let sent = tills.iter().flat_map(|till| till.sent.iter().map(|sent| ((till.merchant, sent.key), sent)));
        Self {
            sent: sent.collect(),
            sold: Index::by(&books.sold, |sold| (sold.merchant, sold.sale.uuid())),
            decided: Index::by(&books.decided, |decided| (decided.merchant, decided.id)),
            moved: Index::by(&books.moved, |moved| (moved.merchant, moved.source)),
            receipts: Index::by(&books.receipts, |receipt| (receipt.merchant, receipt.sale.uuid())),
            tills,
            books,
        }
    }

    /// Everything that was sent, with its key.
    fn all_sent(&self) -> impl Iterator<Item = (Key, &'a Memory, &'a Sent)> {
        self.tills.iter().flat_map(|till| till.sent.iter().map(move |sent| ((till.merchant, sent.key), till, sent)))
    }

    /// Whether it must have taken effect: it was acknowledged, or it is in the books though its till knows nothing of it.
    fn took_effect(&self, key: Key, sent: &Sent) -> bool {
        match sent.what {
            What::Sale { .. } => sent.acknowledged || self.sold.first(key).is_some(),
            What::Adjustment => sent.acknowledged || self.moved.first(key).is_some(),
            What::Unpaid { .. } => false,
        }
    }
}

/// Rows by key, and how many there are of each.
struct Index<'a, T>(HashMap<Key, (u64, &'a T)>);

impl<'a, T> Index<'a, T> {
    fn by(rows: &'a [T], key: impl Fn(&T) -> Key) -> Self {
        let mut index = HashMap::with_capacity(rows.len());
        for row in rows {
            index.entry(key(row)).or_insert((0, row)).0 += 1;
        }
        Self(index)
    }

    fn first(&self, key: Key) -> Option<&'a T> {
        self.0.get(&key).map(|(_, row)| *row)
    }

    fn count(&self, key: Key) -> u64 {
        self.0.get(&key).map_or(0, |(count, _)| *count)
    }
}
