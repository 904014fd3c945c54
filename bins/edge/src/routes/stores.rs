//! Stores.

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use tillstream_contract::identity::{Changed, Command, NewStore, StoreChange};
use tillstream_domain::{
    id::StoreId,
    identity::{self, Need, Permission, Place, PlaceName, TimeZone},
};
use tillstream_store::identity::people;
use utoipa::ToSchema;

use super::changes::{Refused, Request};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    page::Page,
    parameters::Id,
    problem::{Problem, ProblemDetails},
    seen::Seen,
};

/// A store.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Branch {
    /// Its id.
    id: StoreId,
    /// Its name, as receipts show it.
    name: String,
    /// The time zone of its clock, by its name in the IANA database.
    #[schema(example = "Europe/Zurich")]
    time_zone: String,
    /// Counts its changes from 1; what `If-Match` asks for, in quotes.
    version: u32,
}

/// A store to add, or what to change of one.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StoreToSet {
    /// Its name, as receipts show it from now on, which no other store of the merchant has.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    name: PlaceName,
    /// The time zone of its clock, by its name in the IANA database: reports and promotions by the hour go by it. What it has,
    /// if left out; a new store has UTC.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64, example = "Europe/Zurich")]
    time_zone: Option<TimeZone>,
}

/// The merchant's stores.
#[utoipa::path(
    get,
    operation_id = "list_stores",
    path = "/v1/stores",
    tag = "identity",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The stores", body = Page<Branch>),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(edge): State<Edge>, caller: Caller) -> Result<Json<Page<Branch>>, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let merchant = caller.merchant();
    let rows = edge.read(merchant, async |conn| people::stores(conn, merchant).await).await?;
    let branch = |identity::Store { id, name, time_zone, version }| Branch { id, name, time_zone, version };
    Ok(Json(Page { items: rows.into_iter().map(branch).collect(), next: None }))
}

/// Adds a store. Its id is the `Idempotency-Key`.
#[utoipa::path(
    post,
    operation_id = "add_store",
    path = "/v1/stores",
    tag = "identity",
    extensions(("x-permission" = json!("stores.manage")), ("x-place" = json!("merchant"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body = StoreToSet,
    responses(
        (status = 201, description = "The store is added", body = Changed, headers(("Location" = String), ("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn add(request: Request, Strict(new): Strict<StoreToSet>) -> Result<Response, Problem> {
    let StoreToSet { name, time_zone } = new;
    request.add(Command::AddStore(NewStore { name, time_zone }), "/v1/stores").await
}

/// Gives a store another name, and another time zone if one is named. Receipts that were issued keep the old name, and what
/// was sold stays in the hours in which it was counted.
#[utoipa::path(
    patch,
    operation_id = "change_store",
    path = "/v1/stores/{id}",
    tag = "identity",
    extensions(("x-permission" = json!("stores.manage")), ("x-place" = json!("store"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    request_body = StoreToSet,
    responses(
        (status = 200, description = "The store is changed", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn change(
    request: Request,
    Id(id): Id<StoreId>,
    Seen(version): Seen,
    Strict(change): Strict<StoreToSet>,
) -> Result<Response, Problem> {
    let StoreToSet { name, time_zone } = change;
    request.change(Command::ChangeStore(StoreChange { store: id, version, name, time_zone })).await
}
