//! What customers owe and collect.

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tillstream_domain::identity::Role;
use tillstream_sales_worker::{Customers, Sales};
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

async fn sent(shop: &Shop, method: &str, path: &str, version: Option<u32>, body: &Value) -> Answer {
    let mut call = shop.call(method, path).header("idempotency-key", &shop.ids.next().to_string());
    if let Some(version) = version {
        call = call.header("if-match", &format!("\"{version}\""));
    }
    if !body.is_null() {
        call = call.json(body);
    }
    call.header("prefer", "wait=20").send().await
}

async fn done(shop: &Shop, method: &str, path: &str, body: &Value) -> Value {
    let answer = sent(shop, method, path, None, body).await;
    assert!(answer.status.is_success() && answer.status != StatusCode::ACCEPTED, "{answer:?}");
    answer.json()
}

async fn customer(shop: &Shop) -> Uuid {
    let added = done(shop, "POST", "/v1/customers", &json!({"profile": {"name": "Anna"}})).await;
    added["id"].as_str().unwrap().parse().unwrap()
}

async fn house(shop: &Shop, customer: Uuid, limit: i64) {
    let path = format!("/v1/customers/{customer}/house-account");
    let put = done(shop, "PUT", &path, &json!({"store": SHOP.store(), "limit": limit})).await;
    assert_eq!((&put["kind"], &put["limit"]), (&json!("house"), &json!(limit)));
}

/// A point for each full euro, worth two cents.
async fn rule(shop: &Shop) {
    done(shop, "PUT", "/v1/loyalty-rule", &json!({"points": 1, "per": 100, "worth": 2})).await;
}

/// What is on a customer's account of a kind; null without one.
async fn balance(shop: &Shop, customer: Uuid, kind: &str) -> Value {
    let accounts = shop.get(&format!("/v1/customers/{customer}/accounts")).await.json();
    let of_kind = accounts["items"].as_array().unwrap().iter().find(|account| account["kind"] == json!(kind));
    of_kind.map_or(Value::Null, |account| account["balance"].clone())
}

/// So many espressos at 2.20 to a customer, paid on account.
fn on_account(shop: &Shop, customer: Option<Uuid>, quantity: i64) -> Value {
    let mut basket = shop.basket(&[("espresso", &quantity.to_string())]);
    if let Some(customer) = customer {
        basket["customer"] = json!(customer);
    }
    basket["payments"] = json!([{"method": "on_account", "amount": 220 * quantity}]);
    basket
}

/// So many espressos to a customer, paid in cash.
fn in_cash(shop: &Shop, customer: Uuid, quantity: i64) -> Value {
    let mut basket = on_account(shop, Some(customer), quantity);
    basket["payments"] = json!([{"method": "cash", "tendered": 220 * quantity}]);
    basket
}

/// So many espressos of a sale, coming back.
fn back(shop: &Shop, sale: Uuid, quantity: i64, method: &str) -> Value {
    let mut basket = shop.basket(&[("espresso", &format!("-{quantity}"))]);
    basket["lines"][0]["original"] = json!({"sale": sale, "line": 0});
    let amount = if method == "cash" { "tendered" } else { "amount" };
    basket["payments"] = json!([{"method": method, amount: -220 * quantity}]);
    basket
}

async fn sold(shop: &Shop, basket: &Value) -> (Uuid, Value) {
    let sale = shop.ids.next();
    let answer = shop.selling(sale, basket).header("prefer", "wait=20").send().await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    (sale, answer.json())
}

async fn void(shop: &Shop, sale: Uuid) -> Answer {
    let body = json!({"store": SHOP.store(), "register": SHOP.register(1)});
    sent(shop, "POST", &format!("/v1/sales/{sale}/void"), None, &body).await
}

/// Every balance is the sum of its entries.
async fn assert_sums(shop: &Shop) {
    let wrong = "select count(*) from sales.accounts a left join (
                   select merchant_id, account_id, sum(amount) as sum, count(*) as count
                   from sales.account_entries group by merchant_id, account_id) e using (merchant_id, account_id)
                 where a.balance <> coalesce(e.sum, 0) or a.entries <> coalesce(e.count, 0)";
    assert_eq!(shop.count(wrong).await, 0);
}

#[tokio::test]
async fn a_customer_buys_on_account_up_to_their_limit() {
    let shop = Shop::open().await;
    let anna = customer(&shop).await;
    let refused = async |basket: Value| {
        let answer = shop.sell(shop.ids.next(), &basket).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        answer.problem()
    };
    assert_eq!(refused(on_account(&shop, None, 1)).await, "customer_needed");
    assert_eq!(refused(on_account(&shop, Some(anna), 1)).await, "no_house_account");
    house(&shop, anna, 1_000).await;
    let account = shop.get(&format!("/v1/customers/{anna}/accounts")).await.json()["items"][0]["id"].clone();
    let entries = format!("/v1/accounts/{}/entries", account.as_str().unwrap());
    assert_eq!(shop.get(&entries).await.json()["items"], json!([]), "nothing was bought yet");
    let (sale, _) = sold(&shop, &on_account(&shop, Some(anna), 4)).await;
    assert_eq!(balance(&shop, anna, "house").await, json!(-880));
    assert_eq!(refused(on_account(&shop, Some(anna), 1)).await, "credit_limit_exceeded");
    let mut fact = on_account(&shop, Some(anna), 1);
    fact["offline"] = json!(true);
    assert_eq!(sold(&shop, &fact).await.1["flags"], json!(["no_shift", "account_overdrawn"]));
    assert_eq!(balance(&shop, anna, "house").await, json!(-1_100), "what happened is a fact");
    sold(&shop, &back(&shop, sale, 1, "on_account")).await;
    assert_eq!(balance(&shop, anna, "house").await, json!(-880));
    house(&shop, anna, 2_000).await;
    let (undone, _) = sold(&shop, &on_account(&shop, Some(anna), 2)).await;
    assert_eq!(void(&shop, undone).await.status, StatusCode::CREATED);
    assert_eq!(balance(&shop, anna, "house").await, json!(-880));
    for path in ["reload", "transfer"] {
        let path = format!("/v1/accounts/{}/{path}", account.as_str().unwrap());
        let mut body = json!({"store": SHOP.store(), "amount": 1});
        if path.ends_with("transfer") {
            body["to"] = json!(Uuid::nil());
        }
        assert_eq!(sent(&shop, "POST", &path, None, &body).await.problem(), "account_of_customer");
    }
    let reasons = shop.get(&entries).await.json();
    let reasons: Vec<_> = reasons["items"].as_array().unwrap().iter().map(|entry| entry["reason"].clone()).collect();
    assert_eq!(reasons, ["voided", "redeemed", "refunded", "redeemed", "redeemed"]);
    assert_sums(&shop).await;
}

#[tokio::test]
async fn what_is_owed_is_paid_into_the_drawer() {
    let shop = Shop::open().await;
    let anna = customer(&shop).await;
    let paying = async |amount: i64, tender: &str| {
        let body = json!({"store": SHOP.store(), "register": SHOP.register(1), "amount": amount, "tender": tender});
        sent(&shop, "POST", &format!("/v1/customers/{anna}/payments"), None, &body).await
    };
    assert_eq!(paying(100, "cash").await.problem(), "no_house_account");
    house(&shop, anna, 10_000).await;
    let waiting = paying(50, "cash").await;
    assert_eq!((waiting.status, &waiting.json()["shift"]), (StatusCode::OK, &Value::Null), "{waiting:?}");
    let here = json!({"store": SHOP.store(), "register": SHOP.register(1)});
    let mut opening = here.clone();
    opening["float"] = json!(5_000);
    let shift = done(&shop, "POST", "/v1/shifts", &opening).await["id"].as_str().unwrap().to_owned();
    sold(&shop, &on_account(&shop, Some(anna), 10)).await;
    let paid = paying(1_000, "cash").await.json();
    assert_eq!((&paid["shift"], &paid["account"]["balance"]), (&json!(shift), &json!(-1_150)), "{paid}");
    assert_eq!(paying(200, "card").await.status, StatusCode::OK);
    assert_eq!(paying(200, "gift_card").await.problem(), "tender_not_taken");
    assert_eq!(paying(0, "cash").await.problem(), "amount_not_positive");
    let x = shop.get(&format!("/v1/shifts/{shift}")).await.json();
    assert_eq!(x["totals"]["gross"], json!(2_200), "what is paid later is no turnover");
    let received = x["totals"]["received"].clone();
    assert_eq!(received[0], json!({"tender": "cash", "count": 1, "paid": 1_000, "refunded": 0}), "{x}");
    assert_eq!(received[1]["paid"], json!(200));
    assert_eq!(x["late"]["received"][0]["paid"], json!(50), "{x}");
    let expected = |tender: &str| {
        x["tenders"].as_array().unwrap().iter().find(|of| of["tender"] == json!(tender)).unwrap()["expected"].clone()
    };
    assert_eq!((expected("cash"), expected("card"), expected("on_account")), (json!(6_000), json!(200), json!(2_200)));
    done(&shop, "POST", &format!("/v1/shifts/{shift}/end"), &here).await;
    let z = done(&shop, "POST", &format!("/v1/shifts/{shift}/close"), &here).await;
    assert_eq!((&z["totals"]["received"], &z["grand"]["gross"]), (&received, &json!(2_200)), "{z}");
    assert_sums(&shop).await;
}

#[tokio::test]
async fn points_are_collected_taken_back_and_redeemed() {
    let shop = Shop::open().await;
    let anna = customer(&shop).await;
    let points = async || balance(&shop, anna, "points").await;
    sold(&shop, &in_cash(&shop, anna, 5)).await;
    assert_eq!(points().await, Value::Null, "there is no rule yet");
    rule(&shop).await;
    let mut tipped = in_cash(&shop, anna, 5);
    (tipped["tip"], tipped["payments"][0]["tendered"]) = (json!(500), json!(1_600));
    let (sale, document) = sold(&shop, &tipped).await;
    assert_eq!(document["loyalty"], json!({"earned": 11, "points": 1, "per": 100}), "{document}");
    assert_eq!(points().await, json!(11), "a tip is no purchase");
    // 8.80, 6.60, 4.40, 2.20 and nothing are kept: the rule of the sale goes on, whatever the rule is by now.
    let faster = json!({"points": 10, "per": 100, "worth": 2});
    assert_eq!(sent(&shop, "PUT", "/v1/loyalty-rule", Some(1), &faster).await.status, StatusCode::OK);
    for left in [8, 6, 4, 2, 0] {
        sold(&shop, &back(&shop, sale, 1, "cash")).await;
        assert_eq!(points().await, json!(left));
    }
    let (undone, _) = sold(&shop, &in_cash(&shop, anna, 5)).await;
    assert_eq!(points().await, json!(110));
    let redeeming = async |points: i64| {
        let body = json!({"store": SHOP.store(), "points": points});
        sent(&shop, "POST", &format!("/v1/customers/{anna}/redemptions"), None, &body).await
    };
    assert_eq!(redeeming(111).await.problem(), "insufficient_points");
    assert_eq!(redeeming(0).await.problem(), "amount_not_positive");
    let redeemed = redeeming(110).await;
    assert_eq!(redeemed.status, StatusCode::OK, "{redeemed:?}");
    let credit = redeemed.json()["to"].clone();
    assert_eq!((&credit["kind"], &credit["balance"]), (&json!("store_credit"), &json!(220)));
    assert_eq!(void(&shop, undone).await.status, StatusCode::CREATED);
    assert_eq!(points().await, json!(-110), "they are spent, and owed");
    assert_eq!(redeeming(1).await.problem(), "insufficient_points");
    let mut paid = in_cash(&shop, anna, 1);
    paid["payments"] = json!([{"method": "store_credit", "amount": 220, "account": credit["id"]}]);
    sold(&shop, &paid).await;
    assert_eq!(balance(&shop, anna, "store_credit").await, json!(0));
    let ended = sent(&shop, "DELETE", "/v1/loyalty-rule", Some(2), &Value::Null).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    assert_eq!(redeeming(1).await.problem(), "no_loyalty_rule");
    let mut practice = in_cash(&shop, anna, 5);
    practice["training"] = json!(true);
    assert_eq!(sold(&shop, &practice).await.1["loyalty"], Value::Null);
    assert_sums(&shop).await;
}

#[tokio::test]
async fn a_merge_moves_what_is_owed_and_collected() {
    let shop = Shop::open().await;
    rule(&shop).await;
    let [anna, berta] = [customer(&shop).await, customer(&shop).await];
    house(&shop, anna, 5_000).await;
    let (sale, _) = sold(&shop, &on_account(&shop, Some(anna), 5)).await;
    let (undone, _) = sold(&shop, &in_cash(&shop, anna, 5)).await;
    sold(&shop, &in_cash(&shop, berta, 5)).await;
    let merged = sent(&shop, "POST", &format!("/v1/customers/{anna}/merge"), None, &json!({"into": berta})).await;
    assert_eq!(merged.status, StatusCode::OK, "{merged:?}");
    assert_eq!(balance(&shop, berta, "house").await, json!(-1_100));
    assert_eq!(balance(&shop, berta, "points").await, json!(33));
    assert_eq!(balance(&shop, anna, "points").await, json!(33), "who asks for the one is told of the other");
    sold(&shop, &back(&shop, sale, 5, "on_account")).await;
    assert_eq!(balance(&shop, berta, "house").await, json!(0));
    assert_eq!(balance(&shop, berta, "points").await, json!(22));
    assert_eq!(void(&shop, undone).await.status, StatusCode::CREATED);
    assert_eq!(balance(&shop, berta, "points").await, json!(11));
    let left = "select count(*) from sales.accounts a join sales.customers c using (merchant_id, customer_id)
                where c.merged_into is not null and a.balance <> 0";
    assert_eq!(shop.count(left).await, 0);
    let export = shop.get(&format!("/v1/customers/{anna}/export")).await;
    assert_eq!((export.status, export.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!((&export.json()["sales"], &export.json()["customer"]["id"]), (&json!(5), &json!(berta)), "{export:?}");
    assert_sums(&shop).await;
}

/// Two workers sell to two customers while a third and a fourth merge them.
#[tokio::test]
async fn no_point_is_lost_when_customers_are_merged_while_they_buy() {
    let shop = Shop::open().await;
    rule(&shop).await;
    let second = shop.process();
    let helpers = [
        tokio::spawn(shop.station(Sales::default(), &second).await.run()),
        tokio::spawn(shop.station(Customers, &second).await.run()),
    ];
    let (mut sales, mut trios) = (0, Vec::new());
    for _ in 0..5 {
        trios.push([customer(&shop).await, customer(&shop).await, customer(&shop).await]);
    }
    for [anna, anne, kim] in trios {
        let buying = (0..30).map(async |at: usize| {
            let basket = in_cash(&shop, [anna, anne, kim][at % 3], 1);
            let answer = shop.selling(shop.ids.next(), &basket).header("prefer", "respond-async").send().await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        });
        let merging = async |from: Uuid, into: Uuid| {
            let call = shop.call("POST", &format!("/v1/customers/{from}/merge")).header("prefer", "respond-async");
            let call = call.header("idempotency-key", &shop.ids.next().to_string()).json(&json!({"into": into}));
            assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
        };
        tokio::join!(join_all(buying), merging(anna, anne), merging(anne, kim));
        sales += 30;
    }
    shop.drain().await;
    assert_eq!(shop.bus.count_dead_letters().await.unwrap(), 0);
    assert_eq!(shop.count("select count(*) from sales.sales where customer_id is not null").await, sales);
    assert!(shop.count("select count(*) from sales.customers where merged_into is not null").await >= 5);
    let points = "select sum(balance)::bigint from sales.accounts where kind = 'points'";
    assert_eq!(shop.count(points).await, sales * 2, "2.20 bring two points");
    let left = "select count(*) from sales.accounts a join sales.customers c using (merchant_id, customer_id)
                where c.merged_into is not null and a.balance <> 0";
    assert_eq!(shop.count(left).await, 0);
    let chains = "select count(*) from sales.customers a join sales.customers b
                  on b.merchant_id = a.merchant_id and b.customer_id = a.merged_into where b.merged_into is not null";
    assert_eq!(shop.count(chains).await, 0, "nobody has to follow more than one step");
    assert_sums(&shop).await;
    second.stop.now();
    for helper in helpers {
        helper.await.unwrap();
    }
}

async fn merge(shop: &Shop, from: Uuid, into: Uuid) {
    let path = format!("/v1/customers/{from}/merge");
    let answer = sent(shop, "POST", &path, Some(1), &json!({"into": into})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn who_was_merged_buys_as_the_survivor() {
    let shop = Shop::open().await;
    rule(&shop).await;
    let [anna, berta] = [customer(&shop).await, customer(&shop).await];
    merge(&shop, anna, berta).await;
    let (_, sale) = sold(&shop, &in_cash(&shop, anna, 1)).await;
    assert_eq!((&sale["customer"], &sale["loyalty"]["earned"]), (&json!(berta), &json!(2)), "{sale}");
    assert_eq!(balance(&shop, berta, "points").await, json!(2));
}

#[tokio::test]
async fn the_accounts_of_who_was_merged_are_closed() {
    let shop = Shop::open().await;
    rule(&shop).await;
    let [anna, berta] = [customer(&shop).await, customer(&shop).await];
    sold(&shop, &in_cash(&shop, anna, 10)).await;
    let redeemed = json!({"store": SHOP.store(), "points": 20});
    let credit = done(&shop, "POST", &format!("/v1/customers/{anna}/redemptions"), &redeemed).await;
    let account = credit["to"]["id"].as_str().unwrap().to_owned();
    merge(&shop, anna, berta).await;
    assert_eq!(balance(&shop, berta, "store_credit").await, json!(40));
    let mut refund = shop.basket(&[("espresso", "-1")]);
    refund["payments"] = json!([{"method": "store_credit", "amount": -220, "account": account}]);
    assert_eq!(shop.sell(shop.ids.next(), &refund).await.problem(), "account_expired");
    assert_sums(&shop).await;
}

#[tokio::test]
async fn what_one_customer_owes_is_given_back_to_no_other() {
    let shop = Shop::open().await;
    let [anna, berta] = [customer(&shop).await, customer(&shop).await];
    for customer in [anna, berta] {
        house(&shop, customer, 10_000).await;
    }
    let (sale, _) = sold(&shop, &on_account(&shop, Some(anna), 2)).await;
    let mut returned = back(&shop, sale, 1, "on_account");
    returned["customer"] = json!(berta);
    assert_eq!(shop.sell(shop.ids.next(), &returned).await.problem(), "not_the_buyer");
    returned["offline"] = json!(true);
    let fact = sold(&shop, &returned).await.1;
    assert_eq!(fact["flags"], json!(["no_shift", "account_unknown"]), "{fact}");
    sold(&shop, &back(&shop, sale, 1, "on_account")).await;
    assert_eq!(balance(&shop, anna, "house").await, json!(-220));
    // What is exchanged by somebody else takes no debt with it.
    let (sale, _) = sold(&shop, &on_account(&shop, Some(anna), 1)).await;
    let mut exchange = back(&shop, sale, 1, "cash");
    exchange["lines"].as_array_mut().unwrap().push(json!({"product": SHOP.product("espresso"), "quantity": "1"}));
    (exchange["customer"], exchange["payments"]) = (json!(berta), json!([]));
    let (exchanged, _) = sold(&shop, &exchange).await;
    let mut returned = back(&shop, exchanged, 1, "on_account");
    returned["lines"][0]["original"]["line"] = json!(1);
    assert_eq!(shop.sell(shop.ids.next(), &returned).await.problem(), "refund_exceeds_tender");
}

#[tokio::test]
async fn a_payment_entered_by_mistake_is_taken_back_by_who_may() {
    let shop = Shop::open().await;
    let anna = customer(&shop).await;
    house(&shop, anna, 0).await;
    let paying = async |role: Role, amount: i64| {
        let body = json!({"store": SHOP.store(), "register": SHOP.register(1), "amount": amount, "tender": "cash"});
        let call = shop.anonymous("POST", &format!("/v1/customers/{anna}/payments")).bearer(&shop.token_of(role).await);
        call.header("idempotency-key", &shop.ids.next().to_string()).json(&body).send().await.status
    };
    assert_eq!(paying(Role::Cashier, 250_000).await, StatusCode::OK);
    assert_eq!(paying(Role::Cashier, -247_500).await, StatusCode::FORBIDDEN);
    assert_eq!(paying(Role::Manager, -247_500).await, StatusCode::OK);
    assert_eq!(balance(&shop, anna, "house").await, json!(2_500));
}

#[tokio::test]
async fn an_account_that_somebody_opened_under_a_customers_id_stays_what_it_is() {
    let shop = Shop::open().await;
    let anna = customer(&shop).await;
    let id = Uuid::new_v5(&anna, b"house");
    let mut refund = shop.basket(&[("espresso", "-1")]);
    refund["payments"] = json!([{"method": "store_credit", "amount": -220, "account": id}]);
    sold(&shop, &refund).await;
    let path = format!("/v1/customers/{anna}/house-account");
    let put = sent(&shop, "PUT", &path, None, &json!({"store": SHOP.store(), "limit": 1_000})).await;
    assert_eq!(put.problem(), "not_transferable", "{put:?}");
    let kept = shop.get(&format!("/v1/accounts/{id}")).await.json();
    assert_eq!((&kept["kind"], &kept["balance"]), (&json!("store_credit"), &json!(220)));
}
