//! What comes back: returns, exchanges, voids, and the numbers that tills give them.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::identity::Role;
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

/// A basket of which each line comes back of the sale, paid back in cash.
fn returning(shop: &Shop, sale: Uuid, lines: &[(&str, &str, u16)], refund: i64) -> Value {
    let mut basket = shop.basket(&lines.iter().map(|(sku, quantity, _)| (*sku, *quantity)).collect::<Vec<_>>());
    for (at, (.., line)) in lines.iter().enumerate() {
        basket["lines"][at]["original"] = json!({"sale": sale, "line": line});
    }
    basket["payments"] = if refund == 0 { json!([]) } else { json!([{"method": "cash", "tendered": -refund}]) };
    basket
}

/// Two espressos for 4.40 and a cake for 3.50, in cash.
async fn sold(shop: &Shop) -> Uuid {
    let key = shop.ids.next();
    let mut basket = shop.basket(&[("espresso", "2"), ("cake", "1")]);
    basket["payments"] = json!([{"method": "cash", "tendered": 790}]);
    basket["ticket"] = json!(1);
    let answer = shop.sell(key, &basket).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    key
}

async fn voided(shop: &Shop, sale: Uuid, register: u8) -> Answer {
    let body = json!({"store": SHOP.store(), "register": SHOP.register(register), "note": "rung up twice"});
    let call = shop.call("POST", &format!("/v1/sales/{sale}/void"));
    call.header("idempotency-key", &shop.ids.next().to_string()).json(&body).send().await
}

#[tokio::test]
async fn what_comes_back_goes_into_stock_and_gets_a_receipt() {
    let shop = Shop::open().await;
    let sale = sold(&shop).await;
    let back = shop.ids.next();
    let answer = shop
        .selling(back, &returning(&shop, sale, &[("espresso", "-1", 0)], 220))
        .header("prefer", "wait=20, until=receipt")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let recorded = answer.json();
    assert_eq!((&recorded["kind"], &recorded["total"]), (&json!("return"), &json!(-220)));
    assert_eq!(recorded["lines"][0]["original"], json!({"sale": sale, "line": 0}));
    let path = format!("/v1/sales/{back}/receipt");
    let receipt = shop.call("GET", &path).header("accept", "text/plain").send().await.text;
    assert!(receipt.contains("RETURN") && receipt.contains("-2.20"), "{receipt}");
    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "99");
}

#[tokio::test]
async fn what_was_paid_by_card_and_exchanged_goes_back_to_the_card() {
    let shop = Shop::open().await;
    let mut bought = shop.basket(&[("espresso", "1")]);
    bought["payments"] = json!([{"method": "card", "amount": 220}]);
    let sale = shop.ids.next();
    assert_eq!(shop.sell(sale, &bought).await.status, StatusCode::CREATED);
    let mut swapped = returning(&shop, sale, &[("espresso", "-1", 0)], 0);
    swapped["lines"].as_array_mut().unwrap().push(json!({"product": SHOP.product("tea"), "quantity": "1"}));
    swapped["payments"] = json!([{"method": "card", "amount": -21}]);
    let exchange = shop.ids.next();
    let answer = shop.sell(exchange, &swapped).await;
    assert_eq!((answer.status, &answer.json()["kind"]), (StatusCode::CREATED, &json!("exchange")), "{answer:?}");
    let back = async |method: &str| {
        let mut back = returning(&shop, exchange, &[("tea", "-1", 1)], 0);
        let amount = if method == "cash" { "tendered" } else { "amount" };
        back["payments"] = json!([{"method": method, amount: -199}]);
        shop.sell(shop.ids.next(), &back).await
    };
    assert_eq!(back("cash").await.problem(), "refund_exceeds_tender");
    let answer = back("card").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

#[tokio::test]
async fn two_tills_that_return_the_same_line_at_once_return_it_once() {
    let shop = Shop::open().await;
    let sale = sold(&shop).await;
    let mut returns = Vec::new();
    for register in [1, 2, 1, 2] {
        let mut basket = returning(&shop, sale, &[("espresso", "-1", 0)], 220);
        basket["register"] = json!(SHOP.register(register));
        returns.push(basket);
    }
    let calls = returns.iter().map(|basket| shop.sell(shop.ids.next(), basket));
    let answers = futures_util::future::join_all(calls).await;
    let recorded = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(recorded, 2, "two were sold: {answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_eq!(refused.problem(), "return_exceeds", "{refused:?}");
    }
    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "100");
}

#[tokio::test]
async fn a_return_can_follow_its_sale_within_a_batch() {
    let shop = Shop::open_idle().await;
    let sale = shop.ids.next();
    let keys = [sale, shop.ids.next(), shop.ids.next()];
    let back = returning(&shop, sale, &[("espresso", "-2", 0)], 440);
    for (key, basket) in keys.iter().zip([shop.basket(&[("espresso", "2")]), back.clone(), back]) {
        let answer = shop.selling(*key, &basket).header("prefer", "respond-async").send().await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }
    shop.drain().await;
    let mut statuses = Vec::new();
    for key in keys {
        statuses.push(shop.get(&format!("/v1/sales/{key}")).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 404], "the second return finds nothing left");
}

#[tokio::test]
async fn more_than_was_paid_does_not_go_back() {
    let shop = Shop::open().await;
    let sale = sold(&shop).await;
    let refused = |change: fn(&mut Value)| {
        let mut basket = returning(&shop, sale, &[("espresso", "-1", 0)], 220);
        change(&mut basket);
        let shop = &shop;
        async move { shop.sell(shop.ids.next(), &basket).await.problem() }
    };
    assert_eq!(refused(|sale| sale["payments"][0]["tendered"] = json!(-221)).await, "refund_exceeds_total");
    assert_eq!(
        refused(|sale| sale["payments"] = json!([{"method": "card", "amount": -220}])).await,
        "refund_exceeds_tender"
    );
    assert_eq!(refused(|sale| sale["lines"][0]["quantity"] = json!("-2.001")).await, "return_exceeds");
    assert_eq!(refused(|sale| sale["lines"][0]["product"] = json!(SHOP.product("cake"))).await, "not_returnable");
    assert_eq!(refused(|sale| sale["lines"][0]["original"]["sale"] = json!(Uuid::nil())).await, "not_returnable");
    assert_eq!(refused(|sale| sale["lines"][0]["quantity"] = json!("1")).await, "return_not_negative");
}

#[tokio::test]
async fn an_offline_return_is_a_fact_and_flagged() {
    let shop = Shop::open().await;
    let sale = sold(&shop).await;
    let mut basket = returning(&shop, sale, &[("espresso", "-3", 0)], 660);
    basket["offline"] = json!(true);
    let answer = shop.sell(shop.ids.next(), &basket).await;
    assert_eq!(
        (answer.status, &answer.json()["flags"]),
        (StatusCode::CREATED, &json!(["return_exceeds", "no_shift"])),
        "{answer:?}"
    );
}

#[tokio::test]
async fn goods_without_their_sale_come_back_when_somebody_may() {
    let shop = Shop::open().await;
    let mut basket = shop.basket(&[("cake", "-1")]);
    basket["payments"] = json!([{"method": "cash", "tendered": -350}]);
    let taking = |token: String| {
        let call = shop.anonymous("POST", "/v1/sales").bearer(&token);
        call.header("idempotency-key", &shop.ids.next().to_string()).json(&basket).send()
    };
    let answer = taking(shop.token_of(Role::Cashier).await).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    let answer = taking(shop.token_of(Role::Manager).await).await;
    assert_eq!((answer.status, &answer.json()["kind"]), (StatusCode::CREATED, &json!("return")), "{answer:?}");
}

#[tokio::test]
async fn a_void_undoes_a_sale_once_and_at_its_register() {
    let shop = Shop::open().await;
    let sale = sold(&shop).await;
    assert_eq!(voided(&shop, sale, 2).await.problem(), "unknown_sale");
    let answer = voided(&shop, sale, 1).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let void = answer.json();
    assert_eq!((&void["kind"], &void["voids"], &void["total"]), (&json!("void"), &json!(sale), &json!(-790)));
    assert_eq!(voided(&shop, sale, 1).await.problem(), "not_voidable");
    assert_eq!(voided(&shop, void["id"].as_str().unwrap().parse().unwrap(), 1).await.problem(), "not_voidable");
    let back = returning(&shop, sale, &[("espresso", "-1", 0)], 220);
    assert_eq!(shop.sell(shop.ids.next(), &back).await.problem(), "not_returnable");
    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "100");
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 2);
}

#[tokio::test]
async fn practice_counts_nowhere() {
    let shop = Shop::open().await;
    let mut basket = shop.basket(&[("espresso", "2")]);
    basket["training"] = json!(true);
    let answer = shop.sell(shop.ids.next(), &basket).await;
    assert_eq!((answer.status, &answer.json()["kind"]), (StatusCode::CREATED, &json!("training")), "{answer:?}");
    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "100");
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 0);
    let mut conn = shop.pool.acquire().await.unwrap();
    let loose = tillstream_store::verify::loose(&mut conn, shop.clock.now()).await.unwrap();
    assert_eq!((loose.without_receipt, loose.without_movement), (0, 0), "nothing is missing of it");
}

#[tokio::test]
async fn missing_and_repeated_tickets_show() {
    let shop = Shop::open().await;
    let none = json!(["no_shift"]);
    for (ticket, flags) in
        [(7, &none), (8, &none), (11, &none), (8, &json!(["ticket_repeated", "no_shift"])), (20, &none)]
    {
        let mut basket = shop.basket(&[("tea", "1")]);
        basket["ticket"] = json!(ticket);
        let answer = shop.sell(shop.ids.next(), &basket).await;
        assert_eq!((answer.status, &answer.json()["flags"]), (StatusCode::CREATED, flags), "{answer:?}");
    }
    let path = format!("/v1/registers/{}/ticket-gaps", SHOP.register(1));
    let first = shop.get(&format!("{path}?limit=1")).await.json();
    assert_eq!(first["items"], json!([{"first": 9, "last": 10}]));
    let next = shop.get(&format!("{path}?limit=1&after={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!(next, json!({"items": [{"first": 12, "last": 19}], "next": null}));
    let other = shop.get(&format!("/v1/registers/{}/ticket-gaps", SHOP.register(2))).await.json();
    assert_eq!(other["items"], json!([]));
}

#[tokio::test]
async fn a_sale_is_paid_in_many_ways() {
    let shop = Shop::open().await;
    let mut basket = shop.basket(&[("espresso", "2"), ("cake", "1")]);
    basket["tip"] = json!(110);
    basket["payments"] = json!([
        {"method": "voucher", "amount": 300, "reference": "V-17"},
        {"method": "custom", "name": "lunch cheque", "amount": 200},
        {"method": "card", "amount": 300, "brand": "visa", "last4": "1111"},
        {"method": "cash", "tendered": 500},
    ]);
    let answer = shop.selling(shop.ids.next(), &basket).header("prefer", "wait=20, until=receipt").send().await;
    let recorded = answer.json();
    assert_eq!(
        (&recorded["total"], &recorded["tip"], &recorded["change"]),
        (&json!(790), &json!(110), &json!(400)),
        "{answer:?}"
    );
    let path = format!("/v1/sales/{}/receipt", recorded["id"].as_str().unwrap());
    let receipt = shop.call("GET", &path).header("accept", "text/plain").send().await.text;
    assert!(["lunch cheque", "Voucher", "Tip"].iter().all(|what| receipt.contains(what)), "{receipt}");
}
