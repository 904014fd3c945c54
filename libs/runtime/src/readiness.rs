//! Says in the log what a process waits for: a server that is away at start, or goes away, is no reason to end.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{Health, Stop};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// What has not changed is said again after this.
const AGAIN: Duration = Duration::from_mins(1);

/// Looks until the process stops, and logs what is missing: when that changes, and every minute.
pub(crate) async fn watch(health: Health, stop: Stop) {
    let mut said: Option<(Vec<&str>, Instant)> = None;
    loop {
        tokio::select! {
            () = stop.wait() => return,
            () = sleep(EVERY) => {}
        }
        let (ready, report) = health.report().await;
        let missing = missing(report);
        let names: Vec<&str> = missing.keys().copied().collect();
        if health.is_draining() || said.as_ref().is_some_and(|(last, at)| *last == names && at.elapsed() < AGAIN) {
            continue;
        }
        // What goes on well is said once.
        match (missing.is_empty(), said.is_some_and(|(last, _)| last.is_empty())) {
            (true, true) => {}
            (true, false) => info!("ready: everything that is needed answers"),
            (false, _) => {
                warn!(ready, ?missing, "something that is needed does not answer; it is tried again for ever");
            }
        }
        said = Some((names, Instant::now()));
    }
}

fn missing(report: BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    report.into_iter().filter(|(_, said)| said != "ok").collect()
}
