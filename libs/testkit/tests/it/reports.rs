//! Reports: running totals that tie out to the documents.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::identity::{Grant, Role};
use tillstream_store::report;
use tillstream_testkit::{SHOP, Shop};
use uuid::Uuid;

async fn sell(
    shop: &Shop,
    register: u8,
    sold_at: &str,
    lines: &[(&str, &str)],
    change: impl FnOnce(&mut Value),
) -> Uuid {
    let key = shop.ids.next();
    let mut basket = shop.basket(lines);
    basket["register"] = json!(SHOP.register(register));
    basket["sold_at"] = json!(sold_at);
    change(&mut basket);
    let answer = shop.sell(key, &basket).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    key
}

/// Period, key and amount of each total, and the amount before.
async fn totals(shop: &Shop, query: &str) -> Vec<(String, String, i64, i64)> {
    let page = shop.get(&format!("/v1/reports/sales?{query}")).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    page["items"]
        .as_array()
        .unwrap_or_else(|| panic!("{page}"))
        .iter()
        .map(|total| {
            let amount = |of: &str| total[of]["amount"].as_i64().unwrap();
            (text(&total["period"]), text(&total["key"]), amount("total"), amount("before"))
        })
        .collect()
}

fn line(period: &str, key: &impl ToString, amount: i64, before: i64) -> (String, String, i64, i64) {
    (period.to_owned(), key.to_string(), amount, before)
}

#[tokio::test]
async fn what_was_sold_shows_by_everything() {
    let shop = Shop::open().await;
    let first = sell(&shop, 1, "2026-03-01T09:10:00Z", &[("espresso", "2")], |_| ()).await;
    sell(&shop, 2, "2026-03-01T09:50:00Z", &[("cake", "1")], |sale| {
        sale["payments"] = json!([{"method": "card", "amount": 350}]);
    })
    .await;
    sell(&shop, 1, "2026-02-28T23:59:59Z", &[("tea", "1")], |_| ()).await;
    sell(&shop, 1, "2026-03-01T09:55:00Z", &[("espresso", "-1")], |sale| {
        sale["lines"][0]["original"] = json!({"sale": first, "line": 0});
        sale["payments"] = json!([{"method": "cash", "tendered": -220}]);
    })
    .await;
    sell(&shop, 1, "2026-03-01T09:56:00Z", &[("voucher", "1")], |sale| sale["training"] = json!(true)).await;

    let day = "from=2026-03-01&until=2026-03-02";
    assert_eq!(totals(&shop, &format!("by=store&{day}")).await, [line("2026-03-01T00:00", &"", 570, 199)]);
    assert_eq!(
        totals(&shop, &format!("by=register&{day}")).await,
        [line("2026-03-01T00:00", &SHOP.register(1), 220, 199), line("2026-03-01T00:00", &SHOP.register(2), 350, 0)]
    );
    assert_eq!(
        totals(&shop, &format!("by=tender&per=hour&{day}")).await,
        [
            line("2026-03-01T09:00", &"card", 350, 0),
            line("2026-03-01T09:00", &"cash", 220, 0),
            line("2026-03-01T23:00", &"cash", 0, 199)
        ]
    );
    assert_eq!(
        totals(&shop, "by=tax&per=month&from=2026-01-01&until=2026-04-01").await,
        [
            line("2026-02-01T00:00", &"7", 199, 0),
            line("2026-03-01T00:00", &"19", 220, 0),
            line("2026-03-01T00:00", &"7", 350, 0)
        ]
    );
    let products = shop.get(&format!("/v1/reports/sales?by=product&{day}")).await.json();
    let espresso = &products["items"][0];
    assert_eq!((&espresso["name"], &espresso["total"]["quantity_thousandths"]), (&json!("A espresso"), &json!(1000)));
    // 23 February was a Monday: its week has Saturday's tea and Sunday's rest.
    assert_eq!(
        totals(&shop, "by=store&per=week&from=2026-02-23&until=2026-03-09").await,
        [line("2026-02-23T00:00", &"", 769, 0)]
    );
}

/// A category is the one that the product had when it was sold, also for what comes back of it later.
/// Every total by everything.
async fn all(shop: &Shop) -> Vec<Value> {
    let mut found = Vec::new();
    for by in ["store", "register", "cashier", "salesperson", "product", "category", "tender", "tax", "promotion"] {
        let query = format!("/v1/reports/sales?by={by}&per=hour&from=2026-03-01&until=2026-03-02&limit=100");
        found.extend(shop.get(&query).await.json()["items"].as_array().unwrap().iter().cloned());
    }
    found
}

#[tokio::test]
async fn totals_are_the_same_before_and_after_they_are_added_up() {
    let shop = Shop::open().await;
    for minute in 0..6 {
        let at = format!("2026-03-01T09:{minute}0:00Z");
        sell(&shop, 1 + minute % 2, &at, &[("espresso", "2"), ("cake", "1")], |_| ()).await;
    }
    let counted = totals(&shop, "by=store&from=2026-03-01&until=2026-03-02").await;
    assert_eq!(counted, [line("2026-03-01T00:00", &"", 6 * 790, 0)]);
    let noted = all(&shop).await;
    let (mut one, mut two) = (shop.pool.acquire().await.unwrap(), shop.pool.acquire().await.unwrap());
    assert_eq!(report::settle(&mut one, 1).await.unwrap(), 1);
    assert_eq!(all(&shop).await, noted, "with one of them added");
    let (first, second) = tokio::join!(report::settle(&mut one, 100), report::settle(&mut two, 100));
    assert_eq!(first.unwrap() + second.unwrap(), 5, "each once");
    assert_eq!(all(&shop).await, noted, "with all of them added");
    assert_eq!(report::settle(&mut one, 100).await.unwrap(), 0);

    sell(&shop, 1, "2026-03-01T09:59:00Z", &[("cake", "1")], |_| ()).await;
    let counted = totals(&shop, "by=store&from=2026-03-01&until=2026-03-02").await;
    assert_eq!(counted, [line("2026-03-01T00:00", &"", 6 * 790 + 350, 0)]);
    assert_eq!(report::settle(&mut one, 100).await.unwrap(), 1);
    assert_eq!(totals(&shop, "by=store&from=2026-03-01&until=2026-03-02").await, counted);
}

#[tokio::test]
async fn what_was_sold_stays_in_its_category() {
    let shop = Shop::open().await;
    let [drinks, hot, food] = [1, 2, 3].map(Uuid::from_u128);
    let put = async |sku: &str, categories: Vec<Uuid>| {
        sqlx::query("update catalog.products set categories = $1 where product_id = $2")
            .bind(categories)
            .bind(SHOP.product(sku).uuid())
            .execute(&shop.pool)
            .await
            .unwrap();
    };
    put("espresso", vec![hot, drinks]).await;
    put("tea", vec![hot, drinks]).await;
    put("cake", vec![food]).await;
    let at = "2026-03-01T09:10:00Z";
    let first = sell(&shop, 1, at, &[("espresso", "2"), ("tea", "1"), ("cake", "1"), ("voucher", "1")], |_| ()).await;
    let second = sell(&shop, 1, at, &[("cake", "2")], |_| ()).await;
    let shown = shop.get(&format!("/v1/sales/{first}")).await.json();
    assert_eq!(shown["lines"][0]["category"], json!(hot), "{shown}");
    let by_category = async || totals(&shop, "by=category&from=2026-03-01&until=2026-03-02").await;
    let period = "2026-03-01T00:00";
    assert_eq!(
        by_category().await,
        [line(period, &hot, 639, 0), line(period, &food, 1050, 0), line(period, &"none", 2500, 0)]
    );

    put("espresso", vec![food]).await;
    put("cake", Vec::new()).await;
    sell(&shop, 1, at, &[("espresso", "-2")], |sale| {
        sale["lines"][0]["original"] = json!({"sale": first, "line": 0});
        sale["payments"] = json!([{"method": "cash", "tendered": -440}]);
    })
    .await;
    let void = shop.call("POST", &format!("/v1/sales/{second}/void"));
    let void = void.header("idempotency-key", &shop.ids.next().to_string());
    let void = void.json(&json!({"store": SHOP.store(), "register": SHOP.register(1)})).send().await;
    assert_eq!(void.status, StatusCode::CREATED, "{void:?}");
    assert_eq!(
        by_category().await,
        [line(period, &hot, 199, 0), line(period, &food, 350, 0), line(period, &"none", 2500, 0)]
    );
}

#[tokio::test]
async fn people_have_names_for_who_may_read_them() {
    let shop = Shop::open().await;
    let cashier = [Grant { role: Role::Cashier, store: Some(SHOP.store()) }];
    let user = shop.hire(SHOP, &cashier).await;
    sqlx::query("update identity.users set name = 'Kim' where user_id = $1")
        .bind(user.uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    let token = shop.token_for(SHOP, user, &cashier);
    let selling = shop.anonymous("POST", "/v1/sales").header("idempotency-key", &shop.ids.next().to_string());
    let selling = selling.bearer(&token).json(&shop.basket(&[("tea", "1")]));
    assert_eq!(selling.send().await.status, StatusCode::CREATED);
    let named = |grants: Vec<Grant>, by: &'static str| {
        let shop = &shop;
        async move {
            let token = shop.token_for(SHOP, shop.hire(SHOP, &grants).await, &grants);
            let path = format!("/v1/reports/sales?by={by}&from=2026-03-01&until=2026-03-02");
            let answer = shop.anonymous("GET", &path).bearer(&token).send().await.json();
            assert_eq!(answer["items"][0]["key"], json!(user), "{answer}");
            answer["items"][0]["name"].clone()
        }
    };
    let manager = Grant { role: Role::Manager, store: Some(SHOP.store()) };
    let auditor = Grant { role: Role::Auditor, store: None };
    for by in ["cashier", "salesperson"] {
        assert_eq!(named(vec![manager], by).await, json!("Kim"));
        assert_eq!(named(vec![auditor], by).await, json!("Kim"));
    }
    let path = "/v1/reports/sales?by=cashier&from=2026-03-01&until=2026-03-02";
    let key = json!({"name": "Till roll", "scopes": ["reports.read"]});
    let key = shop.call("POST", "/v1/keys").header("idempotency-key", &shop.ids.next().to_string()).json(&key);
    let key = key.send().await.json()["key"].as_str().unwrap().to_owned();
    let answer = shop.anonymous("GET", path).bearer(&key).send().await.json();
    assert_eq!((&answer["items"][0]["key"], answer["items"][0].get("name")), (&json!(user), None), "{answer}");
}

#[tokio::test]
async fn an_hour_is_that_of_the_stores_clock() {
    let shop = Shop::open().await;
    let path = format!("/v1/stores/{}", SHOP.store());
    let change = async |version: u32, time_zone: &str| {
        let call = shop.call("PATCH", &path).header("idempotency-key", &shop.ids.next().to_string());
        let call = call.header("if-match", &format!("\"{version}\""));
        call.json(&json!({"name": "High Street", "time_zone": time_zone})).send().await
    };
    for unknown in ["Asia/Nowhere", "asia/kolkata", "localtime", "posix/Asia/Kolkata", "+05:30", "IST-5:30"] {
        let answer = change(1, unknown).await;
        assert_eq!(answer.problem(), "unknown_time_zone", "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], json!("/time_zone"), "{answer:?}");
    }
    sell(&shop, 1, "2026-03-01T18:28:00Z", &[("cake", "1")], |_| ()).await;
    assert_eq!(change(1, "Asia/Kolkata").await.status, StatusCode::OK);
    let stores = shop.get("/v1/stores").await.json();
    assert_eq!(stores["items"][0]["time_zone"], json!("Asia/Kolkata"), "{stores}");
    sell(&shop, 1, "2026-03-01T18:29:00Z", &[("tea", "1")], |_| ()).await;
    sell(&shop, 1, "2026-03-01T18:30:00Z", &[("tea", "1")], |_| ()).await;
    assert_eq!(
        totals(&shop, "by=store&per=hour&from=2026-03-01&until=2026-03-03").await,
        [
            // What was counted before the change stays where it was.
            line("2026-03-01T18:00", &"", 350, 0),
            line("2026-03-01T23:00", &"", 199, 0),
            line("2026-03-02T00:00", &"", 199, 0)
        ]
    );
    assert_eq!(
        totals(&shop, "by=store&per=day&from=2026-03-01&until=2026-03-03").await,
        [line("2026-03-01T00:00", &"", 549, 0), line("2026-03-02T00:00", &"", 199, 0)]
    );
}

#[tokio::test]
async fn pages_and_files_hold_the_same() {
    let shop = Shop::open().await;
    for product in ["espresso", "cake", "tea"] {
        sell(&shop, 1, "2026-03-01T09:10:00Z", &[(product, "1")], |_| ()).await;
    }
    let query = "by=product&from=2026-03-01&until=2026-03-02";
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = shop.get(&format!("/v1/reports/sales?{query}&limit=1{after}")).await.json();
        paged.push(page["items"][0]["name"].as_str().unwrap().to_owned());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(paged, ["A espresso", "A cake", "A tea"]);
    let file = shop.get(&format!("/v1/reports/sales.csv?{query}")).await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    let names: Vec<_> = file.text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().to_owned()).collect();
    assert_eq!(names, paged, "{}", file.text);
    assert_eq!(
        file.text.lines().next().unwrap().split(',').count(),
        file.text.lines().nth(1).unwrap().split(',').count()
    );
}

#[tokio::test]
async fn a_manager_sees_the_totals_of_their_store() {
    let shop = Shop::open().await;
    sell(&shop, 1, "2026-03-01T09:10:00Z", &[("tea", "1")], |_| ()).await;
    let seen = |grants: Vec<Grant>| {
        let shop = &shop;
        async move {
            let token = shop.token_for(SHOP, shop.hire(SHOP, &grants).await, &grants);
            let path = "/v1/reports/sales?by=store&from=2026-03-01&until=2026-03-02";
            shop.anonymous("GET", path).bearer(&token).send().await
        }
    };
    let here = Grant { role: Role::Manager, store: Some(SHOP.store()) };
    let elsewhere = Grant { role: Role::Manager, store: Some(tillstream_domain::id::StoreId::new(Uuid::from_u128(1))) };
    assert_eq!(seen(vec![here]).await.json()["items"][0]["total"]["amount"], json!(199));
    assert_eq!(seen(vec![elsewhere]).await.json()["items"], json!([]));
    assert_eq!(seen(vec![Grant { role: Role::Cashier, store: None }]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_no_time_is_refused() {
    let shop = Shop::open().await;
    for query in [
        "by=store&from=2026-03-02&until=2026-03-02",
        "by=store&from=yesterday&until=2026-03-02",
        "by=store&from=2026-03-01T10:30&until=2026-03-02",
        "by=store&from=2000-01-01&until=9999-12-31",
        "by=shop&from=2026-03-01&until=2026-03-02",
        "by=store&per=year&from=2026-03-01&until=2026-03-02",
        "by=store&from=2026-03-01&until=2026-03-02&after=x",
    ] {
        let answer = shop.get(&format!("/v1/reports/sales?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {answer:?}");
    }
}
