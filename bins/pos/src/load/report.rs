//! What a load came to.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{counters::Step, processes::Usage, tally::Percentiles, till::Until};

/// What a load came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Tills.
    pub clients: u64,
    /// Sales per second that were to begin; none if the tills set the pace.
    pub offered_per_second: Option<f64>,
    /// From the start until the last till was through.
    pub elapsed_s: f64,
    /// What the tills waited for.
    pub until: Until,
    /// Sales begun.
    pub sent: u64,
    /// Sales that the server took responsibility for: answered 201 or 202.
    pub acknowledged: u64,
    /// Of them, per second.
    pub acknowledged_per_second: f64,
    /// Of them, answered 202 at first.
    pub answered_202: u64,
    /// What the workers did with them; empty if their metrics are not known.
    #[serde(flatten)]
    pub steps: BTreeMap<Step, Progress>,
    /// From when a sale was due until it was acknowledged.
    pub acknowledged_ms: Percentiles,
    /// From when a sale was due until its till had what it waited for.
    pub latency_ms: Percentiles,
    /// Requests that were repeated.
    pub retries: u64,
    /// Sales that were refused.
    pub refused: u64,
    /// Sales that a till gave up.
    pub given_up: u64,
    /// Sales that were acknowledged with 202 and not in the books at the end, of those that nobody waited for.
    pub unrecorded: u64,
    /// Requests that went wrong, by status or kind of failure.
    pub errors: BTreeMap<String, u64>,
    /// The first refusal, word for word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refusal: Option<String>,
    /// What each part of the system used.
    pub processes: BTreeMap<String, Usage>,
    /// How far everything was, second by second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Moment>,
}

/// How far everything was at some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds since the start.
    pub at_s: f64,
    /// Sales acknowledged.
    pub acknowledged: u64,
    /// What the workers had done.
    #[serde(flatten)]
    pub steps: BTreeMap<Step, u64>,
}

/// What a worker did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Sales.
    pub count: u64,
    /// Of them per second, from the start until the last was done.
    pub per_second: f64,
    /// Whether every acknowledged sale was done in the end.
    pub complete: bool,
    /// From when the last till was through until the last sale was done.
    pub catch_up_s: f64,
}

impl Report {
    /// Whether every sale went through, and all the way.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.refused + self.given_up + self.unrecorded == 0 && self.steps.values().all(|step| step.complete)
    }

    /// Sales per second that are completely through: acknowledged and, where workers were watched, recorded, stocked and
    /// receipted.
    #[must_use]
    pub fn through_per_second(&self) -> f64 {
        self.steps.values().map(|step| step.per_second).fold(self.acknowledged_per_second, f64::min)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tills = if self.clients == 1 { "till" } else { "tills" };
        write!(f, "{} sales in {:.1} s with {} {tills}", self.sent, self.elapsed_s, self.clients)?;
        match self.offered_per_second {
            Some(rate) => writeln!(f, ", {rate} a second offered\n")?,
            None => writeln!(f, "\n")?,
        }
        writeln!(f, "{:<13}{:>10}{:>10}", "", "sales", "sales/s")?;
        writeln!(f, "{:<13}{:>10}{:>10.0}", "acknowledged", self.acknowledged, self.acknowledged_per_second)?;
        for (step, done) in &self.steps {
            let caught_up = if done.complete { "done" } else { "NOT ALL DONE" };
            let after = done.catch_up_s;
            let (name, count, per_second) = (step.name(), done.count, done.per_second);
            writeln!(f, "{name:<13}{count:>10}{per_second:>10.0}   {caught_up} {after:.2} s after the last till")?;
        }
        writeln!(f, "\n{:<19}{:>9}{:>9}{:>9}{:>9}", "latency, ms", "p50", "p95", "p99", "max")?;
        let until = match self.until {
            Until::Accepted => None,
            Until::Recorded => Some("until recorded"),
            Until::Receipt => Some("until receipted"),
        };
        let until = until.map(|name| (name, self.latency_ms));
        for (name, ms) in [("until acknowledged", self.acknowledged_ms)].into_iter().chain(until) {
            writeln!(f, "{name:<19}{:>9.1}{:>9.1}{:>9.1}{:>9.1}", ms.p50, ms.p95, ms.p99, ms.max)?;
        }
        self.write_troubles(f)?;
        if !self.processes.is_empty() {
            writeln!(f, "\n{:<19}{:>12}{:>10}{:>10}", "process", "memory, MiB", "peak", "% of core")?;
        }
        for (name, usage) in &self.processes {
            let Usage { memory_mib, memory_peak_mib, cpu_percent } = usage;
            writeln!(f, "{name:<19}{memory_mib:>12.1}{memory_peak_mib:>10.1}{cpu_percent:>10.1}")?;
        }
        Ok(())
    }
}

impl Report {
    fn write_troubles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n202 first {}, retries {}, refused {}", self.answered_202, self.retries, self.refused)?;
        writeln!(f, ", given up {}, not recorded in the end {}", self.given_up, self.unrecorded)?;
        let errors: Vec<String> = self.errors.iter().map(|(name, count)| format!("{count} × {name}")).collect();
        writeln!(f, "errors: {}", if errors.is_empty() { "none".to_owned() } else { errors.join(", ") })?;
        match &self.first_refusal {
            Some(refusal) => writeln!(f, "first refusal: {refusal}"),
            None => Ok(()),
        }
    }
}
