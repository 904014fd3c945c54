//! Card payments at terminals.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tillstream_contract::{
    card_payment::{CardPayment, CardPaymentCancel, NewCardPayment},
    sale::{Command, Event},
};
use tillstream_domain::{
    card_payment::State as Stage,
    id::{CardPaymentId, StoreId},
    identity::{Need, Permission, Place, Reach},
    time::Timestamp,
};
use tillstream_store::{
    card_payment::{self, Filter},
    catalog,
};
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

/// Has a terminal take money from a card. The payment's id is the `Idempotency-Key`.
///
/// It is answered as soon as the payment is in the books, as `started`; what becomes of it `GET /v1/card-payments/{id}` tells,
/// and the event `sale.card_payment_changed.v1`. Once it is `approved`, a sale names it in its payment by card. While it is
/// `unknown` the provider does not answer: it is asked until it does. Do not charge the customer again until then.
#[utoipa::path(
    post,
    operation_id = "start_card_payment",
    path = "/v1/card-payments",
    tag = "card payments",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new payment; the same one to repeat the request"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = NewCardPayment, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "terminal": "T1",
        "amount": 440,
        "currency": "EUR",
    })),
    responses(
        (status = 201, description = "The payment is started", body = CardPayment, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn start(request: Request, Strict(new): Strict<NewCardPayment>) -> Result<Response, Problem> {
    let Some(Event::CardPaymentChanged(changed)) = request.decide(Command::StartCardPayment(new)).await? else {
        return Ok(accepted(request.id));
    };
    Ok(created(&format!("/v1/card-payments/{}", request.id), &changed.payment))
}

/// A card payment as it stands.
#[utoipa::path(
    get,
    operation_id = "show_card_payment",
    path = "/v1/card-payments/{id}",
    tag = "card payments",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path, description = "The card payment")),
    responses(
        (status = 200, description = "The card payment", body = CardPayment),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such card payment", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<CardPaymentId>,
) -> Result<Json<CardPayment>, Problem> {
    let reach = caller.reach(Permission::ReadSales)?;
    let merchant = caller.merchant();
    let found = edge.read(merchant, async |conn| card_payment::find(conn, merchant, id).await).await?;
    let found = found.filter(|payment| reach.contains(payment.order.store));
    found.map(|payment| Json(CardPayment::from(&payment))).ok_or(Problem::NotFound("card payment"))
}

/// Which card payments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CardPaymentQuery {
    /// Of this store; of all that the caller may see, if left out.
    store: Option<StoreId>,
    /// In this state.
    #[param(inline)]
    state: Option<Stage>,
    /// Only those that somebody should look at: there is money without a sale, or a sale without that money.
    unmatched: Option<bool>,
}

/// Card payments, the newest first. With `unmatched` it is the list by which money and sales are reconciled.
#[utoipa::path(
    get,
    operation_id = "list_card_payments",
    path = "/v1/card-payments",
    tag = "card payments",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("store"))),
    params(CardPaymentQuery, PageQuery),
    responses(
        (status = 200, description = "One page of card payments, the newest first", body = Page<CardPayment>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(query): Params<CardPaymentQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<CardPayment>>, Problem> {
    let merchant = caller.merchant();
    let CardPaymentQuery { store, state, unmatched } = query;
    if let Some(store) = store {
        caller.may(Need::new(Permission::ReadSales, Place::Store(store)))?;
    }
    let reach = store.map_or(caller.reach(Permission::ReadSales)?, |store| Reach::Stores([store].into()));
    let limit = page.limit()?;
    let before = page.after.as_deref().map(cursor).transpose()?;
    let filter = Filter { within: reach.stores().cloned(), state, unmatched: unmatched.unwrap_or(false) };
    let rows = edge
        .read(merchant, async |conn| {
            if let Some(store) = store
                && !catalog::has_store(conn, merchant, store).await?
            {
                return Ok(None);
            }
            card_payment::page(conn, merchant, &filter, before, limit + 1).await.map(Some)
        })
        .await?
        .ok_or(Problem::NotFound("store"))?;
    let place = |payment: &tillstream_domain::card_payment::CardPayment| {
        format!("{}_{}", payment.started_at.micros(), payment.id)
    };
    Ok(Json(Page::of(rows, limit, place, |payment| CardPayment::from(&payment))))
}

fn cursor(text: &str) -> Result<(Timestamp, CardPaymentId), Problem> {
    let parse = || {
        let (at, id) = text.split_once('_')?;
        Some((Timestamp::from_micros(at.parse().ok()?).ok()?, id.parse().ok()?))
    };
    parse().ok_or_else(|| Problem::BadParameter("after must be `next` of the page before".to_owned()))
}

/// How a card payment is undone.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CancelToMake {
    /// Where it was started.
    store: StoreId,
    /// Whether money that was taken is to be given back; it needs the permission `sales.void` or an approval.
    #[serde(default)]
    refund: bool,
}

/// Undoes a card payment that no sale counts on: before money is taken, or after it with `refund`.
///
/// A cancellation that comes too late for the terminal gives back what was taken. Until all of that is done the payment is
/// `cancelling`. One that is over and has no money stays as it is.
#[utoipa::path(
    post,
    operation_id = "cancel_card_payment",
    path = "/v1/card-payments/{id}/cancel",
    tag = "card payments",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("store"))),
    params(
        ("id" = Uuid, Path, description = "The card payment"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = CancelToMake, example = json!({"store": "cafe0000-0000-8000-8001-000000000001"})),
    responses(
        (status = 200, description = "The card payment as it stands since", body = CardPayment),
        Refused,
    ),
)]
pub(crate) async fn cancel(
    request: Request,
    Id(payment): Id<CardPaymentId>,
    Strict(CancelToMake { store, refund }): Strict<CancelToMake>,
) -> Result<Response, Problem> {
    let cancel = CardPaymentCancel { payment, store, refund };
    let Some(Event::CardPaymentChanged(changed)) = request.decide(Command::CancelCardPayment(cancel)).await? else {
        return Ok(accepted(request.id));
    };
    Ok((StatusCode::OK, Json(changed.payment)).into_response())
}
