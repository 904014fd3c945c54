//! What every message on the bus is wrapped in.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use tillstream_domain::{
    id::{MerchantId, RegisterId, UserId},
    identity::{Need, Permission},
    time::Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::pack;

/// A message body: one kind, or a few kinds that the same consumer takes.
pub trait Message: Sized + Send + Sync + 'static {
    /// The kind of this body, for example `sale.submit.v1`.
    fn kind(&self) -> &'static str;

    /// The body as MessagePack.
    fn encode(&self) -> Vec<u8>;

    /// Reads a body of the given kind.
    ///
    /// # Errors
    /// [`DecodeError::Kind`] for a kind that this consumer does not know, [`DecodeError::Body`] for bytes that are not
    /// what the kind promises.
    fn decode(kind: &str, body: &[u8]) -> Result<Self, DecodeError>;
}

/// A message that asks for something, which not everybody may.
pub trait Command: Message {
    /// What whoever sends it needs. The edge checks it before it sends, and the worker before it decides.
    fn need(&self) -> Need;
}

/// Why bytes from the bus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No consumer of this version takes this kind.
    #[error("message kind {0:?} is not known to this version")]
    Kind(String),
    /// The bytes do not fit the kind.
    #[error("message body does not fit its kind")]
    Body(#[source] rmp_serde::decode::Error),
    /// The message is not a batch of envelopes.
    #[error("message is not a batch of envelopes")]
    Batch(#[source] rmp_serde::decode::Error),
}

/// One command or event, with its body still packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Envelope {
    /// A command's id is the client's `Idempotency-Key`; an event's is derived from its cause (see [`Envelope::caused_by`]).
    pub id: Uuid,
    /// What the body is, for example `sale.submit.v1`.
    #[schema(example = "sale.submit.v1")]
    pub kind: String,
    /// The merchant whom it concerns.
    pub merchant: MerchantId,
    /// Who asked for it: the text of an actor (`operator`, or `user:`, `till:` or `key:` and an id).
    #[schema(example = "user:018f0000-0000-7000-8000-000000000001")]
    pub actor: String,
    /// The till at which they did, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub till: Option<RegisterId>,
    /// Who approved it, if somebody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// SHA-256 of what the client asked for (32 bytes), so that the same id with another request is noticed. Absent on events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Binary)]
    pub fingerprint: Option<ByteArray<32>>,
    /// When the edge took the command, or when the event was decided.
    pub at: Timestamp,
    /// When the edge took the command from which the event follows, in the end. Absent on commands, whose `at` it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Timestamp>,
    /// W3C `traceparent`, when the request carried one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Who waits for the answer, if anybody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// The body, MessagePack.
    #[schema(value_type = String, format = Binary)]
    pub body: ByteBuf,
}

/// Somebody who may do what another may not has approved it, for one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Who approved.
    pub by: UserId,
    /// What they approved.
    pub permission: Permission,
}

/// Where an answer goes, and when it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reply {
    /// The subject on which the waiting edge listens.
    pub to: String,
    /// The edge's own number for the request that waits; it comes back in the answer.
    pub ticket: u64,
    /// What the client waits for.
    pub stage: Stage,
}

/// How far a sale has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is in the books.
    Recorded,
    /// Its receipt is issued.
    Receipted,
}

impl Envelope {
    /// An event that follows from `self`: its id is a function of the cause's id and the event's kind, so that deciding
    /// again or publishing again gives the same id. The name space is the cause's id (RFC 9562, version 5).
    #[must_use]
    pub fn caused_by<M: Message>(cause: &Envelope, event: &M, at: Timestamp) -> Self {
        Self {
            id: Uuid::new_v5(&cause.id, event.kind().as_bytes()),
            kind: event.kind().to_owned(),
            merchant: cause.merchant,
            actor: cause.actor.clone(),
            till: cause.till,
            approval: cause.approval,
            fingerprint: None,
            at,
            origin: Some(cause.taken_at()),
            trace: cause.trace.clone(),
            reply: None,
            body: ByteBuf::from(event.encode()),
        }
    }

    /// When the edge took what this is or follows from, as far as it is known: events of an earlier version do not say.
    #[must_use]
    pub fn taken_at(&self) -> Timestamp {
        self.origin.unwrap_or(self.at)
    }

    /// The body, read as `M`.
    ///
    /// # Errors
    /// As [`Message::decode`].
    pub fn open<M: Message>(&self) -> Result<M, DecodeError> {
        M::decode(&self.kind, &self.body)
    }

    /// Bytes that this envelope takes in a message, at the most.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        // Names, lengths and fixed-size fields come to less than 256 bytes.
        256 + self.kind.len()
            + self.actor.len()
            + self.trace.as_ref().map_or(0, String::len)
            + self.reply.as_ref().map_or(0, |reply| reply.to.len())
            + self.body.len()
    }
}

/// The payload of one bus message: one or more envelopes. The batch has no meaning of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Batch {
    /// In the order in which the edge or worker gathered them.
    pub envelopes: Vec<Envelope>,
}

impl Batch {
    /// The payload of a bus message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        pack(self).into()
    }

    /// Reads the payload of a bus message.
    ///
    /// # Errors
    /// [`DecodeError::Batch`] when it is none.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        rmp_serde::from_slice(payload).map_err(DecodeError::Batch)
    }
}

/// Implements [`Message`] for an enum of `Variant(Body) = "kind"`.
macro_rules! messages {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident($body:ty) = $kind:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name { $($(#[$vdoc])* $variant($body)),+ }

        impl $name {
            /// The kinds, with their schemas.
            pub const KINDS: &'static [$crate::schema::Published] = &[$($crate::schema::Published::body::<$body>($kind)),+];
        }

        impl $crate::envelope::Message for $name {
            fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind),+ }
            }

            fn encode(&self) -> Vec<u8> {
                match self { $(Self::$variant(body) => $crate::pack(body)),+ }
            }

            fn decode(kind: &str, body: &[u8]) -> Result<Self, $crate::envelope::DecodeError> {
                match kind {
                    $($kind => rmp_serde::from_slice(body).map(Self::$variant).map_err($crate::envelope::DecodeError::Body),)+
                    other => Err($crate::envelope::DecodeError::Kind(other.to_owned())),
                }
            }
        }
    };
}
pub(crate) use messages;

#[cfg(test)]
mod tests;
