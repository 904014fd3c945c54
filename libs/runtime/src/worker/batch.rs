//! One transaction for a batch of messages.

use std::{collections::HashMap, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tillstream_bus::publish::MAX_ENVELOPE_BYTES;
use tillstream_contract::{Answer, Envelope, Outcome, Refusal, Reply, Verdict};
use tillstream_store::{Error, Fault, PgConnection, identity, inbox};
use tracing::warn;

use super::{Interrupted, Item, Pause, Station, Worker, traced::Traced};
use crate::health::describe;

/// Conflicts in a row after which a batch is tried message by message.
const CONFLICTS: u32 = 10;

/// What follows from a commit.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// To be published.
    pub(super) events: Vec<Envelope>,
    /// To be sent to who waits.
    pub(super) answers: Vec<(Reply, Answer)>,
}

impl<W: Worker> Station<W> {
    /// Commits `items`, however long the database takes to be there. The inner error is a fault of the messages.
    pub(super) async fn commit_until_decided(
        &self,
        items: &[Item<W::Message>],
    ) -> Result<Result<Answered, String>, Interrupted> {
        let mut pause = Pause::default();
        let mut conflicts = 0;
        loop {
            let timer = self.stats.committing.start_timer();
            let committed = AssertUnwindSafe(self.commit(items)).catch_unwind().await;
            timer.observe_duration();
            let error = match committed {
                Ok(Ok(answered)) => return Ok(Ok(answered)),
                Ok(Err(error)) => error,
                Err(panic) => return Ok(Err(format!("the worker panicked: {}", said(panic.as_ref())))),
            };
            match error.fault() {
                Fault::Conflict if conflicts < CONFLICTS => conflicts += 1,
                Fault::Conflict | Fault::Data => return Ok(Err(describe(&error))),
                Fault::Unavailable => {
                    warn!(
                        worker = W::NAME,
                        error = describe(&error),
                        messages = items.len(),
                        "database unavailable; keeping the batch and trying again"
                    );
                    pause.wait(self).await?;
                }
            }
        }
    }

    async fn commit(&self, items: &[Item<W::Message>]) -> Result<Answered, Error> {
        let mut tx = self.pool.begin().await?;
        let keys: Vec<inbox::Key> = items.iter().map(|item| item.key).collect();
        let mut known: HashMap<inbox::Key, (Option<Vec<u8>>, Outcome)> = inbox::seen(&mut tx, &keys)
            .await?
            .into_iter()
            .map(|(key, seen)| (key, (seen.fingerprint, seen.outcome)))
            .collect();
        let repeated = known.len();

        // The first of each id is decided; a second in the same batch is a repetition of it.
        let mut fresh: HashMap<inbox::Key, &Item<W::Message>> = HashMap::new();
        let mut order = Vec::new();
        for item in items.iter().filter(|item| !known.contains_key(&item.key)) {
            if fresh.insert(item.key, item).is_none() {
                order.push(item);
            }
        }
        if !order.is_empty() {
            let now = self.process.clock.now();
            let traced = Traced::begin(&self.process.tracing, W::NAME, &order);
            let mut refused = Self::refuse(&mut tx, &order).await?;
            let permitted: Vec<_> = order.iter().copied().filter(|item| !refused.contains_key(&item.key)).collect();
            let mut state = self.worker.load(&mut tx, &permitted).await?;
            let mut outcomes: Vec<Outcome> = order
                .iter()
                .map(|item| match refused.remove(&item.key) {
                    Some(refusal) => Outcome::Rejected(refusal),
                    None => self.worker.decide(&mut state, item, now),
                })
                .collect();
            traced.stamp(&mut outcomes);
            if let Some(event) =
                outcomes.iter().flat_map(Outcome::events).find(|event| event.size_bytes() > MAX_ENVELOPE_BYTES)
            {
                return Err(Error::too_large(&event.kind));
            }
            let decided: Vec<_> = order
                .iter()
                .zip(&outcomes)
                .map(|(item, outcome)| inbox::Decided { key: item.key, envelope: &item.envelope, outcome })
                .collect();
            // Before the effects, so that a message which another worker has taken meanwhile fails here and nowhere else.
            inbox::record(&mut tx, W::NAME, &decided, now).await?;
            self.worker.save(&mut tx, state, now).await?;
            tx.commit().await?;
            traced.committed(&outcomes);
            self.stats.batches.observe(f64::from(u32::try_from(order.len()).unwrap_or(u32::MAX)));
            let accepted: Vec<_> = order
                .iter()
                .zip(&outcomes)
                .filter_map(|(item, outcome)| matches!(outcome, Outcome::Accepted(_)).then_some(*item))
                .collect();
            self.stats.reached(&accepted, self.process.clock.now());
            self.stats.count(W::NAME, "accepted", accepted.len() as u64);
            self.stats.count(W::NAME, "rejected", (outcomes.len() - accepted.len()) as u64);
            known.extend(order.iter().zip(outcomes).map(|(item, outcome)| {
                (item.key, (item.envelope.fingerprint.map(|fingerprint| fingerprint.to_vec()), outcome))
            }));
        }
        self.stats.count(W::NAME, "repeated", repeated as u64);
        Ok(self.follow(items, &known))
    }

    /// Those whose sender may not ask for that. The edge has checked it too, by what it knew; this is what counts.
    async fn refuse(
        conn: &mut PgConnection,
        items: &[&Item<W::Message>],
    ) -> Result<HashMap<inbox::Key, Refusal>, Error> {
        let needs: Vec<_> = items.iter().filter_map(|item| Some((*item, W::need(&item.message)?))).collect();
        let parties = needs.iter().flat_map(|(item, _)| identity::parties(&item.envelope)).collect();
        let held = identity::rights(conn, &parties).await?;
        let refused = needs.into_iter().filter_map(|(item, need)| {
            let rejection = identity::judge(&held, &item.envelope, need).err()?;
            warn!(id = %item.envelope.id, actor = item.envelope.actor, kind = item.envelope.kind, "forbidden; refusing");
            Some((item.key, Refusal::from(rejection)))
        });
        Ok(refused.collect())
    }

    /// The events to publish and the answers to send, for messages that now all have an outcome. What was seen before is
    /// published again: its first worker may have died between commit and publish.
    fn follow(&self, items: &[Item<W::Message>], known: &HashMap<inbox::Key, (Option<Vec<u8>>, Outcome)>) -> Answered {
        let mut answered = Answered::default();
        for item in items {
            let envelope = &item.envelope;
            let Some((fingerprint, outcome)) = known.get(&item.key) else { continue };
            let conflict = fingerprint.as_deref() != envelope.fingerprint.as_ref().map(|print| print.as_slice());
            if conflict {
                self.stats.count(W::NAME, "conflict", 1);
            } else {
                let beyond =
                    envelope.reply.as_ref().filter(|reply| W::ANSWERS.is_some_and(|stage| reply.stage > stage));
                answered
                    .events
                    .extend(outcome.events().iter().map(|event| Envelope { reply: beyond.cloned(), ..event.clone() }));
            }
            if let (Some(reply), Some(_)) = (&envelope.reply, W::ANSWERS) {
                let verdict = match outcome {
                    _ if conflict => Verdict::Conflict,
                    Outcome::Accepted(events) => match events.first() {
                        Some(event) => Verdict::Accepted(event.clone()),
                        None => continue,
                    },
                    Outcome::Rejected(refusal) => Verdict::Rejected(refusal.clone()),
                };
                answered.answers.push((reply.clone(), Answer { ticket: reply.ticket, verdict }));
            }
        }
        answered
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
