//! The receipts worker: numbers, chains, signs and stores a receipt for each sale.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Deserialize;
use tillstream_bus::subject::Class;
use tillstream_contract::{
    Envelope, Outcome, Stage,
    receipt::{Event, Issued},
    sale::Event as SaleEvent,
};
use tillstream_domain::{
    identity::Need,
    receipt::{Head, SigningKey, VerifyingKey, issue},
    sale::Sale,
    time::Timestamp,
};
use tillstream_runtime::{
    Item, Process, Settings, Worker,
    audit::AuditSettings,
    health::describe,
    sample::{EVERY, every},
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
    worker::{Station, WorkerSettings},
};
use tillstream_store::{
    Error, PgConnection, PgPool,
    receipt::{self, Entry, SeriesKey},
};
use tokio::join;
use tracing::warn;

pub mod audit;

/// Settings of this worker; see `settings.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    process: ProcessSettings,
    bus: tillstream_bus::Settings,
    database: DatabaseSettings,
    worker: WorkerSettings,
    audit: AuditSettings,
    signing: SigningSettings,
    tracing: TracingSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningSettings {
    key_file: PathBuf,
    earlier_keys: Vec<VerifyingKey>,
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
/// When the settings are unusable or the signing key can't be read.
pub async fn run(process: Process, config: Config) -> anyhow::Result<()> {
    let key = read_key(&config.signing.key_file)?;
    let (bus, pool) = process.connect(&config.bus, &config.database).await?;
    let mut keys = config.signing.earlier_keys;
    keys.push(key.verifying_key());
    // A task of its own: whatever it takes, messages do not wait for it.
    let auditing = tokio::spawn(audit::run(process.clone(), pool.clone(), keys, config.audit));
    let counting = count_receipts(process.clone(), pool.clone());
    let station = Station::new(Receipts::new(key), process, bus, pool, config.worker);
    join!(station.run(), counting);
    auditing.await.context("verify receipts")
}

/// Shows how many receipts there are: the sum of the numbers at which the series stand.
async fn count_receipts(process: Process, pool: PgPool) {
    let metrics = &process.metrics;
    let issued = metrics.gauge("tillstream_receipts_issued", "Receipts in all series", &[]);
    let series = metrics.gauge("tillstream_receipts_series", "Series of receipts, one for each register", &[]);
    every(&process.stop, EVERY, || async {
        match receipt::tally(&pool).await {
            Ok(tally) => {
                issued.with_label_values::<&str>(&[]).set(tally.receipts);
                series.with_label_values::<&str>(&[]).set(tally.series);
            }
            Err(error) => warn!(error = describe(&error), "receipts cannot be counted; trying again later"),
        }
    })
    .await;
}

/// Reads a signing key: 32 bytes as 64 hexadecimal digits.
///
/// # Errors
/// When there is no such file, or it does not hold that.
pub fn read_key(file: &Path) -> anyhow::Result<SigningKey> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("read the signing key from {:?} (setting signing.key_file)", file.display().to_string())
    })?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed)
        .with_context(|| format!("signing key in {} is not 64 hexadecimal digits", file.display()))?;
    Ok(SigningKey::from_seed(&seed))
}

/// Issues receipts.
#[derive(Debug)]
pub struct Receipts {
    key: SigningKey,
}

impl Receipts {
    /// Issues receipts signed with `key`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self { key }
    }
}

/// The heads of the series that a batch adds to, and what it adds.
#[derive(Debug)]
pub struct State {
    heads: BTreeMap<SeriesKey, Head>,
    entries: Vec<Entry>,
}

impl Worker for Receipts {
    const NAME: &'static str = "receipts";
    const SOURCE: (Class, &'static str) = (Class::Event, "sale");
    const ANSWERS: Option<Stage> = Some(Stage::Receipted);
    const STAGE: Option<&'static str> = Some("receipted");
    type Message = SaleEvent;
    type State = State;

    fn need(_event: &SaleEvent) -> Option<Need> {
        None
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<SaleEvent>]) -> Result<State, Error> {
        let keys = batch.iter().filter_map(|item| Some((item.envelope.merchant, item.message.counting()?.register.id)));
        let heads = receipt::lock_heads(conn, &keys.collect()).await?;
        Ok(State { heads, entries: Vec::with_capacity(batch.len()) })
    }

    fn decide(&self, state: &mut State, item: &Item<SaleEvent>, now: Timestamp) -> Outcome {
        let Some(sale) = item.message.counting() else { return Outcome::Accepted(Vec::new()) };
        let sale = Sale::from(sale.clone());
        let series = (item.envelope.merchant, sale.seller.register);
        let head = state.heads.entry(series).or_insert(Head::GENESIS);
        let issued = issue(head, &sale, now, &self.key);
        *head = issued.head();
        let event = Event::Issued(Issued {
            sale: sale.id,
            store: sale.seller.store,
            register: sale.seller.register,
            number: issued.number,
            hash: issued.hash,
            issued_at: now,
        });
        state.entries.push(Entry { series, sale: sale.id, issued_at: now, issued });
        Outcome::Accepted(vec![Envelope::caused_by(&item.envelope, &event, now)])
    }

    async fn save(&self, conn: &mut PgConnection, state: State, _now: Timestamp) -> Result<(), Error> {
        receipt::save(conn, &state.entries, &state.heads).await
    }
}
