//! Price lists and promotions.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    identity::Changed,
    price::{MAX_PRICES, NewPrice, NewPrices, PriceListToPut, PromotionToPut, ToEnd},
    sale::{Command, Event},
};
use tillstream_domain::{
    id::{PriceListId, PromotionId},
    identity::{Need, Permission, Place},
    pricing::{PriceList, Promotion},
};
use tillstream_store::price::{self, Versioned};
use utoipa::ToSchema;

use super::{
    accepted,
    changes::{Refused, Request, shown},
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    page::Page,
    parameters::Id,
    problem::{Problem, ProblemDetails},
    seen::{MaybeSeen, Seen},
};

/// A promotion with its version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedPromotion {
    /// The promotion.
    promotion: Promotion,
    /// Counts its changes from 1; what `If-Match` asks for, in quotes.
    version: u32,
    /// Whether it applies no more.
    ended: bool,
}

/// A price list with its version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedPriceList {
    /// The list.
    list: PriceList,
    /// Counts its changes from 1; what `If-Match` asks for, in quotes.
    version: u32,
    /// Whether it applies no more.
    ended: bool,
}

/// The merchant's promotions, those that have ended too.
#[utoipa::path(
    get,
    operation_id = "list_promotions",
    path = "/v1/promotions",
    tag = "prices",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The promotions, by id", body = Page<ListedPromotion>),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn promotions(
    State(edge): State<Edge>,
    caller: Caller,
) -> Result<Json<Page<ListedPromotion>>, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let merchant = caller.merchant();
    let rows = edge.read(merchant, async |conn| price::promotions(conn, merchant).await).await?;
    let listed = |Versioned { what, version, ended }| ListedPromotion { promotion: what, version, ended };
    Ok(Json(Page { items: rows.into_iter().map(listed).collect(), next: None }))
}

/// Adds a promotion, or puts it in the place of the one with its id, which then needs `If-Match`.
///
/// It applies to what is priced from now on. A till that has quoted a basket before sends what it charged.
#[utoipa::path(
    put,
    operation_id = "put_promotion",
    path = "/v1/promotions/{id}",
    tag = "prices",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
    params(
        ("id" = Uuid, Path, description = "The promotion's id, which the client chooses"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = Option<String>, Header, description = "The version that is replaced; of a new promotion left out"),
    ),
    request_body(content = Promotion, example = json!({
        "id": "cafe0000-0000-8000-8005-000000000001",
        "name": "Three espressos for two",
        "scope": {"products": ["cafe0000-0000-8000-8003-000000000001"]},
        "effect": {"buy_get": {"buy": 2, "get": 1, "percent": "100"}},
    })),
    responses(
        (status = 200, description = "It is in place", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn put_promotion(
    request: Request,
    Id(id): Id<PromotionId>,
    MaybeSeen(version): MaybeSeen,
    Strict(promotion): Strict<Promotion>,
) -> Result<Response, Problem> {
    if promotion.id != id {
        return Err(Problem::BadParameter("the id in the body must be that of the path".to_owned()));
    }
    change(&request, Command::PutPromotion(PromotionToPut { promotion, version })).await
}

/// Lets a promotion apply no more.
#[utoipa::path(
    delete,
    operation_id = "end_promotion",
    path = "/v1/promotions/{id}",
    tag = "prices",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
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
pub(crate) async fn end_promotion(
    request: Request,
    Id(id): Id<PromotionId>,
    Seen(version): Seen,
) -> Result<Response, Problem> {
    change(&request, Command::EndPromotion(ToEnd { id: id.uuid(), version })).await
}

/// The merchant's price lists, those that have ended too.
#[utoipa::path(
    get,
    operation_id = "list_price_lists",
    path = "/v1/price-lists",
    tag = "prices",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The price lists, by id", body = Page<ListedPriceList>),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn lists(State(edge): State<Edge>, caller: Caller) -> Result<Json<Page<ListedPriceList>>, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let merchant = caller.merchant();
    let rows = edge.read(merchant, async |conn| price::price_lists(conn, merchant).await).await?;
    let listed = |Versioned { what, version, ended }| ListedPriceList { list: what, version, ended };
    Ok(Json(Page { items: rows.into_iter().map(listed).collect(), next: None }))
}

/// Adds a price list, or puts it in the place of the one with its id, which then needs `If-Match`. Its prices are set apart.
#[utoipa::path(
    put,
    operation_id = "put_price_list",
    path = "/v1/price-lists/{id}",
    tag = "prices",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
    params(
        ("id" = Uuid, Path, description = "The list's id, which the client chooses"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = Option<String>, Header, description = "The version that is replaced; of a new list left out"),
    ),
    request_body(content = PriceList, example = json!({
        "id": "cafe0000-0000-8000-8006-000000000001",
        "name": "Summer prices",
        "from": "2027-06-01",
        "until": "2027-08-31",
    })),
    responses(
        (status = 200, description = "It is in place", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn put_list(
    request: Request,
    Id(id): Id<PriceListId>,
    MaybeSeen(version): MaybeSeen,
    Strict(list): Strict<PriceList>,
) -> Result<Response, Problem> {
    if list.id != id {
        return Err(Problem::BadParameter("the id in the body must be that of the path".to_owned()));
    }
    change(&request, Command::PutPriceList(PriceListToPut { list, version })).await
}

/// Lets a price list apply no more.
#[utoipa::path(
    delete,
    operation_id = "end_price_list",
    path = "/v1/price-lists/{id}",
    tag = "prices",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
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
pub(crate) async fn end_list(
    request: Request,
    Id(id): Id<PriceListId>,
    Seen(version): Seen,
) -> Result<Response, Problem> {
    change(&request, Command::EndPriceList(ToEnd { id: id.uuid(), version })).await
}

/// What a list asks for products.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PricesToSet {
    /// The prices: 1 to 1,000. Others of the list stay as they are.
    #[schema(min_items = 1, max_items = 1000)]
    prices: Vec<NewPrice>,
}

/// Sets what a list asks for products, from a quantity on.
#[utoipa::path(
    post,
    operation_id = "set_prices",
    path = "/v1/price-lists/{id}/prices",
    tag = "prices",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
    params(
        ("id" = Uuid, Path, description = "The list"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = PricesToSet, example = json!({
        "prices": [{"product": "cafe0000-0000-8000-8003-000000000001", "unit_price": 199}],
    })),
    responses(
        (status = 200, description = "They are set", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn set_prices(
    request: Request,
    Id(list): Id<PriceListId>,
    Strict(PricesToSet { prices }): Strict<PricesToSet>,
) -> Result<Response, Problem> {
    if !(1..=MAX_PRICES).contains(&prices.len()) {
        return Err(Problem::BadParameter(format!("there must be 1 to {MAX_PRICES} prices")));
    }
    change(&request, Command::SetPrices(NewPrices { list, prices })).await
}

async fn change(request: &Request, command: Command) -> Result<Response, Problem> {
    Ok(match request.decide(command).await? {
        Some(Event::PromotionChanged(changed) | Event::PriceListChanged(changed)) => {
            shown(StatusCode::OK, changed.version, &changed)
        }
        _ => accepted(request.id),
    })
}
