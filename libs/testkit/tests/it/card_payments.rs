//! Card payments at terminals, through HTTP and a provider at the end of a network.

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tillstream_domain::{
    identity::{Grant, Role},
    money::{Amount, Currency},
};
use tillstream_terminal::Order;
use tillstream_testkit::{Answer, Asking, SHOP, Shop, ShopOptions, Terminals, key};
use uuid::Uuid;

/// For the answer that follows.
const WAIT: &str = "wait=20";

/// A shop with terminals, and somebody who asks about them.
async fn open() -> (Shop, Terminals, Asking) {
    let shop = Box::pin(Shop::with(ShopOptions { terminals: true, ..ShopOptions::default() })).await;
    let terminals = shop.terminals().await;
    let asking = shop.ask(&terminals).await;
    (shop, terminals, asking)
}

async fn starting(shop: &Shop, id: Uuid, amount: i64, prefer: &str) -> Answer {
    let body = json!({
        "store": SHOP.store(), "register": SHOP.register(1), "terminal": "T1", "amount": amount, "currency": "EUR",
    });
    let call = shop.call("POST", "/v1/card-payments").header("idempotency-key", &id.to_string());
    call.header("prefer", prefer).json(&body).send().await
}

/// Starts a payment.
async fn start(shop: &Shop, amount: i64) -> Uuid {
    let id = shop.ids.next();
    let answer = starting(shop, id, amount, WAIT).await;
    assert_eq!((answer.status, answer.json()["state"].clone()), (StatusCode::CREATED, json!("started")), "{answer:?}");
    id
}

async fn show(shop: &Shop, id: Uuid) -> Value {
    shop.get(&format!("/v1/card-payments/{id}")).await.json()
}

/// Waits until a payment is in a state, and shows it.
async fn until(shop: &Shop, id: Uuid, state: &str) -> Value {
    shop.until(state, async || show(shop, id).await["state"] == state).await;
    show(shop, id).await
}

/// A payment that is approved.
async fn approved(shop: &Shop, amount: i64) -> Uuid {
    let id = start(shop, amount).await;
    until(shop, id, "approved").await;
    id
}

async fn cancel(shop: &Shop, id: Uuid, refund: bool) -> Answer {
    let call = shop.call("POST", &format!("/v1/card-payments/{id}/cancel"));
    let call = call.header("idempotency-key", &shop.ids.next().to_string()).header("prefer", "wait=20");
    call.json(&json!({"store": SHOP.store(), "refund": refund})).send().await
}

/// What somebody should look at.
async fn unmatched(shop: &Shop) -> Vec<Uuid> {
    let page = shop.get("/v1/card-payments?unmatched=true").await.json();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// Espressos for 2.20 each, paid by a card payment.
fn espressos(shop: &Shop, count: i64, payment: Uuid) -> Value {
    let mut basket = shop.basket(&[("espresso", &count.to_string())]);
    basket["payments"] = json!([{"method": "card", "amount": 220 * count, "payment": payment}]);
    basket
}

async fn sell(shop: &Shop, basket: &Value) -> Answer {
    shop.selling(shop.ids.next(), basket).header("prefer", "wait=20").send().await
}

#[tokio::test]
async fn what_a_card_paid_of_a_debt_pays_for_nothing_else() {
    let (shop, _terminals, asking) = open().await;
    let anna = shop.ids.next();
    let done = async |method: &str, path: String, key: Uuid, body: Value| {
        let call = shop.call(method, &path).header("idempotency-key", &key.to_string());
        call.header("prefer", "wait=20").json(&body).send().await
    };
    done("POST", "/v1/customers".to_owned(), anna, json!({"profile": {"name": "Anna"}})).await;
    let limit = json!({"store": SHOP.store(), "limit": 1_000});
    done("PUT", format!("/v1/customers/{anna}/house-account"), shop.ids.next(), limit).await;
    let id = approved(&shop, 220).await;
    let pay = async |amount: i64| {
        let body = json!({"store": SHOP.store(), "register": SHOP.register(1), "amount": amount, "tender": "card",
                          "payment": id});
        done("POST", format!("/v1/customers/{anna}/payments"), shop.ids.next(), body).await
    };
    assert_eq!(pay(221).await.problem(), "card_payment_amount_differs");
    assert_eq!(unmatched(&shop).await, [id]);
    let paid = pay(220).await;
    assert_eq!((paid.status, &paid.json()["account"]["balance"]), (StatusCode::OK, &json!(220)), "{paid:?}");
    assert!(unmatched(&shop).await.is_empty());
    assert_eq!(pay(220).await.problem(), "card_payment_used");
    assert_eq!(sell(&shop, &espressos(&shop, 1, id)).await.problem(), "card_payment_used");
    asking.stop().await;
}

#[tokio::test]
async fn a_card_is_charged_and_pays_for_a_sale() {
    let (shop, terminals, asking) = open().await;
    let id = start(&shop, 220).await;
    let payment = until(&shop, id, "approved").await;
    assert_eq!(payment["taken"]["amount"], json!(220));
    assert_eq!(payment["taken"]["last4"], json!("4242"));
    assert_eq!(unmatched(&shop).await, [id], "money is there without a sale");
    let answer = sell(&shop, &espressos(&shop, 1, id)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let sale = answer.json();
    assert_eq!(sale["payments"][0]["payment"], json!(id));
    assert_eq!(show(&shop, id).await["sale"], sale["id"]);
    assert!(unmatched(&shop).await.is_empty());
    let again = starting(&shop, id, 220, WAIT).await;
    assert_eq!(again.json()["state"], json!("started"), "a repeated request gets the first answer");
    let other = starting(&shop, id, 230, WAIT).await;
    assert_eq!(
        (other.status, other.problem()),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused".to_owned())
    );
    assert_eq!(terminals.captures(id), 1);
    let page = shop.get("/v1/card-payments?state=approved&limit=1").await.json();
    assert_eq!(page["items"][0]["id"], json!(id));
    assert_eq!(shop.get("/v1/card-payments?state=declined").await.json()["items"], json!([]));
    asking.stop().await;
}

#[tokio::test]
async fn a_sale_takes_only_what_a_terminal_has_taken() {
    let (shop, _terminals, _asking) = open().await;
    let declined = start(&shop, 255).await;
    let payment = until(&shop, declined, "declined").await;
    assert_eq!(payment["reason"], json!("wrong PIN"));
    let paid = approved(&shop, 220).await;
    let refused = async |change: &dyn Fn(&mut Value)| {
        let mut basket = espressos(&shop, 1, paid);
        change(&mut basket);
        let answer = sell(&shop, &basket).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        (answer.problem(), answer.json()["errors"][0]["pointer"].as_str().unwrap().to_owned())
    };
    let payment = "/payments/0/payment".to_owned();
    let found = refused(&|sale| sale["payments"][0]["payment"] = json!(declined)).await;
    assert_eq!(found, ("card_payment_not_approved".to_owned(), payment.clone()));
    let found = refused(&|sale| sale["payments"][0]["payment"] = json!(Uuid::nil())).await;
    assert_eq!(found, ("unknown_card_payment".to_owned(), payment));
    let found = refused(&|sale| {
        sale["lines"][0]["quantity"] = json!("2");
        sale["payments"][0]["amount"] = json!(440);
    });
    assert_eq!(found.await, ("card_payment_amount_differs".to_owned(), "/payments/0/amount".to_owned()));
    let mut practice = espressos(&shop, 1, paid);
    practice["training"] = json!(true);
    assert_eq!(sell(&shop, &practice).await.status, StatusCode::CREATED);
    assert_eq!(unmatched(&shop).await, [paid], "practice takes nothing");
    let mut offline = espressos(&shop, 1, declined);
    offline["offline"] = json!(true);
    let sold = sell(&shop, &offline).await;
    assert_eq!(
        sold.json()["flags"],
        json!(["no_shift", "card_payment_unmatched"]),
        "what happened is a fact: {sold:?}"
    );
    assert_eq!(unmatched(&shop).await, [paid, declined], "a sale without money is to be looked at too");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_and_the_card_charged_once() {
    let (shop, mut terminals, asking) = open().await;
    asking.stop().await;
    // So that nothing but asking finds it.
    terminals.settings.reconcile_ms = 3_600_000;
    let _asking = shop.ask(&terminals).await;
    let id = start(&shop, 262).await;
    until(&shop, id, "approved").await;
    assert_eq!(terminals.captures(id), 1);
    shop.drain().await;
    let said = "select count(*) from inbox.messages where kind = 'sale.settle_card_payment.v1' and accepted";
    assert_eq!(shop.count(said).await, 2, "that there was no answer, and that it is captured");
}

#[tokio::test]
async fn a_capture_after_the_time_is_up_is_found() {
    let (shop, terminals, _asking) = open().await;
    let id = start(&shop, 263).await;
    until(&shop, id, "unknown").await;
    until(&shop, id, "approved").await;
    assert_eq!((terminals.captures(id), unmatched(&shop).await), (1, vec![id]));
}

#[tokio::test]
async fn a_start_that_never_arrived_comes_to_nothing() {
    let (shop, terminals, _asking) = open().await;
    let id = start(&shop, 264).await;
    until(&shop, id, "cancelled").await;
    assert_eq!(terminals.captures(id), 0);
    // It was on its way for long: the provider knows that it is cancelled.
    let order = Order {
        terminal: "T1".to_owned(),
        amount: Amount::try_new(220).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        store: SHOP.store(),
        register: SHOP.register(1),
    };
    let late = tillstream_terminal::Provider::start(&*terminals.simulator, key(id), &order).await.unwrap();
    assert_eq!((late.status, terminals.captures(id)), (tillstream_terminal::Status::Cancelled, 0));
}

#[tokio::test]
async fn whoever_comes_after_a_crash_asks_and_does_not_charge_again() {
    let (shop, terminals, asking) = open().await;
    let slow: Vec<_> = join_all((0..5).map(|_| start(&shop, 260))).await;
    shop.until("the customers are at the terminals", async || {
        shop.count("select count(*) from sales.card_payments where asked > 0").await == 5
    })
    .await;
    asking.kill().await;
    let asking = shop.ask(&terminals).await;
    for id in slow {
        shop.until("it is over", async || show(&shop, id).await["state"] != "started").await;
        // Killed before the provider heard of it, it is cancelled there; after, it is captured, once.
        let state = show(&shop, id).await["state"].clone();
        match terminals.captures(id) {
            0 => assert_eq!(state, json!("cancelled")),
            times => assert_eq!((times, state), (1, json!("approved"))),
        }
    }
    asking.stop().await;
}

/// By then somebody else may stand at the terminal.
#[tokio::test]
async fn what_waited_long_is_never_started() {
    let options = ShopOptions { terminals: true, working: false, ..ShopOptions::default() };
    let mut shop = Box::pin(Shop::with(options)).await;
    let id = shop.ids.next();
    let answer = starting(&shop, id, 220, "respond-async").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    shop.clock.advance(61_000_000);
    shop.start_workers().await;
    let terminals = shop.terminals().await;
    let asking = shop.ask(&terminals).await;
    until(&shop, id, "cancelled").await;
    assert_eq!(terminals.captures(id), 0);
    asking.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_a_payment_unknown_until_it_is_back() {
    let (shop, terminals, asking) = open().await;
    terminals.unplug();
    let id = start(&shop, 220).await;
    until(&shop, id, "unknown").await;
    let answer = sell(&shop, &espressos(&shop, 1, id)).await;
    assert_eq!(answer.problem(), "card_payment_not_approved");
    asking.stop().await;
}

#[tokio::test]
async fn what_a_customer_leaves_undone_is_cancelled() {
    let (shop, _terminals, _asking) = open().await;
    let [left, pressed, by_till] = [start(&shop, 266).await, start(&shop, 261).await, start(&shop, 166).await];
    let answer = cancel(&shop, by_till, false).await;
    assert_eq!((answer.status, answer.json()["cancelling"].clone()), (StatusCode::OK, json!(true)), "{answer:?}");
    for id in [by_till, pressed, left] {
        let payment = until(&shop, id, "cancelled").await;
        assert_eq!((&payment["reason"], &payment["cancelling"]), (&json!("cancelled"), &Value::Null));
    }
    assert!(unmatched(&shop).await.is_empty());
}

#[tokio::test]
async fn money_that_no_sale_counts_on_is_given_back_when_asked_for() {
    let (shop, _terminals, _asking) = open().await;
    let id = approved(&shop, 220).await;
    assert_eq!(cancel(&shop, id, false).await.problem(), "card_payment_taken");
    let answer = sell(&shop, &espressos(&shop, 1, id)).await;
    let sale = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(cancel(&shop, id, true).await.problem(), "card_payment_used");
    let call = shop.call("POST", &format!("/v1/sales/{sale}/void"));
    let call = call.header("idempotency-key", &shop.ids.next().to_string()).header("prefer", "wait=20");
    let void = call.json(&json!({"store": SHOP.store(), "register": SHOP.register(1)})).send().await;
    assert_eq!(void.status, StatusCode::CREATED, "{void:?}");
    assert_eq!(unmatched(&shop).await, [id], "the money of a sale that is undone is there");
    assert_eq!(cancel(&shop, id, true).await.status, StatusCode::OK);
    until(&shop, id, "reversed").await;
    assert!(unmatched(&shop).await.is_empty());
    let answer = sell(&shop, &espressos(&shop, 1, id)).await;
    assert_eq!(answer.problem(), "card_payment_not_approved");
}

/// Whichever is first, there is no money without a sale in the end.
#[tokio::test]
async fn a_cancellation_races_the_customer() {
    let (shop, terminals, _asking) = open().await;
    let mut ends = Vec::new();
    for wait_ms in [0, 20, 60, 480, 520, 560] {
        let id = start(&shop, 260).await;
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        let answer = cancel(&shop, id, false).await;
        if answer.status == StatusCode::OK {
            shop.until("it is over", async || {
                let state = show(&shop, id).await["state"].clone();
                state == "cancelled" || state == "reversed"
            })
            .await;
        } else {
            assert_eq!(answer.problem(), "card_payment_taken");
            assert_eq!(cancel(&shop, id, true).await.status, StatusCode::OK);
            until(&shop, id, "reversed").await;
        }
        let state = show(&shop, id).await["state"].clone();
        assert_eq!(u32::from(state == "reversed"), terminals.captures(id));
        ends.push(state);
    }
    assert!(ends.contains(&json!("cancelled")), "{ends:?}");
    assert!(unmatched(&shop).await.is_empty());
}

#[tokio::test]
async fn of_two_sales_with_one_payment_one_is_recorded() {
    let (shop, _terminals, _asking) = open().await;
    let second = shop.process();
    let helper = tokio::spawn(shop.station(tillstream_sales_worker::Sales::with_terminals(), &second).await.run());
    for _ in 0..5 {
        let id = approved(&shop, 220).await;
        let basket = espressos(&shop, 1, id);
        let answers = join_all((0..4).map(|_| sell(&shop, &basket))).await;
        let recorded = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        assert_eq!(recorded, 1, "{answers:?}");
        let others = answers.iter().filter(|answer| answer.status != StatusCode::CREATED);
        others.for_each(|answer| assert_eq!(answer.problem(), "card_payment_used"));
    }
    assert!(unmatched(&shop).await.is_empty());
    second.stop.now();
    helper.await.unwrap();
}

#[tokio::test]
async fn money_that_is_in_no_books_is_found() {
    let (shop, terminals, _asking) = open().await;
    let order = |units| Order {
        terminal: "T1".to_owned(),
        amount: Amount::try_new(units).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        store: SHOP.store(),
        register: SHOP.register(1),
    };
    let lost = shop.ids.next();
    terminals.simulator.take(key(lost), order(220));
    shop.until("it is in the books", async || unmatched(&shop).await == [lost]).await;
    assert_eq!(show(&shop, lost).await["state"], json!("approved"));
    // It was cancelled for all that is known here, and money is taken after all.
    let late = start(&shop, 264).await;
    until(&shop, late, "cancelled").await;
    terminals.simulator.take(key(late), order(264));
    shop.until("it is seen", async || unmatched(&shop).await.contains(&late)).await;
    let payment = show(&shop, late).await;
    assert_eq!((&payment["state"], &payment["taken"]["amount"]), (&json!("cancelled"), &json!(264)));
    assert_eq!(cancel(&shop, late, true).await.status, StatusCode::OK);
    shop.until("it is given back", async || show(&shop, late).await["given_back"] == json!(true)).await;
    // The terminal took another amount than it was told to.
    let less = approved(&shop, 267).await;
    let payment = show(&shop, less).await;
    assert_eq!((&payment["amount"], &payment["taken"]["amount"]), (&json!(267), &json!(266)));
    assert!(unmatched(&shop).await.contains(&less));
}

/// Captured money is a fact, whatever else the provider says; what no list can show is counted.
#[tokio::test]
async fn captured_money_is_never_refused() {
    let (shop, terminals, asking) = open().await;
    let elsewhere = Order {
        terminal: "4242 4242 4242 4242".to_owned(),
        amount: Amount::try_new(220).unwrap(),
        currency: Currency::try_new("USD").unwrap(),
        store: tillstream_domain::id::StoreId::new(Uuid::nil()),
        register: SHOP.register(1),
    };
    let lost = shop.ids.next();
    terminals.simulator.take(key(lost), elsewhere.clone());
    let nobody = tillstream_domain::id::MerchantId::new(Uuid::nil());
    terminals.simulator.take(tillstream_terminal::Key { merchant: nobody, ..key(lost) }, elsewhere);
    shop.until("it is in the books", async || unmatched(&shop).await == [lost]).await;
    let payment = show(&shop, lost).await;
    assert_eq!((&payment["state"], &payment["terminal"]), (&json!("approved"), &json!("?")));
    let counted = "tillstream_terminal_calls_total{call=\"captured_since\",outcome=\"unknown_merchant\"} 1";
    shop.until("it is counted", async || asking.metrics().await.contains(counted)).await;
}

/// Also a second time.
#[tokio::test]
async fn a_refused_refund_leaves_the_money_where_it_is() {
    let (shop, _terminals, _asking) = open().await;
    let id = approved(&shop, 268).await;
    for _ in 0..2 {
        let answer = cancel(&shop, id, true).await;
        assert_eq!((answer.status, answer.json()["cancelling"].clone()), (StatusCode::OK, json!(true)), "{answer:?}");
        shop.until("it is refused", async || show(&shop, id).await["cancelling"].is_null()).await;
        assert_eq!((show(&shop, id).await["state"].clone(), unmatched(&shop).await), (json!("approved"), vec![id]));
    }
}

/// Nobody here asked for it.
#[tokio::test]
async fn money_that_is_given_back_at_the_provider_is_seen() {
    let (shop, terminals, _asking) = open().await;
    let id = approved(&shop, 220).await;
    let answer = sell(&shop, &espressos(&shop, 1, id)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    tillstream_terminal::Provider::refund(&*terminals.simulator, key(id)).await.unwrap();
    assert_eq!(until(&shop, id, "reversed").await["given_back"], json!(true));
    assert_eq!(unmatched(&shop).await, [id], "a sale counts on money that is not there");
}

#[tokio::test]
async fn without_terminals_no_payment_is_started() {
    let shop = Shop::open().await;
    let answer = starting(&shop, shop.ids.next(), 220, WAIT).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "no_card_terminals".to_owned()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("terminal.url"), "{answer:?}");
}

/// A cashier may charge and cancel, and gives money back with a manager's approval alone.
#[tokio::test]
async fn a_cashier_gives_no_money_back() {
    let (shop, _terminals, _asking) = open().await;
    let grants = [Grant { role: Role::Cashier, store: Some(SHOP.store()) }];
    let token = shop.token_for(SHOP, shop.hire(SHOP, &grants).await, &grants);
    let id = approved(&shop, 220).await;
    let refund = shop.anonymous("POST", &format!("/v1/card-payments/{id}/cancel")).bearer(&token);
    let refund = refund.header("idempotency-key", &shop.ids.next().to_string());
    let answer = refund.json(&json!({"store": SHOP.store(), "refund": true})).send().await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::FORBIDDEN, "forbidden".to_owned()));
    assert_eq!(show(&shop, id).await["state"], json!("approved"));
}
