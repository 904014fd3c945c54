//! What is told while it runs: to the terminal, and to a file beside what the parts say.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::Context;

use crate::Output;

/// Prints to standard error; standard output is for the report.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    began: Instant,
    log: Arc<Mutex<File>>,
}

impl Screen {
    /// One whose lines are kept in `log`, too.
    pub(super) fn new(log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log).with_context(|| format!("make {}", log.display()))?;
        Ok(Self { began: Instant::now(), log: Arc::new(Mutex::new(log)) })
    }

    /// Tells a line.
    pub(super) fn say(&self, line: &str) {
        eprintln!("{:>6.1} s  {line}", self.began.elapsed().as_secs_f64());
        self.note("torture", line);
    }

    /// For the output of the parts, which goes to the file alone.
    pub(super) fn output(&self) -> Output {
        let screen = self.clone();
        Output::to(move |name, line| screen.note(name, line))
    }

    fn note(&self, name: &str, line: &str) {
        let at = self.began.elapsed().as_secs_f64();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(log, "{at:>8.3} {name:<15} | {line}") {
            tracing::debug!(%error, "the log of the run does not take a line");
        }
    }
}
