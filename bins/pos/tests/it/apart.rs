//! Commands and parts of a system that `pos up` does not run: secrets in files, servers that come later or never.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tillstream_servers::{
    Programs, free_port,
    nats::{Server, Settings, SyncInterval},
};
use tokio::time::{sleep, timeout};

use crate::shop::{Shop, pos, said, services, until};

const PATIENCE: Duration = Duration::from_mins(1);

/// Secrets that `pos secrets init` made.
fn secrets() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("secrets");
    let run = pos().args(["secrets", "init", "--dir"]).arg(&dir).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    (temp, dir)
}

/// A part, as it is started in a container: by variables, with its secrets in files.
fn part(role: &str, secrets: &Path, listen: u16, nats: u16) -> Command {
    let user = role.trim_end_matches("-worker");
    let mut part = pos();
    part.args(["run", role])
        .env("TILLSTREAM__PROCESS__LISTEN", format!("0.0.0.0:{listen}"))
        .env("TILLSTREAM__BUS__URL", format!("nats://127.0.0.1:{nats}"))
        .env("TILLSTREAM__BUS__PASSWORD_FILE", secrets.join(format!("nats-{user}")))
        .env("TILLSTREAM__DATABASE__URL", format!("postgres://tillstream_{user}@127.0.0.1:1/tillstream"))
        .env("TILLSTREAM__DATABASE__PASSWORD_FILE", secrets.join(format!("postgres-{user}")))
        .stdin(Stdio::null());
    match role {
        "edge" => {
            part.env("TILLSTREAM__LISTEN", "127.0.0.1:0");
            part.env("TILLSTREAM__TOKENS__KEY_FILE", secrets.join("tokens.ed25519"));
        }
        "receipts-worker" => {
            part.env("TILLSTREAM__SIGNING__KEY_FILE", secrets.join("receipts.ed25519"));
        }
        _ => {}
    }
    part
}

/// Dropping it kills it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
}

#[test]
fn a_part_without_its_secrets_ends_and_says_why() {
    let (_temp, secrets) = secrets();
    for (role, secret) in [
        ("edge", "nats-edge"),
        ("edge", "tokens.ed25519"),
        ("sales-worker", "postgres-sales"),
        ("stock-worker", "nats-stock"),
        ("receipts-worker", "receipts.ed25519"),
    ] {
        let (path, aside) = (secrets.join(secret), secrets.join("aside"));
        fs::rename(&path, &aside).unwrap();
        let run = part(role, &secrets, free_port().unwrap(), free_port().unwrap()).output().unwrap();
        assert_eq!(run.status.code(), Some(1), "{role} without {secret}: {}", said(&run));
        let last = String::from_utf8(run.stderr).unwrap();
        assert!(last.contains(path.to_str().unwrap()) && last.contains("No such file"), "{last}");
        fs::rename(&aside, &path).unwrap();
    }
}

#[test]
fn a_part_whose_servers_are_away_is_not_ready_and_goes_on() {
    let (temp, secrets) = secrets();
    for role in ["edge", "sales-worker", "stock-worker", "receipts-worker"] {
        let listen = free_port().unwrap();
        let log = temp.path().join(role);
        let mut command = part(role, &secrets, listen, free_port().unwrap());
        let mut running = Killed(command.stdout(fs::File::create(&log).unwrap()).spawn().unwrap());
        let logged = || fs::read_to_string(&log).unwrap();
        until(
            || format!("{role} says what it waits for"),
            || {
                let line =
                    logged().lines().find(|line| line.contains("something that is needed does not answer"))?.to_owned();
                (line.contains("nats") && line.contains("postgres") && line.contains("ready=false")).then_some(())
            },
        );
        let health = part(role, &secrets, listen, 1).arg("--health").output().unwrap();
        assert_eq!(health.status.code(), Some(1), "{}", said(&health));
        assert!(said(&health).contains("\"nats\":\"not connected\""), "{}", said(&health));
        for secret in ["nats-edge", "nats-sales", "postgres-sales", "receipts.ed25519"] {
            let secret = fs::read_to_string(secrets.join(secret)).unwrap();
            assert!(!logged().contains(secret.trim()), "{}", logged());
        }
        assert!(running.0.try_wait().unwrap().is_none(), "{}", logged());
        kill(Pid::from_raw(running.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        let ended = until(|| format!("{role} stops"), || running.0.try_wait().unwrap());
        assert_eq!(ended.code(), Some(0), "{}", logged());
    }
}

#[test]
fn the_operators_commands_work_with_secrets_in_files() {
    let shop = Shop::new();
    let running = shop.up();
    let up = running.known();
    let secrets = shop.data().join("secrets");
    let file = |name: &str| secrets.join(name).to_str().unwrap().to_owned();
    let run = |args: &[&str]| pos().args(args).current_dir("/").output().unwrap();

    let (user, place) = up.database.rsplit_once('@').unwrap();
    let url = format!("{}@{place}", user.rsplit_once(':').unwrap().0);
    let owner = file("postgres-owner");
    let database = ["--database", &url, "--database-password-file", &owner];
    let migrate =
        run(&[&["migrate", "--passwords", secrets.to_str().unwrap(), "--wait", "5s"], &database[..]].concat());
    assert!(
        migrate.status.success() && said(&migrate).contains("role tillstream_stock may log in"),
        "{}",
        said(&migrate)
    );
    let aside = secrets.join("aside");
    fs::rename(file("postgres-stock"), &aside).unwrap();
    let migrate = run(&[&["migrate", "--passwords", secrets.to_str().unwrap()], &database[..]].concat());
    assert!(migrate.status.code() == Some(1) && said(&migrate).contains("postgres-stock"), "{}", said(&migrate));
    fs::rename(&aside, file("postgres-stock")).unwrap();

    let operator = file("nats-operator");
    let apply = run(&["topology", "apply", "--nats", &up.nats, "--nats-password-file", &operator, "--wait", "5s"]);
    assert!(apply.status.success() && said(&apply).contains("NATS agrees"), "{}", said(&apply));

    let key = file("tokens.ed25519");
    let smoke = run(&["smoke", "--url", &up.url, "--key", &key]);
    assert!(smoke.status.success() && said(&smoke).contains("receipt issued: number 1"), "{}", said(&smoke));
    let token = shop.path("token");
    fs::write(&token, format!("{}\n", up.token)).unwrap();
    let smoke = run(&["smoke", "--url", &up.url, "--token-file", token.to_str().unwrap()]);
    assert!(smoke.status.success() && said(&smoke).contains("receipt issued: number 2"), "{}", said(&smoke));
    // Another system's key.
    let began = Instant::now();
    let smoke = run(&["smoke", "--url", &up.url, "--key", &file("receipts.ed25519"), "--wait", "60s"]);
    assert!(smoke.status.code() == Some(1) && said(&smoke).contains("401"), "{}", said(&smoke));
    assert!(began.elapsed() < Duration::from_secs(30), "waiting does not mend it");

    let settings = shop.data().join("run/sales-worker.toml");
    let health = || run(&["run", "sales-worker", "--health", "--config", settings.to_str().unwrap()]);
    assert_eq!(health().status.code(), Some(0), "{}", said(&health()));
    let edge = shop.data().join("run/edge.toml");
    let edge = run(&["run", "edge", "--health", "--config", edge.to_str().unwrap()]);
    assert_eq!(edge.status.code(), Some(0), "{}", said(&edge));
    assert_eq!(running.stop().code(), Some(0));
    assert_eq!(health().status.code(), Some(1), "{}", said(&health()));
}

#[test]
fn a_smoke_test_without_a_worker_fails_in_time() {
    let shop = Shop::new();
    let running = shop.up();
    let up = running.known();
    let key = shop.data().join("secrets/tokens.ed25519");
    kill(Pid::from_raw(up.pids["receipts-worker"]), Signal::SIGSTOP).unwrap();
    let run = pos().args(["smoke", "--wait", "3s", "--url", &up.url, "--key", key.to_str().unwrap()]).output().unwrap();
    assert!(run.status.code() == Some(1) && said(&run).contains("did not get through in time"), "{}", said(&run));
    kill(Pid::from_raw(up.pids["receipts-worker"]), Signal::SIGCONT).unwrap();
    assert_eq!(running.stop().code(), Some(0));
}

#[test]
fn what_waits_for_a_database_that_never_comes_says_so_and_ends() {
    let (_temp, secrets) = secrets();
    let url = format!("postgres://postgres@127.0.0.1:{}/tillstream", free_port().unwrap());
    let began = Instant::now();
    let run = pos()
        .args(["migrate", "--wait", "2s", "--database", &url, "--database-password-file"])
        .arg(secrets.join("postgres-owner"))
        .output()
        .unwrap();
    assert!(began.elapsed() > Duration::from_millis(500));
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("Connection refused (os error 111); trying again for up to 2 s"), "{}", said(&run));
}

#[tokio::test]
async fn a_topology_is_applied_once_nats_is_there_with_the_printed_authorization() {
    let (temp, secrets) = secrets();
    let authorization = |partitions: &str| {
        let run = pos().args(["secrets", "authorization", "--partitions", partitions, "--dir"]).arg(&secrets).output();
        String::from_utf8(run.unwrap().stdout).unwrap()
    };
    let kept = fs::read_to_string(secrets.join("nats-authorization.conf")).unwrap();
    assert_eq!(authorization("1"), kept);
    let port = free_port().unwrap();
    let mut apply = pos();
    apply.args(["topology", "apply", "--partitions", "2", "--wait", "1m", "--nats"]);
    apply.arg(format!("nats://127.0.0.1:{port}")).arg("--nats-password-file").arg(secrets.join("nats-operator"));
    let mut apply = tokio::process::Command::from(apply);
    let mut apply = apply.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();

    sleep(Duration::from_secs(1)).await;
    assert!(apply.try_wait().unwrap().is_none(), "it waits");
    let settings = Settings {
        dir: temp.path().join("nats"),
        name: "apart".to_owned(),
        port,
        monitor_port: None,
        accounts: authorization("2"),
        sync_interval: SyncInterval::Millis(100),
        max_payload_bytes: 1 << 20,
        max_file_store_bytes: 64 << 30,
    };
    let server = Server::new(&Programs::find(Some(&services())).unwrap(), settings).unwrap();
    let quiet: tillstream_servers::child::OnLine = Arc::new(|_: &str, _: &str| {});
    let run_dir = temp.path().join("run");
    fs::create_dir(&run_dir).unwrap();
    let mut nats = server.start(&run_dir, &quiet, PATIENCE).await.unwrap();
    let applied = timeout(PATIENCE, apply.wait_with_output()).await.expect("the topology is applied").unwrap();
    assert!(applied.status.success() && said(&applied).contains("stream EVENTS_1: to be made"), "{}", said(&applied));
    nats.stop(Duration::from_secs(10)).await.unwrap();
}
