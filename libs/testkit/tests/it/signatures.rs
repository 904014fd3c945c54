//! Requests with a token that names a key: signed by that key, just now, and once.

use axum::http::StatusCode;
use tillstream_testkit::{Answer, Shop, Till};

fn refused(answer: &Answer, problem: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNAUTHORIZED, problem), "{answer:?}");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

fn now(shop: &Shop) -> i64 {
    shop.clock.now().micros() / 1_000_000
}

#[tokio::test]
async fn a_stolen_certificate_is_of_no_use_without_its_key() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let mut thief = Till::new(9);
    till.certificate.clone_into(&mut thief.certificate);
    let other = shop.enrolled(2).await;
    let products = || shop.at(&till, "GET", "/v1/products");
    refused(&products().send().await, "signature_missing");
    refused(&products().signed(&thief).send().await, "signature_invalid");
    refused(&products().signed(&other).send().await, "signature_invalid");
    assert_eq!(products().signed(&till).send().await.status, StatusCode::OK);
    // A token that names no key needs no signature.
    assert_eq!(shop.get("/v1/products").await.status, StatusCode::OK);
}

#[tokio::test]
async fn whatever_is_altered_on_the_way_is_refused() {
    let shop = Shop::open().await;
    let (till, other) = (shop.enrolled(1).await, shop.enrolled(2).await);
    let key = shop.ids.next().to_string();
    let basket = shop.basket(&[("tea", "1")]);
    let sale = || shop.at(&till, "POST", "/v1/sales").header("idempotency-key", &key).json(&basket);
    let (signed, digest) = sale().signature(&till, now(&shop), "nonce-of-one-sale");
    let digest = digest.unwrap();
    let sent = || {
        let call = sale().header("signature-input", &signed.input).header("signature", &signed.signature);
        call.header("content-digest", &digest)
    };
    let bigger = shop.basket(&[("tea", "9")]).to_string();
    let digest_of_bigger = tillstream_contract::signature::content_digest(bigger.as_bytes());
    refused(&sent().body(bigger.clone()).send().await, "signature_invalid");
    refused(&sent().body(bigger).instead("content-digest", &digest_of_bigger).send().await, "signature_invalid");
    refused(&sent().body("").send().await, "signature_invalid");
    refused(&sent().instead("idempotency-key", &shop.ids.next().to_string()).send().await, "signature_invalid");
    refused(&sent().bearer("x").send().await, "signature_invalid");
    refused(&sent().instead("authorization", "Bearer x").send().await, "unauthorized");
    let as_other = sent().instead("authorization", &format!("Bearer {}", other.certificate));
    refused(&as_other.send().await, "signature_invalid");
    refused(&sent().header("signature", &signed.signature).send().await, "signature_invalid");
    refused(&sent().header("content-digest", &digest).send().await, "signature_invalid");
    let approved = sent().header("approval", "x").send().await;
    assert_eq!((approved.status, approved.problem().as_str()), (StatusCode::FORBIDDEN, "approval_invalid"));
    assert_eq!(shop.count("select count(*) from sales.sales").await, 0);
    let sold = sent().send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");

    let undigested = sale().header("signature-input", &signed.input).header("signature", &signed.signature);
    refused(&undigested.send().await, "signature_invalid");
    let (get, _) = shop.at(&till, "GET", "/v1/products?limit=1").signature(&till, now(&shop), "nonce-of-one-read");
    for path in ["/v1/products?limit=2", "/v1/products", "/v1/registers?limit=1"] {
        let call = shop.at(&till, "GET", path).header("signature-input", &get.input);
        refused(&call.header("signature", &get.signature).send().await, "signature_invalid");
    }
}

#[tokio::test]
async fn a_signature_is_good_for_a_minute() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let read = async |created: i64, nonce: &str| {
        shop.at(&till, "GET", "/v1/products").signed_at(&till, created, nonce).send().await
    };
    for (number, far) in [-61, 61, -86_400, 86_400].into_iter().enumerate() {
        refused(&read(now(&shop) + far, &format!("nonce-of-far-{number:04}")).await, "signature_invalid");
    }
    for (number, near) in [-60, 0, 60].into_iter().enumerate() {
        let answer = read(now(&shop) + near, &format!("nonce-of-near-{number:04}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_shows_nothing_and_changes_nothing() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let read = || shop.at(&till, "GET", "/v1/products").signed_at(&till, now(&shop), "nonce-of-one-read");
    assert_eq!(read().send().await.status, StatusCode::OK);
    refused(&read().send().await, "signature_replayed");
    let keyed = shop.at(&till, "GET", "/v1/products").header("idempotency-key", &shop.ids.next().to_string());
    let keyed = keyed.signed_at(&till, now(&shop), "nonce-of-one-read");
    refused(&keyed.send().await, "signature_replayed");

    // A write is the same write.
    let key = shop.ids.next().to_string();
    let basket = shop.basket(&[("tea", "1")]);
    let sale = || {
        let call = shop.at(&till, "POST", "/v1/sales").header("idempotency-key", &key).json(&basket);
        call.signed_at(&till, now(&shop), "nonce-of-one-sale")
    };
    let (first, second) = (sale().send().await, sale().send().await);
    assert_eq!((first.status, second.json()), (StatusCode::CREATED, first.json()), "{second:?}");
    assert_eq!(shop.count("select count(*) from sales.sales").await, 1);
}

#[tokio::test]
async fn signatures_are_checked_while_the_database_is_away() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    shop.database.stop().await;
    let key = shop.ids.next().to_string();
    let call = || {
        let call = shop.at(&till, "POST", "/v1/sales").header("idempotency-key", &key);
        call.header("prefer", "respond-async").json(&shop.basket(&[("tea", "1")]))
    };
    refused(&call().send().await, "signature_missing");
    assert_eq!(call().signed(&till).send().await.status, StatusCode::ACCEPTED);
    shop.database.start().await;
}
