//! Everything that is NATS: connections, the topology of streams and consumers, publishing, consuming, dead letters, and
//! who may use which subject.

pub mod access;
pub mod answers;
pub mod bucket;
pub mod consume;
pub mod dead;
pub mod feed;
pub mod lane;
pub mod publish;
pub mod replay;
pub mod subject;
pub mod topology;
pub mod trim;
pub mod watch;

mod connect;

pub use connect::{Bus, ConnectError, Settings};
pub use publish::PublishError;
