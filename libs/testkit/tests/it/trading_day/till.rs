//! A till that works all day: what it does follows from a seed.

use std::sync::Mutex;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::{
    id::UserId,
    identity::{Grant, Role},
    time::Timestamp,
};
use tillstream_testkit::{Answer, SHOP, Shop};
use uuid::Uuid;

use super::books::{self, due};

/// A minute, in microseconds.
const MINUTE: i64 = 60_000_000;

/// A till, who sits at it, and all that it has done.
pub(crate) struct Till<'a> {
    shop: &'a Shop,
    pub(crate) register: u8,
    cashier: UserId,
    grants: [Grant; 1],
    random: u64,
    /// Sales of which something may come back, of all tills: each was paid with one tender.
    pool: &'a Mutex<Vec<Value>>,
    shift: String,
    /// What was in the drawer when the shift opened.
    pub(crate) float: i64,
    /// What went in and out of it besides sales.
    pub(crate) moved: i64,
    ticket: u64,
    /// Documents made in the shift, arrived or not.
    pub(crate) made: u64,
    /// Documents that were recorded, but for practice.
    pub(crate) documents: Vec<Value>,
    /// Sales made without a connection, that have not been sent.
    pub(crate) held: Vec<Value>,
    /// Gift cards that it has given out, and what is on them.
    pub(crate) cards: Vec<(String, i64)>,
    /// Who comes every day.
    pub(crate) regular: Uuid,
    /// What they have put on their house account, less what they have paid of it.
    pub(crate) owed: i64,
    /// How often they have paid of it in the shift, and how much.
    pub(crate) received: (i64, i64),
}

impl<'a> Till<'a> {
    pub(crate) async fn at(shop: &'a Shop, register: u8, seed: u64, pool: &'a Mutex<Vec<Value>>) -> Self {
        let grants = [Grant { role: Role::Manager, store: Some(SHOP.store()) }];
        let till = Self {
            shop,
            register,
            cashier: shop.hire(SHOP, &grants).await,
            grants,
            random: seed ^ u64::from(register) << 32,
            pool,
            shift: String::new(),
            float: 0,
            moved: 0,
            ticket: 0,
            made: 0,
            documents: Vec::new(),
            held: Vec::new(),
            cards: Vec::new(),
            regular: shop.ids.next(),
            owed: 0,
            received: (0, 0),
        };
        let put = |method: &str, path: &str, key: Uuid, body: Value| {
            let call = shop.call(method, path).header("idempotency-key", &key.to_string());
            call.header("prefer", "wait=30").json(&body).send()
        };
        let added = put("POST", "/v1/customers", till.regular, json!({"profile": {"name": "Robin"}})).await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        let path = format!("/v1/customers/{}/house-account", till.regular);
        let limit = json!({"store": SHOP.store(), "limit": 10_000_000});
        let opened = put("PUT", &path, shop.ids.next(), limit).await;
        assert!(opened.status.is_success(), "{opened:?}");
        till
    }

    /// A number below `bound`, by `SplitMix64`.
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let token = self.shop.token_for(SHOP, self.cashier, &self.grants);
        let call = self.shop.anonymous("POST", path).bearer(&token).header("prefer", "wait=30");
        call.header("idempotency-key", &self.shop.ids.next().to_string()).json(body).send().await
    }

    fn here(&self, more: &Value) -> Value {
        let mut body = json!({"store": SHOP.store(), "register": SHOP.register(self.register)});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    /// Opens a shift with so much in the drawer.
    pub(crate) async fn open(&mut self, float: i64) {
        let opened = self.post("/v1/shifts", &self.here(&json!({"float": float}))).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{opened:?}");
        opened.json()["id"].as_str().unwrap().clone_into(&mut self.shift);
        (self.float, self.moved, self.made, self.received) = (float, 0, 0, (0, 0));
    }

    /// The shift that it has opened last.
    pub(crate) fn open_shift(&self) -> &str {
        &self.shift
    }

    /// Does something to its shift.
    pub(crate) async fn shift(&self, what: &str, more: Value) -> Answer {
        self.post(&format!("/v1/shifts/{}/{what}", self.shift), &self.here(&more)).await
    }

    /// The documents that count in a shift.
    pub(crate) fn of_shift(&self, shift: &str) -> Vec<&Value> {
        self.documents.iter().filter(|document| document["shift"] == shift).collect()
    }

    /// Makes so many documents, and opens the drawer in between.
    pub(crate) async fn work(&mut self, documents: usize) {
        for _ in 0..documents {
            match self.below(100) {
                0..43 => self.sell_for_cash().await,
                43..48 => self.sell_on_account().await,
                48..66 => self.sell_for_several_tenders().await,
                66..75 => self.take_back().await,
                75..81 => self.exchange().await,
                81..85 => self.sell_and_void().await,
                85..88 => self.give_out_a_card().await,
                88..93 => self.sell_for_a_card().await,
                93..95 => self.practise().await,
                _ => self.sell_without_connection().await,
            }
        }
        for (what, sign) in [("cash_in", 1), ("cash_out", -1), ("drop", -1)] {
            let amount = 1 + i64::try_from(self.below(900)).unwrap();
            let entered =
                self.shift("drawer-events", json!({"use": what, "amount": amount, "reason": "as told"})).await;
            assert_eq!(entered.status, StatusCode::CREATED, "{entered:?}");
            self.moved += sign * amount;
        }
        let amount = 1 + i64::try_from(self.below(2_000)).unwrap();
        let paid = self.here(&json!({"amount": amount, "tender": "cash"}));
        let answer = self.post(&format!("/v1/customers/{}/payments", self.regular), &paid).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        self.owed -= amount;
        self.received = (self.received.0 + 1, self.received.1 + amount);
    }

    /// Some goods, with a ticket, sold within the last hour but for its first minutes.
    fn basket(&mut self) -> Value {
        let lines: Vec<_> = (0..=self.below(4))
            .map(|_| {
                let sku = ["espresso", "cake", "tea"][usize::try_from(self.below(3)).unwrap()];
                json!({"product": SHOP.product(sku), "quantity": (1 + self.below(4)).to_string()})
            })
            .collect();
        let ago = i64::try_from(self.below(50)).unwrap() * MINUTE;
        let mut basket = self.document(&lines, ago);
        if self.below(10) == 0 {
            basket["discount"] = json!({"off": {"percent": "7.5"}, "reason": "Regular"});
        }
        if self.below(10) == 0 {
            basket["lines"][0]["discount"] = json!({"off": {"amount": 15}, "reason": "Dented"});
        }
        basket
    }

    fn document(&mut self, lines: &[Value], ago: i64) -> Value {
        self.ticket += 1;
        self.made += 1;
        let opened = self.shop.clock.now().micros() - ago;
        let sold_at = Timestamp::from_micros(opened).unwrap();
        self.here(&json!({"ticket": self.ticket, "sold_at": sold_at, "currency": "EUR", "lines": lines}))
    }

    /// What a basket costs.
    async fn quote(&self, sale: &Value) -> Value {
        let mut basket = json!({
            "store": sale["store"], "currency": "EUR", "at": sale["sold_at"],
            "lines": sale["lines"].as_array().unwrap().iter().filter(|line| line.get("original").is_none())
                .collect::<Vec<_>>(),
        });
        if let Some(discount) = sale.get("discount") {
            basket["discount"] = discount.clone();
        }
        let quoted = self.post("/v1/quotes", &basket).await;
        assert_eq!(quoted.status, StatusCode::OK, "{quoted:?}");
        quoted.json()["quote"].clone()
    }

    /// Submits a document that nobody has to look at.
    async fn submit(&mut self, sale: &Value) -> Value {
        let answer = self.post("/v1/sales", sale).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?} to {sale}");
        let recorded = answer.json();
        assert_eq!((&recorded["flags"], &recorded["shift"]), (&json!([]), &json!(self.shift)), "{recorded}");
        self.documents.push(recorded.clone());
        recorded
    }

    async fn sell_on_account(&mut self) {
        let mut sale = self.basket();
        let total = self.quote(&sale).await["total"].as_i64().unwrap();
        sale["customer"] = json!(self.regular);
        sale["payments"] = json!([{"method": "on_account", "amount": total}]);
        self.submit(&sale).await;
        self.owed += total;
    }

    async fn sell_for_cash(&mut self) {
        let mut sale = self.basket();
        if self.below(3) == 0 {
            sale["customer"] = json!(self.regular);
        }
        sale["payments"] = json!([{"method": "cash", "tendered": 20_000}]);
        let recorded = self.submit(&sale).await;
        self.pool.lock().unwrap().push(recorded);
    }

    async fn sell_for_several_tenders(&mut self) {
        let mut sale = self.basket();
        let total = self.quote(&sale).await["total"].as_i64().unwrap();
        let by_card = i64::try_from(self.below(1 + total.unsigned_abs())).unwrap();
        let tip = i64::try_from(self.below(3)).unwrap() * 50;
        let voucher = (total - by_card) / 2;
        let (rest, all) = (total + tip - by_card - voucher, by_card == total);
        let mut payments = vec![json!({"method": "card", "amount": total, "brand": "visa", "last4": "4242"})];
        if !all {
            payments[0]["amount"] = json!(by_card);
            payments.push(json!({"method": "voucher", "amount": voucher, "reference": "LUNCH"}));
            payments.push(json!({"method": "cash", "tendered": rest + 500}));
            sale["tip"] = json!(tip);
            payments.retain(|payment| payment["amount"] != json!(0));
        }
        sale["payments"] = json!(payments);
        let recorded = self.submit(&sale).await;
        assert_eq!(recorded["total"], json!(total), "it costs what was quoted");
        if all {
            self.pool.lock().unwrap().push(recorded);
        }
    }

    /// Takes a sale out of the pool, so that what comes back of it comes back once.
    fn draw(&mut self) -> Option<Value> {
        let at = self.below(1 << 32);
        let mut pool = self.pool.lock().unwrap();
        let count = u64::try_from(pool.len()).unwrap();
        (count > 0).then(|| pool.swap_remove(usize::try_from(at % count).unwrap()))
    }

    /// A line that brings back all or one unit of a line of a sale, and what that is worth.
    fn returned(&mut self, sale: &Value) -> (Value, i64) {
        let lines = sale["lines"].as_array().unwrap();
        let at = usize::try_from(self.below(u64::try_from(lines.len()).unwrap())).unwrap();
        let sold: i64 = lines[at]["quantity"].as_str().unwrap().parse().unwrap();
        let back = if self.below(2) == 0 { sold } else { 1 };
        // Half up.
        let worth = (due(&lines[at]) * back * 2 + sold) / (sold * 2);
        let original = json!({"sale": sale["id"], "line": at});
        (json!({"product": lines[at]["product"], "quantity": format!("-{back}"), "original": original}), worth)
    }

    async fn take_back(&mut self) {
        let Some(sale) = self.draw() else { return };
        let (line, worth) = self.returned(&sale);
        let mut payment = sale["payments"][0].clone();
        let amount = if payment["method"] == "cash" { "tendered" } else { "amount" };
        payment[amount] = json!(-worth);
        let mut back = self.document(&[line], 0);
        back["payments"] = if worth == 0 { json!([]) } else { json!([payment]) };
        let recorded = self.submit(&back).await;
        assert_eq!((&recorded["kind"], &recorded["total"]), (&json!("return"), &json!(-worth)));
    }

    async fn exchange(&mut self) {
        let Some(sale) = self.draw().filter(|sale| sale["payments"][0]["method"] == "cash") else { return };
        let (line, worth) = self.returned(&sale);
        let other = json!({"product": SHOP.product("espresso"), "quantity": "1"});
        let mut exchange = self.document(&[line, other], 0);
        let total = self.quote(&exchange).await["total"].as_i64().unwrap() - worth;
        let tendered = if total > 0 { 5_000 } else { total };
        exchange["payments"] = if total == 0 { json!([]) } else { json!([{"method": "cash", "tendered": tendered}]) };
        let recorded = self.submit(&exchange).await;
        assert_eq!((&recorded["kind"], &recorded["total"]), (&json!("exchange"), &json!(total)));
    }

    async fn sell_and_void(&mut self) {
        let mut sale = self.basket();
        sale["payments"] = json!([{"method": "cash", "tendered": 20_000}]);
        let recorded = self.submit(&sale).await;
        (self.ticket, self.made) = (self.ticket + 1, self.made + 1);
        let path = format!("/v1/sales/{}/void", recorded["id"].as_str().unwrap());
        let answer = self.post(&path, &self.here(&json!({"ticket": self.ticket, "note": "rung up twice"}))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        self.documents.push(answer.json());
    }

    async fn give_out_a_card(&mut self) {
        let mut sale = self.document(&[json!({"product": SHOP.product("voucher"), "quantity": "1"})], 0);
        sale["payments"] = json!([{"method": "cash", "tendered": 5_000}]);
        let recorded = self.submit(&sale).await;
        let on_it = recorded["total"].as_i64().unwrap();
        let sold = json!({"sale": recorded["id"], "line": 0});
        let card = json!({"store": SHOP.store(), "amount": on_it, "sold": sold});
        let issued = self.post("/v1/gift-cards", &card).await;
        assert_eq!(issued.status, StatusCode::CREATED, "{issued:?}");
        self.cards.push((issued.json()["account"]["id"].as_str().unwrap().to_owned(), on_it));
    }

    async fn sell_for_a_card(&mut self) {
        if self.cards.is_empty() {
            return;
        }
        let mut sale = self.basket();
        let total = self.quote(&sale).await["total"].as_i64().unwrap();
        let at = usize::try_from(self.below(u64::try_from(self.cards.len()).unwrap())).unwrap();
        let (account, on_it) = self.cards[at].clone();
        if on_it == 0 {
            sale["payments"] = json!([{"method": "card", "amount": total}]);
            self.submit(&sale).await;
            return;
        }
        let taken = on_it.min(total);
        let mut payments = vec![json!({"method": "gift_card", "amount": taken, "account": account})];
        if taken < total {
            payments.push(json!({"method": "cash", "tendered": total - taken}));
        }
        sale["payments"] = json!(payments);
        self.submit(&sale).await;
        self.on_card(&account, -taken);
    }

    fn on_card(&mut self, account: &str, amount: i64) {
        let card = self.cards.iter_mut().find(|(card, _)| card == account);
        card.expect("it has given it out").1 += amount;
    }

    async fn practise(&mut self) {
        let mut sale = self.basket();
        (self.ticket, self.made) = (self.ticket - 1, self.made - 1);
        sale["training"] = json!(true);
        sale["payments"] = json!([{"method": "cash", "tendered": 20_000}]);
        sale.as_object_mut().unwrap().remove("ticket");
        let answer = self.post("/v1/sales", &sale).await;
        assert_eq!(answer.json()["kind"], json!("training"), "{answer:?}");
    }

    /// Sells by what the till has reckoned itself, and keeps the sale for later.
    async fn sell_without_connection(&mut self) {
        let mut sale = self.basket();
        let quote = self.quote(&sale).await;
        sale.as_object_mut().unwrap().remove("discount");
        for (line, quoted) in sale["lines"].as_array_mut().unwrap().iter_mut().zip(quote["lines"].as_array().unwrap()) {
            line.as_object_mut().unwrap().remove("discount");
            let off = |discount: &Value| {
                let mut charged = json!({"amount": discount["amount"], "name": discount["name"]});
                if let Some(promotion) = discount.get("promotion") {
                    charged["promotion"] = promotion.clone();
                }
                charged
            };
            let discounts = quoted.get("discounts").and_then(Value::as_array).into_iter().flatten();
            line["charged"] = json!(discounts.map(off).collect::<Vec<_>>());
        }
        sale["offline"] = json!(true);
        sale["payments"] = json!([{"method": "cash", "tendered": quote["total"]}]);
        self.held.push(sale);
    }

    /// Sends what was sold without a connection, the newest first.
    pub(crate) async fn send_held(&mut self) {
        while let Some(sale) = self.held.pop() {
            let answer = self.post("/v1/sales", &sale).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{answer:?} to {sale}");
            let recorded = answer.json();
            assert_eq!((&recorded["total"], &recorded["change"]), (&sale["payments"][0]["tendered"], &json!(0)));
            assert_eq!(recorded["ticket"], sale["ticket"]);
            assert!(!books::flagged(&recorded, "no_shift"), "{recorded}");
            self.documents.push(recorded);
        }
    }
}
