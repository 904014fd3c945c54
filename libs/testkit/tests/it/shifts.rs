//! Shifts: opened, sold in, ended, counted and closed, and all that comes too late, twice or to the wrong place.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::{identity::Role, time::Timestamp};
use tillstream_sales_worker::Sales;
use tillstream_testkit::{Answer, NEXT_DOOR, SHOP, Shop};
use uuid::Uuid;

const DAY_MICROS: i64 = 86_400_000_000;

/// The body of a request about register 1, with more in it.
fn here(more: &Value) -> Value {
    let mut body = json!({"store": SHOP.store(), "register": SHOP.register(1)});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn post(shop: &Shop, path: &str, more: Value) -> Answer {
    let call = shop.call("POST", path).header("idempotency-key", &shop.ids.next().to_string());
    call.json(&here(&more)).send().await
}

/// Opens a shift at register 1.
async fn open(shop: &Shop, float: i64) -> String {
    let answer = post(shop, "/v1/shifts", json!({"float": float})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn act(shop: &Shop, shift: &str, what: &str, more: Value) -> Answer {
    post(shop, &format!("/v1/shifts/{shift}/{what}"), more).await
}

/// Ends and closes a shift: its Z report.
async fn close(shop: &Shop, shift: &str) -> Value {
    let ended = act(shop, shift, "end", json!({})).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    let closed = act(shop, shift, "close", json!({})).await;
    assert_eq!(closed.status, StatusCode::OK, "{closed:?}");
    closed.json()
}

async fn sell(shop: &Shop, sale: &Value) -> Value {
    let answer = shop.sell(shop.ids.next(), sale).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// An espresso (2.20) for cash, sold at another time than now.
fn espresso(shop: &Shop, offset_micros: i64) -> Value {
    let mut sale = shop.basket(&[("espresso", "1")]);
    let at = Timestamp::from_micros(shop.clock.now().micros() + offset_micros).unwrap();
    sale["sold_at"] = json!(at);
    sale
}

#[tokio::test]
async fn a_shift_is_opened_sold_in_counted_and_closed() {
    let shop = Shop::open().await;
    let float = json!([{"value": 5_000, "count": 1}, {"value": 1_000, "count": 5}]);
    let key = shop.ids.next();
    let opening = shop.call("POST", "/v1/shifts").header("idempotency-key", &key.to_string());
    let opened = opening.json(&here(&json!({"float": float}))).send().await;
    assert_eq!((opened.status, opened.header("location")), (StatusCode::CREATED, &*format!("/v1/shifts/{key}")));
    let shift = key.to_string();
    assert_eq!(opened.json()["opened"]["by"], json!("operator"));

    let mut split = shop.basket(&[("espresso", "2"), ("cake", "1")]);
    split["payments"] = json!([{"method": "card", "amount": 500}, {"method": "cash", "tendered": 1_000}]);
    assert_eq!(sell(&shop, &split).await["shift"], json!(shift));
    assert_eq!(sell(&shop, &shop.basket(&[("tea", "1")])).await["flags"], json!([]));
    for (what, amount) in [("cash_in", 1_000), ("cash_out", 350), ("drop", 5_000)] {
        let entered =
            act(&shop, &shift, "drawer-events", json!({"use": what, "amount": amount, "reason": "as told"})).await;
        assert_eq!(entered.status, StatusCode::CREATED, "{entered:?}");
    }
    let opened = act(&shop, &shift, "drawer-events", json!({"use": "no_sale", "reason": "small change"})).await;
    assert_eq!(opened.json()["reason"], json!("small change"), "{opened:?}");

    // 100.00 + 2.90 + 1.99 + 10.00 − 3.50 − 50.00
    let x = shop.get(&format!("/v1/registers/{}/shift", SHOP.register(1))).await.json();
    assert_eq!(x["tenders"][0], json!({"tender": "cash", "expected": 6_139}));
    assert_eq!(x["tenders"][1], json!({"tender": "card", "expected": 500}));
    assert_eq!((&x["state"], &x["number"]), (&json!("open"), &Value::Null));
    assert_eq!(shop.get(&format!("/v1/shifts/{shift}")).await.json(), x);

    assert_eq!(act(&shop, &shift, "end", json!({})).await.json()["state"], json!("ended"));
    let tenders = json!([
        {"tender": "cash", "amount": [{"value": 5_000, "count": 1}, {"value": 100, "count": 11}]},
        {"tender": "card", "amount": 500},
    ]);
    let counted = act(&shop, &shift, "count", json!({"tenders": tenders})).await.json();
    assert_eq!(
        counted["tenders"][0],
        json!({"tender": "cash", "expected": 6_139, "counted": 6_100, "difference": -39})
    );

    let z = act(&shop, &shift, "close", json!({"documents": 2})).await;
    assert_eq!(z.status, StatusCode::OK, "{z:?}");
    let z = z.json();
    assert_eq!((&z["state"], &z["number"], &z["totals"]["gross"]), (&json!("closed"), &json!(1), &json!(989)));
    assert_eq!(z["totals"]["taxes"][0], json!({"rate": "7", "net": 513, "tax": 36, "gross": 549}));
    assert_eq!(z["drawer"], json!({"cash_in": 1_000, "cash_out": 350, "drops": 5_000, "no_sales": 1}));
    assert_eq!((&z["grand"]["documents"], &z["grand"]["gross"]), (&json!(2), &json!(989)));
    assert_eq!(shop.get(&format!("/v1/shifts/{shift}")).await.json(), z);
    let none = shop.get(&format!("/v1/registers/{}/shift", SHOP.register(1))).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let entered = shop.get(&format!("/v1/shifts/{shift}/drawer-events?limit=3")).await.json();
    assert_eq!(entered["items"].as_array().unwrap().len(), 3);
    let rest = shop.get(&format!("/v1/shifts/{shift}/drawer-events?after={}", entered["next"].as_str().unwrap())).await;
    assert_eq!(rest.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(shop.get(&format!("/v1/commands/{shift}")).await.json()["result"]["id"], json!(shift));
    shop.drain().await;
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_comes_late_is_in_the_next_z_report() {
    let shop = Shop::open().await;
    // Sold in no shift.
    let without = sell(&shop, &shop.basket(&[("tea", "1")])).await;
    assert_eq!((&without["flags"], &without["shift"]), (&json!(["no_shift"]), &Value::Null));
    shop.clock.advance(60_000_000);

    let first = open(&shop, 0).await;
    let before = sell(&shop, &espresso(&shop, -1)).await;
    assert_eq!((&before["flags"], &before["shift"]), (&json!(["late"]), &json!(first)));
    assert_eq!(sell(&shop, &espresso(&shop, 0)).await["flags"], json!([]));
    let ended = act(&shop, &first, "end", json!({})).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    // Sold before the end, recorded after it; and the other way round.
    assert_eq!(sell(&shop, &espresso(&shop, 0)).await["shift"], json!(first));
    let after = sell(&shop, &espresso(&shop, 1)).await;
    assert_eq!((&after["flags"], &after["shift"]), (&json!(["late"]), &Value::Null));
    let z = act(&shop, &first, "close", json!({})).await.json();
    assert_eq!((&z["totals"]["documents"]["sales"], &z["late"]["documents"]["sales"]), (&json!(2), &json!(2)));
    assert_eq!((&z["late"]["gross"], &z["tenders"][0]["expected"]), (&json!(419), &json!(440)));

    // After the close, of a time in the shift: a closed shift never changes.
    shop.clock.advance(60_000_000);
    let closed = sell(&shop, &espresso(&shop, -60_000_000)).await;
    assert_eq!(closed["flags"], json!(["no_shift"]));
    let second = open(&shop, 440).await;
    let next = close(&shop, &second).await;
    assert_eq!((&next["number"], &next["late"]["documents"]["sales"]), (&json!(2), &json!(2)));
    assert_eq!(next["tenders"][0], json!({"tender": "cash", "expected": 440}));
    assert_eq!(next["grand"]["documents"], json!(6));
    assert_eq!(shop.get(&format!("/v1/shifts/{first}")).await.json(), z);

    let path = format!("/v1/shifts?limit=1&register={}", SHOP.register(1));
    let page = shop.get(&path).await.json();
    assert_eq!(page["items"], json!([next]));
    let rest = shop.get(&format!("{path}&after={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!((&rest["items"], &rest["next"]), (&json!([z]), &Value::Null));
    let elsewhere = shop.get(&format!("/v1/shifts?register={}", SHOP.register(2))).await.json();
    assert_eq!(elsewhere["items"], json!([]));
}

#[tokio::test]
async fn a_clock_that_is_wrong_by_a_day_sells_in_its_own_shift() {
    let shop = Shop::open().await;
    for offset in [-DAY_MICROS, DAY_MICROS] {
        let at = |minutes: i64| {
            let micros = shop.clock.now().micros() + offset + minutes * 60_000_000;
            json!(Timestamp::from_micros(micros).unwrap())
        };
        let opened = post(&shop, "/v1/shifts", json!({"float": 0, "opened_at": at(0)})).await.json();
        let shift = opened["id"].as_str().unwrap();
        let sold = sell(&shop, &espresso(&shop, offset + 1)).await;
        assert_eq!(sold["shift"], json!(shift));
        act(&shop, shift, "end", json!({"ended_at": at(1)})).await;
        assert_eq!(sell(&shop, &espresso(&shop, offset + 2)).await["shift"], json!(shift));
        let z = act(&shop, shift, "close", json!({"documents": 2})).await.json();
        assert_eq!((&z["totals"]["documents"]["sales"], &z["tenders"][0]["expected"]), (&json!(2), &json!(440)), "{z}");
        assert_eq!(z["late"]["documents"]["sales"], json!(0));
    }
}

#[tokio::test]
async fn of_two_who_open_at_once_one_comes_first() {
    let shop = Shop::open().await;
    let tries = futures_util::future::join_all((0..8).map(|_| post(&shop, "/v1/shifts", json!({"float": 1})))).await;
    let (opened, refused): (Vec<_>, Vec<_>) = tries.iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(opened.len(), 1, "{tries:?}");
    assert!(refused.iter().all(|answer| answer.problem() == "shift_open"), "{refused:?}");
    let shift = opened[0].json()["id"].as_str().unwrap().to_owned();
    assert_eq!(act(&shop, &shift, "close", json!({})).await.problem(), "shift_not_ended");
    act(&shop, &shift, "end", json!({})).await;
    let tries = futures_util::future::join_all((0..8).map(|_| act(&shop, &shift, "close", json!({})))).await;
    let (closed, refused): (Vec<_>, Vec<_>) = tries.iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(closed.len(), 1, "{tries:?}");
    assert!(refused.iter().all(|answer| answer.problem() == "shift_closed"), "{refused:?}");
}

#[tokio::test]
async fn a_closed_shift_takes_nothing_and_is_not_opened_again() {
    let shop = Shop::open().await;
    let key = shop.ids.next();
    let opening = async || {
        let call = shop.call("POST", "/v1/shifts").header("idempotency-key", &key.to_string());
        call.json(&here(&json!({"float": 0}))).send().await
    };
    let opened = opening().await;
    let shift = key.to_string();
    let z = close(&shop, &shift).await;
    for (what, more) in [
        ("drawer-events", json!({"use": "drop", "amount": 1, "reason": "late"})),
        ("end", json!({})),
        ("count", json!({"tenders": []})),
        ("close", json!({"force": true})),
    ] {
        assert_eq!(act(&shop, &shift, what, more).await.problem(), "shift_closed", "{what}");
    }
    let again = opening().await;
    assert_eq!((again.status, again.json()), (opened.status, opened.json()), "it is the first answer");
    assert_eq!(shop.get(&format!("/v1/registers/{}/shift", SHOP.register(1))).await.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.get(&format!("/v1/shifts/{shift}")).await.json(), z);
    assert_eq!(shop.count("select count(*) from sales.drawer_events").await, 0);
}

#[tokio::test]
async fn a_shift_belongs_to_one_register_of_one_merchant() {
    let shop = Shop::open().await;
    let shift = open(&shop, 500).await;
    let at_other = json!({"register": SHOP.register(2), "use": "drop", "amount": 1, "reason": "x"});
    assert_eq!(act(&shop, &shift, "drawer-events", at_other).await.problem(), "unknown_shift");
    let unknown = act(&shop, &Uuid::nil().to_string(), "end", json!({})).await;
    assert_eq!(unknown.problem(), "unknown_shift");
    let nowhere = post(&shop, "/v1/shifts", json!({"register": shop.ids.next(), "float": 0})).await;
    assert_eq!(nowhere.problem(), "unknown_register");
    let negative = post(&shop, "/v1/shifts", json!({"register": SHOP.register(2), "float": -1})).await;
    assert_eq!(negative.problem(), "cash_negative");

    // A sale at the other register counts there.
    let mut elsewhere = shop.basket(&[("tea", "1")]);
    elsewhere["register"] = json!(SHOP.register(2));
    assert_eq!(sell(&shop, &elsewhere).await["flags"], json!(["no_shift"]));

    let theirs = json!({"store": NEXT_DOOR.store(), "register": NEXT_DOOR.register(1)});
    let foreign = shop
        .anonymous("POST", &format!("/v1/shifts/{shift}/end"))
        .bearer(&shop.token(NEXT_DOOR))
        .header("idempotency-key", &shop.ids.next().to_string())
        .json(&theirs)
        .send()
        .await;
    assert_eq!(foreign.problem(), "unknown_shift");
    for path in [format!("/v1/shifts/{shift}"), format!("/v1/registers/{}/shift", SHOP.register(1))] {
        assert_eq!(shop.get_as(NEXT_DOOR, &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let x = shop.get(&format!("/v1/shifts/{shift}")).await.json();
    assert_eq!((&x["state"], &x["totals"]["documents"]["sales"]), (&json!("open"), &json!(0)));
    let drawers = shop.count("select count(*) from sales.drawers").await;
    assert_eq!(drawers, 3, "there is none of a register that is not there");
}

#[tokio::test]
async fn a_close_waits_for_what_is_under_way() {
    let shop = Shop::open().await;
    let shift = open(&shop, 0).await;
    for ticket in [1, 2, 4] {
        let mut sale = shop.basket(&[("tea", "1")]);
        sale["ticket"] = json!(ticket);
        sell(&shop, &sale).await;
    }
    act(&shop, &shift, "end", json!({})).await;
    let early = act(&shop, &shift, "close", json!({"documents": 4, "last_ticket": 4})).await;
    assert_eq!((early.status, &*early.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "sales_under_way"));
    let why = early.json()["detail"].as_str().unwrap().to_owned();
    assert!(why.contains("3 of 4") && why.contains("tickets 3 are missing"), "{why}");
    let mut missing = shop.basket(&[("tea", "1")]);
    missing["ticket"] = json!(3);
    sell(&shop, &missing).await;
    let z = act(&shop, &shift, "close", json!({"documents": 4, "last_ticket": 4})).await.json();
    assert_eq!(z["tickets"], json!({"first": 1, "last": 4, "count": 4, "repeated": 0, "gaps": []}));

    let second = open(&shop, 0).await;
    act(&shop, &second, "end", json!({})).await;
    let forced = act(&shop, &second, "close", json!({"documents": 1, "force": true})).await.json();
    assert_eq!((&forced["forced"], &forced["number"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn a_void_counts_in_the_shift_of_its_sale_and_is_not_made_after_it() {
    let shop = Shop::open().await;
    let shift = open(&shop, 0).await;
    let sale = shop.ids.next();
    let sold = shop.sell(sale, &shop.basket(&[("espresso", "1")])).await;
    assert_eq!(sold.status, StatusCode::CREATED);
    let other = sell(&shop, &shop.basket(&[("tea", "1")])).await;
    let voided = post(&shop, &format!("/v1/sales/{sale}/void"), json!({})).await;
    assert_eq!((voided.status, &voided.json()["shift"]), (StatusCode::CREATED, &json!(shift)), "{voided:?}");
    let mut training = shop.basket(&[("cake", "1")]);
    training["training"] = json!(true);
    sell(&shop, &training).await;
    let z = close(&shop, &shift).await;
    let totals = &z["totals"];
    assert_eq!(totals["documents"], json!({"sales": 2, "returns": 0, "exchanges": 0, "voids": 1}));
    assert_eq!((&totals["gross"], &totals["refunded"]), (&json!(199), &json!(220)));
    assert_eq!(z["tenders"][0]["expected"], json!(199));
    let late = post(&shop, &format!("/v1/sales/{}/void", other["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(late.problem(), "not_voidable");
}

#[tokio::test]
async fn a_blind_shift_tells_nothing_before_it_is_counted() {
    let shop = Shop::open().await;
    let opened = post(&shop, "/v1/shifts", json!({"float": 100, "blind": true})).await.json();
    let shift = opened["id"].as_str().unwrap();
    sell(&shop, &shop.basket(&[("tea", "1")])).await;
    act(&shop, shift, "end", json!({})).await;
    let x = shop.get(&format!("/v1/shifts/{shift}")).await.json();
    assert_eq!((&x["totals"], &x["tenders"]), (&Value::Null, &Value::Null));
    let tenders = json!([{"tender": "cash", "amount": 300}]);
    let counted = act(&shop, shift, "count", json!({"tenders": tenders})).await.json();
    assert_eq!(counted["tenders"][0]["difference"], json!(1));
    assert_eq!(act(&shop, shift, "count", json!({"tenders": tenders})).await.problem(), "shift_counted");
}

/// The cost of a close does not depend on how much was sold: what was sold is not there to be read.
#[tokio::test]
async fn closing_reads_no_sales() {
    let shop = Shop::open().await;
    let shift = open(&shop, 0).await;
    for _ in 0..30 {
        sell(&shop, &shop.basket(&[("tea", "1")])).await;
    }
    sqlx::query("alter table sales.sales rename to hidden").execute(&shop.pool).await.unwrap();
    let z = close(&shop, &shift).await;
    assert_eq!(z["totals"]["documents"]["sales"], json!(30));
}

/// Two workers, two registers, every sale sent twice: each counts once.
#[tokio::test]
async fn sales_of_many_at_once_count_once_each() {
    let shop = Shop::open().await;
    let second = shop.process();
    let helper = tokio::spawn(shop.station(Sales::default(), &second).await.run());
    let shift = open(&shop, 0).await;
    // Made once: to make so many takes longer than an edge waits for answers.
    let router = shop.router();
    let submit = async |key: Uuid, sale: &Value| {
        shop.selling(key, sale).header("prefer", "wait=30").send_to(router.clone()).await
    };
    let sells = (0..40).map(async |number: u8| {
        let mut sale = shop.basket(&[("tea", "1")]);
        sale["register"] = json!(SHOP.register(1 + number % 2));
        let key = shop.ids.next();
        let (first, again) = tokio::join!(submit(key, &sale), submit(key, &sale));
        assert_eq!((first.status, first.json()), (StatusCode::CREATED, again.json()));
    });
    futures_util::future::join_all(sells).await;
    second.stop.now();
    helper.await.unwrap();
    let z = close(&shop, &shift).await;
    assert_eq!((&z["totals"]["documents"]["sales"], &z["totals"]["gross"]), (&json!(20), &json!(20 * 199)));
    let other = post(&shop, "/v1/shifts", json!({"register": SHOP.register(2), "float": 0})).await.json();
    assert_eq!(other["late"]["documents"]["sales"], json!(20));
}

#[tokio::test]
async fn who_may_sell_may_do_all_but_open_the_drawer_for_nothing() {
    let shop = Shop::open().await;
    let shift = open(&shop, 0).await;
    let used = async |role: Role, what: Value| {
        let call =
            shop.anonymous("POST", &format!("/v1/shifts/{shift}/drawer-events")).bearer(&shop.token_of(role).await);
        let call = call.header("idempotency-key", &shop.ids.next().to_string());
        call.json(&here(&what)).send().await.status
    };
    let drop = json!({"use": "drop", "amount": 1, "reason": "full"});
    let nothing = json!({"use": "no_sale", "reason": "small change"});
    assert_eq!(used(Role::Cashier, drop.clone()).await, StatusCode::CREATED);
    assert_eq!(used(Role::Cashier, nothing.clone()).await, StatusCode::FORBIDDEN);
    assert_eq!(used(Role::Manager, nothing).await, StatusCode::CREATED);
    assert_eq!(used(Role::Auditor, drop).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_wrong_in_a_count_is_named_with_its_place() {
    let shop = Shop::open().await;
    let refused = async |float: Value| {
        let answer = post(&shop, "/v1/shifts", json!({"float": float})).await;
        assert_eq!((answer.status, &*answer.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body"));
        answer.json()["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(json!([{"value": 100, "count": 1}, {"value": 50, "count": -1}])).await, "/float/1/count");
    assert_eq!(refused(json!([{"value": 100, "count": 1, "cuont": 2}])).await, "/float/0/cuont");
    assert_eq!(refused(json!(1.5)).await, "/float");
    assert_eq!(refused(json!(9_007_199_254_740_992_i64)).await, "/float");
}
