//! The parts of a system.

use std::fmt;

/// A process of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Role {
    /// The database server.
    Postgres,
    /// The message broker.
    Nats,
    /// Records sales.
    SalesWorker,
    /// Moves stock.
    StockWorker,
    /// Issues receipts.
    ReceiptsWorker,
    /// Keeps merchants, users and keys.
    IdentityWorker,
    /// Answers HTTP.
    Edge,
    /// Stands in for a provider of card terminals where a demo shop is tried out. It is no part of the system itself.
    #[value(skip)]
    Terminal,
}

impl Role {
    /// All of a system, in the order in which they are started.
    pub const ALL: [Self; 7] = [
        Self::Postgres,
        Self::Nats,
        Self::SalesWorker,
        Self::StockWorker,
        Self::ReceiptsWorker,
        Self::IdentityWorker,
        Self::Edge,
    ];
    /// What others have written.
    pub const SERVERS: [Self; 2] = [Self::Postgres, Self::Nats];
    /// Our own.
    pub const PARTS: [Self; 5] =
        [Self::SalesWorker, Self::StockWorker, Self::ReceiptsWorker, Self::IdentityWorker, Self::Edge];
    /// The workers.
    pub const WORKERS: [Self; 4] = [Self::SalesWorker, Self::StockWorker, Self::ReceiptsWorker, Self::IdentityWorker];

    /// Its name: of the process, in logs and in `up.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::SalesWorker => "sales-worker",
            Self::StockWorker => "stock-worker",
            Self::ReceiptsWorker => "receipts-worker",
            Self::IdentityWorker => "identity-worker",
            Self::Edge => "edge",
            Self::Terminal => "terminal",
        }
    }

    /// Its user on the bus and, after `tillstream_`, in the database; none for the servers themselves.
    pub(crate) const fn user(self) -> Option<&'static str> {
        match self {
            Self::Postgres | Self::Nats | Self::Terminal => None,
            Self::SalesWorker => Some("sales"),
            Self::StockWorker => Some("stock"),
            Self::ReceiptsWorker => Some("receipts"),
            Self::IdentityWorker => Some("identity"),
            Self::Edge => Some("edge"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
