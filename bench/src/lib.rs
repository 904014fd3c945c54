//! Measures Tillstream beside a server of conventional design: HTTP, then one PostgreSQL transaction for each sale.
//!
//! Both systems are up at once, each with a PostgreSQL of its own with the same settings, fsync on; one is loaded at a
//! time, by the same client program with the same baskets. The two take turns at every point, so that a slow minute of the
//! machine hits both. Tillstream's sales count when they are recorded, their stock is moved and their receipts are issued;
//! the conventional server's when they are answered, which is after its commit.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

mod compare;
mod conventional;
mod facts;
mod identity;
mod memory;
mod outage;
mod quotes;
mod shifts;
mod systems;
mod table;
mod watched;

/// Measures Tillstream beside a server of conventional design
#[derive(Debug, Parser)]
#[command(name = "bench", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the two systems, hot and spread, at 1 to 128 clients
    Run(compare::Options),
    /// Stop Tillstream's PostgreSQL under load
    Outage(outage::Options),
    /// Tillstream's memory at rest, under load and after it
    Memory(memory::Options),
    /// What it costs to know who calls, and what a flood of sign-ins does to those who sell
    Identity(identity::Options),
    /// How many baskets one core prices in a second, natively and as WebAssembly
    Quotes(quotes::Options),
    /// What it costs to close a shift, by how much was sold in it
    Shifts(shifts::Options),
    /// How long each part takes to start, and what it costs to watch it
    Watched(watched::Options),
    /// The conventional server
    #[command(hide = true)]
    Conventional(conventional::Options),
}

/// What every measurement needs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// A folder on a real disk; what is measured is kept in a folder of its own within, and removed afterwards
    #[arg(long, value_name = "DIR", default_value = "bench/data")]
    data: PathBuf,
    /// Where `scripts/services` put PostgreSQL and NATS
    #[arg(long, value_name = "DIR", default_value = ".services")]
    services: PathBuf,
    /// The program `pos` [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pos: Option<PathBuf>,
}

/// Runs what the command line asks for.
///
/// # Errors
/// When a system does not start, or a sale fails.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let measured = async {
        match cli.command {
            Command::Run(options) => compare::run(options).await,
            Command::Outage(options) => outage::run(options).await,
            Command::Memory(options) => memory::run(options).await,
            Command::Identity(options) => identity::run(options).await,
            Command::Quotes(options) => quotes::run(&options),
            Command::Shifts(options) => shifts::run(options).await,
            Command::Watched(options) => watched::run(options).await,
            Command::Conventional(options) => conventional::serve(options).await,
        }
    };
    // What has been started is killed when it is dropped.
    tokio::select! {
        measured = measured => measured,
        _ = terminate.recv() => bail!("stopped"),
        interrupt = ctrl_c() => {
            interrupt.context("listen for SIGINT")?;
            bail!("interrupted")
        }
    }
}
