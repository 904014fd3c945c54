//! Stock.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    Message,
    stock::{Command, Event, Moved, NewAdjustment},
};
use tillstream_domain::{
    id::{ProductId, StoreId},
    identity::{Need, Permission, Place},
    stock::Level as OnHand,
};
use tillstream_store::{catalog, stock};
use tracing::error;
use utoipa::{IntoParams, ToSchema};

use super::{accepted, created, deadline, trace};
use crate::{
    Edge,
    body::{Key, Strict},
    caller::Caller,
    commands::{NewCommand, Submitted, fingerprint},
    page::{Page, PageQuery},
    parameters::Params,
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
};

/// Which levels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LevelsQuery {
    /// The store.
    store: StoreId,
    /// This product alone.
    product: Option<ProductId>,
}

/// A product's level in a store.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Level {
    /// The product.
    product: ProductId,
    /// Its stock-keeping unit code.
    sku: String,
    /// Its name.
    name: String,
    /// Units there; below zero when more was sold than was known to be there.
    on_hand: OnHand,
}

/// Stock levels of a store, by SKU.
#[utoipa::path(
    get,
    operation_id = "list_stock_levels",
    path = "/v1/stock/levels",
    tag = "stock",
    extensions(("x-permission" = json!("stock.read")), ("x-place" = json!("store"))),
    params(LevelsQuery, PageQuery),
    responses(
        (status = 200, description = "One page of levels", body = Page<Level>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn levels(
    State(edge): State<Edge>,
    caller: Caller,
    Params(LevelsQuery { store, product }): Params<LevelsQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Level>>, Problem> {
    let merchant = caller.merchant();
    caller.may(Need::new(Permission::ReadStock, Place::Store(store)))?;
    let limit = page.limit()?;
    let rows = edge
        .read(merchant, async |conn| {
            if !catalog::has_store(conn, merchant, store).await? {
                return Ok(None);
            }
            stock::levels(conn, merchant, store, product, page.after.as_deref(), limit + 1).await.map(Some)
        })
        .await?
        .ok_or(Problem::NotFound("store"))?;
    Ok(Json(Page::of(rows, limit, |row| row.sku.clone(), Level::from)))
}

impl From<stock::Level> for Level {
    fn from(level: stock::Level) -> Self {
        let stock::Level { product, sku, name, on_hand } = level;
        Self { product, sku, name, on_hand }
    }
}

/// Adjusts stock by hand.
///
/// Its id is the `Idempotency-Key`; repeating and waiting are as for sales.
#[utoipa::path(
    post,
    operation_id = "adjust_stock",
    path = "/v1/stock/adjustments",
    tag = "stock",
    extensions(("x-permission" = json!("stock.adjust")), ("x-place" = json!("store"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new adjustment; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = NewAdjustment, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "reason": "received",
        "lines": [{"product": "cafe0000-0000-8000-8003-000000000001", "delta": "24"}],
    })),
    responses(
        (status = 201, description = "The levels moved", body = Moved, headers(("Location" = String))),
        (status = 202, description = "The adjustment is durable and will be decided", body = super::Accepted, headers(("Location" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The adjustment is refused, or the key was used for another request", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be accepted now; send it again with the same key", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn adjust(
    State(edge): State<Edge>,
    caller: Caller,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
    Strict(new): Strict<NewAdjustment>,
) -> Result<Response, Problem> {
    let at = edge.0.clock.now();
    new.check(id, at)?;
    let command = Command::Adjust(new);
    let Command::Adjust(new) = &command;
    let fingerprint = fingerprint(command.kind(), new)?;
    let command = NewCommand { id, message: command, fingerprint, trace: trace(&headers), at };
    // Stock has no receipt to wait for.
    let prefer = Prefer { until: tillstream_contract::Stage::Recorded, ..prefer };
    match edge.0.commands.submit(&caller, command, prefer, deadline(&edge, prefer)).await? {
        Submitted::Pending => Ok(accepted(id)),
        Submitted::Done(event) => match event.open() {
            Ok(Event::Moved(moved)) => Ok(created(&format!("/v1/commands/{id}"), &moved).into_response()),
            Err(failure) => {
                error!(error = %failure, %id, "the worker's answer cannot be read; answering 202");
                Ok(accepted(id))
            }
        },
    }
}
