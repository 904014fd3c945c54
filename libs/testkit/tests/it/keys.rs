//! API keys: what they may, and when no more.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_testkit::{Answer, NEXT_DOOR, SHOP, Shop};

use crate::sessions::open;

async fn make(shop: &Shop, wanted: &Value) -> Answer {
    let key = shop.ids.next().to_string();
    shop.call("POST", "/v1/keys").header("idempotency-key", &key).json(wanted).send().await
}

async fn made(shop: &Shop, wanted: &Value) -> (String, String) {
    let answer = make(shop, wanted).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let [id, key] = ["id", "key"].map(|field| answer.json()[field].as_str().unwrap().to_owned());
    (id, key)
}

async fn get(shop: &Shop, key: &str, path: &str) -> StatusCode {
    shop.anonymous("GET", path).header("authorization", &format!("Bearer {key}")).send().await.status
}

async fn revoke(shop: &Shop, id: &str) -> Answer {
    let call = shop.call("POST", &format!("/v1/keys/{id}/revocation"));
    call.header("idempotency-key", &shop.ids.next().to_string()).send().await
}

const READS: [&str; 2] = ["/v1/products", "/v1/sales"];

#[tokio::test]
async fn a_key_is_shown_once_does_what_it_may_and_no_more() {
    let shop = open("").await;
    let wanted = json!({"name": "Web shop", "scopes": ["catalogue.read"]});
    let request = shop.ids.next().to_string();
    let call = async || shop.call("POST", "/v1/keys").header("idempotency-key", &request).json(&wanted).send().await;
    let (first, again) = (call().await, call().await);
    assert_eq!((first.status, first.json()), (StatusCode::CREATED, again.json()), "the same request shows the same");
    let key = first.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(get(&shop, &key, READS[0]).await, StatusCode::OK);
    assert_eq!(get(&shop, &key, READS[1]).await, StatusCode::FORBIDDEN);
    assert_eq!(get(&shop, &key, "/v1/keys").await, StatusCode::FORBIDDEN);
    let listed = async || shop.get("/v1/keys").await.json()["items"][0].clone();
    shop.until("its use is noted", async || listed().await["last_used_at"].is_string()).await;
    let text = listed().await.to_string();
    assert!(!text.contains(&key[36..]), "{text}");
    assert_eq!(shop.get_as(NEXT_DOOR, "/v1/keys").await.json()["items"], json!([]));
    let hidden = shop.count("select count(*) from identity.keys where encode(hash, 'hex') like '%' || name").await;
    assert_eq!(hidden, 0);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let shop = open("").await;
    let (_, key) = made(&shop, &json!({"name": "k", "scopes": ["catalogue.read"]})).await;
    let last = if key.ends_with('0') { "1" } else { "0" };
    let other_secret = format!("{}{last}", &key[..key.len() - 1]);
    let other_id = key.replacen(&key[3..35], &"0".repeat(32), 1);
    for wrong in ["ts_", "ts_x_y", &other_secret, &other_id, &key.to_uppercase()] {
        assert_eq!(get(&shop, wrong, READS[0]).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(get(&shop, &key, READS[0]).await, StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_everywhere() {
    let shop = open("").await;
    let other = shop.another_edge().await;
    let (id, key) = made(&shop, &json!({"name": "k", "scopes": ["catalogue.read"]})).await;
    let at_other = async || {
        let call = shop.anonymous("GET", READS[0]).header("authorization", &format!("Bearer {key}"));
        call.send_to(other.clone()).await.status
    };
    assert_eq!((get(&shop, &key, READS[0]).await, at_other().await), (StatusCode::OK, StatusCode::OK));
    let revoked = revoke(&shop, &id).await;
    assert_eq!((revoked.status, revoked.json()["version"].as_u64()), (StatusCode::OK, Some(2)));
    assert_eq!(get(&shop, &key, READS[0]).await, StatusCode::UNAUTHORIZED);
    shop.until("the other edge knows", async || at_other().await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(revoke(&shop, &id).await.json()["version"], 2, "twice is once");
    assert_eq!(revoke(&shop, &shop.ids.next().to_string()).await.problem(), "unknown_key");
}

#[tokio::test]
async fn a_key_expires_and_outlives_the_database_for_a_while() {
    let shop = open("").await;
    let wanted =
        json!({"name": "k", "scopes": ["catalogue.read", "sales.submit"], "expires_at": "2026-03-01T10:10:00Z"});
    let (_, key) = made(&shop, &wanted).await;
    assert_eq!(get(&shop, &key, READS[0]).await, StatusCode::OK);
    shop.database.stop().await;
    shop.clock.advance(120_000_000);
    let sold = shop
        .anonymous("POST", "/v1/sales")
        .header("authorization", &format!("Bearer {key}"))
        .header("idempotency-key", &shop.ids.next().to_string())
        .header("prefer", "respond-async")
        .json(&shop.basket(&[("tea", "1")]))
        .send()
        .await;
    assert_eq!(sold.status, StatusCode::ACCEPTED, "{sold:?}");
    shop.database.start().await;
    shop.clock.advance(480_000_000);
    assert_eq!(get(&shop, &key, READS[0]).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn keys_that_could_do_too_much_are_not_made() {
    let shop = open("").await;
    for (wanted, code) in [
        (json!({"name": "k", "scopes": ["users.manage"]}), "scope_not_for_keys"),
        (json!({"name": "k", "scopes": ["keys.manage", "sales.read"]}), "scope_not_for_keys"),
        (json!({"name": "k", "scopes": []}), "no_scope"),
        (json!({"name": "k", "scopes": ["everything"]}), "invalid_body"),
        (json!({"name": "k", "scopes": ["sales.read"], "stores": []}), "key_stores"),
        (json!({"name": "k", "scopes": ["sales.read"], "expires_at": "2026-03-01T10:00:00Z"}), "expiry_past"),
        (json!({"name": "", "scopes": ["sales.read"]}), "invalid_body"),
    ] {
        assert_eq!(make(&shop, &wanted).await.problem(), code, "{wanted}");
    }
    let (_, key) = made(&shop, &json!({"name": "k", "scopes": ["sales.read"], "stores": [SHOP.store()]})).await;
    assert_eq!(get(&shop, &key, READS[1]).await, StatusCode::OK);
    let elsewhere = json!({"name": "k", "scopes": ["sales.read"], "stores": [NEXT_DOOR.store()]});
    assert_eq!(make(&shop, &elsewhere).await.problem(), "unknown_store");
}
