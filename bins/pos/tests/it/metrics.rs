//! What the parts of a running system expose, by name: dashboards and alerts are checked against the list.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::Duration,
};

use tillstream_pos::http;

use crate::shop::{Running, Shop};

/// How the list comes to be.
const WRITE: &str = "cargo test -p tillstream-pos --test it -- --ignored write_the_list_of_metrics";

const WORKERS: [&str; 4] = ["sales-worker", "stock-worker", "receipts-worker", "identity-worker"];
const ALL: [&str; 5] = ["edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker"];

/// Who exposes what; a histogram by its three series.
fn promised() -> BTreeMap<&'static str, BTreeSet<String>> {
    let plain = [
        (&ALL[..], &["tillstream_build_info", "tillstream_ready", "tillstream_database_connections"][..]),
        (&ALL, &["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"]),
        (&ALL[..1], &["http_requests_total", "tillstream_edge_commands_total", "tillstream_lane_waiting"]),
        (&ALL[..1], &["tillstream_edge_connections", "tillstream_edge_connections_cut_total"]),
        (&ALL[..1], &["tillstream_edge_limited_total"]),
        (&ALL[..1], &["tillstream_edge_waiting", "tillstream_edge_stalled", "tillstream_edge_event_streams"]),
        (&WORKERS, &["tillstream_worker_messages_total", "tillstream_worker_redeliveries_total"]),
        (&WORKERS, &["tillstream_consumer_messages", "tillstream_consumer_oldest_pending_seconds"]),
        (&WORKERS[..1], &["tillstream_dead_letters", "tillstream_terminal_calls_total"]),
        (&WORKERS[2..3], &["tillstream_receipts_issued", "tillstream_receipts_series"]),
        (&WORKERS[1..3], &["tillstream_audit_checked_total", "tillstream_audit_faults"]),
        (&WORKERS[1..3], &["tillstream_audit_last_run_timestamp_seconds"]),
    ];
    let histograms = [
        (&ALL[..4], &["tillstream_sale_stage_duration_seconds"][..]),
        (&ALL[..1], &["http_request_duration_seconds", "tillstream_lane_batch_envelopes"]),
        (&ALL[..1], &["tillstream_lane_publish_duration_seconds"]),
        (&WORKERS, &["tillstream_worker_batch_messages", "tillstream_worker_commit_duration_seconds"]),
        (&WORKERS, &["tillstream_worker_publish_duration_seconds"]),
    ];
    let mut promised: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (parts, names) in plain {
        for part in parts {
            promised.entry(*part).or_default().extend(names.iter().map(|name| (*name).to_owned()));
        }
    }
    for (parts, names) in histograms {
        for part in parts {
            let series = names.iter().flat_map(|name| ["bucket", "count", "sum"].map(|of| format!("{name}_{of}")));
            promised.entry(*part).or_default().extend(series);
        }
    }
    promised
}

/// The names of the series that a part exposes.
async fn exposed(running: &Running<'_>, part: &str) -> BTreeSet<String> {
    let url = &running.known().metrics[part];
    let (status, text) = http::get(url, Duration::from_secs(5)).await.unwrap();
    assert_eq!(status, 200, "{url}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

/// Sells, and looks until every part exposes what is promised.
async fn run() -> BTreeSet<String> {
    let shop = Shop::new();
    let running = shop.up();
    running.shell(&running.known().curl[0]);
    let mut all = BTreeSet::new();
    for (part, promised) in promised() {
        let mut found = exposed(&running, part).await;
        for _ in 0..300 {
            if promised.is_subset(&found) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            found = exposed(&running, part).await;
        }
        let missing: Vec<_> = promised.difference(&found).collect();
        assert!(missing.is_empty(), "{part} does not expose {missing:?}");
        all.extend(found);
    }
    assert_eq!(running.stop().code(), Some(0));
    all
}

fn list() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../charts/tillstream/files/metrics/tillstream.txt")
}

#[tokio::test]
async fn every_part_exposes_what_is_promised_and_the_list_is_true() {
    let found: String = run().await.into_iter().map(|name| name + "\n").collect();
    let listed = fs::read_to_string(list()).unwrap();
    assert_eq!(listed, found, "the list of metrics is not what is exposed: if that is meant, `{WRITE}`");
}

#[tokio::test]
#[ignore = "writes the list of metrics; run it by hand when metrics have changed"]
async fn write_the_list_of_metrics() {
    let found: String = run().await.into_iter().map(|name| name + "\n").collect();
    fs::create_dir_all(list().parent().unwrap()).unwrap();
    fs::write(list(), found).unwrap();
}
