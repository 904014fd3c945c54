//! Group commit: one message in flight per lane, and whatever arrives meanwhile is the next one.
//!
//! Under `sync_interval: always` each message costs the broker one fsync, however many envelopes it carries. So a lane
//! sends one envelope alone when it is idle and hundreds together under load.

use std::time::Duration;

use tillstream_contract::{Batch, Envelope};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    Bus,
    publish::{MAX_ENVELOPE_BYTES, MAX_MESSAGE_BYTES, PublishError},
};

/// Bounds of a lane.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Envelopes that may wait; one more is refused as busy.
    pub queue: usize,
    /// Envelopes in one message.
    pub batch: usize,
    /// How long an idle lane gathers before it sends.
    pub gather: Duration,
}

/// A message that a lane has sent, stored or not.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Envelopes in it.
    pub envelopes: usize,
    /// From its sending to the broker's answer.
    pub took: Duration,
}

/// How many envelopes wait in a lane; it can be asked for as long as the lane is open.
#[derive(Debug)]
pub struct Gauge<H>(mpsc::WeakSender<Waiting<H>>);

impl<H> Gauge<H> {
    /// How many wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }
}

/// A way to one subject. With each envelope something may be held that is let go when the envelope has left.
#[derive(Debug)]
pub struct Lane<H> {
    queue: mpsc::Sender<Waiting<H>>,
    worker: JoinHandle<()>,
}

#[derive(Debug)]
struct Waiting<H> {
    envelope: Envelope,
    held: H,
    done: oneshot::Sender<Result<(), PublishError>>,
}

impl<H: Send + 'static> Lane<H> {
    /// Opens a lane to `subject`, which says what it has sent. It closes when it is dropped.
    #[must_use]
    pub fn open(bus: Bus, subject: String, limits: Limits, sent: impl Fn(Sent) + Send + 'static) -> Self {
        let (queue, waiting) = mpsc::channel(limits.queue);
        Self { queue, worker: tokio::spawn(run(bus, subject, limits, waiting, sent)) }
    }

    /// Tells how many envelopes wait.
    #[must_use]
    pub fn gauge(&self) -> Gauge<H> {
        Gauge(self.queue.downgrade())
    }

    /// Sends an envelope and waits until the stream has stored it. `held` is dropped once it no longer waits, whoever waits
    /// for that.
    ///
    /// # Errors
    /// [`PublishError`]; only after [`PublishError::Unknown`] may it have been stored.
    pub async fn send(&self, envelope: Envelope, held: H) -> Result<(), PublishError> {
        if envelope.size_bytes() > MAX_ENVELOPE_BYTES {
            return Err(PublishError::TooLarge);
        }
        let (done, stored) = oneshot::channel();
        self.queue.try_send(Waiting { envelope, held, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Busy,
            mpsc::error::TrySendError::Closed(_) => PublishError::Disconnected,
        })?;
        stored.await.unwrap_or_else(|_| Err(PublishError::Unknown("the lane was closed".to_owned())))
    }
}

impl<H> Drop for Lane<H> {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

async fn run<H>(
    bus: Bus,
    subject: String,
    limits: Limits,
    mut queue: mpsc::Receiver<Waiting<H>>,
    sent: impl Fn(Sent) + Send + 'static,
) {
    let mut waiting = Vec::with_capacity(limits.batch);
    // One envelope that did not fit into the last message.
    while !waiting.is_empty() || queue.recv_many(&mut waiting, limits.batch).await > 0 {
        if !limits.gather.is_zero() && waiting.len() < limits.batch {
            tokio::time::sleep(limits.gather).await;
        }
        while waiting.len() < limits.batch {
            match queue.try_recv() {
                Ok(next) => waiting.push(next),
                Err(_) => break,
            }
        }
        let rest = waiting.split_off(fitting(&waiting));
        let (envelopes, done): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|one| (one.envelope, (one.done, one.held))).unzip();
        let began = Instant::now();
        let result = bus.publish(subject.clone(), Batch { envelopes }.encode()).await;
        sent(Sent { envelopes: done.len(), took: began.elapsed() });
        for (done, held) in done {
            drop(held);
            // A client that has gone away no longer listens; its command is stored all the same.
            drop(done.send(result.clone()));
        }
        waiting = rest;
    }
}

/// How many from the front go into one message: at least one.
fn fitting<H>(waiting: &[Waiting<H>]) -> usize {
    let mut bytes = 0;
    let fit = waiting.iter().take_while(|one| {
        bytes += one.envelope.size_bytes();
        bytes <= MAX_MESSAGE_BYTES
    });
    fit.count().max(1)
}
