//! Outcomes of commands.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use tillstream_bus::subject::context;
use tillstream_contract::{Envelope, Outcome, Refusal, identity, sale, stock};
use tillstream_domain::{
    identity::{Need, Permission, Place},
    time::Timestamp,
};
use tillstream_store::inbox;
use tracing::error;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Edge,
    caller::Caller,
    parameters::Id,
    problem::{Problem, ProblemDetails},
};

/// What became of a command.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Command {
    /// Its id: the `Idempotency-Key` with which it was sent.
    id: Uuid,
    /// What it was.
    #[schema(example = "sale.submit.v1")]
    kind: String,
    /// Who sent it.
    actor: String,
    /// When the edge took it.
    submitted_at: Timestamp,
    /// When it was decided.
    decided_at: Timestamp,
    /// Whether it took effect.
    status: Status,
    /// What it brought about: the sale, or the movement of stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
}

/// Whether a command took effect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It took effect.
    Done,
    /// It was refused.
    Rejected,
}

/// What became of a command. 404 until it is decided. Commands of others are shown to who has `audit.read`.
#[utoipa::path(
    get,
    operation_id = "show_command",
    path = "/v1/commands/{id}",
    tag = "commands",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    params(("id" = Uuid, Path, description = "The `Idempotency-Key` with which it was sent")),
    responses(
        (status = 200, description = "The command, and what became of it as far as it is decided", body = Command),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such command, or it is not decided yet", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(State(edge): State<Edge>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Command>, Problem> {
    let merchant = caller.merchant();
    let entry = edge.read(merchant, async |conn| inbox::find(conn, merchant, id).await).await?;
    let own = |entry: &inbox::Entry| entry.actor == caller.actor().to_string();
    let may_see = caller.may(Need::new(Permission::ReadAudit, Place::Merchant)).is_ok();
    let entry = entry.filter(|entry| may_see || own(entry)).ok_or(Problem::NotYet("outcome of a command"))?;
    let (status, result, refusal) = match entry.outcome {
        Outcome::Accepted(events) => (Status::Done, events.first().map(result).transpose()?, None),
        Outcome::Rejected(refusal) => (Status::Rejected, None, Some(refusal)),
    };
    let inbox::Entry { kind, actor, submitted_at, decided_at, .. } = entry;
    Ok(Json(Command { id, kind, actor, submitted_at, decided_at, status, result, refusal }))
}

/// What the command brought about, as the route that takes it would have answered.
fn result(event: &Envelope) -> Result<Value, Problem> {
    let json = match context(&event.kind) {
        "sale" => event.open().map(|event: sale::Event| event.document()),
        "stock" => event.open().map(|stock::Event::Moved(moved)| serde_json::to_value(moved)),
        _ => event.open().map(|event: identity::Event| serde_json::to_value(event.changed())),
    };
    let json = json.map_err(|failure| {
        error!(error = %failure, id = %event.id, "a stored event cannot be read");
        Problem::Internal
    })?;
    json.map_err(|failure| {
        error!(error = %failure, id = %event.id, "a stored event cannot be shown");
        Problem::Internal
    })
}
