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

#[tokio::test]
async fn every_answer_protects_who_reads_it() {
    let shop = Shop::open().await;
    let pages = ["/v1/sales", "/v1/sales/17", "/v1/nothing", "/docs/", "/openapi.json", "/livez"];
    for path in pages {
        for answer in [shop.get(path).await, shop.anonymous("POST", path).send().await] {
            let header = |name| answer.header(name);
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}: {answer:?}");
            assert_eq!((header("x-frame-options"), header("referrer-policy")), ("DENY", "no-referrer"), "{path}");
            assert_eq!(header("cache-control").contains("no-store"), path.starts_with("/v1/"), "{path}: {answer:?}");
            assert_eq!(header("strict-transport-security"), "", "{path}");
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{path}");
            assert_eq!(policy.contains("script-src 'self'"), path == "/docs/", "{path}: {policy}");
            assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src 'self' 'unsafe"), "{policy}");
        }
    }
    // What the documentation's page loads is what its policy lets it: files from here, no scripts in the page itself.
    let page = shop.get("/docs/").await.text;
    let mut scripts = page.split("<script").skip(1).peekable();
    assert!(scripts.peek().is_some() && scripts.all(|script| script.starts_with(" src=\"./")), "{page}");
}

#[tokio::test]
async fn scripts_may_do_what_the_api_has() {
    let shop = Shop::with(options("[http]\ncors_origins = ['https://till.example.com']\n")).await;
    let call = shop.anonymous("OPTIONS", "/v1/sales").header("origin", "https://till.example.com");
    let preflight = call.header("access-control-request-method", "PATCH").send().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(preflight.header("access-control-allow-methods").contains(method), "{preflight:?}");
    }
    for name in ["authorization", "approval", "content-digest", "idempotency-key", "if-match", "signature-input"] {
        assert!(preflight.header("access-control-allow-headers").split(',').any(|allowed| allowed == name), "{name}");
    }
    let answer = shop.call("GET", "/v1/sales").header("origin", "https://till.example.com").send().await;
    for name in ["etag", "ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(answer.header("access-control-expose-headers").split(',').any(|shown| shown == name), "{answer:?}");
    }
    assert_eq!(answer.header("access-control-allow-origin"), "https://till.example.com");
}
