//! What an autoscaler is told: KEDA's JetStream scaler asks NATS' monitoring port, and nobody else.

use std::time::Duration;

use serde_json::Value;
use tillstream_pos::{
    Role, Stack, demo, http,
    load::client::{Client, Post, Target},
};
use tillstream_runtime::Ids;
use tokio::time::sleep;

use crate::shop::Shop;

/// The scaler's question, and the sum that it makes of the answer: messages not delivered yet and in hand.
async fn lag(stack: &Stack, stream: &str, consumer: &str) -> Option<u64> {
    let url = format!("{}/jsz?acc=$G&consumers=true&config=true", stack.nats_monitor_url());
    let (status, body) = http::get(&url, Duration::from_secs(5)).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let named = |list: &Value, name: &str| {
        list.as_array().into_iter().flatten().find(|entry| entry["name"] == name).cloned().unwrap_or_default()
    };
    let stream = named(&named(&answer["account_details"], "$G")["stream_detail"], stream);
    let consumer = named(&stream["consumer_detail"], consumer);
    Some(consumer["num_pending"].as_u64()? + consumer["num_ack_pending"].as_u64()?)
}

#[tokio::test]
async fn the_lag_rises_when_a_worker_stops_and_falls_when_it_returns() {
    let shop = Shop::new();
    let mut stack = Stack::start(shop.stack()).await.unwrap();
    for (stream, consumer) in
        [("COMMANDS_0", "sales"), ("COMMANDS_0", "stock"), ("EVENTS_0", "stock"), ("EVENTS_0", "receipts")]
    {
        assert_eq!(
            lag(&stack, stream, consumer).await,
            Some(0),
            "{consumer} of {stream} is there before anything sells"
        );
    }
    assert_eq!(lag(&stack, "EVENTS_0", "nobody").await, None);

    stack.pause(Role::ReceiptsWorker).await.unwrap();
    let mut till = Client::new(Target::new(&stack.url(), Some(stack.token())).unwrap(), Duration::from_secs(40));
    let body = demo::Owner::Cafe.basket(1);
    for _ in 0..5 {
        let post = Post { key: Ids::random().next(), prefer: Some("wait=30"), body: body.clone().into() };
        assert_eq!(till.post("/v1/sales", post).await.unwrap().status, 201);
    }
    // One after the other, so each sale's event is a message of its own.
    while lag(&stack, "EVENTS_0", "receipts").await < Some(5) {
        sleep(Duration::from_millis(20)).await;
    }
    while lag(&stack, "EVENTS_0", "stock").await != Some(0) {
        sleep(Duration::from_millis(20)).await;
    }
    stack.resume(Role::ReceiptsWorker).await.unwrap();
    while lag(&stack, "EVENTS_0", "receipts").await != Some(0) {
        sleep(Duration::from_millis(20)).await;
    }
    stack.stop().await.unwrap();
}
