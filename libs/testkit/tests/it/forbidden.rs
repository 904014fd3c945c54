//! The bus is a boundary: what comes over it is judged again, whatever the edge has let through.

use axum::http::StatusCode;
use serde_bytes::{ByteArray, ByteBuf};
use serde_json::json;
use tillstream_bus::subject::Class;
use tillstream_contract::{Approval, Batch, Envelope, Message, sale, stock};
use tillstream_domain::{
    id::{RegisterId, UserId},
    identity::{Actor, Grant, Permission, Role},
    time::Timestamp,
};
use tillstream_testkit::{SHOP, Shop};

/// What is not allowed is refused with this code.
const NO: &str = "forbidden";

/// A command as the edge would send it, in anybody's name.
fn command(shop: &Shop, actor: Actor, message: &impl Message) -> Envelope {
    Envelope {
        id: shop.ids.next(),
        kind: message.kind().to_owned(),
        merchant: SHOP.merchant(),
        actor: actor.to_string(),
        till: None,
        approval: None,
        fingerprint: Some(ByteArray::new([7; 32])),
        at: shop.clock.now(),
        origin: None,
        trace: None,
        reply: None,
        body: ByteBuf::from(message.encode()),
    }
}

fn adjustment() -> stock::Command {
    let line = json!({"product": SHOP.product("tea"), "delta": "5"});
    let body = json!({"store": SHOP.store(), "reason": "found", "lines": [line]});
    stock::Command::Adjust(serde_json::from_value(body).unwrap())
}

fn basket(shop: &Shop, register: RegisterId) -> sale::Command {
    let mut basket = shop.basket(&[("tea", "1")]);
    basket["register"] = json!(register);
    sale::Command::Submit(serde_json::from_value(basket).unwrap())
}

/// Sends commands with the edge's own rights and lets the workers decide: for each, `done`, or the code of the refusal, as
/// the operator is told.
async fn decided(shop: &Shop, commands: Vec<Envelope>) -> Vec<String> {
    let ids: Vec<_> = commands.iter().map(|command| command.id).collect();
    let edge = shop.bus_as("edge").await;
    for command in commands {
        let context = if command.kind.starts_with("sale") { "sale" } else { "stock" };
        let payload = Batch { envelopes: vec![command] }.encode();
        edge.publish(Class::Command.subject(context, 0), payload).await.unwrap();
    }
    shop.drain().await;
    let mut outcomes = Vec::new();
    for id in ids {
        let entry = shop.get(&format!("/v1/commands/{id}")).await;
        assert_eq!(entry.status, StatusCode::OK, "{entry:?}");
        outcomes.push(entry.json()["refusal"]["code"].as_str().unwrap_or("done").to_owned());
    }
    outcomes
}

#[tokio::test]
async fn a_worker_refuses_whom_the_edge_should_not_have_let_through() {
    let shop = Shop::open().await;
    let here = |role| [Grant { role, store: Some(SHOP.store()) }];
    let cashier = shop.hire(SHOP, &here(Role::Cashier)).await;
    let auditor = shop.hire(SHOP, &here(Role::Auditor)).await;
    let manager = shop.hire(SHOP, &here(Role::Manager)).await;
    let stranger = UserId::new(shop.ids.next());
    let mut unknown = command(&shop, Actor::Operator, &adjustment());
    unknown.actor = "root".to_owned();
    let sold = basket(&shop, SHOP.register(1));
    let outcomes = decided(
        &shop,
        vec![
            command(&shop, Actor::User(cashier), &adjustment()),
            command(&shop, Actor::User(auditor), &sold),
            command(&shop, Actor::User(stranger), &sold),
            command(&shop, Actor::Till(SHOP.register(1)), &sold),
            unknown,
            command(&shop, Actor::User(cashier), &sold),
            command(&shop, Actor::User(manager), &adjustment()),
        ],
    )
    .await;
    assert_eq!(outcomes, [NO, NO, NO, NO, NO, "done", "done"]);
    assert_eq!(shop.stock("tea").await, "104", "five found once, one sold once");
}

#[tokio::test]
async fn what_held_when_the_edge_took_it_is_what_counts() {
    let shop = Shop::open().await;
    let cashier = shop.hire(SHOP, &[Grant { role: Role::Cashier, store: None }]).await;
    let sold = basket(&shop, SHOP.register(1));
    let before = command(&shop, Actor::User(cashier), &sold);
    shop.clock.advance(1_000_000);
    let ended = chrono(shop.clock.now());
    sqlx::query("update identity.users set ended_at = $1::timestamptz where user_id = $2")
        .bind(ended)
        .bind(cashier.uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    let after = command(&shop, Actor::User(cashier), &sold);
    assert_eq!(decided(&shop, vec![before, after]).await, ["done", NO]);
}

/// As PostgreSQL reads it.
fn chrono(at: Timestamp) -> sqlx::types::chrono::DateTime<sqlx::types::chrono::Utc> {
    sqlx::types::chrono::DateTime::from_timestamp_micros(at.micros()).unwrap()
}

#[tokio::test]
async fn a_till_sells_at_its_own_register_until_it_is_revoked() {
    let shop = Shop::open().await;
    let till = SHOP.register(1);
    sqlx::query(
        "insert into identity.tills (merchant_id, register_id, enrolled_at, version) values ($1, $2, now(), 1)",
    )
    .bind(SHOP.merchant().uuid())
    .bind(till.uuid())
    .execute(&shop.pool)
    .await
    .unwrap();
    let cashier = shop.hire(SHOP, &[Grant { role: Role::Cashier, store: None }]).await;
    let at = |actor, register| {
        let sold = command(&shop, actor, &basket(&shop, register));
        Envelope { till: Some(till), ..sold }
    };
    let commands = vec![
        at(Actor::Till(till), till),
        at(Actor::User(cashier), till),
        at(Actor::Till(till), SHOP.register(2)),
        at(Actor::User(cashier), SHOP.register(2)),
        Envelope { till: None, ..at(Actor::Till(till), SHOP.register(2)) },
    ];
    assert_eq!(decided(&shop, commands).await, ["done", "done", NO, NO, NO]);

    sqlx::query("update identity.tills set ended_at = $1")
        .bind(chrono(shop.clock.now()))
        .execute(&shop.pool)
        .await
        .unwrap();
    let commands = vec![at(Actor::Till(till), till), at(Actor::User(cashier), till)];
    assert_eq!(decided(&shop, commands).await, [NO, NO]);
}

#[tokio::test]
async fn an_approval_lends_one_permission_of_somebody_who_has_it() {
    let shop = Shop::open().await;
    let cashier = shop.hire(SHOP, &[Grant { role: Role::Cashier, store: None }]).await;
    let manager = shop.hire(SHOP, &[Grant { role: Role::Manager, store: Some(SHOP.store()) }]).await;
    let nobody = shop.hire(SHOP, &[]).await;
    let approved = |actor, by, permission| {
        let asked = command(&shop, actor, &adjustment());
        Envelope { approval: Some(Approval { by, permission }), ..asked }
    };
    let (asks, adjust) = (Actor::User(cashier), Permission::AdjustStock);
    let commands = vec![
        approved(asks, manager, adjust),
        approved(asks, manager, Permission::Void),
        approved(asks, cashier, adjust),
        // Somebody without any rights does not get some by it.
        approved(Actor::User(nobody), manager, adjust),
    ];
    let first = commands[0].id;
    assert_eq!(decided(&shop, commands).await, ["done", NO, NO, NO]);
    let by: Option<uuid::Uuid> = sqlx::query_scalar("select approved_by from inbox.messages where id = $1")
        .bind(first)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(by, Some(manager.uuid()));
}

#[tokio::test]
async fn a_token_that_says_more_than_holds_is_refused_by_the_worker() {
    let shop = Shop::open().await;
    let cashier = shop.hire(SHOP, &[Grant { role: Role::Cashier, store: None }]).await;
    let promoted = shop.token_for(SHOP, cashier, &[Grant { role: Role::Manager, store: None }]);
    let stock::Command::Adjust(body) = adjustment();
    let answer = shop
        .anonymous("POST", "/v1/stock/adjustments")
        .bearer(&promoted)
        .header("idempotency-key", &shop.ids.next().to_string())
        .json(&serde_json::to_value(body).unwrap())
        .send()
        .await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    assert_eq!(shop.stock("tea").await, "100");
}
