//! What is held about a person, and its end.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tillstream_contract::identity::{Changed, Command, OneUser};
use tillstream_domain::{
    id::{StoreId, UserId},
    identity::{Actor, Need, Permission, Place, Reach, Role},
    time::Timestamp,
};
use tillstream_store::{
    identity::people::{self, Held, Person, Which},
    trail::{self, Tally},
};
use utoipa::ToSchema;

use super::changes::{Refused, Request};
use crate::{
    Edge,
    caller::Caller,
    parameters::Id,
    problem::{Problem, ProblemDetails},
};

/// Everything that is held about a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonalData {
    /// By whom they go in the books.
    id: UserId,
    /// What people call them; null once they are erased.
    name: Option<String>,
    /// With which they sign in.
    email: Option<String>,
    /// Whether the hash of a password is held.
    has_password: bool,
    /// Whether the hash of a PIN is held.
    has_pin: bool,
    /// Until when they can set a password by the code that they were given.
    invited_until: Option<Timestamp>,
    /// From when on they may nothing any more.
    ended_at: Option<Timestamp>,
    /// What they are and were.
    grants: Vec<HeldGrant>,
    /// What they did, by kind; `/v1/audit` has each.
    activity: Vec<Activity>,
}

/// What somebody is or was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldGrant {
    /// What.
    role: Role,
    /// Where; in all stores, if null.
    store: Option<StoreId>,
    /// Since when.
    began_at: Timestamp,
    /// Until when; null while it holds.
    ended_at: Option<Timestamp>,
}

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Activity {
    /// The kind of command.
    #[schema(example = "sale.submit.v1")]
    kind: String,
    /// How many, the refused ones too.
    count: i64,
    /// When the first was decided.
    first_at: Timestamp,
    /// When the last was.
    last_at: Timestamp,
}

impl From<Held> for HeldGrant {
    fn from(held: Held) -> Self {
        let Held { grant, began_at, ended_at } = held;
        Self { role: grant.role, store: grant.store, began_at, ended_at }
    }
}

impl From<Tally> for Activity {
    fn from(tally: Tally) -> Self {
        let Tally { kind, count, first_at, last_at } = tally;
        Self { kind, count, first_at, last_at }
    }
}

/// Everything that is held about a person. They get it themself, or from an owner of all stores.
#[utoipa::path(
    get,
    operation_id = "export_user",
    path = "/v1/users/{id}/export",
    tag = "identity",
    extensions(("x-permission" = json!("merchant.manage")), ("x-place" = json!("merchant"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "What is held", body = PersonalData),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn export(State(edge): State<Edge>, caller: Caller, Id(id): Id<UserId>) -> Result<Response, Problem> {
    if caller.actor() != Actor::User(id) {
        caller.may(Need::new(Permission::ManageMerchant, Place::Merchant))?;
    }
    let merchant = caller.merchant();
    let which = Which { id: Some(id), reach: &Reach::All, after: None, limit: 1 };
    let (person, activity) = edge
        .read(merchant, async |conn| {
            let found = people::users(conn, merchant, which).await?.into_iter().next();
            Ok((found, trail::tally(conn, merchant, Actor::User(id)).await?))
        })
        .await?;
    let Person { id, name, email, has_password, has_pin, invited_until, ended_at, grants, .. } =
        person.ok_or(Problem::NotFound("user"))?;
    let grants = grants.into_iter().map(HeldGrant::from).collect();
    let activity = activity.into_iter().map(Activity::from).collect();
    let data = PersonalData { id, name, email, has_password, has_pin, invited_until, ended_at, grants, activity };
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(data)).into_response())
}

/// Forgets who a user is, for good: name, e-mail address, hashes and codes go, and they may nothing any more.
///
/// What they did stays in the books under their id, which then says nothing about the person: sales, receipts and the audit
/// trail remain as they are. The last owner of all stores cannot be erased.
#[utoipa::path(
    post,
    operation_id = "erase_user",
    path = "/v1/users/{id}/erasure",
    tag = "identity",
    extensions(("x-permission" = json!("merchant.manage")), ("x-place" = json!("merchant"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    responses(
        (status = 200, description = "The user is erased", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn erase(request: Request, Id(id): Id<UserId>) -> Result<Response, Problem> {
    request.end(id, Command::EraseUser(OneUser { user: id })).await
}
