//! Sales.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tillstream_contract::sale::{Command, Event, NewSale, Sale};
use tillstream_domain::{
    id::{SaleId, StoreId},
    identity::{Need, Permission, Place},
    time::Timestamp,
};
use tillstream_store::{catalog, sale};
use tracing::error;
use utoipa::IntoParams;

use super::{accepted, created, deadline, document, trace};
use crate::{
    Edge,
    body::{Key, Strict},
    caller::Caller,
    commands::{NewCommand, Submitted, fingerprint},
    page::{Page, PageQuery},
    parameters::{Id, Params},
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
};

/// Records a sale.
///
/// Its id is the `Idempotency-Key`. The same request sent again has the first answer; it takes effect once, however often
/// and whenever it is sent. By default the answer is 201 once the sale is recorded; when that takes longer than
/// `Prefer: wait` (5 seconds if left out), or at once with `Prefer: respond-async`, it is 202: the sale is durable and
/// will be decided. With `Prefer: until=receipt` the answer waits for the receipt too.
#[utoipa::path(
    post,
    operation_id = "submit_sale",
    path = "/v1/sales",
    tag = "sales",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new sale; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`, `until=receipt`", example = "wait=10, until=receipt"),
    ),
    request_body(content = NewSale, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "currency": "EUR",
        "lines": [{"product": "cafe0000-0000-8000-8003-000000000001", "quantity": "2"}],
        "payments": [{"method": "cash", "tendered": 1000}],
    })),
    responses(
        (status = 201, description = "The sale is recorded", body = Sale, headers(("Location" = String))),
        (status = 202, description = "The sale is durable and will be decided", body = super::Accepted, headers(("Location" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The sale is refused, or the key was used for another request", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The sale cannot be accepted now; send it again with the same key", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn submit(
    State(edge): State<Edge>,
    caller: Caller,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
    Strict(new): Strict<NewSale>,
) -> Result<Response, Problem> {
    let at = edge.0.clock.now();
    new.check(id, at)?;
    let fingerprint = fingerprint("sale.submit.v1", &new)?;
    let command = NewCommand { id, message: Command::Submit(new), fingerprint, trace: trace(&headers), at };
    match edge.0.commands.submit(&caller, command, prefer, deadline(&edge, prefer)).await? {
        Submitted::Pending => Ok(accepted(id)),
        Submitted::Done(event) => match event.open() {
            Ok(Event::Recorded(recorded)) => Ok(created(&format!("/v1/sales/{id}"), &recorded.sale)),
            Ok(_) => {
                error!(%id, "the worker's answer is of another command; answering 202");
                Ok(accepted(id))
            }
            Err(failure) => {
                error!(error = %failure, %id, "the worker's answer cannot be read; answering 202");
                Ok(accepted(id))
            }
        },
    }
}

/// A sale, as it was recorded.
#[utoipa::path(
    get,
    operation_id = "show_sale",
    path = "/v1/sales/{id}",
    tag = "sales",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The sale", body = Sale),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such sale", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(State(edge): State<Edge>, caller: Caller, Id(id): Id<SaleId>) -> Result<Response, Problem> {
    let merchant = caller.merchant();
    let reach = caller.reach(Permission::ReadSales)?;
    let found = edge.read(merchant, async |conn| sale::find(conn, merchant, id).await).await?;
    let found = found.filter(|sale| reach.contains(sale.store));
    found.map(|sale| document(sale.document)).ok_or(Problem::NotFound("sale"))
}

/// Which sales.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SalesQuery {
    /// Those of this store alone.
    store: Option<StoreId>,
}

/// Sales, newest first.
#[utoipa::path(
    get,
    operation_id = "list_sales",
    path = "/v1/sales",
    tag = "sales",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("store"))),
    params(SalesQuery, PageQuery),
    responses(
        (status = 200, description = "One page of sales, newest first", body = Page<Sale>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(SalesQuery { store }): Params<SalesQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let merchant = caller.merchant();
    if let Some(store) = store {
        caller.may(Need::new(Permission::ReadSales, Place::Store(store)))?;
    }
    let reach = caller.reach(Permission::ReadSales)?;
    let limit = page.limit()?;
    let before = page.after.as_deref().map(cursor).transpose()?;
    let rows = edge
        .read(merchant, async |conn| {
            if let Some(store) = store
                && !catalog::has_store(conn, merchant, store).await?
            {
                return Ok(None);
            }
            sale::page(conn, merchant, store, reach.stores(), before, limit + 1).await.map(Some)
        })
        .await?
        .ok_or(Problem::NotFound("store"))?;
    paged(rows, limit)
}

/// A page of what was asked for with `limit + 1`.
pub(super) fn paged(rows: Vec<sale::Row>, limit: i64) -> Result<Response, Problem> {
    let page = Page::of(
        rows,
        limit,
        |row| format!("{}_{}", row.cursor.0.micros(), row.cursor.1),
        |row| serde_json::value::RawValue::from_string(row.document),
    );
    let items: Result<Vec<_>, _> = page.items.into_iter().collect();
    let items = items.map_err(|failure| {
        error!(error = %failure, "a stored sale is not JSON");
        Problem::Internal
    })?;
    Ok(axum::Json(Page { items, next: page.next }).into_response())
}

/// Where a page begins.
pub(super) fn cursor(text: &str) -> Result<sale::Cursor, Problem> {
    let parse = || {
        let (at, id) = text.split_once('_')?;
        Some((Timestamp::from_micros(at.parse().ok()?).ok()?, id.parse().ok()?))
    };
    parse().ok_or_else(|| Problem::BadParameter("after must be `next` of the page before".to_owned()))
}
