//! Halting a process's own children: `PostgreSQL` does its work in them.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Processes that have been halted.
#[derive(Debug, Default)]
pub(super) struct Frozen(Vec<Pid>);

impl Frozen {
    /// Halts the children of a process that is halted itself, and so makes no more of them.
    pub(super) fn children_of(parent: Option<i32>) -> Self {
        let Some(parent) = parent.and_then(|pid| u32::try_from(pid).ok()).map(sysinfo::Pid::from_u32) else {
            return Self::default();
        };
        let mut system = match System::new() {
            Ok(system) => system,
            Err(error) => {
                tracing::warn!(%error, "the system's processes can't be listed; only the parent is halted");
                return Self::default();
            }
        };
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing().without_tasks());
        let children = system.processes().iter().filter(|(_, process)| process.parent() == Some(parent));
        let pids = children.filter_map(|(pid, _)| i32::try_from(pid.as_u32()).ok()).map(Pid::from_raw);
        Self(pids.filter(|pid| signal(*pid, Signal::SIGSTOP)).collect())
    }

    /// Lets them go on.
    pub(super) fn thaw(&mut self) {
        for pid in self.0.drain(..) {
            signal(pid, Signal::SIGCONT);
        }
    }
}

/// Whether it was there to be signalled.
fn signal(pid: Pid, signal: Signal) -> bool {
    match kill(pid, signal) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%pid, %signal, %error, "a child's child could not be signalled; it has ended, most likely");
            false
        }
    }
}
