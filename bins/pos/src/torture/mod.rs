//! `pos torture`: sells through faults on a system of its own, and checks that nothing was lost, doubled or changed.

pub mod books;
pub mod check;
mod faults;
pub mod memory;
pub mod plan;
pub mod report;
mod screen;
mod till;

use std::{
    convert::Infallible,
    fs::{Permissions, set_permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Context;
use tempfile::TempDir;
use tillstream_bus::Bus;
use tillstream_runtime::Ids;
use tillstream_store::seed::Shop;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Role, Stack, StackOptions,
    demo::{self, Owner},
    load::Target,
    operator, token,
};
use books::Books;
use check::Finding;
use faults::Board;
use memory::Memory;
use plan::Fault;
pub use report::Report;
use screen::Screen;
use till::{Live, Till};

/// The café's size.
const SIZE: demo::Size = demo::Size { products: 300, registers: 8 };
/// One of so many tills stands next door.
const NEXT_DOOR: usize = 4;
/// A seed that a person can type.
const SEEDS: u128 = 1_000_000_000;
/// How long the parts may take to be ready once the faults are over, the tills to be answered, and the workers to be
/// done: each.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// What `pos torture` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// For how long faults are injected; with 60 and more every part has every kind of fault
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// Decides about faults and baskets [default: a random one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Tills that sell all the while
    #[arg(long, value_name = "TILLS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    clients: u16,
    /// Keep the folder with data and log in any case; after a violation it is kept anyway
    #[arg(long)]
    keep: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Where `scripts/services` put the servers; what is not there is looked for on PATH
    #[arg(long, value_name = "DIR", default_value = ".services")]
    services: PathBuf,
    /// Kill this part and do nothing else
    #[arg(long, hide = true)]
    target: Option<Role>,
    /// An invariant for the sales worker to break, so that the checks can be seen to notice
    #[cfg(debug_assertions)]
    #[arg(long, hide = true, value_parser = ["ack-before-commit"])]
    sabotage: Option<String>,
}

/// Tortures, and prints the report. The exit code is 1 after a violation, 2 if it could not be done.
pub async fn run(args: Args) -> ExitCode {
    match torture(&args).await {
        Ok(report) => {
            print(&report, args.json);
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failure) => {
            eprintln!("pos: the torture could not be done: {failure:#}");
            ExitCode::from(2)
        }
    }
}

fn print(report: &Report, json: bool) {
    if json {
        let text = serde_json::to_string_pretty(report).expect("a report holds strings, numbers, lists and maps");
        println!("{text}");
    } else {
        print!("\n{report}");
    }
}

async fn torture(args: &Args) -> anyhow::Result<Report> {
    let seed = args.seed.unwrap_or_else(random_seed);
    let folder = tempfile::Builder::new().prefix("tillstream-torture-").tempdir().context("make a folder")?;
    // Passable, for as root PostgreSQL runs as another user.
    set_permissions(folder.path(), Permissions::from_mode(0o711)).context("open the folder")?;
    let screen = Screen::new(&folder.path().join("log"))?;
    screen.say(&format!("seed {seed}, folder {}", folder.path().display()));
    let mut stack = Stack::prepare(options(args, folder.path(), &screen)?).await?;
    let outcome = tokio::select! {
        outcome = ordeal(&mut stack, args, seed, &screen) => outcome,
        failure = interrupted() => Err(failure),
    };
    screen.say("stopping everything");
    let stopped = stack.stop().await;
    let mut outcome = outcome.and_then(|report| stopped.map(|()| report));
    if args.keep || outcome.as_ref().is_ok_and(|report| !report.is_clean()) {
        let path = folder.keep();
        screen.say(&format!("kept {}", path.display()));
        if let Ok(report) = &mut outcome {
            report.kept = Some(path);
        }
    } else {
        close(folder)?;
    }
    outcome
}

fn close(folder: TempDir) -> anyhow::Result<()> {
    let path = folder.path().to_owned();
    folder.close().with_context(|| format!("remove {}", path.display()))
}

fn random_seed() -> u64 {
    u64::try_from(Ids::random().next().as_u128() % SEEDS).expect("it is below a billion")
}

fn options(args: &Args, folder: &Path, screen: &Screen) -> anyhow::Result<StackOptions> {
    Ok(StackOptions {
        services: args.services.clone(),
        listen: Some(([127, 0, 0, 1], 0).into()),
        shop: Some(SIZE),
        #[cfg(debug_assertions)]
        sabotage: args.sabotage.as_ref().map(|name| name.replace('-', "_")),
        output: screen.output(),
        ..StackOptions::new(folder.join("data"))?
    })
}

/// Returns when somebody wants it to end.
async fn interrupted() -> anyhow::Error {
    let listen = |kind| signal(kind).context("listen for signals");
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(listen);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        return anyhow::anyhow!("signals can't be listened for");
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    anyhow::anyhow!("interrupted")
}

/// Starts everything, sells through the faults, lets it settle, and checks.
async fn ordeal(stack: &mut Stack, args: &Args, seed: u64, screen: &Screen) -> anyhow::Result<Report> {
    stack.bring_up().await?;
    let stack = &*stack;
    let live = Arc::new(Live::default());
    let board = Board::default();
    let closing = watch::Sender::new(None);
    let shops = [demo::cafe(SIZE), demo::next_door()];
    let tills = open(stack, args, seed, &shops, &live, &closing)?;
    screen.say(&format!("{} tills sell; faults for {} s", args.clients, args.seconds));
    let plan = plan::plan(seed, Duration::from_secs(args.seconds), args.target);
    tokio::select! {
        outcome = storm(stack, &plan, args.seconds, screen, &board) => outcome?,
        never = progress(screen, &live, &board) => match never {},
    }

    let over = Instant::now();
    screen.say("the faults are over; waiting until every part is ready and every till answered");
    let ready = timeout(PATIENCE, until_ready(stack)).await.is_ok();
    closing.send_replace(Some(Instant::now() + PATIENCE));
    let memories = tills.join_all().await;
    let mut parts = Finding::new("ready", "every part is ready once the faults are over");
    parts.check(ready, || format!("running: {:?}", stack.pids()));
    let mut report = Report {
        seed,
        again: again(args, seed),
        seconds: args.seconds,
        clients: args.clients.into(),
        settled_s: 0.0,
        acknowledged: live.acknowledged.load(Ordering::Relaxed),
        recorded: 0,
        answers: live.answers(),
        faults: report::by_name(&board.counts()),
        findings: vec![parts],
        kept: None,
    };
    if ready {
        let bus = operator::connect_bus(&stack.bus_settings()).await?;
        screen.say("waiting until nothing is pending");
        // What is still pending after that is a finding of its own.
        timeout(PATIENCE, until_done(stack, &bus)).await.unwrap_or(Ok(()))?;
        report.settled_s = over.elapsed().as_secs_f64();
        screen.say("reading the books");
        let books = Books::read(stack, &bus, &shops).await?;
        report.recorded = books.sold.len() as u64;
        report.findings.extend(check::all(&memories, &books));
    } else {
        report.findings.extend(check::told(&memories));
    }
    Ok(report)
}

fn again(args: &Args, seed: u64) -> String {
    let mut command = format!("pos torture --seconds {} --clients {} --seed {seed}", args.seconds, args.clients);
    if let Some(role) = args.target {
        command.extend([" --target ", role.name()]);
    }
    #[cfg(debug_assertions)]
    if let Some(sabotage) = &args.sabotage {
        command.extend([" --sabotage ", sabotage]);
    }
    command
}

/// Opens the tills of both merchants.
fn open(
    stack: &Stack,
    args: &Args,
    seed: u64,
    [cafe, next_door]: &[Shop; 2],
    live: &Arc<Live>,
    closing: &watch::Sender<Option<Instant>>,
) -> anyhow::Result<JoinSet<Memory>> {
    let key = stack.keys().join("tokens.ed25519");
    let bearer = token::mint(&key, Owner::NextDoor.merchant(), token::MONTH)?;
    let cafe = (Arc::new(cafe.clone()), Target::new(&stack.url(), Some(stack.token()))?);
    let next_door = (Arc::new(next_door.clone()), Target::new(&stack.url(), Some(&bearer))?);
    let mut tills = JoinSet::new();
    for number in 0..usize::from(args.clients) {
        let (shop, target) = if number % NEXT_DOOR == NEXT_DOOR - 1 { &next_door } else { &cafe };
        tills.spawn(Till::new(number, seed, Arc::clone(shop), target, live, &closing.subscribe()).run());
    }
    Ok(tills)
}

/// All faults, for as long as was asked for.
async fn storm(stack: &Stack, plan: &[Fault], seconds: u64, screen: &Screen, board: &Board) -> anyhow::Result<()> {
    let time = async {
        sleep(Duration::from_secs(seconds)).await;
        Ok(())
    };
    tokio::try_join!(faults::inject(stack, plan, screen, board), time).map(|((), ())| ())
}

async fn progress(screen: &Screen, live: &Live, board: &Board) -> Infallible {
    loop {
        sleep(PROGRESS).await;
        let acknowledged = live.acknowledged.load(Ordering::Relaxed);
        screen.say(&format!("{acknowledged} sales acknowledged, {} faults so far", board.total()));
    }
}

async fn until_ready(stack: &Stack) {
    while !stack.is_ready().await {
        sleep(LOOK).await;
    }
}

/// Until no consumer has anything to do, twice in a row: what a till gave up on may still arrive in between.
async fn until_done(stack: &Stack, bus: &Bus) -> anyhow::Result<()> {
    let mut idle = 0;
    while idle < 2 {
        let lags = books::lags(stack, bus).await?;
        idle = if lags.values().all(|lag| lag.pending + lag.in_hand == 0) { idle + 1 } else { 0 };
        sleep(LOOK).await;
    }
    Ok(())
}
