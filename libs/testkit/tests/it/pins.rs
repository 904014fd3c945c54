//! PINs at tills: signing in with them, and approving what others do.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_contract::token::{self, Approved, Offline};
use tillstream_domain::{
    id::UserId,
    identity::{Grant, Permission, Role},
};
use tillstream_testkit::{Answer, NEXT_DOOR, SHOP, Shop, Till};
use uuid::Uuid;

const HERE: Grant = Grant { role: Role::Cashier, store: None };

fn refused(answer: &Answer, status: StatusCode, problem: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{answer:?}");
}

async fn set_pin(shop: &Shop, token: &str, user: UserId, pin: &str) -> Answer {
    let call = shop.anonymous("PUT", &format!("/v1/users/{user}/pin")).bearer(token);
    call.header("idempotency-key", &shop.ids.next().to_string()).json(&json!({"pin": pin})).send().await
}

/// Somebody with this role in the store of [`SHOP`], and this PIN.
async fn hire(shop: &Shop, role: Role, pin: &str) -> UserId {
    let user = shop.hire(SHOP, &[Grant { role, store: Some(SHOP.store()) }]).await;
    let set = set_pin(shop, &shop.token(SHOP), user, pin).await;
    assert_eq!((set.status, &set.json()["version"]), (StatusCode::OK, &json!(2)), "{set:?}");
    user
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pin_is_set_by_whose_it_is_or_who_governs_them() {
    let shop = Shop::open().await;
    let kim = shop.hire(SHOP, &[HERE]).await;
    let own = shop.token_for(SHOP, kim, &[HERE]);
    assert_eq!(set_pin(&shop, &own, kim, "2580").await.status, StatusCode::OK);
    let colleague = shop.token_of(Role::Cashier).await;
    refused(&set_pin(&shop, &colleague, kim, "2581").await, StatusCode::FORBIDDEN, "forbidden");
    let manager = shop.token_of(Role::Manager).await;
    refused(&set_pin(&shop, &manager, kim, "2581").await, StatusCode::FORBIDDEN, "forbidden");
    let next_door = set_pin(&shop, &shop.token(NEXT_DOOR), kim, "2581").await;
    refused(&next_door, StatusCode::UNPROCESSABLE_ENTITY, "unknown_user");
    for easy in ["1234", "0000", "7777777", "9876", "123", "123456789", "12a4", "' or 1=1"] {
        let answer = set_pin(&shop, &own, kim, easy).await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid_body");
        assert!(!answer.text.contains(easy) || easy == "123", "{answer:?}");
    }
    let till = shop.enrolled(1).await;
    assert_eq!(shop.sign_in(&till, kim, "2580").await.status, StatusCode::OK);
    refused(&shop.sign_in(&till, kim, "2581").await, StatusCode::UNAUTHORIZED, "wrong_pin");
}

#[tokio::test]
async fn cashiers_take_turns_at_a_till() {
    let shop = Shop::open().await;
    let (till, other) = (shop.enrolled(1).await, shop.enrolled(2).await);
    let kim = hire(&shop, Role::Cashier, "2580").await;
    let ren = hire(&shop, Role::Manager, "1379").await;
    hire(&shop, Role::Auditor, "4826").await;
    shop.hire(SHOP, &[HERE]).await;
    let shown = shop.at(&till, "GET", "/v1/till/users").signed(&till).send().await.json();
    let ids: Vec<_> = shown["items"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
    let mut expected = vec![json!(kim), json!(ren)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(ids, expected, "who has a PIN and may sell here");

    let mut books = Vec::new();
    for (user, pin) in [(kim, "2580"), (ren, "1379")] {
        let signed_in = shop.sign_in(&till, user, pin).await;
        let token = token_of(&signed_in);
        assert_eq!(signed_in.json()["expires_at"], json!("2026-03-01T18:00:01.000000Z"));
        let sale = || {
            let call = shop.anonymous("POST", "/v1/sales").bearer(&token);
            let call = call.header("idempotency-key", &shop.ids.next().to_string());
            call.json(&shop.basket(&[("tea", "1")]))
        };
        let sold = sale().signed(&till).send().await;
        assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
        refused(&sale().signed(&other).send().await, StatusCode::UNAUTHORIZED, "signature_invalid");
        refused(&sale().send().await, StatusCode::UNAUTHORIZED, "signature_missing");
        books.push(format!("user:{user}"));
    }
    let query = "select actor from inbox.messages where context = 'sales' order by decided_at, actor";
    let mut actors: Vec<String> = sqlx::query_scalar(query).fetch_all(&shop.pool).await.unwrap();
    actors.sort();
    books.sort();
    assert_eq!(actors, books);
    let nobody = shop.call("POST", "/v1/till/sessions").json(&json!({"user": kim, "pin": "2580"})).send().await;
    refused(&nobody, StatusCode::UNPROCESSABLE_ENTITY, "no_till");
}

#[tokio::test]
async fn nobody_signs_in_where_they_do_not_sell() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let auditor = hire(&shop, Role::Auditor, "4826").await;
    refused(&shop.sign_in(&till, auditor, "4826").await, StatusCode::FORBIDDEN, "forbidden");
    let elsewhere = shop.hire(SHOP, &[Grant { role: Role::Cashier, store: Some(NEXT_DOOR.store()) }]).await;
    assert_eq!(set_pin(&shop, &shop.token(SHOP), elsewhere, "2580").await.status, StatusCode::OK);
    let wrong = shop.sign_in(&till, elsewhere, "2580").await;
    refused(&wrong, StatusCode::UNAUTHORIZED, "wrong_pin");
    let unknown = shop.sign_in(&till, shop.ids.next(), "2580").await;
    assert_eq!((unknown.status, unknown.json()), (wrong.status, wrong.json()), "nobody learns who there is");
    let next_door = shop.hire(NEXT_DOOR, &[HERE]).await;
    refused(&shop.sign_in(&till, next_door, "2580").await, StatusCode::UNAUTHORIZED, "wrong_pin");
}

#[tokio::test]
async fn who_guesses_waits() {
    let shop = Shop::open().await;
    let (till, other) = (shop.enrolled(1).await, shop.enrolled(2).await);
    let kim = hire(&shop, Role::Cashier, "2580").await;
    for guess in ["2581", "2582", "2583", "2584", "2585", "2586"] {
        refused(&shop.sign_in(&till, kim, guess).await, StatusCode::UNAUTHORIZED, "wrong_pin");
    }
    let locked = shop.sign_in(&till, kim, "2580").await;
    refused(&locked, StatusCode::TOO_MANY_REQUESTS, "locked_out");
    assert_eq!(locked.header("retry-after"), "1");
    assert_eq!(shop.sign_in(&other, kim, "2580").await.status, StatusCode::OK, "at another till they work on");
    shop.clock.advance(1_000_000);
    refused(&shop.sign_in(&till, kim, "2587").await, StatusCode::UNAUTHORIZED, "wrong_pin");
    assert_eq!(shop.sign_in(&till, kim, "2580").await.header("retry-after"), "2");
    shop.clock.advance(2_000_000);
    assert_eq!(shop.sign_in(&till, kim, "2580").await.status, StatusCode::OK);
    refused(&shop.sign_in(&till, kim, "2581").await, StatusCode::UNAUTHORIZED, "wrong_pin");
}

#[tokio::test]
async fn a_sign_in_brings_what_counts_without_the_server() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let kim = hire(&shop, Role::Cashier, "2580").await;
    let signed_in = shop.sign_in(&till, kim, "2580").await.json();
    assert_eq!(signed_in["offline_until"], json!("2026-03-08T10:00:01.000000Z"));
    let keys = [ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key()];
    let now = shop.clock.now().micros() / 1_000_000;
    let (offline, _) = token::verify::<Offline>(signed_in["offline"].as_str().unwrap(), &keys, now).unwrap();
    assert_eq!((offline.user, offline.till, offline.store), (kim, SHOP.register(1), SHOP.store()));
    assert!(offline.permissions.contains(&Permission::Sell) && !offline.permissions.contains(&Permission::AdjustStock));
    let as_access = shop.anonymous("GET", "/v1/products").bearer(signed_in["offline"].as_str().unwrap());
    refused(&as_access.signed(&till).send().await, StatusCode::UNAUTHORIZED, "unauthorized");
}

/// A cashier at a till, and what they ask for.
struct Counter<'a> {
    shop: &'a Shop,
    till: &'a Till,
    cashier: String,
}

impl Counter<'_> {
    async fn approve(&self, permission: &str, command: Uuid, approver: UserId, pin: &str) -> Answer {
        let body = json!({"permission": permission, "command": command, "approver": approver, "pin": pin});
        let call = self.shop.anonymous("POST", "/v1/approvals").bearer(&self.cashier).json(&body);
        call.signed(self.till).send().await
    }

    async fn adjust(&self, command: Uuid, approval: Option<&str>) -> Answer {
        let line = json!({"product": SHOP.product("tea"), "delta": "-1"});
        let body = json!({"store": SHOP.store(), "reason": "damaged", "lines": [line]});
        self.send("/v1/stock/adjustments", &body, command, approval).await
    }

    async fn send(&self, path: &str, body: &Value, command: Uuid, approval: Option<&str>) -> Answer {
        let call = self.shop.anonymous("POST", path).bearer(&self.cashier).json(body);
        let call = call.header("idempotency-key", &command.to_string());
        let call = match approval {
            Some(approval) => call.header("approval", approval),
            None => call,
        };
        call.signed(self.till).send().await
    }
}

#[tokio::test]
async fn a_managers_pin_approves_one_command() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let kim = hire(&shop, Role::Cashier, "2580").await;
    let ren = hire(&shop, Role::Manager, "1379").await;
    let cashier = token_of(&shop.sign_in(&till, kim, "2580").await);
    let counter = Counter { shop: &shop, till: &till, cashier };
    let command = shop.ids.next();
    refused(&counter.adjust(command, None).await, StatusCode::FORBIDDEN, "forbidden");

    refused(&counter.approve("stock.adjust", command, kim, "2580").await, StatusCode::FORBIDDEN, "forbidden");
    refused(&counter.approve("stock.adjust", command, ren, "1378").await, StatusCode::UNAUTHORIZED, "wrong_pin");
    let never = counter.approve("users.manage", command, ren, "1379").await;
    refused(&never, StatusCode::UNPROCESSABLE_ENTITY, "invalid_body");
    let approved = counter.approve("stock.adjust", command, ren, "1379").await;
    assert_eq!(approved.status, StatusCode::OK, "{approved:?}");
    let approval = approved.json()["approval"].as_str().unwrap().to_owned();

    let forbidden = async |command, approval: &str| {
        refused(&counter.adjust(command, Some(approval)).await, StatusCode::FORBIDDEN, "approval_invalid");
    };
    forbidden(shop.ids.next(), &approval).await;
    let other = counter.approve("sales.void", command, ren, "1379").await.json();
    forbidden(command, other["approval"].as_str().unwrap()).await;
    forbidden(command, "x.y.z").await;
    forbidden(command, &counter.cashier).await;
    let as_access = shop.anonymous("GET", "/v1/products").bearer(&approval).signed(&till).send().await;
    refused(&as_access, StatusCode::UNAUTHORIZED, "unauthorized");

    assert_eq!(counter.adjust(command, Some(&approval)).await.status, StatusCode::CREATED);
    let by: Uuid = sqlx::query_scalar("select approved_by from inbox.messages where id = $1 and context = 'stock'")
        .bind(command)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(by, ren.uuid());
    assert_eq!(counter.adjust(command, Some(&approval)).await.status, StatusCode::CREATED, "the same command");
    assert_eq!(shop.stock("tea").await, "99");
    shop.clock.advance(120 * 1_000_000);
    forbidden(command, &approval).await;
}

/// A sale may need several things: each is the cashier's own, or the one that was approved.
#[tokio::test]
async fn an_approval_is_for_what_it_names_alone() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let kim = hire(&shop, Role::Cashier, "2580").await;
    let ren = hire(&shop, Role::Manager, "1379").await;
    let cashier = token_of(&shop.sign_in(&till, kim, "2580").await);
    let counter = Counter { shop: &shop, till: &till, cashier };
    let sell = async |sale: &Value, approved: Option<&str>| {
        let command = shop.ids.next();
        let approval = match approved {
            Some(permission) => counter.approve(permission, command, ren, "1379").await.json()["approval"].clone(),
            None => Value::Null,
        };
        counter.send("/v1/sales", sale, command, approval.as_str()).await
    };
    let mut sale = shop.basket(&[("tea", "1"), ("cake", "1")]);
    sale["lines"][0]["unit_price"] = json!(150);
    let own = sell(&sale, None).await;
    refused(&own, StatusCode::FORBIDDEN, "forbidden");
    assert!(own.text.contains("prices.override"), "{own:?}");
    let sold = sell(&sale, Some("prices.override")).await;
    assert_eq!((sold.status, &sold.json()["total"]), (StatusCode::CREATED, &json!(500)), "{sold:?}");
    sale["discount"] = json!({"off": {"percent": "20"}, "reason": "Dented"});
    for (approved, missing) in [("prices.override", "discounts.big"), ("discounts.big", "prices.override")] {
        let both = sell(&sale, Some(approved)).await;
        refused(&both, StatusCode::FORBIDDEN, "forbidden");
        assert!(both.text.contains(missing), "{both:?}");
    }
    refused(&sell(&sale, Some("sales.void")).await, StatusCode::FORBIDDEN, "approval_invalid");
    // A till that has reckoned itself says what was charged: a fact.
    let mut charged = shop.basket(&[("tea", "1")]);
    (charged["lines"][0]["unit_price"], charged["lines"][0]["charged"]) = (json!(150), json!([]));
    assert_eq!(sell(&charged, None).await.json()["flags"], json!(["price_differs", "no_shift"]));
}

#[tokio::test]
async fn an_approval_counts_where_it_was_given_and_while_the_approver_may() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let kim = hire(&shop, Role::Cashier, "2580").await;
    let ren = hire(&shop, Role::Manager, "1379").await;
    let cashier = token_of(&shop.sign_in(&till, kim, "2580").await);
    let counter = Counter { shop: &shop, till: &till, cashier };
    let command = shop.ids.next();
    let now = shop.clock.now().micros() / 1_000_000;
    let good = Approved {
        by: ren,
        permission: Permission::AdjustStock,
        command,
        merchant: SHOP.merchant(),
        store: SHOP.store(),
        till: SHOP.register(1),
    };
    let elsewhere = [
        Approved { store: NEXT_DOOR.store(), ..good.clone() },
        Approved { merchant: NEXT_DOOR.merchant(), ..good.clone() },
        Approved { till: SHOP.register(2), ..good.clone() },
    ];
    let [ours, forged] = [9, 8].map(|seed| ed25519_dalek::SigningKey::from_bytes(&[seed; 32]));
    let tokens = elsewhere.iter().map(|approved| token::sign(approved, now + 60, &ours));
    for token in tokens.chain([token::sign(&good, now + 60, &forged)]) {
        refused(&counter.adjust(command, Some(&token)).await, StatusCode::FORBIDDEN, "approval_invalid");
    }

    // The worker asks the database whether the approver may, and so does not take an edge's word for it.
    let by_cashier = token::sign(&Approved { by: kim, ..good.clone() }, now + 60, &ours);
    refused(&counter.adjust(command, Some(&by_cashier)).await, StatusCode::FORBIDDEN, "forbidden");
    let late = shop.ids.next();
    let approval = counter.approve("stock.adjust", late, ren, "1379").await.json()["approval"].clone();
    sqlx::query("update identity.users set ended_at = $1::timestamptz where user_id = $2")
        .bind("2026-03-01T10:00:00Z".to_owned())
        .bind(ren.uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    refused(&counter.adjust(late, approval.as_str()).await, StatusCode::FORBIDDEN, "forbidden");
    assert_eq!(shop.stock("tea").await, "100");
}
