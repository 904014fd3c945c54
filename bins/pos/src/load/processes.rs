//! Memory and processor time of each part of the system.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

const MIB: f64 = 1024.0 * 1024.0;

/// What a part of the system used, with the processes that it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Resident memory at the end, in MiB. On Linux, what the processes of a part share is counted once.
    pub memory_mib: f64,
    /// The most that was seen, looking each second.
    pub memory_peak_mib: f64,
    /// Processor time over the run, in percent of one core.
    pub cpu_percent: f64,
}

/// Watches processes.
#[derive(Debug)]
pub struct Processes {
    system: System,
    parts: HashMap<Pid, String>,
    since: Instant,
    /// Of each process, the time that it had used when it was first and last seen, in milliseconds.
    cpu_ms: HashMap<Pid, (String, u64, u64)>,
    memory: BTreeMap<String, (u64, u64)>,
}

impl Processes {
    /// Watches the given parts of the system, by name and process id, from now on.
    ///
    /// # Errors
    /// When the operating system shows no processes.
    pub fn watch(pids: &BTreeMap<String, i32>) -> anyhow::Result<Self> {
        let pid = |pid: &i32| u32::try_from(*pid).ok().map(Pid::from_u32);
        let parts = pids.iter().filter_map(|(name, id)| Some((pid(id)?, name.clone()))).collect();
        let (cpu_ms, memory) = (HashMap::new(), BTreeMap::new());
        let system = System::new().context("look at the processes")?;
        let mut processes = Self { system, parts, since: Instant::now(), cpu_ms, memory };
        processes.sample();
        for (_, first, last) in processes.cpu_ms.values_mut() {
            *first = *last;
        }
        Ok(processes)
    }

    /// Looks again. It takes some milliseconds and blocks.
    pub fn sample(&mut self) {
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let mut now: BTreeMap<String, Resident> = BTreeMap::new();
        for (pid, process) in self.system.processes() {
            let Some(part) = self.part_of(*pid) else { continue };
            let cpu_ms = process.accumulated_cpu_time();
            // One that was started since then has used all its time since then.
            let (_, _, last) = self.cpu_ms.entry(*pid).or_insert_with(|| (part.clone(), 0, cpu_ms));
            *last = cpu_ms;
            now.entry(part).or_default().add(Resident::of(*pid, process.memory()));
        }
        for (part, resident) in now {
            let bytes = resident.total();
            let (last, peak) = self.memory.entry(part).or_default();
            (*last, *peak) = (bytes, (*peak).max(bytes));
        }
    }

    /// What was used from [`Processes::watch`] until the last [`Processes::sample`].
    #[must_use]
    pub fn usage(&self) -> BTreeMap<String, Usage> {
        let elapsed_ms = self.since.elapsed().as_secs_f64() * 1000.0;
        let usage = |(part, (last, peak)): (&String, &(u64, u64))| {
            let of_part = self.cpu_ms.values().filter(|(of, ..)| of == part);
            let cpu_ms: u64 = of_part.map(|(_, first, last)| last.saturating_sub(*first)).sum();
            let usage = Usage {
                memory_mib: float(*last) / MIB,
                memory_peak_mib: float(*peak) / MIB,
                cpu_percent: float(cpu_ms) / elapsed_ms * 100.0,
            };
            (part.clone(), usage)
        };
        self.memory.iter().map(usage).collect()
    }

    /// The part whose process started this one, directly or not.
    fn part_of(&self, pid: Pid) -> Option<String> {
        let mut pid = Some(pid);
        // Deeper than any tree of processes is.
        for _ in 0..32 {
            if let Some(part) = self.parts.get(&pid?) {
                return Some(part.clone());
            }
            pid = self.system.process(pid?)?.parent();
        }
        None
    }
}

/// Resident memory of one or more processes, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Resident {
    own: u64,
    /// Of files (programs and libraries) and shared memory (`PostgreSQL`'s buffers).
    shared: [u64; 2],
}

impl Resident {
    #[cfg(target_os = "linux")]
    fn of(pid: Pid, all: u64) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        Self::parse(&status).unwrap_or(Self { own: all, ..Self::default() })
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_pid: Pid, all: u64) -> Self {
        Self { own: all, ..Self::default() }
    }

    /// From `proc_pid_status(5)`.
    #[cfg(any(test, target_os = "linux"))]
    fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        };
        Some(Self { own: field("RssAnon")?, shared: [field("RssFile")?, field("RssShmem")?] })
    }

    /// Adds a process of the same part. What they share is as large as the largest share.
    fn add(&mut self, other: Self) {
        self.own += other.own;
        for (mine, theirs) in self.shared.iter_mut().zip(other.shared) {
            *mine = theirs.max(*mine);
        }
    }

    fn total(self) -> u64 {
        self.own + self.shared.iter().sum::<u64>()
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory and milliseconds stay far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_counts_once() {
        let status = |anon| {
            format!("Name:\tpostgres\nVmRSS:\t 99 kB\nRssAnon:\t{anon} kB\nRssFile:\t  20 kB\nRssShmem:\t 70 kB\n")
        };
        let mut both = Resident::parse(&status(9)).unwrap();
        both.add(Resident::parse(&status(1)).unwrap());
        assert_eq!(both.total(), 100 * 1024);
        assert!(Resident::parse("Name:\tkthreadd\n").is_none());
    }

    #[test]
    fn this_process_is_seen() {
        let me = i32::try_from(std::process::id()).unwrap();
        let mut processes = Processes::watch(&BTreeMap::from([("me".to_owned(), me)])).unwrap();
        let started = Instant::now();
        while started.elapsed().as_millis() < 120 {
            std::hint::black_box(started);
        }
        processes.sample();
        let usage = processes.usage()["me"];
        assert!(usage.memory_mib > 1.0 && usage.memory_peak_mib >= usage.memory_mib, "{usage:?}");
        assert!(usage.cpu_percent > 1.0, "{usage:?}");
    }
}
