//! Backups of a running server, an archive of its log, and the way back to a moment.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

use super::{Cluster, user};
use crate::Error;
use crate::user::Account;

/// A segment of the log is archived after this long, full or not: what may be lost with the disk.
const ARCHIVE_TIMEOUT: &str = "60s";

impl Cluster {
    /// The same, and it copies each segment of its log into `dir` once it is written, at most a minute late.
    ///
    /// # Errors
    /// `dir` can't be made, or has a name that a shell or `PostgreSQL` would read differently.
    pub fn archiving(mut self, dir: &Path) -> Result<Self, Error> {
        if !plain(dir) {
            return Err(Error::ArchiveName { dir: dir.to_owned() });
        }
        self.make_for_server(dir)?;
        self.archive = Some(dir.to_owned());
        Ok(self)
    }

    /// The settings that make the server archive, if it is to.
    pub(super) fn archive_settings(&self) -> Vec<(&'static str, String)> {
        self.archive.as_deref().map_or_else(Vec::new, |dir| {
            let dir = dir.display();
            // A name appears only with all of its content on the disk, and an archived segment is never written over. The
            // server asks again for one that it has not noted as archived.
            let copy = format!(
                "if test -f '{dir}/%f'; then cmp -s '%p' '{dir}/%f'; \
                 else cp '%p' '{dir}/%f.partly' && sync '{dir}/%f.partly' && mv '{dir}/%f.partly' '{dir}/%f' && sync '{dir}'; fi"
            );
            vec![
                ("archive_mode", "on".to_owned()),
                ("archive_timeout", ARCHIVE_TIMEOUT.to_owned()),
                ("archive_command", copy),
            ]
        })
    }

    /// Copies the running server's data into the new folder `into`, with the log that makes the copy whole, and verifies
    /// the copy.
    ///
    /// # Errors
    /// `into` is there already, or `pg_basebackup` or `pg_verifybackup` fails.
    pub async fn back_up(&self, into: &Path) -> Result<(), Error> {
        let account = self.make_for_server(into)?;
        let mut copy = user::command(account, &self.bin.join("pg_basebackup"), into)?;
        copy.args(["--host=127.0.0.1", "--checkpoint=fast", "--wal-method=stream", "--no-password"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--username={}", self.superuser))
            .arg("--pgdata")
            .arg(into)
            .env("PGPASSWORD", self.password.reveal());
        run("pg_basebackup", copy).await?;
        let mut verify = user::command(account, &self.bin.join("pg_verifybackup"), into)?;
        verify.arg("--quiet").arg(into);
        run("pg_verifybackup", verify).await
    }

    /// Has the data folder `dir`, which holds a backup, go on from it through the log in `archive` when it is started: to
    /// the moment `until` (RFC 3339), or as far as the log goes. Without an archive it ends where the backup ends. Either
    /// way a new timeline begins, so that what is archived from then on has names of its own.
    ///
    /// # Errors
    /// There is no such archive, or a file can't be written.
    pub fn recover(dir: &Path, archive: Option<&Path>, until: Option<&str>) -> Result<(), Error> {
        let restore = match archive {
            None => "false".to_owned(),
            Some(archive) if plain(archive) && archive.is_dir() => format!("cp ''{}/%f'' ''%p''", archive.display()),
            Some(archive) => return Err(Error::ArchiveName { dir: archive.to_owned() }),
        };
        // It reads no T and no Z. Empty, for a backup of what was recovered once may still name another moment.
        let target = until.map(|until| until.replace('T', " ").replace('Z', "+00")).unwrap_or_default();
        let settings = format!(
            "\n# Written to recover from a backup; of no effect afterwards.\nrestore_command = '{restore}'\n\
             recovery_target_action = 'promote'\nrecovery_target_time = '{target}'\nhot_standby = off\n"
        );
        let file = dir.join("postgresql.auto.conf");
        let append = || OpenOptions::new().append(true).create(true).open(&file)?.write_all(settings.as_bytes());
        append().map_err(Error::file("write", &file))?;
        let signal = dir.join("recovery.signal");
        let make = || {
            File::create(&signal)?;
            match Account::for_data(dir) {
                Ok(Some(Account { uid, gid })) => chown(&signal, Some(uid), Some(gid)),
                _ => Ok(()),
            }
        };
        make().map_err(Error::file("write", &signal))
    }

    /// Makes a folder that the server can write, unless it is there.
    fn make_for_server(&self, dir: &Path) -> Result<Option<Account>, Error> {
        let account = if self.dir.exists() { Account::for_data(&self.dir)? } else { Account::for_new_data()? };
        let parent = dir.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(Error::file("make", parent))?;
        if !dir.exists() {
            DirBuilder::new().mode(0o700).create(dir).map_err(Error::file("make", dir))?;
            if let Some(Account { uid, gid }) = account {
                chown(dir, Some(uid), Some(gid)).map_err(Error::file("change the owner of", dir))?;
            }
        }
        Ok(account)
    }
}

/// Whether a path means the same to a shell, in single quotes, and in a setting of `PostgreSQL`.
fn plain(path: &Path) -> bool {
    path.is_absolute() && path.to_str().is_some_and(|text| !text.contains(['\'', '%', '\\', '\n']))
}

async fn run(program: &'static str, mut command: tokio::process::Command) -> Result<(), Error> {
    let run = command.kill_on_drop(true).output().await.map_err(Error::process("run", program))?;
    if run.status.success() {
        return Ok(());
    }
    Err(Error::Failed { program, output: String::from_utf8_lossy(&run.stderr).trim().to_owned() })
}
