//! Customers and their groups.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::identity::Role;
use tillstream_testkit::{Answer, Shop};
use uuid::Uuid;

async fn sent(shop: &Shop, method: &str, path: &str, version: Option<u32>, body: &Value) -> Answer {
    let mut call = shop.call(method, path).header("idempotency-key", &shop.ids.next().to_string());
    if let Some(version) = version {
        call = call.header("if-match", &format!("\"{version}\""));
    }
    if !body.is_null() {
        call = call.json(body);
    }
    call.header("prefer", "wait=20").send().await
}

/// A customer with this profile: their id.
async fn customer(shop: &Shop, profile: Value) -> Uuid {
    let answer = sent(shop, "POST", "/v1/customers", None, &json!({"profile": profile})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_str().unwrap().parse().unwrap()
}

/// The names of those whom `q` finds.
async fn found(shop: &Shop, q: &str) -> Vec<String> {
    let q = q.replace(' ', "%20").replace('+', "%2B");
    let page = shop.get(&format!("/v1/customers?q={q}")).await;
    assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"), "{page:?}");
    let names = page.json()["items"].as_array().unwrap().clone();
    let mut names: Vec<_> = names.iter().map(|of| of["profile"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

async fn group(shop: &Shop, name: &str) -> Uuid {
    let id = shop.ids.next();
    let put = sent(shop, "PUT", &format!("/v1/customer-groups/{id}"), None, &json!({"name": name})).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    id
}

#[tokio::test]
async fn a_customer_is_added_found_and_changed() {
    let shop = Shop::open().await;
    let anna =
        customer(&shop, json!({"name": "Anna Berg", "email": "A.Berg@example.com", "phone": "+49 151 234567"})).await;
    customer(&shop, json!({"name": "Annabel Lee", "note": "likes tea"})).await;
    customer(&shop, json!({"name": "Bo Anders", "phone": "0151-234999"})).await;
    assert_eq!(found(&shop, "ann").await, ["Anna Berg", "Annabel Lee"]);
    assert_eq!(found(&shop, "an b").await, ["Anna Berg", "Bo Anders"]);
    assert_eq!(found(&shop, "a.berg@EX").await, ["Anna Berg"]);
    assert_eq!(found(&shop, "+49 151").await, ["Anna Berg"]);
    assert_eq!(found(&shop, "151234").await, ["Anna Berg", "Bo Anders"]);
    for nothing in ["nna", "-", "tea", "%25", "berge", "ann bo"] {
        assert_eq!(found(&shop, nothing).await, [""; 0], "{nothing}");
    }
    let page = shop.get("/v1/customers?limit=2").await.json();
    let rest = shop.get(&format!("/v1/customers?limit=2&after={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    let path = format!("/v1/customers/{anna}");
    let shown = shop.get(&path).await;
    assert_eq!((shown.status, shown.header("etag")), (StatusCode::OK, "\"1\""), "{shown:?}");
    assert_eq!(shown.json()["profile"]["email"], json!("a.berg@example.com"));
    let regulars = group(&shop, "Regulars").await;
    let body = json!({"profile": {"name": "Anna Hill", "marketing": true}, "groups": [regulars]});
    assert_eq!(sent(&shop, "PUT", &path, Some(2), &body).await.status, StatusCode::PRECONDITION_FAILED);
    let changed = sent(&shop, "PUT", &path, Some(1), &body).await;
    assert_eq!((changed.status, &changed.json()["version"]), (StatusCode::OK, &json!(2)), "{changed:?}");
    let shown = shop.get(&path).await.json();
    assert_eq!(shown["profile"], json!({"name": "Anna Hill", "marketing": true}));
    assert_eq!(shown["groups"], json!([regulars]));
    assert_eq!((found(&shop, "berg").await, found(&shop, "hill").await), (vec![], vec!["Anna Hill".to_owned()]));
    let unknown = json!({"profile": {"name": "Anna"}, "groups": [Uuid::nil()]});
    assert_eq!(sent(&shop, "PUT", &path, Some(2), &unknown).await.problem(), "unknown_group");
    let bad = json!({"profile": {"name": "Anna", "phone": "4111 1111 1111 1"}});
    assert_eq!(sent(&shop, "POST", "/v1/customers", None, &bad).await.problem(), "invalid_body");
}

#[tokio::test]
async fn a_cashier_adds_customers_and_says_nothing_of_their_prices() {
    let shop = Shop::open().await;
    let cashier = shop.token_of(Role::Cashier).await;
    let regulars = group(&shop, "Regulars").await;
    let adding = async |groups: Value| {
        let call = shop.anonymous("POST", "/v1/customers").bearer(&cashier);
        let call = call.header("idempotency-key", &shop.ids.next().to_string());
        call.json(&json!({"profile": {"name": "Kim"}, "groups": groups})).send().await.status
    };
    assert_eq!(adding(json!([])).await, StatusCode::CREATED);
    assert_eq!(adding(json!([regulars])).await, StatusCode::FORBIDDEN);
}
