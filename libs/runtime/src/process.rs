//! From the command line to a running process, and in good order to its end.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;
use tillstream_bus::Bus;
use tillstream_store::{PgPool, Plans};
use tokio::{
    net::TcpListener,
    runtime,
    signal::unix::{SignalKind, signal},
};
use tracing::{error, info};

use crate::{
    Clock, Health, Ids, Settings, Stop, logging,
    metrics::Metrics,
    probe, readiness, sample,
    settings::{self, DatabaseSettings},
    trace::Tracing,
};

/// What a binary's `run` is given.
#[derive(Clone, Debug)]
pub struct Process {
    /// The binary's name, for example `sales-worker`.
    pub name: &'static str,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// Whether it is ready.
    pub health: Health,
    /// What it counts.
    pub metrics: Metrics,
    /// Where it records traces.
    pub tracing: Tracing,
    /// When to stop.
    pub stop: Stop,
}

/// Options of every binary but `pos`.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Settings, in TOML; variables such as `TILLSTREAM__DATABASE__URL` override them.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print every setting with its default and its meaning, and end.
    #[arg(long)]
    pub sample_config: bool,
    /// Ask the process that runs with these settings whether it is ready, and end: exit code 0 if it is, 1 if not.
    #[arg(long, conflicts_with = "sample_config")]
    pub health: bool,
}

/// The `main` of a binary: reads the command line and runs until SIGTERM or SIGINT.
pub fn main<S: Settings, F>(name: &'static str, run: impl FnOnce(Process, S) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    start(name, &Options::parse(), run)
}

/// Runs with the given options until SIGTERM or SIGINT. Exit code 0 means: all that was in hand is done.
pub fn start<S: Settings, F>(name: &'static str, options: &Options, run: impl FnOnce(Process, S) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    if options.sample_config {
        print!("{}", S::SAMPLE);
        return ExitCode::SUCCESS;
    }
    let settings = || settings::load::<S>(options.config.as_deref()).context("read the settings");
    if options.health {
        return match settings().and_then(|settings| probe::ready(settings.health())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("{name}: {failure:#}");
                ExitCode::FAILURE
            }
        };
    }
    let mut threads =
        if S::PARALLEL { runtime::Builder::new_multi_thread() } else { runtime::Builder::new_current_thread() };
    match threads.enable_all().build().context("start the asynchronous runtime").and_then(|tokio| {
        let settings = settings()?;
        logging::start(name, settings.process());
        info!(name, version = env!("CARGO_PKG_VERSION"), ?settings, "starting");
        let served = tokio.block_on(serve(name, settings, run));
        if let Err(failure) = &served {
            error!(error = format!("{failure:#}"), "ended by a failure");
        }
        served
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The log may not be there yet.
            eprintln!("{name}: {failure:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve<S: Settings, F>(name: &'static str, settings: S, run: impl FnOnce(Process, S) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let process = Process {
        name,
        clock: Clock::system(),
        ids: Ids::random(),
        health: Health::default(),
        metrics: Metrics::of_process(),
        tracing: Tracing::start(name, &settings.tracing())?,
        stop: Stop::default(),
    };
    stop_on_signal(&process)?;
    tokio::spawn(sample::readiness(process.clone()));
    if let Some(listen) = settings.process().listen.clone() {
        let listener =
            TcpListener::bind(&listen).await.with_context(|| format!("listen on {listen} for health and metrics"))?;
        let routes = process.health.routes(&process.metrics);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                error!(%error, "health and metrics are no longer served");
            }
        });
    }
    tokio::spawn(readiness::watch(process.health.clone(), process.stop.clone()));
    let tracing = process.tracing.clone();
    let ran = run(process, settings).await;
    tracing.stop().await;
    ran?;
    info!(name, "stopped");
    Ok(())
}

fn stop_on_signal(process: &Process) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let process = process.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!(name = process.name, "asked to stop; finishing what is in hand");
        process.health.drain();
        process.stop.now();
    });
    Ok(())
}

impl Process {
    /// Connects to the bus and the database, neither of which needs to be there yet, and makes readiness depend on both.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub async fn connect(
        &self,
        bus: &tillstream_bus::Settings,
        database: &DatabaseSettings,
    ) -> anyhow::Result<(Bus, PgPool)> {
        let pool = tillstream_store::pool(
            self.name,
            &database.url,
            Plans::Once,
            database.max_connections,
            Duration::from_millis(database.acquire_timeout_ms),
        )
        .context("read the setting database.url")?;
        let bus = Bus::connect(bus, Duration::from_secs(5)).await?;
        self.health.check_postgres(&pool, true);
        self.health.check_nats(&bus);
        self.metrics.watch_pool(&pool);
        Ok((bus, pool))
    }
}
