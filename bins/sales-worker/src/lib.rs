//! The sales worker: records sales.

use std::collections::HashMap;

use serde::Deserialize;
use tillstream_bus::{Bus, subject::Class, trim::Keep};
use tillstream_contract::{
    Command as _, Envelope, Outcome, Refusal, Stage,
    sale::{Command, Event, Recorded, Sale},
};
use tillstream_domain::{
    id::MerchantId,
    identity::Need,
    sale::{self, Books},
    time::Timestamp,
};
use tillstream_runtime::{
    Item, Process, Settings, Worker,
    health::describe,
    metrics::level,
    sample::{EVERY, every},
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
    worker::{Station, WorkerSettings},
};
use tillstream_store::{Error, PgConnection, catalog};
use tracing::warn;

/// Settings of this worker; see `settings.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    process: ProcessSettings,
    bus: tillstream_bus::Settings,
    database: DatabaseSettings,
    worker: WorkerSettings,
    trim: TrimSettings,
    tracing: TracingSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrimSettings {
    every_ms: u64,
    commands: Keep,
    events: Keep,
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
    let trimming = trim::every(process.clone(), bus.clone(), config.trim);
    let counting = count_dead_letters(process.clone(), bus.clone());
    let station = Station::new(Sales, process, bus, pool, config.worker);
    tokio::join!(station.run(), trimming, counting);
    Ok(())
}

/// Shows how many dead letters there are, of all workers. It is done here because one place is enough.
async fn count_dead_letters(process: Process, bus: Bus) {
    let letters =
        process.metrics.gauge("tillstream_dead_letters", "Messages set aside until somebody decides about them", &[]);
    every(&process.stop, EVERY, || async {
        match bus.count_dead_letters().await {
            Ok(count) => letters.with_label_values::<&str>(&[]).set(level(count)),
            Err(error) => warn!(error = describe(&error), "dead letters cannot be counted; trying again later"),
        }
    })
    .await;
}

mod trim;

/// Decides on sales.
#[derive(Debug)]
pub struct Sales;

/// Whose books a batch needs, and the sales that it completes.
#[derive(Debug)]
pub struct State {
    books: HashMap<MerchantId, Books>,
    completed: Vec<Sale>,
}

impl Worker for Sales {
    const NAME: &'static str = "sales";
    const SOURCE: (Class, &'static str) = (Class::Command, "sale");
    const ANSWERS: Option<Stage> = Some(Stage::Recorded);
    const STAGE: Option<&'static str> = Some("recorded");
    type Message = Command;
    type State = State;

    fn need(command: &Command) -> Option<Need> {
        Some(command.need())
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<Command>]) -> Result<State, Error> {
        let mut wanted = catalog::Wanted::default();
        for item in batch {
            let Command::Submit(sale) = &item.message;
            let merchant = item.envelope.merchant;
            wanted.merchants.insert(merchant);
            wanted.registers.insert((merchant, sale.register));
            wanted.stores.insert((merchant, sale.store));
            wanted.products.extend(sale.lines.iter().map(|line| (merchant, line.product)));
        }
        Ok(State { books: catalog::books(conn, &wanted).await?, completed: Vec::with_capacity(batch.len()) })
    }

    fn decide(&self, state: &mut State, item: &Item<Command>, now: Timestamp) -> Outcome {
        let Command::Submit(new) = &item.message;
        let Some(books) = state.books.get(&item.envelope.merchant) else {
            return Outcome::Rejected(Refusal::unknown_merchant(item.envelope.merchant));
        };
        match sale::submit(books, &new.submission(&item.envelope), now) {
            Ok(sale) => {
                let sale = Sale::from(sale);
                let event = Event::Recorded(Recorded { sale: sale.clone() });
                state.completed.push(sale);
                Outcome::Accepted(vec![Envelope::caused_by(&item.envelope, &event, now)])
            }
            Err(rejection) => Outcome::Rejected(rejection.into()),
        }
    }

    async fn save(&self, conn: &mut PgConnection, state: State, _now: Timestamp) -> Result<(), Error> {
        tillstream_store::sale::save(conn, &state.completed).await
    }
}
