//! Runs a command with a throw-away `PostgreSQL`, which is gone when the command ends.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::iter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::migrate::Migrator;
use sqlx::{Connection, Executor, PgConnection};
use tillstream_servers::child::{Child, OnLine, exit_code};
use tillstream_servers::postgres::Cluster;
use tillstream_servers::{Password, Programs, free_port};
use tokio::process::Command;
use tokio::signal::unix::{self, SignalKind};

const USAGE: &str = "\
scratch [--services DIR] [--migrate DIR] [--] COMMAND…
Starts a throw-away PostgreSQL, runs the command and exits with its code.
  --services DIR  what `scripts/services` filled (default: .services)
  --migrate DIR   applies the migrations of this folder to the database of DATABASE_URL
The command gets:
  TILLSTREAM_TEST_POSTGRES_URL  the database postgres, as superuser
  DATABASE_URL                  a fresh database; without --migrate also SQLX_OFFLINE=true, unless
                                it is set, for sqlx's macros would look for tables in that database
  TILLSTREAM_TEST_NATS_SERVER   the program nats-server; each test starts its own";

/// Under load, initdb's fresh cluster was ready within 4 s.
const READY: Duration = Duration::from_mins(1);
/// Without fsync it stops in tens of milliseconds.
const GRACE: Duration = Duration::from_secs(10);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Options {
    services: PathBuf,
    migrate: Option<PathBuf>,
    command: Vec<OsString>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options(std::env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options).await {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("scratch: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = OsString>) -> Option<Options> {
    let mut options = Options { services: ".services".into(), migrate: None, command: Vec::new() };
    loop {
        let arg = args.next()?;
        match arg.to_str() {
            Some("--services") => options.services = args.next()?.into(),
            Some("--migrate") => options.migrate = Some(args.next()?.into()),
            Some("--") => {}
            Some(option) if option.starts_with('-') => return None,
            _ => {
                options.command = iter::once(arg).chain(args).collect();
                return Some(options);
            }
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", with_causes(cause)))
}

async fn run(options: &Options) -> Result<i32> {
    let mut signals = Signals::new()?;
    let programs = Programs::find(Some(&options.services))?;
    let temp = tempfile::Builder::new().prefix("tillstream-scratch-").tempdir()?;
    // Passable, for as root PostgreSQL runs as another user. The data folder within is closed.
    fs::set_permissions(temp.path(), Permissions::from_mode(0o711))?;
    let cluster =
        Cluster::new(&programs, &temp.path().join("data"), free_port()?, "postgres", Password::random()?)?.throw_away();
    let code = tokio::select! {
        // Dropping what is under way kills it.
        started = start(&cluster, temp.path(), options.migrate.as_deref()) => {
            let mut server = started?;
            let ended = run_command(options, &programs, &cluster, &mut signals).await;
            server.stop(GRACE).await?;
            exit_code(ended?)
        }
        signal = signals.next() => 128 + signal as i32,
    };
    temp.close()?;
    Ok(code)
}

async fn start(cluster: &Cluster, temp: &Path, migrate: Option<&Path>) -> Result<Child> {
    cluster.init().await?;
    let on_line: OnLine = Arc::new(|name, line| eprintln!("{name}: {line}"));
    let server = cluster.start(&[], &temp.join("run"), &on_line, READY).await?;
    let mut connection = PgConnection::connect(&cluster.superuser_url("postgres")).await?;
    connection.execute("create database scratch").await?;
    connection.close().await?;
    if let Some(folder) = migrate {
        let mut connection = PgConnection::connect(&cluster.superuser_url("scratch")).await?;
        Migrator::new(folder).await?.run(&mut connection).await?;
        connection.close().await?;
    }
    Ok(server)
}

async fn run_command(
    options: &Options,
    programs: &Programs,
    cluster: &Cluster,
    signals: &mut Signals,
) -> Result<ExitStatus> {
    let mut command = Command::new(&options.command[0]);
    command
        .args(&options.command[1..])
        .env("TILLSTREAM_TEST_POSTGRES_URL", cluster.superuser_url("postgres"))
        .env("DATABASE_URL", cluster.superuser_url("scratch"))
        .env("TILLSTREAM_TEST_NATS_SERVER", programs.nats_server());
    if options.migrate.is_none() && std::env::var_os("SQLX_OFFLINE").is_none() {
        command.env("SQLX_OFFLINE", "true");
    }
    // In our process group, so that it may use the terminal.
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not start {}: {error}", options.command[0].to_string_lossy()))?;
    loop {
        tokio::select! {
            ended = child.wait() => return Ok(ended?),
            signal = signals.next() => {
                let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or("the command has no process id")?;
                kill(Pid::from_raw(pid), signal)?;
            }
        }
    }
}

/// The signals that ask us to end.
struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hangup: unix::signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}
