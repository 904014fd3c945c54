//! Pulling batches, and settling them.

use std::time::Duration;

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{PullConsumer, pull},
};
use futures_util::{FutureExt, StreamExt};
use tillstream_contract::{Batch, DecodeError, Envelope};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::{Bus, topology::Lag};

/// How a consumer is pulled.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// Envelopes in a batch, about: a message is never split.
    pub batch: usize,
    /// How long to gather after the first message.
    pub gather: Duration,
    /// How long a request for messages stands on the broker.
    pub expires: Duration,
}

/// A message as delivered.
#[derive(Debug)]
pub struct Delivery {
    message: Message,
    /// What it carries; otherwise why it can't be read.
    pub envelopes: Result<Vec<Envelope>, DecodeError>,
}

impl Delivery {
    fn read(message: Message) -> Self {
        let envelopes = Batch::decode(&message.payload).map(|batch| batch.envelopes);
        Self { message, envelopes }
    }

    /// The subject from which it came.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.message.subject.as_str()
    }

    /// The bytes as they came.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.message.payload
    }

    /// How often it has been delivered, from 1.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1))
    }

    /// Done: never again. Call [`Bus::flush`] before the process ends.
    pub async fn ack(&self) {
        self.settle(AckKind::Ack).await;
    }

    /// Not now: again after `delay`.
    pub async fn later(&self, delay: Duration) {
        self.settle(AckKind::Nak(Some(delay))).await;
    }

    /// Still at it: the time in which it must be settled starts anew.
    pub async fn progress(&self) {
        self.settle(AckKind::Progress).await;
    }

    async fn settle(&self, kind: AckKind) {
        if let Err(error) = self.message.ack_with(kind).await {
            warn!(%error, subject = self.subject(), "message could not be settled; it will be delivered again");
        }
    }
}

/// Pulls one consumer, and starts over when the pull breaks or stalls.
#[expect(missing_debug_implementations, reason = "the client's stream of messages has none")]
pub struct Puller {
    bus: Bus,
    stream: String,
    consumer: String,
    pull: Pull,
    messages: Option<pull::Stream>,
    gathered: Vec<Delivery>,
    /// Since when nothing has come.
    idle: Instant,
}

/// Bytes that may be fetched ahead of being worked on.
const MAX_AHEAD_BYTES: usize = 8 << 20;
/// Messages that may be fetched ahead, each of one envelope or of hundreds.
const MAX_AHEAD_MESSAGES: usize = 128;

impl Puller {
    /// A puller of a consumer that [`crate::topology`] has declared.
    #[must_use]
    pub fn new(bus: Bus, stream: String, consumer: String, pull: Pull) -> Self {
        Self { bus, stream, consumer, pull, messages: None, gathered: Vec::new(), idle: Instant::now() }
    }

    /// How the consumer stands.
    ///
    /// # Errors
    /// When the broker does not answer, or there is no such consumer.
    pub async fn lag(&self) -> Result<Lag, crate::topology::TopologyError> {
        self.bus.lag(&self.stream, &self.consumer).await
    }

    /// Waits for messages and returns a batch of them. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Vec<Delivery> {
        while self.gathered.is_empty() {
            let stalled = self.idle + self.pull.expires * 2;
            if timeout_at(stalled, self.first()).await.is_err() {
                self.watch().await;
                self.idle = Instant::now();
            }
        }
        self.idle = Instant::now();
        let deadline = Instant::now() + self.pull.gather;
        while self.envelopes() < self.pull.batch {
            let Some(messages) = &mut self.messages else { break };
            // What is there is taken at once; the rest is waited for until the deadline.
            let next = match messages.next().now_or_never() {
                Some(next) => next,
                None if self.pull.gather.is_zero() => break,
                None => match timeout_at(deadline, messages.next()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            match next {
                Some(Ok(message)) => self.gathered.push(Delivery::read(message)),
                Some(Err(error)) => self.broken(&error.to_string()),
                None => self.broken("the pull ended"),
            }
        }
        std::mem::take(&mut self.gathered)
    }

    /// Forgets what was fetched ahead: it has been in hand for so long that the broker delivers it again.
    pub fn start_over(&mut self) {
        self.broken("too long in hand");
    }

    /// Gives back what was delivered and not returned by [`Puller::next`], so that another worker has it at once.
    pub async fn release(mut self) {
        if let Some(messages) = &mut self.messages {
            while let Some(Some(Ok(message))) = messages.next().now_or_never() {
                self.gathered.push(Delivery::read(message));
            }
        }
        for delivery in &self.gathered {
            delivery.later(Duration::ZERO).await;
        }
    }

    fn envelopes(&self) -> usize {
        self.gathered.iter().map(|delivery| delivery.envelopes.as_ref().map_or(1, Vec::len)).sum()
    }

    async fn first(&mut self) {
        if self.messages.is_none() {
            match self.open().await {
                Ok(messages) => self.messages = Some(messages),
                Err(error) => {
                    warn!(%error, stream = self.stream, consumer = self.consumer, "cannot pull messages; trying again");
                    sleep(Duration::from_millis(500)).await;
                    return;
                }
            }
        }
        let Some(messages) = &mut self.messages else { return };
        match messages.next().await {
            Some(Ok(message)) => self.gathered.push(Delivery::read(message)),
            Some(Err(error)) => self.broken(&error.to_string()),
            None => self.broken("the pull ended"),
        }
    }

    async fn open(&self) -> Result<pull::Stream, async_nats::Error> {
        let consumer: PullConsumer = self.bus.jetstream.get_consumer_from_stream(&self.consumer, &self.stream).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(MAX_AHEAD_MESSAGES)
            .max_bytes_per_batch(MAX_AHEAD_BYTES)
            .expires(self.pull.expires)
            .heartbeat(self.pull.expires / 4)
            .messages()
            .await?;
        Ok(messages)
    }

    fn broken(&mut self, why: &str) {
        info!(why, stream = self.stream, consumer = self.consumer, "pull broke; starting over");
        self.messages = None;
    }

    /// Nothing came for a while. If there is something to come, the pull has stalled.
    async fn watch(&mut self) {
        match self.lag().await {
            Ok(lag) if lag.pending == 0 => {}
            Ok(lag) => {
                warn!(
                    pending = lag.pending,
                    stream = self.stream,
                    consumer = self.consumer,
                    "pull has stalled; starting over"
                );
                self.messages = None;
            }
            Err(error) => {
                warn!(%error, stream = self.stream, consumer = self.consumer, "consumer does not answer; starting over");
                self.messages = None;
            }
        }
    }
}
