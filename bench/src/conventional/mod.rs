//! A server of conventional design, done well: HTTP, then one PostgreSQL transaction for each sale.
//!
//! It does less than Tillstream does: no idempotency, no tax, no receipt, no retry.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
    serve::ListenerExt,
};
use serde::Serialize;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tillstream_contract::sale::NewSale;
use tokio::net::TcpListener;
use tracing::error;
use uuid::Uuid;

mod sell;

use sell::{Failure, record};

/// Its tables.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// What the server is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Its database
    #[arg(long)]
    database: String,
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// Connections to the database
    #[arg(long, default_value_t = 16)]
    connections: u32,
}

/// The answer to a sale.
#[derive(Debug, Serialize)]
struct Sold {
    id: Uuid,
    total: i64,
}

/// Serves until it is told to stop.
pub(crate) async fn serve(options: Options) -> anyhow::Result<ExitCode> {
    let pool = PgPoolOptions::new()
        .max_connections(options.connections)
        .min_connections(options.connections)
        // As Tillstream's pools do.
        .test_before_acquire(false)
        .connect(&options.database)
        .await
        .context("connect to the database")?;
    let routes =
        Router::new().route("/v1/sales", post(submit)).route("/readyz", get(async || "ready\n")).with_state(pool);
    let listener = TcpListener::bind(options.listen).await.with_context(|| format!("listen on {}", options.listen))?;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
    });
    axum::serve(listener, routes).await.context("serve HTTP")?;
    Ok(ExitCode::SUCCESS)
}

async fn submit(
    State(pool): State<PgPool>,
    headers: HeaderMap,
    Json(sale): Json<NewSale>,
) -> Result<(StatusCode, Json<Sold>), StatusCode> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()?.parse().ok());
    let id = key.ok_or(StatusCode::BAD_REQUEST)?;
    match record(&pool, id, &sale).await {
        Ok(total) => Ok((StatusCode::CREATED, Json(Sold { id, total }))),
        Err(Failure::Refused(why)) => {
            tracing::debug!(%id, why, "refused a sale");
            Err(StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(Failure::Database(failure)) => {
            error!(error = %failure, %id, "could not record a sale");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
