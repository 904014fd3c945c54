//! What is looked at now and then, for metrics: one slow interval, for ever, until the process stops.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::{Process, Stop};

/// How often.
pub const EVERY: Duration = Duration::from_secs(10);

/// Looks at once and then every `period`, one look at a time, until it is time to stop. A look that takes longer than
/// the period puts off the next.
pub async fn every<F: Future<Output = ()>>(stop: &Stop, period: Duration, mut look: impl FnMut() -> F) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.wait() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = stop.wait() => return,
            () = look() => {}
        }
    }
}

/// Shows what the readiness checks of a process say.
pub async fn readiness(process: Process) {
    let ready = process.metrics.gauge(
        "tillstream_ready",
        "Whether a readiness check holds; `process` is 0 while the process is stopping",
        &["check"],
    );
    every(&process.stop, EVERY, || async {
        for (check, result) in process.health.checks().await {
            ready.with_label_values(&[check]).set(i64::from(result.is_ok()));
        }
        ready.with_label_values(&["process"]).set(i64::from(!process.health.is_draining()));
    })
    .await;
    // Nobody looks any more, and who scrapes until the end shall not read that all is well.
    ready.with_label_values(&["process"]).set(0);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_again_and_again_until_it_is_time_to_stop() {
        let (stop, looks) = (Stop::default(), AtomicU32::new(0));
        let looking = every(&stop, EVERY, || async {
            looks.fetch_add(1, Ordering::Relaxed);
        });
        let stopping = async {
            tokio::time::sleep(EVERY * 3 / 2).await;
            stop.now();
        };
        tokio::join!(looking, stopping);
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_never_ends_does_not_keep_the_process() {
        let stop = Stop::default();
        let looking = every(&stop, EVERY, std::future::pending);
        let stopping = async {
            tokio::time::sleep(EVERY).await;
            stop.now();
        };
        tokio::join!(looking, stopping);
    }
}
