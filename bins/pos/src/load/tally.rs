//! What the tills of a run saw, put together.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::till::{Ending, Sold};

/// Counts and latencies of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Until the sale was known to be accepted, in microseconds.
    pub(super) accepted: Vec<u32>,
    /// Until the till was done with it, in microseconds; only of sales that did not fail.
    pub(super) done: Vec<u32>,
    /// Answered 202 at first.
    pub(super) late: u64,
    pub(super) refused: u64,
    pub(super) given_up: u64,
    pub(super) retries: u64,
    /// By status or kind of failure.
    pub(super) errors: BTreeMap<String, u64>,
    /// The first refusal, word for word.
    pub(super) first_refusal: Option<String>,
    /// Accepted, and nobody waited for more.
    pub(super) open: Vec<Uuid>,
    /// When the last sale ended.
    pub(super) last: Option<Instant>,
}

impl Tally {
    /// Adds a sale that was due at `due`.
    pub(super) fn add(&mut self, key: Uuid, due: Instant, sold: Sold) {
        if let Some(accepted) = sold.accepted {
            self.accepted.push(micros(accepted.duration_since(due)));
        }
        self.late += u64::from(sold.late);
        // What was tried last and failed is not tried again by a till that gives up.
        let failures = sold.troubles.len() as u64;
        self.retries += failures - u64::from(sold.ending == Ending::GivenUp && failures > 0);
        for trouble in sold.troubles {
            *self.errors.entry(trouble.into_owned()).or_default() += 1;
        }
        let took = micros(sold.ended.duration_since(due));
        match sold.ending {
            Ending::Recorded(_) => self.done.push(took),
            Ending::Accepted => {
                self.done.push(took);
                self.open.push(key);
            }
            Ending::Refused(status, body) => {
                self.refused += 1;
                *self.errors.entry(status.to_string()).or_default() += 1;
                self.first_refusal.get_or_insert_with(|| format!("{status} {}", String::from_utf8_lossy(&body)));
            }
            Ending::GivenUp => self.given_up += 1,
        }
        self.last = self.last.max(Some(sold.ended));
    }

    /// Requests that failed, whether or not they were repeated.
    pub(super) fn failures(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// Latencies in milliseconds, exact: every one was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half were as quick.
    pub p50: f64,
    /// 19 of 20 were as quick.
    pub p95: f64,
    /// 99 of 100 were as quick.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Percentiles {
    /// Of latencies in microseconds, by nearest rank; zeros if there are none.
    #[must_use]
    pub fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let rank = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100).max(1);
            micros.get(rank - 1).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Self { p50: rank(50), p95: rank(95), p99: rank(99), max: rank(100) }
    }
}

/// 71 minutes at the most.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "no run sells 2^53 times")]
pub(super) fn per_second(count: u64, within: Duration) -> f64 {
    if within.is_zero() { 0.0 } else { count as f64 / within.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        assert_eq!(Percentiles::of(vec![]), Percentiles::default());
        let one = Percentiles::of(vec![1500]);
        assert_eq!(one, Percentiles { p50: 1.5, p95: 1.5, p99: 1.5, max: 1.5 });
        let hundred = Percentiles::of((1..=100).rev().map(|n| n * 1000).collect());
        assert_eq!(hundred, Percentiles { p50: 50.0, p95: 95.0, p99: 99.0, max: 100.0 });
        let thousand = Percentiles::of((1..=1000).map(|n| n * 1000).collect());
        assert_eq!(thousand, Percentiles { p50: 500.0, p95: 950.0, p99: 990.0, max: 1000.0 });
        let three = Percentiles::of(vec![3000, 1000, 2000]);
        assert_eq!(three, Percentiles { p50: 2.0, p95: 3.0, p99: 3.0, max: 3.0 });
    }

    #[test]
    fn a_sale_counts_once_from_when_it_was_due() {
        let due = Instant::now();
        let at = |ms| due + Duration::from_millis(ms);
        let mut tally = Tally::default();
        let sold = |ending, accepted, troubles: &[&'static str]| Sold {
            ending,
            accepted,
            ended: at(30),
            troubles: troubles.iter().map(|name| (*name).into()).collect(),
            late: false,
        };
        let key = Uuid::nil();
        tally.add(key, due, sold(Ending::Recorded("{}".into()), Some(at(20)), &["503", "time-out"]));
        tally.add(key, due, sold(Ending::Accepted, Some(at(30)), &[]));
        tally.add(key, due, sold(Ending::Refused(422, "no".into()), None, &[]));
        tally.add(key, due, sold(Ending::GivenUp, None, &["503", "503"]));
        assert_eq!((tally.accepted, tally.done), (vec![20_000, 30_000], vec![30_000, 30_000]));
        assert_eq!((tally.refused, tally.given_up, tally.retries, tally.open.len()), (1, 1, 3, 1));
        let errors = [("422", 1), ("503", 3), ("time-out", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(tally.errors, BTreeMap::from(errors));
        assert_eq!(tally.first_refusal.as_deref(), Some("422 no"));
    }
}
