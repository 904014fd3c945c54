//! `pos up`: the whole system on one machine.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Output, Stack, StackOptions, UpFile, demo};

/// Options of `pos up`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where everything is kept: database, streams, keys, passwords
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Where to serve HTTP [default: 127.0.0.1:8080 or, if that is taken, a free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where `scripts/services` put the servers; what is not there is looked for on PATH
    #[arg(long, value_name = "DIR", default_value = ".services")]
    services: PathBuf,
    /// Products of the demo shop
    #[arg(long, default_value_t = demo::Size::default().products, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    products: u32,
    /// Registers of the demo shop
    #[arg(long, default_value_t = demo::Size::default().registers, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    registers: u32,
    /// Copy the database's log into this folder, on another disk, at most a minute late; see `pos backup`
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Reach card terminals at this provider, `http://host:port`; without it a demo shop has a simulator
    #[arg(long, value_name = "URL")]
    terminals: Option<String>,
    /// Plant no demo shop
    #[arg(long)]
    no_shop: bool,
    /// Which log lines of the edge and the workers are shown, for example `warn` or `info,tillstream_bus=debug`
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let output = Output::screen();
    let size = demo::Size { products: options.products, registers: options.registers };
    let options = StackOptions {
        listen: options.listen,
        services: options.services,
        shop: (!options.no_shop).then_some(size),
        log_filter: options.log,
        archive: options.archive,
        terminals: options.terminals,
        output: output.clone(),
        ..StackOptions::new(options.data)?
    };
    let mut stack = Stack::prepare(options).await?;
    // One of a killed run would send people to what is no longer there.
    UpFile::remove(stack.folder())?;
    let outcome = tokio::select! {
        outcome = run(&mut stack) => outcome,
        name = signals.next() => {
            output.say(&format!("{name}: stopping the edge, the workers, NATS and PostgreSQL, in this order"));
            Ok(())
        }
    };
    if let Err(failure) = &outcome {
        output.say(&format!("{failure:#}; stopping"));
    }
    UpFile::remove(stack.folder())?;
    stack.stop().await?;
    if outcome.is_ok() {
        output.say("stopped; all that was sold is kept");
    }
    outcome
}

/// Brings everything up, then keeps `up.json` true.
async fn run(stack: &mut Stack) -> anyhow::Result<()> {
    let mut changes = stack.changes();
    stack.bring_up().await?;
    let mut up = stack.up_file();
    up.write(stack.folder())?;
    announce(stack, &up);
    loop {
        changes.changed().await.context("watch the processes")?;
        let now = UpFile { curl: up.curl.clone(), ..stack.up_file() };
        if now != up {
            up = now;
            up.write(stack.folder())?;
        }
    }
}

fn announce(stack: &Stack, up: &UpFile) {
    let say = |line: &str| stack.output().say(line);
    say(&format!("ready at {}", up.url));
    say(&format!("the API is described at {}/docs; all of this is in {}", up.url, stack.folder().up_file().display()));
    say(&format!("a token, for 30 days: {}", up.token));
    for (what, line) in ["sell two espressos", "show the receipt", "show the stock"].iter().zip(&up.curl) {
        stack.output().plain(&format!("\n# {what}\n{line}"));
    }
    let data = stack.folder().root().display();
    stack.output().plain(&format!(
        "\n# add an owner who signs in with a password of their own\npos owner create --data {data} --merchant {} --name <name> --email <address>",
        up.merchant
    ));
    stack.output().plain("");
    say("Ctrl-C stops everything");
}

/// What asks this process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
