//! `pos backup` and `pos restore`: the database of one machine, copied while it runs and brought back to a moment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use sqlx::postgres::PgConnectOptions;
use tillstream_domain::time::Timestamp;
use tillstream_servers::{Programs, postgres::Cluster};

use crate::{
    UpFile,
    console::out,
    operator::Data,
    secrets::{SUPERUSER, Secrets},
};

/// Options of `pos backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    data: Data,
    /// A new folder, on another disk
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Options of `pos restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    data: Data,
    /// What `pos backup` has written
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Go on from the backup through the log that `pos up --archive` has written here
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Stop at this moment, as in 2026-11-23T05:17:00Z [default: as far as the log goes]
    #[arg(long, value_name = "TIME", requires = "archive")]
    until: Option<Timestamp>,
}

/// Copies the database, the keys and the passwords of a running system.
pub(crate) async fn back_up(options: &Backup) -> anyhow::Result<()> {
    let (folder, to) = (options.data.folder()?, std::path::absolute(&options.to)?);
    ensure!(!to.exists(), "{} is there already: name a new folder", to.display());
    let up = UpFile::read(&options.data.data)?;
    let place: PgConnectOptions = up.database.parse().context("read the database's address")?;
    let password = Secrets::read(&folder.secrets())?.postgres(SUPERUSER).clone();
    let cluster =
        Cluster::new(&Programs::find(Some(&up.services))?, &folder.postgres(), place.get_port(), SUPERUSER, password)?;
    // Passable, for as root the database's files belong to another user.
    crate::folder::make_passable(&to)?;
    cluster.back_up(&to.join("postgres")).await?;
    copy(&folder.secrets(), &to.join("secrets"))?;
    out!("backed up to {}; it holds the keys and passwords too: guard it like the shop's safe", to.display());
    Ok(())
}

/// Puts a backup into a data folder that has no database.
pub(crate) fn restore(options: &Restore) -> anyhow::Result<()> {
    let folder = options.data.folder()?;
    if let Some(pid) = folder.user()? {
        bail!("{} is in use by process {pid}: stop that one first", folder.root().display());
    }
    folder.make()?;
    let _lock = folder.lock()?;
    let [from, new] = [options.from.join("postgres"), folder.root().join("postgres.new")];
    ensure!(from.exists(), "{} is missing: is {} a backup?", from.display(), options.from.display());
    ensure!(!folder.postgres().exists(), "{} is there: move it away first", folder.postgres().display());
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| format!("remove {}, left by an earlier attempt", new.display()))?;
    }
    // Secrets that are there are those of the streams, which are there too.
    if fs::read_dir(folder.secrets())?.next().is_none() {
        copy(&options.from.join("secrets"), &folder.secrets())?;
    }
    copy(&from, &new)?;
    let archive = options.archive.as_deref().map(std::path::absolute).transpose()?;
    let until = options.until.map(Timestamp::to_rfc3339);
    Cluster::recover(&new, archive.as_deref(), until.as_deref())?;
    // Whole, or not at all.
    fs::rename(&new, folder.postgres()).with_context(|| format!("make {}", folder.postgres().display()))?;
    let root = folder.root().display();
    out!("restored into {root}; start it with `pos up`, and let nobody sell");
    out!("enter what the catalogue had and has no more, then have the workers take again what came after:");
    out!("  pos streams replay --data {root} --since TIME, ten minutes before the restored moment");
    Ok(())
}

/// Copies with owners and modes.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.is_dir() {
        fs::remove_dir(to).with_context(|| format!("replace {}", to.display()))?;
    }
    let run = Command::new("cp").arg("-a").arg(from).arg(to).output().context("run cp")?;
    ensure!(
        run.status.success(),
        "cp {} {}: {}",
        from.display(),
        to.display(),
        String::from_utf8_lossy(&run.stderr).trim()
    );
    Ok(())
}
