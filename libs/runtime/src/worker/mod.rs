//! The worker loop: the one place where the order of commit, answer, publish and acknowledge is written.
//!
//! pull → (look up → load and lock → decide → record → save → commit) → answer → publish → acknowledge

mod batch;
mod sample;
mod settings;
mod solo;
mod stats;
mod traced;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tillstream_bus::{
    Bus,
    consume::{Delivery, Puller},
    subject::Class,
};
use tillstream_contract::{Envelope, Message, Outcome, Stage, dead::DeadLetter};
use tillstream_domain::{identity::Need, time::Timestamp};
use tillstream_store::{Error, PgConnection, PgPool, inbox};
use tokio::time::{Instant, interval, sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

#[cfg(debug_assertions)]
pub use settings::Sabotage;
pub use settings::{PullSettings, WorkerSettings};

use crate::{Process, health::describe};
use batch::Answered;
use stats::Stats;

/// Of a payload that is set aside, this much is kept.
const MAX_BURIED_BYTES: usize = 900 * 1024;

/// A message opened.
#[derive(Clone, Debug)]
pub struct Item<M> {
    /// What it came in.
    pub envelope: Envelope,
    /// What it says.
    pub message: M,
    /// What the inbox knows it by.
    key: inbox::Key,
    /// Where it came from.
    subject: Arc<str>,
}

/// What to load, how to decide and what to save. The runtime owns everything else: a worker never begins a transaction,
/// publishes or acknowledges.
pub trait Worker: Send + Sync + 'static {
    /// The worker's name: its database and bus role, and its part of the inbox.
    const NAME: &'static str;
    /// Its consumer: named as itself, unless it has another one of the same class.
    const CONSUMER: &'static str = Self::NAME;
    /// Where its messages come from.
    const SOURCE: (Class, &'static str);
    /// What clients wait for that this worker's decision brings about.
    const ANSWERS: Option<Stage>;
    /// How far a sale has come when this worker has committed it, if it takes sales: for metrics.
    const STAGE: Option<&'static str>;

    /// What it takes.
    type Message: Message;
    /// What a decision needs to know, and what decisions change.
    type State: Send;

    /// What whoever sends a message needs; none for events, which follow from what was allowed. The loop checks it before
    /// [`Worker::decide`], against what the database says.
    fn need(message: &Self::Message) -> Option<Need>;

    /// Loads what deciding on `batch` needs, and locks what it may change, in key order.
    fn load(
        &self,
        conn: &mut PgConnection,
        batch: &[&Item<Self::Message>],
    ) -> impl Future<Output = Result<Self::State, Error>> + Send;

    /// Decides. No I/O, no clock.
    fn decide(&self, state: &mut Self::State, item: &Item<Self::Message>, now: Timestamp) -> Outcome;

    /// Saves what the decisions changed.
    fn save(
        &self,
        conn: &mut PgConnection,
        state: Self::State,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A worker at its consumer.
#[derive(Debug)]
pub struct Station<W> {
    worker: W,
    process: Process,
    bus: Bus,
    pool: PgPool,
    settings: WorkerSettings,
    stats: Stats,
}

/// What the inbox knows a message by. A command's id is good once, whichever worker takes it; an event is taken once by
/// each of its workers, and no id that a client chooses can stand in its way.
fn key<W: Worker>(envelope: &Envelope) -> inbox::Key {
    let merchant = envelope.merchant;
    match W::SOURCE {
        (Class::Command, _) => inbox::Key { merchant, of_event: false, id: envelope.id },
        (Class::Event, _) => {
            inbox::Key { merchant, of_event: true, id: Uuid::new_v5(&envelope.id, W::NAME.as_bytes()) }
        }
    }
}

/// Stopped before everything in hand was settled: what is left is given back.
struct Interrupted;

impl<W: Worker> Station<W> {
    /// Puts `worker` to work with these connections.
    #[must_use]
    pub fn new(worker: W, process: Process, bus: Bus, pool: PgPool, settings: WorkerSettings) -> Self {
        let stats = Stats::of::<W>(&process.metrics);
        Self { worker, process, bus, pool, settings, stats }
    }

    /// Works until the process stops, on every partition.
    pub async fn run(self) {
        let mut partitions = FuturesUnordered::new();
        for partition in 0..self.bus.partitions() {
            partitions.push(self.partition(partition));
        }
        tokio::join!(async { while partitions.next().await.is_some() {} }, self.sample());
        drop(partitions);
        self.bus.flush().await;
    }

    /// Works until nothing is pending on any partition, without waiting for more. For tests.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn drain(&self) -> Result<u64, tillstream_bus::topology::TopologyError> {
        let mut handled = 0;
        for partition in 0..self.bus.partitions() {
            let mut puller = self.puller(partition);
            loop {
                let lag = puller.lag().await?;
                if lag.pending + lag.in_hand == 0 {
                    break;
                }
                // What is in hand may be acknowledged already, and the broker not know it yet.
                let Ok(deliveries) = timeout(Duration::from_millis(50), puller.next()).await else { continue };
                handled += deliveries.len() as u64;
                self.settle(&deliveries).await;
                self.bus.flush().await;
            }
            puller.release().await;
        }
        Ok(handled)
    }

    fn puller(&self, partition: u16) -> Puller {
        let (class, _) = W::SOURCE;
        Puller::new(self.bus.clone(), class.stream(partition), W::CONSUMER.to_owned(), self.settings.pull.pull())
    }

    async fn partition(&self, partition: u16) {
        let (class, _) = W::SOURCE;
        let stream = class.stream(partition);
        let mut puller = self.puller(partition);
        info!(worker = W::NAME, stream, "pulling");
        loop {
            tokio::select! {
                () = self.process.stop.wait() => break,
                deliveries = puller.next() => {
                    let began = Instant::now();
                    self.settle(&deliveries).await;
                    // What was fetched ahead has meanwhile been given up by the broker and comes again.
                    if began.elapsed() >= Duration::from_millis(self.settings.ack_wait_ms) {
                        puller.start_over();
                    }
                }
            }
        }
        puller.release().await;
        info!(worker = W::NAME, stream, "drained");
    }

    /// Handles what was delivered and acknowledges it; says all the while that it is being worked on.
    async fn settle(&self, deliveries: &[Delivery]) {
        #[cfg(debug_assertions)]
        if self.settings.sabotage == Some(Sabotage::AckBeforeCommit) {
            for delivery in deliveries {
                delivery.ack().await;
            }
            self.bus.flush().await;
        }
        let mut alive = interval(self.settings.progress());
        alive.tick().await;
        let handle = self.handle(deliveries);
        tokio::pin!(handle);
        let handled = loop {
            tokio::select! {
                handled = &mut handle => break handled,
                _ = alive.tick() => for delivery in deliveries { delivery.progress().await; },
            }
        };
        for delivery in deliveries {
            match handled {
                Ok(()) => delivery.ack().await,
                Err(Interrupted) => delivery.later(Duration::ZERO).await,
            }
        }
    }

    async fn handle(&self, deliveries: &[Delivery]) -> Result<(), Interrupted> {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        let again = deliveries.iter().filter(|delivery| delivery.deliveries() > 1).count();
        self.stats.count_redeliveries(W::NAME, again as u64);
        for delivery in deliveries {
            // What was in hand at repeated crashes is tried alone, so that the others get through.
            let suspect = delivery.deliveries() > u64::from(self.settings.deliveries_until_alone);
            let envelopes = match &delivery.envelopes {
                Ok(envelopes) => envelopes,
                Err(error) => {
                    self.bury(self.letter(delivery.subject(), delivery.payload().to_vec(), describe(error), 1)).await?;
                    continue;
                }
            };
            let subject: Arc<str> = delivery.subject().into();
            for envelope in envelopes {
                match envelope.open() {
                    Ok(message) => {
                        let item = Item {
                            envelope: envelope.clone(),
                            message,
                            key: key::<W>(envelope),
                            subject: subject.clone(),
                        };
                        if suspect { alone.push(item) } else { together.push(item) }
                    }
                    Err(error) => self.bury_envelope(&subject, envelope, describe(&error), 1).await?,
                }
            }
        }
        if !together.is_empty() {
            match self.commit_until_decided(&together).await? {
                Ok(answered) => self.publish(answered).await?,
                Err(reason) => {
                    warn!(
                        worker = W::NAME,
                        reason,
                        messages = together.len(),
                        "batch failed; trying each message alone"
                    );
                    alone.append(&mut together);
                }
            }
        }
        for item in alone {
            self.alone(item).await?;
        }
        Ok(())
    }

    /// Publishes the events and sends the answers. Only then may the messages be acknowledged. Who waits for the record
    /// need not wait for the events too: what is committed is recorded, and its events follow from the inbox.
    async fn publish(&self, answered: Answered) -> Result<(), Interrupted> {
        let Answered { events, answers } = answered;
        let _timer = self.stats.publishing.start_timer();
        self.bus.answer(answers).await;
        let mut pause = Pause::default();
        while let Err(error) = self.bus.publish_events(events.clone()).await {
            warn!(
                worker = W::NAME,
                error = describe(&error),
                events = events.len(),
                "events are committed but not published yet; trying again"
            );
            pause.wait(self).await?;
        }
        Ok(())
    }

    async fn bury_envelope(
        &self,
        subject: &str,
        envelope: &Envelope,
        reason: String,
        attempts: u32,
    ) -> Result<(), Interrupted> {
        let batch = tillstream_contract::Batch { envelopes: vec![envelope.clone()] };
        self.bury(self.letter(subject, batch.encode().to_vec(), reason, attempts)).await
    }

    fn letter(&self, subject: &str, mut payload: Vec<u8>, mut reason: String, attempts: u32) -> DeadLetter {
        // With its evidence around it, it must still fit into a message.
        if payload.len() > MAX_BURIED_BYTES {
            payload.truncate(MAX_BURIED_BYTES);
            reason.push_str("; the payload is cut off, for it is too long to be kept whole");
        }
        DeadLetter {
            worker: W::NAME.to_owned(),
            subject: subject.to_owned(),
            reason,
            attempts,
            at: self.process.clock.now(),
            payload: serde_bytes::ByteBuf::from(payload),
        }
    }

    async fn bury(&self, letter: DeadLetter) -> Result<(), Interrupted> {
        let mut pause = Pause::default();
        while let Err(error) = self.bus.bury(&letter).await {
            warn!(worker = W::NAME, error = describe(&error), "dead letter could not be stored; trying again");
            pause.wait(self).await?;
        }
        self.stats.count(W::NAME, "dead", 1);
        warn!(
            worker = W::NAME,
            reason = letter.reason,
            attempts = letter.attempts,
            "message set aside; see `pos deadletters list`"
        );
        Ok(())
    }
}

/// Pauses that grow, up to half a second: a till may be waiting.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(50))
    }
}

impl Pause {
    async fn wait<W: Worker>(&mut self, station: &Station<W>) -> Result<(), Interrupted> {
        let pause = self.0;
        self.0 = (pause * 2).min(Duration::from_millis(500));
        tokio::select! {
            () = station.process.stop.wait() => Err(Interrupted),
            () = sleep(pause) => Ok(()),
        }
    }
}
