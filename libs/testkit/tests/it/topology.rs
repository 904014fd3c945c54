//! Streams and consumers: applied again without change, drift shown before it is mended, messages trimmed only when taken.

use axum::http::StatusCode;
use serde_json::json;
use tillstream_bus::{
    subject::Class,
    topology::{Limits, Topology},
    trim::Keep,
};
use tillstream_testkit::{SHOP, Shop, ShopOptions};

#[tokio::test]
async fn applying_again_changes_nothing_and_drift_is_shown() {
    let shop = Shop::open_idle().await;
    assert_eq!(shop.topology.plan(&shop.bus).await.unwrap(), []);
    shop.topology.apply(&shop.bus).await.unwrap();
    assert_eq!(shop.topology.plan(&shop.bus).await.unwrap(), []);

    let changed = Topology::declare(1, &Limits { events_max_bytes: 1 << 30, ack_wait_ms: 5_000, ..Limits::default() });
    let plan = changed.plan(&shop.bus).await.unwrap();
    let shown: Vec<_> = plan.iter().map(|change| (change.what.as_str(), change.fields[0].0.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("EVENTS_0", "max_bytes"),
            ("COMMANDS_0/sales", "ack_wait"),
            ("COMMANDS_0/customers", "ack_wait"),
            ("COMMANDS_0/stock", "ack_wait"),
            ("COMMANDS_0/identity", "ack_wait"),
            ("EVENTS_0/stock", "ack_wait"),
            ("EVENTS_0/receipts", "ack_wait"),
        ]
    );
    assert_eq!(plan[0].fields[0].1, json!(8_i64 << 30));
    changed.apply(&shop.bus).await.unwrap();
    assert_eq!(changed.plan(&shop.bus).await.unwrap(), []);

    let smaller = Topology::declare(1, &Limits { identity_max_bytes: 64 << 20, ..Limits::default() });
    let plan = smaller.plan(&shop.bus).await.unwrap();
    assert!(plan.iter().any(|change| change.what == "KV_IDENTITY" && change.fields[0].0 == "max_bytes"), "{plan:?}");

    // More partitions are new streams.
    let plan = Topology::declare(2, &Limits::default()).plan(&shop.bus).await.unwrap();
    assert!(plan.iter().any(|change| change.what == "EVENTS_1" && change.fields.is_empty()), "{plan:?}");
}

#[tokio::test]
async fn a_merchant_in_another_partition_is_served_there() {
    let shop = Shop::with(ShopOptions { partitions: 3, ..ShopOptions::default() }).await;
    let partition = tillstream_bus::subject::partition(SHOP.merchant(), 3);
    assert_ne!(partition, 0, "the fixture's merchant is in another partition than the first");
    let sold = shop
        .selling(shop.ids.next(), &shop.basket(&[("tea", "1")]))
        .header("prefer", "wait=20, until=receipt")
        .send()
        .await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    let subject = Class::Command.subject("sale", partition);
    shop.bus.publish(subject.clone(), "rubbish".into()).await.unwrap();
    shop.drain().await;
    assert_eq!(shop.stock("tea").await, "99");
    assert_eq!(
        shop.bus.dead_letters(1, 1).await.unwrap()[0].1.subject,
        subject,
        "a redrive goes back to where it came from"
    );
    assert_eq!(shop.bus.feed_range(0).await.unwrap().1, 0, "nothing is in the first partition");
}

#[tokio::test]
async fn messages_are_trimmed_only_once_every_worker_has_taken_them() {
    const ALL: Keep = Keep { bytes: 1 << 30, messages: 0 };
    const NONE: Keep = Keep { bytes: 0, messages: 0 };
    let shop = Shop::open_idle().await;
    let sell = async || {
        let call = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1")])).header("prefer", "respond-async");
        assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
    };
    let trimmer = shop.bus_as("sales").await;
    for done in 0..5 {
        sell().await;
        assert_eq!(trimmer.trim(Class::Command, 0, NONE).await.unwrap(), u64::from(done > 0), "only what is recorded");
        shop.drain_one(tillstream_sales_worker::Sales::default(), &shop.process()).await;
    }
    shop.drain_one(tillstream_stock_worker::Depletion, &shop.process()).await;
    assert_eq!(trimmer.trim(Class::Event, 0, NONE).await.unwrap(), 0, "receipts has not taken them");
    shop.drain().await;
    let (first, last) = shop.bus.feed_range(0).await.unwrap();
    assert_eq!(trimmer.trim(Class::Event, 0, ALL).await.unwrap(), 0, "there is room");
    let two = Keep { messages: 2, ..NONE };
    assert_eq!(trimmer.trim(Class::Event, 0, two).await.unwrap(), last - first + 1 - 2, "two are kept for who resumes");
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 5);
}
