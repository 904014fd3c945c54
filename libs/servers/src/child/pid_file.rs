//! `<run_dir>/<name>.pid`: a child, by process id and start time, so that a reused id is never taken for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The signal that a child takes as the order to end in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// SIGINT: `PostgreSQL`'s fast shutdown.
    Interrupt,
    /// SIGTERM: what our own processes drain on.
    Terminate,
}

impl From<StopSignal> for Signal {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::Interrupt => Self::SIGINT,
            StopSignal::Terminate => Self::SIGTERM,
        }
    }
}

/// A process that can't be mistaken for another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: i32,
    started: String,
}

impl Process {
    fn with(pid: i32) -> Option<Self> {
        Some(Self { pid, started: started(pid)? })
    }

    /// Whether it still runs; a zombie does not.
    pub(super) fn lives(&self) -> bool {
        started(self.pid).as_ref() == Some(&self.started)
    }
}

/// What a pid file says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PidFile {
    pub(super) process: Process,
    pub(super) parent: Process,
    pub(super) stop_signal: StopSignal,
}

pub(super) fn path(run_dir: &Path, name: &str) -> PathBuf {
    run_dir.join(format!("{name}.pid"))
}

/// Notes a child of ours that has just been started.
pub(super) fn write(path: &Path, pid: i32, stop_signal: StopSignal) -> Result<(), Error> {
    let Some(process) = Process::with(pid) else {
        return Ok(()); // It has ended already: nothing to note.
    };
    let parent = Process::with(Pid::this().as_raw()).ok_or_else(|| io::Error::other("no start time of this process"));
    let write = || {
        let noted = PidFile { process, parent: parent?, stop_signal };
        // Renamed into place, so that it is read whole or not at all.
        let dir = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer(&mut file, &noted)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(Error::file("write", path))
}

pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// When the process was started, or `None` if there is none or only a zombie.
#[cfg(target_os = "linux")]
fn started(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything: count after it. The
    // third is the state, the 22nd the start in ticks since the boot, so the boot belongs to it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let ticks = fields.nth(18)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    (!matches!(state, "Z" | "X")).then(|| format!("{}/{ticks}", boot.trim_end()))
}

/// When the process was started, or `None` if there is none or only a zombie.
#[cfg(not(target_os = "linux"))]
fn started(pid: i32) -> Option<String> {
    let mut ps = std::process::Command::new("ps");
    ps.args(["-o", "stat=", "-o", "lstart=", "-p", &pid.to_string()]).env("LC_ALL", "C").env("TZ", "UTC");
    let answer = String::from_utf8(ps.output().ok()?.stdout).ok()?;
    let (state, started) = answer.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_pid_is_another_process() {
        let this = Process::with(Pid::this().as_raw()).unwrap();
        assert!(this.lives());
        let earlier = Process { started: "long ago".to_owned(), ..this };
        assert!(!earlier.lives());
    }
}
