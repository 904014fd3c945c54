//! Which faults happen when: decided by the seed, before anything runs.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Role, load::random::Random};

/// Between one fault and the next; some come together.
const PAUSE_MS: (u64, u64) = (600, 3_000);
/// Between one kill and the next, when one part is the only target.
const PAUSE_OF_TARGET_MS: (u64, u64) = (400, 1_200);
/// How long a part stands still.
const HALT_MS: (u64, u64) = (200, 6_000);
/// How long a worker stands still now and then: longer than the broker waits before it delivers again.
const LONG_HALT_MS: (u64, u64) = (10_500, 13_000);
/// Shorter runs have no such halt.
const LONG_HALT_FROM: Duration = Duration::from_secs(40);
/// Before the first fault the tills sell in peace.
const FIRST: Duration = Duration::from_secs(1);

/// What is done to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and after a while SIGCONT.
    Pause,
    /// SIGTERM, and a new start.
    Restart,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kill, Self::Pause, Self::Restart];

    /// Its name, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Pause => "pause",
            Self::Restart => "restart",
        }
    }
}

/// A fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, after the start.
    pub at: Duration,
    /// Which part.
    pub role: Role,
    /// What is done to it.
    pub kind: Kind,
    /// How long a pause lasts; nothing otherwise.
    pub lasts: Duration,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.role)?;
        if self.kind == Kind::Pause { write!(f, " for {:.1} s", self.lasts.as_secs_f64()) } else { Ok(()) }
    }
}

/// The faults of a run of that length, in order. Kinds take turns, and so do the parts that each kind hits: the first
/// three faults are one of each kind, the first 18 hit each part with each kind. With a `target` all are kills of that
/// one.
#[must_use]
pub fn plan(seed: u64, length: Duration, target: Option<Role>) -> Vec<Fault> {
    let mut random = Random::stream(seed, 0);
    let mut kinds = Turns::new(&Kind::ALL);
    let mut roles = Kind::ALL.map(|_| Turns::new(&Role::ALL));
    let between = if target.is_some() { PAUSE_OF_TARGET_MS } else { PAUSE_MS };
    let mut faults = Vec::new();
    let mut at = FIRST;
    while at < length {
        let (kind, role) = if let Some(role) = target {
            (Kind::Kill, role)
        } else {
            let kind = kinds.next(&mut random);
            (kind, roles[kind as usize].next(&mut random))
        };
        let lasts = if kind == Kind::Pause { halt(&mut random, role, length) } else { Duration::ZERO };
        faults.push(Fault { at, role, kind, lasts: lasts.min(length.saturating_sub(at)) });
        let together = target.is_none() && random.below(4) == 0;
        if !together {
            at += millis(&mut random, between);
        }
    }
    faults
}

fn halt(random: &mut Random, role: Role, length: Duration) -> Duration {
    let long = Role::WORKERS.contains(&role) && length >= LONG_HALT_FROM && random.below(2) == 0;
    millis(random, if long { LONG_HALT_MS } else { HALT_MS })
}

fn millis(random: &mut Random, (from, to): (u64, u64)) -> Duration {
    let span = usize::try_from(to - from).expect("pauses are short");
    Duration::from_millis(from + random.below(span) as u64)
}

/// Deals each item once before it deals one again.
struct Turns<T> {
    items: Vec<T>,
    dealt: usize,
}

impl<T: Copy> Turns<T> {
    fn new(items: &[T]) -> Self {
        Self { items: items.to_vec(), dealt: 0 }
    }

    fn next(&mut self, random: &mut Random) -> T {
        let left = self.items.len() - self.dealt;
        self.items.swap(self.dealt, self.dealt + random.below(left));
        let item = self.items[self.dealt];
        self.dealt = (self.dealt + 1) % self.items.len();
        item
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_minute_hits_every_part_with_every_kind_and_repeats_by_seed() {
        for seed in 0..200 {
            let faults = plan(seed, MINUTE, None);
            let hit: BTreeSet<_> = faults.iter().map(|fault| (fault.role, fault.kind)).collect();
            assert_eq!(hit.len(), Role::ALL.len() * Kind::ALL.len(), "seed {seed}");
            assert!(faults.iter().all(|fault| fault.at + fault.lasts <= MINUTE), "seed {seed}");
            assert!(faults.is_sorted_by_key(|fault| fault.at));
            assert_eq!(faults, plan(seed, MINUTE, None));
        }
        assert_ne!(plan(1, MINUTE, None), plan(2, MINUTE, None));
    }

    #[test]
    fn some_come_together_and_some_workers_stand_still_for_long() {
        let faults: Vec<Fault> = (0..20).flat_map(|seed| plan(seed, MINUTE, None)).collect();
        assert!(faults.windows(2).any(|two| two[0].at == two[1].at && two[0].role != two[1].role));
        let long = Duration::from_secs(10);
        assert!(faults.iter().any(|fault| fault.lasts > long));
        assert!(faults.iter().all(|fault| fault.lasts <= long || Role::WORKERS.contains(&fault.role)));
    }

    #[test]
    fn a_short_run_has_each_kind_and_a_target_is_only_killed() {
        for seed in 0..200 {
            let kinds: BTreeSet<_> = plan(seed, Duration::from_secs(15), None).iter().map(|fault| fault.kind).collect();
            assert_eq!(kinds.len(), Kind::ALL.len(), "seed {seed}");
        }
        let faults = plan(1, MINUTE, Some(Role::SalesWorker));
        assert!(faults.len() > 40);
        assert!(faults.iter().all(|fault| (fault.kind, fault.role) == (Kind::Kill, Role::SalesWorker)));
    }
}
