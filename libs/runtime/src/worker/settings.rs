//! Bounds of the worker loop.

use std::time::Duration;

use serde::Deserialize;
use tillstream_bus::consume::Pull;

/// How a worker works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// How it pulls.
    pub pull: PullSettings,
    /// A message delivered more often than this is tried alone.
    pub deliveries_until_alone: u32,
    /// A message that failed alone this often is set aside.
    pub attempts_until_dead: u32,
    /// How long the broker lets a worker be silent over a message; must equal the topology's `ack_wait_ms`.
    pub ack_wait_ms: u64,
    /// An invariant to break on purpose, so that the checks can be seen to notice. Not in release builds.
    #[cfg(debug_assertions)]
    #[serde(default)]
    pub sabotage: Option<Sabotage>,
}

/// How a consumer is pulled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullSettings {
    /// Envelopes in a transaction, about.
    pub batch: usize,
    /// How long to gather after the first message: larger batches for a later answer.
    pub gather_ms: u64,
    /// How long a request for messages stands on the broker.
    pub expires_ms: u64,
}

/// Invariants that can be broken on purpose.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sabotage {
    /// Acknowledges what is in hand before it is committed.
    AckBeforeCommit,
}

impl WorkerSettings {
    /// How often to say that a message is being worked on.
    pub(super) fn progress(&self) -> Duration {
        Duration::from_millis((self.ack_wait_ms / 3).max(1))
    }
}

impl PullSettings {
    pub(super) fn pull(&self) -> Pull {
        Pull {
            batch: self.batch.max(1),
            gather: Duration::from_millis(self.gather_ms),
            expires: Duration::from_millis(self.expires_ms),
        }
    }
}
