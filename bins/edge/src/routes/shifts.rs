//! Shifts and drawers.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tillstream_contract::{
    sale::{Command, Event},
    shift::{DrawerEvent, NewDrawerEvent, NewShift, ShiftClose, ShiftCount, ShiftEnd},
};
use tillstream_domain::{
    id::{RegisterId, ShiftId, StoreId},
    identity::{Need, Permission, Place, Reach},
    money::Amount,
    sale::Ticket,
    shift::{Counted, Report, Use},
    text::Note,
    time::Timestamp,
};
use tillstream_store::{
    catalog,
    shift::{self, Found, Row},
};
use tracing::error;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    accepted,
    changes::{Refused, Request},
    created, document,
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    page::{Page, PageQuery},
    parameters::{Id, Params},
    problem::{Problem, ProblemDetails},
};

/// Opens a shift at a register. Its id is the `Idempotency-Key`.
///
/// A register has one shift at a time. From then on what is sold at the register counts in it; what was sold before and in
/// no shift is in it as late. A shift is ended, counted and closed, and never opened again.
#[utoipa::path(
    post,
    operation_id = "open_shift",
    path = "/v1/shifts",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new shift; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = NewShift, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "float": [{"value": 5000, "count": 1}, {"value": 1000, "count": 5}],
    })),
    responses(
        (status = 201, description = "The shift is open", body = Report, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn open(request: Request, Strict(new): Strict<NewShift>) -> Result<Response, Problem> {
    new.check()?;
    let event = request.decide(Command::OpenShift(new)).await?;
    Ok(match event.as_ref().and_then(Event::shift) {
        Some(report) => created(&format!("/v1/shifts/{}", report.id), report),
        None => accepted(request.id),
    })
}

/// What a drawer was opened for besides a sale.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DrawerEventToEnter {
    /// The store.
    store: StoreId,
    /// The register.
    register: RegisterId,
    /// What for.
    #[serde(rename = "use")]
    what: Use,
    /// What moves, in minor units: above zero; left out for `no_sale`.
    #[serde(default)]
    amount: Amount,
    /// Why.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Note,
    /// When; now, if left out.
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// Enters that cash went into the drawer, was paid out or dropped to the safe, or that it was opened without a sale.
///
/// That is possible until the shift is closed. To open it without a sale needs `drawer.open`, the rest `sales.submit`.
#[utoipa::path(
    post,
    operation_id = "use_drawer",
    path = "/v1/shifts/{id}/drawer-events",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new entry; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = DrawerEventToEnter, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "use": "drop",
        "amount": 20000,
        "reason": "to the safe",
    })),
    responses(
        (status = 201, description = "It is entered", body = DrawerEvent, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn enter(
    request: Request,
    Id(shift): Id<ShiftId>,
    Strict(new): Strict<DrawerEventToEnter>,
) -> Result<Response, Problem> {
    let DrawerEventToEnter { store, register, what, amount, reason, occurred_at } = new;
    let new = NewDrawerEvent { store, register, shift, what, amount, reason, occurred_at };
    Ok(match request.decide(Command::UseDrawer(new)).await? {
        Some(Event::DrawerUsed(used)) => created(&format!("/v1/shifts/{shift}/drawer-events"), &used.event),
        _ => accepted(request.id),
    })
}

/// The end of a shift.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EndOfShift {
    /// The store.
    store: StoreId,
    /// The register.
    register: RegisterId,
    /// When it ended, by the clock that says when sales happen; now, if left out.
    #[serde(default)]
    ended_at: Option<Timestamp>,
}

/// Ends a shift: nobody sells on it any more. What was sold before the end and arrives until the close still counts in it,
/// what is sold afterwards in the next, as late.
#[utoipa::path(
    post,
    operation_id = "end_shift",
    path = "/v1/shifts/{id}/end",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = EndOfShift, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
    })),
    responses((status = 200, description = "The shift has ended", body = Report), Refused),
)]
pub(crate) async fn end(
    request: Request,
    Id(shift): Id<ShiftId>,
    Strict(end): Strict<EndOfShift>,
) -> Result<Response, Problem> {
    let EndOfShift { store, register, ended_at } = end;
    further(&request, Command::EndShift(ShiftEnd { store, register, shift, ended_at })).await
}

/// What was found at the end of a shift.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CountOfShift {
    /// The store.
    store: StoreId,
    /// The register.
    register: RegisterId,
    /// What there is of each tender, each once.
    #[schema(max_items = 7)]
    tenders: Vec<Counted>,
    /// When; now, if left out.
    #[serde(default)]
    counted_at: Option<Timestamp>,
}

/// Takes down what was counted at the end of a shift, and answers with what was expected.
///
/// Counting again replaces it until the close. A blind shift is counted once, because its answer tells what was expected.
#[utoipa::path(
    post,
    operation_id = "count_shift",
    path = "/v1/shifts/{id}/count",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = CountOfShift, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "tenders": [
            {"tender": "cash", "amount": [{"value": 5000, "count": 2}, {"value": 100, "count": 7}]},
            {"tender": "card", "amount": 4200},
        ],
    })),
    responses((status = 200, description = "The count is taken down", body = Report), Refused),
)]
pub(crate) async fn count(
    request: Request,
    Id(shift): Id<ShiftId>,
    Strict(count): Strict<CountOfShift>,
) -> Result<Response, Problem> {
    let CountOfShift { store, register, tenders, counted_at } = count;
    further(&request, Command::CountShift(ShiftCount { store, register, shift, tenders, counted_at })).await
}

/// The close of a shift.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CloseOfShift {
    /// The store.
    store: StoreId,
    /// The register.
    register: RegisterId,
    /// How many sales, returns, exchanges and voids the till has made in it, practice left out.
    #[serde(default)]
    documents: Option<u64>,
    /// The last ticket that the till has made in it.
    #[serde(default)]
    #[schema(inline)]
    last_ticket: Option<Ticket>,
    /// To close it although some of these have not arrived: they are late in the next.
    #[serde(default)]
    force: bool,
    /// When; now, if left out.
    #[serde(default)]
    closed_at: Option<Timestamp>,
}

/// Closes a shift that has ended, and answers with its Z report, which never changes.
///
/// Sales of a till and its close may overtake each other on their way. A till that says how many it has made, or its last
/// ticket, is refused with `sales_under_way` while some of them are missing. It sends them and closes again, with a new
/// `Idempotency-Key`; or it says `force`, and they are late in the next.
#[utoipa::path(
    post,
    operation_id = "close_shift",
    path = "/v1/shifts/{id}/close",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = CloseOfShift, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "documents": 2,
    })),
    responses((status = 200, description = "The shift is closed", body = Report), Refused),
)]
pub(crate) async fn close(
    request: Request,
    Id(shift): Id<ShiftId>,
    Strict(close): Strict<CloseOfShift>,
) -> Result<Response, Problem> {
    let CloseOfShift { store, register, documents, last_ticket, force, closed_at } = close;
    let close = ShiftClose { store, register, shift, documents, last_ticket, force, closed_at };
    further(&request, Command::CloseShift(close)).await
}

/// Has a command about a shift decided, and answers 200 with the shift.
async fn further(request: &Request, command: Command) -> Result<Response, Problem> {
    let event = request.decide(command).await?;
    Ok(match event.as_ref().and_then(Event::shift) {
        Some(report) => (StatusCode::OK, Json(report)).into_response(),
        None => accepted(request.id),
    })
}

/// A shift: its X report while it is not closed, its Z report afterwards.
#[utoipa::path(
    get,
    operation_id = "show_shift",
    path = "/v1/shifts/{id}",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The shift", body = Report),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such shift", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(State(edge): State<Edge>, caller: Caller, Id(id): Id<ShiftId>) -> Result<Response, Problem> {
    let reach = caller.reach(Permission::ReadSales)?;
    let merchant = caller.merchant();
    match edge.read(merchant, async |conn| shift::find(conn, merchant, id).await).await? {
        Some(Found::Open(report)) if reach.contains(report.spot.store) => Ok(Json(report).into_response()),
        Some(Found::Closed { store, document: text }) if reach.contains(store) => Ok(document(text)),
        _ => Err(Problem::NotFound("shift")),
    }
}

/// The shift of a register that is not closed: its X report.
#[utoipa::path(
    get,
    operation_id = "show_shift_of_register",
    path = "/v1/registers/{id}/shift",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The shift", body = Report),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such register, or it has no shift that is not closed", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn at_register(
    State(edge): State<Edge>,
    caller: Caller,
    Id(register): Id<RegisterId>,
) -> Result<Json<Report>, Problem> {
    let reach = caller.reach(Permission::ReadSales)?;
    let merchant = caller.merchant();
    let report = edge.read(merchant, async |conn| shift::at_register(conn, merchant, register).await).await?;
    report.filter(|report| reach.contains(report.spot.store)).map(Json).ok_or(Problem::NotFound("shift"))
}

/// Which shifts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShiftsQuery {
    /// Those of this store alone.
    store: Option<StoreId>,
    /// Those of this register alone.
    register: Option<RegisterId>,
}

/// Z reports: the shifts that are closed, the last closed first.
#[utoipa::path(
    get,
    operation_id = "list_shifts",
    path = "/v1/shifts",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("store"))),
    params(ShiftsQuery, PageQuery),
    responses(
        (status = 200, description = "One page of Z reports", body = Page<Report>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(ShiftsQuery { store, register }): Params<ShiftsQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let merchant = caller.merchant();
    if let Some(store) = store {
        caller.may(Need::new(Permission::ReadSales, Place::Store(store)))?;
    }
    let reach = store.map_or(caller.reach(Permission::ReadSales)?, |store| Reach::Stores([store].into()));
    let limit = page.limit()?;
    let before = page.after.as_deref().map(cursor).transpose()?.map(|(at, id)| (at, ShiftId::new(id)));
    let rows = edge
        .read(merchant, async |conn| {
            if let Some(store) = store
                && !catalog::has_store(conn, merchant, store).await?
            {
                return Ok(None);
            }
            shift::page(conn, merchant, register, reach.stores(), before, limit + 1).await.map(Some)
        })
        .await?
        .ok_or(Problem::NotFound("store"))?;
    documents(rows, limit)
}

/// What the drawer was opened for in a shift besides sales, in the order in which it was recorded.
#[utoipa::path(
    get,
    operation_id = "list_drawer_events",
    path = "/v1/shifts/{id}/drawer-events",
    tag = "shifts",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path), PageQuery),
    responses(
        (status = 200, description = "One page of it", body = Page<DrawerEvent>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such shift", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<ShiftId>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let merchant = caller.merchant();
    let reach = caller.reach(Permission::ReadSales)?;
    let limit = page.limit()?;
    let after = page.after.as_deref().map(cursor).transpose()?;
    let (found, rows) = edge
        .read(merchant, async |conn| {
            Ok((shift::find(conn, merchant, id).await?, shift::events(conn, merchant, id, after, limit + 1).await?))
        })
        .await?;
    let store = match found {
        Some(Found::Open(report)) => Some(report.spot.store),
        Some(Found::Closed { store, .. }) => Some(store),
        None => None,
    };
    store.filter(|store| reach.contains(*store)).ok_or(Problem::NotFound("shift"))?;
    documents(rows, limit)
}

/// A page of stored documents.
fn documents(rows: Vec<Row>, limit: i64) -> Result<Response, Problem> {
    let page = Page::of(
        rows,
        limit,
        |row| format!("{}_{}", row.at.micros(), row.id),
        |row| serde_json::value::RawValue::from_string(row.document),
    );
    let items: Result<Vec<_>, _> = page.items.into_iter().collect();
    let items = items.map_err(|failure| {
        error!(error = %failure, "a stored document is not JSON");
        Problem::Internal
    })?;
    Ok(Json(Page { items, next: page.next }).into_response())
}

fn cursor(text: &str) -> Result<(Timestamp, Uuid), Problem> {
    let parse = || {
        let (at, id) = text.split_once('_')?;
        Some((Timestamp::from_micros(at.parse().ok()?).ok()?, id.parse().ok()?))
    };
    parse().ok_or_else(|| Problem::BadParameter("after must be `next` of the page before".to_owned()))
}
