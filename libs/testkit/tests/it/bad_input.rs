//! Bad input: it loses nothing, changes nothing, and gets a clear answer.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_contract::token::{self, Access};
use tillstream_testkit::{Answer, NEXT_DOOR, SHOP, Shop, ShopOptions};

/// Sends a basket changed by `change`, and expects the refusal `code` at `pointer` and no trace in the books.
async fn refused(shop: &Shop, change: impl FnOnce(&mut Value), code: &str, pointer: &str) {
    let mut sale = shop.basket(&[("espresso", "1")]);
    change(&mut sale);
    let answer = shop.sell(shop.ids.next(), &sale).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, code), "{answer:?}");
    assert_eq!(answer.json()["errors"][0]["pointer"].as_str().unwrap_or(""), pointer, "{answer:?}");
}

#[tokio::test]
async fn what_is_not_understood_is_named() {
    let shop = Shop::open().await;
    let unknown = "d00d0000-0000-8000-8000-000000000001";
    refused(&shop, |sale| sale["store"] = json!(17), "invalid_body", "/store").await;
    refused(&shop, |sale| sale["colour"] = json!("red"), "invalid_body", "/colour").await;
    refused(&shop, |sale| sale["lines"][0]["quantity"] = json!(1.5), "invalid_body", "/lines/0/quantity").await;
    refused(&shop, |sale| sale["lines"][0]["quantity"] = json!("1.2345"), "invalid_body", "/lines/0/quantity").await;
    refused(&shop, |sale| sale["lines"][0]["quantity"] = json!("0"), "quantity_out_of_range", "/lines/0/quantity")
        .await;
    refused(&shop, |sale| sale["lines"][0]["unit_price"] = json!(-1), "price_negative", "/lines/0/unit_price").await;
    refused(&shop, |sale| sale["lines"][0]["unit_price"] = json!(i64::MAX), "invalid_body", "/lines/0/unit_price")
        .await;
    refused(&shop, |sale| sale["lines"] = json!([]), "empty_basket", "/lines").await;
    refused(&shop, |sale| sale["payments"] = json!([]), "payment_short", "/payments").await;
    refused(&shop, |sale| sale["payments"][0]["tendered"] = json!(219), "payment_short", "/payments").await;
    refused(&shop, |sale| sale["payments"][0]["tendered"] = json!(-5), "payment_not_positive", "/payments/0").await;
    refused(&shop, |sale| sale["currency"] = json!("USD"), "currency_mismatch", "/currency").await;
    refused(&shop, |sale| sale["currency"] = json!("EURO"), "invalid_body", "/currency").await;
    refused(&shop, |sale| sale["store"] = json!(unknown), "unknown_store", "/store").await;
    refused(&shop, |sale| sale["register"] = json!(unknown), "unknown_register", "/register").await;
    refused(&shop, |sale| sale["lines"][0]["product"] = json!(unknown), "unknown_product", "/lines/0/product").await;
    refused(&shop, |sale| sale["store"] = json!(NEXT_DOOR.store()), "unknown_store", "/store").await;
    refused(&shop, |sale| sale["sold_at"] = json!("yesterday"), "invalid_body", "/sold_at").await;
    let lines = json!({"product": SHOP.product("espresso"), "quantity": "1"});
    refused(&shop, |sale| sale["lines"] = json!(vec![lines; 501]), "too_many_lines", "/lines").await;
    assert_eq!(shop.count("select count(*) from sales.sales").await, 0);
}

#[tokio::test]
async fn amounts_beyond_counting_are_refused() {
    let shop = Shop::open().await;
    let most = 9_007_199_254_740_991_i64;
    let change = |sale: &mut Value| {
        sale["lines"][0] = json!({"product": SHOP.product("espresso"), "quantity": "2", "unit_price": most});
    };
    let mut sale = shop.basket(&[("espresso", "1")]);
    change(&mut sale);
    let answer = shop.sell(shop.ids.next(), &sale).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "amount_overflow"));

    // The biggest that fits is taken.
    sale["lines"][0]["quantity"] = json!("1");
    sale["payments"] = json!([{"method": "card", "amount": most}]);
    let answer = shop.sell(shop.ids.next(), &sale).await;
    assert_eq!((answer.status, answer.json()["total"].as_i64()), (StatusCode::CREATED, Some(most)), "{answer:?}");
}

#[tokio::test]
async fn no_card_number_gets_in() {
    let shop = Shop::open().await;
    let number = "4111 1111 1111 1111";
    refused(&shop, |sale| sale["note"] = json!(format!("card {number}, thanks")), "invalid_body", "/note").await;
    let card = json!({"method": "card", "amount": 220, "reference": number});
    refused(&shop, |sale| sale["payments"] = json!([card]), "invalid_body", "/payments/0").await;
    let card = json!({"method": "card", "amount": 220, "last4": "41111"});
    refused(&shop, |sale| sale["payments"] = json!([card]), "invalid_body", "/payments/0").await;
    let stored = "select count(*) from inbox.messages where position('4111'::bytea in outcome) > 0";
    assert_eq!(shop.count(stored).await, 0);
}

#[tokio::test]
async fn broken_requests_get_their_status() {
    let shop = Shop::open().await;
    let key = shop.ids.next().to_string();
    let post = || shop.call("POST", "/v1/sales").header("content-type", "application/json");
    let expect = |answer: Answer, status: StatusCode, problem: &str| {
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{answer:?}");
    };
    let sale = shop.basket(&[("tea", "1")]).to_string();

    let malformed = post().header("idempotency-key", &key).body("{\"store\": ").send().await;
    expect(malformed, StatusCode::BAD_REQUEST, "malformed_json");
    expect(post().body(sale.clone()).send().await, StatusCode::BAD_REQUEST, "bad_idempotency_key");
    let odd_key = post().header("idempotency-key", "17").body(sale.clone()).send().await;
    expect(odd_key, StatusCode::BAD_REQUEST, "bad_idempotency_key");
    let form = shop.call("POST", "/v1/sales").header("idempotency-key", &key).body(sale.clone()).send().await;
    expect(form, StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json");
    let huge = post().header("idempotency-key", &key).body(" ".repeat(300_000)).send().await;
    expect(huge, StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    let deep = post().header("idempotency-key", &key).body("[".repeat(100_000)).send().await;
    assert!(deep.status.is_client_error(), "{deep:?}");
    expect(shop.get("/v1/nothing").await, StatusCode::NOT_FOUND, "no_route");
    expect(shop.call("DELETE", "/v1/sales").send().await, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    expect(shop.get("/v1/sales/17").await, StatusCode::BAD_REQUEST, "bad_parameter");
    expect(shop.get("/v1/sales?limit=0").await, StatusCode::BAD_REQUEST, "bad_parameter");
    expect(shop.get("/v1/sales?after=x").await, StatusCode::BAD_REQUEST, "bad_parameter");
    expect(shop.get("/v1/products?after=%00").await, StatusCode::BAD_REQUEST, "bad_parameter");
    expect(shop.get("/v1/stock/levels").await, StatusCode::BAD_REQUEST, "bad_parameter");
    let absent = format!("/v1/stock/levels?store={}", shop.ids.next());
    expect(shop.get(&absent).await, StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn only_our_tokens_are_taken() {
    let shop = Shop::open().await;
    let now = shop.clock.now().micros() / 1_000_000;
    let claims = Access::operator(SHOP.merchant(), now);
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let good = shop.token(SHOP);
    let (body, signature) = good.rsplit_once('.').unwrap();
    let bad = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer x".to_owned(),
        format!("Basic {good}"),
        format!("Bearer {body}.{}", signature.chars().rev().collect::<String>()),
        format!("Bearer {}", token::sign(&claims, now + 60, &stranger)),
    ];
    for header in bad {
        let answer = shop.anonymous("GET", "/v1/sales").header("authorization", &header).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"), "{header}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(shop.anonymous("GET", "/v1/sales").send().await.status, StatusCode::UNAUTHORIZED);

    // A good one is taken, and no longer when its time is over, though it was known.
    assert_eq!(shop.get("/v1/sales").await.status, StatusCode::OK);
    shop.clock.advance(3_600_000_000);
    let late = shop.anonymous("GET", "/v1/sales").header("authorization", &format!("Bearer {good}")).send().await;
    assert!(late.status == StatusCode::UNAUTHORIZED && late.text.contains("expired"), "{late:?}");
}

#[tokio::test]
async fn browsers_may_call_from_where_they_are_allowed() {
    let edge = "[http]\ncors_origins = ['https://till.example.com']\n".to_owned();
    let shop = Shop::with(ShopOptions { edge, ..ShopOptions::default() }).await;
    let preflight = async |origin: &str| {
        let call = shop.anonymous("OPTIONS", "/v1/sales").header("origin", origin);
        call.header("access-control-request-method", "POST").send().await
    };
    let allowed = preflight("https://till.example.com").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://till.example.com");
    assert_eq!(preflight("https://elsewhere.example.com").await.header("access-control-allow-origin"), "");
}
