//! What can go wrong with the database, told apart by what to do about it.

use std::borrow::Cow;

/// A failed statement, load or commit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL failed or could not be reached.
    #[error("database statement failed")]
    Sql(#[from] sqlx::Error),
    /// A row does not hold what this version can read, or could not hold what is to be stored.
    #[error("{what}: {why}")]
    Stored {
        /// Which kind of row.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another transaction came between: try the same again at once.
    Conflict,
    /// What was asked for can't be done with this data: trying again gives the same.
    Data,
    /// The database can't serve now, or is not set up: keep what is in hand and wait.
    Unavailable,
}

impl Error {
    pub(crate) fn stored(what: &'static str, why: &dyn std::fmt::Display) -> Self {
        Self::Stored { what, why: why.to_string() }
    }

    /// A sum of stored values leaves its range.
    #[must_use]
    pub fn overflow(overflow: tillstream_domain::money::Overflow) -> Self {
        Self::stored("sum", &overflow)
    }

    /// What would be stored is larger than a message may be, so that it could never be published.
    #[must_use]
    pub fn too_large(kind: &str) -> Self {
        Self::stored("event", &format_args!("{kind} would be larger than a message may be"))
    }

    /// What to do about it. Whatever is not known to lie in the data counts as unavailable: a message is given up only on
    /// proof that the fault is its own.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or(Cow::Borrowed(""));
                match code.get(..2).unwrap_or("") {
                    // Serialisation failure, deadlock.
                    "40" => Fault::Conflict,
                    // Another worker took the same message in the same moment: next time it is seen.
                    "23" if error.constraint() == Some("inbox_once") => Fault::Conflict,
                    // Another worker opened the same account, or one with the same number: next time it is seen.
                    "23" if error.constraint().is_some_and(|name| name.starts_with("account_")) => Fault::Conflict,
                    "23" if error.constraint() == Some("card_payment_once") => Fault::Conflict,
                    // Data exception, integrity violation, program limit exceeded, internal error.
                    "22" | "23" | "54" | "XX" => Fault::Data,
                    _ => Fault::Unavailable,
                }
            }
            Self::Stored { .. }
            | Self::Sql(
                sqlx::Error::RowNotFound
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::Encode(_)
                | sqlx::Error::TypeNotFound { .. },
            ) => Fault::Data,
            Self::Sql(_) => Fault::Unavailable,
        }
    }
}
