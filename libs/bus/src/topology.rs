//! Streams and consumers, declared once. `pos topology apply` makes the broker agree with it.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{self, AckPolicy, DeliverPolicy, pull},
    context::{ConsumerInfoErrorKind, GetStreamErrorKind},
    stream::{self, DiscardPolicy, RetentionPolicy, StorageType},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Bus, bucket,
    subject::{Class, DEAD_STREAM, dead},
};

/// Sizes and times of the topology.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Copies of each message: 1 on one machine, 3 in a cluster.
    pub replicas: usize,
    /// Bytes that commands of a partition may take; then the edge answers 503. Those that are done are trimmed long before.
    pub commands_max_bytes: i64,
    /// Bytes that events of a partition may take; then workers wait. Events that all have taken are trimmed long before.
    pub events_max_bytes: i64,
    /// Bytes that dead letters may take; then workers wait.
    pub dead_max_bytes: i64,
    /// Bytes that sessions, revocations and counts of failed sign-ins may take; then nobody can sign in.
    pub identity_max_bytes: i64,
    /// How long a worker may be silent over a message before it is delivered again.
    pub ack_wait_ms: u64,
    /// Messages of a consumer that may be in hand.
    pub max_ack_pending: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            replicas: 1,
            commands_max_bytes: 4 << 30,
            events_max_bytes: 8 << 30,
            dead_max_bytes: 1 << 30,
            // A session takes about 500 bytes.
            identity_max_bytes: 256 << 20,
            // A killed worker's messages come back after this; a living one says every third of it that it is at work.
            ack_wait_ms: 10_000,
            max_ack_pending: 2_000,
        }
    }
}

/// Who consumes what: the consumer's name, its class and context. Names are unique in a class.
pub const CONSUMERS: [(&str, Class, &str); 6] = [
    ("sales", Class::Command, "sale"),
    ("customers", Class::Command, "customer"),
    ("stock", Class::Command, "stock"),
    ("identity", Class::Command, "identity"),
    ("stock", Class::Event, "sale"),
    ("receipts", Class::Event, "sale"),
];

/// The role whose worker a consumer is.
#[must_use]
pub fn role_of(consumer: &str) -> &str {
    // The sales worker has two consumers of commands.
    if consumer == "customers" { "sales" } else { consumer }
}

/// What shall be on the broker.
#[derive(Debug)]
pub struct Topology {
    pub(crate) streams: Vec<stream::Config>,
    pub(crate) consumers: Vec<(String, pull::Config)>,
}

/// A difference between the declaration and the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The stream, or stream and consumer.
    pub what: String,
    /// What differs: field, what the broker has, what is declared. Empty for something that is missing altogether.
    pub fields: Vec<(String, Value, Value)>,
}

/// Why the broker could not be asked or changed.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}")]
pub struct TopologyError {
    action: String,
    #[source]
    source: async_nats::Error,
}

impl Topology {
    /// The topology of `partitions` partitions.
    #[must_use]
    pub fn declare(partitions: u16, limits: &Limits) -> Self {
        let stream = |name: String, subject: String, max_bytes| stream::Config {
            name,
            subjects: vec![subject],
            // Not work-queue: that removes a message when it is acknowledged, with an fsync for each.
            retention: RetentionPolicy::Limits,
            max_bytes,
            // A full stream pushes back rather than forgets.
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: limits.replicas,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_message_size: -1,
            ..stream::Config::default()
        };
        let mut streams =
            vec![stream(DEAD_STREAM.to_owned(), dead("*"), limits.dead_max_bytes), bucket::stream(limits)];
        let mut consumers = Vec::new();
        for partition in 0..partitions {
            for (class, max_bytes) in
                [(Class::Command, limits.commands_max_bytes), (Class::Event, limits.events_max_bytes)]
            {
                streams.push(stream(class.stream(partition), class.subject("*", partition), max_bytes));
            }
            consumers.extend(CONSUMERS.iter().map(|(name, class, context)| {
                let config = pull::Config {
                    durable_name: Some((*name).to_owned()),
                    filter_subject: class.subject(context, partition),
                    deliver_policy: DeliverPolicy::All,
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: Duration::from_millis(limits.ack_wait_ms),
                    // What can't succeed is set aside by the worker, with its evidence; never silently by the broker.
                    max_deliver: -1,
                    max_ack_pending: limits.max_ack_pending,
                    max_waiting: 512,
                    num_replicas: limits.replicas,
                    ..pull::Config::default()
                };
                (class.stream(partition), config)
            }));
        }
        Self { streams, consumers }
    }

    /// What differs on the broker, streams before their consumers.
    ///
    /// # Errors
    /// When the broker can't be asked.
    pub async fn plan(&self, bus: &Bus) -> Result<Vec<Change>, TopologyError> {
        let mut changes = Vec::new();
        for config in &self.streams {
            let actual = match bus.jetstream.get_stream(&config.name).await {
                Ok(stream) => Some(json(&stream.cached_info().config)),
                Err(error) if is_missing(&error) => None,
                Err(error) => return Err(failed(format!("look at stream {}", config.name), error)),
            };
            let fields = [
                "subjects",
                "retention",
                "max_bytes",
                "discard",
                "storage",
                "num_replicas",
                "max_age",
                "max_msgs_per_subject",
                "allow_direct",
                "allow_msg_ttl",
            ];
            changes.extend(difference(config.name.clone(), &fields, &json(config), actual.as_ref()));
        }
        for (stream, config) in &self.consumers {
            let name = config.durable_name.as_deref().unwrap_or_default();
            let actual = match bus.jetstream.get_stream(stream).await {
                Ok(found) => match found.consumer_info(name).await {
                    Ok(info) => Some(json(&info.config)),
                    Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => None,
                    Err(error) => return Err(failed(format!("look at consumer {stream}/{name}"), error)),
                },
                Err(error) if is_missing(&error) => None,
                Err(error) => return Err(failed(format!("look at stream {stream}"), error)),
            };
            let fields = [
                "filter_subject",
                "ack_policy",
                "ack_wait",
                "max_deliver",
                "max_ack_pending",
                "max_waiting",
                "num_replicas",
            ];
            changes.extend(difference(format!("{stream}/{name}"), &fields, &json(config), actual.as_ref()));
        }
        Ok(changes)
    }

    /// Makes the broker agree. Doing it again changes nothing.
    ///
    /// # Errors
    /// When the broker refuses, for example because a stream's retention can't be changed once it exists.
    pub async fn apply(&self, bus: &Bus) -> Result<(), TopologyError> {
        for config in &self.streams {
            bus.jetstream
                .create_or_update_stream(config.clone())
                .await
                .map_err(|error| failed(format!("set up stream {}", config.name), error))?;
        }
        for (stream, config) in &self.consumers {
            let name = config.durable_name.as_deref().unwrap_or_default();
            let setting_up = |error: async_nats::Error| failed(format!("set up consumer {stream}/{name}"), error);
            let found = bus.jetstream.get_stream(stream).await.map_err(|error| setting_up(error.into()))?;
            let mut config = config.clone();
            // Where it began can't be changed, and matters no more; a replay begins elsewhere.
            match found.consumer_info(name).await {
                Ok(info) => config.deliver_policy = info.config.deliver_policy,
                Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {}
                Err(error) => return Err(setting_up(error.into())),
            }
            found.create_consumer(config).await.map_err(|error| setting_up(error.into()))?;
        }
        Ok(())
    }
}

fn difference(what: String, fields: &[&str], declared: &Value, actual: Option<&Value>) -> Option<Change> {
    let Some(actual) = actual else { return Some(Change { what, fields: Vec::new() }) };
    let fields: Vec<_> = fields
        .iter()
        .filter(|field| declared[**field] != actual[**field])
        .map(|field| ((*field).to_owned(), actual[*field].clone(), declared[*field].clone()))
        .collect();
    (!fields.is_empty()).then_some(Change { what, fields })
}

fn json<T: Serialize>(config: &T) -> Value {
    serde_json::to_value(config).expect("the client's own configuration types serialise")
}

fn is_missing(error: &async_nats::jetstream::context::GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(ref refused) if refused.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND)
}

pub(crate) fn failed(action: String, source: impl Into<async_nats::Error>) -> TopologyError {
    TopologyError { action, source: source.into() }
}

/// How a consumer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Messages not delivered yet.
    pub pending: u64,
    /// Messages delivered and not acknowledged.
    pub in_hand: u64,
    /// Of those, delivered more than once.
    pub redelivered: u64,
    /// Every message up to this one of the stream is acknowledged.
    pub done: u64,
}

impl From<&consumer::Info> for Lag {
    fn from(info: &consumer::Info) -> Self {
        Self {
            pending: info.num_pending,
            in_hand: info.num_ack_pending as u64,
            redelivered: info.num_redelivered as u64,
            done: info.ack_floor.stream_sequence,
        }
    }
}

impl Bus {
    /// How a consumer stands.
    ///
    /// # Errors
    /// When the broker does not answer, or there is no such consumer.
    pub async fn lag(&self, stream: &str, consumer: &str) -> Result<Lag, TopologyError> {
        let found: consumer::PullConsumer = self
            .jetstream
            .get_consumer_from_stream(consumer, stream)
            .await
            .map_err(|error| failed(format!("look at consumer {stream}/{consumer}"), error))?;
        Ok(Lag::from(found.cached_info()))
    }
}
