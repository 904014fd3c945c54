//! Registers.

use axum::{Json, extract::State};
use serde::Serialize;
use tillstream_contract::sale::Store;
use tillstream_domain::{
    id::RegisterId,
    identity::{Need, Permission, Place},
    sale,
};
use tillstream_store::catalog;
use utoipa::ToSchema;

use crate::{
    Edge,
    caller::Caller,
    page::Page,
    problem::{Problem, ProblemDetails},
};

/// A register.
// Not `Register` in the OpenAPI document: that is what a sale names, and has no store.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedRegister)]
pub(crate) struct Register {
    /// Its id.
    id: RegisterId,
    /// Its short code, unique in the store.
    code: String,
    /// Where it stands.
    store: Store,
}

/// Registers, by code.
#[utoipa::path(
    get,
    operation_id = "list_registers",
    path = "/v1/registers",
    tag = "catalogue",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The registers", body = Page<Register>),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(edge): State<Edge>, caller: Caller) -> Result<Json<Page<Register>>, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let merchant = caller.merchant();
    let rows = edge.read(merchant, async |conn| catalog::registers_of(conn, merchant).await).await?;
    Ok(Json(Page { items: rows.into_iter().map(Register::from).collect(), next: None }))
}

impl From<sale::Register> for Register {
    fn from(register: sale::Register) -> Self {
        let sale::Register { id, code, store } = register;
        Self { id, code, store: Store { id: store.id, name: store.name } }
    }
}
