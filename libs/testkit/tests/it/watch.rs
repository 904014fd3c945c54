//! What operators watch is what there is.

use axum::http::StatusCode;
use tillstream_runtime::Clock;
use tillstream_testkit::Shop;

async fn sell_later(shop: &Shop) {
    let call = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1")])).header("prefer", "respond-async");
    assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_oldest_pending_message_is_the_one_that_has_waited_longest() {
    let shop = Shop::open_idle().await;
    let oldest = async || {
        let lag = shop.bus.lag("COMMANDS_0", "sales").await.unwrap();
        shop.bus.oldest_pending("COMMANDS_0", "cmd.sale.0", &lag).await.unwrap()
    };
    assert_eq!(oldest().await, None);
    let before = Clock::system().now();
    sell_later(&shop).await;
    let between = Clock::system().now();
    let first = oldest().await.unwrap();
    sell_later(&shop).await;
    assert_eq!(oldest().await, Some(first), "one more does not make the oldest younger");
    // The broker's clock is the machine's, but is read at another moment and cut to other units.
    assert!((before.micros() - 1_000..=between.micros() + 1_000).contains(&first.micros()), "{first}");
    shop.drain().await;
    assert_eq!(oldest().await, None);
}

/// The value of the first line of metrics that begins so.
fn value(metrics: &str, line: &str) -> u64 {
    let found = metrics.lines().find_map(|found| found.strip_prefix(line));
    found.unwrap_or_else(|| panic!("{line} is not in\n{metrics}")).trim().parse().unwrap()
}

#[tokio::test]
async fn a_sale_is_counted_at_every_stage() {
    let shop = Shop::open().await;
    let sale = shop.basket(&[("tea", "1")]);
    let key = shop.ids.next();
    for _ in 0..2 {
        let answer = shop.selling(key, &sale).header("prefer", "until=receipt").send().await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let mut unpaid = sale.clone();
    unpaid["payments"][0]["tendered"] = 1.into();
    assert_eq!(shop.sell(shop.ids.next(), &unpaid).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    shop.drain().await;
    let edge = shop.get("/metrics").await.text;
    assert_eq!(value(&edge, "tillstream_sale_stage_duration_seconds_count{stage=\"durable\"}"), 3);
    assert_eq!(value(&edge, "tillstream_lane_batch_envelopes_count{subject=\"cmd.sale.0\"}"), 3);
    assert_eq!(value(&edge, "tillstream_edge_waiting"), 0);
    assert_eq!(value(&edge, "tillstream_database_connections{state=\"max\"}"), 8);
    let workers = shop.workers_metrics().await;
    for stage in ["recorded", "stocked", "receipted"] {
        let count = format!("tillstream_sale_stage_duration_seconds_count{{stage=\"{stage}\"}}");
        assert_eq!(value(&workers, &count), 1, "neither a repetition nor a refusal is a sale");
    }
    let repeated = "tillstream_worker_messages_total{outcome=\"repeated\",worker=\"sales\"}";
    assert_eq!(value(&workers, repeated), 1);
}
