//! Passwords.

use axum::{
    Extension, Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_bytes::ByteArray;
use tillstream_contract::{
    Stage,
    identity::{Changed, Command, Event, Method, NewPassword},
};
use tillstream_domain::{
    Rejection,
    id::UserId,
    identity::{INVITATION_CHARS, Need, OneTimeCode, Permission, Place},
};
use tillstream_store::identity;
use tracing::error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    accepted, deadline,
    sessions::{active, report},
    trace,
};
use crate::{
    ClientAddress, Edge,
    body::{Key, Strict},
    caller::Caller,
    commands::{NewCommand, Submitted, fingerprint},
    hashing::{Kind, Plain},
    parameters::Id,
    passwords::check,
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
};

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Replacement {
    /// The present one.
    #[schema(value_type = String, format = Password)]
    current: Plain,
    /// The new one: 12 to 128 characters, and not one that many have.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 128)]
    password: Plain,
}

/// Sets one's own password, and ends all of one's sessions, this one too.
///
/// A wrong present password counts as a failed sign-in does.
#[utoipa::path(
    put,
    operation_id = "set_password",
    path = "/v1/users/{id}/password",
    tag = "sessions",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    params(
        ("id" = Uuid, Path, description = "The user, who is the caller"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`"),
    ),
    request_body = Replacement,
    responses(
        (status = 200, description = "The password is set; sign in with it", body = Changed),
        (status = 202, description = "The request is durable and will be decided", body = super::Accepted, headers(("Location" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "The caller is not authenticated, or the present password is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The new password may not be chosen", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be set now; send the same request again", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set(
    State(edge): State<Edge>,
    caller: Caller,
    Id(user): Id<UserId>,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
    Strict(Replacement { current, password }): Strict<Replacement>,
) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ManageOwn, Place::Own(user)))?;
    let who = (caller.merchant(), user);
    let email = active(&edge, who).await?.and_then(|active| active.email).ok_or(Problem::WrongCredentials)?;
    check(&password, Some(&email))?;
    edge.0.lockout.attempt(email.as_str()).await?;
    let stored = edge.look_up(async |conn| identity::password(conn, who.0, user, &email).await).await?;
    if !edge.0.hashing.fits(Kind::Password, &current, stored.as_ref()).await? {
        report(&edge, who, Method::Password, None, false);
        return Err(Problem::WrongCredentials);
    }
    edge.0.lockout.succeeded(email.as_str()).await;
    let password = edge.0.hashing.hash(Kind::Password, &password, id).await?;
    let new = NewPassword { user, password, code_hash: None };
    // Also if it is not known yet: who sets a password wants nobody else to go on.
    submit(&edge, &caller, id, new, Ending::Always, prefer, &headers).await
}

/// A one-time code, and the password that it is for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Redemption {
    /// The code of the invitation.
    #[schema(value_type = String, format = Password, example = "00000-00000-00000-00000")]
    code: Plain,
    /// The password: 12 to 128 characters, and not one that many have.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 128)]
    password: Plain,
}

/// Sets the first password, or another in place of one that is forgotten, by the one-time code of an invitation.
///
/// All sessions of the user end. Codes that are not known count as failed sign-ins of the address.
#[utoipa::path(
    post,
    operation_id = "redeem_invitation",
    path = "/v1/passwords",
    tag = "sessions",
    security(()),
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`"),
    ),
    request_body = Redemption,
    responses(
        (status = 200, description = "The password is set; sign in with it", body = Changed),
        (status = 202, description = "The request is durable and will be decided", body = super::Accepted, headers(("Location" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The code is not good, or the password may not be chosen", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be set now; send the same request again", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn redeem(
    State(edge): State<Edge>,
    Extension(address): Extension<ClientAddress>,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
    Strict(Redemption { code, password }): Strict<Redemption>,
) -> Result<Response, Problem> {
    let network = address.network();
    edge.0.lockout.admit(network)?;
    let code_hash = code.reveal().parse::<OneTimeCode<INVITATION_CHARS>>().ok().map(|code| code.hash());
    let invited = match code_hash {
        Some(hash) => edge.look_up(async |conn| identity::invited(conn, hash).await).await?.map(|found| (found, hash)),
        None => None,
    };
    let Some((((merchant, user), until), hash)) = invited else {
        edge.0.lockout.failed(network);
        return Err(Rejection::CodeInvalid.into());
    };
    let email = active(&edge, (merchant, user)).await?.and_then(|active| active.email);
    check(&password, email.as_ref())?;
    let password = edge.0.hashing.hash(Kind::Password, &password, id).await?;
    let new = NewPassword { user, password, code_hash: Some(ByteArray::new(hash)) };
    let now = edge.0.clock.now();
    let caller = Caller::of_user(merchant, user, None, now.micros() / 1_000_000);
    let ending = if until.is_some_and(|until| now < until) { Ending::Always } else { Ending::Done };
    submit(&edge, &caller, id, new, ending, prefer, &headers).await
}

/// When the sessions of who sets a password end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Unless it is refused.
    Always,
    /// When it is known to be set: the code may not be good.
    Done,
}

async fn submit(
    edge: &Edge,
    caller: &Caller,
    id: Uuid,
    new: NewPassword,
    ending: Ending,
    prefer: Prefer,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let who = (caller.merchant(), new.user);
    let fingerprint = fingerprint("identity.set_password.v1", &new)?;
    let message = Command::SetPassword(new);
    let command = NewCommand { id, message, fingerprint, trace: trace(headers), at: edge.0.clock.now() };
    // There is no receipt to wait for.
    let prefer = Prefer { until: Stage::Recorded, ..prefer };
    let submitted = edge.0.commands.submit(caller, command, prefer, deadline(edge, prefer)).await?;
    if ending == Ending::Always || matches!(submitted, Submitted::Done(_)) {
        edge.0.sessions.end_all(&edge.0.marks, who).await?;
    }
    let Submitted::Done(event) = submitted else { return Ok(accepted(id)) };
    match event.open() {
        Ok(Event::UserChanged(changed)) => Ok(Json(changed).into_response()),
        other => {
            error!(?other, %id, "the worker's answer cannot be read; answering 202");
            Ok(accepted(id))
        }
    }
}
