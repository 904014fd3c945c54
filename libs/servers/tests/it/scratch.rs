use std::fs;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{open_dir, services_dir};

fn scratch(temp: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scratch"));
    command.arg("--services").arg(services_dir()).env("TMPDIR", temp).env_remove("SQLX_OFFLINE");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[tokio::test]
async fn the_command_gets_its_servers_and_gives_its_code() {
    let dir = open_dir();
    let script = r#"echo "$DATABASE_URL $TILLSTREAM_TEST_POSTGRES_URL $SQLX_OFFLINE"
        test -x "$TILLSTREAM_TEST_NATS_SERVER" && exit 7"#;
    let run = scratch(dir.path()).args(["--", "sh", "-c", script]).output().await.unwrap();
    assert_eq!(run.status.code(), Some(7), "{}", String::from_utf8_lossy(&run.stderr));
    let said = String::from_utf8(run.stdout).unwrap();
    let words: Vec<_> = said.split_whitespace().collect();
    assert!(words[0].ends_with("/scratch") && words[1].ends_with("/postgres"), "{said}");
    assert_eq!(words[2], "true");
    assert!(is_empty(dir.path()));
}

#[tokio::test]
async fn migrations_are_applied_and_a_bad_one_is_said() {
    let dir = open_dir();
    let migrations = open_dir();
    fs::write(migrations.path().join("1_till.sql"), "create table till (id int);").unwrap();
    let migrated = || {
        let mut command = scratch(dir.path());
        command.arg("--migrate").arg(migrations.path()).args(["sh", "-c", "echo offline=$SQLX_OFFLINE"]);
        command
    };
    let run = migrated().output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(String::from_utf8_lossy(&run.stdout), "offline=\n");

    fs::write(migrations.path().join("2_again.sql"), "create table till (id int);").unwrap();
    let run = migrated().output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("already exists"), "the second finds the first's table: {said}");
    assert!(is_empty(dir.path()));
}

#[tokio::test]
async fn a_signal_is_passed_on_and_the_server_stopped() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let dir = open_dir();
        let mut run = scratch(dir.path()).args(["sh", "-c", "echo up; exec sleep 1000"]).spawn().unwrap();
        let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("up"));
        let pid = i32::try_from(run.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
        assert_eq!(run.wait().await.unwrap().code(), Some(code));
        assert!(is_empty(dir.path()));
    }
}

#[tokio::test]
async fn wrong_use_is_told() {
    let dir = open_dir();
    for args in [vec![], vec!["--servces", "x", "true"], vec!["--migrate"]] {
        let run = scratch(dir.path()).args(args).output().await.unwrap();
        assert_eq!(run.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&run.stderr).starts_with("scratch [--services DIR]"));
    }
    let run = scratch(dir.path()).arg("no-such-program").output().await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&run.stderr).lines().last().unwrap().find("could not start no-such-program"),
        Some(9)
    );
    assert!(is_empty(dir.path()));
}
