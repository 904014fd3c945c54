//! `pos journal`, `pos deadletters` and `pos doctor` beside a running system.

use std::fs;

use crate::shop::{Shop, pos};

#[test]
fn an_export_is_verified_alone_and_a_change_is_found() {
    let shop = Shop::new();
    let running = shop.up();
    for line in &running.known().curl[..2] {
        running.shell(line);
    }
    let (export, tampered) = (shop.path("journal"), shop.path("tampered"));
    let run = shop.run(&["journal", "export", "--out", export.to_str().unwrap()]);
    assert!(run.status.success(), "{run:?}");
    let letters = shop.run(&["deadletters", "list"]);
    assert!(letters.status.success() && letters.stdout == b"no dead letters\n", "{letters:?}");
    let doctor = shop.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(doctor.status.success() && said.contains("all is well"), "{said}");
    assert_eq!(running.stop().code(), Some(0));

    let verify = |args: &[&str]| {
        let run = pos().args(["journal", "verify"]).args(args).output().unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap())
    };
    let (code, said) = verify(&[export.to_str().unwrap()]);
    assert!(code == Some(0) && said.contains("1 receipts") && said.contains("as the export itself declares"), "{said}");
    let key = fs::read_to_string(shop.data().join("secrets/receipts.pub")).unwrap();
    let (code, said) = verify(&[export.to_str().unwrap(), "--trust", key.trim()]);
    assert!(code == Some(0) && said.contains("signed by the keys that you trust"), "{said}");

    fs::write(&tampered, fs::read_to_string(&export).unwrap().replace("Espresso", "Expresso")).unwrap();
    let (code, said) = verify(&[tampered.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("BAD: line 2, receipt 1 of register cafe0000-0000-8000-8002-000000000001: the content's hash is"),
        "{said}"
    );
}
