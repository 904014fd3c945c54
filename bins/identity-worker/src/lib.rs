//! The identity worker: keeps merchants, stores, registers, users and keys.

mod tills;

use std::collections::BTreeMap;

use serde::Deserialize;
use tillstream_bus::subject::Class;
use tillstream_contract::{Command as _, Envelope, Outcome, Refusal, Stage, identity::Command};
use tillstream_domain::{
    Rejection,
    id::MerchantId,
    identity::{Directory, Need},
    time::Timestamp,
};
use tillstream_runtime::{
    Item, Process, Settings, Worker,
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
    worker::{Station, WorkerSettings},
};
use tillstream_store::{Error, PgConnection, identity};

/// Settings of this worker; see `settings.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    process: ProcessSettings,
    bus: tillstream_bus::Settings,
    database: DatabaseSettings,
    worker: WorkerSettings,
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
    Station::new(Identity, process, bus, pool, config.worker).run().await;
    Ok(())
}

mod decide;

/// Decides on who belongs to a merchant.
#[derive(Debug)]
pub struct Identity;

/// The directories that a batch needs, and what those who ask may.
#[derive(Debug)]
pub struct State {
    directories: BTreeMap<MerchantId, Directory>,
    held: BTreeMap<identity::Who, identity::Held>,
}

impl Worker for Identity {
    const NAME: &'static str = "identity";
    const SOURCE: (Class, &'static str) = (Class::Command, "identity");
    const ANSWERS: Option<Stage> = Some(Stage::Recorded);
    const STAGE: Option<&'static str> = None;
    type Message = Command;
    type State = State;

    fn need(command: &Command) -> Option<Need> {
        match command {
            // Who enrols is nobody yet: the code counts.
            Command::EnrolTill(_) => None,
            other => Some(other.need()),
        }
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<Command>]) -> Result<State, Error> {
        let mut wanted = identity::Wanted::default();
        for item in batch {
            decide::want(&mut wanted, &item.envelope, &item.message);
        }
        let directories = identity::directories(conn, &wanted).await?;
        let who = batch.iter().filter_map(|item| Some((item.envelope.merchant, item.envelope.actor.parse().ok()?)));
        let held = identity::rights(conn, &who.collect()).await?;
        Ok(State { directories, held })
    }

    fn decide(&self, state: &mut State, item: &Item<Command>, now: Timestamp) -> Outcome {
        let envelope = &item.envelope;
        if let Command::SignIn(sign_in) = &item.message {
            let failed = || Outcome::Rejected(Rejection::WrongCredentials.into());
            return if sign_in.ok { Outcome::Accepted(Vec::new()) } else { failed() };
        }
        let rights = identity::rights_of(&state.held, envelope);
        if matches!(item.message, Command::OpenMerchant(_)) {
            // The one command that finds no merchant.
            state.directories.entry(envelope.merchant).or_default();
        }
        let Some(directory) = state.directories.get_mut(&envelope.merchant) else {
            return Outcome::Rejected(Refusal::unknown_merchant(envelope.merchant));
        };
        match decide::decide(directory, &rights, envelope, &item.message, now) {
            Ok(event) => Outcome::Accepted(vec![Envelope::caused_by(envelope, &event, now)]),
            Err(rejection) => Outcome::Rejected(rejection.into()),
        }
    }

    async fn save(&self, conn: &mut PgConnection, state: State, now: Timestamp) -> Result<(), Error> {
        identity::save(conn, &state.directories, now).await
    }
}
