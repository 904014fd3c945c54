//! Verifies the chains of receipts in the background.

use tillstream_domain::receipt::{Head, VerifyingKey, verify_link};
use tillstream_runtime::{
    Process,
    audit::{AuditSettings, Slice, every},
};
use tillstream_store::{
    Error, PgPool,
    audit::{Link, links},
    receipt::SeriesKey,
};
use tokio::task::yield_now;

/// Where the next slice begins: a series, and where its chain stands as far as it is verified.
pub type Place = (SeriesKey, Head);

/// Verifies until the process stops.
pub(crate) async fn run(process: Process, pool: PgPool, keys: Vec<VerifyingKey>, settings: AuditSettings) {
    every(&process, &pool, "chain", settings, async |place| look(&pool, &keys, place, settings.slice).await).await;
}

/// Verifies up to `limit` receipts from `place` on: hashes, links, numbers, signatures of one of `keys`, and that each
/// series ends where its row says.
///
/// # Errors
/// When the statement fails.
pub async fn look(
    pool: &PgPool,
    keys: &[VerifyingKey],
    place: Option<Place>,
    limit: u32,
) -> Result<Slice<Place>, Error> {
    // The first row may say no more than that its series ends there; the second goes on.
    let limit = limit.max(2);
    let found = links(pool, place.map(|(series, head)| (series, head.number)), limit).await?;
    let checked = found.iter().filter(|link| link.receipt.is_some()).count();
    let mut faults = Vec::new();
    let mut at = place;
    for (index, link) in found.iter().enumerate() {
        let mut head = at.filter(|(series, _)| *series == link.series).map_or(Head::GENESIS, |(_, head)| head);
        head = follow(head, link, keys, &mut faults);
        // Hash, JSON and signature take a tenth of a millisecond; messages go before.
        yield_now().await;
        let next = found.get(index + 1);
        // The last of a full slice may not be the last of its series.
        let ends = next.map_or(found.len() < limit as usize, |next| next.series != link.series);
        if ends && head != link.head {
            faults
                .push(named(link, &format!("ends with number {}, not {} as recorded", head.number, link.head.number)));
        }
        at = Some((link.series, head));
    }
    let next = if found.len() < limit as usize { None } else { at };
    Ok(Slice { checked, faults, next })
}

/// Where the chain stands after `link`. A fault is reported once: the chain goes on from what is kept.
fn follow(head: Head, link: &Link, keys: &[VerifyingKey], faults: &mut Vec<String>) -> Head {
    let kept = match &link.receipt {
        None => return head,
        Some(Ok(kept)) => kept,
        Some(Err(problem)) => {
            faults.push(named(link, &format!("after number {}: {problem}", head.number)));
            return Head { number: head.number + 1, ..head };
        }
    };
    verify_link(&head, link.series, kept, keys).unwrap_or_else(|problem| {
        faults.push(named(link, &format!("number {}: {problem}", kept.number)));
        kept.head()
    })
}

fn named(link: &Link, what: &str) -> String {
    let (merchant, register) = link.series;
    format!("receipts of register {register} of merchant {merchant}: {what}")
}
