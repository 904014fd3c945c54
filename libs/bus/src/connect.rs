//! The connection to NATS.

mod tls;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_nats::{ConnectOptions, Event, connection::State, jetstream};
use serde::Deserialize;
use tracing::{info, warn};

/// Where the broker is and who we are there.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// For example `nats://127.0.0.1:4222`; several, separated by commas, for a cluster. With `tls://` in place of `nats://`,
    /// nothing is sent before the server has shown a certificate for the host's name; then all have `tls://`.
    pub url: String,
    /// The user of this role.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Who vouches for the servers: a PEM file of one or more certificates, and then nobody else does. Empty: the
    /// authorities that the machine trusts. Only with `tls://`.
    #[serde(default)]
    pub tls_ca_file: PathBuf,
    /// Into how many partitions merchants are spread, 1 to 64. The same for all parts of a system.
    pub partitions: u16,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("password", &"[redacted]")
            .field("tls_ca_file", &self.tls_ca_file)
            .field("partitions", &self.partitions)
            .finish()
    }
}

/// Why no connection could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server refused us or can't be reached.
    #[error("NATS at {url} as user {user:?} did not accept the connection")]
    Refused {
        /// Where.
        url: String,
        /// As whom.
        user: String,
        /// Why.
        #[source]
        source: async_nats::ConnectError,
    },
    /// The settings make no sense.
    #[error("partitions must be 1 to 64, not {0}")]
    Partitions(u16),
    /// Some connections would be encrypted and others not.
    #[error("the NATS servers {0} must either all begin with tls:// or none of them")]
    MixedTls(String),
    /// A file that would never be looked at.
    #[error("{} says who vouches for the NATS servers, but {url} is not encrypted: write tls:// or leave the file out", .file.display())]
    CaWithoutTls {
        /// Where.
        url: String,
        /// The file that was named.
        file: PathBuf,
    },
    /// Nobody would be trusted.
    #[error("could not read certificates from {}", .0.display())]
    Ca(PathBuf, #[source] std::io::Error),
}

/// A connection, and what is built on it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    partitions: u16,
    role: Arc<str>,
}

impl Bus {
    /// Connects as `settings.user`. It returns at once even if the server is down, and keeps trying; afterwards it
    /// reconnects for ever. Requests wait for at most `timeout`.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub async fn connect(settings: &Settings, timeout: Duration) -> Result<Self, ConnectError> {
        if !(1..=crate::subject::MAX_PARTITIONS).contains(&settings.partitions) {
            return Err(ConnectError::Partitions(settings.partitions));
        }
        let addresses: Vec<&str> = settings.url.split(',').map(str::trim).collect();
        let options = ConnectOptions::with_user_and_password(settings.user.clone(), settings.password.clone());
        let client = tls::protected(options, settings)?
            .name(format!("tillstream-{}", settings.user))
            .custom_inbox_prefix(inbox(&settings.user))
            .request_timeout(Some(timeout))
            .connection_timeout(Duration::from_secs(2))
            .ping_interval(Duration::from_secs(5))
            .retry_on_initial_connect()
            .reconnect_delay_callback(|attempts| Duration::from_millis((attempts as u64 * 50).min(1_000)))
            .event_callback(|event| async move { report(&event) })
            .connect(addresses)
            .await
            .map_err(|source| ConnectError::Refused {
                url: settings.url.clone(),
                user: settings.user.clone(),
                source,
            })?;
        let jetstream =
            jetstream::context::ContextBuilder::new().timeout(timeout).ack_timeout(timeout).build(client.clone());
        Ok(Self { client, jetstream, partitions: settings.partitions, role: settings.user.as_str().into() })
    }

    /// Whether the server is there right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits until the server is there, for `within` at the most; whether it is.
    pub async fn connected(&self, within: Duration) -> bool {
        let flushed = tokio::time::timeout(within, self.client.flush()).await;
        matches!(flushed, Ok(Ok(()))) && self.is_connected()
    }

    /// How many partitions there are.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The user as whom we are connected.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Waits until all that was sent, plain acknowledgements among it, has been written to the server, or a second has passed.
    pub async fn flush(&self) {
        let fault = match tokio::time::timeout(Duration::from_secs(1), self.client.flush()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer within a second".to_owned(),
        };
        warn!(fault, "last messages may not have reached NATS; what was not acknowledged comes again");
    }
}

/// Where replies to a role's requests go; each role may listen to its own alone.
pub(crate) fn inbox(user: &str) -> String {
    format!("_INBOX.{user}")
}

// A permission that is missing shows only here: the request that needed it just times out.
fn report(event: &Event) {
    match event {
        Event::Connected => info!("connected to NATS"),
        Event::Disconnected => warn!("connection to NATS lost; reconnecting"),
        Event::SlowConsumer(subscription) => warn!(subscription, "messages from NATS come faster than they are taken"),
        Event::ServerError(error) => warn!(%error, "NATS reports an error"),
        Event::ClientError(error) => warn!(%error, "NATS client error"),
        Event::LameDuckMode | Event::Draining | Event::Closed => info!(%event, "NATS connection"),
    }
}
