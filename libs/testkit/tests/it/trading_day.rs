//! A trading day: two tills sell, take back, exchange and void all day, some of it without a connection, and close. Then all
//! that shows what was sold must say the same, to the minor unit, as the documents do.

mod books;
mod till;

use std::sync::Mutex;

use axum::http::StatusCode;
use books::{Figures, figures};
use serde_json::{Value, json};
use till::Till;
use tillstream_store::report;
use tillstream_testkit::{SHOP, Shop};

/// Documents that each till makes in an hour of the first day: 2,016 in all.
const AN_HOUR: usize = 84;
const HOURS: usize = 12;
const HOUR_MICROS: i64 = 3_600_000_000;
/// Another one is another day.
const SEED: u64 = 20_261_123;

/// Offers of which each takes something else off.
async fn promote(shop: &Shop) {
    let tea = json!({"products": [SHOP.product("tea")]});
    let offers = [
        json!({"name": "Three for two", "scope": tea, "effect": {"buy_get": {"buy": 2, "get": 1, "percent": "100"}}}),
        json!({"name": "A tenth off cake", "scope": {"products": [SHOP.product("cake")]}, "effect": {"percent": "10"}}),
        json!({"name": "A euro off", "effect": {"basket_amount": 100}, "conditions": {"minimum": 2_500}}),
    ];
    for mut offer in offers {
        let id = shop.ids.next();
        offer["id"] = json!(id);
        let call = shop.call("PUT", &format!("/v1/promotions/{id}"));
        let answer = call.header("idempotency-key", &shop.ids.next().to_string()).json(&offer).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

/// An X or Z report agrees with the documents of its shift.
fn assert_shift(report: &Value, till: &Till<'_>) {
    let documents = till.of_shift(report["id"].as_str().unwrap());
    let (late, own): (Vec<_>, Vec<_>) = documents.into_iter().partition(|document| books::flagged(document, "late"));
    let mut totals = books::totals(&own);
    let (count, received) = till.received;
    totals.extend([("received.cash.count".to_owned(), count), ("received.cash.paid".to_owned(), received)]);
    assert_eq!(figures(&report["totals"]), totals, "what was sold in it");
    assert_eq!(figures(&report["late"]), books::totals(&late), "what came late");
    let cash = report["tenders"].as_array().unwrap().iter().find(|of| of["tender"] == json!("cash")).unwrap();
    assert_eq!(
        cash["expected"],
        json!(till.float + till.moved + received + books::cash(&own)),
        "what should be in the drawer"
    );
}

/// Ends, counts and closes a till's shift; the count misses what `missing` says.
async fn close(till: &mut Till<'_>, missing: i64) -> Value {
    let ended = till.shift("end", json!({})).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    let expected = ended.json()["tenders"][0]["expected"].as_i64().unwrap();
    let count = json!({"tenders": [{"tender": "cash", "amount": expected - missing}]});
    let counted = till.shift("count", count).await.json();
    assert_eq!(counted["tenders"][0]["difference"], json!(-missing));
    let documents = till.made;
    if !till.held.is_empty() {
        let refused = till.shift("close", json!({"documents": documents})).await;
        assert_eq!(refused.problem(), "sales_under_way", "{refused:?}");
    }
    let closed = till.shift("close", json!({"documents": documents, "force": !till.held.is_empty()})).await;
    assert_eq!(closed.status, StatusCode::OK, "{closed:?}");
    closed.json()
}

/// Every report of the day adds up to what the documents say.
async fn assert_reports(shop: &Shop, day: &str, next: &str, documents: &[&Value]) {
    for by in ["store", "register", "cashier", "salesperson", "product", "category", "tender", "tax", "promotion"] {
        let page =
            shop.get(&format!("/v1/reports/sales?by={by}&per=day&from={day}&until={next}&limit=100")).await.json();
        let rows = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
        let keyed = |row: &Value| (row["key"].as_str().unwrap().to_owned(), figures(&row["total"]));
        let reported: std::collections::BTreeMap<String, Figures> =
            rows.iter().map(keyed).filter(|(_, figures)| !figures.is_empty()).collect();
        assert_eq!(reported, books::report(documents, by), "by {by}");
    }
}

#[tokio::test]
async fn a_trading_day_ties_out() {
    let shop = Shop::open().await;
    promote(&shop).await;
    let rule = shop.call("PUT", "/v1/loyalty-rule").header("idempotency-key", &shop.ids.next().to_string());
    let rule = rule.json(&json!({"points": 1, "per": 100, "worth": 1})).send().await;
    assert!(rule.status.is_success(), "{rule:?}");
    let pool = Mutex::new(Vec::new());
    let mut tills = [Till::at(&shop, 1, SEED, &pool).await, Till::at(&shop, 2, SEED, &pool).await];
    let [one, two] = &mut tills;
    tokio::join!(one.open(20_000), two.open(15_000));
    for hour in 0..HOURS {
        shop.clock.advance(HOUR_MICROS);
        tokio::join!(one.work(AN_HOUR), two.work(AN_HOUR));
        // Some of what reports add up is added up by then, some never.
        report::settle(&mut shop.pool.acquire().await.unwrap(), 20).await.unwrap();
        for till in [&mut *one, &mut *two] {
            if hour == HOURS / 2 {
                let x = shop.get(&format!("/v1/registers/{}/shift", SHOP.register(till.register))).await.json();
                assert_shift(&x, till);
            }
            if hour + 1 < HOURS {
                till.send_held().await;
            }
        }
    }
    assert!(!one.held.is_empty() && !two.held.is_empty(), "some sales arrive after the close");
    let zs = [close(one, 35).await, close(two, 0).await];
    for (z, till) in zs.iter().zip([&*one, &*two]) {
        assert_eq!((&z["number"], &z["forced"]), (&json!(1), &json!(true)));
        assert_shift(z, till);
    }

    // The next day: what was held arrives, and some of what was sold comes back.
    shop.clock.advance(12 * HOUR_MICROS);
    tokio::join!(one.open(10_000), two.open(10_000));
    shop.clock.advance(HOUR_MICROS);
    for (till, z) in [(&mut *one, &zs[0]), (&mut *two, &zs[1])] {
        till.send_held().await;
        till.work(20).await;
        till.send_held().await;
        let next = close(till, 0).await;
        assert_eq!(next["number"], json!(2));
        assert_shift(&next, till);
        assert!(next["late"]["documents"]["sales"].as_i64().unwrap() > 0, "{next}");
        let grand = |of: &Value| of["grand"]["gross"].as_i64().unwrap();
        assert_eq!(grand(&next) - grand(z), books::sum(&till.of_shift(till.open_shift()), "total"));
        assert_eq!(shop.get(&format!("/v1/shifts/{}", z["id"].as_str().unwrap())).await.json(), *z);
        let gaps = shop.get(&format!("/v1/registers/{}/ticket-gaps", SHOP.register(till.register))).await.json();
        assert_eq!(gaps["items"], json!([]), "no ticket is missing once all have arrived");
    }

    assert_books(&shop, &tills).await;
}

/// All that is kept says what the documents say.
async fn assert_books(shop: &Shop, tills: &[Till<'_>]) {
    shop.drain().await;
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
    let documents: Vec<_> = tills.iter().flat_map(|till| &till.documents).collect();
    assert!(documents.len() > 2_000, "{}", documents.len());
    for document in &documents {
        books::assert_adds_up(document);
    }
    for kind in ["sale", "return", "exchange", "void"] {
        assert!(documents.iter().filter(|document| books::kind(document) == kind).count() > 20, "too few: {kind}");
    }
    for (day, next) in [("2026-03-01", "2026-03-02"), ("2026-03-02", "2026-03-03")] {
        let of_day = |document: &&&Value| document["sold_at"].as_str().unwrap().starts_with(day);
        assert_reports(shop, day, next, &documents.iter().filter(of_day).copied().collect::<Vec<_>>()).await;
    }
    for sku in ["espresso", "cake", "tea", "voucher"] {
        let sold = books::quantity(&documents, &SHOP.product(sku).to_string());
        let (whole, thousandths) = ((100_000 - sold).div_euclid(1_000), (100_000 - sold).rem_euclid(1_000));
        assert_eq!((thousandths, shop.stock(sku).await), (0, whole.to_string()), "{sku}");
    }
    for (account, on_it) in tills.iter().flat_map(|till| &till.cards) {
        let shown = shop.get(&format!("/v1/accounts/{account}")).await.json();
        assert_eq!(shown["balance"], json!(on_it), "{shown}");
    }
    for till in tills {
        assert_accounts(shop, till, &documents).await;
    }
    let count = i64::try_from(documents.len()).unwrap();
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, count, "each document has its receipt");
    let gapless = "select count(*) from (select max(number) - count(*) as missing from receipts.receipts
                   group by merchant_id, register_id) r where missing <> 0";
    assert_eq!(shop.count(gapless).await, 0);
}

/// The accounts of who comes every day are what they put on them, and what they collected.
async fn assert_accounts(shop: &Shop, till: &Till<'_>, documents: &[&Value]) {
    let accounts = shop.get(&format!("/v1/customers/{}/accounts", till.regular)).await.json();
    let of_kind = |kind: &str| {
        let found = accounts["items"].as_array().unwrap().iter().find(|account| account["kind"] == kind);
        found.unwrap_or_else(|| panic!("{accounts}"))["balance"].clone()
    };
    assert_eq!(of_kind("house"), json!(-till.owed));
    let points = books::points(documents, &till.regular.to_string());
    assert!(points > 0);
    assert_eq!(of_kind("points"), json!(points));
}
