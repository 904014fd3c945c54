//! Users.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tillstream_contract::identity::{Changed, Command, NewInvitation, NewUser, OneUser, Regrant, UserChange};
use tillstream_domain::{
    id::{StoreId, UserId},
    identity::{Actor, Email, Grant, INVITATION_CHARS, OneTimeCode, Permission, PersonName, Reach, Role},
    time::Timestamp,
};
use tillstream_store::identity::people::{self, Person, Which};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    accepted,
    changes::{Refused, Request, shown},
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    derive::Purpose,
    page::{Page, PageQuery},
    parameters::{Id, Params},
    problem::{Problem, ProblemDetails},
    seen::Seen,
};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// Who.
    id: UserId,
    /// What people call them; null once they are erased.
    name: Option<String>,
    /// With which they sign in, unless they sign in at tills only.
    email: Option<String>,
    /// What they are.
    grants: Vec<Grant>,
    /// Whether they have a password.
    has_password: bool,
    /// Whether they have a PIN.
    has_pin: bool,
    /// Until when they can set a password by the code that they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_until: Option<Timestamp>,
    /// From when on they may nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// Counts their changes from 1; the `ETag`.
    version: u32,
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        let grants = person.grants.iter().filter(|held| held.ended_at.is_none()).map(|held| held.grant).collect();
        let Person { id, name, email, has_password, has_pin, invited_until, version, ended_at, .. } = person;
        Self { id, name, email, grants, has_password, has_pin, invited_until, ended_at, version }
    }
}

/// A user to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UserToAdd {
    /// What people call them.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    name: PersonName,
    /// With which they sign in, unless they sign in at tills only.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 254)]
    email: Option<Email>,
    /// What they are.
    #[schema(value_type = Vec<GrantToGive>, max_items = 32)]
    grants: Vec<GrantToGive>,
}

/// What to change of a user. What is left out, or null, stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UserToChange {
    /// What people call them.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 120)]
    name: Option<PersonName>,
    /// With which they sign in.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 254)]
    email: Option<Email>,
}

/// What a user is from now on.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Grants {
    /// All of it: what is not among these ends.
    #[schema(max_items = 32)]
    grants: Vec<GrantToGive>,
}

/// A role in one store, or in the merchant with all its stores.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(crate) struct GrantToGive {
    /// What.
    role: Role,
    /// Where; in all stores, if left out.
    #[serde(default)]
    store: Option<StoreId>,
}

fn grants(given: &[GrantToGive]) -> Vec<Grant> {
    given.iter().map(|GrantToGive { role, store }| Grant { role: *role, store: *store }).collect()
}

/// A one-time code with which a user sets their password. It is shown to who asks for it, and never again but in answer to
/// the same request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// Who is invited.
    id: Uuid,
    /// Counts their changes from 1.
    version: u32,
    /// The code, in groups of five; give it to nobody else.
    #[schema(example = "7ZK4M-Q2W8X-C0V5B-9N3HT")]
    code: String,
    /// From when on it is good for nothing.
    until: Timestamp,
}

/// Users with a role in the stores in which the caller may see them, by their ids.
#[utoipa::path(
    get,
    operation_id = "list_users",
    path = "/v1/users",
    tag = "identity",
    extensions(("x-permission" = json!("users.read")), ("x-place" = json!("anywhere"))),
    params(PageQuery
    ),
    responses(
        (status = 200, description = "One page of users", body = Page<User>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<User>>, Problem> {
    let reach = caller.reach(Permission::ReadUsers)?;
    let limit = page.limit()?;
    let after = page.after.as_deref().map(Uuid::try_parse).transpose();
    let after = after.map_err(|_| Problem::BadParameter("after must be `next` of the page before".to_owned()))?;
    let merchant = caller.merchant();
    let which = Which { id: None, reach: &reach, after, limit: limit + 1 };
    let rows = edge.read(merchant, async |conn| people::users(conn, merchant, which).await).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string(), User::from)))
}

/// A user. Everybody sees themself.
#[utoipa::path(
    get,
    operation_id = "show_user",
    path = "/v1/users/{id}",
    tag = "identity",
    extensions(("x-permission" = json!("users.read")), ("x-place" = json!("user"))),
    params(
        ("id" = Uuid, Path),
    ),
    responses(
        (status = 200, description = "The user", body = User, headers(("ETag" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(State(edge): State<Edge>, caller: Caller, Id(id): Id<UserId>) -> Result<Response, Problem> {
    let person = find(&edge, &caller, id).await?;
    Ok(shown(StatusCode::OK, person.version, &User::from(person)))
}

/// The user, if the caller may see them.
async fn find(edge: &Edge, caller: &Caller, id: UserId) -> Result<Person, Problem> {
    let is_self = caller.actor() == Actor::User(id);
    let reach = if is_self { Reach::All } else { caller.reach(Permission::ReadUsers)? };
    let merchant = caller.merchant();
    let which = Which { id: Some(id), reach: &reach, after: None, limit: 1 };
    let found = edge.read(merchant, async |conn| people::users(conn, merchant, which).await).await?;
    found.into_iter().next().ok_or(Problem::NotFound("user"))
}

/// Adds a user, who may then be invited to set a password.
///
/// Their id is the `Idempotency-Key`. A manager adds cashiers of their own stores.
#[utoipa::path(
    post,
    operation_id = "add_user",
    path = "/v1/users",
    tag = "identity",
    extensions(("x-permission" = json!("users.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body = UserToAdd,
    responses(
        (status = 201, description = "The user is added", body = Changed, headers(("Location" = String), ("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn add(request: Request, Strict(new): Strict<UserToAdd>) -> Result<Response, Problem> {
    let UserToAdd { name, email, grants: given } = new;
    let new = NewUser { name, email, password: None, pin: None, grants: grants(&given) };
    request.add(Command::AddUser(new), "/v1/users").await
}

/// Changes a user's name or e-mail address.
#[utoipa::path(
    patch,
    operation_id = "change_user",
    path = "/v1/users/{id}",
    tag = "identity",
    extensions(("x-permission" = json!("users.manage")), ("x-place" = json!("user"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    request_body = UserToChange,
    responses(
        (status = 200, description = "The user is changed", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn change(
    request: Request,
    Id(id): Id<UserId>,
    Seen(version): Seen,
    Strict(change): Strict<UserToChange>,
) -> Result<Response, Problem> {
    let UserToChange { name, email } = change;
    request.change(Command::ChangeUser(UserChange { user: id, version, name, email })).await
}

/// Says what a user is: what they were besides ends.
///
/// The grants that they have and those that they get must be the caller's to give: a manager governs cashiers of their own
/// stores, an owner of all stores everybody. The last owner of all stores stays one.
#[utoipa::path(
    put,
    operation_id = "set_grants",
    path = "/v1/users/{id}/grants",
    tag = "identity",
    extensions(("x-permission" = json!("users.manage")), ("x-place" = json!("user"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    request_body = Grants,
    responses(
        (status = 200, description = "The user has these grants", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn regrant(
    request: Request,
    Id(id): Id<UserId>,
    Seen(version): Seen,
    Strict(given): Strict<Grants>,
) -> Result<Response, Problem> {
    let grants = grants(&given.grants);
    request.change_rights(id, Command::SetGrants(Regrant { user: id, version, grants })).await
}

/// Lets a user do nothing any more, for good. The last owner of all stores cannot be deactivated.
#[utoipa::path(
    post,
    operation_id = "deactivate_user",
    path = "/v1/users/{id}/deactivation",
    tag = "identity",
    extensions(("x-permission" = json!("users.manage")), ("x-place" = json!("user"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    responses(
        (status = 200, description = "The user is deactivated", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn deactivate(request: Request, Id(id): Id<UserId>) -> Result<Response, Problem> {
    request.end(id, Command::DeactivateUser(OneUser { user: id })).await
}

/// Gives a one-time code with which the user sets their first password, or another in place of one that they have forgotten.
///
/// It is good for 24 hours; a later one takes its place. Whoever has it can act as the user: hand it to them in person.
#[utoipa::path(
    post,
    operation_id = "invite_user",
    path = "/v1/users/{id}/invitation",
    tag = "identity",
    extensions(("x-permission" = json!("users.manage")), ("x-place" = json!("user"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    responses(
        (status = 201, description = "The code", body = Invitation, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn invite(request: Request, Id(id): Id<UserId>) -> Result<Response, Problem> {
    let random = request.edge.0.derive.shown(Purpose::Invitation, &request.caller, request.id);
    let random = *random.first_chunk().expect("32 bytes are more than 20");
    let code = OneTimeCode::<INVITATION_CHARS>::of_random(random);
    let command = Command::InviteUser(NewInvitation { user: id, code_hash: ByteArray::new(code.hash()) });
    let Some(changed) = request.decide_identity(command).await? else { return Ok(accepted(request.id)) };
    let merchant = request.caller.merchant();
    let until = request.edge.read(merchant, async |conn| people::invited_until(conn, merchant, id).await);
    let until = until.await?.ok_or(Problem::NotYet("invitation"))?;
    let Changed { id, version } = changed;
    let mut response = shown(StatusCode::CREATED, version, &Invitation { id, version, code: code.reveal(), until });
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
