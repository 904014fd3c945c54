//! `bench watched`: from a part's start until it is ready, and what it costs to scrape its metrics.

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use serde::Serialize;
use tillstream_pos::{
    Role, Stack, demo, http,
    load::{Pace, Shop, Until},
};
use tillstream_servers::free_port;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    Place, compare,
    systems::{CURRENCY, Load, folder, subject_of, with_shop},
};

/// Products of the catalogue.
const PRODUCTS: u32 = 1000;
/// So often each is tried.
const TRIES: usize = 21;
/// A part that is not ready by then has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `bench watched` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Registers that sell
    #[arg(long, default_value_t = 1000)]
    registers: u32,
    /// How long they sell
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    seconds: u64,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/watched.json")]
    results: PathBuf,
}

/// What was measured of a part; times are medians.
#[derive(Debug, Serialize)]
struct Figures {
    /// From the process's start until `/readyz` answers 200.
    start_ms: f64,
    /// From the request for `/metrics` until all of the answer is there.
    scrape_ms: f64,
    /// The answer's size.
    scrape_kib: f64,
    /// Time series in it.
    series: usize,
}

/// Measures, prints the table and writes the figures.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let folder = folder(&options.place)?;
    let size = demo::Size { products: PRODUCTS, registers: options.registers };
    let mut stack = with_shop(&options.place, &folder, size).await?;
    let subject = subject_of(&stack)?;
    let shop = Shop::fetch(&subject.target, CURRENCY, PRODUCTS as usize).await?;
    let load = Load {
        pace: Pace::Clients(128),
        length: Duration::from_secs(options.seconds),
        until: Until::Recorded,
        lines: 4,
        seed: 1,
        progress: true,
    };
    let report = subject.load(&shop, load).await?;
    // The slow samples have been taken.
    sleep(Duration::from_secs(12)).await;
    let data = folder.path().join("tillstream");
    let mut figures = BTreeMap::new();
    for role in Role::PARTS {
        figures.insert(role.name().to_owned(), of_part(&stack, role, &data).await?);
    }
    stack.stop().await?;
    println!("\n{} sales over {} registers", report.acknowledged, shop.registers.len());
    println!("{:16} {:>9} {:>10} {:>11} {:>7}", "part", "start, ms", "scrape, ms", "scrape, KiB", "series");
    for (name, part) in &figures {
        println!(
            "{name:16} {:>9.0} {:>10.1} {:>11.0} {:>7}",
            part.start_ms, part.scrape_ms, part.scrape_kib, part.series
        );
    }
    compare::write(&options.results, &figures)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn of_part(stack: &Stack, role: Role, data: &std::path::Path) -> anyhow::Result<Figures> {
    let (mut starts, mut scrapes, mut page) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..TRIES {
        let began = Instant::now();
        page = http::get(&stack.metrics_url(role), PATIENCE).await?.1;
        scrapes.push(began.elapsed());
    }
    for _ in 0..TRIES.div_ceil(4) {
        starts.push(start(stack, role, data).await?);
    }
    let series = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    let kib = f64::from(u32::try_from(page.len()).unwrap_or(u32::MAX)) / 1024.0;
    Ok(Figures { start_ms: median(starts), scrape_ms: median(scrapes), scrape_kib: kib, series })
}

/// Starts one more of this part, waits until it is ready, and ends it.
async fn start(stack: &Stack, role: Role, data: &std::path::Path) -> anyhow::Result<Duration> {
    let settings = fs::read_to_string(data.join(format!("run/{role}.toml"))).context("read the part's settings")?;
    let port = free_port().context("find a free port")?;
    let listens = stack.metrics_url(role).trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    let config = data.join(format!("run/second-{role}.toml"));
    fs::write(&config, settings.replace(&listens, &format!("127.0.0.1:{port}"))).context("write settings")?;
    let mut command = Command::new(&stack.options().program);
    command.args(["run", role.name(), "--config"]).arg(&config).stdout(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("start {role}"))?;
    let url = format!("http://127.0.0.1:{port}/readyz");
    while !matches!(http::get(&url, PATIENCE).await, Ok((200, _))) {
        if began.elapsed() > PATIENCE {
            bail!("{role} is not ready after {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(1)).await;
    }
    let ready = began.elapsed();
    child.kill().await.with_context(|| format!("end {role}"))?;
    Ok(ready)
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
