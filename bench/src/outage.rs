//! `bench outage`: Tillstream's PostgreSQL is down for a while, and shops go on selling.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use tillstream_pos::{
    Role, Stack,
    load::{Pace, Report, Shop, Until, counters::Step, report::Moment},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Place, compare,
    systems::{CURRENCY, Load, folder, subject_of, tillstream},
};

/// Products of the catalogue.
const PRODUCTS: u32 = 1000;
/// Tills at the most: while PostgreSQL is down and the edge has not noticed yet, each sale takes one.
const CLIENTS_MAX: usize = 4096;

/// What `bench outage` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Sales per second
    #[arg(long, default_value_t = 300.0)]
    rate: f64,
    /// How long PostgreSQL is down
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    down: u64,
    /// How long shops sell before
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    before: u64,
    /// How long shops sell on afterwards
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    after: u64,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/outage.json")]
    results: PathBuf,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Results {
    /// Seconds after the start at which PostgreSQL was killed, and at which it let clients in again.
    down_at_s: f64,
    up_at_s: f64,
    /// From then until less than a second's sales were left to record, stock or receipt, to the second; shops sold on.
    caught_up_after_s: Option<f64>,
    /// Requests at the till that failed; there must be none.
    errors: u64,
    report: Report,
}

/// Measures, and prints and writes the figures. The exit code is a failure if a till saw an error or a sale is lost.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let folder = folder(&options.place)?;
    let mut stack = tillstream(&options.place, &folder, PRODUCTS).await?;
    let subject = subject_of(&stack)?;
    let shop = Shop::fetch(&subject.target, CURRENCY, PRODUCTS as usize).await?;
    let load = Load {
        pace: Pace::Rate { per_second: options.rate, clients_max: CLIENTS_MAX },
        length: Duration::from_secs(options.before + options.down + options.after),
        until: Until::Accepted,
        lines: 4,
        seed: 1,
        progress: true,
    };
    let start = Instant::now();
    let (report, outage) = tokio::join!(subject.load(&shop, load), outage(&stack, &options));
    let (report, (down_at, up_at)) = (report?, outage?);
    stack.stop().await?;

    let since = |at: Instant| (at - start).as_secs_f64();
    let results = Results {
        down_at_s: since(down_at),
        up_at_s: since(up_at),
        caught_up_after_s: caught_up(&report.timeline, since(up_at), options.rate),
        errors: report.errors.values().sum(),
        report,
    };
    println!("\n{}", results.report);
    println!(
        "PostgreSQL was down from {:.1} s to {:.1} s; errors at the till: {}",
        results.down_at_s, results.up_at_s, results.errors
    );
    match results.caught_up_after_s {
        Some(after) => println!("all caught up {after:.0} s after it was back, while shops sold on"),
        None => println!("not caught up while shops sold on; afterwards: see above"),
    }
    let good = results.report.is_clean() && results.errors == 0;
    compare::write(&options.results, &results)?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Keeps PostgreSQL down. It is restarted when it ends: so it is killed as often as it is started.
async fn outage(stack: &Stack, options: &Options) -> anyhow::Result<(Instant, Instant)> {
    sleep(Duration::from_secs(options.before)).await;
    let down_at = Instant::now();
    let mut changes = stack.changes();
    let kill = async {
        loop {
            if stack.pid(Role::Postgres).is_some() {
                stack.kill(Role::Postgres).await?;
            }
            changes.changed().await.context("watch PostgreSQL")?;
        }
    };
    eprintln!("PostgreSQL goes down");
    if let Ok(failed) = timeout(Duration::from_secs(options.down), kill).await {
        return failed;
    }
    while PgConnection::connect(&stack.database_url()).await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
    eprintln!("PostgreSQL is back");
    Ok((down_at, Instant::now()))
}

/// How long after `up_at_s` every step was less than a second's sales behind.
fn caught_up(timeline: &[Moment], up_at_s: f64, rate: f64) -> Option<f64> {
    let behind = |moment: &Moment, step: Step| {
        let done = moment.steps.get(&step).copied().unwrap_or(0);
        u32::try_from(moment.acknowledged.saturating_sub(done)).map_or(f64::INFINITY, f64::from)
    };
    let caught_up = |moment: &&Moment| Step::ALL.into_iter().all(|step| behind(moment, step) < rate);
    timeline.iter().filter(|moment| moment.at_s >= up_at_s).find(caught_up).map(|moment| moment.at_s - up_at_s)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_steps_must_catch_up() {
        let moment = |at_s, acknowledged, receipted| Moment {
            at_s,
            acknowledged,
            steps: BTreeMap::from([
                (Step::Recorded, acknowledged),
                (Step::Stocked, acknowledged),
                (Step::Receipted, receipted),
            ]),
        };
        let timeline = [moment(1.0, 300, 300), moment(2.0, 600, 300), moment(3.0, 900, 500), moment(4.0, 1200, 1190)];
        assert_eq!(caught_up(&timeline, 1.5, 300.0), Some(2.5));
        assert_eq!(caught_up(&timeline[..3], 1.5, 300.0), None);
        assert_eq!(caught_up(&timeline[..3], 1.5, 301.0), Some(0.5));
    }
}
