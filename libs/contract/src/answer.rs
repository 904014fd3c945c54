//! What a worker tells the edge that waits.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Envelope, Refusal, pack};

/// The answer to one request. All answers of a commit that the same edge waits for travel in one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The number that the edge gave the request: [`crate::Reply::ticket`].
    pub ticket: u64,
    /// What became of it.
    pub verdict: Verdict,
}

impl Answer {
    /// Bytes that this answer takes in a message, at the most.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        // Names, lengths and numbers come to less than 256 bytes.
        256 + match &self.verdict {
            Verdict::Accepted(envelope) => envelope.size_bytes(),
            Verdict::Rejected(refusal) => refusal.detail.len() + refusal.code.len(),
            Verdict::Conflict => 0,
        }
    }
}

/// What became of a command, for the one who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It took effect: the event that says how.
    Accepted(Envelope),
    /// It was refused.
    Rejected(Refusal),
    /// The id was used before, for another request.
    Conflict,
}

/// The payload of one message: answers for one edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answers {
    /// In no particular order.
    pub answers: Vec<Answer>,
}

impl Answers {
    /// The payload of the message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        pack(self).into()
    }

    /// Reads the payload of a message.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(payload: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(payload)
    }
}
