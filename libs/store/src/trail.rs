//! The audit trail: who did what, when and where, with what outcome. It is the inbox, read the other way round.

use sqlx::PgConnection;
use tillstream_contract::{Outcome, Refusal};
use tillstream_domain::{
    id::{MerchantId, RegisterId, UserId},
    identity::Actor,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// A command that was decided.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The command.
    pub id: Uuid,
    /// What it was, for example `sale.submit.v1`.
    pub kind: String,
    /// Who asked for it.
    pub actor: String,
    /// At which till.
    pub till: Option<RegisterId>,
    /// Who approved it, if somebody had to.
    pub approved_by: Option<UserId>,
    /// When the edge took it.
    pub submitted_at: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Why it was refused, if it was.
    pub refusal: Option<Refusal>,
}

/// Which commands; what is none narrows nothing down.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Of this actor.
    pub actor: Option<Actor>,
    /// Of this kind.
    pub kind: Option<String>,
    /// At this till.
    pub till: Option<RegisterId>,
    /// Decided then or later.
    pub from: Option<Timestamp>,
    /// Decided before.
    pub until: Option<Timestamp>,
    /// Those before this one: when it was decided, and its id.
    pub after: Option<(Timestamp, Uuid)>,
}

/// Up to `limit` commands of a merchant, the newest first.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn deeds(
    conn: &mut PgConnection,
    merchant: MerchantId,
    which: &Which,
    limit: i64,
) -> Result<Vec<Deed>, Error> {
    let (at, id) = which.after.unzip();
    // In a file, so that a test can ask how it is planned.
    let rows = sqlx::query_file!(
        "queries/trail.sql",
        merchant.uuid(),
        which.actor.map(|actor| actor.to_string()),
        which.kind,
        which.till.map(RegisterId::uuid),
        which.from.map(stored),
        which.until.map(stored),
        at.map(stored),
        id,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let outcome = Outcome::decode(&row.outcome).map_err(|error| Error::stored("outcome", &error))?;
            Ok(Deed {
                id: row.id,
                kind: row.kind,
                actor: row.actor,
                till: row.till_id.map(RegisterId::new),
                approved_by: row.approved_by.map(UserId::new),
                submitted_at: read(row.submitted_at)?,
                decided_at: read(row.decided_at)?,
                refusal: match outcome {
                    Outcome::Accepted(_) => None,
                    Outcome::Rejected(refusal) => Some(refusal),
                },
            })
        })
        .collect()
}

/// How often somebody sent commands of a kind.
#[derive(Clone, Debug)]
pub struct Tally {
    /// What they were.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// When the first was decided.
    pub first_at: Timestamp,
    /// When the last was.
    pub last_at: Timestamp,
}

/// How often `actor` sent commands, by kind.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn tally(conn: &mut PgConnection, merchant: MerchantId, actor: Actor) -> Result<Vec<Tally>, Error> {
    let rows = sqlx::query!(
        r#"select kind, count(*) as "count!", min(decided_at) as "first_at!", max(decided_at) as "last_at!"
           from inbox.messages where merchant_id = $1 and actor = $2 and not of_event group by kind order by kind"#,
        merchant.uuid(),
        actor.to_string()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (first_at, last_at) = (read(row.first_at)?, read(row.last_at)?);
            Ok(Tally { kind: row.kind, count: row.count, first_at, last_at })
        })
        .collect()
}
