//! Sessions: signing in, going on, signing out.

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tillstream_contract::{
    Stage,
    identity::{Command, Method, SignIn},
};
use tillstream_domain::{
    id::{MerchantId, RegisterId, UserId},
    identity::{Actor, Email, Need, Permission, Place},
};
use tillstream_store::identity::{self, Account, Active};
use tokio::time::Instant;
use tracing::warn;
use utoipa::ToSchema;

use super::private;
use crate::{
    ClientAddress, Edge,
    body::{Key, Strict},
    caller::Caller,
    commands::{NewCommand, fingerprint},
    hashing::{Kind, Plain},
    page::Page,
    parameters::Id,
    prefer::Prefer,
    problem::{Choice, Problem, ProblemDetails},
    sessions::{ENDED, Session, Tokens},
};

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// Their e-mail address.
    #[schema(value_type = String, max_length = 254)]
    email: Email,
    /// Their password.
    #[schema(value_type = String, format = Password)]
    password: Plain,
    /// At which merchant; needed by who has the same address and password at more than one.
    merchant: Option<MerchantId>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Exchange {
    /// The session's last refresh token.
    refresh_token: String,
}

/// Signs in by e-mail address and password.
///
/// Whether an account exists is not told: a wrong address and a wrong password have the same answer, after the same work.
/// After five failures an account waits, twice as long after each. Tokens are bearer tokens for a program's memory; there
/// are no cookies, and so no requests that another site could forge.
#[utoipa::path(
    post,
    operation_id = "sign_in",
    path = "/v1/sessions",
    tag = "sessions",
    security(()),
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    request_body = Credentials,
    responses(
        (status = 201, description = "The tokens of a new session", body = Tokens),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "The address and the password do not belong to an account", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "They belong to accounts at more than one merchant", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The body is not of the right shape", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts have failed; Retry-After says when to try again", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Nobody can sign in now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn open(
    State(edge): State<Edge>,
    Extension(address): Extension<ClientAddress>,
    Strict(Credentials { email, password, merchant }): Strict<Credentials>,
) -> Result<Response, Problem> {
    let network = address.network();
    edge.0.lockout.admit(network)?;
    edge.0.lockout.attempt(email.as_str()).await?;
    let (accounts, fitting) = match tried(&edge, &email, &password, merchant).await {
        Ok(found) => found,
        Err(problem) => {
            edge.0.lockout.undone(email.as_str()).await;
            if problem == Problem::Busy {
                edge.0.lockout.failed(network);
            }
            return Err(problem);
        }
    };
    let [account] = &fitting[..] else {
        if fitting.is_empty() {
            edge.0.lockout.failed(network);
            for account in &accounts {
                report(&edge, (account.merchant, account.user), Method::Password, None, false);
            }
            return Err(Problem::WrongCredentials);
        }
        edge.0.lockout.succeeded(email.as_str()).await;
        return Err(choose(&edge, &fitting).await?);
    };
    edge.0.lockout.succeeded(email.as_str()).await;
    let who = (account.merchant, account.user);
    let Active { grants, .. } = active(&edge, who).await?.ok_or(Problem::WrongCredentials)?;
    let tokens = edge.0.sessions.open(&edge.0.marks, who, grants).await?;
    // Whoever set another password meanwhile has ended all sessions but this one, which was not there yet.
    let now = edge.look_up(async |conn| identity::password(conn, who.0, who.1, &email).await).await?;
    if now.as_ref() != Some(&account.password) {
        edge.0.sessions.end_all(&edge.0.marks, who).await?;
        return Err(Problem::WrongCredentials);
    }
    report(&edge, who, Method::Password, None, true);
    Ok(private((StatusCode::CREATED, Json(tokens)).into_response()))
}

/// The accounts of an address, and those of them whose password this is.
async fn tried(
    edge: &Edge,
    email: &Email,
    password: &Plain,
    merchant: Option<MerchantId>,
) -> Result<(Vec<Account>, Vec<Account>), Problem> {
    let mut accounts = edge.look_up(async |conn| identity::accounts(conn, email).await).await?;
    accounts.retain(|account| merchant.is_none_or(|merchant| account.merchant == merchant));
    let fitting = fitting(edge, password, &accounts).await?;
    Ok((accounts, fitting))
}

/// The accounts whose password this is. Of none it takes as long as of one.
async fn fitting(edge: &Edge, password: &Plain, accounts: &[Account]) -> Result<Vec<Account>, Problem> {
    if accounts.is_empty() {
        edge.0.hashing.fits(Kind::Password, password, None).await?;
    }
    let mut fitting = Vec::new();
    for account in accounts {
        if edge.0.hashing.fits(Kind::Password, password, Some(&account.password)).await? {
            fitting.push(account.clone());
        }
    }
    Ok(fitting)
}

/// Has the sign-in kept with all that was done. Nobody waits for it: how long it takes must not show whether there is an
/// account.
pub(crate) fn report(
    edge: &Edge,
    (merchant, user): (MerchantId, UserId),
    method: Method,
    till: Option<RegisterId>,
    ok: bool,
) {
    let edge = edge.clone();
    tokio::spawn(async move {
        let at = edge.0.clock.now();
        let caller = Caller::of_user(merchant, user, till, at.micros() / 1_000_000);
        let id = edge.0.process.ids.next();
        let sign_in = SignIn { user, method, ok };
        let prefer = Prefer { asynchronous: true, wait: None, until: Stage::Recorded };
        let sent = async {
            let fingerprint = fingerprint("identity.sign_in.v1", &sign_in)?;
            let command = NewCommand { id, message: Command::SignIn(sign_in), fingerprint, trace: None, at };
            edge.0.commands.submit(&caller, command, prefer, Instant::now()).await
        };
        if let Err(problem) = sent.await {
            warn!(?problem, %merchant, %user, ok, "a sign-in will be missing from what was done");
        }
    });
}

/// The question at which of the merchants, to somebody who has shown to belong to them all.
async fn choose(edge: &Edge, accounts: &[Account]) -> Result<Problem, Problem> {
    let mut choices = Vec::new();
    for Account { merchant, .. } in accounts {
        let name = edge.read(*merchant, async |conn| identity::merchant_name(conn, *merchant).await).await?;
        choices.push(Choice { id: *merchant, name: name.unwrap_or_default() });
    }
    Ok(Problem::ChooseMerchant(choices))
}

/// The user, unless they have ended.
pub(crate) async fn active(edge: &Edge, (merchant, user): (MerchantId, UserId)) -> Result<Option<Active>, Problem> {
    edge.read(merchant, async |conn| identity::active(conn, merchant, user).await).await
}

/// Gives new tokens for a refresh token, which is good once.
///
/// What the user may is read afresh. The same request, with the same `Idempotency-Key`, has the same answer; a token that
/// was exchanged before by another request ends the session, for one of the two has stolen it.
#[utoipa::path(
    post,
    operation_id = "refresh_session",
    path = "/v1/sessions/refresh",
    tag = "sessions",
    security(()),
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    params(("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new exchange; the same one to repeat it")),
    request_body = Exchange,
    responses(
        (status = 200, description = "The session's next tokens", body = Tokens),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "The session has ended, or the token is none of ours", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The body is not of the right shape", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Sessions cannot be read now; send the same request again", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn refresh(
    State(edge): State<Edge>,
    Key(request): Key,
    Strict(Exchange { refresh_token }): Strict<Exchange>,
) -> Result<Response, Problem> {
    let claims = edge.0.sessions.read(&refresh_token)?;
    let who = (claims.merchant, claims.sub);
    // Before what they may is read: who is marked meanwhile gets tokens that are refused.
    let issued = edge.0.marks.issued(who.0, who.1);
    let Some(Active { grants, .. }) = active(&edge, who).await? else {
        edge.0.sessions.end(&edge.0.marks, who, claims.sid).await?;
        return Err(ENDED);
    };
    let tokens = edge.0.sessions.refresh(&edge.0.marks, &claims, request, (issued, grants)).await?;
    Ok(private(Json(tokens).into_response()))
}

/// Signs out: no token of the session is taken any more, at any edge.
#[utoipa::path(
    delete,
    operation_id = "sign_out",
    path = "/v1/sessions/current",
    tag = "sessions",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 404, description = "The token is of no session", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The session cannot be ended now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn end(State(edge): State<Edge>, caller: Caller) -> Result<StatusCode, Problem> {
    let (Actor::User(user), Some(session)) = (caller.actor(), caller.session()) else {
        return Err(Problem::NotFound("session"));
    };
    edge.0.sessions.end(&edge.0.marks, (caller.merchant(), user), session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's own sessions.
#[utoipa::path(
    get,
    operation_id = "list_sessions",
    path = "/v1/sessions",
    tag = "sessions",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    responses(
        (status = 200, description = "The sessions, oldest first", body = Page<Session>),
        (status = 503, description = "Sessions cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(edge): State<Edge>, caller: Caller) -> Result<Json<Page<Session>>, Problem> {
    let items = match caller.actor() {
        Actor::User(user) => edge.0.sessions.list((caller.merchant(), user), caller.session()).await?,
        Actor::Operator | Actor::Till(_) | Actor::Key(_) => Vec::new(),
    };
    Ok(Json(Page { items, next: None }))
}

/// Ends all sessions of a user, and refuses every token that was issued to them before.
///
/// Everybody may do so for themself, and for others who may say what they are.
#[utoipa::path(
    post,
    operation_id = "sign_user_out",
    path = "/v1/users/{id}/sign-outs",
    tag = "sessions",
    extensions(("x-permission" = json!("users.manage")), ("x-place" = json!("store"))),
    params(("id" = Uuid, Path, description = "The user")),
    responses(
        (status = 204, description = "Their sessions have ended"),
        (status = 403, description = "The user is not yours to sign out", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The sessions cannot be ended now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn end_all(
    State(edge): State<Edge>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    let who = (caller.merchant(), user);
    if caller.actor() != Actor::User(user) {
        caller.may(Need::new(Permission::ManageUsers, Place::Anywhere))?;
        let Active { grants, .. } = active(&edge, who).await?.ok_or(Problem::NotFound("user"))?;
        if !caller.governs(&grants) {
            return Err(tillstream_domain::Rejection::BeyondOwnRights.into());
        }
    }
    edge.0.sessions.end_all(&edge.0.marks, who).await?;
    Ok(StatusCode::NO_CONTENT)
}
