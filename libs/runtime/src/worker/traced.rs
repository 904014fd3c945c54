//! A batch of messages as spans: one for each message whose trace is recorded, and one for the batch, linked to them.

use tillstream_contract::Outcome;

use super::Item;
use crate::trace::{Span, Tracing};

/// The spans of a batch, until it is committed; what is dropped before has failed. Empty when no trace is recorded.
#[derive(Debug)]
pub(super) struct Traced {
    batch: Span,
    /// In the order of the messages.
    messages: Vec<Span>,
}

impl Traced {
    pub(super) fn begin<M>(tracing: &Tracing, worker: &str, items: &[&Item<M>]) -> Self {
        let parents = items.iter().map(|item| item.envelope.trace.as_deref());
        let batch = tracing.batch(worker, items.len(), parents);
        let messages = if batch.is_recorded() {
            let message =
                |item: &&Item<M>| tracing.process(&item.envelope.kind, item.envelope.trace.as_deref(), &batch);
            items.iter().map(message).collect()
        } else {
            Vec::new()
        };
        Self { batch, messages }
    }

    /// What follows from a message is a part of its span.
    pub(super) fn stamp(&self, outcomes: &mut [Outcome]) {
        for (span, outcome) in self.messages.iter().zip(outcomes) {
            if let (Some(parent), Outcome::Accepted(events)) = (span.traceparent(), outcome) {
                for event in events {
                    event.trace = Some(parent.to_string());
                }
            }
        }
    }

    /// All took effect, or were refused.
    pub(super) fn committed(mut self, outcomes: &[Outcome]) {
        for (mut span, outcome) in std::mem::take(&mut self.messages).into_iter().zip(outcomes) {
            let accepted = matches!(outcome, Outcome::Accepted(_));
            span.set("tillstream.outcome", if accepted { "accepted" } else { "rejected" });
        }
        self.batch = Span::default();
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        for span in self.messages.iter_mut().chain([&mut self.batch]) {
            span.fail("not committed");
        }
    }
}
