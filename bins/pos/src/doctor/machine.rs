//! This machine: programs, disk.

use std::{path::Path, process::Stdio};

use anyhow::{Context, ensure};
use tillstream_servers::Programs;
use tokio::process::Command;

use super::Finding;
use crate::folder::Folder;

/// `PostgreSQL` stops taking writes when the disk is full, and NATS refuses messages: both in good order, but sales stop.
const FREE_WRONG_KB: u64 = 1 << 20;
/// Somebody should look.
const FREE_NOTE_KB: u64 = 5 << 20;

pub(super) async fn check(services: &Path, folder: &Folder) -> Vec<Finding> {
    vec![programs(services).await, disk(folder).await]
}

async fn programs(services: &Path) -> Finding {
    let versions = async {
        let programs = Programs::find(Some(services))?;
        let postgres = version(&programs.postgres_bin().join("postgres")).await?;
        let nats = version(programs.nats_server()).await?;
        anyhow::Ok(format!("pos {}, {postgres}, {nats}", env!("CARGO_PKG_VERSION")))
    };
    match versions.await {
        Ok(versions) => Finding::fine("programs", versions),
        Err(failure) => Finding::failed("programs", &failure, "run `scripts/services`"),
    }
}

async fn version(program: &Path) -> anyhow::Result<String> {
    let run = Command::new(program).arg("--version").stdin(Stdio::null()).output().await;
    let run = run.with_context(|| format!("run {}", program.display()))?;
    Ok(String::from_utf8_lossy(&run.stdout).trim().to_owned())
}

async fn disk(folder: &Folder) -> Finding {
    match free_kb(folder.root()).await {
        Ok(free) if free < FREE_WRONG_KB => Finding::wrong(
            "disk",
            format!("{} MB free", free >> 10),
            "make room on the disk of the data folder before sales stop",
        ),
        Ok(free) if free < FREE_NOTE_KB => Finding::note("disk", format!("{} MB free", free >> 10)),
        Ok(free) => Finding::fine("disk", format!("{} GB free", free >> 20)),
        Err(failure) => Finding::failed("disk", &failure, "look at the disk of the data folder yourself"),
    }
}

/// As POSIX has it: `df -P -k` prints a header and one line, whose fourth field is what is free.
async fn free_kb(dir: &Path) -> anyhow::Result<u64> {
    let run = Command::new("df").args(["-P", "-k"]).arg(dir).stdin(Stdio::null()).output().await.context("run df")?;
    ensure!(run.status.success(), "df: {}", String::from_utf8_lossy(&run.stderr).trim());
    let text = String::from_utf8_lossy(&run.stdout);
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)).and_then(|free| free.parse().ok());
    free.with_context(|| format!("df printed {text:?}"))
}
