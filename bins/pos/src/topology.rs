//! `pos topology`: makes the streams and consumers on NATS what this version declares.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Subcommand};
use tillstream_bus::{
    Bus,
    topology::{Change, Limits, Topology},
};

use crate::{
    console::out,
    operator::{Data, Nats},
    patience::Wait,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how NATS differs from what is declared; exit code 2 if it does
    Plan(Options),
    /// Show how NATS differs, then make it agree
    Apply(Apply),
}

/// Options of `apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    wait: Wait,
}

/// Options of both.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    nats: Nats,
    /// Sizes and times, in TOML: `replicas`, `commands_max_bytes`, `events_max_bytes`, `dead_max_bytes`,
    /// `identity_max_bytes`, `ack_wait_ms`,
    /// `max_ack_pending`
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
}

/// The exit code of a plan that is not empty.
const DRIFT: u8 = 2;

pub(crate) async fn command(command: Command) -> anyhow::Result<ExitCode> {
    let (Command::Plan(options) | Command::Apply(Apply { options, .. })) = &command;
    let limits = match &options.limits {
        None => Limits::default(),
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            toml::from_str(&text).with_context(|| format!("read {}", path.display()))?
        }
    };
    let connect = async || {
        let bus = options.nats.connect(&options.data).await?;
        anyhow::Ok((Topology::declare(bus.partitions(), &limits), bus))
    };
    let lines = match &command {
        Command::Plan(_) => {
            let (declared, bus) = connect().await?;
            plan(&declared, &bus).await?
        }
        Command::Apply(Apply { wait, .. }) => {
            // All of it: a cluster lets clients in before it can make streams.
            let attempt = async || {
                let (declared, bus) = connect().await?;
                apply(&declared, &bus).await
            };
            wait.for_success(attempt).await?
        }
    };
    if lines.is_empty() {
        out!("NATS agrees with what is declared");
        return Ok(ExitCode::SUCCESS);
    }
    for line in &lines {
        out!("{line}");
    }
    match command {
        Command::Plan(_) => {
            out!("`pos topology apply` makes NATS agree");
            Ok(ExitCode::from(DRIFT))
        }
        Command::Apply(_) => {
            out!("applied; NATS agrees with what is declared");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// How NATS differs, one line for each thing.
///
/// # Errors
/// When NATS can't be asked.
pub async fn plan(declared: &Topology, bus: &Bus) -> anyhow::Result<Vec<String>> {
    Ok(declared.plan(bus).await?.iter().map(line).collect())
}

/// Makes NATS agree. Returns what differed.
///
/// # Errors
/// When NATS refuses.
pub async fn apply(declared: &Topology, bus: &Bus) -> anyhow::Result<Vec<String>> {
    let lines = plan(declared, bus).await?;
    if !lines.is_empty() {
        declared.apply(bus).await.with_context(|| format!("apply this plan:\n{}\n", lines.join("\n")))?;
    }
    Ok(lines)
}

fn line(Change { what, fields }: &Change) -> String {
    let kind = if what.contains('/') { "consumer" } else { "stream" };
    if fields.is_empty() {
        return format!("{kind} {what}: to be made");
    }
    let fields: Vec<_> = fields.iter().map(|(field, is, shall)| format!("{field}: {is} → {shall}")).collect();
    format!("{kind} {what}: {}", fields.join(", "))
}
