//! `pos terminal`: a stand-in for a provider of card terminals.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use tillstream_terminal::{Simulator, serve};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Options of `pos terminal`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to serve the protocol of docs/terminals.md
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How long slow customers take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    slow_ms: u64,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let listen = options.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    println!("card terminals are simulated at http://{}", listener.local_addr()?);
    let simulator = Arc::new(Simulator::new(Duration::from_millis(options.slow_ms)));
    tokio::select! {
        served = serve(listener, simulator) => served.context("serve the simulator"),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
