//! `/livez`, `/readyz` and `/metrics`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use futures_util::{FutureExt, future::BoxFuture};
use tillstream_bus::Bus;
use tillstream_store::PgPool;
use tokio::time::timeout;

use crate::metrics::Metrics;

/// A check is given up after this long.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What must hold for this process to be ready. Checks are made when asked, so that the answer is never stale.
#[derive(Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<&'static str, (Check, bool)>>>,
    draining: Arc<AtomicBool>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("draining", &self.draining).finish_non_exhaustive()
    }
}

impl Health {
    /// Adds a check. One that is not `needed` is shown but does not make the process unready.
    pub fn check<F>(&self, name: &'static str, needed: bool, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check: Check = Arc::new(move || check().boxed());
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(name, (check, needed));
    }

    /// Adds the check that PostgreSQL answers.
    pub fn check_postgres(&self, pool: &PgPool, needed: bool) {
        let pool = pool.clone();
        self.check("postgres", needed, move || {
            let pool = pool.clone();
            async move { tillstream_store::connect::ping(&pool).await.map_err(|error| describe(&error)) }
        });
    }

    /// Adds the check that NATS is connected.
    pub fn check_nats(&self, bus: &Bus) {
        let bus = bus.clone();
        self.check("nats", true, move || {
            let connected = bus.is_connected();
            async move { if connected { Ok(()) } else { Err("not connected".to_owned()) } }
        });
    }

    /// From now on the process is not ready, for it is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the process is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Makes every check: what each says.
    pub async fn checks(&self) -> Vec<(&'static str, Result<(), String>)> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut results = Vec::with_capacity(checks.len());
        for (name, (check, _)) in checks {
            results.push((name, bounded(check).await));
        }
        results
    }

    /// Makes every check: whether all that is needed holds, and what each said.
    pub async fn report(&self) -> (bool, BTreeMap<&'static str, String>) {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut report = BTreeMap::new();
        if self.is_draining() {
            report.insert("process", "stopping".to_owned());
        } else if checks.is_empty() {
            // What must hold is not known yet.
            report.insert("process", "starting".to_owned());
        }
        let mut ready = report.is_empty();
        for (name, (check, needed)) in checks {
            let result = bounded(check).await;
            ready &= result.is_ok() || !needed;
            report.insert(name, result.err().unwrap_or_else(|| "ok".to_owned()));
        }
        (ready, report)
    }

    /// The three routes.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self, metrics: &Metrics) -> Router<S> {
        let health = self.clone();
        let metrics = metrics.clone();
        Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(readyz).with_state(health))
            .route("/metrics", get(async |State(metrics): State<Metrics>| metrics.render()).with_state(metrics))
    }
}

async fn bounded(check: Check) -> Result<(), String> {
    timeout(CHECK_TIMEOUT, check()).await.unwrap_or_else(|_| Err("no answer within a second".to_owned()))
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let (ready, report) = health.report().await;
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}

/// An error with its causes, on one line.
#[must_use]
pub fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
