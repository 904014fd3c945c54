//! `pos up`.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::shop::{Running, Shop, lives};

/// Runs the three printed lines; returns the receipt and what is on hand.
fn sell(running: &Running<'_>) -> (String, String) {
    let [sell, receipt, stock] = running.known().curl.try_into().unwrap();
    let sale: Value = serde_json::from_str(&running.shell(&sell)).unwrap();
    assert_eq!(sale["total"], 440, "{sale}");
    let receipt = running.shell(&receipt);
    assert!(receipt.contains("Espresso") && receipt.contains("4.40"), "{receipt}");
    let on_hand = |levels: &str| serde_json::from_str::<Value>(levels).unwrap()["items"][0]["on_hand"].to_string();
    (receipt, on_hand(&running.shell(&stock)))
}

/// The stock worker follows the sale; the line asks for the receipt only.
fn until_on_hand(running: &Running<'_>, units: &str) {
    let stock = running.known().curl[2].clone();
    running
        .until(&format!("{units} are on hand"), || running.shell(&stock).contains(&format!(r#""on_hand":"{units}""#)));
}

#[test]
fn the_printed_lines_work_and_nothing_is_left_running() {
    let shop = Shop::new();
    let running = shop.up();
    let known = running.known();
    assert_eq!(known.pids.len(), 8, "{:?}", known.pids);
    assert_eq!(known.pids["pos"], running.pid());
    sell(&running);
    until_on_hand(&running, "999998");
    let code = running.stop().code();
    assert_eq!(code, Some(0));
    assert_eq!(known.pids.into_iter().filter(|(_, pid)| lives(*pid)).collect::<Vec<_>>(), []);
    assert_eq!(shop.known(), None);
}

#[test]
fn a_killed_system_comes_back_with_all_that_was_sold() {
    let shop = Shop::new();
    let running = shop.up();
    let before = running.known();
    let (receipt, _) = sell(&running);
    running.kill();
    let running = shop.up();
    let after = running.known();
    assert!(before.pids.values().all(|pid| !lives(*pid)), "{:?}", before.pids);
    // The same token and a new port: the old line but for the place.
    let line = before.curl[1].replace(&before.url, &after.url);
    assert_eq!(running.shell(&line), receipt);
    let (second, _) = sell(&running);
    assert!(second.contains("No. 2"), "{second}");
    until_on_hand(&running, "999996");
    assert_eq!(running.stop().code(), Some(0));
}

#[test]
fn a_part_that_dies_is_started_again() {
    let shop = Shop::new();
    let running = shop.up();
    for part in ["sales-worker", "edge", "nats", "postgres"] {
        let pid = running.known().pids[part];
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        running.until(&format!("{part} is back"), || running.known().pids.get(part).is_some_and(|now| *now != pid));
    }
    let ready = format!("curl -sS -o /dev/null -w '%{{http_code}}' {}/readyz || true", running.known().url);
    running.until("the edge is ready", || running.shell(&ready) == "200");
    // The workers may still be on their way back, and the sale is then accepted for later.
    let [sell, receipt, _] = running.known().curl.try_into().unwrap();
    running.shell(&sell);
    running.until("the receipt is issued", || running.shell(&receipt).contains("Espresso"));
    assert!(
        running.log().contains("nats ended (signal: 9 (SIGKILL)); starting it again in 100 ms"),
        "{}",
        running.log()
    );
    assert_eq!(running.stop().code(), Some(0));
}

#[test]
fn a_folder_is_for_one_at_a_time() {
    let shop = Shop::new();
    let first = shop.up();
    let mut second = shop.start();
    assert_eq!(second.end().code(), Some(1));
    let refusal = format!("is in use by another `pos` (process {})", first.pid());
    assert!(second.log().contains(&refusal), "{}", second.log());
    assert_eq!(first.known().pids["pos"], first.pid());
    assert!(shop.run(&["down"]).status.success());
    assert!(!lives(first.pid()), "`pos down` stops one that runs");
}
