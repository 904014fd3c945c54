//! Settings, read once at start: defaults, then a file, then the environment; passwords also from files of their own.

mod password;

use std::path::Path;

use config::{Config, Environment, File, FileFormat};
use serde::{Deserialize, de::DeserializeOwned};

pub use password::{PasswordError, read_password, with_password};

/// The settings of one binary.
pub trait Settings: DeserializeOwned + std::fmt::Debug + Send + 'static {
    /// Every setting with its default and its meaning, as TOML: the sample that users copy.
    const SAMPLE: &'static str;

    /// Whether the binary has work for a thread on each core. A worker has not: it takes one batch after another, and a
    /// second thread only costs it a wake-up at each answer of a server's.
    const PARALLEL: bool = false;

    /// The part that every binary has.
    fn process(&self) -> &ProcessSettings;

    /// Where traces go.
    fn tracing(&self) -> TracingSettings;

    /// Where `/readyz` is served.
    fn health(&self) -> Option<&str> {
        self.process().listen.as_deref()
    }
}

/// What every binary can be told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSettings {
    /// Where `/livez`, `/readyz` and `/metrics` are served, for example `127.0.0.1:9101`. Without it the edge serves them
    /// beside its own routes, and a worker does not.
    pub listen: Option<String>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which are written, as `tracing-subscriber`'s `EnvFilter` has it, for example `info,tillstream_bus=debug`.
    pub log_filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, in the Elastic Common Schema.
    Json,
}

/// Where traces go (OpenTelemetry).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracingSettings {
    /// The base URL of a collector that takes OTLP over HTTP, for example `http://127.0.0.1:4318`; empty: nowhere.
    pub endpoint: String,
    /// Of traces that begin here, this share is recorded, 0.0 to 1.0.
    pub sample_ratio: f64,
}

/// How PostgreSQL is reached.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// For example `postgres://tillstream_edge:secret@127.0.0.1/tillstream`. Once read, it has the password of
    /// `password_file`, if there is one.
    pub url: String,
    /// Connections at the most.
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout_ms: u64,
}

impl std::fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.url.rsplit_once('@').map_or("[redacted]", |(_, place)| place);
        f.debug_struct("DatabaseSettings")
            .field("url", &format_args!("[redacted]@{place}"))
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout_ms", &self.acquire_timeout_ms)
            .finish()
    }
}

/// Reads settings: [`Settings::SAMPLE`], then `file`, then variables such as `TILLSTREAM__DATABASE__URL`. Unknown keys
/// are refused. Then the files that `bus.password_file` and `database.password_file` name.
///
/// # Errors
/// When a file can't be read, a key is unknown, missing or of the wrong type, or a password is given twice.
pub fn load<S: Settings>(file: Option<&Path>) -> anyhow::Result<S> {
    let mut builder = Config::builder().add_source(File::from_str(S::SAMPLE, FileFormat::Toml));
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    let environment = Environment::with_prefix("TILLSTREAM").prefix_separator("__").separator("__");
    let mut settings = builder.add_source(environment).build()?;
    password::resolve(&mut settings)?;
    Ok(settings.try_deserialize()?)
}
