//! `bench run`: the two systems side by side.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use serde::Serialize;
use tillstream_pos::load::{Pace, Report, Shop, Until};
use tokio::time::sleep;

use crate::{
    Place,
    facts::{self, Facts},
    systems::{CURRENCY, Conventional, Load, Subject, folder, subject_of, tillstream},
    table,
};

/// Products of the catalogue, and of a spread load.
const SPREAD: usize = 1000;
/// Products of a hot load.
const HOT: usize = 10;
/// Half of what Tillstream should manage.
const HALF_LOAD_PER_SECOND: f64 = 2000.0;
const CLIENTS_MAX: usize = 1024;
/// Between two points, so that the one does not write to the disk what the other is measured by.
const REST: Duration = Duration::from_secs(1);

/// What `bench run` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How long each point is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// How long each point is loaded before, uncounted
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    warm_up: u64,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,128")]
    clients: Vec<usize>,
    /// Lines of each sale
    #[arg(long, default_value_t = 4)]
    lines: usize,
    /// Decides what is in the baskets
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// To see that it works: 1 and 32 clients, 2 seconds each
    #[arg(long)]
    quick: bool,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/results.json")]
    results: PathBuf,
}

/// One measurement of one system.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) system: &'static str,
    /// Products that are sold: few are hot, for their stock is fought over.
    pub(crate) products: usize,
    /// Sales per second that are completely through.
    pub(crate) sales_per_second: f64,
    #[serde(flatten)]
    pub(crate) report: Report,
}

/// Both systems under the same load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) products: usize,
    pub(crate) clients: usize,
    pub(crate) tillstream_per_second: f64,
    pub(crate) conventional_per_second: f64,
    /// Of the two.
    pub(crate) ratio: f64,
}

/// What is written.
#[derive(Debug, Serialize)]
struct Results {
    facts: Facts,
    seconds: u64,
    warm_up_s: u64,
    lines: usize,
    seed: u64,
    ratios: Vec<Pair>,
    points: Vec<Point>,
}

/// Measures, prints the table and writes the figures. The exit code is a failure if a sale did not go through.
pub(crate) async fn run(mut options: Options) -> anyhow::Result<ExitCode> {
    if options.quick {
        (options.seconds, options.warm_up, options.clients) = (2, 1, vec![1, 32]);
    }
    let folder = folder(&options.place)?;
    let products = u32::try_from(SPREAD).context("count the products")?;
    let mut stack = tillstream(&options.place, &folder, products).await?;
    let ours = subject_of(&stack)?;
    let shop = Shop::fetch(&ours.target, CURRENCY, SPREAD).await?;
    let conventional = Conventional::start(&options.place, &folder, &shop).await?;
    let points = measure(&options, &shop, &ours, &conventional.subject()?).await?;
    conventional.stop().await?;
    stack.stop().await?;

    let pairs = pairs(&points);
    println!();
    print!("{}", table::comparison(&points, &pairs));
    let clean = points.iter().all(|point| point.report.is_clean());
    let Options { seconds, warm_up: warm_up_s, lines, seed, .. } = options;
    let facts = Facts::gather(&options.place.services)?;
    let results = Results { facts, seconds, warm_up_s, lines, seed, ratios: pairs, points };
    write(&options.results, &results)?;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(options: &Options, shop: &Shop, ours: &Subject, theirs: &Subject) -> anyhow::Result<Vec<Point>> {
    let mut points = Vec::new();
    for (turn, (products, clients)) in [HOT, SPREAD]
        .into_iter()
        .flat_map(|products| options.clients.iter().map(move |clients| (products, *clients)))
        .enumerate()
    {
        // Who is first is slowed by what the last point left behind: they take turns.
        let order = if turn % 2 == 0 { [ours, theirs] } else { [theirs, ours] };
        for subject in order {
            points.push(point(options, shop, subject, products, Pace::Clients(clients)).await?);
        }
    }
    for products in [HOT, SPREAD] {
        let pace = Pace::Rate { per_second: HALF_LOAD_PER_SECOND, clients_max: CLIENTS_MAX };
        points.push(point(options, shop, ours, products, pace).await?);
    }
    Ok(points)
}

async fn point(
    options: &Options,
    shop: &Shop,
    subject: &Subject,
    products: usize,
    pace: Pace,
) -> anyhow::Result<Point> {
    let shop = shop.first(products);
    let load = |seconds, seed| Load {
        pace,
        length: Duration::from_secs(seconds),
        until: Until::Recorded,
        lines: options.lines,
        seed,
        progress: false,
    };
    let tills = match pace {
        Pace::Clients(1) => "1 client".to_owned(),
        Pace::Clients(clients) => format!("{clients} clients"),
        Pace::Rate { per_second, .. } => format!("{per_second} sales/s offered"),
    };
    eprint!("{:<13} {products:>5} products, {tills:<20} ", subject.name);
    if options.warm_up > 0 {
        subject.load(&shop, load(options.warm_up, options.seed ^ 1 << 32)).await?;
    }
    sleep(REST).await;
    let mut report = subject.load(&shop, load(options.seconds, options.seed)).await?;
    report.timeline.clear();
    let sales_per_second = report.through_per_second();
    eprintln!("{sales_per_second:>6.0} sales/s, p50 {:.1} ms", report.latency_ms.p50);
    if !report.is_clean() || !report.errors.is_empty() {
        eprintln!("{report}");
    }
    Ok(Point { system: subject.name, products, sales_per_second, report })
}

/// Points of both systems under the same load.
fn pairs(points: &[Point]) -> Vec<Pair> {
    let closed = |point: &&Point| point.report.offered_per_second.is_none();
    let ours = points.iter().filter(closed).filter(|point| point.system == "tillstream");
    ours.filter_map(|our| {
        let same = |point: &&Point| point.products == our.products && point.report.clients == our.report.clients;
        let their = points.iter().filter(closed).filter(same).find(|point| point.system == "conventional")?;
        Some(Pair {
            products: our.products,
            clients: usize::try_from(our.report.clients).ok()?,
            tillstream_per_second: our.sales_per_second,
            conventional_per_second: their.sales_per_second,
            ratio: our.sales_per_second / their.sales_per_second,
        })
    })
    .collect()
}

/// Writes figures with three decimals, for people read them too.
pub(crate) fn write(path: &Path, figures: &impl Serialize) -> anyhow::Result<()> {
    let text = facts::json(figures)?;
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    eprintln!("\nwritten to {}", path.display());
    Ok(())
}
