//! `pos run`: one part of the system in this process, as `pos up` starts it.

use std::process::ExitCode;

use clap::Args;
use tillstream_runtime::process::{self, start};

use crate::Role;

/// Options of `pos run`.
#[derive(Debug, Args)]
// The flattened options have the group of this name.
#[group(skip)]
pub(crate) struct Options {
    /// Which part
    role: Role,
    #[command(flatten)]
    process: process::Options,
}

pub(crate) fn command(options: Options) -> ExitCode {
    let Options { role, process: options } = options;
    match role {
        Role::Edge => start(role.name(), &options, tillstream_edge::run),
        Role::SalesWorker => start(role.name(), &options, tillstream_sales_worker::run),
        Role::StockWorker => start(role.name(), &options, tillstream_stock_worker::run),
        Role::IdentityWorker => start(role.name(), &options, tillstream_identity_worker::run),
        Role::ReceiptsWorker => start(role.name(), &options, tillstream_receipts_worker::run),
        Role::Postgres | Role::Nats | Role::Terminal => {
            eprintln!("pos: {role} is a program of its own; `pos up` starts it");
            ExitCode::FAILURE
        }
    }
}
