//! From a request to a durable command, and to its outcome.

use std::{collections::HashMap, sync::Arc, time::Duration};

use prometheus::IntCounterVec;
use serde::Serialize;
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest, Sha256};
use tillstream_bus::{
    Bus,
    lane::{Lane, Limits},
    subject::{self, Class, partition},
};
use tillstream_contract::{Envelope, Message, Reply, Stage, Verdict, receipt};
use tillstream_domain::time::Timestamp;
use tillstream_runtime::{Process, health::describe};
use tokio::{task::JoinHandle, time::Instant};
use tracing::error;
use uuid::Uuid;

use crate::{caller::Caller, config::CommandSettings, prefer::Prefer, problem::Problem, waiting::Waiting};

/// The contexts that take commands.
const CONTEXTS: [&str; 2] = ["sale", "stock"];

/// Where commands go.
#[derive(Debug)]
pub(crate) struct Commands {
    lanes: HashMap<(&'static str, u16), Lane>,
    partitions: u16,
    reply_to: String,
    waiting: Arc<Waiting>,
    listening: JoinHandle<()>,
    watching: JoinHandle<()>,
    counted: IntCounterVec,
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
    pub(crate) async fn open(bus: &Bus, process: &Process, settings: &CommandSettings) -> anyhow::Result<Self> {
        let limits = Limits {
            queue: settings.queue,
            batch: settings.batch.max(1),
            gather: Duration::from_millis(settings.gather_ms),
        };
        let mut lanes = HashMap::new();
        for context in CONTEXTS {
            for partition in 0..bus.partitions() {
                let subject = Class::Command.subject(context, partition);
                lanes.insert((context, partition), Lane::open(bus.clone(), subject, limits));
            }
        }
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
        Ok(Self { lanes, partitions: bus.partitions(), reply_to, waiting, listening, watching, counted })
    }

    /// Makes the command durable, then waits for its outcome until `deadline` at the latest.
    pub(crate) async fn submit<M: Message>(
        &self,
        caller: &Caller,
        command: NewCommand<M>,
        prefer: Prefer,
        deadline: Instant,
    ) -> Result<Submitted, Problem> {
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
        let mut place = self.waiting.take();
        let reply = Reply { to: self.reply_to.clone(), ticket: place.ticket, stage: prefer.until };
        let kind = command.message.kind();
        let envelope = Envelope {
            id: command.id,
            kind: kind.to_owned(),
            merchant: caller.merchant(),
            actor: caller.subject().to_owned(),
            fingerprint: Some(ByteArray::new(command.fingerprint)),
            at: command.at,
            trace: command.trace,
            reply: (!prefer.asynchronous).then_some(reply),
            body: ByteBuf::from(command.message.encode()),
        };
        let lane = (subject::context(kind), partition(caller.merchant(), self.partitions));
        let Some(lane) = self.lanes.get(&lane) else {
            error!(kind, "no lane for this kind of command");
            return Err(Problem::Internal);
        };
        lane.send(envelope).await.map_err(Problem::NotAccepted)?;
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
