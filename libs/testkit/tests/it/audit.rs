//! The books are checked in the background: whatever somebody changes by hand is found.

use tillstream_domain::receipt::{SigningKey, VerifyingKey};
use tillstream_receipts_worker::audit as receipts;
use tillstream_runtime::{
    audit::{AuditSettings, Slice, every},
    settings,
};
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
    check_receipts_with(pool, &[key(7)], limit).await
}

/// The public half of the key that a seed of this byte makes; 7 is the shop's.
fn key(seed: u8) -> VerifyingKey {
    SigningKey::from_seed(&[seed; 32]).verifying_key()
}

async fn check_receipts_with(pool: &PgPool, keys: &[VerifyingKey], limit: u32) -> (usize, Vec<String>) {
    let (mut place, mut all, mut faults) = (None, 0, Vec::new());
    loop {
        let Slice { checked, faults: found, next } = receipts::look(pool, keys, place, limit).await.unwrap();
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
        ("update receipts.receipts set key_id = '0011223344556677' where number = 2", "is not trusted"),
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
async fn receipts_of_an_earlier_key_are_sound_if_that_is_known() {
    let (_shop, _, of_receipts) = shop().await;
    let (checked, faults) = check_receipts_with(&of_receipts, &[key(7), key(8)], 100).await;
    assert_eq!((checked, faults.len()), (7, 0), "{faults:?}");
    let (checked, faults) = check_receipts_with(&of_receipts, &[key(8)], 100).await;
    assert_eq!((checked, faults.len()), (7, 7), "{faults:?}");
}

#[test]
fn earlier_keys_are_settings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    let load = |keys: &str| {
        std::fs::write(&file, format!("[signing]\nearlier_keys = {keys}")).unwrap();
        settings::load::<tillstream_receipts_worker::Config>(Some(&file)).map(|config| format!("{config:?}"))
    };
    let [first, second] = [8, 9].map(|seed| key(seed).to_string());
    let config = load(&format!("['{first}', '{second}']")).unwrap();
    assert!(config.contains(&first) && config.contains(&second), "{config}");
    assert!(load("['00']").is_err());
}

#[tokio::test]
async fn a_level_that_takes_too_long_is_skipped() {
    let (shop, of_stock, _) = shop().await;
    let mut held = shop.pool.begin().await.unwrap();
    sqlx::query("lock table stock.movements in access exclusive mode").execute(&mut *held).await.unwrap();
    let slice = stock::look(&of_stock, None, 1).await.unwrap();
    assert_eq!((slice.checked, slice.faults), (0, vec![]));
    held.rollback().await.unwrap();
    let first = slice.next.expect("there are more levels");
    let again = stock::look(&of_stock, None, 1).await.unwrap();
    assert_eq!((again.checked, again.next), (1, Some(first)), "it is looked at next time");
}

#[tokio::test]
async fn a_restart_goes_on_and_forgets_no_fault() {
    let (shop, of_stock, _) = shop().await;
    let first = stock::look(&of_stock, None, 1).await.unwrap().next.expect("there are more levels");
    let update = sqlx::query("update stock.levels set on_hand = on_hand + 1 where (store_id, product_id) = ($1, $2)");
    update.bind(first.1.uuid()).bind(first.2.uuid()).execute(&shop.pool).await.unwrap();
    // Each process looks once: the next look would be in an hour.
    let settings = AuditSettings { every_ms: 3_600_000, slice: 1 };
    let mut began = Vec::new();
    for _ in 0..2 {
        let process = shop.process();
        let (sender, receiver) = std::sync::mpsc::channel();
        let auditing = every(&process, &of_stock, "stock", settings, async |place| {
            sender.send(place).unwrap();
            stock::look(&of_stock, place, settings.slice).await
        });
        let watching = async {
            let line = "tillstream_audit_faults{what=\"stock\"} 1";
            let shows = async || Shop::text(&process.metrics).await.lines().any(|found| found == line);
            shop.until("the fault shows", shows).await;
            process.stop.now();
        };
        tokio::join!(auditing, watching);
        began.extend(receiver.try_iter());
    }
    assert_eq!(began, [None, Some(first)]);
}

#[tokio::test]
async fn a_fault_raises_the_gauge_and_its_mending_lowers_it() {
    let (shop, of_stock, _) = shop().await;
    let process = shop.process();
    let settings = AuditSettings { every_ms: 5, slice: 2 };
    let auditing = every(&process, &of_stock, "stock", settings, async |place| {
        stock::look(&of_stock, place, settings.slice).await
    });
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
