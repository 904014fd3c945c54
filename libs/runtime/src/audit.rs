//! Checking the books in the background, a bounded slice at a time, for ever.
//!
//! How far a check has come is kept in the database. A restart goes on from there with the faults that are known, and
//! several processes share a round.
//!
//! A fault here is one that cannot be: somebody has changed rows by hand, or a program is wrong. It raises a gauge, on
//! which somebody is alerted, and is logged with its place.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tillstream_store::{Error, PgPool, audit};
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
pub async fn every<P: Serialize + DeserializeOwned + Clone, F: Future<Output = Result<Slice<P>, Error>>>(
    process: &Process,
    pool: &PgPool,
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
    sample::every(&process.stop, Duration::from_millis(settings.every_ms.max(1)), || async {
        match go_on(pool, what, &look).await {
            Ok((rows, known)) => {
                checked.inc_by(rows as u64);
                faults.set(level(known));
                last_run.set(process.clock.now().micros() / 1_000_000);
            }
            Err(error) => {
                warn!(error = describe(&error), what, "the books cannot be checked; trying again later");
            }
        }
    })
    .await;
}

/// Checks the next slice: how many rows that were, and how many faults are known.
async fn go_on<P: Serialize + DeserializeOwned + Clone, F: Future<Output = Result<Slice<P>, Error>>>(
    pool: &PgPool,
    what: &'static str,
    look: impl Fn(Option<P>) -> F,
) -> Result<(usize, usize), Error> {
    let mut round = match audit::round(pool, what).await?.as_deref().map(serde_json::from_str) {
        None => Round::begin(),
        Some(Ok(round)) => round,
        Some(Err(error)) => {
            warn!(%error, what, "how far the check of the books has come cannot be read; it begins anew");
            Round::begin()
        }
    };
    let slice = look(round.place.clone()).await?;
    for fault in slice.faults.iter().take(NAMED) {
        error!(what, fault, "the books are wrong: rows were changed by hand, or a program is at fault");
    }
    if slice.faults.len() > NAMED {
        error!(what, more = slice.faults.len() - NAMED, "the books are wrong in more places");
    }
    let checked = slice.checked;
    let known = round.take(slice);
    audit::keep_round(pool, what, &serde_json::to_string(&round).expect("a round is plain data")).await?;
    Ok((checked, known))
}

/// A way through all rows.
#[derive(Debug, Serialize, Deserialize)]
struct Round<P> {
    place: Option<P>,
    found: usize,
    before: usize,
}

impl<P> Round<P> {
    const fn begin() -> Self {
        Self { place: None, found: 0, before: 0 }
    }

    /// Goes on by a slice; how many faults there are, as far as is known.
    fn take(&mut self, slice: Slice<P>) -> usize {
        self.found += slice.faults.len();
        self.place = slice.next;
        if self.place.is_none() {
            self.before = self.found;
            self.found = 0;
        }
        self.found.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_count_from_the_moment_in_which_they_are_found_until_a_whole_round_finds_none() {
        let mut round = Round::begin();
        let slice = |faults: usize, next| Slice { checked: 1, faults: vec!["bad".to_owned(); faults], next };
        assert_eq!(round.take(slice(0, Some(1))), 0);
        assert_eq!(round.take(slice(2, None)), 2);
        assert_eq!(round.take(slice(0, Some(1))), 2, "that place is not looked at again yet");
        assert_eq!(round.take(slice(1, None)), 1, "one is mended");
        assert_eq!(round.take(slice(0, Some(1))), 1);
        assert_eq!(round.take(slice(0, None)), 0);
    }
}
