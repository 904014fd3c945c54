//! Registers.

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    identity::{Changed, Command, NewRegister},
    sale::Store,
};
use tillstream_domain::{
    id::{RegisterId, StoreId},
    identity::{Need, Permission, Place, RegisterCode},
    sale,
};
use tillstream_store::catalog;
use utoipa::ToSchema;

use super::changes::{Refused, Request};
use crate::{
    Edge,
    body::Strict,
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

/// A register to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RegisterToAdd {
    /// Where it stands.
    store: StoreId,
    /// Its short code, as receipts show it, which no other register of the store has.
    #[schema(value_type = String, min_length = 1, max_length = 16)]
    code: RegisterCode,
}

/// Adds a register to a store. Its id is the `Idempotency-Key`; a till is enrolled for it afterwards.
#[utoipa::path(
    post,
    operation_id = "add_register",
    path = "/v1/registers",
    tag = "identity",
    extensions(("x-permission" = json!("registers.manage")), ("x-place" = json!("store"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body = RegisterToAdd,
    responses(
        (status = 201, description = "The register is added", body = Changed, headers(("Location" = String), ("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn add(request: Request, Strict(new): Strict<RegisterToAdd>) -> Result<Response, Problem> {
    let RegisterToAdd { store, code } = new;
    request.add(Command::AddRegister(NewRegister { store, code }), "/v1/registers").await
}

impl From<sale::Register> for Register {
    fn from(register: sale::Register) -> Self {
        let sale::Register { id, code, store } = register;
        Self { id, code, store: Store { id: store.id, name: store.name } }
    }
}
