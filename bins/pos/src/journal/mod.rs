//! `pos journal`: exports the receipt journal, and verifies an export alone.

mod export;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write all receipts of a merchant, with proof that none is missing or changed
    Export(export::Options),
    /// Verify an export, without any database: numbers, hashes, chain, signatures, sums; exit code 1 if an entry is bad
    Verify(verify::Options),
}

pub(crate) async fn command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Export(options) => export::command(options).await.map(|()| ExitCode::SUCCESS),
        Command::Verify(options) => verify::command(options),
    }
}

/// Whether a file's name stands for standard input or output.
fn is_standard(path: &std::path::Path) -> bool {
    path.as_os_str() == "-"
}
