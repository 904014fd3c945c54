//! Compares stock levels with the ledger in the background.

use tillstream_runtime::audit::Slice;
use tillstream_store::{Error, PgPool, audit::levels, stock::LevelKey};

/// Compares up to `limit` levels after `after` with the sums of their movements, which are thousandths of a unit.
///
/// # Errors
/// When the statement fails.
pub async fn look(pool: &PgPool, after: Option<LevelKey>, limit: u32) -> Result<Slice<LevelKey>, Error> {
    let found = levels(pool, after, limit.max(1)).await?;
    let faults = found.iter().filter(|level| level.level != level.ledger).map(|level| {
        format!(
            "stock of product {} in store {} of merchant {}: the level is {}, its movements come to {}",
            level.product, level.store, level.merchant, level.level, level.ledger
        )
    });
    let last = found.last().filter(|_| found.len() >= limit as usize);
    let next = last.map(|last| (last.merchant, last.store, last.product));
    Ok(Slice { checked: found.len(), faults: faults.collect(), next })
}
