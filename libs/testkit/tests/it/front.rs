//! The edge's front door, over TCP.

use axum::http::StatusCode;
use tillstream_testkit::{SHOP, Shop, ShopOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn options(edge: &str) -> ShopOptions {
    ShopOptions { edge: edge.to_owned(), ..ShopOptions::default() }
}

/// Sends `text` on a connection of its own and reads to its end.
async fn exchange(shop: &Shop, text: &str) -> String {
    let mut stream = TcpStream::connect(shop.listen().await).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_body_that_trickles_is_not_waited_for() {
    let shop = Shop::with(options("[http]\nbody_ms = 50\n")).await;
    let head = format!(
        "POST /v1/sales HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer {}\r\nidempotency-key: {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        shop.token(SHOP),
        shop.ids.next()
    );
    let answer = exchange(&shop, &head).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("/problems/body_too_slow"), "{answer}");
}

#[tokio::test]
async fn depth_is_bounded() {
    let shop = Shop::open().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let body = format!("{{\"other\":{}1{}}}", open.repeat(30_000), close.repeat(30_000));
        let post = shop.call("POST", "/v1/sales").header("idempotency-key", &shop.ids.next().to_string());
        let answer = post.header("content-type", "application/json").body(body).send().await;
        let refused = matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused && !answer.problem().is_empty(), "{open}: {answer:?}");
    }
}
