//! Running totals: sales note what they add, and here it is added.

use std::time::Duration;

use tillstream_runtime::{Process, health::describe, sample::every};
use tillstream_store::{Error, PgPool, report};
use tracing::warn;

/// How often totals are added up, and of how many batches and stores at a time. What waits makes reports slower, not wrong.
const EVERY: Duration = Duration::from_secs(1);
const AT_A_TIME: i64 = 200;

pub(crate) async fn settle(process: Process, pool: PgPool) {
    every(&process.stop, EVERY, || async {
        let settled: Result<(), Error> = async {
            let mut conn = pool.acquire().await?;
            while report::settle(&mut conn, AT_A_TIME).await? == AT_A_TIME {}
            Ok(())
        }
        .await;
        if let Err(error) = settled {
            warn!(error = describe(&error), "totals of reports cannot be added up; trying again");
        }
    })
    .await;
}
