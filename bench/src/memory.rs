//! `bench memory`: Tillstream's resident memory.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use tillstream_pos::load::{
    Pace, Shop, Until,
    processes::{Processes, Usage},
};
use tokio::time::sleep;

use crate::{
    Place, compare,
    systems::{CURRENCY, Load, folder, subject_of, tillstream},
    table,
};

/// Products of the catalogue.
const PRODUCTS: u32 = 1000;
/// After the start, and after the load.
const REST: Duration = Duration::from_secs(15);

/// What `bench memory` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How long to load it
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    seconds: u64,
    /// With how many clients
    #[arg(long, default_value_t = 128)]
    clients: usize,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/memory.json")]
    results: PathBuf,
}

/// Measures, prints the table and writes the figures.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let folder = folder(&options.place)?;
    let mut stack = tillstream(&options.place, &folder, PRODUCTS).await?;
    let subject = subject_of(&stack)?;
    sleep(REST).await;
    let rest = Processes::watch(subject.pids())?.usage();
    let shop = Shop::fetch(&subject.target, CURRENCY, PRODUCTS as usize).await?;
    let load = Load {
        pace: Pace::Clients(options.clients),
        length: Duration::from_secs(options.seconds),
        until: Until::Recorded,
        lines: 4,
        seed: 1,
        progress: true,
    };
    let report = subject.load(&shop, load).await?;
    sleep(REST).await;
    let after = Processes::watch(subject.pids())?.usage();
    stack.stop().await?;

    let of = |usage: &BTreeMap<String, Usage>, memory: fn(&Usage) -> f64| -> BTreeMap<String, f64> {
        usage.iter().filter(|(name, _)| *name != "load").map(|(name, usage)| (name.clone(), memory(usage))).collect()
    };
    let columns = [
        ("at rest", of(&rest, |usage| usage.memory_mib)),
        ("peak under load", of(&report.processes, |usage| usage.memory_peak_mib)),
        ("at rest again", of(&after, |usage| usage.memory_mib)),
    ];
    println!("\n{} sales, {:.0}/s, {} clients", report.acknowledged, report.through_per_second(), options.clients);
    print!("{}", table::columns("memory, MiB", &columns));
    compare::write(&options.results, &BTreeMap::from(columns))?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
