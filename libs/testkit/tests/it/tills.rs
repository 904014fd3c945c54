//! Enrolment of tills, and that nobody else is taken for one.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_testkit::{Answer, SHOP, Shop, Till};

fn refused(answer: &Answer, status: StatusCode, problem: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{answer:?}");
}

#[tokio::test]
async fn a_device_is_enrolled_by_a_code_that_is_good_once() {
    let shop = Shop::open().await;
    let key = shop.ids.next().to_string();
    let path = format!("/v1/registers/{}/enrolment", SHOP.register(1));
    let invite = async || shop.call("POST", &path).header("idempotency-key", &key).send().await;
    let code = invite().await;
    assert_eq!((code.status, code.header("cache-control")), (StatusCode::CREATED, "no-store"));
    assert_eq!(code.json()["until"], json!("2026-03-01T10:15:00.000000Z"));
    assert_eq!(invite().await.json(), code.json(), "who asks again is shown the same");
    let code = code.json()["code"].as_str().unwrap().to_owned();

    let till = Till::new(1);
    let enrolled = shop.enrol(&till, &code.to_lowercase()).send().await;
    assert_eq!(enrolled.status, StatusCode::CREATED, "{enrolled:?}");
    assert_eq!(enrolled.json()["expires_at"], json!("2026-03-31T10:00:01.000000Z"));
    assert_eq!(enrolled.json()["register"], json!(SHOP.register(1)));
    let second = shop.enrol(&Till::new(2), &code).send().await;
    refused(&second, StatusCode::UNPROCESSABLE_ENTITY, "enrolment_code_invalid");

    let tills = shop.get("/v1/tills").await.json();
    assert_eq!(tills["items"][0]["enrolled_at"], json!("2026-03-01T10:00:00.000000Z"), "{tills}");
    assert_eq!(tills["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn whoever_repeats_an_enrolment_is_answered_the_same() {
    let shop = Shop::open().await;
    let (code, till) = (shop.enrolment_code(1).await, Till::new(1));
    let key = shop.ids.next().to_string();
    let enrol = async |till: &Till| {
        let public = base64_url(till.key.verifying_key().as_bytes());
        let body = json!({"code": code, "public_key": public});
        shop.anonymous("POST", "/v1/tills").header("idempotency-key", &key).json(&body).signed(till).send().await
    };
    let first = enrol(&till).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    shop.clock.advance(20 * 60 * 1_000_000);
    assert_eq!(enrol(&till).await.json(), first.json());
    refused(&enrol(&Till::new(2)).await, StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn codes_that_are_too_old_replaced_or_guessed_enrol_nobody() {
    let shop = Shop::open().await;
    let till = Till::new(1);
    let refuse = async |code: &str| {
        let answer = shop.enrol(&till, code).send().await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "enrolment_code_invalid");
    };
    let replaced = shop.enrolment_code(1).await;
    let code = shop.enrolment_code(1).await;
    for guess in [replaced.as_str(), "0000-0000-0000", "", "'; drop table identity.tills; --", &"Z".repeat(10_000)] {
        refuse(guess).await;
    }
    shop.clock.advance(15 * 60 * 1_000_000);
    refuse(&code).await;
    assert_eq!(shop.count("select count(*) from identity.tills where public_key is not null").await, 0);
}

#[tokio::test]
async fn a_device_proves_that_it_has_the_key_that_it_brings() {
    let shop = Shop::open().await;
    let (code, till, other) = (shop.enrolment_code(1).await, Till::new(1), Till::new(2));
    let body = json!({"code": code, "public_key": base64_url(till.key.verifying_key().as_bytes())});
    let call =
        || shop.anonymous("POST", "/v1/tills").header("idempotency-key", &shop.ids.next().to_string()).json(&body);
    refused(&call().send().await, StatusCode::UNAUTHORIZED, "signature_missing");
    let stolen = call().signed(&other).send().await;
    refused(&stolen, StatusCode::UNPROCESSABLE_ENTITY, "invalid_body");
    assert_eq!(call().signed(&till).send().await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_till_sells_by_itself_and_nowhere_else() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let sell = async |register: u8| {
        let mut basket = shop.basket(&[("tea", "1")]);
        basket["register"] = json!(SHOP.register(register));
        let call = shop.at(&till, "POST", "/v1/sales").header("idempotency-key", &shop.ids.next().to_string());
        call.json(&basket).signed(&till).send().await
    };
    let sold = sell(1).await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    refused(&sell(2).await, StatusCode::FORBIDDEN, "forbidden");
    let by =
        "select count(*) from inbox.messages where context = 'sales' and actor like 'till:%' and till_id is not null";
    assert_eq!(shop.count(by).await, 1);
    refused(&shop.at(&till, "GET", "/v1/sales").signed(&till).send().await, StatusCode::FORBIDDEN, "forbidden");

    // What it shows is good for thirty days, and renewed by itself.
    let renew = async |till: &Till| shop.at(till, "POST", "/v1/tills/current/certificate").signed(till).send().await;
    shop.clock.advance(29 * 24 * 3_600_000_000);
    let renewed = renew(&till).await;
    assert_eq!(
        (renewed.status, &renewed.json()["expires_at"]),
        (StatusCode::OK, &json!("2026-04-29T10:00:00.000000Z"))
    );
    shop.clock.advance(24 * 3_600_000_000 + 1_000_000);
    refused(&renew(&till).await, StatusCode::UNAUTHORIZED, "unauthorized");
    let people = shop.get("/v1/tills/current/certificate").await;
    refused(&people, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    let operator = shop.call("POST", "/v1/tills/current/certificate").send().await;
    refused(&operator, StatusCode::UNPROCESSABLE_ENTITY, "no_till");
}

#[tokio::test]
async fn a_till_that_is_revoked_sells_no_more() {
    let shop = Shop::open().await;
    let till = shop.enrolled(1).await;
    let path = format!("/v1/registers/{}/till-revocation", SHOP.register(1));
    let revoke = async || shop.call("POST", &path).header("idempotency-key", &shop.ids.next().to_string()).send().await;
    let pending = shop.enrolment_code(1).await;
    let revoked = revoke().await;
    assert_eq!((revoked.status, &revoked.json()["id"]), (StatusCode::OK, &json!(SHOP.register(1))), "{revoked:?}");
    refused(&revoke().await, StatusCode::UNPROCESSABLE_ENTITY, "till_not_enrolled");

    let call = shop.at(&till, "POST", "/v1/sales").header("idempotency-key", &shop.ids.next().to_string());
    let sold = call.json(&shop.basket(&[("tea", "1")])).signed(&till).send().await;
    refused(&sold, StatusCode::UNAUTHORIZED, "unauthorized");
    let renewed = shop.at(&till, "POST", "/v1/tills/current/certificate").signed(&till).send().await;
    refused(&renewed, StatusCode::UNAUTHORIZED, "unauthorized");
    // A code that was given out before may be in the same hands.
    let again = shop.enrol(&till, &pending).send().await;
    refused(&again, StatusCode::UNPROCESSABLE_ENTITY, "enrolment_code_invalid");
    let anew = shop.enrolled(1).await;
    let call = shop.at(&anew, "POST", "/v1/sales").header("idempotency-key", &shop.ids.next().to_string());
    let sold = call.json(&shop.basket(&[("tea", "1")])).signed(&anew).send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
}

#[tokio::test]
async fn nobody_enrols_tills_who_may_not() {
    let shop = Shop::open().await;
    let path = format!("/v1/registers/{}/enrolment", SHOP.register(1));
    let cashier = shop.token_of(tillstream_domain::identity::Role::Cashier).await;
    let key = shop.ids.next().to_string();
    let tried = shop.anonymous("POST", &path).bearer(&cashier).header("idempotency-key", &key).send().await;
    refused(&tried, StatusCode::FORBIDDEN, "forbidden");
    let manager = shop.token_of(tillstream_domain::identity::Role::Manager).await;
    let invited = shop.anonymous("POST", &path).bearer(&manager).header("idempotency-key", &key).send().await;
    assert_eq!(invited.status, StatusCode::CREATED, "{invited:?}");
    let absent = format!("/v1/registers/{}/enrolment", shop.ids.next());
    let nowhere = shop.call("POST", &absent).header("idempotency-key", &key).send().await;
    refused(&nowhere, StatusCode::NOT_FOUND, "not_found");
    let shown = shop.get(&format!("/v1/commands/{key}")).await.json();
    assert_eq!(
        (&shown["kind"], shown["result"].get("code")),
        (&Value::from("identity.invite_till.v1"), None),
        "{shown}"
    );
}

#[tokio::test]
async fn a_device_whose_place_another_takes_is_refused() {
    let shop = Shop::open().await;
    let old = shop.enrolled(1).await;
    let code = shop.enrolment_code(1).await;
    let read = async |till: &Till| shop.at(till, "GET", "/v1/products").signed(till).send().await;
    assert_eq!(read(&old).await.status, StatusCode::OK, "until the code is used");
    shop.clock.advance(2_000_000);
    let mut new = Till::new(7);
    let enrolled = shop.enrol(&new, &code).send().await;
    enrolled.json()["token"].as_str().unwrap().clone_into(&mut new.certificate);
    refused(&read(&old).await, StatusCode::UNAUTHORIZED, "unauthorized");
    assert_eq!(read(&new).await.status, StatusCode::OK);
}
