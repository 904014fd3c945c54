//! API keys, as callers show them: `ts_`, the key's id and its secret.
//!
//! What the database says of a key is remembered for a minute, and for longer while the database is away. A key that is
//! revoked is refused at once all the same, by its mark.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use tillstream_bus::bucket::Bucket;
use tillstream_contract::token::Access;
use tillstream_domain::{
    id::{KeyId, MerchantId},
    identity::{Actor, Rights},
    time::Timestamp,
};
use tillstream_runtime::{Clock, health::describe};
use tillstream_store::identity::{self, KeyFound};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    Edge,
    caller::Caller,
    derive::{Derive, Purpose},
    hashing::Plain,
    problem::Problem,
};

/// What every key begins with, so that scanners for leaked secrets find it.
pub(crate) const PREFIX: &str = "ts_";
/// How long what the database says is taken as it is, in seconds.
const FRESH_S: i64 = 60;
/// How often a key's use is noted, in seconds.
const NOTED_S: i64 = 60;
/// Keys that are remembered; then all are looked up afresh.
const REMEMBERED: usize = 10_000;
/// What who shows a key that is none is told.
const UNKNOWN: Problem = Problem::Unauthorized("the API key is not one of ours, has expired or was revoked");

/// A key as a caller shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    id: KeyId,
    secret: Plain,
}

impl Shown {
    /// The key that the command `id` of this caller makes: the same each time.
    pub(crate) fn make(derive: &Derive, caller: &Caller, id: Uuid) -> Self {
        let secret = hex::encode(derive.shown(Purpose::ApiKey, caller, id));
        Self { id: KeyId::new(id), secret: Plain::from(secret.as_str()) }
    }

    /// Reads what a caller shows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let plain = secret.len() == 64 && secret.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = (id.len() == 32).then(|| Uuid::try_parse(id).ok())??;
        plain.then(|| Self { id: KeyId::new(id), secret: Plain::from(secret) })
    }

    /// As a caller shows it.
    pub(crate) fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id.uuid().simple(), self.secret.reveal())
    }

    /// SHA-256 of the secret, which is random enough to be kept like this.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.reveal().as_bytes()).into()
    }
}

/// What is known of a key that was shown.
#[derive(Clone, Debug)]
struct Remembered {
    caller: Caller,
    merchant: MerchantId,
    expires_at: Option<Timestamp>,
    /// When the database said so: seconds since the Unix epoch.
    read: i64,
    /// When its use was last noted.
    noted: i64,
}

/// Checks API keys.
#[derive(Debug)]
pub(crate) struct Keys {
    bucket: Bucket,
    clock: Clock,
    known: Mutex<HashMap<(KeyId, [u8; 32]), Remembered>>,
}

impl Keys {
    pub(crate) fn new(bucket: Bucket, clock: Clock) -> Self {
        Self { bucket, clock, known: Mutex::default() }
    }

    /// Who shows this key.
    ///
    /// # Errors
    /// [`Problem::Unauthorized`] when it is not good, and when that can't be looked up.
    pub(crate) async fn verify(&self, edge: &Edge, text: &str) -> Result<Caller, Problem> {
        let shown = Shown::parse(text).ok_or(UNKNOWN)?;
        let at = (shown.id, shown.hash());
        let now = self.clock.now();
        let seconds = now.micros() / 1_000_000;
        let known = self.lock().get(&at).cloned();
        let remembered = match known {
            Some(known) if seconds < known.read + FRESH_S => known,
            known => match (look_up(edge, at, seconds).await, known) {
                (Ok(Some(found)), known) => Remembered { noted: known.map_or(0, |known| known.noted), ..found },
                (Ok(None), _) => {
                    self.lock().remove(&at);
                    return Err(UNKNOWN);
                }
                // Known to have been good, and not known to be revoked: selling goes on without the database.
                (Err(Problem::Database(_)), Some(known)) => known,
                (Err(problem), _) => return Err(problem),
            },
        };
        if remembered.expires_at.is_some_and(|expires| expires <= now) {
            return Err(UNKNOWN);
        }
        Ok(self.remember(at, remembered, seconds))
    }

    /// When keys were last used, in seconds since the Unix epoch, as far as that is known.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn last_used(&self, merchant: MerchantId) -> Result<HashMap<KeyId, i64>, Problem> {
        let found = self.bucket.list(&format!("used.{merchant}.")).await?;
        let read = |(key, value): (String, bytes::Bytes)| {
            let id = key.rsplit('.').next()?.parse().ok()?;
            Some((id, std::str::from_utf8(&value).ok()?.parse().ok()?))
        };
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// Remembers the key, and notes its use now and then.
    fn remember(&self, at: (KeyId, [u8; 32]), mut key: Remembered, now: i64) -> Caller {
        let caller = key.caller.clone();
        if now >= key.noted + NOTED_S {
            key.noted = now;
            let (bucket, name) = (self.bucket.clone(), format!("used.{}.{}", key.merchant, at.0));
            tokio::spawn(async move {
                if let Err(error) = bucket.put(&name, now.to_string().into(), None).await {
                    info!(error = describe(&error), "the use of an API key was not noted; the next will be");
                }
            });
        }
        let mut known = self.lock();
        if known.len() >= REMEMBERED && !known.contains_key(&at) {
            known.clear();
        }
        known.insert(at, key);
        caller
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(KeyId, [u8; 32]), Remembered>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key, if there is one with this hash that was not revoked.
async fn look_up(edge: &Edge, (id, hash): (KeyId, [u8; 32]), now: i64) -> Result<Option<Remembered>, Problem> {
    let found = edge.look_up(async |conn| identity::key_of(conn, id).await).await?;
    let same = |found: &KeyFound| bool::from(subtle::ConstantTimeEq::ct_eq(&found.hash[..], &hash[..]));
    let Some(key) = found.into_iter().find(same) else {
        warn!(key = %id, "an API key was shown that is not known");
        return Ok(None);
    };
    if key.ended_at.is_some() {
        return Ok(None);
    }
    let KeyFound { merchant, rights, expires_at, .. } = key;
    Ok(Some(Remembered { caller: caller(merchant, id, rights, now), merchant, expires_at, read: now, noted: 0 }))
}

fn caller(merchant: MerchantId, id: KeyId, rights: Rights, now: i64) -> Caller {
    let access = Access { sub: Actor::Key(id), ..Access::operator(merchant, now) };
    Caller::of_key(access, rights)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tillstream_domain::id::UserId;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_shown_and_not_otherwise() {
        let derive = Derive::new(&SigningKey::from_bytes(&[1; 32]));
        let merchant = MerchantId::new(Uuid::from_u128(8));
        let caller = Caller::of_user(merchant, UserId::new(Uuid::from_u128(9)), None, 0);
        let key = Shown::make(&derive, &caller, Uuid::from_u128(7));
        let text = key.reveal();
        assert_eq!(text.len(), 3 + 32 + 1 + 64);
        assert_eq!(Shown::parse(&text), Some(key.clone()));
        assert_eq!(Shown::make(&derive, &caller, Uuid::from_u128(7)), key);
        assert!(!format!("{key:?}").contains(&text[36..]));
        for wrong in
            ["", "ts_", &text[1..], &text[..99], &text.to_uppercase(), &format!("{text}0"), &text.replace('_', "-")]
        {
            assert_eq!(Shown::parse(wrong), None, "{wrong}");
        }
    }
}
