use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tillstream_servers::child::OnLine;
use tillstream_servers::postgres::Cluster;
use tillstream_servers::{Password, Programs, free_port};

/// Generous, for machines that build something else meanwhile.
pub(crate) const WITHIN: Duration = Duration::from_mins(1);

pub(crate) fn services_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.services")
}

pub(crate) fn programs() -> Programs {
    Programs::find(Some(&services_dir())).expect("the servers' programs are needed: run scripts/services")
}

/// A folder that any user can pass, as a data folder's parents usually are.
pub(crate) fn open_dir() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

pub(crate) fn cluster(dir: &Path) -> Cluster {
    let password = Password::random().unwrap();
    Cluster::new(&programs(), &dir.join("data"), free_port().unwrap(), "till", password).unwrap().throw_away()
}

/// The output of a child, line by line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn on_line(&self) -> OnLine {
        let lines = self.clone();
        Arc::new(move |name, line| lines.0.lock().unwrap().push(format!("{name}: {line}")))
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// Polls, with a bound.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let poll = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(WITHIN, poll).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Whether the process runs, and is no zombie.
pub(crate) fn runs(pid: i32) -> bool {
    let ps = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8(ps.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}
