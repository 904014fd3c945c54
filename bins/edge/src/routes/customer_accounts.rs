//! What customers owe and collect, and all that is held about one.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    account::{Account, Transferred},
    loyalty::{AccountPaid, AccountPayment, HouseAccountToPut, PointsToRedeem},
    sale::{Command, Event},
};
use tillstream_domain::{
    id::{CardPaymentId, CustomerId, RegisterId, StoreId},
    identity::{Need, Permission, Place},
    money::Amount,
    tender,
    text::Note,
    time::Timestamp,
};
use tillstream_store::{account, customer};
use utoipa::ToSchema;

use super::{
    accepted,
    changes::{Refused, Request},
    customers::Customer,
    private,
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    parameters::Id,
    problem::{Problem, ProblemDetails},
};

/// A customer's own accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accounts {
    /// What they owe (`house`), their points and their store credit, as far as they have each. `GET /v1/accounts/{id}/entries`
    /// has what changed one.
    items: Vec<Account>,
}

/// Everything that is held about a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerData {
    /// The customer.
    customer: Customer,
    /// What is on their accounts.
    accounts: Vec<Account>,
    /// How many sales name them; `GET /v1/customers/{id}/sales` has each.
    sales: i64,
}

/// How much a customer may owe.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Limit {
    /// Where it is done.
    store: StoreId,
    /// How much, in minor units: zero or more.
    limit: Amount,
}

/// What a customer pays of what they owe.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PaymentToTake {
    /// Where.
    store: StoreId,
    /// At which register: it counts in its shift.
    register: RegisterId,
    /// How much, in minor units; below zero to take back what was entered by mistake, which needs `accounts.issue` or an
    /// approval.
    amount: Amount,
    /// With what: cash, card, voucher or custom.
    tender: tender::Kind,
    /// The card payment that took it, if a terminal did that is connected.
    #[serde(default)]
    payment: Option<CardPaymentId>,
    /// When; now, if left out.
    #[serde(default)]
    paid_at: Option<Timestamp>,
    /// A remark of up to 500 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    note: Option<Note>,
}

/// Points to turn into store credit.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Points {
    /// Where it is done.
    store: StoreId,
    /// How many: above zero.
    points: Amount,
}

/// A customer's own accounts: what they owe, their points and their store credit. Of one who was merged, the survivor's.
#[utoipa::path(
    get,
    operation_id = "list_customer_accounts",
    path = "/v1/customers/{id}/accounts",
    tag = "customers",
    extensions(("x-permission" = json!("customers.read")), ("x-place" = json!("anywhere"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The accounts", body = Accounts),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<CustomerId>,
) -> Result<Json<Accounts>, Problem> {
    caller.may(Need::new(Permission::ReadCustomers, Place::Anywhere))?;
    let merchant = caller.merchant();
    let found = edge
        .read(merchant, async |conn| {
            let Some(known) = customer::survivor(conn, merchant, id).await? else { return Ok(None) };
            account::of_customer(conn, merchant, known.id).await.map(Some)
        })
        .await?;
    let now = edge.0.clock.now();
    let items = found.ok_or(Problem::NotFound("customer"))?.iter().map(|account| Account::of(account, now)).collect();
    Ok(Json(Accounts { items }))
}

/// Everything that is held about a customer. Of one who was merged, the survivor.
#[utoipa::path(
    get,
    operation_id = "export_customer",
    path = "/v1/customers/{id}/export",
    tag = "customers",
    extensions(("x-permission" = json!("customers.manage")), ("x-place" = json!("anywhere"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "What is held", body = CustomerData),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn export(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<CustomerId>,
) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ManageCustomers, Place::Anywhere))?;
    let merchant = caller.merchant();
    let found = edge
        .read(merchant, async |conn| {
            let Some(found) = customer::find(conn, merchant, id).await? else { return Ok(None) };
            let id = found.customer.id;
            let accounts = account::of_customer(conn, merchant, id).await?;
            let sales = customer::count_sales(conn, (merchant, id)).await?;
            Ok(Some((found, accounts, sales)))
        })
        .await?;
    let (found, accounts, sales) = found.ok_or(Problem::NotFound("customer"))?;
    let now = edge.0.clock.now();
    let accounts = accounts.iter().map(|account| Account::of(account, now)).collect();
    Ok(private(Json(CustomerData { customer: found.into(), accounts, sales }).into_response()))
}

/// Opens a customer's house account, or changes how much they may owe.
///
/// A sale to the customer may then be paid `on_account`. What they owe already stays, whatever the limit is.
#[utoipa::path(
    put,
    operation_id = "put_house_account",
    path = "/v1/customers/{id}/house-account",
    tag = "customers",
    extensions(("x-permission" = json!("accounts.issue")), ("x-place" = json!("store"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = Limit, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "limit": 10_000,
    })),
    responses(
        (status = 200, description = "The account as it stands since", body = Account),
        Refused,
    ),
)]
pub(crate) async fn put_house(
    request: Request,
    Id(customer): Id<CustomerId>,
    Strict(Limit { store, limit }): Strict<Limit>,
) -> Result<Response, Problem> {
    let put = HouseAccountToPut { customer, store, limit };
    let Some(Event::HouseAccountPut(changed)) = request.decide(Command::PutHouseAccount(put)).await? else {
        return Ok(accepted(request.id));
    };
    Ok((StatusCode::OK, Json(changed.account)).into_response())
}

/// Takes what a customer pays of what they owe. It counts in the register's shift, apart from what was sold.
#[utoipa::path(
    post,
    operation_id = "pay_account",
    path = "/v1/customers/{id}/payments",
    tag = "customers",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = PaymentToTake, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "amount": 2_500,
        "tender": "cash",
    })),
    responses(
        (status = 200, description = "It is taken", body = AccountPaid),
        Refused,
    ),
)]
pub(crate) async fn pay(
    request: Request,
    Id(customer): Id<CustomerId>,
    Strict(taken): Strict<PaymentToTake>,
) -> Result<Response, Problem> {
    let PaymentToTake { store, register, amount, tender, payment, paid_at, note } = taken;
    let payment = AccountPayment { customer, store, register, amount, tender, payment, paid_at, note };
    let Some(Event::AccountPaid(paid)) = request.decide(Command::PayAccount(payment)).await? else {
        return Ok(accepted(request.id));
    };
    Ok((StatusCode::OK, Json(paid)).into_response())
}

/// Turns points of a customer into store credit of theirs, by the merchant's rule: then they pay with it as with any.
#[utoipa::path(
    post,
    operation_id = "redeem_points",
    path = "/v1/customers/{id}/redemptions",
    tag = "customers",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("store"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = Points, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "points": 100,
    })),
    responses(
        (status = 200, description = "The account of points and the one of store credit as they stand since", body = Transferred),
        Refused,
    ),
)]
pub(crate) async fn redeem(
    request: Request,
    Id(customer): Id<CustomerId>,
    Strict(Points { store, points }): Strict<Points>,
) -> Result<Response, Problem> {
    let redeem = PointsToRedeem { customer, store, points };
    let Some(Event::PointsRedeemed(redeemed)) = request.decide(Command::RedeemPoints(redeem)).await? else {
        return Ok(accepted(request.id));
    };
    Ok((StatusCode::OK, Json(redeemed)).into_response())
}
