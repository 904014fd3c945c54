//! `Stack`, as fault injection and benchmarks use it.

use std::time::{Duration, Instant};

use tillstream_pos::{Role, Stack, StackOptions, http};
use tokio::time::sleep;

use crate::shop::{Shop, lives};

fn options(shop: &Shop) -> StackOptions {
    // The workers of a debug build know this one; those of a release build would refuse to start.
    StackOptions { sabotage: cfg!(debug_assertions).then(|| "ack_before_commit".to_owned()), ..shop.stack() }
}

async fn until_ready(stack: &Stack) {
    let until = Instant::now() + Duration::from_mins(2);
    while !stack.is_ready().await {
        assert!(Instant::now() < until, "not ready again: {:?}", stack.pids());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn every_part_survives_every_fault() {
    let shop = Shop::new();
    let mut stack = Stack::start(options(&shop)).await.unwrap();
    assert!(stack.is_ready().await);
    for role in Role::ALL {
        let first = stack.pid(role);
        stack.kill(role).await.unwrap();
        while stack.starts(role) < 2 {
            sleep(Duration::from_millis(10)).await;
        }
        until_ready(&stack).await;
        stack.terminate(role).await.unwrap();
        while stack.starts(role) < 3 {
            sleep(Duration::from_millis(10)).await;
        }
        until_ready(&stack).await;
        assert_ne!(stack.pid(role), first);
    }
    let pids = stack.pids();
    stack.stop().await.unwrap();
    assert!(pids.values().all(|pid| !lives(*pid)), "{pids:?}");
}

#[tokio::test]
async fn a_paused_database_answers_nobody_until_it_is_resumed() {
    let shop = Shop::new();
    let mut stack = Stack::start(options(&shop)).await.unwrap();
    stack.pause(Role::Postgres).await.unwrap();
    let url = stack.metrics_url(Role::SalesWorker).replace("/metrics", "/readyz");
    let (status, report) = http::get(&url, Duration::from_secs(10)).await.unwrap();
    assert_eq!(status, 503, "{report}");
    assert!(report.contains("postgres"), "{report}");
    stack.resume(Role::Postgres).await.unwrap();
    until_ready(&stack).await;
    // Whatever is paused is stopped all the same.
    stack.pause(Role::Postgres).await.unwrap();
    stack.pause(Role::Edge).await.unwrap();
    let pids = stack.pids();
    stack.stop().await.unwrap();
    assert!(pids.values().all(|pid| !lives(*pid)), "{pids:?}");
}
