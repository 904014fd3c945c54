use std::io;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::Error;

/// Between two attempts: short beside a start (15 to 100 ms), long beside an attempt.
const PAUSE: Duration = Duration::from_millis(10);
/// For one attempt, so that what accepts a connection and then says nothing is asked again.
const ATTEMPT: Duration = Duration::from_secs(1);

/// Asks until the answer is yes. An attempt that fails counts as no: nothing listens yet.
pub(crate) async fn poll(
    name: &'static str,
    port: u16,
    within: Duration,
    attempt: impl AsyncFn() -> io::Result<bool>,
) -> Result<(), Error> {
    let asked = async {
        while !matches!(timeout(ATTEMPT, attempt()).await, Ok(Ok(true))) {
            sleep(PAUSE).await;
        }
    };
    timeout(within, asked).await.map_err(|_| Error::NotReady { name, port, within })
}
