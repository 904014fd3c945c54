//! What every route shares.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use ed25519_dalek::SigningKey;
use tillstream_bus::Bus;
use tillstream_domain::id::MerchantId;
use tillstream_runtime::{Clock, Process};
use tillstream_store::{PgPool, tenant};

use crate::{
    caller::Tokens,
    commands::Commands,
    config::{Config, HttpSettings},
    derive::Derive,
    feed::Hub,
    hashing::Hashing,
    middleware::Observed,
    problem::Problem,
};

/// The edge's state. Cheap to clone.
#[derive(Clone)]
pub struct Edge(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) process: Process,
    pub(crate) clock: Clock,
    pub(crate) pool: PgPool,
    pub(crate) tokens: Tokens,
    /// Makes secrets that a repeated request shows again.
    pub(crate) derive: Derive,
    pub(crate) hashing: Hashing,
    pub(crate) commands: Commands,
    pub(crate) hub: Hub,
    pub(crate) http: HttpSettings,
    pub(crate) observed: Observed,
    /// Clients that have begun a trace decide whether it is recorded.
    pub(crate) trust_clients: bool,
    /// Health and metrics are served by the process's own listener.
    pub(crate) health_apart: bool,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

impl Edge {
    /// Connects to the bus and the database; neither needs to be there yet.
    ///
    /// # Errors
    /// When a setting is unusable.
    pub async fn open(process: &Process, config: &Config) -> anyhow::Result<Self> {
        let key = read_key(config)?;
        let derive = Derive::new(&key);
        let hashing = Hashing::start(&config.passwords, &config.pins, derive.clone())?;
        let pool = tillstream_store::pool(
            process.name,
            &config.database.url,
            tillstream_store::Plans::Each,
            config.database.max_connections,
            Duration::from_millis(config.database.acquire_timeout_ms),
        )
        .context("read the setting database.url")?;
        let bus = Bus::connect(&config.bus, Duration::from_secs(5)).await?;
        // Sales are taken while the database is down, so the edge is ready without it.
        process.health.check_postgres(&pool, false);
        process.health.check_nats(&bus);
        process.metrics.watch_pool(&pool);
        let commands = Commands::open(&bus, process, &config.commands).await?;
        Ok(Self(Arc::new(Parts {
            process: process.clone(),
            clock: process.clock.clone(),
            pool,
            tokens: Tokens::new(vec![key.verifying_key()], config.tokens.remember),
            derive,
            hashing,
            commands,
            hub: Hub::new(bus, process, config.events.max_streams),
            http: config.http.clone(),
            observed: Observed::new(&process.metrics),
            trust_clients: config.tracing.trust_clients,
            health_apart: config.process.listen.is_some(),
        })))
    }

    /// Reads as the caller's merchant, bounded in time.
    pub(crate) async fn read<T>(
        &self,
        merchant: MerchantId,
        query: impl AsyncFnOnce(&mut tillstream_store::PgConnection) -> Result<T, tillstream_store::Error>,
    ) -> Result<T, Problem> {
        let read = async {
            let mut tx = tenant::read(&self.0.pool, merchant).await?;
            let found = query(&mut tx).await?;
            tx.rollback().await?;
            Ok::<_, tillstream_store::Error>(found)
        };
        match tokio::time::timeout(Duration::from_secs(5), read).await {
            Ok(result) => result.map_err(Problem::from),
            Err(_) => Err(Problem::database("it did not answer within 5 seconds")),
        }
    }
}

fn read_key(config: &Config) -> anyhow::Result<SigningKey> {
    let file = config.tokens.key_file.display().to_string();
    let text = std::fs::read_to_string(&config.tokens.key_file)
        .with_context(|| format!("read the key that signs tokens from {file:?} (setting tokens.key_file)"))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes)
        .with_context(|| format!("key in {file} is not 64 hexadecimal digits"))?;
    Ok(SigningKey::from_bytes(&bytes))
}
