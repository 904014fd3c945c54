//! Trims commands and events that every worker has taken, now and then. One worker has to, and this one has most of both.

use std::time::Duration;

use tillstream_bus::{Bus, subject::Class};
use tillstream_runtime::{Process, health::describe};
use tokio::time::sleep;
use tracing::warn;

use crate::TrimSettings;

pub(crate) async fn every(process: Process, bus: Bus, settings: TrimSettings) {
    loop {
        tokio::select! {
            () = process.stop.wait() => return,
            () = sleep(Duration::from_millis(settings.every_ms)) => {}
        }
        for partition in 0..bus.partitions() {
            for (class, keep) in [(Class::Command, settings.commands), (Class::Event, settings.events)] {
                if let Err(error) = bus.trim(class, partition, keep).await {
                    warn!(error = describe(&error), "trying again later");
                }
            }
        }
    }
}
