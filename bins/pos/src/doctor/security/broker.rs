//! NATS: whether it asks who comes, and lets each do what is declared.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use serde_json::Value;
use tillstream_bus::access;
use tillstream_servers::Programs;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    process::Command,
    time::timeout,
};

use super::Finding;
use crate::{UpFile, folder::Folder, http, secrets::Secrets};

const WITHIN: Duration = Duration::from_secs(5);
/// The first line of a server is a few hundred bytes.
const MAX_GREETING_BYTES: u64 = 64 * 1024;

pub(super) async fn check(up: &UpFile, folder: &Folder) -> Vec<Finding> {
    let config = folder.nats().join("nats.conf");
    vec![asks(up).await, permissions(up, folder, &config), in_use(up, &config).await]
}

/// A server that lets anybody in says so before anything else.
async fn asks(up: &UpFile) -> Finding {
    let greeting = async {
        let place = up.nats.split_once("://").map_or(up.nats.as_str(), |(_, place)| place);
        let stream = TcpStream::connect(place).await.with_context(|| format!("connect to {place}"))?;
        let mut line = String::new();
        BufReader::new(stream.take(MAX_GREETING_BYTES)).read_line(&mut line).await?;
        let info = line.strip_prefix("INFO ").context("it does not greet as NATS does")?;
        anyhow::Ok(serde_json::from_str::<Value>(info)?)
    };
    let greeting = timeout(WITHIN, greeting).await.context("no answer").and_then(|greeting| greeting);
    match greeting.map(|info| info["auth_required"].as_bool()) {
        Ok(Some(true)) => Finding::fine("nats users", "nobody is let in without a password"),
        Ok(_) => Finding::wrong(
            "nats users",
            "everybody is let in",
            "put what `pos secrets authorization` prints into its configuration",
        ),
        Err(failure) => Finding::failed("nats users", &failure, "see what it printed, in the output of `pos up`"),
    }
}

/// The configuration holds what is declared, and of users nothing else.
fn permissions(up: &UpFile, folder: &Folder, config: &Path) -> Finding {
    let compare = || {
        let secrets = Secrets::read(&folder.secrets())?;
        let text = fs::read_to_string(config).with_context(|| format!("read {}", config.display()))?;
        anyhow::Ok(difference(&text, &access::authorization(up.partitions, |role| secrets.nats(role))))
    };
    let advice = "restart `pos up`, which writes it anew; elsewhere put in what `pos secrets authorization` prints";
    match compare() {
        Ok(bad) => Finding::none("nats permissions", "each user may do what is declared, and no more", &bad, advice),
        Err(failure) => Finding::failed("nats permissions", &failure, advice),
    }
}

/// What a configuration says about users that is not declared, or lacks. Passwords are not shown.
fn difference(config: &str, declared: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let (found, declared) = (lines(config), lines(declared));
    let user = |line: &str| {
        line.split_once("user: ").and_then(|(_, rest)| rest.split([',', ' ', '}']).next()).map(str::to_owned)
    };
    let mut bad: Vec<_> = declared
        .iter()
        .filter(|line| !found.contains(line))
        .map(|line| {
            user(line).map_or_else(|| format!("{line:?} is missing"), |user| format!("user {user} is not as declared"))
        })
        .collect();
    let more = found.iter().filter(|line| !declared.contains(line)).filter_map(|line| user(line));
    for user in more {
        let declared = declared.iter().any(|line| line.starts_with(&format!("{{ user: {user},")));
        if !declared {
            bad.push(format!("user {user} is not declared"));
        }
    }
    for word in
        ["no_auth_user", "accounts", "include", "leafnodes", "websocket", "mqtt", "cluster", "gateway", "resolver"]
    {
        if found.iter().any(|line| line.split([':', '=', ' ', '{']).next() == Some(word)) {
            bad.push(format!("{word} is set, which is not declared"));
        }
    }
    bad
}

/// The server runs with the file as it is, by the digest that both tell of it.
async fn in_use(up: &UpFile, config: &Path) -> Finding {
    let advice = "have NATS reload it: restart `pos up`";
    let compare = async {
        let (_, body) = http::get(&format!("{}/varz", up.nats_monitor), WITHIN).await?;
        let state: Value = serde_json::from_str(&body).context("read the monitoring page of NATS")?;
        let used = state["config_digest"].as_str().context("NATS is older than 2.11 and tells no digest")?.to_owned();
        let programs = Programs::find(Some(&up.services))?;
        let run = Command::new(programs.nats_server()).arg("-t").arg("-c").arg(config).stdin(Stdio::null()).output();
        let run = run.await.with_context(|| format!("run {}", programs.nats_server().display()))?;
        // It may repeat the line at fault, and that a password.
        ensure!(run.status.success(), "{} is not a configuration of NATS", config.display());
        let said = [run.stdout, run.stderr].concat();
        anyhow::Ok(String::from_utf8_lossy(&said).contains(&used))
    };
    match compare.await {
        Ok(true) => Finding::fine("nats configuration", "in use as it is in its file"),
        Ok(false) => Finding::wrong("nats configuration", format!("not that of {}", config.display()), advice),
        Err(failure) => Finding::failed("nats configuration", &failure, advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_what_is_declared_is_named() {
        let declared = access::authorization(1, |_| "0b05");
        let whole = format!("listen: \"127.0.0.1:4222\"\njetstream {{\n}}\n{declared}\n");
        assert_eq!(difference(&whole, &declared), [""; 0]);
        let said = |from: &str, to: &str| {
            let changed = whole.replacen(from, to, 1);
            assert_ne!(changed, whole);
            difference(&changed, &declared).join("; ")
        };
        assert_eq!(said("\"cmd.*.0\"", "\">\""), "user edge is not as declared");
        assert_eq!(
            said("{ user: stock", "{ user: guest, password: \"0b05\" }\n{ user: stock"),
            "user guest is not declared"
        );
        assert_eq!(
            said("jetstream {", "no_auth_user: edge\njetstream {"),
            "no_auth_user is set, which is not declared"
        );
        let none = difference("listen: \"127.0.0.1:4222\"", &declared).join("; ");
        assert!(
            none.contains("\"authorization {\" is missing") && none.contains("user edge") && !none.contains("0b05"),
            "{none}"
        );
    }
}
