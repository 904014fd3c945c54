//! A NATS server with `JetStream`, on this machine only.

use std::fs;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::child::{Child, OnLine, StopSignal};
use crate::{Error, Programs, ports, ready};

/// The child's name, and that of its pid file.
const NAME: &str = "nats";
/// The INFO line is a few hundred bytes.
const MAX_INFO_BYTES: u64 = 64 * 1024;

/// When the broker writes a message through to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncInterval {
    /// Before it acknowledges it: nothing acknowledged is lost to a power failure.
    Always,
    /// This often, in milliseconds, 1 or more; for replicated clusters and tests.
    Millis(u32),
}

/// What a server is to be like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its folder: configuration and streams.
    pub dir: PathBuf,
    /// Its name, which tells it apart from other servers that may answer on the port.
    pub name: String,
    /// The port for clients on 127.0.0.1.
    pub port: u16,
    /// The port for monitoring over HTTP on 127.0.0.1, if wanted.
    pub monitor_port: Option<u16>,
    /// Configuration text for accounts, users and permissions, put in as it is; empty lets anybody in.
    pub accounts: String,
    /// When messages are written through.
    pub sync_interval: SyncInterval,
    /// The largest message in bytes, up to 64 MiB.
    pub max_payload_bytes: u32,
    /// What all streams together may take on the disk, in bytes.
    pub max_file_store_bytes: u64,
}

/// A server, started or not.
#[derive(Clone, Debug)]
pub struct Server {
    program: PathBuf,
    settings: Settings,
}

impl Server {
    /// A server with these settings. Nothing is done yet; a relative folder is meant from here.
    ///
    /// # Errors
    /// The current folder is gone.
    pub fn new(programs: &Programs, mut settings: Settings) -> Result<Self, Error> {
        settings.dir = path::absolute(&settings.dir).map_err(Error::file("resolve", &settings.dir))?;
        Ok(Self { program: programs.nats_server().to_owned(), settings })
    }

    /// Writes the configuration, which holds passwords, for this user's eyes only, and gives the command
    /// that runs the server with it. It is stopped with SIGINT.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn command(&self) -> Result<Command, Error> {
        let dir = &self.settings.dir;
        let config = dir.join("nats.conf");
        let write = || {
            fs::create_dir_all(dir)?;
            // Temporary files are made with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(self.settings.config().as_bytes())?;
            file.persist(&config)?;
            Ok(())
        };
        write().map_err(Error::file("write", &config))?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(config).current_dir("/");
        Ok(command)
    }

    /// Waits until this server, by its name, greets clients.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn ready(&self, within: Duration) -> Result<(), Error> {
        let Settings { port, name, .. } = &self.settings;
        ready::poll(NAME, *port, within, async || greets(*port, name).await).await
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// The port is taken, or it does not start in time; then nothing is left running.
    pub async fn start(&self, run_dir: &Path, on_line: &OnLine, within: Duration) -> Result<Child, Error> {
        ports::require_free(self.settings.port)?;
        let child = Child::spawn(NAME, self.command()?, StopSignal::Interrupt, run_dir, on_line)?;
        child.until_ready(self.ready(within)).await
    }

    /// The URL for clients, without a user.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.settings.port)
    }
}

impl Settings {
    fn config(&self) -> String {
        let Self { port, accounts, max_payload_bytes, max_file_store_bytes, .. } = self;
        let name = quoted(&self.name);
        let store_dir = quoted(&self.dir.to_string_lossy());
        let sync_interval = match self.sync_interval {
            SyncInterval::Always => "always".to_owned(),
            SyncInterval::Millis(millis) => format!("\"{millis}ms\""),
        };
        let monitor = self.monitor_port.map(|port| format!("http: \"127.0.0.1:{port}\"\n")).unwrap_or_default();
        format!(
            "# Written at each start; changes are lost.\n\
             listen: \"127.0.0.1:{port}\"\n\
             {monitor}\
             server_name: {name}\n\
             max_payload: {max_payload_bytes}\n\
             jetstream {{\n\
             \x20 store_dir: {store_dir}\n\
             \x20 sync_interval: {sync_interval}\n\
             \x20 max_file_store: {max_file_store_bytes}\n\
             }}\n\
             {accounts}\n"
        )
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The part of the INFO line that matters here.
#[derive(Deserialize)]
struct Info {
    server_name: String,
    #[serde(default)]
    jetstream: bool,
}

async fn greets(port: u16, name: &str) -> io::Result<bool> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_INFO_BYTES)).read_line(&mut line).await?;
    let Some(info) = line.strip_prefix("INFO ") else { return Ok(false) };
    let info: Info = serde_json::from_str(info)?;
    Ok(info.server_name == name && info.jetstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
