//! Keys and passwords that change under a system, between two runs of it.

use std::{fs, process::Command};

use crate::shop::{Running, Shop, pos, said};

fn secrets(shop: &Shop, args: &[&str]) -> String {
    let run = pos().arg("secrets").args(args).arg("--dir").arg(shop.data().join("secrets")).output().unwrap();
    assert!(run.status.success(), "{}", said(&run));
    said(&run)
}

/// The status with which a token is answered.
fn status(running: &Running<'_>, token: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", &format!("authorization: Bearer {token}")]);
    let answer = curl.arg(format!("{}/v1/registers", running.known().url)).output().unwrap();
    String::from_utf8(answer.stdout).unwrap()
}

/// A sale and its receipt.
fn sells(running: &Running<'_>, number: u32) {
    let [sell, receipt, _] = running.known().curl.try_into().unwrap();
    running.shell(&sell);
    let receipt = running.shell(&receipt.replace("text/plain", "application/json"));
    assert!(receipt.contains(&format!("\"number\":{number}")), "{receipt}");
}

#[test]
fn a_token_lives_through_a_rotation_and_not_through_its_end() {
    let shop = Shop::new();
    let running = shop.up();
    let earlier = running.known().token;
    sells(&running, 1);
    assert_eq!(running.stop().code(), Some(0));

    let told = secrets(&shop, &["rotate", "tokens"]);
    assert!(told.contains("is kept in tokens-1.pub") && told.contains("pos secrets retire tokens"), "{told}");
    for what in ["receipts", "nats", "postgres"] {
        secrets(&shop, &["rotate", what]);
    }
    let running = shop.up();
    let present = running.known().token;
    assert_eq!([status(&running, &earlier), status(&running, &present)], ["200", "200"]);
    assert_eq!(status(&running, &earlier), "200", "also when it is remembered");
    sells(&running, 2);
    let sound = shop.run(&["doctor", "--security"]);
    assert!(sound.status.success(), "{}", said(&sound));
    // Receipts of both keys are one chain.
    let (export, key) = (shop.path("journal"), shop.data().join("secrets/receipts-1.pub"));
    let key = fs::read_to_string(key).unwrap();
    let journal = shop.run(&["journal", "export", "--earlier-key", key.trim(), "--out", export.to_str().unwrap()]);
    assert!(journal.status.success(), "{}", said(&journal));
    let verified = pos().args(["journal", "verify"]).arg(&export).output().unwrap();
    assert!(verified.status.success() && said(&verified).contains("2 receipts"), "{}", said(&verified));
    assert_eq!(running.stop().code(), Some(0));

    assert!(secrets(&shop, &["retire", "tokens"]).contains("removed tokens-1.pub"));
    let running = shop.up();
    assert_eq!([status(&running, &earlier), status(&running, &present)], ["401", "200"]);
    assert_eq!(running.stop().code(), Some(0));
}
