use std::fs;
use std::path::Path;
use std::process::{Command as StdCommand, Stdio};
use std::time::Duration;

use tillstream_servers::Error;
use tillstream_servers::child::{Child, Reclaimed, StopSignal, exit_code, reclaim};
use tokio::process::Command;

use crate::support::{Lines, WITHIN, eventually, open_dir, runs};

/// Less than any server's, for a child that does not heed its stop signal.
const SHORT: Duration = Duration::from_millis(100);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn spawn(name: &str, script: &str, run_dir: &Path, lines: &Lines) -> Child {
    Child::spawn(name, shell(script), StopSignal::Terminate, run_dir, &lines.on_line()).unwrap()
}

#[tokio::test]
async fn output_and_end_are_passed_on() {
    let dir = open_dir();
    let lines = Lines::default();
    // The second line is not UTF-8, the last has no end.
    let script = r"echo one; printf 'tw\377\n'; printf three >&2; exit 3";
    let mut child = spawn("sh", script, dir.path(), &lines);
    assert_eq!(exit_code(child.wait().await.unwrap()), 3);
    for line in ["sh: one", "sh: tw\u{fffd}", "sh: three"] {
        assert!(lines.text().contains(line), "{}", lines.text());
    }
    assert_eq!(child.pid(), None);
    assert_eq!(exit_code(child.stop(SHORT).await.unwrap()), 3, "stopping what has ended is fine");
    child.kill9().unwrap();
}

#[tokio::test]
async fn a_child_that_ignores_its_stop_signal_is_killed_also_when_paused() {
    let dir = open_dir();
    let lines = Lines::default();
    let mut deaf = spawn("deaf", "trap '' TERM; echo up; exec sleep 1000", dir.path(), &lines);
    eventually("it is up", || lines.text().contains("up")).await;
    assert_eq!(exit_code(deaf.stop(SHORT).await.unwrap()), 137);

    let mut paused = spawn("paused", "exec sleep 1000", dir.path(), &lines);
    paused.pause().unwrap();
    assert_eq!(exit_code(paused.stop(WITHIN).await.unwrap()), 143);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no pid file is left");
}

#[tokio::test]
async fn a_dropped_child_is_killed() {
    let dir = open_dir();
    let child = spawn("sleep", "exec sleep 1000", dir.path(), &Lines::default());
    let pid = child.pid().unwrap();
    assert!(runs(pid));
    drop(child);
    eventually("it is gone", || !runs(pid)).await;
    assert_eq!(reclaim(dir.path(), WITHIN).await.unwrap(), []);
    assert!(!dir.path().join("sleep.pid").exists());
}

#[tokio::test]
async fn only_leftovers_are_reclaimed() {
    let dir = open_dir();
    assert_eq!(reclaim(&dir.path().join("missing"), WITHIN).await.unwrap(), []);
    let mut ours = spawn("ours", "exec sleep 1000", dir.path(), &Lines::default());
    let error = reclaim(dir.path(), WITHIN).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "its parent is alive: {error}");

    // The same process id, but another start: reused since.
    let noted = fs::read_to_string(dir.path().join("ours.pid")).unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&noted).unwrap();
    file["process"]["started"] = "earlier".into();
    fs::write(dir.path().join("ours.pid"), file.to_string()).unwrap();
    fs::write(dir.path().join("torn.pid"), "{").unwrap();
    assert_eq!(reclaim(dir.path(), WITHIN).await.unwrap(), []);
    assert!(runs(ours.pid().unwrap()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    // The same process, and a parent that is gone.
    let mut file: serde_json::Value = serde_json::from_str(&noted).unwrap();
    file["parent"]["started"] = "earlier".into();
    fs::write(dir.path().join("ours.pid"), file.to_string()).unwrap();
    let leftover = Reclaimed { name: "ours".to_owned(), pid: ours.pid().unwrap(), killed: false };
    assert_eq!(reclaim(dir.path(), WITHIN).await.unwrap(), [leftover]);
    assert_eq!(exit_code(ours.wait().await.unwrap()), 143);
}

/// The whole of it: `scratch` is killed, so that its server is left over, and reclaimed.
#[tokio::test]
async fn the_server_of_a_killed_run_is_reclaimed() {
    let dir = open_dir();
    let mut run = StdCommand::new(env!("CARGO_BIN_EXE_scratch"))
        .arg("--services")
        .arg(crate::support::services_dir())
        .arg("cat") // It ends when this test closes its input.
        .env("TMPDIR", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid_file = || {
        let scratch = fs::read_dir(dir.path()).unwrap().next()?.unwrap().path();
        Some(scratch.join("run/postgres.pid")).filter(|file| file.exists())
    };
    eventually("its server runs", || pid_file().is_some()).await;
    run.kill().unwrap();
    run.wait().unwrap();
    drop(run.stdin.take());

    let file = pid_file().unwrap();
    let noted: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let pid = noted["process"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap();
    assert!(runs(pid));
    let leftover = Reclaimed { name: "postgres".to_owned(), pid, killed: false };
    assert_eq!(reclaim(file.parent().unwrap(), WITHIN).await.unwrap(), [leftover]);
    assert!(!runs(pid));
    assert!(!file.exists());
}
