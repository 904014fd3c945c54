//! What operators watch on the broker.

use async_nats::jetstream::stream::RawMessageErrorKind;
use tillstream_domain::time::Timestamp;

use crate::{
    Bus,
    subject::DEAD_STREAM,
    topology::{Lag, TopologyError, failed},
};

impl Bus {
    /// When the broker stored the oldest message of `subject` that a consumer standing at `lag` has not acknowledged;
    /// nothing if there is none.
    ///
    /// It is the first message after the consumer's floor. The broker sends it whole, so this is for now and then.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn oldest_pending(
        &self,
        stream: &str,
        subject: &str,
        lag: &Lag,
    ) -> Result<Option<Timestamp>, TopologyError> {
        if lag.pending + lag.in_hand == 0 {
            return Ok(None);
        }
        let failed = |source: async_nats::Error| failed(format!("look at the oldest message of {subject}"), source);
        let handle = self.jetstream.get_stream_no_info(stream).await.map_err(|error| failed(error.into()))?;
        let oldest = handle.raw_message_builder().sequence(lag.done + 1).next_by_subject(subject).send().await;
        match oldest {
            Ok(message) => {
                let micros = i64::try_from(message.time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
                Timestamp::from_micros(micros).map(Some).map_err(|error| failed(error.into()))
            }
            // It was acknowledged meanwhile.
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn count_dead_letters(&self) -> Result<u64, TopologyError> {
        let failed = |source: async_nats::Error| failed("count dead letters".to_owned(), source);
        let stream = self.jetstream.get_stream_no_info(DEAD_STREAM).await.map_err(|error| failed(error.into()))?;
        let info = stream.get_info().await.map_err(|error| failed(error.into()))?;
        Ok(info.state.messages)
    }
}
