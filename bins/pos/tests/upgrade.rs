//! Two versions on one system: edges and workers of an older build beside those of this one.
//!
//! Ignored unless asked for, since it needs the older build: `scripts/delivery/upgrade` makes it and names it in
//! `TILLSTREAM_OLD_POS`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tillstream_pos::{
    Role, Stack, StackOptions, demo, http,
    load::client::{Client, Post, Target},
};
use tillstream_runtime::Ids;
use tillstream_servers::free_port;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use toml::{Table, Value};

const SALES_EACH: u32 = 100;

/// A part of the older build on this system, with only those settings that it shares with this one.
fn old_part(old: &Path, role: Role, data: &Path, dir: &Path) -> (Child, String) {
    let settings = fs::read_to_string(data.join(format!("run/{role}.toml"))).unwrap();
    let mut settings: Table = settings.parse().unwrap();
    let sample = std::process::Command::new(old).args(["run", role.name(), "--sample-config"]).output().unwrap();
    let known: Table = String::from_utf8(sample.stdout).unwrap().parse().unwrap();
    settings.retain(|section, of| match (of, known.get(section)) {
        (Value::Table(of), Some(Value::Table(known))) => {
            of.retain(|key, _| known.contains_key(key));
            true
        }
        (_, known) => known.is_some(),
    });
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    if role == Role::Edge {
        settings.insert("listen".to_owned(), address.as_str().into());
    } else if let Some(Value::Table(process)) = settings.get_mut("process") {
        process.insert("listen".to_owned(), address.as_str().into());
    }
    let config = dir.join(format!("{role}.toml"));
    fs::write(&config, settings.to_string()).unwrap();
    let child = Command::new(old)
        .args(["run", role.name(), "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(fs::File::create(dir.join(format!("{role}.log"))).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (child, format!("http://{address}"))
}

async fn until_ready(url: &str) {
    let asking = async {
        while !matches!(http::get(&format!("{url}/readyz"), Duration::from_secs(1)).await, Ok((200, _))) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), asking).await.expect("the older part becomes ready");
}

/// Sells through an edge and waits for each receipt.
async fn sell(url: String, token: String) {
    let mut client = Client::new(Target::new(&url, Some(&token)).unwrap(), Duration::from_secs(40));
    let body = demo::Owner::Cafe.basket(1);
    for _ in 0..SALES_EACH {
        let key = Ids::random().next();
        let post = Post { key, prefer: Some("wait=30, until=receipt"), body: body.clone().into() };
        let answer = client.post("/v1/sales", post).await.unwrap();
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// How many messages a part has worked on.
async fn worked(url: &str) -> u64 {
    let (_, text) = http::get(&format!("{url}/metrics"), Duration::from_secs(5)).await.unwrap();
    let counts = text.lines().filter(|line| line.starts_with("tillstream_worker_messages_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an older build; run scripts/delivery/upgrade"]
async fn an_older_version_works_beside_this_one() {
    let old = PathBuf::from(std::env::var_os("TILLSTREAM_OLD_POS").unwrap());
    let temp = tempfile::tempdir().unwrap();
    fs::set_permissions(temp.path(), Permissions::from_mode(0o711)).unwrap();
    let data = temp.path().join("data");
    let options = StackOptions {
        program: PathBuf::from(env!("CARGO_BIN_EXE_pos")),
        services: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.services"),
        listen: Some(([127, 0, 0, 1], 0).into()),
        shop: Some(demo::Size { products: 10, registers: 1 }),
        ..StackOptions::new(&data).unwrap()
    };
    let mut stack = Stack::start(options).await.unwrap();
    let mut parts = BTreeMap::new();
    for role in Role::PARTS {
        let (child, url) = old_part(&old, role, &data, temp.path());
        until_ready(&url).await;
        parts.insert(role, (child, url));
    }
    // Tills on both edges at once; each sale goes to whichever workers have time for it.
    let edges = [stack.url(), parts[&Role::Edge].1.clone()];
    let tills: Vec<_> = edges
        .iter()
        .flat_map(|url| (0..4).map(|_| tokio::spawn(sell(url.clone(), stack.token().to_owned()))))
        .collect();
    let sold = u64::try_from(tills.len()).unwrap() * u64::from(SALES_EACH);
    for till in tills {
        till.await.unwrap();
    }
    for role in Role::WORKERS {
        let [new, old] = [stack.metrics_url(role).replace("/metrics", ""), parts[&role].1.clone()];
        let (new, old) = (worked(&new).await, worked(&old).await);
        println!("{role}: this version {new}, the older one {old}");
        assert!(new > 0 && old > 0, "{role}: both versions took part");
        assert!(new + old >= sold, "{role}: {new} and {old} of {sold}");
    }
    for (_, (mut child, _)) in parts {
        child.kill().await.unwrap();
    }
    // The doctor finds the system by this file.
    fs::write(data.join("up.json"), serde_json::to_vec(&stack.up_file()).unwrap()).unwrap();
    let doctor = Command::new(env!("CARGO_BIN_EXE_pos")).args(["doctor", "--data"]).arg(&data).output().await.unwrap();
    let report = String::from_utf8_lossy(&doctor.stdout);
    println!("{report}");
    assert!(doctor.status.success() && report.contains("all is well"), "{report}");
    stack.stop().await.unwrap();
}
