//! Asks the provider of card terminals about payments until it is known what became of them, and sends what it says through
//! the bus, as any other command.
//!
//! A payment that is due is claimed before the provider hears of it, and started only the first time that it is: whoever
//! dies in between, whoever comes after asks. So nothing is charged twice. One that waited long is never started: by now
//! somebody else may stand at the terminal.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use prometheus::IntCounterVec;
use serde::Deserialize;
use tillstream_bus::{Bus, PublishError, publish::pack, subject::Class};
use tillstream_contract::{Envelope, Message, card_payment::CardPaymentAnswer, sale::Command};
use tillstream_domain::{
    card_payment::{Heard, Order, State},
    id::{CardPaymentId, MerchantId},
    identity::Actor,
};
use tillstream_runtime::{Process, health::describe, settings::read_password};
use tillstream_store::{
    Error, PgPool,
    card_payment::{self as stored, Capture, Due},
};
use tillstream_terminal::{Failure, Http, Key, Payment, Provider, Status};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::heard;

/// How card terminals are reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalSettings {
    /// The provider's address, for example `http://127.0.0.1:8090`; empty: there are no card terminals.
    pub url: String,
    /// A file with the token that the provider is shown; empty: none.
    pub token_file: PathBuf,
    /// How long it may take to answer.
    pub timeout_ms: u32,
    /// How often it is asked about a payment.
    pub poll_ms: u32,
    /// About so many payments at once, at the most.
    pub at_once: usize,
    /// How long a payment may wait to be started. One that waited longer is cancelled instead.
    pub start_within_ms: u64,
    /// How long a customer may take. Then the payment is cancelled, if no money is taken yet.
    pub patience_ms: u64,
    /// How often it is asked what it has taken, to find money that is in no books.
    pub reconcile_ms: u64,
}

impl TerminalSettings {
    /// The provider, if there is one.
    ///
    /// # Errors
    /// When a setting is unusable.
    pub fn provider(&self) -> anyhow::Result<Option<Http>> {
        self.check()?;
        if self.url.is_empty() {
            return Ok(None);
        }
        let named = !self.token_file.as_os_str().is_empty();
        let token = named.then(|| read_password(&self.token_file)).transpose().context("use terminal.token_file")?;
        let within = Duration::from_millis(self.timeout_ms.into());
        Http::new(&self.url, token.as_deref(), within).map(Some).context("use terminal.url")
    }

    fn check(&self) -> anyhow::Result<()> {
        let Self { timeout_ms, poll_ms, at_once, start_within_ms, patience_ms, reconcile_ms, .. } = self;
        ensure!((1..=PAUSE_MAX_MS).contains(poll_ms), "terminal.poll_ms must be 1 to {PAUSE_MAX_MS}");
        ensure!(*timeout_ms > 0, "terminal.timeout_ms must be above 0");
        ensure!(*at_once > 0, "terminal.at_once must be above 0");
        ensure!(*start_within_ms > 0, "terminal.start_within_ms must be above 0");
        ensure!(*patience_ms > 0, "terminal.patience_ms must be above 0");
        ensure!(*reconcile_ms > 0, "terminal.reconcile_ms must be above 0");
        Ok(())
    }

    /// How long a payment stays with who has claimed it: two calls and what it takes to say what came of them.
    const fn lease_ms(&self) -> u32 {
        self.timeout_ms.saturating_mul(2).saturating_add(5_000)
    }
}

/// After something was said of a payment, it is not asked about again for so long: what was said is decided on first.
const DECIDING_MS: u32 = 5_000;
/// The longest pause between two questions.
const PAUSE_MAX_MS: u32 = 60_000;

const HOUR_MICROS: i64 = 3_600_000_000;

/// Asks a provider.
#[derive(Debug)]
pub struct Driver<P> {
    provider: P,
    process: Process,
    bus: Bus,
    pool: PgPool,
    settings: TerminalSettings,
    calls: IntCounterVec,
}

impl<P: Provider> Driver<P> {
    /// Asks `provider` about what is in the database of `pool`, and tells `bus` what it says.
    #[must_use]
    pub fn new(provider: P, process: Process, bus: Bus, pool: PgPool, settings: TerminalSettings) -> Self {
        let calls = process.metrics.counter(
            "tillstream_terminal_calls_total",
            "What the provider of card terminals was asked, and how that went: `answered`, `refused`, `no_answer`; and \
             captures that cannot be put into the books: `unreadable`, `unknown_merchant`, `without_order`",
            &["call", "outcome"],
        );
        Self { provider, process, bus, pool, settings, calls }
    }

    /// Asks until the process stops.
    pub async fn run(self) {
        tokio::select! {
            () = self.process.stop.wait() => {}
            () = self.drive() => {}
            () = self.reconcile() => {}
        }
    }

    async fn drive(&self) {
        let mut ticks = interval(Duration::from_millis(self.settings.poll_ms.into()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_hand = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let free = self.settings.at_once.saturating_sub(in_hand.len());
                    match self.claim(free).await {
                        Ok(due) => in_hand.extend(due.into_iter().map(|due| self.step(due))),
                        Err(error) => warn!(error = describe(&error), "due card payments cannot be read; trying again"),
                    }
                }
                Some(()) = in_hand.next() => {}
            }
        }
    }

    async fn claim(&self, free: usize) -> Result<Vec<Due>, Error> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let mut conn = self.pool.acquire().await?;
        stored::claim(&mut conn, i64::try_from(free).unwrap_or(i64::MAX), self.settings.lease_ms()).await
    }

    /// Asks once about a payment, and says what came of it.
    async fn step(&self, due: Due) {
        let key = Key { merchant: due.merchant, payment: due.payment };
        let occasion = due.asked.to_string();
        let answer = self.ask(key, &due).await.and_then(|payment| heard::of(key, &payment));
        let pause_ms = match answer {
            // The customer is at the terminal.
            Ok(None) => self.pause_ms(&due, 40),
            Ok(Some(said)) => match self.say(key, said, None, &occasion).await {
                Ok(()) => DECIDING_MS,
                Err(error) => self.later(&due, "what the provider says cannot be published", &error),
            },
            Err(Failure::Refused(why)) if self.starts(&due) || due.refunds() => {
                info!(payment = %due.payment, why, "the provider refuses to take the money, or to give it back");
                match self.say(key, Heard::Declined(heard::text(&why)), None, &occasion).await {
                    Ok(()) => DECIDING_MS,
                    Err(error) => self.later(&due, "what the provider says cannot be published", &error),
                }
            }
            Err(failure) => {
                let pause_ms = self.later(&due, "it is not known what became of a card payment", &failure);
                if due.state == State::Started
                    && let Err(error) = self.say(key, Heard::Nothing, None, &occasion).await
                {
                    warn!(payment = %due.payment, error = describe(&error), "that cannot be said either");
                }
                pause_ms
            }
        };
        if let Err(error) = self.postpone(&due, pause_ms).await {
            warn!(payment = %due.payment, error = describe(&error), "asking again when the claim ends");
        }
    }

    const fn starts(&self, due: &Due) -> bool {
        due.asked == 1 && !due.cancelling && due.age_ms <= self.settings.start_within_ms
    }

    /// The one thing that is to be done now. Money is taken by nothing but the first.
    async fn ask(&self, key: Key, due: &Due) -> Result<Payment, Failure> {
        if due.refunds() {
            return self.count("refund", self.provider.refund(key).await);
        }
        if due.cancelling {
            return self.count("cancel", self.provider.cancel(key).await);
        }
        if self.starts(due) {
            return self.count("start", self.provider.start(key, &order(&due.order)).await);
        }
        match self.count("ask", self.provider.ask(key).await)? {
            Some(payment) if payment.status != Status::Pending || due.age_ms <= self.settings.patience_ms => {
                Ok(payment)
            }
            // What it has never heard of cannot come any more afterwards.
            _ => self.count("cancel", self.provider.cancel(key).await),
        }
    }

    fn count<T>(&self, call: &str, answer: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = match &answer {
            Ok(_) => "answered",
            Err(Failure::Refused(_)) => "refused",
            Err(Failure::NoAnswer(_)) => "no_answer",
        };
        self.calls.with_label_values(&[call, outcome]).inc();
        answer
    }

    fn later(&self, due: &Due, what: &'static str, error: &(dyn std::error::Error + 'static)) -> u32 {
        let pause_ms = self.pause_ms(due, 4);
        warn!(payment = %due.payment, error = describe(error), again_in_ms = pause_ms, "{what}; asking again");
        pause_ms
    }

    /// A part of how long it has been going on: what is not known for long will not be known in a moment.
    fn pause_ms(&self, due: &Due, part: u64) -> u32 {
        u32::try_from(due.age_ms / part).unwrap_or(u32::MAX).clamp(self.settings.poll_ms, PAUSE_MAX_MS)
    }

    async fn postpone(&self, due: &Due, by_ms: u32) -> Result<(), Error> {
        let mut conn = self.pool.acquire().await?;
        stored::postpone(&mut conn, due, by_ms).await
    }

    /// Sends what the provider says, under an id that follows from it and from the `occasion`: sent again it takes effect
    /// once, and said again at another time it takes effect anew.
    async fn say(&self, key: Key, said: Heard, order: Option<Order>, occasion: &str) -> Result<(), PublishError> {
        let answer = CardPaymentAnswer::new(key.payment, said, order);
        let command = Command::SettleCardPayment(answer);
        let envelope = envelope(key.merchant, key.payment, &command, occasion, self.process.clock.now());
        for (subject, payload) in pack(Class::Command, self.bus.partitions(), vec![envelope]) {
            self.bus.publish(subject, payload).await?;
        }
        Ok(())
    }

    /// Looks for money that was taken and is not in the books, page after page, then from where it was.
    async fn reconcile(&self) {
        let mut cursor = None;
        loop {
            match self.compare(cursor.as_deref()).await {
                Ok((next, true)) => cursor = Some(next),
                Ok((next, false)) => {
                    cursor = Some(next);
                    sleep(Duration::from_millis(self.settings.reconcile_ms)).await;
                }
                Err(error) => {
                    warn!(
                        error = format!("{error:#}"),
                        "captures cannot be compared with the books; trying again later"
                    );
                    sleep(Duration::from_millis(self.settings.reconcile_ms)).await;
                }
            }
        }
    }

    /// Compares a page of captures with the books: where the next begins, and whether there may be one.
    async fn compare(&self, cursor: Option<&str>) -> anyhow::Result<(String, bool)> {
        let page = self.count("captured_since", self.provider.captured_since(cursor).await)?;
        for why in &page.unreadable {
            self.unbooked("unreadable", why);
        }
        let mut found = Vec::new();
        for payment in &page.items {
            match heard::captured(payment) {
                Ok(captured) => found.push(captured),
                Err(failure) => self.unbooked("unreadable", &format!("{}: {failure}", payment.key)),
            }
        }
        self.book(&found).await?;
        let more = !(page.items.is_empty() && page.unreadable.is_empty()) && cursor != Some(&page.next);
        Ok((page.next, more))
    }

    /// Adds to the books what they do not have.
    async fn book(&self, found: &[heard::Captured]) -> anyhow::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let capture = |(key, heard, _): &heard::Captured| {
            let held = match heard {
                Heard::Captured(taken) => Some((taken.amount, taken.currency)),
                _ => None,
            };
            Capture { merchant: key.merchant, payment: key.payment, held }
        };
        let captures: Vec<_> = found.iter().map(capture).collect();
        let mut conn = self.pool.acquire().await?;
        let differences = stored::differing(&mut conn, &captures).await?;
        drop(conn);
        // Whoever else compares says the same within the hour.
        let occasion = (self.process.clock.now().micros() / HOUR_MICROS).to_string();
        for difference in differences {
            let Some((key, heard, order)) = found.get(difference.place) else { continue };
            if !difference.of_merchant {
                self.unbooked("unknown_merchant", &key.to_string());
            } else if !difference.in_books && order.is_none() {
                self.unbooked("without_order", &key.to_string());
            } else {
                info!(payment = %key.payment, merchant = %key.merchant, "the provider's books say something else; adding it");
                self.say(*key, heard.clone(), order.clone(), &occasion).await?;
            }
        }
        Ok(())
    }

    /// Money that no list can show. Somebody must look for it at the provider's.
    fn unbooked(&self, why: &str, what: &str) {
        self.calls.with_label_values(&["captured_since", why]).inc();
        error!(
            why,
            payment = what,
            "the provider lists a capture that cannot be put into the books: look for it there"
        );
    }
}

fn order(order: &Order) -> tillstream_terminal::Order {
    let Order { store, register, terminal, amount, currency } = order;
    tillstream_terminal::Order {
        terminal: terminal.to_string(),
        amount: *amount,
        currency: *currency,
        store: *store,
        register: *register,
    }
}

fn envelope(
    merchant: MerchantId,
    payment: CardPaymentId,
    command: &Command,
    occasion: &str,
    at: tillstream_domain::time::Timestamp,
) -> Envelope {
    let body = command.encode();
    let mut name = command.kind().as_bytes().to_vec();
    name.push(0);
    name.extend(&body);
    name.push(0);
    name.extend(occasion.as_bytes());
    Envelope {
        id: Uuid::new_v5(&payment.uuid(), &name),
        kind: command.kind().to_owned(),
        merchant,
        actor: Actor::Operator.to_string(),
        till: None,
        approval: None,
        fingerprint: None,
        at,
        origin: None,
        trace: None,
        reply: None,
        body: body.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of a setting.
    type Change = fn(&mut TerminalSettings);

    #[test]
    fn settings_that_could_not_work_are_refused() {
        let settings = TerminalSettings {
            url: String::new(),
            token_file: PathBuf::new(),
            timeout_ms: 5_000,
            poll_ms: PAUSE_MAX_MS,
            at_once: 64,
            start_within_ms: 60_000,
            patience_ms: 180_000,
            reconcile_ms: 60_000,
        };
        assert!(settings.provider().is_ok());
        let changes: [(&str, Change); 5] = [
            ("poll_ms", |settings| settings.poll_ms = 0),
            ("poll_ms", |settings| settings.poll_ms = 60_001),
            ("timeout_ms", |settings| settings.timeout_ms = 0),
            ("at_once", |settings| settings.at_once = 0),
            ("reconcile_ms", |settings| settings.reconcile_ms = 0),
        ];
        for (name, change) in changes {
            let mut settings = settings.clone();
            change(&mut settings);
            let why = settings.provider().unwrap_err().to_string();
            assert!(why.contains(&format!("terminal.{name} must be")), "{why}");
        }
    }
}
