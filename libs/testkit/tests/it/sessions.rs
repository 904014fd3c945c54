//! Signing in, going on, signing out; and what keeps others from it.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_contract::token::{Access, Refresh};
use tillstream_domain::{
    id::{SessionId, UserId},
    identity::{Actor, Grant, Role},
};
use tillstream_testkit::{Answer, Fixture, NEXT_DOOR, SHOP, Shop, ShopOptions};
use uuid::Uuid;

/// What [`HASH`] is the hash of, as argon2's reference implementation makes it.
const PASSWORD: &str = "correct horse battery";
const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$QOKF1iG70GOhZX71bkTGoINw9zqSjKFirULQQtMxBVI";

pub(crate) async fn open(settings: &str) -> Shop {
    Box::pin(Shop::with(ShopOptions { edge: settings.to_owned(), ..ShopOptions::default() })).await
}

/// Adds a user with [`PASSWORD`].
pub(crate) async fn add(shop: &Shop, at: Fixture, number: u128, email: &str, grants: &[Grant]) -> UserId {
    let user = UserId::new(Uuid::from_u128(number));
    sqlx::query("insert into identity.users (merchant_id, user_id, name, email, password, version) values ($1, $2, 'Kim', $3, $4, 1)")
        .bind(at.merchant().uuid())
        .bind(user.uuid())
        .bind(email)
        .bind(HASH)
        .execute(&shop.pool)
        .await
        .unwrap();
    for (line, grant) in (0_i16..).zip(grants) {
        sqlx::query("insert into identity.grants (merchant_id, user_id, source_id, line, role, store_id) values ($1, $2, $2, $3, $4, $5)")
            .bind(at.merchant().uuid())
            .bind(user.uuid())
            .bind(line)
            .bind(grant.role.name())
            .bind(grant.store.map(tillstream_domain::id::StoreId::uuid))
            .execute(&shop.pool)
            .await
            .unwrap();
    }
    user
}

async fn kim(shop: &Shop) -> UserId {
    add(shop, SHOP, 1, "kim@example.com", &[Grant { role: Role::Manager, store: None }]).await
}

async fn sign_in(shop: &Shop, email: &str, password: &str) -> Answer {
    shop.anonymous("POST", "/v1/sessions").json(&json!({"email": email, "password": password})).send().await
}

async fn tokens(shop: &Shop) -> Value {
    let answer = sign_in(shop, "kim@example.com", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

async fn refresh(shop: &Shop, tokens: &Value, key: Uuid) -> Answer {
    shop.anonymous("POST", "/v1/sessions/refresh")
        .header("idempotency-key", &key.to_string())
        .json(&json!({"refresh_token": tokens["refresh_token"]}))
        .send()
        .await
}

fn bearer(tokens: &Value) -> String {
    format!("Bearer {}", tokens["access_token"].as_str().unwrap())
}

async fn products(shop: &Shop, tokens: &Value) -> StatusCode {
    shop.anonymous("GET", "/v1/products").header("authorization", &bearer(tokens)).send().await.status
}

#[tokio::test]
async fn who_signs_in_does_what_they_may_until_they_sign_out() {
    let shop = open("").await;
    kim(&shop).await;
    let tokens = tokens(&shop).await;
    assert_eq!(products(&shop, &tokens).await, StatusCode::OK);
    let listed = shop.anonymous("GET", "/v1/sessions").header("authorization", &bearer(&tokens)).send().await.json();
    assert_eq!(listed["items"][0]["id"], tokens["session"]);
    assert_eq!(listed["items"][0]["current"], true);
    let out = async || {
        shop.anonymous("DELETE", "/v1/sessions/current").header("authorization", &bearer(&tokens)).send().await.status
    };
    assert_eq!(out().await, StatusCode::NO_CONTENT);
    assert_eq!(products(&shop, &tokens).await, StatusCode::UNAUTHORIZED);
    assert_eq!(out().await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&shop, &tokens, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.call("DELETE", "/v1/sessions/current").send().await.problem(), "not_found");
}

#[tokio::test]
async fn what_ends_at_one_edge_ends_at_all() {
    let shop = open("").await;
    let user = kim(&shop).await;
    let other = shop.another_edge().await;
    let (first, second) = (tokens(&shop).await, tokens(&shop).await);
    let at_other = async |tokens: &Value| {
        let call = shop.anonymous("GET", "/v1/products").header("authorization", &bearer(tokens));
        call.send_to(other.clone()).await.status
    };
    assert_eq!((at_other(&first).await, at_other(&second).await), (StatusCode::OK, StatusCode::OK));
    let out = shop.anonymous("DELETE", "/v1/sessions/current").header("authorization", &bearer(&first));
    assert_eq!(out.send().await.status, StatusCode::NO_CONTENT);
    shop.until("the other edge knows", async || at_other(&first).await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(at_other(&second).await, StatusCode::OK, "another session goes on");

    let all = shop.call("POST", &format!("/v1/users/{user}/sign-outs"));
    assert_eq!(all.send().await.status, StatusCode::NO_CONTENT);
    shop.until("the other edge knows", async || at_other(&second).await == StatusCode::UNAUTHORIZED).await;
    // The clock stands still: who signs in anew in the same second is taken all the same.
    let anew = tokens(&shop).await;
    assert_eq!((products(&shop, &anew).await, at_other(&anew).await), (StatusCode::OK, StatusCode::OK));
    // An edge that starts later knows it too.
    let later = shop.another_edge().await;
    let call = shop.anonymous("GET", "/v1/products").header("authorization", &bearer(&second));
    assert_eq!(call.send_to(later).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn others_are_signed_out_by_who_governs_them_alone() {
    let shop = open("").await;
    let kim = kim(&shop).await;
    let cashier = [Grant { role: Role::Cashier, store: Some(SHOP.store()) }];
    let lee = add(&shop, SHOP, 2, "lee@example.com", &cashier).await;
    let sign_out = async |tokens: &Value, user: UserId| {
        let path = format!("/v1/users/{user}/sign-outs");
        shop.anonymous("POST", &path).header("authorization", &bearer(tokens)).send().await
    };
    let manager = tokens(&shop).await;
    let lees = sign_in(&shop, "lee@example.com", PASSWORD).await.json();
    assert_eq!(sign_out(&lees, kim).await.problem(), "forbidden");
    assert_eq!(sign_out(&manager, lee).await.status, StatusCode::NO_CONTENT);
    assert_eq!(products(&shop, &lees).await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_out(&manager, UserId::new(Uuid::from_u128(99))).await.problem(), "not_found");
    let next_door = add(&shop, NEXT_DOOR, 3, "noor@example.com", &[]).await;
    assert_eq!(sign_out(&manager, next_door).await.problem(), "not_found");
    assert_eq!(sign_out(&manager, kim).await.status, StatusCode::NO_CONTENT, "everybody may for themself");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_the_same_request_has_the_same_answer() {
    let shop = open("").await;
    kim(&shop).await;
    let first = tokens(&shop).await;
    let key = shop.ids.next();
    let second = refresh(&shop, &first, key).await;
    assert_eq!(second.status, StatusCode::OK, "{second:?}");
    assert_eq!(refresh(&shop, &first, key).await.json(), second.json());
    let second = second.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(products(&shop, &second).await, StatusCode::OK);
    let third = refresh(&shop, &second, shop.ids.next()).await.json();
    assert_eq!(products(&shop, &third).await, StatusCode::OK);

    // Somebody has kept the first: nobody can tell who is who, so it ends for both.
    assert_eq!(refresh(&shop, &first, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED);
    for tokens in [&first, &second, &third] {
        assert_eq!(products(&shop, tokens).await, StatusCode::UNAUTHORIZED);
        assert_eq!(refresh(&shop, tokens, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(products(&shop, &tokens(&shop).await).await, StatusCode::OK, "they sign in again");
}

#[tokio::test]
async fn of_two_requests_with_one_refresh_token_at_once_one_is_a_repetition_or_the_session_ends() {
    let shop = open("").await;
    kim(&shop).await;
    let first = tokens(&shop).await;
    let key = shop.ids.next();
    let (one, same) = tokio::join!(refresh(&shop, &first, key), refresh(&shop, &first, key));
    assert_eq!((one.status, one.json()), (StatusCode::OK, same.json()));
    let second = one.json();
    let (a, b) = (shop.ids.next(), shop.ids.next());
    let (one, other) = tokio::join!(refresh(&shop, &second, a), refresh(&shop, &second, b));
    let ok = [&one, &other].into_iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(ok, 1, "{one:?} {other:?}");
    let won = if one.status == StatusCode::OK { one } else { other }.json();
    assert_eq!(products(&shop, &won).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refresh_reads_afresh_what_the_user_may_and_whether_they_are_there() {
    let shop = open("").await;
    let user = kim(&shop).await;
    let first = tokens(&shop).await;
    sqlx::query("update identity.grants set role = 'auditor'").execute(&shop.pool).await.unwrap();
    let second = refresh(&shop, &first, shop.ids.next()).await.json();
    let users = format!("/v1/users/{}/sign-outs", Uuid::from_u128(99));
    let refused = shop.anonymous("POST", &users).header("authorization", &bearer(&second)).send().await;
    assert_eq!(refused.problem(), "forbidden", "an auditor manages nobody");
    sqlx::query("update identity.users set ended_at = now() where user_id = $1")
        .bind(user.uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    assert_eq!(refresh(&shop, &second, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(products(&shop, &second).await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&shop, "kim@example.com", PASSWORD).await.problem(), "wrong_credentials");
}

#[tokio::test]
async fn a_token_is_taken_for_nothing_but_what_it_is() {
    let shop = open("").await;
    let user = kim(&shop).await;
    let tokens = tokens(&shop).await;
    let swapped = json!({"access_token": tokens["refresh_token"], "refresh_token": tokens["access_token"]});
    assert_eq!(products(&shop, &swapped).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&shop, &swapped, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED);

    let now = shop.clock.now().micros() / 1_000_000;
    let sid: SessionId = tokens["session"].as_str().unwrap().parse().unwrap();
    let claims = Refresh { sub: user, merchant: SHOP.merchant(), sid, generation: 1 };
    let with = |claims: &Refresh, expires| json!({"refresh_token": shop.sign(claims, expires)});
    for wrong in [
        with(&claims, now),
        with(&Refresh { merchant: NEXT_DOOR.merchant(), ..claims.clone() }, now + 60),
        with(&Refresh { sub: UserId::new(Uuid::from_u128(2)), ..claims.clone() }, now + 60),
        with(&Refresh { sid: SessionId::new(Uuid::from_u128(2)), ..claims.clone() }, now + 60),
        json!({"refresh_token": ""}),
        json!({"refresh_token": "a.b.c"}),
    ] {
        assert_eq!(refresh(&shop, &wrong, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(products(&shop, &tokens).await, StatusCode::OK, "strangers' tokens do not end it");
    assert_eq!(refresh(&shop, &with(&claims, now + 60), shop.ids.next()).await.status, StatusCode::OK);

    let access = Access { sub: Actor::User(user), ..Access::operator(SHOP.merchant(), now) };
    let expired = json!({"access_token": shop.sign(&access, now)});
    assert_eq!(products(&shop, &expired).await, StatusCode::UNAUTHORIZED);
    shop.clock.advance(300_000_000);
    assert_eq!(products(&shop, &tokens).await, StatusCode::UNAUTHORIZED, "five minutes are over");
}

#[tokio::test]
async fn who_fails_waits_and_whether_there_is_an_account_does_not_show() {
    let shop = open("").await;
    kim(&shop).await;
    let mut seen = Vec::new();
    for email in ["kim@example.com", "nobody@example.com"] {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let answer = sign_in(&shop, email, "not this one, sorry").await;
            answers.push((answer.status, answer.text.clone(), answer.header("retry-after").to_owned()));
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1], "the same for an account and for none");
    let statuses: Vec<u16> = seen[0].iter().map(|(status, ..)| status.as_u16()).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429]);
    assert_eq!(seen[0][6].2, "1");
    let locked = sign_in(&shop, "kim@example.com", PASSWORD).await;
    assert_eq!(locked.problem(), "locked_out", "the right password waits too");
    shop.clock.advance(1_000_000);
    assert_eq!(sign_in(&shop, "kim@example.com", "not this one, sorry").await.problem(), "wrong_credentials");
    assert_eq!(sign_in(&shop, "kim@example.com", PASSWORD).await.header("retry-after"), "2", "twice as long");
    shop.clock.advance(2_000_000);
    assert_eq!(sign_in(&shop, "kim@example.com", PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(sign_in(&shop, "kim@example.com", "wrong again, sorry").await.problem(), "wrong_credentials");
    assert_eq!(sign_in(&shop, "kim@example.com", PASSWORD).await.status, StatusCode::CREATED, "it starts afresh");
}

#[tokio::test]
async fn who_signed_in_and_who_wanted_to_is_kept_with_all_that_was_done() {
    let shop = open("").await;
    let user = kim(&shop).await;
    let nobody = add(&shop, SHOP, 2, "nobody@example.com", &[]).await;
    assert_eq!(sign_in(&shop, "kim@example.com", "not this one, sorry").await.problem(), "wrong_credentials");
    assert_eq!(sign_in(&shop, "stranger@example.com", PASSWORD).await.problem(), "wrong_credentials");
    tokens(&shop).await;
    assert_eq!(sign_in(&shop, "nobody@example.com", PASSWORD).await.status, StatusCode::CREATED, "without a grant too");
    let all = "select count(*) from inbox.messages where kind = 'identity.sign_in.v1'";
    shop.until("all are kept", async || shop.count(all).await == 3).await;
    let rows: Vec<(String, bool)> = sqlx::query_as(
        "select actor, accepted from inbox.messages where context = 'identity' order by accepted, actor",
    )
    .fetch_all(&shop.pool)
    .await
    .unwrap();
    let (kim, nobody) = (format!("user:{user}"), format!("user:{nobody}"));
    assert_eq!(rows, [(kim.clone(), false), (kim, true), (nobody, true)]);
}

#[tokio::test]
async fn who_knows_their_password_sets_another_and_everybody_signs_in_anew() {
    let shop = open("").await;
    let user = kim(&shop).await;
    let other = add(&shop, SHOP, 2, "lee@example.com", &[]).await;
    let (tokens, elsewhere) = (tokens(&shop).await, tokens(&shop).await);
    let set = async |user: UserId, current: &str, password: &str| {
        shop.anonymous("PUT", &format!("/v1/users/{user}/password"))
            .header("authorization", &bearer(&tokens))
            .header("idempotency-key", &shop.ids.next().to_string())
            .json(&json!({"current": current, "password": password}))
            .send()
            .await
    };
    let good = "a new and better one";
    assert_eq!(set(other, PASSWORD, good).await.problem(), "forbidden");
    assert_eq!(set(user, "not this one, sorry", good).await.problem(), "wrong_credentials");
    for weak in ["short", "Password1234!", "aaaaaaaaaaaaaaaa"] {
        assert_eq!(set(user, PASSWORD, weak).await.problem(), "invalid_body", "{weak}");
    }
    let changed = set(user, PASSWORD, good).await;
    assert_eq!((changed.status, changed.json()["version"].as_u64()), (StatusCode::OK, Some(2)), "{changed:?}");
    for tokens in [&tokens, &elsewhere] {
        assert_eq!(products(&shop, tokens).await, StatusCode::UNAUTHORIZED);
        assert_eq!(refresh(&shop, tokens, shop.ids.next()).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(sign_in(&shop, "kim@example.com", PASSWORD).await.problem(), "wrong_credentials");
    assert_eq!(sign_in(&shop, "kim@example.com", good).await.status, StatusCode::CREATED);
    assert_eq!(shop.count("select count(*) from inbox.messages where kind = 'identity.set_password.v1'").await, 1);
}

#[tokio::test]
async fn guesses_at_once_are_counted_each() {
    let shop = open("").await;
    kim(&shop).await;
    let guesses = (0..16).map(|_| sign_in(&shop, "kim@example.com", "not this one, sorry"));
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert!(tried <= 6, "{tried} were tried");
}

#[tokio::test]
async fn an_address_that_fails_too_often_waits_whatever_it_tries() {
    let shop = open("[sign_in]\naddress_failures = 3\n").await;
    kim(&shop).await;
    for number in 0..3 {
        let email = format!("nobody{number}@example.com");
        assert_eq!(sign_in(&shop, &email, "not this one, sorry").await.problem(), "wrong_credentials");
    }
    let refused = sign_in(&shop, "kim@example.com", PASSWORD).await;
    assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("locked_out", "900"));
    shop.clock.advance(900_000_000);
    assert_eq!(sign_in(&shop, "kim@example.com", PASSWORD).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn who_belongs_to_two_merchants_chooses_once_the_password_fits() {
    let shop = open("").await;
    kim(&shop).await;
    add(&shop, NEXT_DOOR, 1, "kim@example.com", &[Grant { role: Role::Owner, store: None }]).await;
    assert_eq!(sign_in(&shop, "kim@example.com", "not this one, sorry").await.problem(), "wrong_credentials");
    let choose = sign_in(&shop, "kim@example.com", PASSWORD).await;
    assert_eq!((choose.status, choose.problem().as_str()), (StatusCode::CONFLICT, "choose_merchant"));
    assert_eq!(choose.json()["merchants"][1], json!({"id": NEXT_DOOR.merchant(), "name": "Shop B"}));
    let body = json!({"email": "kim@example.com", "password": PASSWORD, "merchant": NEXT_DOOR.merchant()});
    let chosen = shop.anonymous("POST", "/v1/sessions").json(&body).send().await;
    assert_eq!(chosen.json()["merchant"], json!(NEXT_DOOR.merchant()));
}
