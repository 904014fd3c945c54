//! A process that this one started, and what is left of those of an earlier, killed run.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Error;

mod pid_file;
mod reclaim;

pub use pid_file::StopSignal;
pub use reclaim::{Reclaimed, reclaim};

/// Called with the child's name and a line of its output, from one task per stream.
pub type OnLine = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// How long the output of an ended process is awaited. What it started itself may hold the pipe open.
const LAST_OUTPUT: Duration = Duration::from_millis(500);
/// A longer line is passed on in pieces, so that output without line ends can't fill the memory.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// A running process of ours: a server, a worker.
///
/// It is in its own process group, so that a terminal's Ctrl-C reaches only the parent, which stops its
/// children in order. Dropping it kills it; [`stop`](Self::stop) is the clean way.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: tokio::process::Child,
    stop_signal: StopSignal,
    pid_file: PathBuf,
    output: JoinSet<()>,
}

impl Child {
    /// Starts the command and notes it in `<run_dir>/<name>.pid`, for [`reclaim`]. The name is a file
    /// name, and no other living child of the folder has it.
    ///
    /// # Errors
    /// The command can't be started or the pid file not be written; then nothing is left running.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(
        name: &str,
        mut command: Command,
        stop_signal: StopSignal,
        run_dir: &Path,
        on_line: &OnLine,
    ) -> Result<Self, Error> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut process = command.spawn().map_err(Error::process("start", name))?;
        let mut output = JoinSet::new();
        let streams = (process.stdout.take(), process.stderr.take());
        if let Some(stdout) = streams.0 {
            output.spawn(pass_on(name.to_owned(), stdout, on_line.clone()));
        }
        if let Some(stderr) = streams.1 {
            output.spawn(pass_on(name.to_owned(), stderr, on_line.clone()));
        }
        let child =
            Self { name: name.to_owned(), process, stop_signal, pid_file: pid_file::path(run_dir, name), output };
        if let Some(pid) = child.pid() {
            pid_file::write(&child.pid_file, pid, stop_signal)?;
        }
        Ok(child)
    }

    /// The name it was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, or `None` once its end has been awaited.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.process.id().and_then(|pid| i32::try_from(pid).ok())
    }

    /// Waits for its end and its last output. May be dropped and called again.
    ///
    /// # Errors
    /// The operating system can't say, or the pid file can't be removed.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        let status = self.process.wait().await.map_err(Error::process("wait for", &self.name))?;
        let drained = async { while self.output.join_next().await.is_some() {} };
        if timeout(LAST_OUTPUT, drained).await.is_err() {
            tracing::debug!(child = self.name, "its output is still held open by another process; reading on");
        }
        pid_file::remove(&self.pid_file)?;
        Ok(status)
    }

    /// Ends it with its stop signal, or with SIGKILL after the grace. A child that has ended is fine.
    ///
    /// # Errors
    /// It can't be signalled or waited for.
    pub async fn stop(&mut self, grace: Duration) -> Result<ExitStatus, Error> {
        self.signal(self.stop_signal.into())?;
        // One that is paused could not act on it.
        self.signal(Signal::SIGCONT)?;
        if let Ok(ended) = timeout(grace, self.wait()).await {
            return ended;
        }
        tracing::warn!(child = self.name, grace_s = grace.as_secs(), "did not stop in time; killing it");
        self.kill9()?;
        self.wait().await
    }

    /// Kills it, as a fault that is injected.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn kill9(&self) -> Result<(), Error> {
        self.signal(Signal::SIGKILL)
    }

    /// Halts it where it is, as a fault that is injected.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::SIGCONT)
    }

    /// Gives the child back once it is ready. One that ends before, or is not ready in time, is killed.
    ///
    /// # Errors
    /// The child ended, or what `ready` says.
    pub async fn until_ready(mut self, ready: impl Future<Output = Result<(), Error>>) -> Result<Self, Error> {
        let outcome = tokio::select! {
            ended = self.wait() => ended.and_then(|status| Err(Error::EndedEarly { name: self.name.clone(), status })),
            outcome = ready => outcome,
        };
        if let Err(error) = outcome {
            self.kill9()?;
            self.wait().await?;
            return Err(error);
        }
        Ok(self)
    }

    /// As long as its end has not been awaited its process id is not given to another process.
    fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.pid().map_or(Ok(()), |pid| send(&self.name, pid, signal))
    }
}

/// The code that a shell would give for this end: 128 and the signal, if a signal ended it.
#[must_use]
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn send(name: &str, pid: i32, signal: Signal) -> Result<(), Error> {
    nix::sys::signal::kill(Pid::from_raw(pid), signal).map_err(|source| Error::Signal {
        signal,
        name: name.to_owned(),
        pid,
        source,
    })
}

/// Passes lines on until the stream ends. It must not stop earlier: a full pipe would halt the child.
async fn pass_on(name: String, stream: impl AsyncRead + Unpin, on_line: OnLine) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut stream).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) => return,
            Ok(_) => on_line(&name, String::from_utf8_lossy(&line).trim_end()),
            Err(error) => {
                tracing::warn!(child = name, %error, "could not read its output; ignoring the rest");
                return;
            }
        }
    }
}
