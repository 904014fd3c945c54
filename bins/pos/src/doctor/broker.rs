//! NATS, and what waits in it.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use serde_json::Value;
use tillstream_bus::{
    Bus,
    topology::{CONSUMERS, Limits, Topology},
};

use super::Finding;
use crate::{UpFile, folder::Folder, http, operator, secrets::Secrets, topology};

/// Messages that wait are normal under load; more than this is minutes of it.
const LAG_NOTE: u64 = 1_000;
/// Dead letters that are counted; one is too many.
const COUNTED: usize = 1_000;

pub(super) async fn check(up: &UpFile, folder: &Folder) -> Vec<Finding> {
    let connect = async {
        let settings = tillstream_bus::Settings {
            url: up.nats.clone(),
            user: "operator".to_owned(),
            password: Secrets::read(&folder.secrets())?.nats("operator").to_owned(),
            tls_ca_file: PathBuf::new(),
            partitions: up.partitions,
        };
        operator::connect_bus(&settings).await
    };
    let bus = match connect.await {
        Ok(bus) => bus,
        Err(failure) => {
            return vec![Finding::failed("nats", &failure, "see what it printed, in the output of `pos up`")];
        }
    };
    let mut findings = vec![durability(up).await, streams(&bus).await];
    findings.extend(lag(&bus).await);
    findings.push(dead_letters(&bus).await);
    findings
}

async fn durability(up: &UpFile) -> Finding {
    let ask = async {
        let (_, body) = http::get(&format!("{}/varz", up.nats_monitor), Duration::from_secs(5)).await?;
        serde_json::from_str::<Value>(&body).context("read the monitoring page of NATS")
    };
    match ask.await {
        Ok(state) => {
            let version = state["version"].as_str().unwrap_or("?").to_owned();
            match state["jetstream"]["config"]["sync_always"].as_bool() {
                Some(true) => Finding::fine(
                    "nats",
                    format!("version {version}; messages are on disk before they are acknowledged"),
                ),
                _ => Finding::wrong(
                    "nats",
                    format!("version {version} acknowledges messages before they are on disk"),
                    "set `sync_interval: always`: on one machine a power failure loses sales without it",
                ),
            }
        }
        Err(failure) => Finding::failed("nats", &failure, "see what it printed, in the output of `pos up`"),
    }
}

async fn streams(bus: &Bus) -> Finding {
    let declared = Topology::declare(bus.partitions(), &Limits::default());
    match topology::plan(&declared, bus).await {
        Ok(drift) => Finding::none("streams", "as declared", &drift, "run `pos topology apply`"),
        Err(failure) => Finding::failed("streams", &failure, "run `pos topology apply`"),
    }
}

async fn lag(bus: &Bus) -> Vec<Finding> {
    let mut findings = Vec::new();
    for partition in 0..bus.partitions() {
        for (consumer, class, _) in CONSUMERS {
            let stream = class.stream(partition);
            findings.push(match bus.lag(&stream, consumer).await {
                Ok(lag) => {
                    let text = format!("{consumer} of {stream}: {} waiting, {} in hand", lag.pending, lag.in_hand);
                    if lag.pending > LAG_NOTE { Finding::note("lag", text) } else { Finding::fine("lag", text) }
                }
                Err(error) => Finding::failed("lag", &error.into(), "run `pos topology apply`"),
            });
        }
    }
    findings
}

async fn dead_letters(bus: &Bus) -> Finding {
    match bus.dead_letters(1, COUNTED).await {
        Ok(letters) if letters.is_empty() => Finding::fine("dead letters", "none"),
        Ok(letters) => {
            let more = if letters.len() == COUNTED { " or more" } else { "" };
            let advice = "see them with `pos deadletters list`; redrive what can take effect now, drop what never can";
            Finding::wrong("dead letters", format!("{}{more}", letters.len()), advice)
        }
        Err(error) => Finding::failed("dead letters", &error.into(), "run `pos topology apply`"),
    }
}
