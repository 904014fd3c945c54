//! `pos deadletters` beside a running system.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tillstream_bus::{Bus, Settings};
use tillstream_contract::{Batch, Envelope};
use tillstream_pos::demo::Owner;

use crate::shop::{Running, Shop, said};

/// Puts a message on the bus as only an operator can.
pub(crate) fn publish(shop: &Shop, running: &Running<'_>, payload: Vec<u8>) {
    let password = fs::read_to_string(shop.data().join("secrets/nats-operator")).unwrap();
    let settings = Settings {
        url: running.known().nats,
        user: "operator".to_owned(),
        password: password.trim().to_owned(),
        tls_ca_file: std::path::PathBuf::new(),
        partitions: 1,
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bus = Bus::connect(&settings, Duration::from_secs(5)).await.unwrap();
        while !bus.is_connected() {
            tokio::task::yield_now().await;
        }
        bus.publish("cmd.stock.0".to_owned(), payload.into()).await.unwrap();
    });
}

/// What a command that must succeed answers.
fn answer(shop: &Shop, args: &[&str]) -> String {
    let run = shop.run(args);
    assert!(run.status.success(), "pos {args:?}: {}", said(&run));
    String::from_utf8(run.stdout).unwrap()
}

/// Waits for the letter and returns its number.
fn letter(shop: &Shop, running: &Running<'_>) -> String {
    let first = || answer(shop, &["deadletters", "list"]).split_whitespace().next().unwrap_or_default().to_owned();
    running.until("there is a dead letter", || first().parse::<u64>().is_ok());
    first()
}

#[test]
fn a_dead_letter_is_shown_mended_and_takes_effect() {
    let shop = Shop::new();
    let running = shop.up();
    let stock = running.known().curl[2].clone();
    let envelope = Envelope {
        id: "0d0d0d0d-0000-8000-8000-000000000001".parse().unwrap(),
        kind: "stock.adjust.v1".to_owned(),
        merchant: Owner::Cafe.merchant(),
        actor: "operator".to_owned(),
        till: None,
        approval: None,
        fingerprint: None,
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        origin: None,
        trace: None,
        reply: None,
        body: b"\xc1 is never MessagePack".to_vec().into(),
    };
    publish(&shop, &running, Batch { envelopes: vec![envelope.clone()] }.encode().to_vec());
    let number = letter(&shop, &running);
    let shown: Value = serde_json::from_str(&answer(&shop, &["deadletters", "show", &number])).unwrap();
    assert_eq!((&shown["worker"], &shown["envelopes"][0]["id"]), (&json!("stock"), &json!(envelope.id)), "{shown}");
    assert!(shown["envelopes"][0]["body_problem"].is_string(), "{shown}");
    assert_eq!(shop.run(&["doctor"]).status.code(), Some(1), "a dead letter is something wrong");

    let body = shop.path("body.json");
    let adjustment = json!({
        "store": Owner::Cafe.store(), "reason": "found", "lines": [{ "product": Owner::Cafe.product(1), "delta": "5" }],
    });
    fs::write(&body, adjustment.to_string()).unwrap();
    let done = answer(&shop, &["deadletters", "redrive", &number, "--body", body.to_str().unwrap()]);
    assert!(done.contains("its id is still 0d0d0d0d-0000-8000-8000-000000000001"), "{done}");
    running.until("the stock has moved", || running.shell(&stock).contains(r#""on_hand":"1000005""#));
    assert_eq!(answer(&shop, &["deadletters", "list"]), "no dead letters\n");
    assert_eq!(running.stop().code(), Some(0));
}

#[test]
fn a_dead_letter_that_is_no_message_is_dropped() {
    let shop = Shop::new();
    let running = shop.up();
    publish(&shop, &running, b"\xc1".to_vec());
    let number = letter(&shop, &running);
    let shown: Value = serde_json::from_str(&answer(&shop, &["deadletters", "show", &number])).unwrap();
    assert_eq!(shown["payload_hex"], "c1");
    assert!(answer(&shop, &["deadletters", "drop", &number]).starts_with("dropped dead letter"));
    let gone = shop.run(&["deadletters", "show", &number]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(said(&gone).contains("there is no dead letter"), "{}", said(&gone));
    assert_eq!(running.stop().code(), Some(0));
}
