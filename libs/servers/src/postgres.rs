//! A `PostgreSQL` database cluster of our own.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::child::{Child, OnLine, StopSignal};
use crate::programs::version;
use crate::user::{self, Account};
use crate::{Error, Password, Programs, ports, ready};

mod backup;
mod handshake;

/// The child's name, and that of its pid file.
const NAME: &str = "postgres";

/// For a shop's data on one machine that does other things too. `fsync` and `synchronous_commit` are
/// `PostgreSQL`'s defaults; they are here because a sale's safety rests on them.
const DURABLE: [(&str, &str); 8] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("shared_buffers", "128MB"),
    ("max_connections", "100"),
    // Checkpoints far apart: each makes the next change of every page write the whole page to the log…
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "15min"),
    // …and those pages compress well.
    ("wal_compression", "on"),
    ("log_min_messages", "warning"),
];

/// For tests: nothing survives a power failure, and many tests share the server.
const THROW_AWAY: [(&str, &str); 5] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "300"),
    ("log_min_messages", "fatal"),
];

/// A data folder and how its server is reached.
#[derive(Clone, Debug)]
pub struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
    superuser: String,
    password: Password,
    settings: &'static [(&'static str, &'static str)],
    /// Where its log is copied to.
    archive: Option<PathBuf>,
}

impl Cluster {
    /// A cluster whose data matters. Nothing is done yet; a relative folder is meant from here.
    ///
    /// # Errors
    /// The current folder is gone.
    pub fn new(programs: &Programs, dir: &Path, port: u16, superuser: &str, password: Password) -> Result<Self, Error> {
        Ok(Self {
            bin: programs.postgres_bin().to_owned(),
            dir: path::absolute(dir).map_err(Error::file("resolve", dir))?,
            port,
            superuser: superuser.to_owned(),
            password,
            settings: &DURABLE,
            archive: None,
        })
    }

    /// The same, but quick instead of safe: for tests.
    #[must_use]
    pub fn throw_away(mut self) -> Self {
        self.settings = &THROW_AWAY;
        self
    }

    /// Makes the data folder with initdb, unless it is there. Interrupted, it leaves no half-made one.
    ///
    /// # Errors
    /// initdb fails, the user that root runs it as can't reach the folder, or the folder holds data of
    /// another major version.
    pub async fn init(&self) -> Result<(), Error> {
        if self.dir.join("PG_VERSION").exists() {
            return self.check_version();
        }
        let parent = self.dir.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(Error::file("make", parent))?;
        let account = Account::for_new_data()?;
        let fresh = self.dir.with_added_extension("new");
        let password = self.password_file(parent, account).map_err(Error::file("write a password into", parent))?;
        // macOS has no C.UTF-8; plain C sorts the same way.
        let mut made = self.initdb(account, &fresh, password.path(), "C.UTF-8").await;
        if let Err(Error::Initdb { .. }) = made {
            made = self.initdb(account, &fresh, password.path(), "C").await;
        }
        made?;
        fs::rename(&fresh, &self.dir).map_err(Error::file("make", &self.dir))?;
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(Error::file("sync", parent))
    }

    /// The command that runs the server in the foreground, with these settings over ours, on 127.0.0.1 only.
    /// It is stopped with SIGINT.
    ///
    /// # Errors
    /// The user that root runs it as can't reach the data.
    pub fn command(&self, settings: &[(&str, &str)]) -> Result<Command, Error> {
        let mut command = user::command(Account::for_data(&self.dir)?, &self.bin.join("postgres"), &self.dir)?;
        command.arg("-D").arg(&self.dir).arg("-p").arg(self.port.to_string());
        let fixed = [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", ""), ("logging_collector", "off")];
        for (key, value) in self.settings.iter().chain(settings).chain(&fixed) {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        for (key, value) in self.archive_settings() {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        Ok(command)
    }

    /// Waits until the server lets clients in.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn ready(&self, within: Duration) -> Result<(), Error> {
        let answers = async || {
            // Asked earlier it would log each refusal, through a long recovery.
            let started = self.says_ready().unwrap_or(false);
            Ok(started && handshake::accepts(self.port, &self.superuser).await?)
        };
        ready::poll(NAME, self.port, within, answers).await
    }

    /// Starts the server and waits until it is ready. Recovery after a crash takes time too, so be generous.
    ///
    /// # Errors
    /// The port is taken, or it does not start in time; then nothing is left running. Right after a server
    /// was killed the next may end early, while the killed one's own processes end: try again.
    pub async fn start(
        &self,
        settings: &[(&str, &str)],
        run_dir: &Path,
        on_line: &OnLine,
        within: Duration,
    ) -> Result<Child, Error> {
        ports::require_free(self.port)?;
        let child = Child::spawn(NAME, self.command(settings)?, StopSignal::Interrupt, run_dir, on_line)?;
        child.until_ready(self.ready(within)).await
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL for a user and a database of this cluster.
    #[must_use]
    pub fn url(&self, user: &str, password: &Password, database: &str) -> String {
        let [user, password, database] = [user, password.reveal(), database].map(percent_encoded);
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a database for the superuser.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(&self.superuser, &self.password, database)
    }

    /// The server's state is the eighth line of its lock file. One that was killed leaves an old file, which
    /// the next replaces before it listens.
    fn says_ready(&self) -> io::Result<bool> {
        let lock = fs::read_to_string(self.dir.join("postmaster.pid"))?;
        Ok(lock.lines().nth(7).is_some_and(|state| state.trim() == "ready"))
    }

    fn check_version(&self) -> Result<(), Error> {
        let file = self.dir.join("PG_VERSION");
        let data = fs::read_to_string(&file).map_err(Error::file("read", file))?.trim().to_owned();
        let program = self.bin.join("postgres");
        match version(&program) {
            Some((major, _)) if major.to_string() != data => {
                Err(Error::DataVersion { dir: self.dir.clone(), data, program, program_version: major })
            }
            _ => Ok(()),
        }
    }

    /// A file that only the account can read, removed when it is dropped.
    fn password_file(&self, parent: &Path, account: Option<Account>) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        writeln!(file, "{}", self.password.reveal())?;
        if let Some(Account { uid, gid }) = account {
            chown(file.path(), Some(uid), Some(gid))?;
        }
        Ok(file)
    }

    async fn initdb(&self, account: Option<Account>, dir: &Path, password: &Path, locale: &str) -> Result<(), Error> {
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(Error::file("remove", dir))?;
        }
        DirBuilder::new().mode(0o700).create(dir).map_err(Error::file("make", dir))?;
        if let Some(Account { uid, gid }) = account {
            chown(dir, Some(uid), Some(gid)).map_err(Error::file("change the owner of", dir))?;
        }
        let mut command = user::command(account, &self.bin.join("initdb"), dir)?;
        command.args(["--auth=scram-sha-256", "--encoding=UTF8"]).arg(format!("--locale={locale}"));
        command.arg("--username").arg(&self.superuser).arg("--pwfile").arg(password).arg("--pgdata").arg(dir);
        if self.settings == THROW_AWAY {
            command.arg("--no-sync");
        }
        let run = command.kill_on_drop(true).output().await.map_err(Error::process("run", "initdb"))?;
        if run.status.success() {
            return Ok(());
        }
        let output = String::from_utf8_lossy(&run.stderr).trim().to_owned();
        Err(Error::Initdb { dir: self.dir.clone(), output })
    }
}

/// RFC 3986: what is not unreserved is encoded.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_encoded() {
        assert_eq!(percent_encoded("p@ss/wörd~1"), "p%40ss%2Fw%C3%B6rd~1");
    }
}
