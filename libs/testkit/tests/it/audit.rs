//! The books are checked in the background: whatever somebody changes by hand is found.

use tillstream_domain::receipt::SigningKey;
use tillstream_receipts_worker::audit as receipts;
use tillstream_runtime::audit::{AuditSettings, Slice, every};
use tillstream_stock_worker::audit as stock;
use tillstream_store::PgPool;
use tillstream_testkit::{SHOP, Shop};

/// Goes through all levels with slices of `limit`; how many there are, and what is wrong.
async fn check_stock(pool: &PgPool, limit: u32) -> (usize, Vec<String>) {
    let (mut place, mut all, mut faults) = (None, 0, Vec::new());
    loop {
        let Slice { checked, faults: found, next } = stock::look(pool, place, limit).await.unwrap();
        all += checked;
        faults.extend(found);
        place = next;
        if place.is_none() {
            return (all, faults);
        }
    }
}

/// Goes through all receipts with slices of `limit`; how many there are, and what is wrong.
async fn check_receipts(pool: &PgPool, limit: u32) -> (usize, Vec<String>) {
    let key = SigningKey::from_seed(&[7; 32]).verifying_key();
    let (mut place, mut all, mut faults) = (None, 0, Vec::new());
    loop {
        let Slice { checked, faults: found, next } = receipts::look(pool, &key, place, limit).await.unwrap();
        all += checked;
        faults.extend(found);
        place = next;
        if place.is_none() {
            return (all, faults);
        }
    }
}

/// A shop with five receipts at register 1 and two at register 2, and connections as the workers have them.
async fn shop() -> (Shop, PgPool, PgPool) {
    let shop = Shop::open_idle().await;
    for register in [1, 1, 2, 1, 2, 1, 1] {
        let mut sale = shop.basket(&[("tea", "1"), ("cake", "2")]);
        sale["register"] = SHOP.register(register).to_string().into();
        shop.selling(shop.ids.next(), &sale).header("prefer", "respond-async").send().await;
    }
    shop.drain().await;
    let pool = |role: &str| {
        tillstream_store::pool(
            role,
            &shop.database.url(role),
            tillstream_store::Plans::Once,
            1,
            std::time::Duration::from_secs(5),
        )
        .unwrap()
    };
    let (of_stock, of_receipts) = (pool("stock"), pool("receipts"));
    (shop, of_stock, of_receipts)
}

#[tokio::test]
async fn books_that_nobody_has_touched_are_right_however_they_are_sliced() {
    let (shop, of_stock, of_receipts) = shop().await;
    let levels = usize::try_from(shop.count("select count(*) from stock.levels").await).unwrap();
    for limit in [1, 2, 3, 4, 5, 6, 7, 8, 100] {
        assert_eq!(check_stock(&of_stock, limit).await, (levels, vec![]), "slices of {limit}");
        assert_eq!(check_receipts(&of_receipts, limit).await, (7, vec![]), "slices of {limit}");
    }
}

#[tokio::test]
async fn a_level_that_is_not_the_sum_of_its_movements_is_found() {
    let (shop, of_stock, _) = shop().await;
    sqlx::query("update stock.levels set on_hand = on_hand + 1000 where product_id = $1")
        .bind(SHOP.product("tea").uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    for limit in [1, 3, 100] {
        let (_, faults) = check_stock(&of_stock, limit).await;
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert!(fault.contains(&SHOP.product("tea").to_string()), "{fault}");
        assert!(fault.contains("the level is 94000, its movements come to 93000"), "{fault}");
    }
}

#[tokio::test]
async fn whatever_is_done_to_a_receipt_is_found() {
    let changes = [
        ("update receipts.receipts set content = replace(content, 'tea', 'tee') where number = 3", "hash is"),
        ("update receipts.receipts set hash = decode(repeat('00', 32), 'hex') where number = 2", "hash is"),
        ("update receipts.receipts set signature = decode(repeat('00', 64), 'hex') where number = 2", "signature"),
        ("update receipts.receipts set key_id = 'x' where number = 2", "key id"),
        ("delete from receipts.receipts where number = 2", "number"),
        ("delete from receipts.receipts where number = (select max(number) from receipts.receipts)", "ends with"),
        ("delete from receipts.receipts", "ends with number 0"),
        ("update receipts.series set number = number + 1", "as recorded"),
    ];
    for (change, expected) in changes {
        let (shop, _, of_receipts) = shop().await;
        sqlx::query(change).execute(&shop.pool).await.unwrap();
        for limit in [1, 2, 3, 100] {
            let (_, faults) = check_receipts(&of_receipts, limit).await;
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{change}, slices of {limit}: {faults:?}");
        }
    }
}

#[tokio::test]
async fn a_fault_raises_the_gauge_and_its_mending_lowers_it() {
    let (shop, of_stock, _) = shop().await;
    let process = shop.process();
    let settings = AuditSettings { every_ms: 5, slice: 2 };
    let auditing =
        every(&process, "stock", settings, async |place| stock::look(&of_stock, place, settings.slice).await);
    let change = async |by: i64| {
        let update = sqlx::query("update stock.levels set on_hand = on_hand + $1 where product_id = $2");
        update.bind(by).bind(SHOP.product("tea").uuid()).execute(&shop.pool).await.unwrap();
    };
    let shows = async |line: &str| Shop::text(&process.metrics).await.lines().any(|found| found == line);
    let watching = async {
        shop.until("all is well", async || shows("tillstream_audit_faults{what=\"stock\"} 0").await).await;
        change(1).await;
        shop.until("the fault shows", async || shows("tillstream_audit_faults{what=\"stock\"} 1").await).await;
        change(-1).await;
        shop.until("it is mended", async || shows("tillstream_audit_faults{what=\"stock\"} 0").await).await;
        process.stop.now();
    };
    tokio::join!(auditing, watching);
    let now = shop.clock.now().micros() / 1_000_000;
    assert!(shows(&format!("tillstream_audit_last_run_timestamp_seconds{{what=\"stock\"}} {now}")).await);
}
