//! The disaster drill: the database is lost, restored to a moment, and what came after is taken again from the streams.

use std::{fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tillstream_pos::{
    demo::Owner,
    load::client::{Client, Post, Target},
};
use tillstream_runtime::{Clock, Ids};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::shop::{Running, Shop, pos, said};

fn client(running: &Running<'_>) -> Client {
    let up = running.known();
    Client::new(Target::new(&up.url, Some(&up.token)).unwrap(), Duration::from_secs(30))
}

/// Sells, waits as `prefer` says, and returns the keys.
async fn sell(running: &Running<'_>, count: u32, prefer: &'static str) -> Vec<Uuid> {
    let mut client = client(running);
    let mut sold = Vec::new();
    for _ in 0..count {
        let key = Ids::random().next();
        let post = Post { key, prefer: Some(prefer), body: Owner::Cafe.basket(1).into() };
        assert_eq!(client.post("/v1/sales", post).await.unwrap().status, 201);
        sold.push(key);
    }
    sold
}

/// The number of a sale's receipt, if there is one.
async fn number(client: &mut Client, sale: Uuid) -> Option<i64> {
    let answer = client.get(&format!("/v1/sales/{sale}/receipt")).await.unwrap();
    (answer.status == 200)
        .then(|| serde_json::from_slice::<Value>(&answer.body).unwrap()["number"].as_i64().expect("a receipt has one"))
}

/// The numbers of all of them, once there are.
async fn numbers(client: &mut Client, sales: &[Uuid]) -> Vec<i64> {
    let mut numbers = Vec::new();
    for sale in sales {
        numbers.push(until("a receipt is issued", async || number(client, *sale).await).await);
    }
    numbers
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(Duration::from_mins(2), looking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Once nothing is under way any more.
async fn settled(shop: &Shop) -> String {
    let look = async || {
        let doctor = shop.run(&["doctor"]);
        let text = said(&doctor);
        (doctor.status.success() && text.contains("all is well")).then_some(text)
    };
    until("all is well", look).await
}

fn well(shop: &Shop, args: &[&str]) -> String {
    let run = shop.run(args);
    assert!(run.status.success(), "pos {args:?}: {}", said(&run));
    said(&run)
}

fn halt(running: &Running<'_>, part: &str) {
    kill(Pid::from_raw(running.known().pids[part]), Signal::SIGSTOP).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_comes_back_with_what_was_sold_after_the_backup() {
    const RECEIPT: &str = "wait=30, until=receipt";
    let shop = Shop::new();
    let [archive, backup, lost] = ["archive", "backup", "lost"].map(|name| shop.path(name));
    let running = shop.up_with(&["--archive", archive.to_str().unwrap()]);
    let mut till = client(&running);
    let mut sold = sell(&running, 3, RECEIPT).await;
    well(&shop, &["backup", "--to", backup.to_str().unwrap()]);
    sold.extend(sell(&running, 3, RECEIPT).await);
    settled(&shop).await;
    let had = numbers(&mut till, &sold).await;
    // At the moment some sales are recorded and wait for their receipts. They were published before it.
    halt(&running, "receipts-worker");
    let waiting = sell(&running, 2, "wait=30").await;
    let moment = Clock::system().now().to_rfc3339();
    let after = sell(&running, 3, "wait=30").await;

    let mut conn = PgConnection::connect(&running.known().database).await.unwrap();
    let segment: String =
        sqlx::query_scalar("select pg_walfile_name(pg_switch_wal())").fetch_one(&mut conn).await.unwrap();
    until("the log is archived", async || archive.join(&segment).exists().then_some(())).await;
    drop(conn);
    running.kill();
    well(&shop, &["down"]);
    fs::rename(shop.data().join("postgres"), &lost).unwrap();

    let [from, log] = [&backup, &archive].map(|path| path.to_str().unwrap());
    let nowhere = shop.run(&["restore", "--from", from, "--archive", "/nowhere"]);
    assert!(!nowhere.status.success() && !shop.data().join("postgres").exists(), "{}", said(&nowhere));
    well(&shop, &["restore", "--from", from, "--archive", log, "--until", &moment]);
    let running = shop.up_with(&["--archive", log]);
    let mut till = client(&running);
    assert_eq!(numbers(&mut till, &sold).await, had, "what came before the moment is there");
    for sale in &after {
        let answer = till.get(&format!("/v1/sales/{sale}")).await.unwrap();
        assert_eq!(answer.status, 404, "what came after the moment is not in the log up to it");
    }

    let replayed = well(&shop, &["streams", "replay", "--since", &moment]);
    assert!(replayed.contains("COMMANDS_0/sales: 3 bus messages"), "{replayed}");
    // What the killed worker had in hand comes again when its time is over, before what is replayed or after.
    let mut came_back = numbers(&mut till, &[waiting, after].concat()).await;
    came_back.sort_unstable();
    assert_eq!(came_back, [7, 8, 9, 10, 11], "each has one receipt");
    // The next sale goes on behind them.
    let next = sell(&running, 1, RECEIPT).await;
    assert_eq!(numbers(&mut till, &next).await, [12]);

    // Carrying everything over once more changes nothing, and half a file is refused.
    let (saved, cut) = (shop.path("streams"), shop.path("cut"));
    well(&shop, &["streams", "save", "--out", saved.to_str().unwrap()]);
    well(&shop, &["streams", "load", saved.to_str().unwrap()]);
    let text = fs::read_to_string(&saved).unwrap();
    fs::write(&cut, &text[..text.rfind("{\"end\"").unwrap()]).unwrap();
    let refused = shop.run(&["streams", "load", cut.to_str().unwrap()]);
    assert!(!refused.status.success() && said(&refused).contains("cut short"), "{}", said(&refused));
    settled(&shop).await;
    let journal = shop.path("journal");
    well(&shop, &["journal", "export", "--out", journal.to_str().unwrap()]);
    let verified = pos().args(["journal", "verify"]).arg(&journal).output().unwrap();
    assert!(said(&verified).contains("12 receipts"), "{}", said(&verified));
    assert_eq!(running.stop().code(), Some(0));
}
