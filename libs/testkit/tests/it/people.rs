//! Merchants, stores, registers and users: who may add and change them, and what becomes of it.

use axum::http::StatusCode;
use serde_bytes::ByteArray;
use serde_json::{Value, json};
use tillstream_contract::{
    Batch, Envelope, Message, Reply, Stage,
    identity::{Command, NewMerchant, NewPassword},
};
use tillstream_domain::{
    id::{MerchantId, UserId},
    identity::{Actor, Grant, OneTimeCode, Role, SecretHash},
};
use tillstream_testkit::{Answer, NEXT_DOOR, SHOP, Shop};
use uuid::Uuid;

/// A request with a new key; what is given as `seen` goes into `If-Match`.
async fn ask(shop: &Shop, token: &str, method: &str, path: &str, seen: Option<u32>, body: &Value) -> Answer {
    let mut call = shop.anonymous(method, path).bearer(token).header("idempotency-key", &shop.ids.next().to_string());
    if let Some(seen) = seen {
        call = call.header("if-match", &format!("\"{seen}\""));
    }
    if !body.is_null() {
        call = call.json(body);
    }
    call.send().await
}

/// The problem with which that is refused.
async fn refused(shop: &Shop, token: &str, method: &str, path: &str, seen: Option<u32>, body: &Value) -> String {
    ask(shop, token, method, path, seen, body).await.problem()
}

fn kim(grants: &Value) -> Value {
    json!({"name": "Kim", "email": "kim@example.com", "grants": grants})
}

/// Adds a user and returns their id.
async fn add(shop: &Shop, token: &str, body: &Value) -> Uuid {
    let answer = ask(shop, token, "POST", "/v1/users", None, body).await;
    assert_eq!((answer.status, answer.header("etag")), (StatusCode::CREATED, "\"1\""), "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/users/{id}"));
    id
}

async fn owner(shop: &Shop) -> (UserId, String) {
    let grants = [Grant { role: Role::Owner, store: None }];
    let id = shop.hire(SHOP, &grants).await;
    (id, shop.token_for(SHOP, id, &grants))
}

fn here(role: &str) -> Value {
    json!([{"role": role, "store": SHOP.store()}])
}

#[tokio::test]
async fn a_user_is_added_changed_and_deactivated() {
    let shop = Shop::open().await;
    let (_, owner) = owner(&shop).await;
    let id = add(&shop, &owner, &kim(&here("cashier"))).await;
    let path = format!("/v1/users/{id}");
    let shown = shop.anonymous("GET", &path).bearer(&owner).send().await;
    assert_eq!(shown.header("etag"), "\"1\"");
    assert_eq!(
        shown.json(),
        json!({
            "id": id, "name": "Kim", "email": "kim@example.com", "grants": here("cashier"),
            "has_password": false, "has_pin": false, "version": 1,
        })
    );
    let change = json!({"name": "Kim Ågren"});
    assert_eq!(refused(&shop, &owner, "PATCH", &path, None, &change).await, "if_match_missing");
    let stale = ask(&shop, &owner, "PATCH", &path, Some(7), &change).await;
    assert_eq!((stale.status, stale.problem().as_str()), (StatusCode::PRECONDITION_FAILED, "version_conflict"));
    let changed = ask(&shop, &owner, "PATCH", &path, Some(1), &change).await;
    assert_eq!((changed.status, changed.json()), (StatusCode::OK, json!({"id": id, "version": 2})), "{changed:?}");
    let regrant = json!({"grants": [{"role": "auditor"}]});
    let grants = format!("{path}/grants");
    assert_eq!(ask(&shop, &owner, "PUT", &grants, Some(2), &regrant).await.header("etag"), "\"3\"");
    let ended = ask(&shop, &owner, "POST", &format!("{path}/deactivation"), None, &Value::Null).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    let shown = shop.anonymous("GET", &path).bearer(&owner).send().await.json();
    assert_eq!((&shown["name"], &shown["email"]), (&json!("Kim Ågren"), &json!("kim@example.com")));
    assert_eq!((&shown["grants"], shown["ended_at"].is_string()), (&json!([{"role": "auditor"}]), true), "{shown}");
    for (method, path, body) in [("PATCH", path.clone(), change), ("PUT", grants, regrant)] {
        assert_eq!(refused(&shop, &owner, method, &path, Some(4), &body).await, "user_ended");
    }
    let kept = "select count(*) from identity.grants where role = 'cashier' and ended_at is not null";
    assert_eq!(shop.count(kept).await, 1, "what they were is kept with its end");
    assert_eq!(shop.count("select count(*) from identity.users where ended_at is not null").await, 1);
}

#[tokio::test]
async fn a_repeated_request_is_answered_alike_and_takes_effect_once() {
    let shop = Shop::open().await;
    let (_, owner) = owner(&shop).await;
    let key = shop.ids.next().to_string();
    let send = async |path: &str, key: &str, body: &Value| {
        let call = shop.anonymous("POST", path).bearer(&owner).header("idempotency-key", key);
        if body.is_null() { call.send().await } else { call.json(body).send().await }
    };
    let first = send("/v1/users", &key, &kim(&here("cashier"))).await;
    let second = send("/v1/users", &key, &kim(&here("cashier"))).await;
    assert_eq!((first.status, first.json()), (second.status, second.json()));
    assert_eq!(send("/v1/users", &key, &kim(&here("manager"))).await.problem(), "idempotency_key_reused");
    let path = format!("/v1/users/{key}/invitation");
    let invitation = shop.ids.next().to_string();
    let [first, second] = [send(&path, &invitation, &Value::Null).await, send(&path, &invitation, &Value::Null).await];
    assert_eq!((first.status, first.header("cache-control")), (StatusCode::CREATED, "no-store"), "{first:?}");
    assert_eq!(first.json(), second.json(), "the same code");
    let other = send(&path, &shop.ids.next().to_string(), &Value::Null).await;
    assert_ne!(first.json()["code"], other.json()["code"]);
}

#[tokio::test]
async fn a_manager_governs_and_sees_the_cashiers_of_their_own_stores() {
    let shop = Shop::open().await;
    let (owner_id, owner) = owner(&shop).await;
    let side = ask(&shop, &owner, "POST", "/v1/stores", None, &json!({"name": "Side Street"})).await.json();
    let there = json!([{"role": "cashier", "store": side["id"]}]);
    let elsewhere = add(&shop, &owner, &kim(&there)).await;
    let manager = shop.token_of(Role::Manager).await;
    let own = add(&shop, &manager, &json!({"name": "Lou", "grants": here("cashier")})).await;
    let nobody = add(&shop, &owner, &json!({"name": "Nobody", "grants": []})).await;

    for (beyond, grants) in [
        ("another store", &there),
        ("all stores", &json!([{"role": "cashier"}])),
        ("a peer", &here("manager")),
        ("none", &json!([])),
    ] {
        let body = json!({"name": "Max", "grants": grants});
        assert_eq!(refused(&shop, &manager, "POST", "/v1/users", None, &body).await, "forbidden", "{beyond}");
    }
    for user in [elsewhere, owner_id.uuid(), nobody] {
        let path = |action: &str| format!("/v1/users/{user}{action}");
        let mut problems = vec![
            refused(&shop, &manager, "PATCH", &path(""), Some(1), &json!({"name": "Mine"})).await,
            refused(&shop, &manager, "PUT", &path("/grants"), Some(1), &json!({"grants": here("cashier")})).await,
        ];
        for action in ["/deactivation", "/invitation", "/erasure"] {
            problems.push(refused(&shop, &manager, "POST", &path(action), None, &Value::Null).await);
        }
        assert_eq!(problems, ["forbidden"; 5], "{user}");
        let seen = shop.anonymous("GET", &path("")).bearer(&manager).send().await;
        assert_eq!((seen.status, seen.problem().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    }
    let promotion = json!({"grants": here("manager")});
    let path = format!("/v1/users/{own}/grants");
    assert_eq!(refused(&shop, &manager, "PUT", &path, Some(1), &promotion).await, "forbidden");

    let listed = async |token: &str| {
        let answer = shop.anonymous("GET", "/v1/users?limit=1").bearer(token).send().await.json();
        let mut ids = vec![answer["items"][0]["id"].clone()];
        let mut next = answer["next"].clone();
        while let Some(after) = next.as_str() {
            let page = format!("/v1/users?limit=1&after={after}");
            let answer = shop.anonymous("GET", &page).bearer(token).send().await.json();
            ids.push(answer["items"][0]["id"].clone());
            next = answer["next"].clone();
        }
        ids
    };
    let seen = listed(&manager).await;
    assert_eq!(seen.len(), 2, "the cashier and the manager themself: {seen:?}");
    assert!(seen.contains(&json!(own)));
    assert_eq!(listed(&owner).await.len(), 5);
    let auditor = shop.token_of(Role::Auditor).await;
    let problem = refused(&shop, &auditor, "POST", "/v1/users", None, &kim(&here("cashier"))).await;
    assert_eq!(problem, "forbidden", "an auditor changes nothing");
}

#[tokio::test]
async fn a_merchant_is_never_without_an_owner() {
    let shop = Shop::open().await;
    let (id, owner) = owner(&shop).await;
    let path = |action: &str| format!("/v1/users/{id}{action}");
    let demotion = json!({"grants": here("owner")});
    assert_eq!(refused(&shop, &owner, "PUT", &path("/grants"), Some(1), &demotion).await, "last_owner");
    for action in ["/deactivation", "/erasure"] {
        assert_eq!(refused(&shop, &owner, "POST", &path(action), None, &Value::Null).await, "last_owner");
    }
    add(&shop, &owner, &kim(&json!([{"role": "owner"}]))).await;
    assert_eq!(ask(&shop, &owner, "POST", &path("/deactivation"), None, &Value::Null).await.status, StatusCode::OK);
    let late = refused(&shop, &owner, "POST", "/v1/stores", None, &json!({"name": "Mine"})).await;
    assert_eq!(late, "unauthorized", "from then on they may nothing, whatever their token says");
}

#[tokio::test]
async fn what_another_merchant_has_is_as_if_it_were_not() {
    let shop = Shop::open().await;
    let (_, owner) = owner(&shop).await;
    let grants = [Grant { role: Role::Cashier, store: Some(NEXT_DOOR.store()) }];
    let foreign = shop.hire(NEXT_DOOR, &grants).await;
    let path = |action: &str| format!("/v1/users/{foreign}{action}");
    for action in ["", "/export"] {
        let answer = shop.anonymous("GET", &path(action)).bearer(&owner).send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    }
    assert_eq!(refused(&shop, &owner, "PATCH", &path(""), Some(1), &json!({"name": "x"})).await, "unknown_user");
    for action in ["/deactivation", "/invitation", "/erasure"] {
        assert_eq!(refused(&shop, &owner, "POST", &path(action), None, &Value::Null).await, "unknown_user");
    }
    let store = NEXT_DOOR.store();
    let given = json!({"name": "Kim", "grants": [{"role": "cashier", "store": store}]});
    let answer = ask(&shop, &owner, "POST", "/v1/users", None, &given).await;
    assert_eq!(
        (answer.problem().as_str(), &answer.json()["errors"][0]["pointer"]),
        ("unknown_store", &json!("/grants"))
    );
    let name = json!({"name": "Mine"});
    assert_eq!(refused(&shop, &owner, "PATCH", &format!("/v1/stores/{store}"), Some(1), &name).await, "unknown_store");
    let register = json!({"store": store, "code": "X"});
    assert_eq!(refused(&shop, &owner, "POST", "/v1/registers", None, &register).await, "unknown_store");
    assert_eq!(shop.count("select count(*) from catalog.stores where name = 'Mine'").await, 0);
}

#[tokio::test]
async fn stores_registers_and_the_merchant_are_added_and_renamed() {
    let shop = Shop::open().await;
    let (_, owner) = owner(&shop).await;
    let store = ask(&shop, &owner, "POST", "/v1/stores", None, &json!({"name": "Side Street"})).await;
    assert_eq!(store.status, StatusCode::CREATED, "{store:?}");
    let id = store.json()["id"].clone();
    let high = json!({"name": "High Street"});
    assert_eq!(refused(&shop, &owner, "POST", "/v1/stores", None, &high).await, "store_name_taken");
    let path = format!("/v1/stores/{}", id.as_str().unwrap());
    assert_eq!(refused(&shop, &owner, "PATCH", &path, Some(1), &high).await, "store_name_taken");
    assert_eq!(refused(&shop, &owner, "PATCH", &path, Some(2), &json!({"name": "x"})).await, "version_conflict");
    let renamed = ask(&shop, &owner, "PATCH", &path, Some(1), &json!({"name": "Back Street"})).await;
    assert_eq!(renamed.json(), json!({"id": id, "version": 2}));
    let register = json!({"store": id, "code": "B1"});
    let added = ask(&shop, &owner, "POST", "/v1/registers", None, &register).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    assert_eq!(refused(&shop, &owner, "POST", "/v1/registers", None, &register).await, "register_code_taken");
    let mut basket = shop.basket(&[("tea", "1")]);
    (basket["store"], basket["register"]) = (id.clone(), added.json()["id"].clone());
    let sold = shop.sell(shop.ids.next(), &basket).await;
    assert_eq!((sold.status, &sold.json()["store"]["name"]), (StatusCode::CREATED, &json!("Back Street")), "{sold:?}");
    let stores = shop.get("/v1/stores").await.json();
    assert_eq!(stores["items"].as_array().unwrap().len(), 2);
    let manager = shop.token_of(Role::Manager).await;
    assert_eq!(refused(&shop, &manager, "POST", "/v1/stores", None, &json!({"name": "x"})).await, "forbidden");
    assert_eq!(refused(&shop, &manager, "POST", "/v1/registers", None, &register).await, "forbidden");

    let merchant = shop.get("/v1/merchant").await;
    assert_eq!((merchant.header("etag"), &merchant.json()["currency"]), ("\"1\"", &json!("EUR")));
    let name = json!({"name": "Café Ågren"});
    assert_eq!(refused(&shop, &manager, "PATCH", "/v1/merchant", Some(1), &name).await, "forbidden");
    assert_eq!(ask(&shop, &owner, "PATCH", "/v1/merchant", Some(1), &name).await.status, StatusCode::OK);
    assert_eq!(refused(&shop, &owner, "PATCH", "/v1/merchant", Some(1), &name).await, "version_conflict");
    assert_eq!(shop.get("/v1/merchant").await.json()["name"], "Café Ågren");
}

#[tokio::test]
async fn text_that_means_something_elsewhere_is_kept_as_it_is_or_refused() {
    let shop = Shop::open().await;
    let (_, owner) = owner(&shop).await;
    let texts = [
        "'; drop table identity.users; --",
        "Robert'); select pg_sleep(9)--",
        "${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "%00%0d%0aSet-Cookie: a=b",
        "\u{202E}gnirts",
    ];
    for (number, text) in texts.iter().enumerate() {
        let body = json!({"name": text, "email": format!("'or'1'='1{number}@x--"), "grants": here("cashier")});
        let id = add(&shop, &owner, &body).await;
        let shown = shop.anonymous("GET", &format!("/v1/users/{id}")).bearer(&owner).send().await.json();
        assert_eq!((&shown["name"], &shown["email"]), (&body["name"], &body["email"]));
        let store = ask(&shop, &owner, "POST", "/v1/stores", None, &json!({"name": text})).await;
        assert_eq!(store.status, StatusCode::CREATED, "{store:?}");
        let code: String = text.chars().take(16).collect::<String>().trim().to_owned();
        let register = json!({"store": store.json()["id"], "code": code});
        assert_eq!(ask(&shop, &owner, "POST", "/v1/registers", None, &register).await.status, StatusCode::CREATED);
        let stores = shop.get("/v1/stores").await.text;
        assert!(stores.contains(&serde_json::to_string(text).unwrap()), "{stores}");
    }
    for text in
        ["a\r\nSet-Cookie: a=b", "nul \u{0} byte", "bell \u{7}", "4111 1111 1111 1111", "", " ", &"x".repeat(121)]
    {
        for (path, body) in [
            ("/v1/users", json!({"name": text, "grants": []})),
            ("/v1/users", json!({"name": "Kim", "email": format!("{text}\r\n@x"), "grants": []})),
            ("/v1/stores", json!({"name": text})),
            ("/v1/registers", json!({"store": SHOP.store(), "code": text})),
        ] {
            let answer = ask(&shop, &owner, "POST", path, None, &body).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body"),
                "{body} {answer:?}"
            );
        }
        let answer = ask(&shop, &owner, "PATCH", "/v1/merchant", Some(1), &json!({"name": text})).await;
        assert_eq!(answer.problem(), "invalid_body");
    }
    for tag in ["*", "1", "\"x\"", "\"1' or '1'='1\"", "W/\"1\""] {
        let call = shop.call("PATCH", "/v1/merchant").header("idempotency-key", &shop.ids.next().to_string());
        let answer = call.header("if-match", tag).json(&json!({"name": "x"})).send().await;
        assert_eq!(answer.problem(), "bad_parameter", "{tag}");
    }
    let two = kim(&here("cashier"));
    add(&shop, &owner, &two).await;
    let shouted = json!({"name": "Max", "email": "KIM@EXAMPLE.COM", "grants": here("cashier")});
    let taken = ask(&shop, &owner, "POST", "/v1/users", None, &shouted).await;
    assert_eq!((taken.problem().as_str(), &taken.json()["errors"][0]["pointer"]), ("email_taken", &json!("/email")));
}

/// Sends a command over the bus as the operator could, and returns `done` or the code of its refusal.
async fn over_the_bus(shop: &Shop, merchant: MerchantId, actor: Actor, command: &Command) -> String {
    let to = format!("answer.{}", shop.ids.next().simple());
    let mut inbox = shop.bus.answers(to.clone()).await.unwrap();
    let envelope = Envelope {
        id: shop.ids.next(),
        kind: command.kind().to_owned(),
        merchant,
        actor: actor.to_string(),
        till: None,
        approval: None,
        fingerprint: None,
        at: shop.clock.now(),
        origin: None,
        trace: None,
        reply: Some(Reply { to, ticket: 1, stage: Stage::Recorded }),
        body: command.encode().into(),
    };
    shop.bus.publish("cmd.identity.0".to_owned(), Batch { envelopes: vec![envelope] }.encode()).await.unwrap();
    let answer = inbox.next().await.unwrap().remove(0);
    match answer.verdict {
        tillstream_contract::Verdict::Accepted(_) => "done".to_owned(),
        tillstream_contract::Verdict::Rejected(refusal) => refusal.code,
        tillstream_contract::Verdict::Conflict => "conflict".to_owned(),
    }
}

#[tokio::test]
async fn the_operator_alone_opens_merchants() {
    let shop = Shop::open().await;
    let (owner, _) = owner(&shop).await;
    let rules = json!({"mode": "included", "per": "group", "rounding": "half_up"});
    let new: NewMerchant =
        serde_json::from_value(json!({"name": "Café Ågren", "currency": "SEK", "rules": rules})).unwrap();
    let open = Command::OpenMerchant(new);
    let id = MerchantId::new(shop.ids.next());
    for (merchant, actor, outcome) in [
        (SHOP.merchant(), Actor::User(owner), "forbidden"),
        (id, Actor::User(owner), "forbidden"),
        (SHOP.merchant(), Actor::Operator, "merchant_exists"),
        (id, Actor::Operator, "done"),
        (id, Actor::Operator, "merchant_exists"),
    ] {
        assert_eq!(over_the_bus(&shop, merchant, actor, &open).await, outcome, "{merchant} {actor}");
    }
    let named = "select count(*) from catalog.merchants where name = 'Café Ågren' and currency = 'SEK' and version = 1";
    assert_eq!(shop.count(named).await, 1);
}

#[tokio::test]
async fn a_password_is_set_by_its_user_or_by_the_code_alone() {
    let shop = Shop::open().await;
    let (owner_id, owner) = owner(&shop).await;
    let id = UserId::new(add(&shop, &owner, &json!({"name": "Kim", "grants": []})).await);
    let path = format!("/v1/users/{id}/invitation");
    let invited = ask(&shop, &owner, "POST", &path, None, &Value::Null).await;
    let code: OneTimeCode<20> = invited.json()["code"].as_str().unwrap().parse().unwrap();
    let found: (Uuid, Uuid) = sqlx::query_as("select merchant_id, user_id from identity.user_of($1)")
        .bind(code.hash())
        .fetch_one(&sqlx::PgPool::connect(&shop.database.url("edge")).await.unwrap())
        .await
        .unwrap();
    assert_eq!(found, (SHOP.merchant().uuid(), id.uuid()), "the edge finds who was given the code");
    let set = |code_hash: Option<[u8; 32]>| {
        let password = SecretHash::try_new("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA").unwrap();
        Command::SetPassword(NewPassword { user: id, password, code_hash: code_hash.map(ByteArray::new) })
    };
    let (merchant, kim) = (SHOP.merchant(), Actor::User(id));
    for (actor, code_hash, outcome) in [
        (Actor::User(owner_id), None, "forbidden"),
        (Actor::Operator, None, "forbidden"),
        (Actor::User(owner_id), Some(code.hash()), "forbidden"),
        (kim, Some([0; 32]), "code_invalid"),
        (kim, Some(code.hash()), "done"),
        (kim, Some(code.hash()), "code_invalid"),
        (kim, None, "done"),
    ] {
        assert_eq!(over_the_bus(&shop, merchant, actor, &set(code_hash)).await, outcome, "{actor} {code_hash:?}");
    }
    assert_eq!(shop.count("select count(*) from identity.users where code_until is not null").await, 0);
    let ended = ask(&shop, &owner, "POST", &format!("/v1/users/{id}/deactivation"), None, &Value::Null).await;
    assert_eq!(ended.status, StatusCode::OK);
    assert_eq!(over_the_bus(&shop, merchant, kim, &set(None)).await, "forbidden");
}
