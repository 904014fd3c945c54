//! Least privilege: each role may do what it needs, on the bus and in the database, and no more.

use axum::http::StatusCode;
use sqlx::{Connection, PgConnection};
use tillstream_bus::{PublishError, topology::Lag};
use tillstream_testkit::{NEXT_DOOR, SHOP, Shop};

async fn may_publish(shop: &Shop, role: &str, subject: &str) -> bool {
    let bus = shop.bus_as(role).await;
    match bus.publish(subject.to_owned(), "x".into()).await {
        Ok(()) => true,
        Err(PublishError::Unknown(_)) => false,
        Err(other) => panic!("{role} {subject}: {other}"),
    }
}

#[tokio::test]
async fn on_the_bus_a_role_may_publish_only_its_own_subjects() {
    let shop = Shop::open_idle().await;
    let own = [
        ("edge", "cmd.sale.0"),
        ("sales", "evt.sale.0"),
        // What the provider of card terminals says.
        ("sales", "cmd.sale.0"),
        ("stock", "evt.stock.0"),
        ("receipts", "evt.receipt.0"),
        ("sales", "dead.sales"),
        ("edge", "cmd.identity.0"),
        ("identity", "evt.identity.0"),
    ];
    let foreign = [
        ("edge", "$JS.API.CONSUMER.DELETE.EVENTS_0.receipts"),
        ("edge", "evt.sale.0"),
        ("sales", "cmd.identity.0"),
        ("sales", "cmd.stock.0"),
        ("stock", "cmd.sale.0"),
        ("stock", "evt.sale.0"),
        ("receipts", "evt.stock.0"),
        ("receipts", "dead.sales"),
        ("edge", "evt.identity.0"),
        ("sales", "evt.identity.0"),
        ("identity", "cmd.identity.0"),
        ("identity", "evt.sale.0"),
    ];
    let (own, foreign) = tokio::join!(
        futures_util::future::join_all(own.map(|(role, subject)| may_publish(&shop, role, subject))),
        futures_util::future::join_all(foreign.map(|(role, subject)| may_publish(&shop, role, subject))),
    );
    assert_eq!((own, foreign), (vec![true; 8], vec![false; 12]));
}

#[tokio::test]
async fn on_the_bus_only_edges_remember_together_and_none_has_it_delivered_elsewhere() {
    let shop = Shop::open_idle().await;
    let edge = shop.bus_as("edge").await.bucket();
    edge.put("mark.session.x", "1".into(), None).await.unwrap();
    assert_eq!(edge.list("mark.").await.unwrap(), [("mark.session.x".to_owned(), "1".into())]);
    assert_eq!(shop.bus.bucket().get("mark.session.x").await.unwrap().value, Some("1".into()), "the operator may look");
    let others = ["sales", "stock", "receipts", "identity"];
    let refused = futures_util::future::join_all(others.map(|role| async {
        let bucket = shop.bus_as(role).await.bucket();
        let written = bucket.put("mark.session.y", "1".into(), None).await;
        let read = bucket.get("mark.session.x").await;
        written.is_err() && read.is_err()
    }));
    let consumer = may_publish(&shop, "edge", "$JS.API.CONSUMER.CREATE.KV_IDENTITY.x");
    let (refused, consumer) = tokio::join!(refused, consumer);
    assert_eq!((refused, consumer), (vec![true; 4], false));
}

#[tokio::test]
async fn of_two_who_change_what_edges_remember_one_comes_first() {
    let shop = Shop::open_idle().await;
    let bucket = shop.bus_as("edge").await.bucket();
    let none = bucket.get("session.a").await.unwrap();
    assert_eq!((none.value.clone(), none.revision), (None, 0));
    let first = bucket.swap("session.a", &none, "1".into(), None).await.unwrap();
    assert!(first.is_some());
    assert_eq!(bucket.swap("session.a", &none, "2".into(), None).await.unwrap(), None, "somebody came first");
    let seen = bucket.get("session.a").await.unwrap();
    bucket.delete("session.a").await.unwrap();
    assert_eq!(bucket.swap("session.a", &seen, "3".into(), None).await.unwrap(), None, "it was deleted meanwhile");
    let deleted = bucket.get("session.a").await.unwrap();
    assert_eq!(deleted.value, None);
    assert_eq!(bucket.list("session.").await.unwrap(), []);
    assert!(bucket.swap("session.a", &deleted, "4".into(), None).await.unwrap().is_some());
    assert_eq!(bucket.list("session.").await.unwrap(), [("session.a".to_owned(), "4".into())]);
}

#[tokio::test]
async fn on_the_bus_a_role_may_look_only_at_its_own_streams() {
    let shop = Shop::open_idle().await;
    let call = shop.selling(shop.ids.next(), &shop.basket(&[("tea", "1")])).header("prefer", "respond-async");
    assert_eq!(call.send().await.status, StatusCode::ACCEPTED);
    let lag = Lag { pending: 1, ..Lag::default() };
    let oldest = async |role: &str| shop.bus_as(role).await.oldest_pending("COMMANDS_0", "cmd.sale.0", &lag).await;
    let letters = async |role: &str| shop.bus_as(role).await.count_dead_letters().await;
    let looks = tokio::join!(oldest("sales"), oldest("stock"), oldest("receipts"), oldest("edge"));
    assert!(matches!(looks.0, Ok(Some(_))), "{looks:?}");
    assert!(looks.1.is_ok(), "it takes adjustments from the same stream");
    assert!(looks.2.is_err() && looks.3.is_err(), "{looks:?}");
    let counts = tokio::join!(letters("sales"), letters("stock"), letters("receipts"), letters("edge"));
    assert!(matches!(counts.0, Ok(0)), "{counts:?}");
    assert!(counts.1.is_err() && counts.2.is_err() && counts.3.is_err());
}

async fn refused(url: &str, statement: &'static str) -> String {
    let mut conn = PgConnection::connect(url).await.unwrap();
    match sqlx::raw_sql(statement).execute(&mut conn).await {
        Ok(_) => panic!("{statement} is allowed"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn in_the_database_a_role_may_write_only_its_own_tables() {
    let shop = Shop::open_idle().await;
    let writes = [
        ("edge", "insert into sales.sales select * from sales.sales"),
        ("edge", "update stock.levels set on_hand = 0"),
        ("edge", "delete from receipts.receipts"),
        ("edge", "create table public.x ()"),
        ("edge", "select * from stock.movements"),
        ("sales", "update sales.sales set total = 0"),
        ("sales", "delete from sales.sales"),
        ("sales", "update sales.shifts set document = ''"),
        ("sales", "delete from sales.shifts"),
        ("sales", "update sales.drawer_events set document = ''"),
        ("sales", "delete from sales.drawers"),
        ("edge", "update sales.drawers set document = ''"),
        ("sales", "update stock.levels set on_hand = 0"),
        ("sales", "update catalog.products set unit_price = 0"),
        ("sales", "update inbox.messages set accepted = false"),
        ("stock", "select * from sales.sales"),
        ("stock", "delete from stock.movements"),
        ("receipts", "update receipts.receipts set content = ''"),
        ("receipts", "delete from receipts.receipts"),
        ("receipts", "insert into stock.levels values (null, null, null, 0)"),
        ("receipts", "delete from audit.rounds"),
        ("sales", "select * from audit.rounds"),
        ("sales", "update identity.grants set role = 'owner'"),
        ("sales", "select name from identity.users"),
        ("stock", "select password from identity.users"),
        ("receipts", "select * from identity.grants"),
        ("identity", "delete from identity.users"),
        ("identity", "update catalog.products set unit_price = 0"),
        ("identity", "insert into sales.sales select * from sales.sales"),
        ("edge", "update identity.users set ended_at = null"),
        ("edge", "select password from identity.users"),
        ("edge", "select pin from identity.users"),
        ("edge", "select code_hash from identity.tills"),
        ("edge", "select hash from identity.keys"),
        ("edge", "set role tillstream_sales"),
        ("edge", "set session authorization postgres"),
        ("edge", "alter role tillstream_edge bypassrls"),
        ("edge", "alter table sales.sales disable row level security"),
        ("edge", "create function public.f() returns int language sql as 'select 1'"),
    ];
    for (role, statement) in writes {
        let why = refused(&shop.database.url(role), statement).await;
        assert!(why.contains("permission denied") || why.contains("must be"), "{role}: {statement}: {why}");
    }
    let other = "insert into inbox.messages values (gen_random_uuid(), gen_random_uuid(), 'stock', true, '', '', null, true, '', now(), now())";
    assert!(refused(&shop.database.url("sales"), other).await.contains("row-level security"));
    let other = "insert into audit.rounds values ('chain', '')";
    assert!(refused(&shop.database.url("stock"), other).await.contains("row-level security"));
}

#[tokio::test]
async fn the_edge_sees_one_merchant_or_none() {
    let shop = Shop::open_idle().await;
    let mut conn = PgConnection::connect(&shop.database.url("edge")).await.unwrap();
    let count = "select count(*) from catalog.products";
    let none: i64 = sqlx::query_scalar(count).fetch_one(&mut conn).await.unwrap();
    assert_eq!(none, 0, "without a merchant there is nothing");
    for fixture in [SHOP, NEXT_DOOR] {
        sqlx::query("select set_config('tillstream.merchant', $1, false)")
            .bind(fixture.merchant().to_string())
            .execute(&mut conn)
            .await
            .unwrap();
        let foreign: i64 = sqlx::query_scalar("select count(*) from catalog.products where merchant_id <> $1")
            .bind(fixture.merchant().uuid())
            .fetch_one(&mut conn)
            .await
            .unwrap();
        let own: i64 = sqlx::query_scalar(count).fetch_one(&mut conn).await.unwrap();
        assert_eq!((own, foreign), (4, 0));
    }
}

#[tokio::test]
async fn the_edge_cannot_look_past_row_level_security() {
    let shop = Shop::open_idle().await;
    let url = shop.database.url("edge");
    let off = refused(&url, "set row_security = off; select * from catalog.merchants").await;
    assert!(off.contains("row-level security"), "{off}");

    // Whoever is asked for by a function is found at the caller's merchant alone, and at none without one.
    let kim = shop.hire(SHOP, &[]).await;
    sqlx::query("update identity.users set pin = '$argon2id$x'").execute(&shop.pool).await.unwrap();
    let mut conn = PgConnection::connect(&url).await.unwrap();
    let mut pin_at = async |merchant: &str| {
        let set = sqlx::query("select set_config('tillstream.merchant', $1, false)").bind(merchant.to_owned());
        set.execute(&mut conn).await.unwrap();
        let pin = sqlx::query_scalar("select identity.pin_of($1)").bind(kim.uuid());
        pin.fetch_one(&mut conn).await.unwrap()
    };
    let pins: [Option<String>; 3] =
        [pin_at(&SHOP.merchant().to_string()).await, pin_at(&NEXT_DOOR.merchant().to_string()).await, pin_at("").await];
    assert_eq!(pins, [Some("$argon2id$x".to_owned()), None, None]);

    // What is not its own to ask is not its own to ask in another role's name either.
    let sales = refused(&shop.database.url("sales"), "select identity.password_of('kim@example.com')").await;
    assert!(sales.contains("permission denied"), "{sales}");
}

#[tokio::test]
async fn rows_are_looked_up_by_key_however_old_the_plan() {
    let shop = Shop::open_idle().await;
    let url = shop.database.url("sales");
    let pool =
        tillstream_store::pool("sales", &url, tillstream_store::Plans::Once, 1, std::time::Duration::from_secs(5))
            .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let look_up =
        "select m.outcome from unnest($1::uuid[], $2::bool[], $3::uuid[]) as wanted (merchant_id, of_event, id)
         join inbox.messages m
           on m.merchant_id = wanted.merchant_id and m.of_event = wanted.of_event and m.id = wanted.id";
    // Planned while the table is empty, when reading it whole is cheapest.
    let explain: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {look_up}")))
        .bind([SHOP.merchant().uuid()])
        .bind([false])
        .bind([shop.ids.next()])
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    assert!(explain.iter().any(|line| line.contains("Index Scan using inbox_once")), "{explain:#?}");
}
