//! The biggest and the smallest that can be sold.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_testkit::{SHOP, Shop};
use uuid::Uuid;

/// The biggest amount there is: 2^53 − 1.
const MOST: i64 = 9_007_199_254_740_991;

async fn post(shop: &Shop, path: &str, body: &Value) -> Value {
    let call = shop.call("POST", path).header("idempotency-key", &shop.ids.next().to_string());
    let answer = call.header("prefer", "wait=30").json(body).send().await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.json()
}

async fn promote(shop: &Shop, effect: Value) {
    let id = shop.ids.next();
    let call = shop.call("PUT", &format!("/v1/promotions/{id}")).header("idempotency-key", &id.to_string());
    let answer = call.json(&json!({"id": id, "name": "Offer", "effect": effect})).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// 500 lines of half a thousandth part of everything, with two promotions: quoted, sold, printed, and all of it taken back.
#[tokio::test]
async fn a_basket_of_500_lines_goes_all_the_way_and_back() {
    let shop = Shop::open().await;
    promote(&shop, json!({"percent": "10"})).await;
    promote(&shop, json!({"basket_percent": "5"})).await;
    let products = ["espresso", "cake", "tea", "voucher"];
    let quantities = ["0.001", "1", "0.333", "2.5", "1000"];
    let lines: Vec<_> = (0..500).map(|at| (products[at % 4], quantities[at % 5])).collect();
    let mut basket = shop.basket(&lines);
    let quoted =
        post(&shop, "/v1/quotes", &json!({"store": SHOP.store(), "currency": "EUR", "lines": basket["lines"]})).await;
    let total = quoted["quote"]["total"].as_i64().unwrap();
    basket["payments"] = json!([{"method": "card", "amount": total}]);
    let key = shop.ids.next();
    let sold = shop.selling(key, &basket).header("prefer", "wait=30, until=receipt").send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{}", sold.text);
    let sold = sold.json();
    assert_eq!(sold["total"], json!(total));
    let worth = |line: &Value| {
        let off = line["discounts"].as_array().into_iter().flatten().map(|off| off["amount"].as_i64().unwrap());
        line["amount"].as_i64().unwrap() - off.sum::<i64>()
    };
    assert_eq!(sold["lines"].as_array().unwrap().iter().map(worth).sum::<i64>(), total);

    for (at, line) in basket["lines"].as_array_mut().unwrap().iter_mut().enumerate() {
        line["quantity"] = json!(format!("-{}", line["quantity"].as_str().unwrap()));
        line["original"] = json!({"sale": key, "line": at});
    }
    basket["payments"] = json!([{"method": "card", "amount": -total}]);
    let back = post(&shop, "/v1/sales", &basket).await;
    assert_eq!(
        (&back["kind"], &back["total"], &back["tax"]),
        (&json!("return"), &json!(-total), &json!(-sold["tax"].as_i64().unwrap()))
    );
    shop.drain().await;
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
    for sku in products {
        assert_eq!(shop.stock(sku).await, "100", "{sku}");
    }
    let receipt = shop.call("GET", &format!("/v1/sales/{key}/receipt")).header("accept", "text/plain").send().await;
    assert_eq!(receipt.text.matches("Offer").count(), sold["lines"].to_string().matches("\"Offer\"").count());
}

#[tokio::test]
async fn more_discounts_than_a_sale_may_have_are_refused_when_they_are_quoted() {
    let shop = Shop::open().await;
    for percent in ["10", "5", "1"] {
        promote(&shop, json!({"percent": percent})).await;
    }
    let lines = vec![json!({"product": SHOP.product("espresso"), "quantity": "1"}); 334];
    let body = json!({"store": SHOP.store(), "currency": "EUR", "lines": lines});
    let quoted = shop.call("POST", "/v1/quotes").json(&body).send().await;
    assert_eq!(quoted.problem(), "basket_too_large", "{quoted:?}");
    let sold = shop.sell(shop.ids.next(), &shop.basket(&vec![("espresso", "1"); 334])).await;
    assert_eq!(sold.problem(), "basket_too_large", "{sold:?}");
}

/// Many of the biggest sales there can be are counted, reported and closed, and nothing stops.
#[tokio::test]
async fn the_biggest_amounts_that_fit_are_sold_reported_and_closed() {
    let shop = Shop::open().await;
    let here = |more: Value| {
        let mut body = json!({"store": SHOP.store(), "register": SHOP.register(1)});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let shift = post(&shop, "/v1/shifts", &here(json!({"float": MOST}))).await;
    let shift = shift["id"].as_str().unwrap();
    let mut basket = shop.basket(&[("voucher", "1")]);
    (basket["lines"][0]["unit_price"], basket["payments"]) = (json!(MOST), json!([{"method": "card", "amount": MOST}]));
    for _ in 0..3 {
        let sold = post(&shop, "/v1/sales", &basket).await;
        assert_eq!((&sold["total"], &sold["flags"]), (&json!(MOST), &json!(["price_differs"])));
    }
    let mut beyond = basket.clone();
    beyond["lines"].as_array_mut().unwrap().push(json!({"product": SHOP.product("tea"), "quantity": "0.01"}));
    assert_eq!(shop.sell(shop.ids.next(), &beyond).await.problem(), "amount_overflow");
    post(&shop, &format!("/v1/shifts/{shift}/end"), &here(json!({}))).await;
    let z = post(&shop, &format!("/v1/shifts/{shift}/close"), &here(json!({"documents": 3}))).await;
    assert_eq!((&z["totals"]["gross"], &z["grand"]["gross"]), (&json!(3 * MOST), &json!(3 * MOST)));
    let report = shop.get("/v1/reports/sales?by=product&from=2026-03-01&until=2026-03-02").await.json();
    assert_eq!(report["items"][0]["total"]["amount"], json!(3 * MOST), "{report}");
    shop.drain().await;
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
}

/// Cash is rounded to what there are coins for: two cents are nothing, and never less.
#[tokio::test]
async fn rounding_makes_no_total_negative() {
    let shop = Shop::open().await;
    sqlx::query("update catalog.merchants set cash_step = 5").execute(&shop.pool).await.unwrap();
    for (unit_price, tendered, rounding) in [(1, 0, -1), (2, 0, -2), (3, 5, 2), (7, 5, -2)] {
        let mut basket = shop.basket(&[("tea", "1")]);
        basket["lines"][0]["unit_price"] = json!(unit_price);
        basket["payments"] = if tendered == 0 { json!([]) } else { json!([{"method": "cash", "tendered": tendered}]) };
        let key: Uuid = shop.ids.next();
        let answer = shop.sell(key, &basket).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{unit_price}: {answer:?}");
        let sold = answer.json();
        assert_eq!((&sold["total"], &sold["change"]), (&json!(unit_price), &json!(0)), "{sold}");
        assert_eq!(sold["cash_rounding"], json!(rounding), "{sold}");
        basket["lines"][0] =
            json!({"product": SHOP.product("tea"), "quantity": "-1", "original": {"sale": key, "line": 0}});
        basket["payments"] = if tendered == 0 { json!([]) } else { json!([{"method": "cash", "tendered": -tendered}]) };
        let back = post(&shop, "/v1/sales", &basket).await;
        assert_eq!((&back["total"], &back["cash_rounding"]), (&json!(-unit_price), &json!(-rounding)), "{back}");
    }
}
