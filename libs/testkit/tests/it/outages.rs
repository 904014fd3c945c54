//! Outages: what is acknowledged is kept, what can't be kept is not acknowledged.

use axum::http::StatusCode;
use serde_json::json;
use tillstream_bus::{subject::Class, topology::Limits, trim::Keep};
use tillstream_testkit::{SHOP, Shop, ShopOptions};
use tokio::time::{Duration, Instant};

#[tokio::test]
async fn sales_go_on_while_the_database_is_down() {
    let edge = "[commands]\nstall_ms = 400\n".to_owned();
    let shop = Shop::with(ShopOptions { edge, ..ShopOptions::default() }).await;
    let sale = shop.basket(&[("espresso", "1")]);
    assert_eq!(shop.sell(shop.ids.next(), &sale).await.status, StatusCode::CREATED);

    shop.database.stop().await;
    let first = shop.sell(shop.ids.next(), &sale).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{first:?}");
    // After the first stall nobody waits: a hundred together take less than one wait of five seconds.
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(shop.sell(shop.ids.next(), &sale).await.status, StatusCode::ACCEPTED);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "the breaker did not open");
    let read = shop.get("/v1/sales").await;
    assert_eq!((read.status, read.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"));
    assert_eq!(read.header("retry-after"), "1");
    let ready = shop.anonymous("GET", "/readyz").send().await;
    assert_eq!(ready.status, StatusCode::OK, "sales can be taken: {ready:?}");
    assert_ne!(ready.json()["postgres"], json!("ok"));

    shop.database.start().await;
    shop.drain().await;
    assert_eq!(shop.count("select count(*) from sales.sales").await, 102);
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 102);
    assert_eq!(shop.stock("espresso").await, "-2");
    // Answers come again, so requests wait for theirs again.
    shop.until("requests are answered with their outcome", async || {
        shop.sell(shop.ids.next(), &sale).await.status == StatusCode::CREATED
    })
    .await;
}

#[tokio::test]
async fn without_a_broker_nothing_is_accepted() {
    let mut shop = Shop::open().await;
    let sale = shop.basket(&[("espresso", "1")]);
    let before = shop.ids.next();
    assert_eq!(shop.sell(before, &sale).await.status, StatusCode::CREATED);
    shop.drain().await;

    shop.kill_nats().await;
    let key = shop.ids.next();
    shop.until("the edge has noticed", async || {
        let refused = shop.sell(key, &sale).await;
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (StatusCode::SERVICE_UNAVAILABLE, "1"),
            "{refused:?}"
        );
        refused.problem() == "not_accepted"
    })
    .await;
    assert_eq!(shop.anonymous("GET", "/readyz").send().await.status, StatusCode::SERVICE_UNAVAILABLE);
    // Reading needs no broker.
    assert_eq!(shop.get(&format!("/v1/sales/{before}")).await.status, StatusCode::OK);
    assert_eq!(shop.count("select count(*) from sales.sales").await, 1);

    shop.start_nats().await;
    shop.until("the till's retry gets through", async || shop.sell(key, &sale).await.status == StatusCode::CREATED)
        .await;
    shop.drain().await;
    assert_eq!(shop.count("select count(*) from sales.sales").await, 2);
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 2);
    assert_eq!(shop.stock("espresso").await, "98");
}

#[tokio::test]
async fn a_worker_that_stands_still_does_not_fill_the_commands_of_another() {
    const KEEP: Keep = Keep { bytes: 1 << 30, messages: 0 };
    let limits = Limits { commands_max_bytes: 20_000, ..Limits::default() };
    let shop = Shop::with(ShopOptions { working: false, limits, ..ShopOptions::default() }).await;
    let trimmer = shop.bus_as("sales").await;
    let found =
        json!({"store": SHOP.store(), "reason": "found", "lines": [{"product": SHOP.product("tea"), "delta": "5"}]});
    let key = shop.ids.next().to_string();
    let adjusted = shop.call("POST", "/v1/stock/adjustments").header("idempotency-key", &key).json(&found);
    assert_eq!(adjusted.header("prefer", "respond-async").send().await.status, StatusCode::ACCEPTED);
    let sale = shop.basket(&[("tea", "1")]);
    let fill = async || {
        while shop.selling(shop.ids.next(), &sale).header("prefer", "respond-async").send().await.status
            == StatusCode::ACCEPTED
        {}
    };
    fill().await;
    assert_eq!(trimmer.trim(Class::Command, 0, KEEP).await.unwrap(), 0, "nothing is recorded yet");
    shop.drain_one(tillstream_sales_worker::Sales::default(), &shop.process()).await;
    assert!(trimmer.trim(Class::Command, 0, KEEP).await.unwrap() > 0, "recorded sales make room");
    fill().await;
    shop.drain().await;
    assert_eq!(shop.count("select count(*) from stock.movements where reason = 'found'").await, 1, "it was kept");
}

#[tokio::test]
async fn a_full_stream_pushes_back() {
    let limits = Limits { commands_max_bytes: 20_000, ..Limits::default() };
    let mut shop = Shop::with(ShopOptions { working: false, limits, ..ShopOptions::default() }).await;
    let sale = shop.basket(&[("tea", "1")]);
    let mut accepted = 0;
    let refused = loop {
        let answer = shop.selling(shop.ids.next(), &sale).header("prefer", "respond-async").send().await;
        if answer.status != StatusCode::ACCEPTED {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 100, "20,000 bytes hold fewer than a hundred sales");
    };
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "not_accepted"));
    assert_eq!(refused.header("retry-after"), "1");
    assert!(accepted > 0);

    shop.start_workers().await;
    shop.drain().await;
    assert_eq!(shop.count("select count(*) from sales.sales").await, accepted);
    let keep = Keep { bytes: 1 << 30, messages: 0 };
    assert!(shop.bus_as("sales").await.trim(Class::Command, 0, keep).await.unwrap() > 0, "room is made in time");
    assert_eq!(shop.sell(shop.ids.next(), &sale).await.status, StatusCode::CREATED);
}
