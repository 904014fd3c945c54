//! Redelivery: a worker may die at any moment, and messages may come twice, late and in any order.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::http::StatusCode;
use futures_util::StreamExt;
use tillstream_bus::{subject::Class, topology::Limits};
use tillstream_contract::{Batch, Outcome, Stage, sale::Command};
use tillstream_domain::{identity::Need, time::Timestamp};
use tillstream_runtime::{Item, Worker};
use tillstream_sales_worker::{Sales, State};
use tillstream_store::{Error, PgConnection};
use tillstream_testkit::{SHOP, Shop, ShopOptions};

#[tokio::test]
async fn events_that_were_committed_but_not_published_are_published_on_redelivery() {
    let shop = Shop::open_idle().await;
    let key = shop.ids.next();
    let sold = shop.selling(key, &shop.basket(&[("tea", "2")])).header("prefer", "respond-async").send().await;
    assert_eq!(sold.status, StatusCode::ACCEPTED);
    shop.drain_one(Sales::default(), &shop.process()).await;

    // As if the worker had died between commit and publish: the row is there, the event is not, the command comes again.
    let command: Vec<u8> =
        sqlx::query_scalar("select outcome from inbox.messages").fetch_one(&shop.pool).await.unwrap();
    let Outcome::Accepted(events) = Outcome::decode(&command).unwrap() else { panic!("the sale was accepted") };
    shop.bus.purge_events(0).await.unwrap();
    assert_eq!(
        shop.selling(key, &shop.basket(&[("tea", "2")])).header("prefer", "respond-async").send().await.status,
        StatusCode::ACCEPTED
    );
    shop.drain().await;

    assert_eq!(shop.count("select count(*) from sales.sales").await, 1);
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 1);
    assert_eq!(shop.stock("tea").await, "98");
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn events_that_come_twice_and_out_of_order_have_one_effect() {
    let shop = Shop::open_idle().await;
    for _ in 0..5 {
        let call = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1"), ("cake", "2")]));
        assert_eq!(call.header("prefer", "respond-async").send().await.status, StatusCode::ACCEPTED);
    }
    shop.drain_one(Sales::default(), &shop.process()).await;
    let outcomes: Vec<Vec<u8>> =
        sqlx::query_scalar("select outcome from inbox.messages").fetch_all(&shop.pool).await.unwrap();
    let mut events: Vec<_> =
        outcomes.iter().flat_map(|outcome| Outcome::decode(outcome).unwrap().events().to_vec()).collect();
    events.reverse();
    let doubled: Vec<_> = events.iter().chain(&events).cloned().collect();
    shop.bus.publish(Class::Event.subject("sale", 0), Batch { envelopes: doubled }.encode()).await.unwrap();
    for event in events {
        shop.bus.publish(Class::Event.subject("sale", 0), Batch { envelopes: vec![event] }.encode()).await.unwrap();
    }
    shop.drain().await;
    assert_eq!(shop.stock("tea").await, "95");
    assert_eq!(shop.stock("cake").await, "90");
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 5);
    assert_eq!(shop.count("select max(number) from receipts.receipts").await, 5);
    assert_eq!(shop.count("select count(*) from stock.movements where reason = 'sale'").await, 10);
}

/// A sales worker that panics over sales noted "boom", and counts how often it was asked.
struct Explosive(Arc<AtomicU32>);

impl Worker for Explosive {
    const NAME: &'static str = Sales::NAME;
    const SOURCE: (Class, &'static str) = Sales::SOURCE;
    const ANSWERS: Option<Stage> = Sales::ANSWERS;
    const STAGE: Option<&'static str> = Sales::STAGE;
    type Message = Command;
    type State = State;

    fn need(command: &Command) -> Option<Need> {
        Sales::need(command)
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<Command>]) -> Result<State, Error> {
        Sales::default().load(conn, batch).await
    }

    fn decide(&self, state: &mut State, item: &Item<Command>, now: Timestamp) -> Outcome {
        let Command::Submit(sale) = &item.message else { return Sales::default().decide(state, item, now) };
        if sale.note.as_ref().is_some_and(|note| note.as_str() == "boom") {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("boom");
        }
        Sales::default().decide(state, item, now)
    }

    async fn save(&self, conn: &mut PgConnection, state: State, now: Timestamp) -> Result<(), Error> {
        Sales::default().save(conn, state, now).await
    }
}

#[tokio::test]
async fn a_message_that_makes_the_worker_panic_is_set_aside() {
    let shop = Shop::open_idle().await;
    let mut boom = shop.basket(&[("tea", "1")]);
    boom["note"] = "boom".into();
    for sale in [&shop.basket(&[("tea", "1")]), &boom, &shop.basket(&[("cake", "1")])] {
        let call = shop.selling(shop.ids.next(), sale).header("prefer", "respond-async");
        assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
    }
    let asked = Arc::new(AtomicU32::new(0));
    shop.drain_one(Explosive(asked.clone()), &shop.process()).await;

    assert_eq!(shop.count("select count(*) from sales.sales").await, 2);
    let letters = shop.bus.dead_letters(1, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].1.reason.contains("panicked: boom"), "{:?}", letters[0].1.reason);
    assert_eq!(asked.load(Ordering::Relaxed), 4, "once with its batch, three times alone");
}

#[tokio::test]
async fn a_message_in_hand_at_repeated_crashes_is_set_aside() {
    let limits = Limits { ack_wait_ms: 200, ..Limits::default() };
    let shop = Shop::with(ShopOptions { working: false, limits, ..ShopOptions::default() }).await;
    let key = shop.ids.next();
    let call = shop.selling(key, &shop.basket(&[("tea", "1")])).header("prefer", "respond-async");
    assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
    // Three attempts alone that ended with the worker's death: counted before, never settled.
    sqlx::query("insert into inbox.attempts values ($1, 'sales', $2, 3)")
        .bind(SHOP.merchant().uuid())
        .bind(key)
        .execute(&shop.pool)
        .await
        .unwrap();
    // Delivered more often than a message is tried together with others, each time to a worker that then dies.
    deliver_unsettled(&shop, 3).await;
    shop.drain_one(Sales::default(), &shop.process()).await;
    let letters = shop.bus.dead_letters(1, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].1.reason.contains("stopped 3 times with this message in hand"), "{:?}", letters[0].1.reason);
    assert_eq!(shop.count("select count(*) from sales.sales").await, 0);
}

/// Takes the command so often, each time without a word.
async fn deliver_unsettled(shop: &Shop, times: u32) {
    let (user, password) = ("operator".to_owned(), "7e57".to_owned());
    let options =
        async_nats::ConnectOptions::with_user_and_password(user, password).custom_inbox_prefix("_INBOX.operator");
    let client = options.connect(shop.nats_url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let consumer: async_nats::jetstream::consumer::PullConsumer =
        jetstream.get_consumer_from_stream("sales", "COMMANDS_0").await.unwrap();
    for _ in 0..times {
        let mut batch =
            consumer.batch().max_messages(1).expires(std::time::Duration::from_secs(10)).messages().await.unwrap();
        batch.next().await.expect("it is delivered again after 200 ms").unwrap();
    }
}

#[tokio::test]
async fn a_worker_that_stops_gives_back_what_it_holds() {
    let mut shop = Shop::open().await;
    let sale = shop.basket(&[("tea", "1")]);
    for _ in 0..3 {
        for _ in 0..20 {
            let call = shop.selling(shop.ids.next(), &sale).header("prefer", "respond-async");
            assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
        }
        shop.stop_workers().await;
        shop.start_workers().await;
    }
    shop.drain().await;
    assert_eq!(shop.count("select count(*) from sales.sales").await, 60);
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 60);
    assert_eq!(shop.stock("tea").await, "40");
}
