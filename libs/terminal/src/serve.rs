//! The protocol's server: any provider over HTTP.

use std::{io, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{Failure, Key, Order, Provider};

/// The routes of a provider.
fn routes<P: Provider>(provider: Arc<P>) -> Router {
    Router::new()
        .route("/payments", get(captured_since::<P>))
        .route("/payments/{key}", get(ask::<P>).put(start::<P>))
        .route("/payments/{key}/cancel", post(cancel::<P>))
        .route("/payments/{key}/refund", post(refund::<P>))
        .with_state(provider)
}

/// Serves a provider until the listener fails.
///
/// # Errors
/// When it does.
pub async fn serve<P: Provider>(listener: TcpListener, provider: Arc<P>) -> io::Result<()> {
    axum::serve(listener, routes(provider)).await
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoAnswer(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(json!({"reason": match self { Self::Refused(why) | Self::NoAnswer(why) => why }})))
            .into_response()
    }
}

async fn start<P: Provider>(
    State(provider): State<Arc<P>>,
    Path(key): Path<Key>,
    Json(order): Json<Order>,
) -> Result<Response, Failure> {
    Ok(Json(provider.start(key, &order).await?).into_response())
}

async fn ask<P: Provider>(State(provider): State<Arc<P>>, Path(key): Path<Key>) -> Result<Response, Failure> {
    Ok(match provider.ask(key).await? {
        Some(payment) => Json(payment).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"reason": "no payment has this key"}))).into_response(),
    })
}

async fn cancel<P: Provider>(State(provider): State<Arc<P>>, Path(key): Path<Key>) -> Result<Response, Failure> {
    Ok(Json(provider.cancel(key).await?).into_response())
}

async fn refund<P: Provider>(State(provider): State<Arc<P>>, Path(key): Path<Key>) -> Result<Response, Failure> {
    Ok(Json(provider.refund(key).await?).into_response())
}

#[derive(Debug, Deserialize)]
struct Since {
    since: Option<String>,
}

async fn captured_since<P: Provider>(
    State(provider): State<Arc<P>>,
    Query(Since { since }): Query<Since>,
) -> Result<Response, Failure> {
    Ok(Json(provider.captured_since(since.as_deref()).await?).into_response())
}
