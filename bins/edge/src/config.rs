//! Settings of the edge; `settings.toml` says what each means.

use std::path::PathBuf;

use serde::Deserialize;
use tillstream_runtime::{
    Settings,
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
};

/// All settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub(crate) listen: String,
    pub(crate) process: ProcessSettings,
    pub(crate) bus: tillstream_bus::Settings,
    pub(crate) database: DatabaseSettings,
    pub(crate) tokens: TokenSettings,
    pub(crate) passwords: PasswordSettings,
    pub(crate) pins: PinSettings,
    pub(crate) proofs: ProofSettings,
    pub(crate) http: HttpSettings,
    pub(crate) tls: TlsSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) commands: CommandSettings,
    pub(crate) events: EventSettings,
    pub(crate) tracing: EdgeTracingSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenSettings {
    pub(crate) key_file: PathBuf,
    pub(crate) earlier_keys: Vec<String>,
    pub(crate) remember: usize,
}

/// What a hash costs, and how many are made at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordSettings {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
    pub(crate) threads: usize,
    pub(crate) queue: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinSettings {
    pub(crate) pepper_file: PathBuf,
}

/// Signatures of requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofSettings {
    pub(crate) skew_max_s: u32,
    pub(crate) remember: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSettings {
    pub(crate) max_body_bytes: usize,
    pub(crate) wait_default_ms: u64,
    pub(crate) wait_max_ms: u64,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) max_head_bytes: usize,
    pub(crate) head_ms: u64,
    pub(crate) body_ms: u64,
    pub(crate) idle_ms: u64,
    pub(crate) send_ms: u64,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_address: usize,
    pub(crate) trusted_proxies: usize,
    pub(crate) drain_ms: u64,
    pub(crate) drain_max_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) handshake_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitSettings {
    pub(crate) address_per_s: u32,
    pub(crate) address_burst: u32,
    pub(crate) token_per_s: u32,
    pub(crate) token_burst: u32,
    pub(crate) merchant_per_s: u32,
    pub(crate) merchant_burst: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandSettings {
    pub(crate) queue: usize,
    pub(crate) batch: usize,
    pub(crate) gather_ms: u64,
    pub(crate) stall_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventSettings {
    pub(crate) max_streams: usize,
}

/// [`TracingSettings`], and whether clients may decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EdgeTracingSettings {
    pub(crate) endpoint: String,
    pub(crate) sample_ratio: f64,
    pub(crate) trust_clients: bool,
}

impl Settings for Config {
    const SAMPLE: &'static str = include_str!("../settings.toml");

    fn process(&self) -> &ProcessSettings {
        &self.process
    }

    fn health(&self) -> Option<&str> {
        self.process.listen.as_deref().or(Some(&self.listen))
    }

    fn tracing(&self) -> TracingSettings {
        TracingSettings { endpoint: self.tracing.endpoint.clone(), sample_ratio: self.tracing.sample_ratio }
    }
}
