//! A provider with its terminals and its customers, for trying out and for tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tillstream_domain::{
    id::{MerchantId, StoreId},
    money::Amount,
};
use tokio::time::Instant;

use crate::{Failure, Key, Money, Order, Page, Payment, Provider, Status};

/// Payments in a page.
const PAGE: usize = 200;

/// A provider that moves no money. A terminal is the store's that used it first. The last two digits of an amount say what happens, as test amounts do at real ones;
/// 01, 05 and 55 are Stripe's ("Testing Stripe Terminal", test amounts):
///
/// | amount | what happens |
/// |---|---|
/// | …01, …05, …55 | declined: call the issuer; generally; wrong PIN |
/// | …60 | slow: captured after a while |
/// | …61 | cancelled by the customer, after a while |
/// | …62 | captured, and the answer to the start is lost |
/// | …63 | no answer to the start; captured after a while |
/// | …64 | the start itself is lost |
/// | …66 | the customer does nothing |
/// | …67 | captured, one unit less |
/// | …68 | captured, and never given back |
/// | any other | captured at once |
#[derive(Debug)]
pub struct Simulator {
    books: Mutex<Books>,
    slow: Duration,
}

#[derive(Debug, Default)]
struct Books {
    payments: BTreeMap<Key, Entry>,
    /// In the order in which money was taken or given back.
    captured: Vec<Key>,
    /// Whose a terminal is: who used it first.
    terminals: BTreeMap<String, (MerchantId, StoreId)>,
}

#[derive(Debug)]
struct Entry {
    payment: Payment,
    /// What the customer does, and when.
    next: Option<(Instant, Status)>,
    captures: u32,
}

impl Simulator {
    /// One whose slow customers take so long.
    #[must_use]
    pub fn new(slow: Duration) -> Self {
        Self { books: Mutex::default(), slow }
    }

    /// How often money was taken for a payment.
    #[must_use]
    pub fn captures(&self, key: Key) -> u32 {
        self.books().payments.get(&key).map_or(0, |entry| entry.captures)
    }

    /// Takes money for a payment that nobody here has started, as one that was started before its books were lost.
    pub fn take(&self, key: Key, order: Order) {
        let mut books = self.books();
        books.payments.insert(key, Entry::new(key, Some(order)));
        books.turn(key, Status::Captured);
    }

    /// The books as they stand by now.
    fn books(&self) -> MutexGuard<'_, Books> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut due: Vec<_> = books
            .payments
            .iter()
            .filter_map(|(key, entry)| entry.next.filter(|(at, _)| *at <= now).map(|(at, what)| (at, *key, what)))
            .collect();
        due.sort_unstable_by_key(|(at, ..)| *at);
        for (_, key, what) in due {
            books.turn(key, what);
        }
        books
    }

    /// What the customer does with a new payment, and whether the answer gets through.
    fn script(&self, order: &Order) -> (Duration, Option<Status>, bool) {
        let soon = Duration::ZERO;
        match order.amount.get() % 100 {
            1 | 5 | 55 => (soon, Some(Status::Declined), true),
            60 => (self.slow, Some(Status::Captured), true),
            61 => (self.slow, Some(Status::Cancelled), true),
            62 => (soon, Some(Status::Captured), false),
            63 => (self.slow, Some(Status::Captured), false),
            66 => (soon, None, true),
            _ => (soon, Some(Status::Captured), true),
        }
    }
}

impl Entry {
    fn new(key: Key, order: Option<Order>) -> Self {
        let payment = Payment { key, status: Status::Pending, order, money: None, reason: None };
        Self { payment, next: None, captures: 0 }
    }
}

impl Books {
    /// Lets a payment come to an end, unless it has.
    fn turn(&mut self, key: Key, what: Status) {
        let Some(entry) = self.payments.get_mut(&key) else { return };
        entry.next = None;
        let Some(order) = entry.payment.order.as_ref().filter(|_| entry.payment.status == Status::Pending) else {
            return;
        };
        let digits = order.amount.get() % 100;
        match what {
            Status::Captured => {
                let amount = if digits == 67 { order.amount.get() - 1 } else { order.amount.get() };
                entry.payment.money = Some(Money {
                    amount: Amount::try_new(amount).unwrap_or(order.amount),
                    currency: order.currency,
                    reference: Some(format!("sim-{}", self.captured.len() + 1)),
                    brand: Some("visa".to_owned()),
                    last4: Some("4242".to_owned()),
                });
                entry.captures += 1;
                self.captured.push(key);
            }
            Status::Declined => {
                let why = match digits {
                    1 => "call the issuer",
                    55 => "wrong PIN",
                    _ => "declined",
                };
                entry.payment.reason = Some(why.to_owned());
            }
            Status::Cancelled => entry.payment.reason = Some("cancelled".to_owned()),
            Status::Pending | Status::Refunded => {}
        }
        entry.payment.status = what;
    }

    fn shown(&self, key: Key) -> Result<Payment, Failure> {
        let entry = self.payments.get(&key);
        entry.map(|entry| entry.payment.clone()).ok_or_else(|| Failure::Refused("no payment has this key".to_owned()))
    }
}

impl Provider for Simulator {
    async fn start(&self, key: Key, order: &Order) -> Result<Payment, Failure> {
        let answers = {
            let mut books = self.books();
            let (after, what, answers) = self.script(order);
            let lost = order.amount.get() % 100 == 64;
            if !lost && !books.payments.contains_key(&key) {
                let user = (key.merchant, order.store);
                if *books.terminals.entry(order.terminal.clone()).or_insert(user) != user {
                    return Err(Failure::Refused("the terminal is not that store's".to_owned()));
                }
                let mut entry = Entry::new(key, Some(order.clone()));
                entry.next = what.map(|what| (Instant::now() + after, what));
                books.payments.insert(key, entry);
            }
            answers && !lost
        };
        if !answers {
            std::future::pending::<()>().await;
        }
        self.books().shown(key)
    }

    async fn ask(&self, key: Key) -> Result<Option<Payment>, Failure> {
        Ok(self.books().payments.get(&key).map(|entry| entry.payment.clone()))
    }

    async fn cancel(&self, key: Key) -> Result<Payment, Failure> {
        let mut books = self.books();
        let entry = books.payments.entry(key).or_insert_with(|| Entry::new(key, None));
        if entry.payment.status == Status::Pending {
            entry.payment.status = Status::Cancelled;
            entry.payment.reason = Some("cancelled".to_owned());
            entry.next = None;
        }
        books.shown(key)
    }

    async fn refund(&self, key: Key) -> Result<Payment, Failure> {
        let mut books = self.books();
        if let Some(entry) = books.payments.get_mut(&key)
            && entry.payment.status == Status::Captured
        {
            if entry.payment.order.as_ref().is_some_and(|order| order.amount.get() % 100 == 68) {
                return Err(Failure::Refused("the card's bank takes no refunds".to_owned()));
            }
            entry.payment.status = Status::Refunded;
            books.captured.push(key);
        }
        books.shown(key)
    }

    async fn captured_since(&self, cursor: Option<&str>) -> Result<Page, Failure> {
        let books = self.books();
        let wrong = |_| Failure::Refused("that is no cursor".to_owned());
        let after: usize = cursor.map_or(Ok(0), str::parse).map_err(wrong)?;
        // One of earlier books, which are lost.
        let after = if after > books.captured.len() { 0 } else { after };
        let keys = books.captured.iter().skip(after).take(PAGE);
        let items = keys.map(|key| books.shown(*key)).collect::<Result<Vec<_>, _>>()?;
        let next = (after + items.len()).to_string();
        Ok(Page { items, unreadable: Vec::new(), next })
    }
}
