//! From a request to a durable command, and to its outcome.

use std::{collections::HashMap, sync::Arc, time::Duration};

use prometheus::{Histogram, IntCounter, IntCounterVec};
use serde::Serialize;
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest, Sha256};
use tillstream_bus::{
    Bus,
    lane::{Lane, Limits, Sent},
    subject::{self, Class, partition},
};
use tillstream_contract::{Command, Envelope, Message, Reply, Stage, Verdict, receipt};
use tillstream_domain::time::Timestamp;
use tillstream_runtime::{
    Process,
    health::describe,
    metrics::{Metrics, SECONDS, level},
    trace::Tracing,
};
use tokio::{task::JoinHandle, time::Instant};
use tracing::error;
use uuid::Uuid;

use crate::{
    caller::Caller,
    config::CommandSettings,
    limits::{self, Shares},
    prefer::Prefer,
    problem::Problem,
    waiting::Waiting,
};

/// The contexts that take commands.
const CONTEXTS: [&str; 4] = ["sale", "stock", "identity", "customer"];

/// Where commands go.
#[derive(Debug)]
pub(crate) struct Commands {
    lanes: HashMap<(&'static str, u16), SharedLane>,
    durable: Histogram,
    tracing: Tracing,
    partitions: u16,
    reply_to: String,
    waiting: Arc<Waiting>,
    listening: JoinHandle<()>,
    watching: JoinHandle<()>,
    counted: IntCounterVec,
    /// Those that found no place in their lane.
    limited: IntCounter,
}

/// A lane, and how much of it each merchant has.
#[derive(Debug)]
struct SharedLane {
    lane: Lane<limits::Place>,
    shares: Arc<Shares>,
}

/// How a command ended, as far as it was waited for.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// It took effect: the event that says how.
    Done(Box<Envelope>),
    /// It is durable; what becomes of it is not known yet.
    Pending,
}

/// A command to send.
#[derive(Debug)]
pub(crate) struct NewCommand<M> {
    pub(crate) id: Uuid,
    pub(crate) message: M,
    /// Of what the client asked for; see [`fingerprint`].
    pub(crate) fingerprint: [u8; 32],
    pub(crate) trace: Option<String>,
    pub(crate) at: Timestamp,
}

impl Commands {
    pub(crate) async fn open(
        bus: &Bus,
        process: &Process,
        settings: &CommandSettings,
        limited: IntCounter,
    ) -> anyhow::Result<Self> {
        let limits = Limits {
            queue: settings.queue,
            batch: settings.batch.max(1),
            gather: Duration::from_millis(settings.gather_ms),
        };
        let lanes = open_lanes(bus, &process.metrics, limits);
        let reply_to = subject::answers(&process.ids.next().simple().to_string());
        let waiting = Arc::new(Waiting::new());
        let mut inbox = bus.answers(reply_to.clone()).await?;
        let deliver = waiting.clone();
        let listening = tokio::spawn(async move {
            while let Some(answers) = inbox.next().await {
                deliver.deliver(answers);
            }
        });
        let watch = waiting.clone();
        let stall = Duration::from_millis(settings.stall_ms.max(8));
        let watching = tokio::spawn(async move { watch.watch(stall).await });
        let counted = process.metrics.counter(
            "tillstream_edge_commands_total",
            "Commands by kind and by what the client was told: done, pending, rejected, conflict, refused",
            &["kind", "outcome"],
        );
        let durable = process.metrics.stage("durable");
        show_waiting(&process.metrics, &waiting);
        let tracing = process.tracing.clone();
        Ok(Self {
            lanes,
            durable,
            tracing,
            partitions: bus.partitions(),
            reply_to,
            waiting,
            listening,
            watching,
            counted,
            limited,
        })
    }

    /// Makes the command durable, then waits for its outcome until `deadline` at the latest.
    ///
    /// # Errors
    /// [`Problem`] when the caller may not ask for that, and when it is not accepted, refused, or not known to be either.
    pub(crate) async fn submit<M: Command>(
        &self,
        caller: &Caller,
        command: NewCommand<M>,
        prefer: Prefer,
        deadline: Instant,
    ) -> Result<Submitted, Problem> {
        caller.may_send(command.message.need(), command.id)?;
        let kind = command.message.kind();
        let result = self.send_and_wait(caller, command, prefer, deadline).await;
        let outcome = match &result {
            Ok(Submitted::Done(_)) => "done",
            Ok(Submitted::Pending) => "pending",
            Err(Problem::Rejected(_)) => "rejected",
            Err(Problem::KeyReused) => "conflict",
            Err(_) => "refused",
        };
        self.counted.with_label_values(&[kind, outcome]).inc();
        result
    }

    /// Answers everybody who waits 202, now and from now on: the edge is about to stop.
    pub(crate) fn stop_waiting(&self) {
        self.waiting.close();
    }

    async fn send_and_wait<M: Message>(
        &self,
        caller: &Caller,
        command: NewCommand<M>,
        prefer: Prefer,
        deadline: Instant,
    ) -> Result<Submitted, Problem> {
        let taken = Instant::now();
        let mut place = self.waiting.take();
        let reply = Reply { to: self.reply_to.clone(), ticket: place.ticket, stage: prefer.until };
        let kind = command.message.kind();
        let mut sending = self.tracing.send(kind, command.trace.as_deref());
        let envelope = Envelope {
            id: command.id,
            kind: kind.to_owned(),
            merchant: caller.merchant(),
            actor: caller.actor().to_string(),
            till: caller.till(),
            approval: caller.approval(),
            fingerprint: Some(ByteArray::new(command.fingerprint)),
            at: command.at,
            origin: None,
            trace: sending.traceparent().map(|trace| trace.to_string()).or(command.trace),
            reply: (!prefer.asynchronous).then_some(reply),
            body: ByteBuf::from(command.message.encode()),
        };
        let context = subject::context(kind);
        let lane = (context, partition(caller.merchant(), self.partitions));
        let Some(lane) = self.lanes.get(&lane) else {
            error!(kind, "no lane for this kind of command");
            return Err(Problem::Internal);
        };
        let Some(share) = lane.shares.take(caller.merchant()) else {
            self.limited.inc();
            return Err(Problem::TooManyCommands);
        };
        let sent = lane.lane.send(envelope, share).await;
        if sent.is_err() {
            sending.fail("not stored");
        }
        drop(sending);
        sent.map_err(Problem::NotAccepted)?;
        if context == "sale" {
            self.durable.observe(taken.elapsed().as_secs_f64());
        }
        if prefer.asynchronous || self.waiting.is_stalled() {
            return Ok(Submitted::Pending);
        }
        let mut recorded = None;
        loop {
            match place.answer(deadline).await {
                Some(Verdict::Rejected(refusal)) => return Err(Problem::Rejected(refusal)),
                Some(Verdict::Conflict) => return Err(Problem::KeyReused),
                Some(Verdict::Accepted(event)) if prefer.until == Stage::Recorded => {
                    return Ok(Submitted::Done(Box::new(event)));
                }
                // The receipt's issue is answered too; what the client is shown is the sale.
                Some(Verdict::Accepted(event)) => match (event.open::<receipt::Event>().is_ok(), recorded.take()) {
                    (true, Some(sale)) => return Ok(Submitted::Done(Box::new(sale))),
                    (true, None) => return Ok(Submitted::Pending),
                    (false, _) => recorded = Some(event),
                },
                None => return Ok(Submitted::Pending),
            }
        }
    }
}

/// A lane for each subject of commands, and what is shown of it.
fn open_lanes(bus: &Bus, metrics: &Metrics, limits: Limits) -> HashMap<(&'static str, u16), SharedLane> {
    let sizes = metrics.histograms(
        "tillstream_lane_batch_envelopes",
        "Commands that went to the broker in one message",
        &["subject"],
        &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0],
    );
    let times = metrics.histograms(
        "tillstream_lane_publish_duration_seconds",
        "From the sending of a message of commands to the broker's answer",
        &["subject"],
        &SECONDS,
    );
    let waiting = metrics.gauge("tillstream_lane_waiting", "Commands that wait for their turn", &["subject"]);
    let mut lanes = HashMap::new();
    for context in CONTEXTS {
        for partition in 0..bus.partitions() {
            let subject = Class::Command.subject(context, partition);
            let [size, time] = [&sizes, &times].map(|histograms| histograms.with_label_values(&[&subject]));
            let shown = waiting.with_label_values(&[&subject]);
            let sent = move |sent: Sent| {
                size.observe(f64::from(u32::try_from(sent.envelopes).unwrap_or(u32::MAX)));
                time.observe(sent.took.as_secs_f64());
            };
            let lane = Lane::open(bus.clone(), subject, limits, sent);
            let gauge = lane.gauge();
            metrics.set_at_scrape(move || shown.set(level(gauge.waiting())));
            lanes.insert((context, partition), SharedLane { lane, shares: Shares::new(limits.queue) });
        }
    }
    lanes
}

/// Shows who waits for outcomes, and whether waiting has been given up.
fn show_waiting(metrics: &Metrics, waiting: &Arc<Waiting>) {
    let who = waiting.clone();
    metrics.at_scrape("tillstream_edge_waiting", "Requests under way to an outcome", move || who.count());
    let stalled = waiting.clone();
    let help = "1 while requests are answered 202 at once because no outcomes come, or because the edge stops";
    metrics.at_scrape("tillstream_edge_stalled", help, move || usize::from(stalled.is_stalled()));
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.listening.abort();
        self.watching.abort();
    }
}

/// SHA-256 of what the client asked for: the same request has the same, however its JSON was written.
pub(crate) fn fingerprint<T: Serialize>(kind: &str, body: &T) -> Result<[u8; 32], Problem> {
    let body = serde_json::to_vec(body).map_err(|failure| {
        error!(error = describe(&failure), kind, "request body could not be written as JSON");
        Problem::Internal
    })?;
    let mut hash = Sha256::new();
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(&body);
    Ok(hash.finalize().into())
}
