//! Messages tried alone, so that a poisoned one harms only itself.

use tillstream_store::{Error, Fault, inbox};
use tracing::warn;

use super::{Interrupted, Item, Pause, Station, Worker};
use crate::health::describe;

impl<W: Worker> Station<W> {
    /// Tries a message alone until it is decided or set aside. Attempts are counted in the database before they are made,
    /// so that an attempt that kills the worker counts too.
    pub(super) async fn alone(&self, item: Item<W::Message>) -> Result<(), Interrupted> {
        let mut reason = None;
        loop {
            let attempts = self.database(async || {
                let mut conn = self.pool.acquire().await?;
                inbox::attempt(&mut conn, W::NAME, item.key()).await
            });
            let attempts = attempts.await?;
            if attempts > self.settings.attempts_until_dead {
                let reason = reason
                    .unwrap_or_else(|| format!("the worker stopped {} times with this message in hand", attempts - 1));
                self.bury_envelope(&item.envelope, reason, attempts - 1).await?;
                break;
            }
            match self.commit_until_decided(std::slice::from_ref(&item)).await? {
                Ok(answered) => {
                    self.publish(answered).await?;
                    break;
                }
                Err(failure) => {
                    warn!(worker = W::NAME, id = %item.envelope.id, attempts, failure, "message failed alone");
                    reason = Some(failure);
                }
            }
        }
        let forget = self.database(async || {
            let mut conn = self.pool.acquire().await?;
            inbox::forget_attempts(&mut conn, W::NAME, item.key()).await
        });
        forget.await
    }

    /// Does `work` as soon as the database is there.
    async fn database<T>(&self, work: impl AsyncFn() -> Result<T, Error>) -> Result<T, Interrupted> {
        let mut pause = Pause::default();
        loop {
            match work().await {
                Ok(done) => return Ok(done),
                Err(error) => {
                    if error.fault() != Fault::Conflict {
                        warn!(worker = W::NAME, error = describe(&error), "database unavailable; trying again");
                    }
                    pause.wait(self).await?;
                }
            }
        }
    }
}
