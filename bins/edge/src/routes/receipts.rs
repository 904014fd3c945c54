//! Receipts.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use tillstream_contract::receipt::Receipt;
use tillstream_domain::{
    id::SaleId,
    identity::Permission,
    receipt::{Content, WIDTH, text},
};
use tillstream_store::{receipt, sale};
use tracing::error;

use crate::{
    Edge,
    caller::Caller,
    parameters::Id,
    problem::{Problem, ProblemDetails},
};

/// The receipt of a sale: signed content as JSON, or, with `Accept: text/plain`, as it is printed.
#[utoipa::path(
    get,
    operation_id = "show_receipt",
    path = "/v1/sales/{id}/receipt",
    tag = "sales",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = Uuid, Path), ("Accept" = Option<String>, Header, description = "`application/json` or `text/plain`")),
    responses(
        (status = 200, description = "The receipt", content((Receipt = "application/json"), (String = "text/plain"))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such sale, or its receipt is not issued yet", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<SaleId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let merchant = caller.merchant();
    let reach = caller.reach(Permission::ReadSales)?;
    let (sale, receipt) = edge
        .read(merchant, async |conn| {
            Ok((sale::find(conn, merchant, id).await?, receipt::find(conn, merchant, id).await?))
        })
        .await?;
    sale.filter(|sale| reach.contains(sale.store)).ok_or(Problem::NotFound("sale"))?;
    let receipt = receipt.ok_or(Problem::NotYet("receipt"))?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !accept.contains("text/plain") {
        return Ok(Json(receipt).into_response());
    }
    match Content::parse(&receipt.content) {
        Ok(content) => Ok(text(&content, &receipt.hash, receipt.key, WIDTH).into_response()),
        Err(failure) => {
            error!(error = %failure, sale = %id, "a stored receipt cannot be read");
            Err(Problem::Internal)
        }
    }
}
