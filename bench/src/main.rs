//! Measures Tillstream beside a server of conventional design.

use std::process::ExitCode;

use clap::Parser;
use tillstream_bench::{Cli, run};
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(LevelFilter::WARN).init();
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from);
    match runtime.and_then(|tokio| tokio.block_on(run(Cli::parse()))) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("bench: {failure:#}");
            ExitCode::FAILURE
        }
    }
}
