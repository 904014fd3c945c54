//! What actors may, as the database has it.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_contract::Envelope;
use tillstream_domain::{
    Rejection,
    id::{MerchantId, StoreId},
    identity::{Actor, Need, Permission, Permissions, Rights, Role},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read};

/// Somebody of a merchant.
pub type Who = (MerchantId, Actor);

/// What somebody holds or has held, each with the time at which it ended.
#[derive(Clone, Debug, Default)]
pub struct Held(Vec<(Permissions, Option<StoreId>, Option<Timestamp>)>);

impl Held {
    /// What held at `at`. What began later counts too, for the clocks of two machines are never the same.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Rights {
        let mut rights = Rights::default();
        for (permissions, store, ended) in &self.0 {
            if ended.is_none_or(|ended| at < ended) {
                rights.add(*permissions, *store);
            }
        }
        rights
    }

    /// Whether they were somebody at `at`, be it without any permission.
    fn is_active(&self, at: Timestamp) -> bool {
        self.0.iter().any(|(_, _, ended)| ended.is_none_or(|ended| at < ended))
    }
}

/// What whoever sent `envelope` may: what held when the edge took it, and at no other till than theirs. Nothing, if they are
/// nobody whom this version knows, or if their till was revoked.
#[must_use]
pub fn rights_of(held: &BTreeMap<Who, Held>, envelope: &Envelope) -> Rights {
    let at = |actor| held.get(&(envelope.merchant, actor)).map(|held| held.at(envelope.at)).unwrap_or_default();
    let rights = match envelope.actor.parse() {
        Ok(Actor::Operator) => Rights::operator(),
        Ok(actor @ Actor::Till(till)) => at(actor).bound_to(till),
        Ok(actor) => at(actor),
        Err(_) => Rights::default(),
    };
    let rights = match envelope.actor.parse() {
        Ok(Actor::User(user))
            if held.get(&(envelope.merchant, Actor::User(user))).is_some_and(|of| of.is_active(envelope.at)) =>
        {
            rights.of_user(user)
        }
        _ => rights,
    };
    match envelope.till {
        None => rights,
        Some(till) if at(Actor::Till(till)) == Rights::default() => Rights::default(),
        Some(till) => rights.bound_to(till),
    }
}

/// Whose rights [`judge`] asks for.
pub fn parties(envelope: &Envelope) -> impl Iterator<Item = Who> {
    let actor = envelope.actor.parse().ok();
    let approver = envelope.approval.map(|approval| Actor::User(approval.by));
    [actor, envelope.till.map(Actor::Till), approver].into_iter().flatten().map(|actor| (envelope.merchant, actor))
}

/// Whether whoever sent `envelope` may do what needs `need`, or may do all of it but one thing, which somebody who may has
/// approved.
///
/// # Errors
/// [`Rejection::Forbidden`].
pub fn judge(held: &BTreeMap<Who, Held>, envelope: &Envelope, need: Need) -> Result<(), Rejection> {
    let approved = |need: Need| {
        envelope.approval.is_some_and(|approval| {
            let approver = held.get(&(envelope.merchant, Actor::User(approval.by)));
            approval.permission == need.permission
                && need.permission.is_approvable()
                && approver.is_some_and(|held| held.at(envelope.at).may(need))
        })
    };
    let rights = rights_of(held, envelope);
    // An approval adds to the rights of somebody who has some; it is none by itself.
    need.each().filter(|one| !(rights.is_any() && approved(*one))).try_for_each(|one| rights.check(one))
}

/// What each of `who` holds. Users have their roles, tills what every till has in its store, keys their scopes. The operator
/// is not looked up: see [`Rights::operator`].
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn rights(conn: &mut PgConnection, who: &BTreeSet<Who>) -> Result<BTreeMap<Who, Held>, Error> {
    let mut found: BTreeMap<Who, Held> = BTreeMap::new();
    let (mut merchants, mut kinds, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut order = Vec::new();
    for (merchant, actor) in who {
        let (kind, id): (i16, Uuid) = match actor {
            Actor::Operator => continue,
            Actor::User(id) => (0, id.uuid()),
            Actor::Till(id) => (1, id.uuid()),
            Actor::Key(id) => (2, id.uuid()),
        };
        merchants.push(merchant.uuid());
        kinds.push(kind);
        ids.push(id);
        order.push((*merchant, *actor));
    }
    if order.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query!(
        r#"with who as (
             select * from unnest($1::uuid[], $2::smallint[], $3::uuid[]) with ordinality as w (merchant_id, kind, id, n)
           )
           select w.n as "n!", g.role as held, null::text[] as scopes, g.store_id as store,
             least(g.ended_at, u.ended_at) as ended_at
           from who w
           join identity.users u on u.merchant_id = w.merchant_id and u.user_id = w.id
           join identity.grants g on g.merchant_id = u.merchant_id and g.user_id = u.user_id
           where w.kind = 0
           union all
           select w.n, null, '{}', null, u.ended_at -- Users are somebody without grants too.
           from who w
           join identity.users u on u.merchant_id = w.merchant_id and u.user_id = w.id
           where w.kind = 0
           union all
           select w.n, null, null, r.store_id, t.ended_at
           from who w
           join identity.tills t on t.merchant_id = w.merchant_id and t.register_id = w.id
           join catalog.registers r on r.merchant_id = t.merchant_id and r.register_id = t.register_id
           where w.kind = 1 and t.enrolled_at is not null
           union all
           select w.n, null, k.scopes, s.store_id, least(k.ended_at, k.expires_at)
           from who w
           join identity.keys k on k.merchant_id = w.merchant_id and k.key_id = w.id
           cross join unnest(coalesce(k.stores, array[null]::uuid[])) as s (store_id)
           where w.kind = 2"#,
        &merchants,
        &kinds,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let who = usize::try_from(row.n - 1).ok().and_then(|n| order.get(n).copied());
        let who = who.ok_or_else(|| Error::stored("rights", &"a row is of nobody who was asked for"))?;
        let permissions = permissions(row.held.as_deref(), row.scopes)?;
        let ended = row.ended_at.map(read).transpose()?;
        found.entry(who).or_default().0.push((permissions, row.store.map(StoreId::new), ended));
    }
    Ok(found)
}

/// Of a role, of scopes, or, of neither, a till's. A name that this version does not know gives nothing.
fn permissions(role: Option<&str>, scopes: Option<Vec<String>>) -> Result<Permissions, Error> {
    match (role, scopes) {
        (Some(role), _) => {
            let role: Role = role.parse().map_err(|error| Error::stored("grant", &error))?;
            Ok(role.permissions())
        }
        (None, Some(scopes)) => Ok(scopes.iter().filter_map(|scope| scope.parse::<Permission>().ok()).collect()),
        (None, None) => Ok(Rights::TILL),
    }
}
