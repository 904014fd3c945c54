//! The routes, a file for each noun.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod baskets;
pub(crate) mod card_payments;
mod changes;
pub(crate) mod commands;
pub(crate) mod customer_accounts;
pub(crate) mod customer_groups;
pub(crate) mod customers;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod loyalty;
pub(crate) mod merchant;
pub(crate) mod passwords;
pub(crate) mod pins;
pub(crate) mod prices;
pub(crate) mod privacy;
pub(crate) mod products;
pub(crate) mod quotes;
pub(crate) mod receipts;
pub(crate) mod registers;
pub(crate) mod reports;
pub(crate) mod sales;
pub(crate) mod sessions;
pub(crate) mod shifts;
pub(crate) mod stock;
pub(crate) mod stores;
pub(crate) mod tills;
pub(crate) mod users;
pub(crate) mod voids;

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Edge, prefer::Prefer};

/// A command is durable; its outcome is not known yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The command: the request's `Idempotency-Key`.
    id: Uuid,
    /// Always `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
    /// Where its outcome will be; 404 until it is decided.
    #[schema(example = "/v1/commands/018f0000-0000-7000-8000-000000000001")]
    outcome: String,
}

/// 202: the command is durable, and `GET /v1/commands/{id}` will tell its outcome.
fn accepted(id: Uuid) -> Response {
    let outcome = format!("/v1/commands/{id}");
    let location = HeaderValue::from_str(&outcome).expect("a path with a UUID is plain ASCII");
    let mut response = (StatusCode::ACCEPTED, Json(Accepted { id, status: "accepted", outcome })).into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 201 with what was made, and where it is.
fn created<T: Serialize>(location: &str, body: &T) -> Response {
    let location = HeaderValue::from_str(location).expect("a path with a UUID is plain ASCII");
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response()
}

/// With the request that nothing on the way keeps it: it holds a secret.
fn private(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A stored document, byte for byte.
fn document(json: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

/// Until when a request waits for its outcome.
fn deadline(edge: &Edge, prefer: Prefer) -> Instant {
    let max = Duration::from_millis(edge.0.http.wait_max_ms);
    let wait = prefer.wait.unwrap_or(Duration::from_millis(edge.0.http.wait_default_ms));
    Instant::now() + wait.min(max)
}

/// W3C trace context, as [`crate::middleware::observe`] has left it.
fn trace(headers: &HeaderMap) -> Option<String> {
    headers.get("traceparent")?.to_str().ok().map(str::to_owned)
}
