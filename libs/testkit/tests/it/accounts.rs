//! Gift cards and store credit.

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tillstream_domain::identity::Role;
use tillstream_sales_worker::Sales;
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

async fn posted(shop: &Shop, path: &str, body: &Value) -> Answer {
    let call = shop.call("POST", path).header("idempotency-key", &shop.ids.next().to_string());
    call.header("prefer", "wait=20").json(body).send().await
}

/// A gift card with so many cents on it: its account.
async fn gift_card(shop: &Shop, amount: i64) -> String {
    let answer = posted(shop, "/v1/gift-cards", &json!({"store": SHOP.store(), "amount": amount})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["account"]["id"].as_str().unwrap().to_owned()
}

/// An espresso for 2.20, paid from an account.
fn espresso(shop: &Shop, method: &str, account: &str) -> Value {
    let mut basket = shop.basket(&[("espresso", "1")]);
    basket["payments"] = json!([{"method": method, "amount": 220, "account": account}]);
    basket
}

async fn balance(shop: &Shop, account: &str) -> Value {
    shop.get(&format!("/v1/accounts/{account}")).await.json()["balance"].clone()
}

async fn reasons(shop: &Shop, account: &str) -> Vec<Value> {
    let answer = shop.get(&format!("/v1/accounts/{account}/entries")).await.json();
    answer["items"].as_array().unwrap().iter().map(|entry| json!([entry["reason"], entry["amount"]])).collect()
}

/// Every balance is the sum of its entries, and each entry says what the balance was then.
async fn assert_sums(shop: &Shop) {
    let wrong = "select count(*) from sales.accounts a join (
                   select merchant_id, account_id, sum(amount) as sum, count(*) as count, max(number) as last
                   from sales.account_entries group by merchant_id, account_id) e using (merchant_id, account_id)
                 where a.balance <> e.sum or a.entries <> e.count or e.last <> e.count";
    assert_eq!(shop.count(wrong).await, 0);
    let wrong = "select count(*) from (
                   select balance, sum(amount) over (partition by merchant_id, account_id order by number) as sum
                   from sales.account_entries) e where balance <> sum";
    assert_eq!(shop.count(wrong).await, 0);
    assert_eq!(
        shop.count("select count(*) from sales.accounts").await,
        shop.count("select count(distinct (merchant_id, account_id)) from sales.account_entries").await
    );
}

#[tokio::test]
async fn a_gift_card_is_given_out_found_and_spent() {
    let shop = Shop::open().await;
    let key = shop.ids.next().to_string();
    let body = json!({"store": SHOP.store(), "amount": 500});
    let issuing = || shop.call("POST", "/v1/gift-cards").header("idempotency-key", &key).json(&body).send();
    let answer = issuing().await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::CREATED, "no-store"), "{answer:?}");
    assert_eq!(issuing().await.text, answer.text, "a repeated request shows the number again");
    let card = answer.json();
    let (number, account) = (card["number"].as_str().unwrap(), card["account"]["id"].as_str().unwrap());
    assert_eq!(card["account"]["last4"], json!(number[number.len() - 4..]));
    let written = number.to_lowercase().replace('-', " ");
    let found = shop.call("POST", "/v1/gift-cards/lookup").json(&json!({"number": written})).send().await;
    assert_eq!((found.status, &found.json()), (StatusCode::OK, &card["account"]));
    let answer = shop.sell(shop.ids.next(), &espresso(&shop, "gift_card", account)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(balance(&shop, account).await, json!(280));
    assert_eq!(reasons(&shop, account).await, [json!(["redeemed", -220]), json!(["issued", 500])]);
    let page = shop.get(&format!("/v1/accounts/{account}/entries?limit=1")).await.json();
    let path = format!("/v1/accounts/{account}/entries?limit=1&after={}", page["next"].as_str().unwrap());
    assert_eq!(shop.get(&path).await.json()["items"][0]["number"], json!(1));
    for path in
        [format!("/v1/accounts/{account}"), format!("/v1/accounts/{account}/entries"), format!("/v1/commands/{key}")]
    {
        let shown = shop.get(&path).await;
        assert!(shown.status == StatusCode::OK && !shown.text.contains(&number.replace('-', "")), "{shown:?}");
    }
    assert_sums(&shop).await;
}

#[tokio::test]
async fn what_is_not_on_an_account_is_not_spent() {
    let shop = Shop::open().await;
    let account = gift_card(&shop, 219).await;
    let refused = async |change: &dyn Fn(&mut Value)| {
        let mut basket = espresso(&shop, "gift_card", &account);
        change(&mut basket);
        let answer = shop.sell(shop.ids.next(), &basket).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        answer.problem()
    };
    assert_eq!(refused(&|_| ()).await, "insufficient_balance");
    assert_eq!(refused(&|sale| sale["payments"][0]["account"] = json!(Uuid::nil())).await, "unknown_account");
    assert_eq!(refused(&|sale| sale["payments"][0]["method"] = json!("store_credit")).await, "unknown_account");
    assert_eq!(refused(&|sale| sale["payments"][0]["amount"] = json!(219)).await, "payment_short");
    assert_eq!(balance(&shop, &account).await, json!(219), "a refused sale takes nothing");
    let mut basket = espresso(&shop, "gift_card", &account);
    basket["training"] = json!(true);
    assert_eq!(shop.sell(shop.ids.next(), &basket).await.status, StatusCode::CREATED);
    assert_eq!(balance(&shop, &account).await, json!(219), "practice takes nothing");
    (basket["training"], basket["offline"]) = (json!(false), json!(true));
    let answer = shop.sell(shop.ids.next(), &basket).await;
    assert_eq!(answer.json()["flags"], json!(["no_shift", "account_overdrawn"]), "{answer:?}");
    assert_eq!(balance(&shop, &account).await, json!(-1), "what happened without a connection is a fact");
    basket["payments"][0]["account"] = json!(Uuid::nil());
    assert_eq!(shop.sell(shop.ids.next(), &basket).await.json()["flags"], json!(["no_shift", "account_unknown"]));
    assert_sums(&shop).await;
}

/// Two workers take what many tills send at once, in an order of accounts that differs from one to the next.
#[tokio::test]
async fn a_gift_card_spent_at_two_tills_at_once_is_spent_once() {
    let shop = Shop::open().await;
    let second = shop.process();
    let helper = tokio::spawn(shop.station(Sales::default(), &second).await.run());
    let cards = [gift_card(&shop, 30 * 220).await, gift_card(&shop, 30 * 220).await];
    let mut recorded = 0;
    for _ in 0..10 {
        let baskets = (0..6).map(|till: usize| {
            let mut basket = shop.basket(&[("espresso", "2")]);
            let [one, other] = [&cards[till % 2], &cards[1 - till % 2]];
            basket["register"] = json!(SHOP.register(if till < 3 { 1 } else { 2 }));
            basket["payments"] = json!([
                {"method": "gift_card", "amount": 220, "account": one},
                {"method": "gift_card", "amount": 220, "account": other},
            ]);
            basket
        });
        let sells = baskets.map(async |basket| {
            let call = shop.selling(shop.ids.next(), &basket).header("prefer", "wait=20");
            call.send().await
        });
        for answer in join_all(sells).await {
            match answer.status {
                StatusCode::CREATED => recorded += 1,
                _ => assert_eq!(answer.problem(), "insufficient_balance", "{answer:?}"),
            }
        }
    }
    assert_eq!(recorded, 30);
    for card in &cards {
        assert_eq!(balance(&shop, card).await, json!(0));
    }
    assert_sums(&shop).await;
    second.stop.now();
    helper.await.unwrap();
}

/// Another worker, played by the test, has the account in hand and spends all that is on it.
#[tokio::test]
async fn a_worker_waits_for_another_that_has_the_account_in_hand() {
    let shop = Shop::open().await;
    let card = gift_card(&shop, 220).await;
    let mut other = shop.pool.begin().await.unwrap();
    for statement in [
        "insert into sales.account_entries select merchant_id, account_id, 2, -balance, 0, 'redeemed', account_id, null, \
         null, now() from sales.accounts",
        "update sales.accounts set balance = 0, entries = 2",
    ] {
        sqlx::query(statement).execute(&mut *other).await.unwrap();
    }
    let basket = espresso(&shop, "gift_card", &card);
    let selling = shop.selling(shop.ids.next(), &basket).header("prefer", "wait=20").send();
    let going_on = async {
        let waiting = "select count(*) from pg_locks l join pg_stat_activity a using (pid)
                       where not l.granted and a.datname = current_database()";
        shop.until("the worker waits", async || shop.count(waiting).await > 0).await;
        other.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(selling, going_on);
    assert_eq!(answer.problem(), "insufficient_balance", "{answer:?}");
    assert_sums(&shop).await;
}

#[tokio::test]
async fn transfers_both_ways_at_once_lose_nothing() {
    let shop = Shop::open().await;
    let second = shop.process();
    let helper = tokio::spawn(shop.station(Sales::default(), &second).await.run());
    let [one, other] = [gift_card(&shop, 1_000).await, gift_card(&shop, 1_000).await];
    for round in 0..10 {
        let calls = (0..4).map(async |at: i64| {
            let (from, to) = if at % 2 == 0 { (&one, &other) } else { (&other, &one) };
            let body = json!({"store": SHOP.store(), "to": to, "amount": 100 * at + round});
            posted(&shop, &format!("/v1/accounts/{from}/transfer"), &body).await
        });
        for answer in join_all(calls).await {
            if answer.status != StatusCode::OK {
                assert!(["insufficient_balance", "amount_not_positive"].contains(&&*answer.problem()), "{answer:?}");
            }
        }
    }
    assert_eq!(shop.count("select sum(balance)::bigint from sales.accounts").await, 2_000);
    assert_eq!(shop.count("select count(*) from sales.accounts where balance < 0").await, 0);
    let all =
        posted(&shop, &format!("/v1/accounts/{one}/transfer"), &json!({"store": SHOP.store(), "to": other})).await;
    assert_eq!((&all.json()["from"]["balance"], &all.json()["to"]["balance"]), (&json!(0), &json!(2_000)), "{all:?}");
    assert_sums(&shop).await;
    second.stop.now();
    helper.await.unwrap();
}

#[tokio::test]
async fn a_card_that_a_sale_paid_for_takes_no_more_than_selling() {
    let shop = Shop::open().await;
    let cashier = shop.token_of(Role::Cashier).await;
    let issuing = async |sold: Option<Value>, amount: i64| {
        let mut body = json!({"store": SHOP.store(), "amount": amount});
        if let Some(sold) = sold {
            body["sold"] = sold;
        }
        let call = shop.anonymous("POST", "/v1/gift-cards").bearer(&cashier);
        call.header("idempotency-key", &shop.ids.next().to_string()).json(&body).send().await
    };
    assert_eq!(issuing(None, 2_500).await.status, StatusCode::FORBIDDEN);
    let sale = shop.ids.next();
    let answer = shop.sell(sale, &shop.basket(&[("voucher", "2"), ("cake", "1")])).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let line = |line: u16| Some(json!({"sale": sale, "line": line}));
    assert_eq!(issuing(line(1), 350).await.problem(), "sale_does_not_cover", "what is taxed is no gift card");
    sqlx::query("update catalog.products set tax_category = 'zero'").execute(&shop.pool).await.unwrap();
    let bread = shop.ids.next();
    assert_eq!(shop.sell(bread, &shop.basket(&[("cake", "1")])).await.json()["tax"], json!(0));
    let for_bread = issuing(Some(json!({"sale": bread, "line": 0})), 350).await;
    assert_eq!(for_bread.problem(), "sale_does_not_cover", "bread without tax is no gift card either");
    assert_eq!(issuing(line(0), 5_001).await.problem(), "sale_does_not_cover");
    let card = issuing(line(0), 2_500).await;
    assert_eq!(card.status, StatusCode::CREATED, "{card:?}");
    assert_eq!(issuing(line(0), 2_501).await.problem(), "sale_does_not_cover");
    assert_eq!(issuing(Some(json!({"sale": Uuid::nil(), "line": 0})), 1).await.problem(), "unknown_sale");
    // One voucher is out as a card; the other may come back, and then pays for none any more.
    let returning = |quantity: &str, refund: i64| {
        let mut basket = shop.basket(&[("voucher", quantity)]);
        basket["lines"][0]["original"] = json!({"sale": sale, "line": 0});
        basket["payments"] = json!([{"method": "cash", "tendered": refund}]);
        basket
    };
    assert_eq!(shop.sell(shop.ids.next(), &returning("-2", -5_000)).await.problem(), "return_exceeds");
    assert_eq!(shop.sell(shop.ids.next(), &returning("-1", -2_500)).await.status, StatusCode::CREATED);
    assert_eq!(issuing(line(0), 1).await.problem(), "sale_does_not_cover");
    assert_sums(&shop).await;
}

#[tokio::test]
async fn a_void_gives_back_what_paid_and_takes_what_was_sold() {
    let shop = Shop::open().await;
    let paying = gift_card(&shop, 3_000).await;
    let sale = shop.ids.next();
    let mut basket = shop.basket(&[("voucher", "1")]);
    basket["payments"] = json!([{"method": "gift_card", "amount": 2_500, "account": paying}]);
    assert_eq!(shop.sell(sale, &basket).await.status, StatusCode::CREATED);
    let body = json!({"store": SHOP.store(), "amount": 2_500, "sold": {"sale": sale, "line": 0}});
    let sold = posted(&shop, "/v1/gift-cards", &body).await.json()["account"]["id"].as_str().unwrap().to_owned();
    let espresso_key = shop.ids.next();
    assert_eq!(shop.sell(espresso_key, &espresso(&shop, "gift_card", &sold)).await.status, StatusCode::CREATED);
    let void = async |sale: Uuid| {
        let body = json!({"store": SHOP.store(), "register": SHOP.register(1)});
        posted(&shop, &format!("/v1/sales/{sale}/void"), &body).await
    };
    assert_eq!(void(sale).await.problem(), "not_voidable", "a part of the card is spent");
    assert_eq!(void(espresso_key).await.status, StatusCode::CREATED);
    let answer = void(sale).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!((balance(&shop, &paying).await, balance(&shop, &sold).await), (json!(3_000), json!(0)));
    assert_eq!(reasons(&shop, &sold).await[0], json!(["voided", -2_500]));
    assert_eq!(posted(&shop, "/v1/gift-cards", &body).await.problem(), "sale_does_not_cover");
    assert_sums(&shop).await;
}

#[tokio::test]
async fn what_comes_back_is_given_back_as_store_credit() {
    let shop = Shop::open().await;
    let sale = shop.ids.next();
    let mut basket = shop.basket(&[("espresso", "2")]);
    assert_eq!(shop.sell(sale, &basket).await.status, StatusCode::CREATED);
    let credit = shop.ids.next().to_string();
    basket["lines"][0]["quantity"] = json!("-2");
    basket["lines"][0]["original"] = json!({"sale": sale, "line": 0});
    basket["payments"] = json!([{"method": "store_credit", "amount": -440, "account": credit}]);
    let answer = shop.sell(shop.ids.next(), &basket).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(balance(&shop, &credit).await, json!(440));
    let answer = shop.sell(shop.ids.next(), &espresso(&shop, "store_credit", &credit)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(reasons(&shop, &credit).await, [json!(["redeemed", -220]), json!(["refunded", 440])]);
    assert_sums(&shop).await;
}

#[tokio::test]
async fn an_expired_card_shows_what_is_on_it_and_pays_no_more() {
    let shop = Shop::open().await;
    let body =
        json!({"store": SHOP.store(), "amount": 500, "number": "GC 1234 5678", "expires_at": "2026-03-01T11:00:00Z"});
    let card = posted(&shop, "/v1/gift-cards", &body).await.json();
    assert_eq!(card["number"], json!("GC12-3456-78"));
    let account = card["account"]["id"].as_str().unwrap().to_owned();
    assert_eq!(posted(&shop, "/v1/gift-cards", &body).await.problem(), "number_taken");
    shop.clock.advance(60 * 60 * 1_000_000);
    let shown = shop.get(&format!("/v1/accounts/{account}")).await.json();
    assert_eq!((&shown["status"], &shown["balance"]), (&json!("expired"), &json!(500)));
    assert_eq!(shop.sell(shop.ids.next(), &espresso(&shop, "gift_card", &account)).await.problem(), "account_expired");
    let path = format!("/v1/accounts/{account}/reload");
    assert_eq!(posted(&shop, &path, &json!({"store": SHOP.store(), "amount": 1})).await.problem(), "account_expired");
    let card = json!({"store": SHOP.store(), "amount": 1, "number": "4111111111111111"});
    assert_eq!(posted(&shop, "/v1/gift-cards", &card).await.problem(), "invalid_body");
}
