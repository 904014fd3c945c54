//! Prices: what a basket costs, and that a sale costs what was quoted.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::identity::Role;
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

async fn put(shop: &Shop, path: &str, body: &Value, version: Option<u32>) -> Answer {
    let mut call = shop.call("PUT", path).header("idempotency-key", &shop.ids.next().to_string());
    if let Some(version) = version {
        call = call.header("if-match", &format!("\"{version}\""));
    }
    call.json(body).send().await
}

/// Adds a promotion.
async fn promote(shop: &Shop, change: Value) -> Uuid {
    let id = shop.ids.next();
    let mut promotion = json!({"id": id, "name": "Offer"});
    promotion.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let answer = put(shop, &format!("/v1/promotions/{id}"), &promotion, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    id
}

async fn quote(shop: &Shop, lines: &[(&str, &str)], change: impl FnOnce(&mut Value)) -> Answer {
    let lines: Vec<_> =
        lines.iter().map(|(sku, quantity)| json!({"product": SHOP.product(sku), "quantity": quantity})).collect();
    let mut basket = json!({"store": SHOP.store(), "currency": "EUR", "lines": lines});
    change(&mut basket);
    shop.call("POST", "/v1/quotes").json(&basket).send().await
}

fn three_for_two() -> Value {
    json!({"name": "Three for two", "scope": {"products": [SHOP.product("espresso")]},
           "effect": {"buy_get": {"buy": 2, "get": 1, "percent": "100"}}})
}

#[tokio::test]
async fn a_quote_explains_each_number_and_a_sale_costs_the_same() {
    let shop = Shop::open().await;
    let promotion = promote(&shop, three_for_two()).await;
    let lines = [("espresso", "4"), ("cake", "1")];
    let quoted =
        quote(&shop, &lines, |basket| basket["discount"] = json!({"off": {"percent": "10"}, "reason": "Staff"}));
    let quoted = quoted.await;
    assert_eq!(quoted.status, StatusCode::OK, "{quoted:?}");
    let quoted = quoted.json();
    // 8.80 less 2.20, and 3.50: 10.10, of which a tenth is 1.01.
    assert_eq!((&quoted["quote"]["amount"], &quoted["quote"]["total"]), (&json!(1230), &json!(909)));
    let texts: Vec<_> =
        quoted["explanations"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert!(
        texts.iter().any(|text| text.contains("Three for two")) && texts.iter().any(|text| text.contains("Staff")),
        "{texts:?}"
    );

    let mut basket = shop.basket(&lines);
    basket["discount"] = json!({"off": {"percent": "10"}, "reason": "Staff"});
    let sold = shop.selling(shop.ids.next(), &basket).header("prefer", "wait=20, until=receipt").send().await.json();
    assert_eq!((&sold["total"], &sold["flags"]), (&json!(909), &json!(["no_shift"])), "{sold}");
    let discounts = &sold["lines"][0]["discounts"];
    assert_eq!(discounts[0], json!({"amount": 220, "name": "Three for two", "promotion": promotion}));
    assert_eq!(discounts[1]["name"], json!("Staff"));
    let path = format!("/v1/sales/{}/receipt", sold["id"].as_str().unwrap());
    let receipt = shop.call("GET", &path).header("accept", "text/plain").send().await.text;
    assert!(receipt.contains("Three for two") && receipt.contains("-2.20"), "{receipt}");
    let report = shop.get("/v1/reports/sales?by=promotion&from=2026-03-01&until=2026-03-02").await.json();
    let total = &report["items"][0];
    assert_eq!((&total["total"]["discount"], &total["name"]), (&json!(220), &json!("Three for two")), "{report}");
}

#[tokio::test]
async fn a_promotion_edited_while_a_basket_is_open_leaves_what_was_charged() {
    let shop = Shop::open().await;
    let id = promote(&shop, three_for_two()).await;
    let quoted = quote(&shop, &[("espresso", "3")], |_| ()).await.json();
    assert_eq!(quoted["quote"]["total"], json!(440));
    let mut dearer = three_for_two();
    (dearer["id"], dearer["effect"]["buy_get"]["percent"]) = (json!(id), json!("50"));
    let path = format!("/v1/promotions/{id}");
    assert_eq!(put(&shop, &path, &dearer, None).await.status, StatusCode::PRECONDITION_FAILED);
    let changed = put(&shop, &path, &dearer, Some(1)).await;
    assert_eq!((changed.status, &changed.json()["version"]), (StatusCode::OK, &json!(2)), "{changed:?}");
    assert_eq!(quote(&shop, &[("espresso", "3")], |_| ()).await.json()["quote"]["total"], json!(550));
    // What the till charged is a fact.
    let mut basket = shop.basket(&[("espresso", "3")]);
    basket["lines"][0]["charged"] = json!([{"amount": 220, "name": "Three for two", "promotion": id}]);
    let sold = shop.sell(shop.ids.next(), &basket).await.json();
    assert_eq!((&sold["total"], &sold["flags"]), (&json!(440), &json!(["price_differs", "no_shift"])), "{sold}");
    // It has ended.
    let end = shop.call("DELETE", &path).header("idempotency-key", &shop.ids.next().to_string());
    let ended = end.header("if-match", "\"2\"").send().await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    assert_eq!(shop.sell(shop.ids.next(), &shop.basket(&[("espresso", "3")])).await.json()["total"], json!(660));
}

#[tokio::test]
async fn coupons_hours_and_stores_are_looked_at() {
    let shop = Shop::open().await;
    promote(&shop, json!({"effect": {"basket_amount": 100}, "conditions": {"coupon": "SPRING"}})).await;
    promote(&shop, json!({"effect": {"percent": "50"}, "conditions": {"hours": {"from": "17:00", "until": "19:00"}}}))
        .await;
    let total = async |change: fn(&mut Value)| {
        quote(&shop, &[("espresso", "1")], change).await.json()["quote"]["total"].clone()
    };
    assert_eq!(total(|_| ()).await, json!(220));
    assert_eq!(total(|basket| basket["coupons"] = json!(["spring"])).await, json!(120));
    assert_eq!(total(|basket| basket["at"] = json!("2026-03-01T17:30:00Z")).await, json!(110));
    let call = shop.call("PATCH", &format!("/v1/stores/{}", SHOP.store())).header("if-match", "\"1\"");
    let call = call.header("idempotency-key", &shop.ids.next().to_string());
    let changed = call.json(&json!({"name": "High Street", "time_zone": "America/New_York"})).send().await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(total(|basket| basket["at"] = json!("2026-03-01T17:30:00Z")).await, json!(220));
    assert_eq!(total(|basket| basket["at"] = json!("2026-03-01T22:30:00Z")).await, json!(110));
    let missed = quote(&shop, &[("tea", "1")], |basket| basket["coupons"] = json!(["WINTER"])).await.json();
    assert_eq!(missed["quote"]["missed"][0]["why"], json!("unknown_coupon"), "{missed}");
    // A sale is priced by the time at which it was sold.
    let mut basket = shop.basket(&[("espresso", "1")]);
    (basket["sold_at"], basket["coupons"]) = (json!("2026-02-28T22:30:00Z"), json!(["Spring"]));
    assert_eq!(shop.sell(shop.ids.next(), &basket).await.json()["total"], json!(10));
}

#[tokio::test]
async fn a_price_list_changes_what_products_cost() {
    let shop = Shop::open().await;
    let list = shop.ids.next();
    let path = format!("/v1/price-lists/{list}");
    let added = put(&shop, &path, &json!({"id": list, "name": "Crates"}), None).await;
    assert_eq!(added.status, StatusCode::OK, "{added:?}");
    let set = |prices: Value| {
        let call = shop.call("POST", &format!("{path}/prices"));
        call.header("idempotency-key", &shop.ids.next().to_string()).json(&json!({"prices": prices})).send()
    };
    let crate_of = json!([{"product": SHOP.product("tea"), "from_quantity": "10", "unit_price": 150}]);
    assert_eq!(set(crate_of).await.status, StatusCode::OK);
    let total = async |quantity: &str| {
        shop.sell(shop.ids.next(), &shop.basket(&[("tea", quantity)])).await.json()["total"].clone()
    };
    assert_eq!((total("9").await, total("10").await), (json!(1791), json!(1500)));
    let unknown = set(json!([{"product": Uuid::nil(), "unit_price": 1}])).await;
    assert_eq!(unknown.problem(), "unknown_product", "{unknown:?}");
    let negative = set(json!([{"product": SHOP.product("tea"), "from_quantity": "-1", "unit_price": 1}])).await;
    assert_eq!(negative.problem(), "quantity_out_of_range", "{negative:?}");
    assert_eq!(set(json!([{"product": SHOP.product("tea"), "from_quantity": "10"}])).await.status, StatusCode::OK);
    assert_eq!(total("10").await, json!(1990));
}

#[tokio::test]
async fn what_cannot_be_priced_is_refused_clearly() {
    let shop = Shop::open().await;
    let refused = async |change: fn(&mut Value)| quote(&shop, &[("tea", "1")], change).await.problem();
    assert_eq!(refused(|basket| basket["currency"] = json!("USD")).await, "currency_mismatch");
    assert_eq!(refused(|basket| basket["lines"] = json!([])).await, "empty_basket");
    assert_eq!(refused(|basket| basket["lines"][0]["quantity"] = json!("-1")).await, "quantity_out_of_range");
    assert_eq!(refused(|basket| basket["lines"][0]["product"] = json!(Uuid::nil())).await, "unknown_product");
    assert_eq!(refused(|basket| basket["lines"][0]["unit_price"] = json!(-1)).await, "price_negative");
    let id = shop.ids.next();
    let bad = json!({"id": id, "name": "Nothing", "effect": {"amount_off": 0}});
    assert_eq!(put(&shop, &format!("/v1/promotions/{id}"), &bad, None).await.problem(), "promotion_invalid");
    let mut basket = shop.basket(&[("tea", "1")]);
    basket["lines"][0]["charged"] = json!([{"amount": 1, "name": "4111 1111 1111 1111"}]);
    assert_eq!(shop.sell(shop.ids.next(), &basket).await.problem(), "invalid_body");
    basket["lines"][0]["charged"] = json!([{"amount": 200, "name": "Too much"}]);
    assert_eq!(shop.sell(shop.ids.next(), &basket).await.problem(), "discount_out_of_range");
}

#[tokio::test]
async fn a_big_discount_is_not_a_cashiers_to_give() {
    let shop = Shop::open().await;
    let selling = async |role: Role, off: Value| {
        let mut basket = shop.basket(&[("cake", "1")]);
        basket["discount"] = json!({"off": off, "reason": "Regular"});
        let call = shop.anonymous("POST", "/v1/sales").bearer(&shop.token_of(role).await);
        call.header("idempotency-key", &shop.ids.next().to_string()).json(&basket).send().await.status
    };
    assert_eq!(selling(Role::Cashier, json!({"percent": "10"})).await, StatusCode::CREATED);
    assert_eq!(selling(Role::Cashier, json!({"percent": "10.1"})).await, StatusCode::FORBIDDEN);
    assert_eq!(selling(Role::Cashier, json!({"amount": 1})).await, StatusCode::FORBIDDEN);
    assert_eq!(selling(Role::Manager, json!({"percent": "50"})).await, StatusCode::CREATED);
}
