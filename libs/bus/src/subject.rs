//! Names on the bus: subjects say what and where, streams and consumers are named after them.

use tillstream_domain::id::MerchantId;

/// How many partitions there may be at the most.
pub const MAX_PARTITIONS: u16 = 64;

/// The partition of a merchant: FNV-1a (64 bit) over the id's 16 bytes, modulo `partitions`. It must never change, for a
/// merchant's messages stay together by it.
#[must_use]
pub fn partition(merchant: MerchantId, partitions: u16) -> u16 {
    let hash = merchant
        .uuid()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    u16::try_from(hash % u64::from(partitions.max(1))).expect("a remainder is below its 16-bit divisor")
}

/// What a stream's messages are. The context of a kind is its first part: `sale.submit.v1` is of `sale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something to do.
    Command,
    /// Something that happened.
    Event,
}

impl Class {
    /// The stream of a partition.
    #[must_use]
    pub fn stream(self, partition: u16) -> String {
        match self {
            Self::Command => format!("COMMANDS_{partition}"),
            Self::Event => format!("EVENTS_{partition}"),
        }
    }

    /// The subject of a context (or `*` for all) in a partition.
    #[must_use]
    pub fn subject(self, context: &str, partition: u16) -> String {
        match self {
            Self::Command => format!("cmd.{context}.{partition}"),
            Self::Event => format!("evt.{context}.{partition}"),
        }
    }
}

/// The context of a message kind.
#[must_use]
pub fn context(kind: &str) -> &str {
    kind.split('.').next().unwrap_or(kind)
}

/// The stream of dead letters.
pub const DEAD_STREAM: &str = "DEAD";

/// Where a worker's dead letters go.
#[must_use]
pub fn dead(worker: &str) -> String {
    format!("dead.{worker}")
}

/// Where an edge listens for answers.
#[must_use]
pub fn answers(edge: &str) -> String {
    format!("answer.{edge}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchants_partition_never_changes() {
        let merchant: MerchantId = "018f0000-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!([1, 2, 3, 16, 64].map(|count| partition(merchant, count)), [0, 0, 0, 14, 14]);
    }

    #[test]
    fn a_kind_names_its_context() {
        assert_eq!(context("sale.submit.v1"), "sale");
    }
}
