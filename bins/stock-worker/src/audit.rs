//! Compares stock levels with the ledger in the background.

use tillstream_runtime::{
    Process,
    audit::{AuditSettings, Slice, every},
};
use tillstream_store::{
    Error, PgPool,
    audit::{level, level_keys},
    stock::LevelKey,
};
use tracing::warn;

/// Compares until the process stops.
pub(crate) async fn run(process: Process, pool: PgPool, settings: AuditSettings) {
    every(&process, &pool, "stock", settings, async |after| look(&pool, after, settings.slice).await).await;
}

/// Compares up to `limit` levels after `after` with the sums of their movements, which are thousandths of a unit. A level
/// whose movements are too many to be added up in time is skipped. Movements without a level are not seen here.
///
/// # Errors
/// When a statement fails.
pub async fn look(pool: &PgPool, after: Option<LevelKey>, limit: u32) -> Result<Slice<LevelKey>, Error> {
    let limit = limit.max(1);
    let keys = level_keys(pool, after, limit).await?;
    let (mut checked, mut faults) = (0, Vec::new());
    for key in &keys {
        let Some(found) = level(pool, *key).await? else {
            let (merchant, store, product) = key;
            warn!(%merchant, %store, %product, "a level has too many movements to add up in time and is skipped; `pos doctor` compares it");
            continue;
        };
        checked += 1;
        if found.level != found.ledger {
            faults.push(format!(
                "stock of product {} in store {} of merchant {}: the level is {}, its movements come to {}",
                found.product, found.store, found.merchant, found.level, found.ledger
            ));
        }
    }
    let next = keys.last().copied().filter(|_| keys.len() >= limit as usize);
    Ok(Slice { checked, faults, next })
}
