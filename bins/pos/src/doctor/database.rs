//! `PostgreSQL`, and what must hold in it.

use anyhow::Context;
use sqlx::PgConnection;
use tillstream_domain::time::Timestamp;
use tillstream_runtime::Clock;
use tillstream_store::verify;

use super::Finding;
use crate::{UpFile, migrate, operator};

/// Workers follow a sale within this, unless they are behind; the lag of the consumers says so.
const FOLLOWED_WITHIN_MICROS: i64 = 60_000_000;
/// Clocks of one machine, and the time that a statement takes.
const CLOCKS_APART_MICROS: i64 = 2_000_000;
/// Drifts that are named; the first says enough.
const NAMED: i64 = 5;

pub(super) async fn check(up: &UpFile) -> Vec<Finding> {
    let mut conn = match operator::connect_database(&up.database).await {
        Ok(conn) => conn,
        Err(failure) => {
            return vec![Finding::failed("postgres", &failure, "see what it printed, in the output of `pos up`")];
        }
    };
    let conn = &mut conn;
    // A check that fails says so in its place; the others are made all the same.
    let mut findings = Vec::new();
    findings.push(durability(conn).await.unwrap_or_else(|failure| unanswered("postgres", &failure)));
    findings.push(migrations(conn).await.unwrap_or_else(|failure| unanswered("migrations", &failure)));
    findings.push(roles(conn).await.unwrap_or_else(|failure| unanswered("roles", &failure)));
    findings.push(clock(conn).await.unwrap_or_else(|failure| unanswered("clock", &failure)));
    findings.push(stock(conn).await.unwrap_or_else(|failure| unanswered("stock", &failure)));
    findings.push(receipts(conn).await.unwrap_or_else(|failure| unanswered("sales", &failure)));
    findings
}

fn unanswered(what: &'static str, failure: &anyhow::Error) -> Finding {
    Finding::failed(
        what,
        failure,
        "run `pos migrate`; if that does not help, see what postgres printed in the output of `pos up`",
    )
}

async fn durability(conn: &mut PgConnection) -> anyhow::Result<Finding> {
    let settings = verify::settings(conn).await?;
    let off: Vec<_> = ["fsync", "synchronous_commit", "full_page_writes"]
        .into_iter()
        .filter(|name| settings.get(*name).map(String::as_str) != Some("on"))
        .map(|name| format!("{name} is {}", settings.get(name).map_or("unknown", String::as_str)))
        .collect();
    let version = settings.get("server_version").map_or("?", String::as_str);
    let good = format!("version {version}; fsync, synchronous_commit and full_page_writes are on");
    Ok(Finding::none("postgres", good, &off, "turn them on: without them a power failure loses sales"))
}

async fn migrations(conn: &mut PgConnection) -> anyhow::Result<Finding> {
    let pending = migrate::pending(conn).await?;
    Ok(Finding::none("migrations", "all applied", &pending, "run `pos migrate`"))
}

async fn roles(conn: &mut PgConnection) -> anyhow::Result<Finding> {
    let missing: Vec<_> = verify::roles_without_login(conn).await?.into_iter().map(str::to_owned).collect();
    Ok(Finding::none(
        "roles",
        "all may log in",
        &missing,
        "run `pos migrate --passwords DIR`, or restart `pos up`, which lets them log in",
    ))
}

async fn clock(conn: &mut PgConnection) -> anyhow::Result<Finding> {
    let before = Clock::system().now();
    let (server, last_sale) = verify::clocks(conn).await?;
    let apart = server.micros() - before.micros();
    let advice = "set the clocks of the machines right, and keep them so with NTP";
    let seconds = |micros: i64| format!("{}.{:03} s", micros / 1_000_000, micros / 1_000 % 1_000);
    if apart.abs() > CLOCKS_APART_MICROS {
        return Ok(Finding::wrong(
            "clock",
            format!("PostgreSQL's is {} from this machine's", seconds(apart.abs())),
            advice,
        ));
    }
    match last_sale {
        Some(last) if last.micros() > server.micros() + CLOCKS_APART_MICROS => Ok(Finding::wrong(
            "clock",
            format!("it is {server}, but a sale was recorded at {last}: a clock went back"),
            advice,
        )),
        _ => Ok(Finding::fine("clock", format!("{server}, as PostgreSQL's"))),
    }
}

async fn stock(conn: &mut PgConnection) -> anyhow::Result<Finding> {
    let drift = verify::stock_drift(conn, NAMED).await?;
    let named: Vec<_> = drift
        .iter()
        .map(|d| {
            format!("product {} in store {}: level {}, movements {} thousandths", d.product, d.store, d.level, d.ledger)
        })
        .collect();
    let advice =
        "the movements are the truth: stop the stock worker and keep a copy of the database before anything is changed";
    Ok(Finding::none("stock", "every level is the sum of its movements", &named, advice))
}

async fn receipts(conn: &mut PgConnection) -> anyhow::Result<Finding> {
    let until = Timestamp::from_micros(Clock::system().now().micros() - FOLLOWED_WITHIN_MICROS)
        .context("look a minute back")?;
    let loose = verify::loose(conn, until).await?;
    let found: Vec<_> = [
        (loose.without_receipt, "sales older than a minute have no receipt"),
        (loose.without_movement, "sales older than a minute have not moved stock"),
        (loose.receipts_without_sale, "receipts have no sale"),
        (loose.series_with_gaps, "registers have gaps in their receipt numbers"),
    ]
    .into_iter()
    .filter(|(count, _)| *count != 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let good = format!("{} recorded; each has its receipt and has moved stock, and numbers have no gaps", loose.sales);
    Ok(Finding::none(
        "sales",
        good,
        &found,
        "look at the lag and the dead letters below: what waits there is what is missing here",
    ))
}
