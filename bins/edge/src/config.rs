//! Settings of the edge; `settings.toml` says what each means.

use std::path::PathBuf;

use serde::Deserialize;
use tillstream_runtime::{
    Settings,
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
};

use crate::marks::LONGEST_ACCESS;

/// The bucket of sessions forgets after 31 days.
const LONGEST_REFRESH_S: i64 = 30 * 86_400;

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
    pub(crate) sessions: SessionSettings,
    pub(crate) sign_in: SignInSettings,
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

/// For how long tokens of users are good.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionSettings {
    pub(crate) access_valid_s: i64,
    pub(crate) refresh_valid_s: i64,
}

impl SessionSettings {
    /// That the times are such that revoking works.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let longest = i64::try_from(LONGEST_ACCESS.as_secs()).unwrap_or(i64::MAX);
        anyhow::ensure!(
            (1..=longest).contains(&self.access_valid_s),
            "the setting sessions.access_valid_s must be 1 to {longest}, not {}: what is revoked is remembered for as long",
            self.access_valid_s
        );
        anyhow::ensure!(
            (self.access_valid_s..=LONGEST_REFRESH_S).contains(&self.refresh_valid_s),
            "the setting sessions.refresh_valid_s must be sessions.access_valid_s to {LONGEST_REFRESH_S}, not {}",
            self.refresh_valid_s
        );
        Ok(())
    }
}

/// How failed sign-ins are held up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInSettings {
    pub(crate) free_failures: u32,
    pub(crate) wait_first_s: i64,
    pub(crate) wait_max_s: i64,
    pub(crate) address_failures: u32,
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
    const PARALLEL: bool = true;

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
