//! The command line.

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{
    backup, deadletters, doctor, down, journal, load, migrate, operator::Data, owner, run, schemas, secrets, seed,
    smoke, streams, terminal, token, topology, torture, up,
};

/// The operator's tool of Tillstream, and the whole shop system on one machine
#[derive(Debug, Parser)]
#[command(name = "pos", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine: database, broker, edge and workers, with a demo shop; Ctrl-C stops it
    Up(up::Options),
    /// Stop what runs on a data folder, also what a killed `pos up` left behind
    Down(Data),
    /// Make the database what this version needs
    Migrate(migrate::Options),
    /// Compare the streams and consumers on NATS with what this version declares, or make them agree
    #[command(subcommand)]
    Topology(topology::Command),
    /// Have the workers take again what is on NATS, or carry it to another NATS
    #[command(subcommand)]
    Streams(streams::Command),
    /// Copy database, keys and passwords of a running `pos up`
    Backup(backup::Backup),
    /// Put a backup into a data folder, and have the database go on from it to a moment
    Restore(backup::Restore),
    /// Plant the demo shop
    Seed(seed::Options),
    /// Make passwords and keys, and what follows from them
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Add a merchant's owner, who then sets a password by a one-time code
    #[command(subcommand)]
    Owner(owner::Command),
    /// Mint a bearer token
    Token(token::Options),
    /// Export the receipt journal, or verify an export
    #[command(subcommand)]
    Journal(journal::Command),
    /// List, show, send again or drop messages that could not take effect
    #[command(subcommand)]
    Deadletters(deadletters::Command),
    /// Write the schemas that are generated from the code
    #[command(hide = true)]
    Schemas(schemas::Options),
    /// Sell one item over HTTP, and wait until it is recorded, receipted and out of stock
    Smoke(smoke::Options),
    /// Stand in for a provider of card terminals: no money moves, and an amount's last two digits say what happens
    Terminal(terminal::Options),
    /// Sell as many tills would, and measure
    Load(load::Args),
    /// Sell through faults on a private system, and check that nothing was lost, doubled or changed
    Torture(torture::Args),
    /// Check a running system: every process, the database, NATS, and that sales, stock and receipts agree; or its security
    Doctor(doctor::Options),
    /// Run one part of the system in this process
    #[command(hide = true)]
    Run(run::Options),
}

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        // It logs by its own settings, and makes its own runtime.
        Command::Run(options) => run::command(options),
        command => {
            log_to_stderr();
            let outcome = tokio::runtime::Runtime::new()
                .map_err(anyhow::Error::from)
                .and_then(|tokio| tokio.block_on(perform(command)));
            outcome.unwrap_or_else(|failure| {
                eprintln!("pos: {failure:#}");
                ExitCode::FAILURE
            })
        }
    }
}

/// Warnings only. What the connection to NATS has to say is in the error that ends the command.
fn log_to_stderr() {
    let filter = EnvFilter::new("warn,async_nats=off,tillstream_bus::connect=off");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal()).init();
}

async fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(options) => up::command(options).await?,
        Command::Down(data) => down::command(&data).await?,
        Command::Migrate(options) => migrate::command(options).await?,
        Command::Topology(command) => return topology::command(command).await,
        Command::Streams(command) => streams::command(command).await?,
        Command::Backup(options) => backup::back_up(&options).await?,
        Command::Restore(options) => backup::restore(&options)?,
        Command::Seed(options) => seed::command(options).await?,
        Command::Secrets(command) => secrets::command(&command)?,
        Command::Owner(command) => owner::command(command).await?,
        Command::Token(options) => token::command(&options)?,
        Command::Journal(command) => return journal::command(command).await,
        Command::Deadletters(command) => deadletters::command(command).await?,
        Command::Schemas(options) => schemas::command(&options)?,
        Command::Smoke(options) => smoke::command(options).await?,
        Command::Terminal(options) => terminal::command(options).await?,
        Command::Load(args) => return load::run(args).await,
        Command::Torture(args) => return Ok(torture::run(args).await),
        Command::Doctor(options) => return doctor::command(&options).await,
        Command::Run(options) => return Ok(run::command(options)),
    }
    Ok(ExitCode::SUCCESS)
}
