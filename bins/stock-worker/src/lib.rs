//! The stock worker: moves stock for sales, and adjusts it by hand.

mod adjust;
pub mod audit;
mod deplete;

use std::collections::BTreeMap;

pub use adjust::Adjustments;
pub use deplete::Depletion;

use anyhow::Context;
use serde::Deserialize;
use tillstream_domain::{
    id::MerchantId,
    stock::{Level, Movement},
    time::Timestamp,
};
use tillstream_runtime::{
    Process, Settings,
    audit::AuditSettings,
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
    worker::{Station, WorkerSettings},
};
use tillstream_store::{
    Error, PgConnection,
    stock::{self, LevelKey},
};

/// Settings of this worker; see `settings.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    process: ProcessSettings,
    bus: tillstream_bus::Settings,
    database: DatabaseSettings,
    worker: WorkerSettings,
    audit: AuditSettings,
    tracing: TracingSettings,
}

impl Settings for Config {
    const SAMPLE: &'static str = include_str!("../settings.toml");

    fn process(&self) -> &ProcessSettings {
        &self.process
    }

    fn tracing(&self) -> TracingSettings {
        self.tracing.clone()
    }
}

/// Works until the process stops.
///
/// # Errors
/// When the settings are unusable.
pub async fn run(process: Process, config: Config) -> anyhow::Result<()> {
    let (bus, pool) = process.connect(&config.bus, &config.database).await?;
    let depletion = Station::new(Depletion, process.clone(), bus.clone(), pool.clone(), config.worker.clone());
    let adjustments = Station::new(Adjustments, process.clone(), bus, pool.clone(), config.worker);
    // A task of its own: whatever it takes, messages do not wait for it.
    let auditing = tokio::spawn(audit::run(process, pool, config.audit));
    tokio::join!(depletion.run(), adjustments.run());
    auditing.await.context("check stock levels")
}

/// Saves movements and what they add up to.
async fn save(conn: &mut PgConnection, entries: &[stock::Entry], now: Timestamp) -> Result<(), Error> {
    stock::append(conn, entries, now).await?;
    stock::apply_deltas(conn, &deltas(entries)?).await
}

/// The sum of the movements of each level, over all merchants of a batch.
fn deltas(entries: &[stock::Entry]) -> Result<BTreeMap<LevelKey, Level>, Error> {
    let mut of_merchant: BTreeMap<MerchantId, Vec<&Movement>> = BTreeMap::new();
    for entry in entries {
        of_merchant.entry(entry.merchant).or_default().push(&entry.movement);
    }
    let mut all = BTreeMap::new();
    for (merchant, movements) in of_merchant {
        let sums = tillstream_domain::stock::deltas(movements).map_err(Error::overflow)?;
        all.extend(sums.into_iter().map(|((store, product), sum)| ((merchant, store, product), sum)));
    }
    Ok(all)
}
