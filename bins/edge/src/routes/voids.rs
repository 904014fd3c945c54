//! Voids.

use axum::response::Response;
use serde::Deserialize;
use tillstream_contract::sale::{Command, Event, NewVoid, Sale};
use tillstream_domain::{
    id::{RegisterId, SaleId, StoreId},
    sale::Ticket,
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;

use super::{
    accepted,
    changes::{Refused, Request},
    created,
};
use crate::{body::Strict, parameters::Id, problem::Problem};

/// Where a sale is undone.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct VoidToMake {
    /// Where it was sold.
    store: StoreId,
    /// The register at which it was sold: it is undone there.
    register: RegisterId,
    /// The number that the till gives the void by its own counter.
    #[serde(default)]
    ticket: Option<Ticket>,
    /// When; now, if left out.
    #[serde(default)]
    voided_at: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    note: Option<Note>,
}

/// Undoes a plain sale, as long as its shift is open; of a sale in no shift, within a day.
///
/// The void is a document of its own, the mirror image of the sale: goods, money and tax go the other way. Its id is the
/// `Idempotency-Key`. Of a sale of which something has come back the rest is taken back by a return instead.
#[utoipa::path(
    post,
    operation_id = "void_sale",
    path = "/v1/sales/{id}/void",
    tag = "sales",
    extensions(("x-permission" = json!("sales.void")), ("x-place" = json!("register"))),
    params(
        ("id" = Uuid, Path, description = "The sale"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = VoidToMake, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "register": "cafe0000-0000-8000-8002-000000000001",
        "note": "rung up twice",
    })),
    responses(
        (status = 201, description = "The sale is undone: the void", body = Sale, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn void(
    request: Request,
    Id(sale): Id<SaleId>,
    Strict(VoidToMake { store, register, ticket, voided_at, note }): Strict<VoidToMake>,
) -> Result<Response, Problem> {
    let new = NewVoid { sale, store, register, ticket, voided_at, note };
    let Some(Event::Recorded(recorded)) = request.decide(Command::Void(new)).await? else {
        return Ok(accepted(request.id));
    };
    Ok(created(&format!("/v1/sales/{}", request.id), &recorded.sale))
}
