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
    sale::{self, Ticket},
};
use tillstream_store::{catalog, sale as stored};
use utoipa::ToSchema;

use super::changes::{Refused, Request};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    page::{Page, PageQuery},
    parameters::{Id, Params},
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

/// Numbers that are missing from a register's tickets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TicketGap {
    /// The first that is missing.
    first: Ticket,
    /// The last that is missing.
    last: Ticket,
}

/// What is missing from the numbers that a till has given its sales, ascending.
///
/// A gap is a sale that has not arrived yet, or never will. Before the lowest known number nothing is missing.
#[utoipa::path(
    get,
    operation_id = "list_ticket_gaps",
    path = "/v1/registers/{id}/ticket-gaps",
    tag = "sales",
    extensions(("x-permission" = json!("sales.read")), ("x-place" = json!("document"))),
    params(("id" = RegisterId, Path, description = "The register"), PageQuery),
    responses(
        (status = 200, description = "One page of gaps", body = Page<TicketGap>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such register", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn ticket_gaps(
    State(edge): State<Edge>,
    caller: Caller,
    Id(register): Id<RegisterId>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<TicketGap>>, Problem> {
    let reach = caller.reach(Permission::ReadSales)?;
    let merchant = caller.merchant();
    let limit = page.limit()?;
    let wrong = |_| Problem::BadParameter("after must be `next` of the page before".to_owned());
    let after = page.after.as_deref().map(str::parse).transpose().map_err(wrong)?.unwrap_or(0);
    let gaps = edge
        .read(merchant, async |conn| {
            let found = catalog::register(conn, merchant, register).await?;
            if !found.is_some_and(|register| reach.contains(register.store.id)) {
                return Ok(None);
            }
            stored::ticket_gaps(conn, merchant, register, after, limit + 1).await.map(Some)
        })
        .await?
        .ok_or(Problem::NotFound("register"))?;
    let gap = |(first, last)| TicketGap { first, last };
    Ok(Json(Page::of(gaps, limit, |(_, last)| last.get().to_string(), gap)))
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
