//! Stock by hand, and that the levels are what the ledger adds up to.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_testkit::{Answer, NEXT_DOOR, SHOP, Shop};
use uuid::Uuid;

async fn adjust(shop: &Shop, key: Uuid, body: &Value) -> Answer {
    shop.call("POST", "/v1/stock/adjustments").header("idempotency-key", &key.to_string()).json(body).send().await
}

fn adjustment(sku: &str, delta: &str, reason: &str) -> Value {
    json!({"store": SHOP.store(), "reason": reason, "lines": [{"product": SHOP.product(sku), "delta": delta}]})
}

#[tokio::test]
async fn an_adjustment_moves_levels_once() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let body = adjustment("tea", "-2.5", "damaged");
    let moved = adjust(&shop, key, &body).await;
    assert_eq!((moved.status, moved.header("location")), (StatusCode::CREATED, format!("/v1/commands/{key}").as_str()));
    assert_eq!(moved.json()["lines"][0]["delta"], json!("-2.5"));
    let again = adjust(&shop, key, &body).await;
    assert_eq!((again.status, again.json()), (moved.status, moved.json()));
    assert_eq!(shop.stock("tea").await, "97.5");

    let conflict = adjust(&shop, key, &adjustment("tea", "-3", "damaged")).await;
    assert_eq!(conflict.problem(), "idempotency_key_reused");
    assert_eq!(adjust(&shop, shop.ids.next(), &adjustment("tea", "10", "received")).await.status, StatusCode::CREATED);
    assert_eq!(shop.stock("tea").await, "107.5");
    let command = shop.get(&format!("/v1/commands/{key}")).await.json();
    assert_eq!((&command["kind"], &command["result"]), (&json!("stock.adjust.v1"), &moved.json()));
}

#[tokio::test]
async fn adjustments_that_make_no_sense_are_refused() {
    let shop = Shop::open().await;
    for (body, code) in [
        (adjustment("tea", "0", "damaged"), "quantity_out_of_range"),
        (adjustment("tea", "1", "sale"), "reason_not_allowed"),
        (adjustment("tea", "1", "magic"), "invalid_body"),
        (json!({"store": SHOP.store(), "reason": "found", "lines": []}), "empty_basket"),
        (
            json!({"store": NEXT_DOOR.store(), "reason": "found", "lines": [{"product": SHOP.product("tea"), "delta": "1"}]}),
            "unknown_store",
        ),
        (
            json!({"store": SHOP.store(), "reason": "found", "lines": [{"product": NEXT_DOOR.product("tea"), "delta": "1"}]}),
            "unknown_product",
        ),
    ] {
        let refused = adjust(&shop, shop.ids.next(), &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, code), "{body}");
    }
    assert_eq!(shop.stock("tea").await, "100");
}

#[tokio::test]
async fn levels_are_what_the_ledger_adds_up_to() {
    let shop = Shop::open_idle().await;
    for number in 1..=30 {
        let sku = ["tea", "cake", "espresso"][number % 3];
        let call = shop.selling(shop.ids.next(), &shop.basket(&[(sku, &number.to_string()), ("voucher", "0.001")]));
        let sold = call.header("prefer", "respond-async").send().await;
        assert_eq!(sold.status, StatusCode::ACCEPTED);
    }
    shop.drain().await;
    let drift = "select count(*) from stock.levels l where on_hand <> (select sum(delta) from stock.movements m
        where (m.merchant_id, m.store_id, m.product_id) = (l.merchant_id, l.store_id, l.product_id))";
    assert_eq!(shop.count(drift).await, 0);
    assert_eq!(shop.count("select count(*) from stock.levels").await, 8);
}

#[tokio::test]
async fn levels_and_products_come_in_pages() {
    let shop = Shop::open().await;
    for path in [format!("/v1/stock/levels?store={}&limit=3", SHOP.store()), "/v1/products?limit=3".to_owned()] {
        let first = shop.get(&path).await.json();
        let next = first["next"].as_str().unwrap_or_else(|| panic!("{first}"));
        let second = shop.get(&format!("{path}&after={next}")).await.json();
        let skus: Vec<_> = [&first, &second]
            .iter()
            .flat_map(|page| page["items"].as_array().unwrap())
            .map(|item| item["sku"].as_str().unwrap())
            .collect();
        assert_eq!((skus, &second["next"]), (vec!["cake", "espresso", "tea", "voucher"], &Value::Null));
    }
    let registers = shop.get("/v1/registers").await.json();
    assert_eq!(registers["items"][1]["code"], json!("R2"));
    assert_eq!(shop.get_as(NEXT_DOOR, "/v1/registers").await.json()["items"][0]["id"], json!(NEXT_DOOR.register(1)));
}

#[tokio::test]
async fn a_level_may_be_larger_than_any_movement() {
    let shop = Shop::open().await;
    let most = json!({"product": SHOP.product("tea"), "delta": "1000000000"});
    let body = json!({"store": SHOP.store(), "reason": "found", "lines": [most, most]});
    assert_eq!(adjust(&shop, shop.ids.next(), &body).await.status, StatusCode::CREATED);
    assert_eq!(adjust(&shop, shop.ids.next(), &body).await.status, StatusCode::CREATED);
    assert_eq!(shop.stock("tea").await, "4000000100");
}
