//! Selling: the whole way of a sale, and every way of sending it again.

use axum::http::StatusCode;
use serde_json::json;
use tillstream_testkit::{NEXT_DOOR, SHOP, Shop};

#[tokio::test]
async fn a_sale_is_recorded_stocked_and_receipted() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let sale = shop.basket(&[("espresso", "2"), ("cake", "0.5")]);
    let answer = shop.selling(key, &sale).header("prefer", "wait=20, until=receipt").send().await;

    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.header("location"), format!("/v1/sales/{key}"));
    let recorded = answer.json();
    assert_eq!(recorded["total"], json!(615));
    assert_eq!(recorded["change"], json!(9_385));
    assert_eq!(recorded["lines"][1]["amount"], json!(175));
    assert_eq!(recorded["lines"][1]["name"], json!("A cake"));
    assert_eq!(shop.get(&format!("/v1/sales/{key}")).await.json(), recorded);

    let receipt = shop.get(&format!("/v1/sales/{key}/receipt")).await.json();
    assert_eq!(receipt["number"], json!(1));
    assert!(receipt["content"].as_str().unwrap().contains("\"total\":615"), "{receipt}");
    let text = shop.call("GET", &format!("/v1/sales/{key}/receipt")).header("accept", "text/plain").send().await.text;
    assert!(text.contains("A cake") && text.contains("6.15"), "{text}");

    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "98");
    assert_eq!(shop.stock("cake").await, "99.5");
    assert_eq!(shop.stock("tea").await, "100");
}

#[tokio::test]
async fn a_repeated_sale_has_one_effect_and_the_first_answer() {
    let mut shop = Shop::open().await;
    let key = shop.ids.next();
    let sale = shop.basket(&[("espresso", "2")]);
    let first = shop.sell(key, &sale).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");

    let again = shop.sell(key, &sale).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));

    // At another time, after prices have changed and everything was restarted.
    shop.clock.advance(86_400_000_000 * 30);
    sqlx::query("update catalog.products set unit_price = 999").execute(&shop.pool).await.unwrap();
    shop.stop_workers().await;
    shop.restart_edge().await;
    shop.start_workers().await;
    let later = shop.sell(key, &sale).await;
    assert_eq!((later.status, later.json()), (first.status, first.json()));

    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "98");
    assert_eq!(shop.count("select count(*) from sales.sales").await, 1);
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 1);
}

#[tokio::test]
async fn the_same_sale_sent_many_times_at_once_has_one_effect() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let sale = shop.basket(&[("espresso", "1")]);
    let answers = futures_util::future::join_all((0..20).map(|_| shop.sell(key, &sale))).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.json()), (StatusCode::CREATED, answers[0].json()));
    }
    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "99");
    assert_eq!(shop.count("select count(*) from sales.sales").await, 1);
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 1);
}

#[tokio::test]
async fn a_key_used_for_another_sale_is_a_conflict() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let first = shop.sell(key, &shop.basket(&[("espresso", "1")])).await;
    assert_eq!(first.status, StatusCode::CREATED);

    let other = shop.sell(key, &shop.basket(&[("espresso", "3")])).await;
    assert_eq!((other.status, other.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"));
    shop.drain().await;
    assert_eq!(shop.stock("espresso").await, "99");

    // The same, written in another way, is no conflict.
    let text = first_as_text(&shop);
    let same = shop
        .call("POST", "/v1/sales")
        .header("idempotency-key", &key.to_string())
        .header("content-type", "application/json; charset=utf-8")
        .body(text)
        .send()
        .await;
    assert_eq!(same.json(), first.json());
}

fn first_as_text(shop: &Shop) -> String {
    let sale = shop.basket(&[("espresso", "1")]);
    format!(
        "{{ \"payments\": {}, \"lines\": {}, \"currency\": \"EUR\",\n \"note\": null, \"register\": {}, \"store\": {} }}",
        sale["payments"], sale["lines"], sale["register"], sale["store"]
    )
}

#[tokio::test]
async fn a_key_is_good_for_one_command_of_any_kind() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let adjustment = json!({
        "store": SHOP.store(),
        "reason": "found",
        "lines": [{"product": SHOP.product("tea"), "delta": "5"}],
    });
    let adjust = async |key: uuid::Uuid| {
        let call = shop.call("POST", "/v1/stock/adjustments").header("idempotency-key", &key.to_string());
        call.json(&adjustment).send().await
    };
    assert_eq!(adjust(key).await.status, StatusCode::CREATED);
    let sold = shop.sell(key, &shop.basket(&[("tea", "1")])).await;
    assert_eq!((sold.status, sold.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"));

    let key = shop.ids.next();
    assert_eq!(shop.sell(key, &shop.basket(&[("tea", "1")])).await.status, StatusCode::CREATED);
    assert_eq!(adjust(key).await.problem(), "idempotency_key_reused");
    shop.drain().await;
    assert_eq!(shop.stock("tea").await, "104");
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_key_that_a_till_chooses_stands_in_the_way_of_a_receipt() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let event = uuid::Uuid::new_v5(&key, b"sale.recorded.v1");
    for worker in ["stock", "receipts"] {
        let taken = uuid::Uuid::new_v5(&event, worker.as_bytes());
        let mut short = shop.basket(&[("tea", "1")]);
        short["payments"][0]["tendered"] = json!(1);
        assert_eq!(shop.sell(taken, &short).await.problem(), "payment_short");
    }
    let sold = shop.selling(key, &shop.basket(&[("tea", "1")])).header("prefer", "wait=20, until=receipt").send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    shop.drain().await;
    assert_eq!(shop.stock("tea").await, "99");
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 1);
}

#[tokio::test]
async fn a_refusal_is_kept_and_repeated() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let mut sale = shop.basket(&[("espresso", "1")]);
    sale["payments"][0]["tendered"] = json!(100);
    let refused = shop.sell(key, &sale).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "payment_short"));
    assert_eq!(refused.json()["errors"][0]["pointer"], json!("/payments"));

    // The price has fallen, so that it would now be accepted; the answer stays the first.
    sqlx::query("update catalog.products set unit_price = 1").execute(&shop.pool).await.unwrap();
    let again = shop.sell(key, &sale).await;
    assert_eq!((again.status, again.json()), (refused.status, refused.json()));

    let command = shop.get(&format!("/v1/commands/{key}")).await.json();
    assert_eq!((&command["status"], &command["refusal"]["code"]), (&json!("rejected"), &json!("payment_short")));
    assert_eq!(command["actor"], json!("operator"));
    assert_eq!(shop.get(&format!("/v1/sales/{key}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_waiting_the_outcome_is_found_later() {
    let shop = Shop::open_idle().await;
    let key = shop.ids.next();
    let sale = shop.basket(&[("cake", "1")]);
    let accepted = shop.selling(key, &sale).header("prefer", "respond-async").send().await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert_eq!(accepted.header("location"), format!("/v1/commands/{key}"));
    let undecided = shop.get(accepted.header("location")).await;
    assert_eq!((undecided.status, undecided.header("retry-after")), (StatusCode::NOT_FOUND, "1"));

    let waited = shop.selling(shop.ids.next(), &sale).header("prefer", "wait=0").send().await;
    assert_eq!(waited.status, StatusCode::ACCEPTED);

    shop.drain().await;
    let decided = shop.get(accepted.header("location")).await.json();
    assert_eq!((&decided["status"], &decided["result"]["total"]), (&json!("done"), &json!(350)));
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 2);
}

#[tokio::test]
async fn sales_are_listed_newest_first_in_pages() {
    let shop = Shop::open().await;
    let mut keys = Vec::new();
    for _ in 0..5 {
        let key = shop.ids.next();
        assert_eq!(shop.sell(key, &shop.basket(&[("tea", "1")])).await.status, StatusCode::CREATED);
        shop.clock.advance(1_000_000);
        keys.insert(0, key.to_string());
    }
    let mut listed = Vec::new();
    let mut path = "/v1/sales?limit=2".to_owned();
    loop {
        let page = shop.get(&path).await.json();
        listed.extend(page["items"].as_array().unwrap().iter().map(|sale| sale["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/sales?limit=2&after={next}");
    }
    assert_eq!(listed, keys);
    let of_store = shop.get(&format!("/v1/sales?store={}", SHOP.store())).await.json();
    assert_eq!(of_store["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn merchants_do_not_see_each_other() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    assert_eq!(shop.sell(key, &shop.basket(&[("tea", "1")])).await.status, StatusCode::CREATED);
    for path in [
        format!("/v1/sales/{key}"),
        format!("/v1/sales/{key}/receipt"),
        format!("/v1/commands/{key}"),
        format!("/v1/stock/levels?store={}", SHOP.store()),
        format!("/v1/sales?store={}", SHOP.store()),
    ] {
        assert_eq!(shop.get_as(NEXT_DOOR, &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(shop.get_as(NEXT_DOOR, "/v1/sales").await.json()["items"], json!([]));

    // Another merchant's ids are as if absent, and so is using them.
    let mut sale = shop.basket(&[("tea", "1")]);
    sale["lines"][0]["product"] = json!(NEXT_DOOR.product("tea"));
    let foreign = shop.sell(shop.ids.next(), &sale).await;
    assert_eq!((foreign.status, foreign.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "unknown_product"));
    // And the same key is another merchant's own.
    let mut theirs = shop.basket(&[]);
    theirs["store"] = json!(NEXT_DOOR.store());
    theirs["register"] = json!(NEXT_DOOR.register(1));
    theirs["lines"] = json!([{"product": NEXT_DOOR.product("tea"), "quantity": "1"}]);
    let token = format!("Bearer {}", shop.token(NEXT_DOOR));
    let sold = shop
        .anonymous("POST", "/v1/sales")
        .header("authorization", &token)
        .header("idempotency-key", &key.to_string())
        .json(&theirs)
        .send()
        .await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
}
