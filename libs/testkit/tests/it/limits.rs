//! Whoever asks for too much is told so, and nobody else notices.

use axum::http::StatusCode;
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;
use tillstream_testkit::{Answer, Fixture, NEXT_DOOR, SHOP, Shop, ShopOptions};
use uuid::Uuid;

async fn limited(edge: &str) -> Shop {
    Shop::with(ShopOptions { edge: edge.to_owned(), ..ShopOptions::default() }).await
}

/// Submits a sale of one tea.
async fn sell_tea(shop: &Shop, merchant: Fixture, key: Uuid) -> Answer {
    let sale = json!({
        "store": merchant.store(),
        "register": merchant.register(1),
        "currency": "EUR",
        "lines": [{"product": merchant.product("tea"), "quantity": "1"}],
        "payments": [{"method": "cash", "tendered": 10_000}],
    });
    let post = shop.anonymous("POST", "/v1/sales").header("authorization", &format!("Bearer {}", shop.token(merchant)));
    post.header("idempotency-key", &key.to_string()).header("prefer", "wait=30").json(&sale).send().await
}

/// The value of the first line of the edge's metrics that begins so.
async fn metric(shop: &Shop, line: &str) -> u64 {
    let metrics = shop.anonymous("GET", "/metrics").send().await.text;
    let found = metrics.lines().find_map(|found| found.strip_prefix(line));
    found.unwrap_or_else(|| panic!("{line} is not in\n{metrics}")).trim().parse().unwrap()
}

async fn one_of_us_is_limited(by: &str) {
    let shop = limited(&format!("[limits]\n{by}_per_s = 2\n{by}_burst = 3\n")).await;
    let key = shop.ids.next();
    for left in [2, 1, 0] {
        let answer = sell_tea(&shop, SHOP, key).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let spent = 3 - left;
        assert_eq!(answer.header("ratelimit"), format!("\"{by}\";r={left};t={}", (spent + 1) / 2), "{answer:?}");
        assert!(answer.header("ratelimit-policy").contains(&format!("\"{by}\";q=3;w=2")), "{answer:?}");
    }
    let answer = sell_tea(&shop, SHOP, shop.ids.next()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
    assert_eq!((answer.header("retry-after"), answer.header("ratelimit")), ("1", &*format!("\"{by}\";r=0;t=1")));
    assert_eq!(metric(&shop, &format!("tillstream_edge_limited_total{{limit=\"{by}\"}}")).await, 1);
    // Another sells on, and so does this one after a while.
    assert_eq!(sell_tea(&shop, NEXT_DOOR, shop.ids.next()).await.status, StatusCode::CREATED);
    shop.clock.advance(500_000);
    assert_eq!(sell_tea(&shop, SHOP, shop.ids.next()).await.status, StatusCode::CREATED);
    assert_eq!(sell_tea(&shop, SHOP, shop.ids.next()).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shop.count("select count(*) from sales.sales").await, 3);
}

#[tokio::test]
async fn a_caller_may_ask_so_often() {
    one_of_us_is_limited("token").await;
}

#[tokio::test]
async fn a_merchant_may_ask_so_often() {
    one_of_us_is_limited("merchant").await;
}

#[tokio::test]
async fn an_address_may_ask_so_often_whoever_asks() {
    let shop = limited("[http]\ntrusted_proxies = 1\n[limits]\naddress_per_s = 1\naddress_burst = 2\n").await;
    let ask =
        async |forwarded: &str| shop.anonymous("GET", "/v1/products").header("x-forwarded-for", forwarded).send().await;
    assert_eq!(ask("203.0.113.7").await.header("ratelimit"), "\"address\";r=1;t=1");
    assert_eq!(ask("203.0.113.7").await.status, StatusCode::UNAUTHORIZED);
    // What it claims to be does not help.
    let answer = ask("198.51.100.1, 203.0.113.7").await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
    assert_eq!(ask("203.0.113.8").await.status, StatusCode::UNAUTHORIZED);
    // Nor does a token. Nobody is counted for health, metrics and documentation.
    let call = shop.call("GET", "/v1/products").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(call.send().await.status, StatusCode::TOO_MANY_REQUESTS);
    for _ in 0..3 {
        let answer = shop.call("GET", "/livez").header("x-forwarded-for", "203.0.113.7").send().await;
        assert_eq!((answer.status, answer.header("ratelimit")), (StatusCode::OK, ""));
    }
}

#[tokio::test]
async fn without_proxies_nobody_can_pass_for_another() {
    let shop = limited("[limits]\naddress_per_s = 1\naddress_burst = 2\n").await;
    let mut statuses = Vec::new();
    for client in 0..3 {
        let call = shop.call("GET", "/v1/products").header("x-forwarded-for", &format!("203.0.113.{client}"));
        statuses.push(call.send().await.status);
    }
    assert_eq!(statuses, [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
}

#[tokio::test]
async fn a_neighbour_that_floods_leaves_room_for_others() {
    let shop = limited("[commands]\nqueue = 8\nstall_ms = 60000\n").await;
    // Nothing moves on.
    shop.halt_nats();
    let mut flood: FuturesUnordered<_> = (0..20).map(|_| sell_tea(&shop, NEXT_DOOR, shop.ids.next())).collect();
    for _ in 0..16 {
        let answer = flood.next().await.unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    let (ours, ()) = tokio::join!(sell_tea(&shop, SHOP, shop.ids.next()), async { shop.resume_nats() });
    assert_eq!(ours.status, StatusCode::CREATED, "{ours:?}");
    let theirs: Vec<_> = flood.map(|answer| answer.status).collect().await;
    assert_eq!(theirs, [StatusCode::CREATED; 4]);
    assert_eq!(metric(&shop, "tillstream_edge_limited_total{limit=\"commands\"}").await, 16);
    // The places are free again.
    assert_eq!(sell_tea(&shop, NEXT_DOOR, shop.ids.next()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn who_hangs_up_gets_no_more_places() {
    let shop = limited("[commands]\nqueue = 8\nstall_ms = 60000\n").await;
    shop.halt_nats();
    let sell = async |merchant| sell_tea(&shop, merchant, shop.ids.next()).await;
    for _ in 0..4 {
        let asked = std::pin::pin!(sell(NEXT_DOOR));
        // Far enough to have its command in the lane; then the client is gone, and the command is not.
        assert!(futures_util::future::poll_immediate(asked).await.is_none());
    }
    assert_eq!(sell(NEXT_DOOR).await.status, StatusCode::TOO_MANY_REQUESTS);
    shop.resume_nats();
    shop.until("the flood is stored", async || {
        metric(&shop, "tillstream_lane_waiting{subject=\"cmd.sale.0\"}").await == 0
    })
    .await;
    shop.until("a place is free", async || sell(NEXT_DOOR).await.status == StatusCode::CREATED).await;
}
