//! `pos down`: ends what runs on a data folder.

use std::time::Duration;

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tillstream_servers::child::reclaim;
use tokio::time::{Instant, sleep};

use crate::{UpFile, console::out, operator::Data};

/// `pos up` gives four groups of processes 15 s each.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long a process that a killed run left behind may take to stop.
const GRACE: Duration = Duration::from_secs(15);

pub(crate) async fn command(data: &Data) -> anyhow::Result<()> {
    let folder = data.folder()?;
    if !folder.run().exists() {
        out!("nothing has ever run in {}", folder.root().display());
        return Ok(());
    }
    if let Some(pid) = folder.user()? {
        out!("asking `pos`, process {pid}, to stop");
        kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("send SIGTERM to process {pid}"))?;
        let until = Instant::now() + PATIENCE;
        while folder.user()? == Some(pid) {
            if Instant::now() > until {
                bail!(
                    "process {pid} has not stopped within {} s: end it with kill -9 {pid}, then run this again",
                    PATIENCE.as_secs()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    let _lock = folder.lock()?;
    for left in reclaim(&folder.run(), GRACE).await? {
        let how = if left.killed { "killed" } else { "stopped" };
        out!("{how} {}, process {}, which a killed run had left behind", left.name, left.pid);
    }
    UpFile::remove(&folder)?;
    out!("nothing runs in {}", folder.root().display());
    Ok(())
}
