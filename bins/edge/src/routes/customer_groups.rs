//! Groups of customers.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    customer::{Command, Event, GroupToEnd, GroupToPut},
    identity::Changed,
};
use tillstream_domain::{
    customer::{Group, GroupName},
    id::GroupId,
    identity::{Need, Permission, Place},
};
use tillstream_store::customer;
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
    page::{Page, PageQuery},
    parameters::{Id, Params},
    problem::{Problem, ProblemDetails},
    seen::{MaybeSeen, Seen},
};

/// A group with its version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedGroup {
    /// Which.
    id: GroupId,
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    name: GroupName,
    /// Counts its changes from 1; what `If-Match` asks for, in quotes.
    version: u32,
    /// Whether it counts no more.
    ended: bool,
}

impl From<Group> for ListedGroup {
    fn from(group: Group) -> Self {
        let Group { id, name, version, ended } = group;
        Self { id, name, version, ended }
    }
}

/// What a group is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GroupToName {
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    name: GroupName,
}

/// The merchant's groups of customers, those that have ended too.
#[utoipa::path(
    get,
    operation_id = "list_customer_groups",
    path = "/v1/customer-groups",
    tag = "customers",
    extensions(("x-permission" = json!("customers.read")), ("x-place" = json!("anywhere"))),
    params(PageQuery
    ),
    responses(
        (status = 200, description = "One page of groups, by id", body = Page<ListedGroup>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<ListedGroup>>, Problem> {
    caller.may(Need::new(Permission::ReadCustomers, Place::Anywhere))?;
    let limit = page.limit()?;
    let after = page.after.as_deref().map(Uuid::try_parse).transpose();
    let after = after.map_err(|_| Problem::BadParameter("after must be `next` of the page before".to_owned()))?;
    let (merchant, after) = (caller.merchant(), after.map(GroupId::new));
    let rows = edge.read(merchant, async |conn| customer::groups(conn, merchant, after, limit + 1).await).await?;
    Ok(Json(Page::of(rows, limit, |group| group.id.to_string(), ListedGroup::from)))
}

/// Adds a group, or names the one with its id anew, which then needs `If-Match`. One that has ended counts again.
#[utoipa::path(
    put,
    operation_id = "put_customer_group",
    path = "/v1/customer-groups/{id}",
    tag = "customers",
    extensions(("x-permission" = json!("customers.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = Uuid, Path, description = "The group's id, which the client chooses"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = Option<String>, Header, description = "The version that is replaced; of a new group left out"),
    ),
    request_body(content = GroupToName, example = json!({"name": "Regulars"})),
    responses(
        (status = 200, description = "It is in place", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn put(
    request: Request,
    Id(group): Id<GroupId>,
    MaybeSeen(version): MaybeSeen,
    Strict(GroupToName { name }): Strict<GroupToName>,
) -> Result<Response, Problem> {
    change(&request, Command::PutGroup(GroupToPut { group, name, version })).await
}

/// Lets a group count no more: who is in it gets no prices by it.
#[utoipa::path(
    delete,
    operation_id = "end_customer_group",
    path = "/v1/customer-groups/{id}",
    tag = "customers",
    extensions(("x-permission" = json!("customers.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    responses(
        (status = 200, description = "It has ended", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn end(request: Request, Id(group): Id<GroupId>, Seen(version): Seen) -> Result<Response, Problem> {
    change(&request, Command::EndGroup(GroupToEnd { group, version })).await
}

async fn change(request: &Request, command: Command) -> Result<Response, Problem> {
    Ok(match request.decide(command).await? {
        Some(Event::GroupChanged(changed)) => shown(StatusCode::OK, changed.version, &changed),
        _ => accepted(request.id),
    })
}
