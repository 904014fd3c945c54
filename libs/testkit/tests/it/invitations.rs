//! From an invitation to the first sign-in.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::identity::{Grant, Role};
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

use crate::sessions::open;

const PHRASE: &str = "a phrase that nobody has said";

async fn post(shop: &Shop, path: &str, body: &Value) -> Answer {
    shop.call("POST", path).header("idempotency-key", &shop.ids.next().to_string()).json(body).send().await
}

/// Adds a cashier, invites them, and returns their id and the code.
async fn invited(shop: &Shop) -> (String, String) {
    let kim = json!({"name": "Kim", "email": "kim@example.com", "grants": [{"role": "cashier"}]});
    let id = post(shop, "/v1/users", &kim).await.json()["id"].as_str().unwrap().to_owned();
    (id.clone(), code(shop, &id).await)
}

async fn code(shop: &Shop, id: &str) -> String {
    let answer = post(shop, &format!("/v1/users/{id}/invitation"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["code"].as_str().unwrap().to_owned()
}

async fn redeem(shop: &Shop, key: Uuid, code: &str, password: &str) -> Answer {
    let body = json!({"code": code, "password": password});
    shop.anonymous("POST", "/v1/passwords").header("idempotency-key", &key.to_string()).json(&body).send().await
}

async fn sign_in(shop: &Shop, password: &str) -> Answer {
    let body = json!({"email": "kim@example.com", "password": password});
    shop.anonymous("POST", "/v1/sessions").json(&body).send().await
}

#[tokio::test]
async fn who_was_invited_sets_a_password_once_and_signs_in() {
    let shop = open("").await;
    let (id, code) = invited(&shop).await;
    let key = shop.ids.next();
    let weak = redeem(&shop, key, &code, "password1234").await;
    assert_eq!((weak.status, weak.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body"));
    let set = redeem(&shop, key, &code.to_lowercase().replace('-', " "), PHRASE).await;
    assert_eq!(set.status, StatusCode::UNPROCESSABLE_ENTITY, "a code has dashes or nothing between its groups");
    let set = redeem(&shop, key, &code.to_lowercase().replace('-', ""), PHRASE).await;
    assert_eq!((set.status, set.json()["id"].as_str()), (StatusCode::OK, Some(&*id)), "{set:?}");
    let token = sign_in(&shop, PHRASE).await.json()["access_token"].as_str().unwrap().to_owned();

    // The same request has the same answer; another with the same code has no effect, on the sessions neither.
    assert_eq!(redeem(&shop, key, &code, PHRASE).await.json(), set.json());
    let stolen = redeem(&shop, shop.ids.next(), &code, "another phrase, of a thief").await;
    assert_eq!((stolen.status, stolen.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "code_invalid"));
    let again = sign_in(&shop, PHRASE).await;
    assert_eq!(again.status, StatusCode::CREATED, "{again:?}");
    let fresh = again.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(shop.anonymous("GET", "/v1/products").bearer(&fresh).send().await.status, StatusCode::OK);
    // The repeated request has ended what was open, as the first did.
    assert_eq!(shop.anonymous("GET", "/v1/products").bearer(&token).send().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_is_replaced_by_the_next_and_good_for_a_day() {
    let shop = open("").await;
    let (id, first) = invited(&shop).await;
    let second = code(&shop, &id).await;
    for bad in [first.as_str(), "00000-00000-00000-00000", "none", ""] {
        let refused = redeem(&shop, shop.ids.next(), bad, PHRASE).await;
        assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "code_invalid"));
    }
    shop.clock.advance(24 * 60 * 60 * 1_000_000);
    assert_eq!(redeem(&shop, shop.ids.next(), &second, PHRASE).await.problem(), "code_invalid");
    let third = shop.token(SHOP);
    let renewed = shop
        .anonymous("POST", &format!("/v1/users/{id}/invitation"))
        .bearer(&third)
        .header("idempotency-key", &shop.ids.next().to_string())
        .json(&json!({}))
        .send()
        .await;
    let renewed = renewed.json()["code"].as_str().unwrap().to_owned();
    assert_eq!(redeem(&shop, shop.ids.next(), &renewed, PHRASE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_invites_themself_or_takes_an_id_that_is_there() {
    let shop = open("").await;
    let grants = [Grant { role: Role::Owner, store: None }];
    let owner = shop.hire(SHOP, &grants).await;
    let token = shop.token_for(SHOP, owner, &grants);
    let ask = async |path: &str, key: Uuid, body: Value| {
        let call = shop.anonymous("POST", path).bearer(&token).header("idempotency-key", &key.to_string());
        call.json(&body).send().await
    };
    let own = ask(&format!("/v1/users/{owner}/invitation"), shop.ids.next(), json!({})).await;
    assert_eq!((own.status, own.problem().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{own:?}");
    for (path, key, body) in [
        ("/v1/registers", SHOP.register(1).uuid(), json!({"store": SHOP.store(), "code": "X9"})),
        ("/v1/stores", SHOP.store().uuid(), json!({"name": "Another"})),
    ] {
        let refused = ask(path, key, body).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "id_taken"),
            "{refused:?}"
        );
    }
    assert_eq!(shop.bus.count_dead_letters().await.unwrap(), 0);
}
