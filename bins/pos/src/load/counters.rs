//! How far the workers are, read from their metrics.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::client::{Client, Target};

const METRIC: &str = "tillstream_worker_messages_total";
const TIME_OUT: Duration = Duration::from_secs(1);

/// A step of a sale's way behind the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is in the books.
    Recorded,
    /// Its stock is moved.
    Stocked,
    /// Its receipt is issued.
    Receipted,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Recorded, Self::Stocked, Self::Receipted];

    /// The worker that does it, as its metrics name it.
    const fn worker(self) -> &'static str {
        match self {
            Self::Recorded => "sales",
            Self::Stocked => "stock",
            Self::Receipted => "receipts",
        }
    }

    /// The step's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Stocked => "stocked",
            Self::Receipted => "receipted",
        }
    }
}

/// Counts of the workers since [`Counters::new`], through their restarts.
#[derive(Debug)]
pub(super) struct Counters {
    places: Vec<Client>,
    /// By place, what each step's counter last said.
    last: HashMap<(usize, Step), u64>,
    counts: BTreeMap<Step, u64>,
}

impl Counters {
    /// Counts from now on what the processes count whose metrics are at `places`.
    pub(super) async fn new(places: &[Target]) -> Self {
        let places = places.iter().map(|place| Client::new(place.clone(), TIME_OUT)).collect();
        let mut counters = Self { places, last: HashMap::new(), counts: BTreeMap::new() };
        counters.read().await;
        counters.counts.values_mut().for_each(|count| *count = 0);
        counters
    }

    /// Reads again, and returns the counts of the steps that somebody counts.
    pub(super) async fn read(&mut self) -> &BTreeMap<Step, u64> {
        for (place, client) in self.places.iter_mut().enumerate() {
            // A process that is being restarted has nothing to say.
            let Ok(page) = client.get("").await else { continue };
            for (step, count) in accepted(&String::from_utf8_lossy(&page.body)) {
                let last = self.last.insert((place, step), count).unwrap_or(0);
                // A process that was restarted counts from zero.
                *self.counts.entry(step).or_default() += if count < last { count } else { count - last };
            }
        }
        &self.counts
    }
}

/// The steps that a page of metrics counts.
fn accepted(page: &str) -> BTreeMap<Step, u64> {
    let mut counts = BTreeMap::new();
    for line in page.lines() {
        let Some((labels, value)) = sample(line) else { continue };
        let label = |name: &str| labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix('='));
        let worker = label("worker").map(|quoted| quoted.trim_matches('"'));
        if label("outcome") != Some("\"accepted\"") {
            continue;
        }
        if let Some(step) = Step::ALL.into_iter().find(|step| Some(step.worker()) == worker) {
            *counts.entry(step).or_default() += value;
        }
    }
    counts
}

/// Labels and value of a line that belongs to the metric. Its label values hold no commas.
fn sample(line: &str) -> Option<(&str, u64)> {
    let (labels, rest) = line.strip_prefix(METRIC)?.strip_prefix('{')?.split_once('}')?;
    Some((labels, rest.split_whitespace().next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_messages_are_found() {
        let page = "# HELP tillstream_worker_messages_total Messages settled\n\
            # TYPE tillstream_worker_messages_total counter\n\
            tillstream_worker_messages_total{outcome=\"accepted\",worker=\"stock\"} 12\n\
            tillstream_worker_messages_total{worker=\"sales\",outcome=\"accepted\"} 30 1700000000000\n\
            tillstream_worker_messages_total{outcome=\"repeated\",worker=\"sales\"} 4\n\
            tillstream_worker_messages_total{outcome=\"accepted\",worker=\"printing\"} 5\n\
            tillstream_worker_messages_total_other{outcome=\"accepted\",worker=\"sales\"} 6\n\
            tillstream_worker_messages_total{broken\n\
            process_cpu_seconds_total 1.5\n";
        assert_eq!(accepted(page), BTreeMap::from([(Step::Recorded, 30), (Step::Stocked, 12)]));
        assert_eq!(accepted(""), BTreeMap::new());
    }
}
