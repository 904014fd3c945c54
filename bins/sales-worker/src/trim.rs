//! Trims events that every worker has taken, now and then. It is done here because this worker publishes most of them.

use std::time::Duration;

use tillstream_bus::Bus;
use tillstream_runtime::{Process, health::describe};
use tokio::time::sleep;
use tracing::warn;

use crate::EventSettings;

pub(crate) async fn every(process: Process, bus: Bus, settings: EventSettings) {
    loop {
        tokio::select! {
            () = process.stop.wait() => return,
            () = sleep(Duration::from_millis(settings.trim_every_ms)) => {}
        }
        for partition in 0..bus.partitions() {
            if let Err(error) = bus.trim(partition, settings.keep_bytes, settings.keep_messages).await {
                warn!(error = describe(&error), partition, "events could not be trimmed; trying again later");
            }
        }
    }
}
