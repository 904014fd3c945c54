use proptest::prelude::*;

use super::*;
use crate::{sale::submit, shop};

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// The bytes of version 1, worked out once: old receipts must verify for as long as they are kept.
#[test]
fn the_form_of_version_1_does_not_change() {
    let issued = issue(&Head::GENESIS, &shop::sale(1), shop::noon(), &key());
    let expected = concat!(
        r#"{"change":1000,"currency":"EUR","issued_at":"2026-11-23T12:00:00.000000Z","lines":["#,
        r#"{"amount":500,"name":"Espresso","quantity":"2","sku":"ESP","tax_rate":"19","unit_price":250},"#,
        r#"{"amount":700,"name":"Beans, loose","quantity":"0.35","sku":"BEAN-KG","tax_rate":"7","unit_price":1999}],"#,
        r#""merchant":{"id":"00000000-0000-0000-0000-000000000001","name":"Café Nord"},"net":1074,"note":"thank you","#,
        r#""number":1,"payments":[{"amount":200,"brand":"Visa","kind":"card","last4":"1111","reference":"T-1 0042"},"#,
        r#"{"amount":2000,"kind":"cash"}],"#,
        r#""previous":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""register":{"code":"K1","id":"00000000-0000-0000-0000-000000000004"},"#,
        r#""sale":"00000000-0000-0000-0000-00005a1e0001","sold_at":"2026-11-23T12:00:00.000000Z","#,
        r#""store":{"id":"00000000-0000-0000-0000-000000000002","name":"Hauptstraße"},"tax":126,"#,
        r#""tax_rules":{"mode":"included","per":"group","rounding":"half_up"},"#,
        r#""taxes":[{"gross":700,"net":654,"rate":"7","tax":46},{"gross":500,"net":420,"rate":"19","tax":80}],"#,
        r#""total":1200,"version":1}"#,
    );
    assert_eq!(issued.content, expected);
    assert_eq!(issued.hash.to_string(), "03d43ae2b62f365d261fd8996ff04dd913955125b71ce0f8ec6f47764c97dd82");
}

#[test]
fn only_the_canonical_form_of_this_version_is_read() {
    let text = issue(&Head::GENESIS, &shop::sale(1), shop::noon(), &key()).content;
    assert!(Content::parse(&text).is_ok());
    let problem = |from: &str, to: &str| Content::parse(&text.replacen(from, to, 1)).unwrap_err();
    assert_eq!(problem("\"net\":", "\"net\": "), journal::Problem::NotCanonical);
    assert_eq!(problem("Espresso", "\\u0045spresso"), journal::Problem::NotCanonical);
    assert_eq!(problem("\"0.35\"", "\"0.350\""), journal::Problem::NotCanonical);
    assert_eq!(problem("\"kind\":\"cash\"", "\"brand\":null,\"kind\":\"cash\""), journal::Problem::NotCanonical);
    assert_eq!(problem("\"version\":1", "\"version\":3"), journal::Problem::Version(3));
    assert_eq!(problem("\"version\":1", "\"version\":2"), journal::Problem::NotCanonical);
    assert!(matches!(problem("\"net\"", "\"nett\""), journal::Problem::Content(_)));
}

#[test]
fn every_sum_is_checked() {
    let content = Content::of(&shop::sale(1), &Head::GENESIS, shop::noon());
    assert!(content.adds_up());
    let breaks: [fn(&mut Content); 9] = [
        |it| it.lines[0].amount = shop::amount(501),
        |it| it.lines[1].unit_price = shop::amount(2005),
        |it| it.lines[0].quantity = shop::quantity("3"),
        |it| it.taxes[0].tax = shop::amount(45),
        |it| it.net = shop::amount(1075),
        |it| it.tax = shop::amount(125),
        |it| it.total = shop::amount(1199),
        |it| it.payments[0].amount = shop::amount(201),
        |it| it.change = shop::amount(999),
    ];
    for (at, change) in breaks.into_iter().enumerate() {
        let mut broken = content.clone();
        change(&mut broken);
        assert!(!broken.adds_up(), "break {at}");
    }
}

proptest! {
    #[test]
    fn a_receipt_is_canonical_adds_up_and_is_signed((books, submission) in shop::any_sale(), number in 0_u64..1 << 52) {
        let sale = submit(&books, &submission, &mut crate::sale::Pasts::new(), shop::noon()).unwrap();
        let head = Head { number, hash: Hash::of(b"before") };
        let issued = issue(&head, &sale, shop::noon(), &key());
        let value: serde_json::Value = serde_json::from_str(&issued.content).unwrap();
        prop_assert_eq!(canonical::canonical(&value).unwrap(), issued.content.clone());
        let content = Content::parse(&issued.content).unwrap();
        prop_assert!(content.adds_up());
        prop_assert_eq!((content.number, content.previous), (number + 1, head.hash));
        prop_assert_eq!(issued.head(), Head { number: number + 1, hash: Hash::of(issued.content.as_bytes()) });
        prop_assert!(key().verifying_key().verifies(&issued.hash, &issued.signature));
    }
}
