//! The inbox: every command and event that took effect, with its outcome. It is what makes effects happen once.

use std::collections::HashMap;

use sqlx::PgConnection;
use tillstream_contract::{Envelope, Outcome};
use tillstream_domain::{
    id::{MerchantId, RegisterId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// What a message is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose it is.
    pub merchant: MerchantId,
    /// Whether it is an event: ids of events and of commands have nothing to do with each other.
    pub of_event: bool,
    /// A command's own id; for an event, an id derived from it for each worker.
    pub id: Uuid,
}

/// A message that took effect before.
#[derive(Clone, Debug)]
pub struct Seen {
    /// SHA-256 of the request that took effect; events have none.
    pub fingerprint: Option<Vec<u8>>,
    /// What became of it.
    pub outcome: Outcome,
}

/// A command in the books, as its sender may see it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it was, for example `sale.submit.v1`.
    pub kind: String,
    /// Who asked for it.
    pub actor: String,
    /// When the edge took it.
    pub submitted_at: Timestamp,
    /// When the worker decided.
    pub decided_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// A decision to record.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Under which key.
    pub key: Key,
    /// The message.
    pub envelope: &'a Envelope,
    /// What became of it.
    pub outcome: &'a Outcome,
}

/// Those of `keys` that took effect before.
///
/// # Errors
/// When the statement fails or a stored outcome can't be read.
pub async fn seen(conn: &mut PgConnection, keys: &[Key]) -> Result<HashMap<Key, Seen>, Error> {
    let merchants: Vec<Uuid> = keys.iter().map(|key| key.merchant.uuid()).collect();
    let of_event: Vec<bool> = keys.iter().map(|key| key.of_event).collect();
    let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
    let rows = sqlx::query!(
        "select m.merchant_id, m.of_event, m.id, m.fingerprint, m.outcome
         from unnest($1::uuid[], $2::bool[], $3::uuid[]) as wanted (merchant_id, of_event, id)
         join inbox.messages m
           on m.merchant_id = wanted.merchant_id and m.of_event = wanted.of_event and m.id = wanted.id",
        &merchants,
        &of_event,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let key = Key { merchant: MerchantId::new(row.merchant_id), of_event: row.of_event, id: row.id };
            Ok((key, Seen { fingerprint: row.fingerprint, outcome: decode(&row.outcome)? }))
        })
        .collect()
}

/// Records that `decided` took effect now, in `context`. A message that another transaction recorded meanwhile violates
/// the primary key, which is [`crate::Fault::Conflict`]: nothing of this transaction stays.
///
/// # Errors
/// When the statement fails.
pub async fn record(
    conn: &mut PgConnection,
    context: &str,
    decided: &[Decided<'_>],
    now: Timestamp,
) -> Result<(), Error> {
    // In key order, so that two workers with the same messages cannot deadlock.
    let mut decided: Vec<_> = decided.to_vec();
    decided.sort_unstable_by_key(|decided| decided.key);
    let mut columns = Columns::default();
    for Decided { key, envelope, outcome } in decided {
        columns.merchants.push(key.merchant.uuid());
        columns.of_event.push(key.of_event);
        columns.ids.push(key.id);
        columns.kinds.push(envelope.kind.clone());
        columns.actors.push(envelope.actor.clone());
        columns.tills.push(envelope.till.map(RegisterId::uuid));
        columns.approved_by.push(envelope.approval.map(|approval| approval.by.uuid()));
        columns.fingerprints.push(envelope.fingerprint.as_ref().map(|fingerprint| fingerprint.to_vec()));
        columns.accepted.push(matches!(outcome, Outcome::Accepted(_)));
        columns.outcomes.push(outcome.encode());
        columns.submitted.push(stored(envelope.at));
    }
    sqlx::query!(
        "insert into inbox.messages
           (merchant_id, context, of_event, id, kind, actor, fingerprint, accepted, outcome, submitted_at, decided_at, till_id,
            approved_by)
         select m, $1, e, i, k, a, f, y, o, s, $11, l, b
         from unnest($2::uuid[], $3::bool[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::bool[], $9::bytea[],
           $10::timestamptz[], $12::uuid[], $13::uuid[]) as t (m, e, i, k, a, f, y, o, s, l, b)",
        context,
        &columns.merchants,
        &columns.of_event,
        &columns.ids,
        &columns.kinds,
        &columns.actors,
        &columns.fingerprints as &[Option<Vec<u8>>],
        &columns.accepted,
        &columns.outcomes,
        &columns.submitted,
        stored(now),
        &columns.tills as &[Option<Uuid>],
        &columns.approved_by as &[Option<Uuid>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    merchants: Vec<Uuid>,
    of_event: Vec<bool>,
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    actors: Vec<String>,
    tills: Vec<Option<Uuid>>,
    approved_by: Vec<Option<Uuid>>,
    fingerprints: Vec<Option<Vec<u8>>>,
    accepted: Vec<bool>,
    outcomes: Vec<Vec<u8>>,
    submitted: Vec<chrono::DateTime<chrono::Utc>>,
}

/// The command `id`, whichever worker took it. For the edge, whose role sees the caller's merchant alone.
///
/// # Errors
/// When the statement fails or the stored outcome can't be read.
pub async fn find(conn: &mut PgConnection, merchant: MerchantId, id: Uuid) -> Result<Option<Entry>, Error> {
    let row = sqlx::query!(
        "select kind, actor, outcome, submitted_at, decided_at from inbox.messages
         where merchant_id = $1 and not of_event and id = $2",
        merchant.uuid(),
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Entry {
            kind: row.kind,
            actor: row.actor,
            submitted_at: read(row.submitted_at)?,
            decided_at: read(row.decided_at)?,
            outcome: decode(&row.outcome)?,
        })
    })
    .transpose()
}

/// Counts one more attempt at a message that is tried alone, and returns how many there were with this one.
///
/// # Errors
/// When the statement fails.
pub async fn attempt(conn: &mut PgConnection, context: &str, key: Key) -> Result<u32, Error> {
    let attempts = sqlx::query_scalar!(
        "insert into inbox.attempts as a (merchant_id, context, id, attempts) values ($1, $2, $3, 1)
         on conflict (merchant_id, context, id) do update set attempts = a.attempts + 1
         returning attempts",
        key.merchant.uuid(),
        context,
        key.id
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(attempts).unwrap_or(u32::MAX))
}

/// Forgets the attempts at a message, which took effect or was set aside.
///
/// # Errors
/// When the statement fails.
pub async fn forget_attempts(conn: &mut PgConnection, context: &str, key: Key) -> Result<(), Error> {
    sqlx::query!(
        "delete from inbox.attempts where merchant_id = $1 and context = $2 and id = $3",
        key.merchant.uuid(),
        context,
        key.id
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn decode(outcome: &[u8]) -> Result<Outcome, Error> {
    Outcome::decode(outcome).map_err(|error| Error::stored("outcome", &error))
}
