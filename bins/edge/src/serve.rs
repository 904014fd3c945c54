//! Serving, from the first request to the last.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::from_fn_with_state,
};
use tillstream_runtime::{Process, Stop};
use tokio::{net::TcpListener, time::sleep};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::{info, warn};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    Config, Edge,
    caller::authenticate,
    document::{Frame, split},
    door::Door,
    front::Front,
    limits,
    middleware::observe,
    problem::Problem,
    routes::{
        accounts, audit, baskets, card_payments, commands, customer_accounts, customer_groups, customers, events, keys,
        loyalty, merchant, passwords, pins, prices, privacy, products, quotes, receipts, registers, reports, sales,
        sessions, shifts, stock, stores, tills, users, voids,
    },
};

/// What scripts in browsers may send.
const REQUEST_HEADERS: [&str; 14] = [
    "accept",
    "approval",
    "authorization",
    "content-digest",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "prefer",
    "signature",
    "signature-input",
    "traceparent",
    "x-request-id",
];
/// What scripts in browsers may read.
const RESPONSE_HEADERS: [&str; 6] =
    ["etag", "location", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];

/// Serves until the process stops and every request in hand is answered.
///
/// # Errors
/// When a setting is unusable or the address can't be listened on.
pub async fn run(process: Process, config: Config) -> anyhow::Result<()> {
    // Until the API is served too: health may be asked elsewhere before.
    let serving = Arc::new(AtomicBool::new(false));
    let served = serving.clone();
    process.health.check("api", true, move || {
        let served = served.load(Ordering::Relaxed);
        async move { if served { Ok(()) } else { Err("not served yet".to_owned()) } }
    });
    let edge = Edge::open(&process, &config).await?;
    let listener = TcpListener::bind(&config.listen)
        .await
        .with_context(|| format!("listen on {} (setting listen)", config.listen))?;
    serving.store(true, Ordering::Relaxed);
    info!(address = %config.listen, "serving");
    serve(&edge, listener).await
}

/// Serves the edge on `listener` until its process stops and every request in hand is answered, or has taken too long.
///
/// # Errors
/// When a setting is unusable.
pub async fn serve(edge: &Edge, listener: TcpListener) -> anyhow::Result<()> {
    let (http, process) = (&edge.0.http, &edge.0.process);
    let drain = Duration::from_millis(http.drain_ms);
    let front = Front::new(router(edge), edge.0.tls.clone(), http, &process.metrics)?;
    let (shut, close) = (Stop::default(), Stop::default());
    let draining = async {
        process.stop.wait().await;
        // Answers now say "Connection: close", so that busy clients move on before the door closes.
        sleep(drain).await;
        shut.now();
        edge.0.commands.stop_waiting();
        // Who has got in has that long to send a request; only then are idle connections closed.
        sleep(drain).await;
        close.now();
        sleep(Duration::from_millis(http.drain_max_ms)).await;
    };
    let renewing = async {
        match &edge.0.tls {
            Some(tls) => tls.watch().await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = renewing => {}
        () = front.serve(Door::new(listener, shut.clone()), close.clone()) => {}
        () = draining => warn!("some requests took too long and are cut off; their clients will repeat them"),
    }
    Ok(())
}

/// The routes with their documentation.
pub(crate) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::with_openapi(Frame::openapi()).merge(counter()).merge(back_office())
}

/// What happens at the counter.
fn counter() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(sales::submit, sales::list))
        .routes(routes!(sales::show))
        .routes(routes!(voids::void))
        .routes(routes!(receipts::show))
        .routes(routes!(prices::promotions))
        .routes(routes!(prices::put_promotion, prices::end_promotion))
        .routes(routes!(prices::lists))
        .routes(routes!(prices::put_list, prices::end_list))
        .routes(routes!(prices::set_prices))
        .routes(routes!(quotes::quote))
        .routes(routes!(reports::sales))
        .routes(routes!(reports::export))
        .routes(routes!(shifts::open, shifts::list))
        .routes(routes!(shifts::show))
        .routes(routes!(shifts::enter, shifts::events))
        .routes(routes!(shifts::end))
        .routes(routes!(shifts::count))
        .routes(routes!(shifts::close))
        .routes(routes!(shifts::at_register))
        .routes(routes!(accounts::issue_gift_card))
        .routes(routes!(accounts::look_up))
        .routes(routes!(accounts::issue_store_credit))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::entries))
        .routes(routes!(accounts::reload))
        .routes(routes!(accounts::transfer))
        .routes(routes!(baskets::park, baskets::list))
        .routes(routes!(baskets::show))
        .routes(routes!(baskets::take))
        .routes(routes!(baskets::discard))
        .routes(routes!(card_payments::start, card_payments::list))
        .routes(routes!(card_payments::show))
        .routes(routes!(card_payments::cancel))
        .routes(routes!(customers::list, customers::add))
        .routes(routes!(customers::show, customers::change))
        .routes(routes!(customers::history))
        .routes(routes!(customer_accounts::list))
        .routes(routes!(customer_accounts::export))
        .routes(routes!(customer_accounts::put_house))
        .routes(routes!(customer_accounts::pay))
        .routes(routes!(customer_accounts::redeem))
        .routes(routes!(loyalty::show, loyalty::put, loyalty::end))
        .routes(routes!(customers::erase))
        .routes(routes!(customers::merge))
        .routes(routes!(customer_groups::list))
        .routes(routes!(customer_groups::put, customer_groups::end))
}

/// What is done about goods and people, and what is asked of what happened.
fn back_office() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(stock::levels))
        .routes(routes!(stock::adjust))
        .routes(routes!(products::list))
        .routes(routes!(tills::list, tills::enrol))
        .routes(routes!(tills::renew))
        .routes(routes!(tills::invite))
        .routes(routes!(tills::revoke))
        .routes(routes!(pins::colleagues))
        .routes(routes!(pins::sign_in))
        .routes(routes!(pins::approve))
        .routes(routes!(pins::set))
        .routes(routes!(registers::list, registers::add))
        .routes(routes!(registers::ticket_gaps))
        .routes(routes!(merchant::show, merchant::change))
        .routes(routes!(stores::list, stores::add))
        .routes(routes!(stores::change))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::show, users::change))
        .routes(routes!(users::regrant))
        .routes(routes!(users::deactivate))
        .routes(routes!(users::invite))
        .routes(routes!(privacy::export))
        .routes(routes!(privacy::erase))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(commands::show))
        .routes(routes!(events::follow))
        .routes(routes!(keys::make, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(sessions::open, sessions::list))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_all))
        .routes(routes!(passwords::set))
        .routes(routes!(passwords::redeem))
}

/// Everything that the edge serves to callers; health and metrics too, unless they have a listener of their own.
pub fn router(edge: &Edge) -> Router {
    let (api, document) = split(routes());
    let process = &edge.0.process;
    let health = if edge.0.health_apart { Router::new() } else { process.health.routes(&process.metrics) };
    api.merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .merge(health)
        .fallback(async || Problem::NoRoute(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || Problem::NoRoute(StatusCode::METHOD_NOT_ALLOWED))
        .layer(from_fn_with_state(edge.clone(), limits::by_caller))
        .layer(from_fn_with_state(edge.clone(), authenticate))
        .layer(from_fn_with_state(edge.clone(), limits::by_address))
        .layer(cors(&edge.0.http.cors_origins))
        .layer(from_fn_with_state(edge.clone(), observe))
        .with_state(edge.clone())
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| {
        let value = HeaderValue::from_str(origin);
        if value.is_err() {
            warn!(origin, "origin in http.cors_origins is not one and is left out");
        }
        value.ok()
    });
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(REQUEST_HEADERS.map(HeaderName::from_static))
        .expose_headers(RESPONSE_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_hours(1))
}
