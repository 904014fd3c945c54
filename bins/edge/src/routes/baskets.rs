//! Parked baskets.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    basket::{BasketChanged, BasketTarget, Draft, NewBasket},
    sale::{Command, Event},
};
use tillstream_domain::{
    basket::{Basket, Mark, Name, Status},
    id::{BasketId, RegisterId, StoreId},
    identity::{Need, Permission, Place},
    time::Timestamp,
};
use tillstream_store::{
    basket::{self, Listed, Which},
    catalog,
};
use tracing::error;
use utoipa::{IntoParams, ToSchema};

use super::{
    accepted,
    changes::{Refused, Request},
    created,
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    page::{Page, PageQuery},
    parameters::{Id, Params},
    problem::{Problem, ProblemDetails},
};

/// Parks a basket under a name, so that any till of the store can go on with it. Its id is the `Idempotency-Key`.
///
/// It is not priced: it costs what it costs when it is sold. Nobody gets it once it has expired. To park again what was
/// taken, park it as a new basket.
#[utoipa::path(
    post,
    operation_id = "park_basket",
    path = "/v1/baskets",
    tag = "baskets",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = NewBasket, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "name": "Table 4",
        "draft": {
            "currency": "EUR",
            "lines": [{"product": "cafe0000-0000-8000-8003-000000000001", "quantity": "2"}],
        },
    })),
    responses(
        (status = 201, description = "The basket is parked", body = BasketChanged, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn park(request: Request, Strict(new): Strict<NewBasket>) -> Result<Response, Problem> {
    let Some(Event::BasketParked(parked)) = request.decide(Command::ParkBasket(new)).await? else {
        return Ok(accepted(request.id));
    };
    Ok(created(&format!("/v1/baskets/{}", request.id), &parked))
}

/// Which baskets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BasketsQuery {
    /// Those of this store.
    store: StoreId,
    /// Those of which this became; those that are parked and have not expired, if left out.
    #[param(inline)]
    status: Option<Status>,
}

/// A basket of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParkedBasket {
    /// Its id.
    id: BasketId,
    /// In which store.
    store: StoreId,
    /// What people find it by.
    #[schema(value_type = String)]
    name: Name,
    /// What became of it.
    status: Status,
    /// How many lines it has.
    lines: u32,
    /// Who parked it.
    parked: Mark,
    /// From when on nobody gets it.
    expires_at: Timestamp,
    /// Who took it or threw it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Mark>,
}

impl From<Listed> for ParkedBasket {
    fn from(Listed { basket, name, lines }: Listed) -> Self {
        let Basket { id, store, parked, expires_at, status, ended } = basket;
        Self { id, store, name, status, lines, parked, expires_at, ended }
    }
}

/// The baskets of a store, the last parked first, without those that have expired. One that was taken or thrown away is
/// remembered for a day.
#[utoipa::path(
    get,
    operation_id = "list_baskets",
    path = "/v1/baskets",
    tag = "baskets",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("store"))),
    params(BasketsQuery, PageQuery),
    responses(
        (status = 200, description = "One page of baskets, the last parked first", body = Page<ParkedBasket>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(BasketsQuery { store, status }): Params<BasketsQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<ParkedBasket>>, Problem> {
    caller.may(Need::new(Permission::Sell, Place::Store(store)))?;
    let merchant = caller.merchant();
    let limit = page.limit()?;
    let before = page.after.as_deref().map(cursor).transpose()?;
    let which = Which { store, status: status.unwrap_or_default(), now: edge.0.clock.now() };
    let rows = edge
        .read(merchant, async |conn| {
            if !catalog::has_store(conn, merchant, store).await? {
                return Ok(None);
            }
            basket::page(conn, merchant, which, before, limit + 1).await.map(Some)
        })
        .await?
        .ok_or(Problem::NotFound("store"))?;
    let cursor = |row: &Listed| format!("{}_{}", row.basket.parked.at.micros(), row.basket.id);
    Ok(Json(Page::of(rows, limit, cursor, ParkedBasket::from)))
}

/// A basket with what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeBasket {
    #[serde(flatten)]
    basket: ParkedBasket,
    /// What is in it.
    draft: Draft,
}

/// A basket, with what is in it: with `store`, `register` and `payments` added to its `draft` it is a sale to submit.
#[utoipa::path(
    get,
    operation_id = "show_basket",
    path = "/v1/baskets/{id}",
    tag = "baskets",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path, description = "The basket")),
    responses(
        (status = 200, description = "The basket", body = WholeBasket),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such basket", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<BasketId>,
) -> Result<Json<WholeBasket>, Problem> {
    let merchant = caller.merchant();
    let reach = caller.reach(Permission::Sell)?;
    let found = edge.read(merchant, async |conn| basket::find(conn, merchant, id).await).await?;
    let found = found.filter(|(listed, _)| reach.contains(listed.basket.store));
    let (listed, draft) = found.ok_or(Problem::NotFound("basket"))?;
    let draft = serde_json::from_str(&draft).map_err(|failure| {
        error!(error = %failure, basket = %id, "a stored draft cannot be read; answering 500");
        Problem::Internal
    })?;
    Ok(Json(WholeBasket { basket: listed.into(), draft }))
}

/// The register that takes a basket or throws it away.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BasketTaker {
    /// The basket's store.
    store: StoreId,
    /// A register of that store.
    register: RegisterId,
}

/// Takes a parked basket over: of those who try at once exactly one gets it, the others are told who has it.
///
/// Read what is in it before or afterwards: it does not change.
#[utoipa::path(
    post,
    operation_id = "take_basket",
    path = "/v1/baskets/{id}/take",
    tag = "baskets",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path, description = "The basket"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = BasketTaker, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
    })),
    responses(
        (status = 200, description = "The register has the basket", body = BasketChanged),
        (status = 409, description = "Another has it", body = ProblemDetails, content_type = "application/problem+json"),
        Refused,
    ),
)]
pub(crate) async fn take(
    request: Request,
    Id(basket): Id<BasketId>,
    Strict(BasketTaker { store, register }): Strict<BasketTaker>,
) -> Result<Response, Problem> {
    let command = Command::TakeBasket(BasketTarget { basket, store, register });
    let Some(Event::BasketTaken(taken)) = request.decide(command).await? else { return Ok(accepted(request.id)) };
    Ok((StatusCode::OK, Json(taken)).into_response())
}

/// Throws a parked basket away.
#[utoipa::path(
    post,
    operation_id = "drop_basket",
    path = "/v1/baskets/{id}/drop",
    tag = "baskets",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path, description = "The basket"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = BasketTaker, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
    })),
    responses(
        (status = 200, description = "The basket is thrown away", body = BasketChanged),
        (status = 409, description = "Somebody has it", body = ProblemDetails, content_type = "application/problem+json"),
        Refused,
    ),
)]
pub(crate) async fn discard(
    request: Request,
    Id(basket): Id<BasketId>,
    Strict(BasketTaker { store, register }): Strict<BasketTaker>,
) -> Result<Response, Problem> {
    let command = Command::DropBasket(BasketTarget { basket, store, register });
    let Some(Event::BasketDropped(dropped)) = request.decide(command).await? else { return Ok(accepted(request.id)) };
    Ok((StatusCode::OK, Json(dropped)).into_response())
}

fn cursor(text: &str) -> Result<basket::Cursor, Problem> {
    let parse = || {
        let (at, id) = text.split_once('_')?;
        Some((Timestamp::from_micros(at.parse().ok()?).ok()?, id.parse().ok()?))
    };
    parse().ok_or_else(|| Problem::BadParameter("after must be `next` of the page before".to_owned()))
}
