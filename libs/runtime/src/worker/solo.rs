//! Messages tried alone, so that a poisoned one harms only itself.

use tillstream_store::{Error, inbox};
use tracing::{Instrument, error_span, field::Empty, warn};

use super::{Interrupted, Item, Pause, Station, Worker};
use crate::{health::describe, trace::Traceparent};

impl<W: Worker> Station<W> {
    /// Tries a message alone until it is decided or set aside. Attempts are counted in the database before they are made,
    /// so that an attempt that kills the worker counts too.
    pub(super) async fn alone(&self, item: Item<W::Message>) -> Result<(), Interrupted> {
        let span = error_span!("message", id = %item.envelope.id, trace.id = Empty);
        if let Some(Ok(trace)) = item.envelope.trace.as_deref().map(str::parse::<Traceparent>) {
            span.record("trace.id", trace.trace_id());
        }
        self.try_alone(item).instrument(span).await
    }

    async fn try_alone(&self, item: Item<W::Message>) -> Result<(), Interrupted> {
        let mut reason = None;
        loop {
            let mut pause = Pause::default();
            let attempts = loop {
                match self.count_attempt(item.key).await {
                    Ok(attempts) => break attempts,
                    Err(error) => self.wait_for_database(&error, &mut pause).await?,
                }
            };
            if attempts > self.settings.attempts_until_dead {
                let reason = reason
                    .unwrap_or_else(|| format!("the worker stopped {} times with this message in hand", attempts - 1));
                self.bury_envelope(&item.subject, &item.envelope, reason, attempts - 1).await?;
                break;
            }
            match self.commit_until_decided(std::slice::from_ref(&item)).await? {
                Ok(answered) => {
                    self.publish(answered).await?;
                    break;
                }
                Err(failure) => {
                    warn!(worker = W::NAME, attempts, failure, "message failed alone");
                    reason = Some(failure);
                }
            }
        }
        let mut pause = Pause::default();
        while let Err(error) = self.forget_attempts(item.key).await {
            self.wait_for_database(&error, &mut pause).await?;
        }
        Ok(())
    }

    async fn count_attempt(&self, key: inbox::Key) -> Result<u32, Error> {
        let mut conn = self.pool.acquire().await.map_err(Error::from)?;
        inbox::attempt(&mut conn, W::NAME, key).await
    }

    async fn forget_attempts(&self, key: inbox::Key) -> Result<(), Error> {
        let mut conn = self.pool.acquire().await.map_err(Error::from)?;
        inbox::forget_attempts(&mut conn, W::NAME, key).await
    }

    async fn wait_for_database(&self, error: &Error, pause: &mut Pause) -> Result<(), Interrupted> {
        warn!(worker = W::NAME, error = describe(error), "database unavailable; trying again");
        pause.wait(self).await
    }
}
