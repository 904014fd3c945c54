//! `pos load`: sells over HTTP as tills do, and measures.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{ExitCode, id},
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::UpFile;

pub mod client;
pub mod counters;
pub mod drive;
pub mod processes;
pub mod random;
pub mod report;
pub mod shop;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod till;

pub use client::Target;
pub use drive::{Pace, Plan, drive};
pub use report::Report;
pub use shop::{Baskets, Shop};
pub use till::{Till, Until};

/// How long a till tries to get one sale through, and the workers may take to catch up.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `pos load` can be told.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("pace").required(true).args(["rate", "concurrency"]))]
pub struct Args {
    /// Customers come at a fixed rate, in sales per second; a sale that must wait for a free till counts as slow.
    #[arg(long, value_name = "SALES/S")]
    pub rate: Option<f64>,
    /// So many tills sell, each its next sale as soon as the last is through.
    #[arg(long, value_name = "TILLS")]
    pub concurrency: Option<usize>,
    /// Tills at the most with --rate.
    #[arg(long, value_name = "TILLS", default_value_t = 1024)]
    pub clients_max: usize,
    /// How long.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub seconds: u64,
    /// Sell only the first so many products.
    #[arg(long, default_value_t = 1000)]
    pub products: usize,
    /// Lines of each sale.
    #[arg(long, default_value_t = 4)]
    pub lines: usize,
    /// The data folder of a running `pos up`: where the system is, and what its processes are.
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    pub data: PathBuf,
    /// Where the system is instead; memory, CPU and what the workers did are then not known.
    #[arg(long)]
    pub url: Option<String>,
    /// The bearer token for --url.
    #[arg(long, requires = "url")]
    pub token: Option<String>,
    /// Sell at another machine, too. Every sale is a real one in its books.
    #[arg(long)]
    pub allow_remote: bool,
    /// What a till waits for before it turns to the next customer.
    #[arg(long, value_enum, default_value_t = Until::Recorded)]
    pub until: Until,
    /// Decides what is in the baskets.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// ISO 4217 code of the shop's currency.
    #[arg(long, default_value = "EUR")]
    pub currency: String,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A system and how to watch it.
struct System {
    target: Target,
    metrics: Vec<Target>,
    pids: BTreeMap<String, i32>,
}

/// Sells, and prints the report. The exit code is a failure if a sale did not go through.
///
/// # Errors
/// When there is nothing to sell to, or it is another machine's.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let system = System::find(&args)?;
    let shop = Shop::fetch(&system.target, &args.currency, args.products).await?;
    let pace = match (args.rate, args.concurrency) {
        (Some(per_second), _) => Pace::Rate { per_second, clients_max: args.clients_max },
        (None, clients) => Pace::Clients(clients.context("name a --rate or a --concurrency")?),
    };
    let report = drive(Plan {
        baskets: Baskets::new(&shop, args.lines, args.seed)?,
        target: system.target,
        pace,
        length: Duration::from_secs(args.seconds),
        until: args.until,
        patience: PATIENCE,
        seed: args.seed,
        metrics: system.metrics,
        pids: system.pids,
        catch_up: PATIENCE,
        progress: true,
    })
    .await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("\n{report}");
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl System {
    fn find(args: &Args) -> anyhow::Result<Self> {
        let mut pids = BTreeMap::from([("load".to_owned(), i32::try_from(id()).context("have a process id")?)]);
        let (target, metrics) = if let Some(url) = &args.url {
            (Target::new(url, args.token.as_deref())?, Vec::new())
        } else {
            let up = UpFile::read(&args.data)?;
            pids.extend(up.pids);
            let metrics = up.metrics.values().map(|url| Target::new(url, None)).collect::<anyhow::Result<Vec<_>>>()?;
            (Target::new(&up.url, Some(&up.token))?, metrics)
        };
        for place in metrics.iter().chain([&target]) {
            ensure!(
                args.allow_remote || place.is_loopback(),
                "{place} is another machine: every sale would be a real one in its books (--allow-remote, if you mean it)"
            );
        }
        Ok(Self { target, metrics, pids })
    }
}
