//! Customers and their groups.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::identity::Role;
use tillstream_testkit::{Answer, SHOP, Shop};
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
    let bad = json!({"profile": {"name": "Anna", "phone": "3782 822463 10005"}});
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

/// What one pays for an espresso of 2.20 as this customer.
async fn espresso(shop: &Shop, customer: Option<Uuid>) -> Value {
    let mut basket = shop.basket(&[("espresso", "1")]);
    if let Some(customer) = customer {
        basket["customer"] = json!(customer);
    }
    let sold = shop.sell(shop.ids.next(), &basket).await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    sold.json()
}

async fn merge(shop: &Shop, from: Uuid, into: Uuid) -> Answer {
    sent(shop, "POST", &format!("/v1/customers/{from}/merge"), None, &json!({"into": into})).await
}

#[tokio::test]
async fn a_groups_prices_are_for_who_is_in_it() {
    let shop = Shop::open().await;
    let (regulars, others) = (group(&shop, "Regulars").await, group(&shop, "Others").await);
    let id = shop.ids.next();
    let half = json!({"id": id, "name": "Half", "effect": {"percent": "50"}, "conditions": {"groups": [regulars]}});
    assert_eq!(sent(&shop, "PUT", &format!("/v1/promotions/{id}"), None, &half).await.status, StatusCode::OK);
    let anna = customer(&shop, json!({"name": "Anna"})).await;
    let bo = customer(&shop, json!({"name": "Bo"})).await;
    for (customer, groups) in [(anna, [regulars]), (bo, [others])] {
        let body = json!({"profile": {"name": "A"}, "groups": groups});
        let put = sent(&shop, "PUT", &format!("/v1/customers/{customer}"), Some(1), &body).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
    }
    let total = async |customer| espresso(&shop, customer).await["total"].clone();
    assert_eq!(
        (total(Some(anna)).await, total(Some(bo)).await, total(None).await),
        (json!(110), json!(220), json!(220))
    );
    let quote = async |customer: Uuid| {
        let line = json!({"product": SHOP.product("espresso"), "quantity": "1"});
        let body = json!({"store": SHOP.store(), "currency": "EUR", "lines": [line], "customer": customer});
        shop.call("POST", "/v1/quotes").json(&body).send().await
    };
    assert_eq!(quote(anna).await.json()["quote"]["total"], json!(110));
    assert_eq!(quote(bo).await.json()["quote"]["total"], json!(220));
    assert_eq!(quote(Uuid::nil()).await.problem(), "unknown_customer");
    // Bo turns out to be Anna.
    assert_eq!(merge(&shop, anna, bo).await.status, StatusCode::OK);
    assert_eq!((total(Some(anna)).await, total(Some(bo)).await), (json!(110), json!(110)));
    let end = sent(&shop, "DELETE", &format!("/v1/customer-groups/{regulars}"), Some(1), &Value::Null).await;
    assert_eq!(end.status, StatusCode::OK, "{end:?}");
    assert_eq!(total(Some(bo)).await, json!(220), "the group has ended");
}

#[tokio::test]
async fn a_sale_says_who_bought_and_a_customer_what() {
    let shop = Shop::open().await;
    let anna = customer(&shop, json!({"name": "Anna"})).await;
    let sold = espresso(&shop, Some(anna)).await;
    assert_eq!(sold["customer"], json!(anna));
    let mut back = shop.basket(&[("espresso", "-1")]);
    back["lines"][0]["original"] = json!({"sale": sold["id"], "line": 0});
    back["payments"] = json!([{"method": "cash", "tendered": -220}]);
    let returned = shop.sell(shop.ids.next(), &back).await.json();
    assert_eq!(returned["customer"], json!(anna), "what comes back comes from who bought it");
    let voided = espresso(&shop, Some(anna)).await["id"].as_str().unwrap().to_owned();
    let body = json!({"store": SHOP.store(), "register": SHOP.register(1)});
    let void = sent(&shop, "POST", &format!("/v1/sales/{voided}/void"), None, &body).await;
    assert_eq!(void.json()["customer"], json!(anna), "{void:?}");

    let mut unknown = shop.basket(&[("espresso", "1")]);
    unknown["customer"] = json!(Uuid::nil());
    let refused = shop.sell(shop.ids.next(), &unknown).await;
    assert_eq!((refused.problem().as_str(), refused.status), ("unknown_customer", StatusCode::UNPROCESSABLE_ENTITY));
    assert!(refused.text.contains("/customer"), "{refused:?}");
    unknown["offline"] = json!(true);
    let fact = shop.sell(shop.ids.next(), &unknown).await.json();
    assert_eq!(fact["flags"], json!(["no_shift", "customer_unknown"]), "{fact}");

    let bo = customer(&shop, json!({"name": "Bo"})).await;
    let merged = merge(&shop, anna, bo).await;
    assert_eq!((merged.status, &merged.json()["id"]), (StatusCode::OK, &json!(bo)), "{merged:?}");
    assert_eq!(espresso(&shop, Some(anna)).await["customer"], json!(bo), "who names the one means the other");
    assert_eq!(shop.get(&format!("/v1/customers/{anna}")).await.json()["id"], json!(bo));
    let kim = customer(&shop, json!({"name": "Kim"})).await;
    assert_eq!(merge(&shop, bo, kim).await.status, StatusCode::OK);
    assert_eq!(merge(&shop, bo, anna).await.problem(), "customer_merged");
    let history =
        async |id: Uuid, more: &str| shop.get(&format!("/v1/customers/{id}/sales?limit=3{more}")).await.json();
    for id in [anna, kim] {
        let page = history(id, "").await;
        let rest = history(id, &format!("&after={}", page["next"].as_str().unwrap())).await;
        let items = |page: &Value| page["items"].as_array().unwrap().len();
        assert_eq!(
            (items(&page), items(&rest), &rest["next"]),
            (3, 2, &Value::Null),
            "of all whom they were merged with"
        );
    }
}

#[tokio::test]
async fn who_buys_is_looked_up_only_where_somebody_is_named() {
    let shop = Shop::open().await;
    let reads = async || {
        let query = "select coalesce(sum(seq_scan + idx_scan), 0)::bigint from pg_stat_user_tables
                     where relname = 'customers'";
        sqlx::query("select pg_stat_force_next_flush()").execute(&shop.pool).await.unwrap();
        shop.count(query).await
    };
    for _ in 0..3 {
        espresso(&shop, None).await;
    }
    assert_eq!(reads().await, 0);
}
