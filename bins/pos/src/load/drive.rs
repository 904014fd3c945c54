//! Runs a load: tills that sell, and somebody who watches.

use std::{
    collections::BTreeMap,
    io::{Write, stderr},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tillstream_runtime::Ids;
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep, sleep_until},
};
use uuid::Uuid;

use super::{
    client::{Client, Target},
    counters::{Counters, Step},
    processes::Processes,
    report::{Moment, Progress, Report},
    shop::Baskets,
    tally::{Percentiles, Tally, per_second},
    till::{Till, Until},
};

/// Between two looks at the workers' counters once the load has ended: as exact as the time of catching up is known.
const LOOK: Duration = Duration::from_millis(10);
const TIME_OUT: Duration = Duration::from_secs(15);

/// When sales begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many tills, each with its next sale as soon as the last one is through.
    Clients(usize),
    /// Customers come at fixed times, whether or not a till is free, and their waiting counts: a stall of the system
    /// shows in every sale that was due meanwhile.
    Rate {
        /// Sales per second.
        per_second: f64,
        /// Tills at the most; more are opened as they are needed.
        clients_max: usize,
    },
}

/// A load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to sell.
    pub target: Target,
    /// What.
    pub baskets: Baskets,
    /// How fast.
    pub pace: Pace,
    /// How long sales begin.
    pub length: Duration,
    /// What each till waits for.
    pub until: Until,
    /// How long a till tries to get one sale through.
    pub patience: Duration,
    /// Of the tills' back-off.
    pub seed: u64,
    /// Where the workers show their metrics.
    pub metrics: Vec<Target>,
    /// The parts of the system, by name and process id.
    pub pids: BTreeMap<String, i32>,
    /// How long the workers may take to catch up afterwards.
    pub catch_up: Duration,
    /// Whether to show progress on standard error.
    pub progress: bool,
}

/// A load under way.
struct Run {
    plan: Plan,
    ids: Ids,
    start: Instant,
    sent: AtomicU64,
    tills: AtomicU64,
    tally: Mutex<Tally>,
}

/// Who watches a load.
struct Watch {
    counters: Counters,
    // None only while it looks.
    processes: Option<Processes>,
    timeline: Vec<Moment>,
}

/// Runs a load to its end, waits until the workers have caught up, and reports. It begins with an idle system, so that
/// every count is its own.
///
/// # Errors
/// When the plan makes no sense, or a task dies.
pub async fn drive(plan: Plan) -> anyhow::Result<Report> {
    match plan.pace {
        Pace::Clients(clients) => ensure!(clients > 0, "no clients, no load"),
        Pace::Rate { per_second, clients_max } => {
            ensure!(per_second.is_finite() && per_second > 0.0, "a rate is above zero");
            ensure!(clients_max > 0, "no clients, no load");
        }
    }
    let counters = Counters::new(&plan.metrics).await;
    let pids = plan.pids.clone();
    let processes = spawn_blocking(move || Processes::watch(&pids)).await.context("look at the processes")??;
    let mut watch = Watch { counters, processes: Some(processes), timeline: Vec::new() };
    let run = Arc::new(Run {
        plan,
        ids: Ids::random(),
        start: Instant::now(),
        sent: AtomicU64::new(0),
        tills: AtomicU64::new(0),
        tally: Mutex::default(),
    });
    // Dropped with this future, and the tills with it.
    let mut selling = JoinSet::new();
    selling.spawn(sell(run.clone()));
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            sold = selling.join_next() => {
                sold.context("the tills ended early")?.context("a till died")??;
                break;
            }
            _ = ticks.tick() => watch.tick(&run).await?,
        }
    }
    let steps = watch.catch_up(&run).await?;
    let unrecorded = check_open(&run).await;
    watch.look().await?;
    Ok(report(&run, steps, unrecorded, watch))
}

async fn sell(run: Arc<Run>) -> anyhow::Result<()> {
    let mut tills = JoinSet::new();
    match run.plan.pace {
        Pace::Clients(clients) => {
            let deadline = run.start + run.plan.length;
            for register in 0..clients {
                let (run, mut till) = (run.clone(), run.till());
                tills.spawn(async move {
                    while Instant::now() < deadline {
                        run.sell(&mut till, register, Instant::now()).await;
                    }
                });
            }
        }
        Pace::Rate { per_second, clients_max } => {
            let free = Arc::new(Semaphore::new(clients_max));
            // The till that was used last is used first, so that there are no more than are needed.
            let idle: Arc<Mutex<Vec<Till>>> = Arc::default();
            for number in 0.. {
                let due = due(number, per_second);
                if due >= run.plan.length {
                    break;
                }
                let due = run.start + due;
                sleep_until(due.into()).await;
                let place = free.clone().acquire_owned().await.context("find a free till")?;
                let till = lock(&idle).pop();
                let (run, idle) = (run.clone(), idle.clone());
                tills.spawn(async move {
                    let mut till = till.unwrap_or_else(|| run.till());
                    run.sell(&mut till, number, due).await;
                    lock(&idle).push(till);
                    drop(place);
                });
                while let Some(done) = tills.try_join_next() {
                    done.context("a till died")?;
                }
            }
        }
    }
    while let Some(done) = tills.join_next().await {
        done.context("a till died")?;
    }
    Ok(())
}

/// When a sale is due, from the start.
#[expect(clippy::cast_precision_loss, reason = "no run sells 2^53 times")]
fn due(number: usize, per_second: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / per_second)
}

impl Run {
    fn till(&self) -> Till {
        let number = self.tills.fetch_add(1, Ordering::Relaxed);
        let plan = &self.plan;
        Till::new(plan.target.clone(), plan.until, plan.patience, plan.seed ^ (number << 32))
    }

    /// Sells once, at a register, to a customer who has been there since `due`.
    async fn sell(&self, till: &mut Till, register: usize, due: Instant) {
        let body = self.plan.baskets.sale(self.sent.fetch_add(1, Ordering::Relaxed), register);
        // Never from the seed: the same key would be the same sale as that of the last run.
        let key = self.ids.next();
        let sold = till.sell(key, body).await;
        lock(&self.tally).add(key, due, sold);
    }

    fn accepted(&self) -> u64 {
        lock(&self.tally).accepted.len() as u64
    }
}

impl Watch {
    async fn look(&mut self) -> anyhow::Result<()> {
        if let Some(mut processes) = self.processes.take() {
            let looked = spawn_blocking(move || {
                processes.sample();
                processes
            });
            self.processes = Some(looked.await.context("look at the processes")?);
        }
        Ok(())
    }

    /// Once a second.
    async fn tick(&mut self, run: &Run) -> anyhow::Result<()> {
        self.look().await?;
        let steps = self.counters.read().await.clone();
        let (acknowledged, failures) = {
            let tally = lock(&run.tally);
            (tally.accepted.len() as u64, tally.failures())
        };
        let before = self.timeline.last().map_or(0, |moment| moment.acknowledged);
        let moment = Moment { at_s: run.start.elapsed().as_secs_f64(), acknowledged, steps };
        if run.plan.progress {
            show(&moment, before, run.sent.load(Ordering::Relaxed).saturating_sub(acknowledged), failures);
        }
        self.timeline.push(moment);
        Ok(())
    }

    /// Waits, within a bound, until every step has done what was accepted.
    async fn catch_up(&mut self, run: &Run) -> anyhow::Result<BTreeMap<Step, Progress>> {
        let accepted = run.accepted();
        let end = lock(&run.tally).last.unwrap_or(run.start);
        let deadline = Instant::now() + run.plan.catch_up;
        let mut next_look = Instant::now() + Duration::from_secs(1);
        let mut steps = BTreeMap::new();
        loop {
            let counts = self.counters.read().await.clone();
            let now = Instant::now();
            // What was given up at the till may be in the books; then it has its stock moved and its receipt too.
            let goal = counts.get(&Step::Recorded).map_or(accepted, |recorded| accepted.max(*recorded));
            for (step, count) in counts {
                let done = steps.get(&step).is_some_and(|step: &Progress| step.complete && step.count >= goal);
                if !done {
                    steps.insert(step, progress(count, goal, now - run.start, now - end));
                }
            }
            if steps.values().all(|step| step.complete) || now >= deadline {
                return Ok(steps);
            }
            if now >= next_look {
                next_look = now + Duration::from_secs(1);
                self.tick(run).await?;
            }
            sleep(LOOK).await;
        }
    }
}

fn progress(count: u64, goal: u64, since_start: Duration, since_end: Duration) -> Progress {
    Progress {
        count,
        per_second: per_second(count, since_start),
        complete: count >= goal,
        catch_up_s: since_end.as_secs_f64(),
    }
}

/// How many of the sales that were accepted, and then not waited for, are still not in the books.
async fn check_open(run: &Run) -> u64 {
    let open = mem::take(&mut lock(&run.tally).open);
    let mut client = Client::new(run.plan.target.clone(), TIME_OUT);
    let deadline = Instant::now() + run.plan.catch_up;
    let mut missing = 0;
    for key in open {
        missing += u64::from(!is_recorded(&mut client, key, deadline).await);
    }
    missing
}

async fn is_recorded(client: &mut Client, key: Uuid, deadline: Instant) -> bool {
    let path = format!("/v1/sales/{key}");
    loop {
        if client.get(&path).await.is_ok_and(|answer| answer.status == 200) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(LOOK).await;
    }
}

fn report(run: &Run, steps: BTreeMap<Step, Progress>, unrecorded: u64, watch: Watch) -> Report {
    let tally = mem::take(&mut *lock(&run.tally));
    let elapsed = tally.last.map_or(Duration::ZERO, |last| last - run.start);
    let accepted = tally.accepted.len() as u64;
    Report {
        clients: run.tills.load(Ordering::Relaxed),
        offered_per_second: match run.plan.pace {
            Pace::Clients(_) => None,
            Pace::Rate { per_second, .. } => Some(per_second),
        },
        elapsed_s: elapsed.as_secs_f64(),
        until: run.plan.until,
        sent: run.sent.load(Ordering::Relaxed),
        acknowledged: accepted,
        acknowledged_per_second: per_second(accepted, elapsed),
        answered_202: tally.late,
        steps,
        acknowledged_ms: Percentiles::of(tally.accepted),
        latency_ms: Percentiles::of(tally.done),
        retries: tally.retries,
        refused: tally.refused,
        given_up: tally.given_up,
        unrecorded,
        errors: tally.errors,
        first_refusal: tally.first_refusal,
        processes: watch.processes.as_ref().map(Processes::usage).unwrap_or_default(),
        timeline: watch.timeline,
    }
}

fn show(moment: &Moment, before: u64, under_way: u64, failures: u64) {
    let Moment { at_s, acknowledged, steps } = moment;
    let steps: Vec<String> = steps.iter().map(|(step, count)| format!(" {count:>9} {}", step.name())).collect();
    let (more, steps) = (acknowledged - before, steps.concat());
    let line = format!("{at_s:>5.0} s {more:>7} sales/s {acknowledged:>9} sold{steps}");
    // With nobody to read it the load runs on.
    if writeln!(stderr(), "{line} {under_way:>5} under way {failures:>5} errors").is_err() {
        tracing::trace!("standard error is closed");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sales_are_due_at_fixed_times() {
        assert_eq!(due(0, 300.0), Duration::ZERO);
        assert_eq!(due(300, 300.0), Duration::from_secs(1));
        assert_eq!(due(1, 2000.0), Duration::from_micros(500));
        assert!(due(2999, 300.0) < Duration::from_secs(10));
        assert_eq!(due(3000, 300.0), Duration::from_secs(10));
    }
}
