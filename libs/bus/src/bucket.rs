//! What edges remember together: a JetStream key-value bucket. It holds sessions, marks of what was revoked, counts of failed
//! sign-ins and when API keys were used last; nothing in it is a secret, and nothing is needed once it is too old.
//!
//! The stream and its subjects are those of every key-value bucket of NATS, so that `nats kv` shows them. A watch is a plain
//! subscription beside a list of what is there: who could make a consumer on the stream could have the broker deliver what
//! they wrote there to any subject, as if a worker had sent it.

use std::{sync::atomic::Ordering, time::Duration};

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL},
    jetstream::{
        context::PublishErrorKind,
        stream::{self, DirectGetErrorKind, DiscardPolicy, RetentionPolicy, StorageType},
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use crate::{Bus, topology::Limits};

/// The bucket's stream.
pub const IDENTITY_STREAM: &str = "KV_IDENTITY";
/// What its subjects begin with; a key follows.
const PREFIX: &str = "$KV.IDENTITY.";
/// Nothing stays longer: one day more than the longest session that nobody uses.
const MAX_AGE: Duration = Duration::from_hours(31 * 24);
/// Bytes of a value at the most.
const MAX_VALUE_BYTES: i32 = 16 * 1024;
/// Keys that are read at once when many are listed.
const READ_AT_ONCE: usize = 32;
/// Says of a message that it is no value (`DEL` or `PURGE`).
const OPERATION: &str = "KV-Operation";

/// What the subjects of keys that begin with `prefix` match.
pub(crate) fn subjects(prefix: &str) -> String {
    format!("{PREFIX}{prefix}>")
}

/// The stream, as it shall be.
pub(crate) fn stream(limits: &Limits) -> stream::Config {
    stream::Config {
        name: IDENTITY_STREAM.to_owned(),
        subjects: vec![subjects("")],
        retention: RetentionPolicy::Limits,
        max_bytes: limits.identity_max_bytes,
        // A full bucket refuses sign-ins rather than forget what was revoked.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: limits.replicas,
        max_age: MAX_AGE,
        max_messages: -1,
        max_messages_per_subject: 1,
        max_consumers: -1,
        max_message_size: MAX_VALUE_BYTES,
        allow_direct: true,
        allow_rollup: true,
        deny_delete: true,
        allow_message_ttl: true,
        ..stream::Config::default()
    }
}

/// Why the bucket could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} key {key:?} of the bucket IDENTITY")]
pub struct BucketError {
    action: &'static str,
    key: String,
    #[source]
    source: async_nats::Error,
}

/// What is under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// The value, if there is one.
    pub value: Option<Bytes>,
    /// Names this state of the key, for [`Bucket::swap`]; 0 if there never was a value.
    pub revision: u64,
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct Bucket(Bus);

impl Bus {
    /// What edges remember together. Only the edge and the operator may use it.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        Bucket(self.clone())
    }
}

impl Bucket {
    /// What is under `key` (letters, digits, `-`, `_` and `.`).
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn get(&self, key: &str) -> Result<Slot, BucketError> {
        let failed = |source: async_nats::Error| BucketError { action: "read", key: key.to_owned(), source };
        let stream = self.stream().await.map_err(failed)?;
        match stream.direct_get_last_for_subject(format!("{PREFIX}{key}")).await {
            Ok(message) => Ok(Slot {
                revision: message.sequence,
                value: message.headers.get(OPERATION).is_none().then_some(message.payload),
            }),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(Slot::default()),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Puts `value` under `key`, whatever was there, for `keep` at the most.
    ///
    /// # Errors
    /// When the broker does not store it.
    pub async fn put(&self, key: &str, value: Bytes, keep: Option<Duration>) -> Result<(), BucketError> {
        self.write("write", key, value, kept(keep), None).await.map(drop)
    }

    /// Puts `value` under `key` if what is there is still `seen`, for `keep` at the most: the new revision, or nothing if
    /// somebody else came first.
    ///
    /// # Errors
    /// When the broker does not store it.
    pub async fn swap(
        &self,
        key: &str,
        seen: &Slot,
        value: Bytes,
        keep: Option<Duration>,
    ) -> Result<Option<u64>, BucketError> {
        self.write("write", key, value, kept(keep), Some(seen.revision)).await
    }

    /// Removes what is under `key`.
    ///
    /// # Errors
    /// When the broker does not store that.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, "DEL");
        self.write("delete", key, Bytes::new(), headers, None).await.map(drop)
    }

    /// Every key that begins with `prefix` (whole words, with the `.` at its end) and has a value, with its value.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, BucketError> {
        let failed = |source: async_nats::Error| BucketError { action: "list", key: prefix.to_owned(), source };
        let stream = self.stream().await.map_err(failed)?;
        let found = stream.info_with_subjects(subjects(prefix)).await.map_err(|error| failed(error.into()))?;
        let keys = found.map_ok(|(subject, _)| subject.strip_prefix(PREFIX).unwrap_or(&subject).to_owned());
        let keys: Vec<String> = keys.try_collect().await.map_err(|error| failed(error.into()))?;
        let reading = keys.into_iter().map(|key| async move { self.get(&key).await.map(|slot| (key, slot.value)) });
        let found: Vec<_> = futures_util::stream::iter(reading).buffer_unordered(READ_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }

    /// What changes under keys that begin with `prefix` from now on. List them afterwards, and again whenever
    /// [`Bucket::connects`] has changed, for what is missed while there is no connection does not come again.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn changes(&self, prefix: &str) -> Result<Changes, BucketError> {
        let failed = |source: async_nats::Error| BucketError { action: "watch", key: prefix.to_owned(), source };
        let subscriber = self.0.client.subscribe(subjects(prefix)).await.map_err(|error| failed(error.into()))?;
        // Once the server has answered, it knows of the subscription.
        self.0.client.flush().await.map_err(|error| failed(error.into()))?;
        Ok(Changes(subscriber))
    }

    /// How often the broker was connected to so far.
    #[must_use]
    pub fn connects(&self) -> u64 {
        self.0.client.statistics().connects.load(Ordering::Relaxed)
    }

    async fn stream(&self) -> Result<stream::Stream<()>, async_nats::Error> {
        if !self.0.is_connected() {
            return Err("NATS is not connected".into());
        }
        Ok(self.0.jetstream.get_stream_no_info(IDENTITY_STREAM).await?)
    }

    /// The new revision, or nothing if what is there is not of revision `expected`.
    async fn write(
        &self,
        action: &'static str,
        key: &str,
        value: Bytes,
        mut headers: HeaderMap,
        expected: Option<u64>,
    ) -> Result<Option<u64>, BucketError> {
        let failed = |source: async_nats::Error| BucketError { action, key: key.to_owned(), source };
        if !self.0.is_connected() {
            return Err(failed("NATS is not connected".into()));
        }
        if let Some(expected) = expected {
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        }
        let published = self.0.jetstream.publish_with_headers(format!("{PREFIX}{key}"), headers, value).await;
        let stored = match published {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(acknowledged) => Ok(Some(acknowledged.sequence)),
            Err(error) if expected.is_some() && error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }
}

fn kept(keep: Option<Duration>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(keep) = keep {
        headers.insert(NATS_MESSAGE_TTL, format!("{}s", keep.as_secs().max(1)));
    }
    headers
}

/// Changes as they happen.
#[derive(Debug)]
pub struct Changes(async_nats::Subscriber);

impl Changes {
    /// The next key that changed, and its value unless it was deleted; nothing once the connection is closed.
    pub async fn next(&mut self) -> Option<(String, Option<Bytes>)> {
        let message = self.0.next().await?;
        let key = message.subject.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        let deleted = message.headers.as_ref().is_some_and(|headers| headers.get(OPERATION).is_some());
        Some((key, (!deleted).then_some(message.payload)))
    }
}
