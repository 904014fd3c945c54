//! `pos run`: one part of the system in this process, as `pos up` starts it.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use tillstream_runtime::process::{self, start};

use crate::Role;

/// Options of `pos run`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which part
    role: Role,
    /// Its settings, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print every setting with its default and its meaning, and end
    #[arg(long)]
    sample_config: bool,
}

pub(crate) fn command(options: Options) -> ExitCode {
    let Options { role, config, sample_config } = options;
    let options = process::Options { config, sample_config };
    match role {
        Role::Edge => start(role.name(), &options, tillstream_edge::run),
        Role::SalesWorker => start(role.name(), &options, tillstream_sales_worker::run),
        Role::StockWorker => start(role.name(), &options, tillstream_stock_worker::run),
        Role::ReceiptsWorker => start(role.name(), &options, tillstream_receipts_worker::run),
        Role::Postgres | Role::Nats => {
            eprintln!("pos: {role} is a program of its own; `pos up` starts it");
            ExitCode::FAILURE
        }
    }
}
