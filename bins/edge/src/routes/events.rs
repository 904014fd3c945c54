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
use tillstream_bus::subject::context;
use tillstream_contract::{Envelope, customer, identity, receipt, sale, stock};
use tillstream_domain::{
    id::{MerchantId, StoreId},
    identity::{Need, Permission, Place, Reach},
    time::Timestamp,
};
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

/// The merchant's events as they happen (Server-Sent Events): `sale.recorded.v1`, `stock.moved.v1`, `receipt.issued.v1` of the
/// stores that the caller may see, and `identity.…` for who has `users.read` in all.
///
/// A client that comes back with `Last-Event-ID` gets what it has missed first. When that is no longer kept, it gets an
/// event `gap` first and must read afresh what it shows. An event may come twice after a failure; its `id` in the data is
/// the same then.
#[utoipa::path(
    get,
    operation_id = "follow_events",
    path = "/v1/events",
    tag = "events",
    extensions(("x-permission" = json!("events.read")), ("x-place" = json!("anywhere"))),
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses(
        (status = 200, description = "A stream that goes on until the client or the server ends it", body = LiveEvent, content_type = "text/event-stream"),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Events cannot be followed now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn follow(State(edge): State<Edge>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let last =
        headers.get("last-event-id").map(|value| value.to_str().unwrap_or("").parse::<Position>()).transpose()?;
    let reach = caller.reach(Permission::ReadEvents)?;
    let sees_people = caller.may(Need::new(Permission::ReadUsers, Place::Merchant)).is_ok();
    let events = edge.0.hub.follow(caller.merchant(), last).await?;
    // Nobody sees anything once their token is over or revoked; they come back with another.
    let events = events
        .take_while(move |_| std::future::ready(holds(&edge, &caller)))
        .filter_map(move |followed| std::future::ready(shown(followed, &reach, sees_people)))
        .map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

fn holds(edge: &Edge, caller: &Caller) -> bool {
    !caller.is_over(edge.0.clock.now().micros() / 1_000_000) && !edge.0.marks.refuse(caller.access())
}

/// The event as the client sees it, if it is of a store that they may see.
fn shown(followed: Followed, reach: &Reach, sees_people: bool) -> Option<Event> {
    let (position, envelope) = match followed {
        Followed::Event(position, envelope) => (position, envelope),
        Followed::Gap => return Some(Event::default().event("gap").data("events were missed that are no longer kept")),
    };
    let Some((store, data)) = data(&envelope) else {
        warn!(kind = envelope.kind, id = %envelope.id, "an event of a kind unknown here is left out");
        return None;
    };
    // What concerns no store is about prices or customers, or about people who work there.
    let concerns_all = matches!(context(&envelope.kind), "sale" | "customer");
    if !store.map_or(sees_people || concerns_all, |store| reach.contains(store)) {
        return None;
    }
    let Envelope { id, kind, merchant, at, .. } = *envelope;
    let event = Event::default().id(position.to_string()).event(&kind);
    event.json_data(LiveEvent { id, kind, merchant, at, data }).ok()
}

/// What the event says, and of which store it is; those of no store are about prices, customers or people.
fn data(envelope: &Envelope) -> Option<(Option<StoreId>, Value)> {
    let (store, json) = match context(&envelope.kind) {
        "sale" => {
            let event: sale::Event = envelope.open().ok()?;
            (event.store(), event.body())
        }
        "receipt" => {
            let receipt::Event::Issued(issued) = envelope.open().ok()?;
            (Some(issued.store), serde_json::to_value(issued))
        }
        "stock" => {
            let stock::Event::Moved(moved) = envelope.open().ok()?;
            (Some(moved.store), serde_json::to_value(moved))
        }
        "customer" => {
            let event: customer::Event = envelope.open().ok()?;
            (None, event.body())
        }
        _ => {
            let event: identity::Event = envelope.open().ok()?;
            (None, serde_json::to_value(event.changed()))
        }
    };
    Some((store, json.ok()?))
}
