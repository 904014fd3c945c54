//! Live events: nothing is missed, whenever a client comes and goes.

use axum::{body::Body, http::Request};
use futures_util::StreamExt;
use tillstream_testkit::{Fixture, NEXT_DOOR, SHOP, Shop};
use tokio::time::{Duration, timeout};
use tower::ServiceExt;

struct Follower {
    body: futures_util::stream::BoxStream<'static, String>,
    text: String,
    /// Pairs of id and type.
    seen: Vec<(String, String)>,
}

impl Follower {
    async fn of(shop: &Shop, merchant: Fixture, last: Option<&str>) -> Self {
        let mut request =
            Request::get("/v1/events").header("authorization", format!("Bearer {}", shop.token(merchant)));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = shop.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let frames = response.into_body().into_data_stream();
        let body = frames.map(|frame| String::from_utf8(frame.unwrap().to_vec()).unwrap()).boxed();
        Self { body, text: String::new(), seen: Vec::new() }
    }

    /// Reads until `count` events have been seen.
    async fn read(&mut self, count: usize) -> &[(String, String)] {
        while self.seen.len() < count {
            let next = timeout(Duration::from_secs(20), self.body.next()).await;
            self.text +=
                &next.unwrap_or_else(|_| panic!("saw {:?} of {count}", self.seen)).expect("the stream goes on");
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                };
                if event.contains("event:") {
                    self.seen.push((field("id:"), field("event:")));
                }
                self.text = rest.into();
            }
        }
        &self.seen
    }
}

async fn sell(shop: &Shop, count: usize) {
    for _ in 0..count {
        let call = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1")]));
        assert!(call.header("prefer", "wait=20, until=receipt").send().await.status.is_success());
    }
    shop.drain().await;
}

#[tokio::test]
async fn a_client_that_comes_back_misses_nothing() {
    let shop = Shop::open().await;
    let mut live = Follower::of(&shop, SHOP, None).await;
    let mut next_door = Follower::of(&shop, NEXT_DOOR, None).await;
    sell(&shop, 3).await;
    let all = live.read(9).await.to_vec();
    let mut kinds: Vec<_> = all.iter().map(|(_, kind)| kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds[0..3], ["receipt.issued.v1"; 3]);
    assert_eq!(kinds[3..6], ["sale.recorded.v1"; 3]);
    assert_eq!(kinds[6..9], ["stock.moved.v1"; 3]);

    // Whatever was seen last, what comes after it is what had come after it, and then what is new.
    for place in 0..all.len() {
        let mut back = Follower::of(&shop, SHOP, Some(&all[place].0)).await;
        assert_eq!(back.read(all.len() - place - 1).await, &all[place + 1..]);
    }
    let mut back = Follower::of(&shop, SHOP, Some(&all[8].0)).await;
    sell(&shop, 1).await;
    let new = live.read(12).await[9..].to_vec();
    assert_eq!(back.read(3).await, new);

    let quiet = timeout(Duration::from_millis(100), next_door.read(1)).await;
    assert!(quiet.is_err(), "the other merchant sees {quiet:?}");
}

#[tokio::test]
async fn a_client_that_was_away_too_long_is_told() {
    let shop = Shop::open().await;
    let mut live = Follower::of(&shop, SHOP, None).await;
    sell(&shop, 2).await;
    let first = live.read(6).await[0].0.clone();
    shop.bus.purge_events(0).await.unwrap();
    sell(&shop, 1).await;
    let mut back = Follower::of(&shop, SHOP, Some(&first)).await;
    assert_eq!(back.read(4).await[0].1, "gap");
}

#[tokio::test]
async fn followers_notice_that_the_broker_was_away_and_resume() {
    let mut shop = Shop::open().await;
    let mut live = Follower::of(&shop, SHOP, None).await;
    sell(&shop, 1).await;
    let last = live.read(3).await[2].0.clone();
    shop.kill_nats().await;
    shop.start_nats().await;
    // It is cut off, and does not wait for ever for events that nobody reads.
    let ended = timeout(Duration::from_mins(1), async { while live.body.next().await.is_some() {} }).await;
    assert!(ended.is_ok(), "the stream goes on without a reader");
    shop.until("sales go through again", async || {
        let call = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1")]));
        call.header("prefer", "wait=20, until=receipt").send().await.status == axum::http::StatusCode::CREATED
    })
    .await;
    let mut back = Follower::of(&shop, SHOP, Some(&last)).await;
    back.read(3).await;
    sell(&shop, 1).await;
    back.read(6).await;
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let shop = Shop::open_idle().await;
    let answer = shop.call("GET", "/v1/events").header("last-event-id", "yesterday").send().await;
    assert_eq!(answer.problem(), "bad_parameter");
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let shop = Shop::open_idle().await;
    let document = shop.anonymous("GET", "/openapi.json").send().await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/sales"]["post"].is_object());
    assert!(shop.anonymous("GET", "/docs/").send().await.text.contains("swagger"));
    let metrics = shop.anonymous("GET", "/metrics").send().await.text;
    assert!(metrics.contains("http_requests_total"), "{metrics}");
    assert_eq!(shop.anonymous("GET", "/livez").send().await.text, "ok\n");
}
