//! PINs: setting them, signing in with them at tills, and approving with them what others do.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    identity::{Changed, Command, NewPin},
    token::{self, Access, Approved, Offline},
};
use tillstream_domain::{
    id::UserId,
    identity::{Actor, Need, Permission, PersonName, Pin, Place, Rights},
    time::Timestamp,
};
use tillstream_store::identity::tills;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{accepted, tills::submit};
use crate::{
    Edge,
    body::{Key, Strict},
    caller::Caller,
    hashing::{Kind, Plain},
    marks::Mark,
    page::Page,
    parameters::Id,
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
    seat::{at, now},
};

/// How long somebody stays signed in at a till, in seconds: a shift.
const SESSION_S: i64 = 8 * 60 * 60;
/// How long they may sell there without the server, in seconds: a week.
const OFFLINE_S: i64 = 7 * 24 * 60 * 60;
/// How long an approval is good, in seconds.
const APPROVAL_S: i64 = 2 * 60;

/// Somebody who can sign in at the till.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Colleague {
    /// Who.
    id: UserId,
    /// What people call them.
    #[schema(value_type = Option<String>)]
    name: Option<PersonName>,
}

/// A PIN to set.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PinToSet {
    /// 4 to 8 digits, not all the same and no straight run.
    #[schema(value_type = String, min_length = 4, max_length = 8)]
    pin: Pin,
}

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SignIn {
    /// Who.
    user: UserId,
    /// Their PIN.
    #[schema(value_type = String, max_length = 8)]
    pin: Plain,
}

/// Somebody is signed in at the till.
// Not `Session` in the OpenAPI document: that is one of those that a user sees of theirs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TillSession)]
pub(crate) struct Session {
    /// The access token, good for this till's key alone.
    token: String,
    /// From when on it is not taken any more.
    expires_at: Timestamp,
    /// Who.
    user: UserId,
    /// With which the till lets them sell while it does not reach the server: a token that it checks by the server's key.
    offline: String,
    /// From when on that is not good any more.
    offline_until: Timestamp,
}

/// Who approves what.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ApprovalToGive {
    /// What they approve.
    permission: Permission,
    /// The command that they approve: the `Idempotency-Key` with which it will be sent.
    command: Uuid,
    /// Who approves.
    approver: UserId,
    /// Their PIN.
    #[schema(value_type = String, max_length = 8)]
    pin: Plain,
}

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Approval {
    /// To be sent with the command, in the header `Approval`.
    approval: String,
    /// From when on it is not taken any more.
    expires_at: Timestamp,
}

/// The people who can sign in at the till that asks, and may sell there, by name.
#[utoipa::path(
    get,
    operation_id = "list_till_users",
    path = "/v1/till/users",
    tag = "identity",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    responses(
        (status = 200, description = "The people", body = Page<Colleague>),
        (status = 422, description = "The caller is not at a till", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn colleagues(State(edge): State<Edge>, caller: Caller) -> Result<Json<Page<Colleague>>, Problem> {
    let seat = caller.seat().ok_or(Problem::NoTill)?;
    let people =
        edge.read(seat.merchant, async |conn| tills::people(conn, seat.merchant, seat.store, None).await).await?;
    let sell = Need::new(Permission::Sell, Place::Store(seat.store));
    let people = people.into_iter().filter(|person| Rights::of_grants(&person.grants).may(sell));
    Ok(Json(Page { items: people.map(|tills::Person { id, name, .. }| Colleague { id, name }).collect(), next: None }))
}

/// Signs somebody in at the till that asks, in place of whoever is.
#[utoipa::path(
    post,
    operation_id = "sign_in_at_till",
    path = "/v1/till/sessions",
    tag = "identity",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    request_body = SignIn,
    responses(
        (status = 200, description = "They are signed in", body = Session),
        (status = 422, description = "The caller is no till, or the body is of another shape", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The PIN cannot be checked now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn sign_in(
    State(edge): State<Edge>,
    caller: Caller,
    Strict(SignIn { user, pin }): Strict<SignIn>,
) -> Result<Json<Session>, Problem> {
    let seat = caller.seat().filter(|_| matches!(caller.actor(), Actor::Till(_))).ok_or(Problem::NoTill)?;
    // Before what they may is read: who is marked meanwhile gets a token that is refused.
    let marks = &edge.0.marks;
    let iat = marks.taken_from(seat.merchant, seat.till).max(marks.issued(seat.merchant, user));
    let person = seat.recognise(&edge, user, &pin).await?;
    let rights = Rights::of_grants(&person.grants).bound_to(seat.till);
    rights.check(Need::new(Permission::Sell, Place::Register(seat.store, seat.till)))?;
    let access = Access {
        sub: Actor::User(user),
        merchant: seat.merchant,
        iat,
        sid: None,
        till: Some(seat.till),
        store: Some(seat.store),
        cnf: Some(seat.key.clone()),
        grants: person.grants,
    };
    let may = |permission: &Permission| rights.may(Need::new(*permission, Place::Store(seat.store)));
    let offline = Offline {
        user,
        merchant: seat.merchant,
        store: seat.store,
        till: seat.till,
        permissions: Permission::ALL.iter().copied().filter(may).collect(),
        iat,
    };
    Ok(Json(Session {
        token: token::sign(&access, iat + SESSION_S, &edge.0.signer),
        expires_at: at(iat + SESSION_S)?,
        user,
        offline: token::sign(&offline, iat + OFFLINE_S, &edge.0.signer),
        offline_until: at(iat + OFFLINE_S)?,
    }))
}

/// Approves, with a PIN at the till that asks, one command that is about to come from there.
#[utoipa::path(
    post,
    operation_id = "approve",
    path = "/v1/approvals",
    tag = "identity",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    request_body = ApprovalToGive,
    responses(
        (status = 200, description = "It is approved", body = Approval),
        (status = 422, description = "The caller is not at a till, or that cannot be approved", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The PIN cannot be checked now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn approve(
    State(edge): State<Edge>,
    caller: Caller,
    Strict(ApprovalToGive { permission, command, approver, pin }): Strict<ApprovalToGive>,
) -> Result<Json<Approval>, Problem> {
    let seat = caller.seat().ok_or(Problem::NoTill)?;
    if !permission.is_approvable() {
        return Err(Problem::InvalidBody("/permission".to_owned(), "this cannot be approved for another".to_owned()));
    }
    let person = seat.recognise(&edge, approver, &pin).await?;
    Rights::of_grants(&person.grants).check(Need::new(permission, Place::Store(seat.store)))?;
    let approved =
        Approved { by: approver, permission, command, merchant: seat.merchant, store: seat.store, till: seat.till };
    let expires = now(&edge) + APPROVAL_S;
    Ok(Json(Approval { approval: token::sign(&approved, expires, &edge.0.signer), expires_at: at(expires)? }))
}

/// Sets a user's PIN: one's own, or of somebody whom one governs.
#[utoipa::path(
    put,
    operation_id = "set_pin",
    path = "/v1/users/{id}/pin",
    tag = "identity",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = UserId, Path, description = "The user"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID; the same one to repeat the request"),
    ),
    request_body = PinToSet,
    responses(
        (status = 200, description = "The PIN is set", body = Changed),
        (status = 202, description = "It will be decided", body = super::Accepted, headers(("Location" = String))),
        (status = 422, description = "It is no good PIN, or there is no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be accepted now; send it again with the same key", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set(
    State(edge): State<Edge>,
    caller: Caller,
    Key(id): Key,
    Id(user): Id<UserId>,
    prefer: Prefer,
    headers: HeaderMap,
    Strict(PinToSet { pin }): Strict<PinToSet>,
) -> Result<Response, Problem> {
    // Before the hash, which costs.
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let pin = edge.0.hashing.hash(Kind::Pin, &Plain::from(pin.reveal()), id).await?;
    let command = Command::SetPin(NewPin { user, pin });
    match submit(&edge, &caller, id, command, prefer, &headers).await? {
        None => Ok(accepted(id)),
        Some((changed, _)) => {
            // Somebody whose PIN others had to change may have lost it to who is signed in with it.
            if caller.actor() != Actor::User(user) {
                edge.0.marks.put(Mark::User(caller.merchant(), user)).await?;
            }
            Ok(Json(changed).into_response())
        }
    }
}
