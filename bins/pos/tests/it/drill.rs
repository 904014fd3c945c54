//! The disaster drill: the database is lost, restored to a moment, and what came after is taken again from the streams.

use std::{fs, process::Output, time::Duration};

use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tillstream_pos::{
    demo::Owner,
    load::client::{Client, Post, Target},
};
use tillstream_runtime::{Clock, Ids};
use tokio::time::sleep;
use uuid::Uuid;

use crate::shop::{Running, Shop};

/// A sale and the number of its receipt.
type Sold = (Uuid, i64);

fn client(running: &Running<'_>) -> Client {
    let up = running.known();
    Client::new(Target::new(&up.url, Some(&up.token)).unwrap(), Duration::from_secs(30))
}

async fn sell(running: &Running<'_>, count: u32) -> Vec<Sold> {
    let mut client = client(running);
    let body = Owner::Cafe.basket(1);
    let mut sold = Vec::new();
    for _ in 0..count {
        let key = Ids::random().next();
        let post = Post { key, prefer: Some("wait=30, until=receipt"), body: body.clone().into() };
        assert_eq!(client.post("/v1/sales", post).await.unwrap().status, 201);
        sold.push((key, number(&mut client, key).await.expect("its receipt was waited for")));
    }
    sold
}

/// The number of a sale's receipt, if there is one.
async fn number(client: &mut Client, sale: Uuid) -> Option<i64> {
    let answer = client.get(&format!("/v1/sales/{sale}/receipt")).await.unwrap();
    (answer.status == 200)
        .then(|| serde_json::from_slice::<Value>(&answer.body).unwrap()["number"].as_i64().expect("a receipt has one"))
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&[run.stdout.as_slice(), &run.stderr].concat()).into_owned()
}

fn well(shop: &Shop, args: &[&str]) -> String {
    let run = shop.run(args);
    assert!(run.status.success(), "pos {args:?}: {}", said(&run));
    said(&run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_comes_back_with_what_was_sold_after_the_backup() {
    let shop = Shop::new();
    let [archive, backup, lost] = ["archive", "backup", "lost"].map(|name| shop.path(name));
    let running = shop.up_with(&["--archive", archive.to_str().unwrap()]);
    let mut sold = sell(&running, 3).await;
    well(&shop, &["backup", "--to", backup.to_str().unwrap()]);
    sold.extend(sell(&running, 3).await);
    let moment = Clock::system().now().to_rfc3339();
    let after = sell(&running, 3).await;

    let mut conn = PgConnection::connect(&running.known().database).await.unwrap();
    let segment: String =
        sqlx::query_scalar("select pg_walfile_name(pg_switch_wal())").fetch_one(&mut conn).await.unwrap();
    while !archive.join(&segment).exists() {
        sleep(Duration::from_millis(20)).await;
    }
    drop(conn);
    running.kill();
    well(&shop, &["down"]);
    fs::rename(shop.data().join("postgres"), &lost).unwrap();

    let [from, log] = [&backup, &archive].map(|path| path.to_str().unwrap());
    well(&shop, &["restore", "--from", from, "--archive", log, "--until", &moment]);
    let running = shop.up_with(&["--archive", log]);
    let mut till = client(&running);
    for (sale, had) in &sold {
        assert_eq!(number(&mut till, *sale).await, Some(*had), "what came before the moment is there");
    }
    for (sale, _) in &after {
        assert_eq!(number(&mut till, *sale).await, None, "what came after the moment is not in the log up to it");
    }

    let replayed = well(&shop, &["streams", "replay", "--since", &moment]);
    assert!(replayed.contains("COMMANDS_0/sales: 3 bus messages"), "{replayed}");
    for (sale, had) in &after {
        loop {
            match number(&mut till, *sale).await {
                Some(number) => break assert_eq!(number, *had, "the customer holds a receipt of this number"),
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }
    // The next sale goes on behind them.
    assert_eq!(sell(&running, 1).await[0].1, 10);

    // Carrying everything over once more changes nothing, and half a file is refused.
    let (saved, cut) = (shop.path("streams"), shop.path("cut"));
    well(&shop, &["streams", "save", "--out", saved.to_str().unwrap()]);
    well(&shop, &["streams", "load", saved.to_str().unwrap()]);
    let text = fs::read_to_string(&saved).unwrap();
    fs::write(&cut, &text[..text.rfind("{\"end\"").unwrap()]).unwrap();
    let refused = shop.run(&["streams", "load", cut.to_str().unwrap()]);
    assert!(!refused.status.success() && said(&refused).contains("cut short"), "{}", said(&refused));
    let settled = async || {
        let doctor = shop.run(&["doctor"]);
        let text = said(&doctor);
        (doctor.status.success() && !text.contains("messages pending")).then_some(text)
    };
    let report = loop {
        match settled().await {
            Some(report) => break report,
            None => sleep(Duration::from_millis(200)).await,
        }
    };
    assert!(report.contains("all is well"), "{report}");
    let journal = shop.path("journal");
    well(&shop, &["journal", "export", "--out", journal.to_str().unwrap()]);
    let verified = crate::shop::pos().args(["journal", "verify"]).arg(&journal).output().unwrap();
    assert!(said(&verified).contains("10 receipts"), "{}", said(&verified));
    assert_eq!(running.stop().code(), Some(0));
}
