//! What is held about people: it is shown to them, it goes when they are erased, and the books stay valid. And the audit
//! trail, which knows people by their ids.

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe,
    types::chrono::{DateTime, Utc},
};
use tillstream_bus::{subject::Class, trim::Keep};
use tillstream_domain::{
    identity::{Grant, Role},
    receipt::SigningKey,
};
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

const NAME: &str = "Kimberley Ågren-Quux";
const EMAIL: &str = "kimberley.quux@example.com";

async fn owner(shop: &Shop) -> String {
    let grants = [Grant { role: Role::Owner, store: None }];
    shop.token_for(SHOP, shop.hire(SHOP, &grants).await, &grants)
}

async fn post(shop: &Shop, token: &str, path: &str, body: &Value) -> Answer {
    let call = shop.anonymous("POST", path).bearer(token).header("idempotency-key", &shop.ids.next().to_string());
    if body.is_null() { call.send().await } else { call.json(body).send().await }
}

async fn get(shop: &Shop, token: &str, path: &str) -> Answer {
    shop.anonymous("GET", path).bearer(token).send().await
}

/// A cashier who was added with name and address, and a token of theirs.
async fn kimberley(shop: &Shop, owner: &str) -> (Uuid, String) {
    let grants = [Grant { role: Role::Cashier, store: Some(SHOP.store()) }];
    let body = json!({"name": NAME, "email": EMAIL, "grants": grants});
    let added = post(shop, owner, "/v1/users", &body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let id: Uuid = added.json()["id"].as_str().unwrap().parse().unwrap();
    (id, shop.token_for(SHOP, tillstream_domain::id::UserId::new(id), &grants))
}

/// Sells as the bearer, and waits for the receipt.
async fn sell(shop: &Shop, token: &str) -> Uuid {
    let key = shop.ids.next();
    let call = shop.anonymous("POST", "/v1/sales").bearer(token).header("idempotency-key", &key.to_string());
    let sold = call.header("prefer", "wait=20, until=receipt").json(&shop.basket(&[("tea", "1")])).send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    key
}

/// The tables in which some row holds `text` in whatever column, as text or as bytes.
async fn tables_with(shop: &Shop, text: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema') order by 1",
    )
    .fetch_all(&shop.pool)
    .await
    .unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let query = format!(
            "select count(*) from {table} t where t::text ilike '%' || $1 || '%' or t::text ilike '%' || encode($2, 'hex') || '%'"
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(query))
            .bind(text)
            .bind(text.as_bytes())
            .fetch_one(&shop.pool)
            .await
            .unwrap();
        if rows > 0 {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn an_erased_person_is_nowhere_and_what_they_sold_stays_valid() {
    let shop = Shop::open().await;
    let owner = owner(&shop).await;
    let (id, token) = kimberley(&shop, &owner).await;
    let invited = post(&shop, &owner, &format!("/v1/users/{id}/invitation"), &Value::Null).await;
    assert_eq!(invited.status, StatusCode::CREATED, "{invited:?}");
    let sale = sell(&shop, &token).await;
    let receipt = shop.get(&format!("/v1/sales/{sale}/receipt")).await;
    for text in [NAME, EMAIL] {
        assert_eq!(tables_with(&shop, text).await, ["identity.users"], "one place alone holds {text}");
    }

    let own = get(&shop, &token, &format!("/v1/users/{id}/export")).await;
    let all = get(&shop, &owner, &format!("/v1/users/{id}/export")).await;
    assert_eq!((own.status, own.header("cache-control")), (StatusCode::OK, "no-store"), "{own:?}");
    assert_eq!(own.json(), all.json());
    let held = own.json();
    assert_eq!((&held["name"], &held["email"], &held["has_password"]), (&json!(NAME), &json!(EMAIL), &json!(false)));
    assert_eq!((&held["grants"][0]["role"], &held["grants"][0]["ended_at"]), (&json!("cashier"), &Value::Null));
    assert_eq!((&held["activity"][0]["kind"], &held["activity"][0]["count"]), (&json!("sale.submit.v1"), &json!(1)));
    let other = shop.token_of(Role::Cashier).await;
    assert_eq!(get(&shop, &other, &format!("/v1/users/{id}/export")).await.problem(), "forbidden");

    let path = format!("/v1/users/{id}/erasure");
    assert_eq!(post(&shop, &other, &path, &Value::Null).await.problem(), "forbidden");
    let erased = post(&shop, &owner, &path, &Value::Null).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    assert_eq!(post(&shop, &owner, &path, &Value::Null).await.problem(), "user_erased");
    for text in [NAME, EMAIL, "kimberley", "quux"] {
        assert_eq!(tables_with(&shop, text).await, [""; 0], "{text}");
    }
    let left = "select count(*) from identity.users where name is null and code_hash is null and ended_at is not null";
    assert_eq!(shop.count(left).await, 1);
    let shown = get(&shop, &owner, &format!("/v1/users/{id}")).await.json();
    assert_eq!((&shown["name"], &shown["email"], &shown["grants"]), (&Value::Null, &Value::Null, &json!([])));
    let export = get(&shop, &owner, &format!("/v1/users/{id}/export")).await.json();
    assert!(export["grants"][0]["ended_at"].is_string(), "what they were is kept: {export}");
    let late = post(&shop, &token, "/v1/sales", &shop.basket(&[("tea", "1")])).await;
    assert_eq!(late.problem(), "unauthorized");

    assert_eq!(shop.get(&format!("/v1/sales/{sale}/receipt")).await.text, receipt.text);
    let trail = get(&shop, &owner, &format!("/v1/audit?actor=user:{id}&kind=sale.submit.v1")).await.json();
    assert_eq!(trail["items"].as_array().unwrap().len(), 1, "{trail}");
    let keys = [SigningKey::from_seed(&[7; 32]).verifying_key()];
    let chain = tillstream_receipts_worker::audit::look(&shop.pool, &keys, None, 100).await.unwrap();
    assert_eq!((chain.checked, chain.faults), (1, vec![]));
    let again = json!({"name": NAME, "email": EMAIL, "grants": []});
    assert_eq!(post(&shop, &owner, "/v1/users", &again).await.status, StatusCode::CREATED, "the address is free again");
}

#[tokio::test]
async fn an_erased_customer_is_nowhere_and_what_they_bought_stays_valid() {
    const PHONE: &str = "+49 151 5550123";
    let shop = Shop::open().await;
    let owner = owner(&shop).await;
    let profile = json!({"name": NAME, "email": EMAIL, "phone": PHONE, "note": "prefers Quuxish tea"});
    let added = post(&shop, &owner, "/v1/customers", &json!({"profile": profile})).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let sale = shop.ids.next();
    let mut basket = shop.basket(&[("tea", "1")]);
    basket["customer"] = json!(id);
    let sold = shop.selling(sale, &basket).header("prefer", "wait=20, until=receipt").send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    let receipt = shop.get(&format!("/v1/sales/{sale}/receipt")).await;
    assert_eq!(tables_with(&shop, EMAIL).await, ["sales.customer_terms", "sales.customers"]);
    let path = format!("/v1/customers/{id}/erasure");
    let cashier = shop.token_of(Role::Cashier).await;
    assert_eq!(post(&shop, &cashier, &path, &Value::Null).await.problem(), "forbidden");
    assert_eq!(post(&shop, &owner, &path, &Value::Null).await.status, StatusCode::OK);
    assert_eq!(post(&shop, &owner, &path, &Value::Null).await.problem(), "customer_erased");
    for text in [NAME, EMAIL, "kimberley", "quux", "5550123"] {
        assert_eq!(tables_with(&shop, text).await, [""; 0], "{text}");
    }
    let shown = get(&shop, &owner, &format!("/v1/customers/{id}")).await.json();
    assert_eq!((&shown["profile"], &shown["version"]), (&Value::Null, &json!(2)));
    assert_eq!(get(&shop, &owner, "/v1/customers").await.json()["items"], json!([]));
    let history = get(&shop, &owner, &format!("/v1/customers/{id}/sales")).await.json();
    assert_eq!(history["items"][0]["id"], json!(sale));
    assert_eq!(shop.get(&format!("/v1/sales/{sale}/receipt")).await.text, receipt.text);
    assert_eq!(shop.sell(shop.ids.next(), &basket).await.problem(), "unknown_customer");
}

#[tokio::test]
async fn commands_about_people_are_purged_once_they_are_done_and_not_before() {
    const ALL: Keep = Keep { bytes: 1 << 30, messages: 1_000 };
    let shop = Shop::open_idle().await;
    let owner = owner(&shop).await;
    let add = async |number: u32| {
        let body = json!({"name": NAME, "email": format!("{number}{EMAIL}"), "grants": []});
        let call = shop.anonymous("POST", "/v1/users").bearer(&owner).header("prefer", "respond-async");
        let call = call.header("idempotency-key", &shop.ids.next().to_string());
        assert_eq!(call.json(&body).send().await.status, StatusCode::ACCEPTED);
    };
    let sale = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1")])).header("prefer", "respond-async");
    assert_eq!(sale.send().await.status, StatusCode::ACCEPTED);
    add(1).await;
    let trimmer = shop.bus_as("sales").await;
    assert_eq!(trimmer.trim(Class::Command, 0, ALL).await.unwrap(), 0, "nobody has taken it");
    shop.drain_one(tillstream_identity_worker::Identity, &shop.process()).await;
    add(2).await;
    assert_eq!(trimmer.trim(Class::Command, 0, ALL).await.unwrap(), 1, "one is done, however much may be kept");
    let call = shop.anonymous("POST", "/v1/customers").bearer(&owner).header("prefer", "respond-async");
    let call = call.header("idempotency-key", &shop.ids.next().to_string());
    assert_eq!(call.json(&json!({"profile": {"name": NAME}})).send().await.status, StatusCode::ACCEPTED);
    assert_eq!(trimmer.trim(Class::Command, 0, ALL).await.unwrap(), 0, "nobody has taken these");
    shop.drain().await;
    assert_eq!(trimmer.trim(Class::Command, 0, ALL).await.unwrap(), 2, "so is the other, and what is of a customer");
    assert_eq!(trimmer.trim(Class::Command, 0, ALL).await.unwrap(), 0, "the sale stays");
    assert_eq!(shop.count("select count(*) from identity.users where email like '%quux%'").await, 2);
    assert_eq!(shop.count("select count(*) from sales.sales").await, 1);
}

#[tokio::test]
async fn the_trail_says_who_did_what_and_with_what_outcome() {
    let shop = Shop::open().await;
    let owner = owner(&shop).await;
    let (id, token) = kimberley(&shop, &owner).await;
    shop.clock.advance(1_000_000);
    let from = shop.clock.now();
    let sale = sell(&shop, &token).await;
    shop.clock.advance(1_000_000);
    let adjustment =
        json!({"store": SHOP.store(), "reason": "found", "lines": [{"product": SHOP.product("tea"), "delta": "1"}]});
    // The edge lets an owner's token through; the worker knows that the user is none.
    let lying =
        shop.token_for(SHOP, tillstream_domain::id::UserId::new(id), &[Grant { role: Role::Owner, store: None }]);
    assert_eq!(post(&shop, &lying, "/v1/stock/adjustments", &adjustment).await.problem(), "forbidden");

    let trail = async |query: &str| {
        let answer = get(&shop, &owner, &format!("/v1/audit?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    };
    let all = trail("").await;
    let kinds: Vec<_> = all["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["stock.adjust.v1", "sale.submit.v1", "identity.add_user.v1"], "the newest first");
    let newest = &all["items"][0];
    assert_eq!((&newest["outcome"], &newest["refusal_code"]), (&json!("rejected"), &json!("forbidden")));
    assert_eq!(newest["actor"], format!("user:{id}"));
    let count = async |query: &str| trail(query).await["items"].as_array().unwrap().len();
    assert_eq!(count(&format!("actor=user:{id}")).await, 2);
    assert_eq!(count(&format!("actor=user:{id}&kind=sale.submit.v1")).await, 1);
    assert_eq!(count(&format!("from={from}")).await, 2);
    assert_eq!(count(&format!("from={from}&until={}", shop.clock.now())).await, 1);
    assert_eq!(count(&format!("till={}", SHOP.register(1))).await, 0);
    let first = trail("limit=2").await;
    let next = trail(&format!("limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((next["items"][0]["kind"].as_str(), &next["next"]), (Some("identity.add_user.v1"), &Value::Null));

    for bad in ["actor=root", "actor=user:x", "from=yesterday", "after=1", "after=x.y", "till=1", "limit=0", "kind=%00"]
    {
        let answer = get(&shop, &owner, &format!("/v1/audit?{bad}")).await;
        assert_eq!(answer.problem(), "bad_parameter", "{bad}");
    }
    let injected = "/v1/audit?kind=%27%20or%201=1--";
    assert_eq!(get(&shop, &owner, injected).await.json()["items"], json!([]));
    let here = shop.token_of(Role::Auditor).await;
    assert_eq!(get(&shop, &here, "/v1/audit").await.problem(), "forbidden", "an auditor of one store alone");
    assert_eq!(get(&shop, &here, "/v1/audit.csv").await.problem(), "forbidden");

    let csv = get(&shop, &owner, "/v1/audit.csv").await;
    assert_eq!((csv.status, csv.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines.len(), 4, "{csv:?}");
    assert!(lines[0].starts_with("id,kind,actor,till,"), "{csv:?}");
    assert!(lines[2].starts_with(&format!("{sale},sale.submit.v1,user:{id},,,")), "{csv:?}");
}

#[tokio::test]
async fn an_export_of_the_trail_is_whole_however_long_it_is() {
    let shop = Shop::open_idle().await;
    let owner = owner(&shop).await;
    fill(&shop, 2_500).await;
    let csv = get(&shop, &owner, "/v1/audit.csv").await;
    let mut ids: Vec<_> = csv.text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2_500);
}

/// Puts so many commands into the inbox, all decided within a few seconds by ten actors.
async fn fill(shop: &Shop, count: i32) {
    let refusal = tillstream_contract::Refusal { code: "x".to_owned(), detail: String::new(), pointer: None };
    sqlx::query(
        "insert into inbox.messages (merchant_id, id, context, of_event, kind, actor, accepted, outcome, submitted_at, decided_at)
         select $1, gen_random_uuid(), 'sales', false, 'sale.submit.v1', 'user:0000000' || n % 10, false, $3,
           now(), timestamptz '2026-01-01Z' + n / 100 * interval '1 second'
         from generate_series(1, $2) as n",
    )
    .bind(SHOP.merchant().uuid())
    .bind(count)
    .bind(tillstream_contract::Outcome::Rejected(refusal).encode())
    .execute(&shop.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn the_trail_is_read_by_its_indexes() {
    let shop = Shop::open_idle().await;
    fill(&shop, 20_000).await;
    sqlx::query("analyze inbox.messages").execute(&shop.pool).await.unwrap();
    // The statement itself, with a plan for its values, as the edge has it while filters are absent or not.
    let plan = async |actor: Option<&str>| {
        let mut tx = shop.pool.begin().await.unwrap();
        sqlx::query("set local plan_cache_mode = force_custom_plan").execute(&mut *tx).await.unwrap();
        let explain = format!("explain {}", include_str!("../../../store/queries/trail.sql"));
        let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
            .bind(SHOP.merchant().uuid())
            .bind(actor)
            .bind(None::<String>)
            .bind(None::<Uuid>)
            .bind(None::<DateTime<Utc>>)
            .bind(None::<DateTime<Utc>>)
            .bind(None::<DateTime<Utc>>)
            .bind(None::<Uuid>)
            .bind(51_i64)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        lines.join("\n")
    };
    for (actor, index) in [(None, "commands_by_time"), (Some("user:00000003"), "commands_by_actor")] {
        let plan = plan(actor).await;
        assert!(plan.contains(&format!("using {index}")) && !plan.contains("Sort"), "{actor:?}: {plan}");
    }
}
