//! The merchant.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use tillstream_contract::identity::{Changed, Command, MerchantChange};
use tillstream_domain::{
    id::MerchantId,
    identity::{self, Need, Permission, Place, PlaceName},
    money::Currency,
    tax::TaxRules,
};
use tillstream_store::identity::people;
use utoipa::ToSchema;

use super::changes::{Refused, Request, shown};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    problem::{Problem, ProblemDetails},
    seen::Seen,
};

/// The merchant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MerchantDetails {
    /// Its id.
    id: MerchantId,
    /// Its name, as receipts show it.
    name: String,
    /// In which it sells.
    currency: Currency,
    /// How it reckons tax.
    rules: TaxRules,
    /// Counts its changes from 1; the `ETag`.
    version: u32,
}

/// What to change of the merchant. Currency and tax rules are the base of its books, and stay.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MerchantToChange {
    /// Its name, as receipts show it from now on.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    name: PlaceName,
}

/// The caller's merchant.
#[utoipa::path(
    get,
    operation_id = "show_merchant",
    path = "/v1/merchant",
    tag = "identity",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The merchant", body = MerchantDetails, headers(("ETag" = String))),
        (status = 404, description = "There is no such merchant", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(State(edge): State<Edge>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let merchant = caller.merchant();
    let found = edge.read(merchant, async |conn| people::merchant(conn, merchant).await).await?;
    let identity::Merchant { id, name, currency, rules, version } = found.ok_or(Problem::NotFound("merchant"))?;
    Ok(shown(StatusCode::OK, version, &MerchantDetails { id, name, currency, rules, version }))
}

/// Gives the merchant another name. Receipts that were issued keep the old one.
#[utoipa::path(
    patch,
    operation_id = "change_merchant",
    path = "/v1/merchant",
    tag = "identity",
    extensions(("x-permission" = json!("merchant.manage")), ("x-place" = json!("merchant"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    request_body = MerchantToChange,
    responses(
        (status = 200, description = "The merchant is changed", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn change(
    request: Request,
    Seen(version): Seen,
    Strict(change): Strict<MerchantToChange>,
) -> Result<Response, Problem> {
    request.change(Command::ChangeMerchant(MerchantChange { version, name: change.name })).await
}
