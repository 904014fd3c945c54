//! `pos torture` passes on a sound system, notices a broken one, and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use tillstream_pos::{Role, torture::Report};

/// A torture, and where it keeps its data.
struct Torture {
    process: Child,
    folder: PathBuf,
    log: thread::JoinHandle<String>,
}

impl Torture {
    fn start(args: &[&str]) -> Self {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.services");
        let mut process = Command::new(env!("CARGO_BIN_EXE_pos"))
            .args(["torture", "--json", "--services"])
            .arg(services)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut progress = BufReader::new(process.stderr.take().unwrap());
        let mut first = String::new();
        progress.read_line(&mut first).unwrap();
        let folder = first.trim().rsplit_once("folder ").unwrap_or_else(|| panic!("{first}")).1.into();
        let log = thread::spawn(move || {
            let mut log = first;
            progress.read_to_string(&mut log).unwrap();
            log
        });
        Self { process, folder, log }
    }

    /// Waits for its end. Nothing may be left running.
    fn end(self) -> (i32, Option<Report>, String) {
        let output = self.process.wait_with_output().unwrap();
        let log = self.log.join().unwrap();
        let left = processes_of(&self.folder);
        assert!(left.is_empty(), "left running: {left:?}\n{log}");
        let report = serde_json::from_slice::<Report>(&output.stdout);
        let report = if output.stdout.is_empty() { None } else { Some(report.unwrap()) };
        if let Some(folder) = report.as_ref().and_then(|report| report.kept.as_ref()) {
            assert_eq!(folder, &self.folder);
            std::fs::remove_dir_all(folder).unwrap();
        }
        assert!(!self.folder.exists(), "{} is left", self.folder.display());
        (output.status.code().unwrap(), report, log)
    }
}

/// Processes that were started with something in that folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let mut system = System::new().unwrap();
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let folder = folder.to_str().unwrap();
    let of_folder = |process: &&sysinfo::Process| {
        process.cmd().iter().any(|part| part.to_str().is_some_and(|part| part.contains(folder)))
    };
    system
        .processes()
        .values()
        .filter(of_folder)
        .map(|process| format!("{} {:?}", process.pid(), process.cmd()))
        .collect()
}

#[test]
fn a_sound_system_survives() {
    let (code, report, log) = Torture::start(&["--seconds", "15", "--seed", "1"]).end();
    let report = report.unwrap_or_else(|| panic!("{log}"));
    assert!(code == 0 && report.is_clean() && report.kept.is_none(), "{report}\n{log}");
    assert!(report.acknowledged > 100 && report.recorded >= report.acknowledged, "{report}");
    for kind in tillstream_pos::torture::plan::Kind::ALL {
        assert!(report.faults.values().any(|kinds| kinds[&kind] > 0), "no {}: {report}", kind.name());
    }
    assert_eq!(report.faults.len(), Role::ALL.len());
}

/// What acknowledges before it commits loses what it has in hand when it is killed. Whether a kill hits that moment is
/// chance, so there are many kills, and more than one try.
#[cfg(debug_assertions)]
#[test]
fn a_worker_that_acknowledges_too_early_is_caught() {
    for seed in ["1", "2", "3"] {
        let args = ["--sabotage", "ack-before-commit", "--target", "sales-worker", "--seconds", "15", "--seed", seed];
        let (code, report, log) = Torture::start(&args).end();
        let report = report.unwrap_or_else(|| panic!("{log}"));
        assert_eq!(code, i32::from(!report.is_clean()), "{report}");
        let lost = report.findings.iter().find(|finding| finding.name == "recorded").unwrap();
        if lost.violations > 0 {
            assert!(lost.examples[0].contains("is 0 times in the books"), "{report}");
            return;
        }
    }
    panic!("the loss was not noticed in three tries");
}

#[test]
fn interrupted_it_stops_everything() {
    let torture = Torture::start(&["--seconds", "600"]);
    let until = Instant::now() + Duration::from_mins(2);
    while processes_of(&torture.folder).len() < Role::ALL.len() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    kill(Pid::from_raw(torture.process.id().cast_signed()), Signal::SIGINT).unwrap();
    let (code, report, log) = torture.end();
    assert!(code == 2 && report.is_none() && log.contains("interrupted"), "{log}");
}
