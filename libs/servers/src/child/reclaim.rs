//! Ends what a killed run left running.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{sleep, timeout};

use super::pid_file::{self, PidFile, Process};
use super::send;
use crate::Error;

/// Between two looks at a process that is ending.
const PAUSE: Duration = Duration::from_millis(20);
/// A killed process ends at once, unless it hangs in the kernel.
const KILL: Duration = Duration::from_secs(5);

/// A leftover that was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reclaimed {
    /// The child's name.
    pub name: String,
    /// The process id it had.
    pub pid: i32,
    /// Whether it had to be killed, since it did not heed its stop signal.
    pub killed: bool,
}

/// Ends the children that an earlier, killed run left running, the youngest first, and removes their pid
/// files. Each gets its stop signal and, after the grace, SIGKILL.
///
/// # Errors
/// The run that started them is alive (also when it is this one), or one can't be ended.
pub async fn reclaim(run_dir: &Path, grace: Duration) -> Result<Vec<Reclaimed>, Error> {
    let mut reclaimed = Vec::new();
    for path in pid_files(run_dir).map_err(Error::file("list", run_dir))? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read(&path).map_err(Error::file("read", &path))?;
        match serde_json::from_slice::<PidFile>(&text) {
            Ok(noted) if noted.process.lives() => {
                if noted.parent.lives() {
                    return Err(Error::InUse { name, parent: noted.parent.pid });
                }
                let killed = end(&name, &noted, grace).await?;
                reclaimed.push(Reclaimed { name, pid: noted.process.pid, killed });
            }
            Ok(_) => {}
            // Files are renamed into place: only a crash of the machine, which ended the process too, or a
            // person leaves one like this.
            Err(error) => tracing::warn!(file = %path.display(), %error, "not a pid file of ours; removing it"),
        }
        pid_file::remove(&path)?;
    }
    Ok(reclaimed)
}

/// The youngest first: servers are started before what uses them.
fn pid_files(run_dir: &Path) -> io::Result<Vec<PathBuf>> {
    if !run_dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(run_dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pid") {
            found.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

async fn end(name: &str, noted: &PidFile, grace: Duration) -> Result<bool, Error> {
    let process = &noted.process;
    signal(name, process, noted.stop_signal.into())?;
    // One that is paused could not act on it.
    signal(name, process, Signal::SIGCONT)?;
    if timeout(grace, gone(process)).await.is_ok() {
        return Ok(false);
    }
    signal(name, process, Signal::SIGKILL)?;
    match timeout(KILL, gone(process)).await {
        Ok(()) => Ok(true),
        Err(_) => Err(Error::Undying { name: name.to_owned(), pid: process.pid }),
    }
}

/// Signals it, if it is still the same process.
fn signal(name: &str, process: &Process, signal: Signal) -> Result<(), Error> {
    if !process.lives() {
        return Ok(());
    }
    match send(name, process.pid, signal) {
        Err(Error::Signal { source: nix::Error::ESRCH, .. }) => Ok(()),
        sent => sent,
    }
}

async fn gone(process: &Process) {
    while process.lives() {
        sleep(PAUSE).await;
    }
}
