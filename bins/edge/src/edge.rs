//! What every route shares.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use ed25519_dalek::{SigningKey, VerifyingKey};
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
    front::Tls,
    hashing::Hashing,
    keys::Keys,
    limits::Limits,
    lockout::Lockout,
    marks::Marks,
    middleware::Observed,
    problem::Problem,
    sessions::{Sessions, Signing},
};

/// Public halves of earlier keys of tokens.
const EARLIER_KEYS_MAX: usize = 3;

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
    pub(crate) marks: Marks,
    pub(crate) keys: Keys,
    pub(crate) sessions: Sessions,
    pub(crate) lockout: Lockout,
    pub(crate) commands: Commands,
    pub(crate) hub: Hub,
    pub(crate) http: HttpSettings,
    pub(crate) limits: Limits,
    /// The API is served over TLS.
    pub(crate) tls: Option<Arc<Tls>>,
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
        config.sessions.check()?;
        let key = read_key(config)?;
        let derive = Derive::new(&key);
        let hashing = Hashing::start(&config.passwords, &config.pins, derive.clone())?;
        let taken = accepted(&key, &config.tokens.earlier_keys)?;
        let tls = Tls::open(&config.tls)?;
        anyhow::ensure!(
            tls.is_none() || config.process.listen.is_some(),
            "set process.listen when the API is served over TLS: health and metrics are asked for without"
        );
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
        let bucket = bus.bucket();
        let clock = process.clock.clone();
        let marks = Marks::follow(bucket.clone(), process);
        let lockout = Lockout::new(bucket.clone(), derive.clone(), clock.clone(), config.sign_in.clone());
        let keys = Keys::new(bucket.clone(), clock.clone());
        let signing = Signing { key, taken: taken.clone() };
        let sessions = Sessions::new(bucket, signing, clock, process.ids.clone(), config.sessions.clone());
        let limits = Limits::new(&config.limits, &process.metrics, process.clock.now())?;
        let commands = Commands::open(&bus, process, &config.commands, limits.refused_commands()).await?;
        Ok(Self(Arc::new(Parts {
            process: process.clone(),
            clock: process.clock.clone(),
            pool,
            derive,
            hashing,
            tokens: Tokens::new(taken, config.tokens.remember),
            marks,
            keys,
            sessions,
            lockout,
            commands,
            hub: Hub::new(bus, process, config.events.max_streams),
            http: config.http.clone(),
            limits,
            tls: tls.map(Arc::new),
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
        in_time(read).await
    }

    /// Looks up what is known before the merchant is, bounded in time. Row-level security shows no merchant's rows.
    pub(crate) async fn look_up<T>(
        &self,
        query: impl AsyncFnOnce(&mut tillstream_store::PgConnection) -> Result<T, tillstream_store::Error>,
    ) -> Result<T, Problem> {
        let look_up = async {
            let mut conn = self.0.pool.acquire().await.map_err(tillstream_store::Error::from)?;
            query(&mut conn).await
        };
        in_time(look_up).await
    }
}

async fn in_time<T>(reading: impl Future<Output = Result<T, tillstream_store::Error>>) -> Result<T, Problem> {
    match tokio::time::timeout(Duration::from_secs(5), reading).await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(Problem::database("it did not answer within 5 seconds")),
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

/// The keys whose tokens are taken: the one that signs, and those that signed before. A token does not say which it is of,
/// so each more costs every stranger's token a verification.
fn accepted(key: &SigningKey, earlier: &[String]) -> anyhow::Result<Vec<VerifyingKey>> {
    ensure!(
        earlier.len() <= EARLIER_KEYS_MAX,
        "{} keys in the setting tokens.earlier_keys: there can be {EARLIER_KEYS_MAX}; leave out the oldest",
        earlier.len()
    );
    let mut keys = vec![key.verifying_key()];
    for text in earlier {
        let mut bytes = [0; 32];
        let decoded = hex::decode_to_slice(text.trim(), &mut bytes).map_err(anyhow::Error::from);
        let earlier = decoded.and_then(|()| Ok(VerifyingKey::from_bytes(&bytes)?));
        keys.push(
            earlier.with_context(|| format!("read {text:?} of the setting tokens.earlier_keys as a public key"))?,
        );
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_keys_are_taken_besides_and_bounded() {
        let keys = [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32]));
        let earlier = hex::encode(keys[1].verifying_key().as_bytes());
        let taken = accepted(&keys[0], &[format!("{earlier}\n")]).unwrap();
        assert_eq!(taken, keys.each_ref().map(SigningKey::verifying_key));
        assert!(accepted(&keys[0], &["07".to_owned()]).unwrap_err().to_string().contains("tokens.earlier_keys"));
        assert!(
            accepted(&keys[0], &[const { String::new() }; 4]).unwrap_err().to_string().contains("leave out the oldest")
        );
    }
}
