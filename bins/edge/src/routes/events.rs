//! Live events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::Value;
use tillstream_contract::{Envelope, Message, receipt, sale, stock};
use tillstream_domain::{id::MerchantId, time::Timestamp};
use tracing::warn;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Edge,
    caller::Caller,
    feed::{Followed, Position},
    problem::{Problem, ProblemDetails},
};

/// An event, as a client that follows sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveEvent {
    /// Its own id; an event that is sent twice has the same.
    id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "sale.recorded.v1")]
    kind: String,
    /// To whom.
    merchant: MerchantId,
    /// When it was decided.
    at: Timestamp,
    /// What the type says; see `schemas/`.
    data: Value,
}

/// The merchant's events as they happen (Server-Sent Events): `sale.recorded.v1`, `stock.moved.v1`, `receipt.issued.v1`.
///
/// A client that comes back with `Last-Event-ID` gets what it has missed first. When that is no longer kept, it gets an
/// event `gap` first and must read afresh what it shows. An event may come twice after a failure; its `id` in the data is
/// the same then.
#[utoipa::path(
    get,
    operation_id = "follow_events",
    path = "/v1/events",
    tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses(
        (status = 200, description = "A stream that goes on until the client or the server ends it", body = LiveEvent, content_type = "text/event-stream"),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing, forged or expired", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Events cannot be followed now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn follow(State(edge): State<Edge>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let last =
        headers.get("last-event-id").map(|value| value.to_str().unwrap_or("").parse::<Position>()).transpose()?;
    let events = edge.0.hub.follow(caller.merchant(), last).await?;
    let events = events.filter_map(|followed| std::future::ready(shown(followed))).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

fn shown(followed: Followed) -> Option<Event> {
    let (position, envelope) = match followed {
        Followed::Event(position, envelope) => (position, envelope),
        Followed::Gap => return Some(Event::default().event("gap").data("events were missed that are no longer kept")),
    };
    let Some(data) = data(&envelope) else {
        warn!(kind = envelope.kind, id = %envelope.id, "an event of a kind unknown here is left out");
        return None;
    };
    let Envelope { id, kind, merchant, at, .. } = *envelope;
    let event = Event::default().id(position.to_string()).event(&kind);
    event.json_data(LiveEvent { id, kind, merchant, at, data }).ok()
}

fn data(envelope: &Envelope) -> Option<Value> {
    fn open<M: Message>(envelope: &Envelope, json: impl Fn(M) -> serde_json::Result<Value>) -> Option<Value> {
        envelope.open().ok().and_then(|event| json(event).ok())
    }
    open(envelope, |sale::Event::Recorded(recorded)| serde_json::to_value(recorded))
        .or_else(|| open(envelope, |receipt::Event::Issued(issued)| serde_json::to_value(issued)))
        .or_else(|| open(envelope, |stock::Event::Moved(moved)| serde_json::to_value(moved)))
}
