//! Parked baskets.

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tillstream_domain::{
    basket::{KEPT_MICROS, MAX_PARKED, PARKED_MICROS},
    identity::Role,
};
use tillstream_sales_worker::Sales;
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

async fn posted(shop: &Shop, path: &str, body: &Value) -> Answer {
    let call = shop.call("POST", path).header("idempotency-key", &shop.ids.next().to_string());
    call.header("prefer", "wait=20").json(body).send().await
}

/// Two espressos for table 4.
fn table_4() -> Value {
    json!({
        "store": SHOP.store(),
        "register": SHOP.register(1),
        "name": "Table 4",
        "draft": {"currency": "EUR", "lines": [{"product": SHOP.product("espresso"), "quantity": "2"}], "note": "no sugar"},
    })
}

async fn parked(shop: &Shop) -> String {
    let answer = posted(shop, "/v1/baskets", &table_4()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// What register 1 or 2 is told when it takes a basket or drops it.
async fn at(shop: &Shop, register: u8, basket: &str, step: &str) -> Answer {
    let body = json!({"store": SHOP.store(), "register": SHOP.register(register)});
    posted(shop, &format!("/v1/baskets/{basket}/{step}"), &body).await
}

async fn listed(shop: &Shop, status: &str) -> Vec<Value> {
    let answer = shop.get(&format!("/v1/baskets?store={}&status={status}", SHOP.store())).await;
    answer.json()["items"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
}

#[tokio::test]
async fn a_basket_is_parked_at_one_till_and_sold_at_another() {
    let shop = Shop::open().await;
    let key = shop.ids.next().to_string();
    let parking = || shop.call("POST", "/v1/baskets").header("idempotency-key", &key).json(&table_4()).send();
    let answer = parking().await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::CREATED, &*format!("/v1/baskets/{key}")));
    assert!(!answer.text.contains("Table 4") && !answer.text.contains("sugar"), "{answer:?}");
    assert_eq!(parking().await.text, answer.text, "the same request has the same answer");

    let list = listed(&shop, "parked").await;
    assert_eq!((list.len(), &list[0]["name"], &list[0]["lines"]), (1, &json!("Table 4"), &json!(1)));
    assert_eq!(list[0]["parked"]["register"], json!(SHOP.register(1)));
    assert_eq!(list[0]["expires_at"], json!("2026-03-02T10:00:00.000000Z"));

    let answer = at(&shop, 2, &key, "take").await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("taken")), "{answer:?}");
    assert!(listed(&shop, "parked").await.is_empty());
    assert_eq!(listed(&shop, "taken").await[0]["ended"]["register"], json!(SHOP.register(2)));

    let mut sale = shop.get(&format!("/v1/baskets/{key}")).await.json()["draft"].clone();
    assert_eq!(sale, table_4()["draft"]);
    let quote = json!({"store": SHOP.store(), "currency": sale["currency"], "lines": sale["lines"]});
    let quoted = shop.call("POST", "/v1/quotes").json(&quote).send().await.json();
    assert_eq!(quoted["quote"]["total"], json!(440), "{quoted}");
    (sale["store"], sale["register"]) = (json!(SHOP.store()), json!(SHOP.register(2)));
    sale["payments"] = json!([{"method": "cash", "tendered": quoted["quote"]["total"]}]);
    let sold = shop.sell(shop.ids.next(), &sale).await;
    assert_eq!((sold.status, &sold.json()["total"]), (StatusCode::CREATED, &json!(440)), "{sold:?}");

    // Nobody can tell from what goes over the bus for whom it was.
    assert_eq!(
        shop.count("select count(*) from inbox.messages where encode(outcome, 'escape') like '%Table%'").await,
        0
    );
}

/// Two workers take what both tills ask for at once.
#[tokio::test]
async fn of_two_tills_that_take_a_basket_at_once_one_gets_it() {
    let shop = Shop::open().await;
    let second = shop.process();
    let helper = tokio::spawn(shop.station(Sales::default(), &second).await.run());
    for _ in 0..20 {
        let basket = parked(&shop).await;
        let takes = (0..6).map(|till: u8| at(&shop, 1 + till % 2, &basket, if till == 5 { "drop" } else { "take" }));
        let answers = join_all(takes).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::OK);
        assert_eq!(won.len(), 1, "{answers:?}");
        let mark = won[0].json()["ended"].clone();
        if won[0].json()["status"] == "taken" {
            for answer in lost {
                assert_eq!((answer.status, &*answer.problem()), (StatusCode::CONFLICT, "basket_taken"), "{answer:?}");
                assert!(answer.text.contains(mark["register"].as_str().unwrap()), "{answer:?}");
            }
        } else {
            assert!(lost.iter().all(|answer| answer.problem() == "basket_dropped"), "{answers:?}");
        }
        let shown = shop.get(&format!("/v1/baskets/{basket}")).await.json();
        assert_eq!(shown["ended"], mark, "who has it is shown");
    }
    second.stop.now();
    helper.await.unwrap();
}

#[tokio::test]
async fn what_has_expired_is_neither_listed_nor_taken_and_then_forgotten() {
    let shop = Shop::open().await;
    let (old, taken) = (parked(&shop).await, parked(&shop).await);
    assert_eq!(at(&shop, 1, &taken, "take").await.status, StatusCode::OK);
    let mut later = table_4();
    later["expires_at"] = json!("2026-03-31T10:00:00Z");
    let later = posted(&shop, "/v1/baskets", &later).await.json()["id"].as_str().unwrap().to_owned();
    shop.clock.advance(PARKED_MICROS);
    assert_eq!(listed(&shop, "parked").await.iter().map(|basket| basket["id"].clone()).collect::<Vec<_>>(), [later]);
    let answer = at(&shop, 1, &old, "take").await;
    assert_eq!((answer.status, &*answer.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "basket_expired"));

    let pool = tillstream_store::pool(
        "sales",
        &shop.database.url("sales"),
        tillstream_store::Plans::Once,
        1,
        std::time::Duration::from_millis(500),
    );
    let mut conn = pool.unwrap().acquire().await.unwrap();
    let forget = async |conn: &mut tillstream_store::PgConnection, limit| {
        tillstream_store::basket::forget(conn, shop.clock.now(), limit).await.unwrap()
    };
    assert_eq!(forget(&mut conn, 10).await, 1, "what was taken a day ago");
    shop.clock.advance(KEPT_MICROS);
    assert_eq!((forget(&mut conn, 0).await, forget(&mut conn, 10).await, forget(&mut conn, 10).await), (0, 1, 0));
    assert_eq!(at(&shop, 1, &old, "take").await.problem(), "unknown_basket");
    assert_eq!(shop.count("select count(*) from sales.baskets").await, 1);
}

/// Parks the basket that there is once more, $1 times.
const COPY: &str = "insert into sales.baskets
    select merchant_id, gen_random_uuid(), store_id, name, status, parked_register, parked_by, parked_at, expires_at,
      ended_register, ended_by, ended_at, forget_at, lines, draft
    from (select * from sales.baskets limit 1) as one, generate_series(1, $1)";

/// Parks as many as it takes until there are `count`.
async fn fill(shop: &Shop, count: usize) {
    let more = i32::try_from(count).unwrap() - 1;
    sqlx::query(COPY).bind(more).execute(&shop.pool).await.unwrap();
}

#[tokio::test]
async fn a_store_holds_so_many_and_no_more() {
    let shop = Shop::open().await;
    let basket = parked(&shop).await;
    fill(&shop, MAX_PARKED - 1).await;
    // There is room for one, and two workers are asked by six tills.
    let second = shop.process();
    let helper = tokio::spawn(shop.station(Sales::default(), &second).await.run());
    let answers = join_all((0..6).map(async |_| posted(&shop, "/v1/baskets", &table_4()).await)).await;
    second.stop.now();
    helper.await.unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count(), 1);
    let refused = answers.iter().find(|answer| answer.status != StatusCode::CREATED).unwrap();
    assert_eq!(refused.problem(), "too_many_baskets", "{refused:?}");
    assert_eq!(at(&shop, 1, &basket, "drop").await.status, StatusCode::OK);
    parked(&shop).await;
}

/// Goes on with what another worker, played by the test, has in hand as soon as the shop's own worker waits for it.
async fn goes_on(shop: &Shop, other: sqlx::Transaction<'_, sqlx::Postgres>) {
    let waiting = "select count(*) from pg_locks l join pg_stat_activity a using (pid)
                   where not l.granted and a.datname = current_database()";
    shop.until("the worker waits", async || shop.count(waiting).await > 0).await;
    other.commit().await.unwrap();
}

#[tokio::test]
async fn a_worker_waits_for_another_that_has_the_basket_in_hand() {
    let shop = Shop::open().await;
    let basket = parked(&shop).await;
    let mut other = shop.pool.begin().await.unwrap();
    let taken = "update sales.baskets set status = 'taken', ended_register = parked_register, ended_at = parked_at";
    sqlx::query(taken).execute(&mut *other).await.unwrap();
    let (answer, ()) = tokio::join!(at(&shop, 2, &basket, "take"), goes_on(&shop, other));
    assert_eq!((answer.status, &*answer.problem()), (StatusCode::CONFLICT, "basket_taken"), "{answer:?}");
}

#[tokio::test]
async fn a_worker_waits_for_another_that_parks_in_the_store() {
    let shop = Shop::open().await;
    parked(&shop).await;
    fill(&shop, MAX_PARKED - 1).await;
    let mut other = shop.pool.begin().await.unwrap();
    let stores = [(SHOP.merchant(), SHOP.store())].into();
    let wanted = tillstream_store::basket::Wanted { stores, ..Default::default() };
    tillstream_store::basket::lock(&mut other, &wanted).await.unwrap();
    sqlx::query(COPY).bind(1).execute(&mut *other).await.unwrap();
    let body = table_4();
    let (answer, ()) = tokio::join!(posted(&shop, "/v1/baskets", &body), goes_on(&shop, other));
    assert_eq!(answer.problem(), "too_many_baskets", "{answer:?}");
}

#[tokio::test]
async fn a_basket_is_of_its_store_alone() {
    let shop = Shop::open().await;
    let basket = parked(&shop).await;
    let there = posted(&shop, "/v1/stores", &json!({"name": "Side Street"})).await.json()["id"].clone();
    let register = posted(&shop, "/v1/registers", &json!({"store": there, "code": "S1"})).await.json()["id"].clone();
    let answer = shop.get(&format!("/v1/baskets?store={}", there.as_str().unwrap())).await;
    assert_eq!(answer.json()["items"], json!([]), "{answer:?}");
    let body = json!({"store": there, "register": register});
    assert_eq!(posted(&shop, &format!("/v1/baskets/{basket}/take"), &body).await.problem(), "unknown_basket");
    let body = json!({"store": SHOP.store(), "register": register});
    assert_eq!(posted(&shop, &format!("/v1/baskets/{basket}/take"), &body).await.problem(), "unknown_register");
    assert_eq!(shop.get(&format!("/v1/baskets?store={}", Uuid::nil())).await.status, StatusCode::NOT_FOUND);

    // A till sees those of its own store alone.
    let till = shop.enrolled(2).await;
    let seen = shop.at(&till, "GET", &format!("/v1/baskets?store={}", SHOP.store())).signed(&till).send().await;
    assert_eq!(seen.json()["items"].as_array().map(Vec::len), Some(1), "{seen:?}");
    let path = format!("/v1/baskets?store={}", there.as_str().unwrap());
    assert_eq!(shop.at(&till, "GET", &path).signed(&till).send().await.status, StatusCode::FORBIDDEN);
    let auditor = shop.token_of(Role::Auditor).await;
    let path = format!("/v1/baskets/{basket}");
    assert_eq!(shop.anonymous("GET", &path).bearer(&auditor).send().await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_cannot_be_parked_is_refused_and_named() {
    let shop = Shop::open().await;
    let refused = async |change: &dyn Fn(&mut Value)| {
        let mut body = table_4();
        change(&mut body);
        let answer = posted(&shop, "/v1/baskets", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        (answer.problem(), answer.json()["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned())
    };
    let named = |code: &str, pointer: &str| (code.to_owned(), pointer.to_owned());
    assert_eq!(
        refused(&|body| body["draft"]["lines"][0]["product"] = json!(Uuid::nil())).await,
        named("unknown_product", "/draft/lines/0/product")
    );
    assert_eq!(refused(&|body| body["draft"]["lines"] = json!([])).await, named("empty_basket", "/draft/lines"));
    assert_eq!(refused(&|body| body["name"] = json!("4111 1111 1111 1111")).await, named("invalid_body", "/name"));
    assert_eq!(refused(&|body| body["name"] = json!("x".repeat(81))).await, named("invalid_body", "/name"));
    assert_eq!(
        refused(&|body| body["expires_at"] = json!("2026-03-01T10:00:00Z")).await,
        named("expiry_past", "/expires_at")
    );
    assert_eq!(
        refused(&|body| body["expires_at"] = json!("2026-04-01T10:00:00Z")).await,
        named("expiry_too_far", "/expires_at")
    );
    assert_eq!(refused(&|body| body["draft"]["payments"] = json!([])).await, named("invalid_body", "/draft/payments"));
    let mut practice = table_4();
    practice["draft"]["training"] = json!(true);
    assert_eq!(posted(&shop, "/v1/baskets", &practice).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let shop = Shop::open().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(json!(parked(&shop).await));
        shop.clock.advance(1);
    }
    all.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/baskets?store={}&limit=2{after}", SHOP.store())).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|basket| basket["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, all);
}
