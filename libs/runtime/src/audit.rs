//! Checking the books in the background, a bounded slice at a time, for ever.
//!
//! A fault here is one that cannot be: somebody has changed rows by hand, or a program is wrong. It raises a gauge, on
//! which somebody is alerted, and is logged with its place.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tillstream_store::Error;
use tracing::{error, warn};

use crate::{Process, health::describe, metrics::level, sample};

/// Of the faults of a slice, this many are logged by name.
const NAMED: usize = 20;

/// How much is checked, and how often.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// How often a slice is checked.
    pub every_ms: u64,
    /// Rows in a slice.
    pub slice: u32,
}

/// What a look at a slice has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice<P> {
    /// How many rows were looked at.
    pub checked: usize,
    /// What is wrong, each named.
    pub faults: Vec<String>,
    /// Where the next slice begins; nothing when this was the last and the next begins at the start.
    pub next: Option<P>,
}

/// Checks slice after slice until the process stops: `look` is given where to begin.
pub async fn every<P: Clone, F: Future<Output = Result<Slice<P>, Error>>>(
    process: &Process,
    what: &'static str,
    settings: AuditSettings,
    look: impl Fn(Option<P>) -> F,
) {
    let metrics = &process.metrics;
    let checked = metrics.counter("tillstream_audit_checked_total", "Rows checked in the background", &["what"]);
    let faults = metrics.gauge(
        "tillstream_audit_faults",
        "Faults that the last whole round has found, or the round under way if these are more",
        &["what"],
    );
    let last_run =
        metrics.gauge("tillstream_audit_last_run_timestamp_seconds", "When a slice was last checked", &["what"]);
    let (checked, faults, last_run) =
        (checked.with_label_values(&[what]), faults.with_label_values(&[what]), last_run.with_label_values(&[what]));
    let state = Mutex::new(Round { place: None, found: 0, before: 0 });
    let round = || state.lock().unwrap_or_else(PoisonError::into_inner);
    sample::every(&process.stop, Duration::from_millis(settings.every_ms.max(1)), || async {
        let place = round().place.clone();
        let slice = match look(place).await {
            Ok(slice) => slice,
            Err(error) => {
                warn!(error = describe(&error), what, "the books cannot be checked; trying again later");
                return;
            }
        };
        for fault in slice.faults.iter().take(NAMED) {
            error!(what, fault, "the books are wrong: rows were changed by hand, or a program is at fault");
        }
        if slice.faults.len() > NAMED {
            error!(what, more = slice.faults.len() - NAMED, "the books are wrong in more places");
        }
        checked.inc_by(slice.checked as u64);
        faults.set(level(round().take(slice)));
        last_run.set(process.clock.now().micros() / 1_000_000);
    })
    .await;
}

/// A way through all rows.
#[derive(Debug)]
struct Round<P> {
    place: Option<P>,
    found: usize,
    before: usize,
}

impl<P> Round<P> {
    /// Goes on by a slice; how many faults there are, as far as is known.
    fn take(&mut self, slice: Slice<P>) -> usize {
        self.found += slice.faults.len();
        let known = self.found.max(self.before);
        self.place = slice.next;
        if self.place.is_none() {
            self.before = self.found;
            self.found = 0;
            return self.before;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_count_from_the_moment_in_which_they_are_found_until_a_whole_round_finds_none() {
        let mut round = Round { place: None, found: 0, before: 0 };
        let slice = |faults: usize, next| Slice { checked: 1, faults: vec!["bad".to_owned(); faults], next };
        assert_eq!(round.take(slice(0, Some(1))), 0);
        assert_eq!(round.take(slice(2, None)), 2);
        assert_eq!(round.take(slice(0, Some(1))), 2, "that place is not looked at again yet");
        assert_eq!(round.take(slice(1, None)), 1, "one is mended");
        assert_eq!(round.take(slice(0, Some(1))), 1);
        assert_eq!(round.take(slice(0, None)), 0);
    }
}
