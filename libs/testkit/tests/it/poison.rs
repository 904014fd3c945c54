//! Poisoned messages: set aside with their reason, without harm to others, and brought back once mended.

use axum::http::StatusCode;
use serde_bytes::{ByteArray, ByteBuf};
use tillstream_bus::subject::Class;
use tillstream_contract::{Batch, Envelope, Message, sale::Command};
use tillstream_testkit::{SHOP, Shop};

fn envelope(shop: &Shop, kind: &str, body: Vec<u8>) -> Envelope {
    Envelope {
        id: shop.ids.next(),
        kind: kind.to_owned(),
        merchant: SHOP.merchant(),
        actor: "operator".to_owned(),
        till: None,
        approval: None,
        fingerprint: Some(ByteArray::new([1; 32])),
        at: shop.clock.now(),
        origin: None,
        trace: None,
        reply: None,
        body: ByteBuf::from(body),
    }
}

fn good(shop: &Shop) -> Envelope {
    let sale = serde_json::from_value(shop.basket(&[("tea", "1")])).unwrap();
    let command = Command::Submit(sale);
    envelope(shop, command.kind(), command.encode())
}

async fn publish(shop: &Shop, envelopes: Vec<Envelope>) {
    let subject = Class::Command.subject("sale", 0);
    shop.bus.publish(subject, Batch { envelopes }.encode()).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_the_rest_goes_on() {
    let shop = Shop::open().await;
    let subject = Class::Command.subject("sale", 0);
    shop.bus.publish(subject.clone(), "not a batch".into()).await.unwrap();
    let (garbled, from_the_future) =
        (envelope(&shop, "sale.submit.v1", vec![0xc1]), envelope(&shop, "sale.submit.v9", vec![]));
    publish(&shop, vec![good(&shop), garbled.clone(), from_the_future.clone(), good(&shop)]).await;
    shop.drain().await;

    assert_eq!(shop.count("select count(*) from sales.sales").await, 2);
    let letters = shop.bus.dead_letters(1, 10).await.unwrap();
    let reasons: Vec<_> = letters.iter().map(|(_, letter)| letter.reason.as_str()).collect();
    assert_eq!(letters.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("not a batch"), "{reasons:?}");
    assert!(reasons[1].contains("does not fit its kind"), "{reasons:?}");
    assert!(reasons[2].contains("sale.submit.v9"), "{reasons:?}");
    let kept = Batch::decode(&letters[1].1.payload).unwrap();
    assert_eq!((kept.envelopes, letters[1].1.subject.as_str()), (vec![garbled], subject.as_str()));
    assert_eq!(letters[0].1.payload.as_slice(), b"not a batch");

    // Selling goes on.
    assert_eq!(shop.sell(shop.ids.next(), &shop.basket(&[("tea", "1")])).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_event_of_a_later_version_is_kept_for_who_knows_it() {
    let shop = Shop::open().await;
    let later = envelope(&shop, "sale.voided.v1", vec![0x80]);
    let subject = Class::Event.subject("sale", 0);
    shop.bus.publish(subject.clone(), Batch { envelopes: vec![later.clone()] }.encode()).await.unwrap();
    assert_eq!(shop.sell(shop.ids.next(), &shop.basket(&[("tea", "1")])).await.status, StatusCode::CREATED);
    shop.drain().await;

    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 1, "what is known goes on");
    let letters = shop.bus.dead_letters(1, 10).await.unwrap();
    let mut workers: Vec<_> = letters.iter().map(|(_, letter)| letter.worker.as_str()).collect();
    workers.sort_unstable();
    assert_eq!(workers, ["receipts", "stock"]);
    for (_, letter) in &letters {
        assert!(letter.reason.contains("sale.voided.v1") && letter.subject == subject, "{letter:?}");
        assert_eq!(
            Batch::decode(&letter.payload).unwrap().envelopes,
            std::slice::from_ref(&later),
            "whole, to be sent again"
        );
    }
}

#[tokio::test]
async fn what_the_database_refuses_harms_only_itself_and_can_be_redriven() {
    let shop = Shop::open_idle().await;
    // A constraint that one sale of a batch violates.
    sqlx::query("alter table sales.sales add constraint no_teas check (total <> 398)")
        .execute(&shop.pool)
        .await
        .unwrap();
    let sale = serde_json::from_value(shop.basket(&[("tea", "2")])).unwrap();
    let command = Command::Submit(sale);
    let poisoned = envelope(&shop, command.kind(), command.encode());
    publish(&shop, vec![good(&shop), poisoned.clone(), good(&shop)]).await;
    publish(&shop, vec![good(&shop)]).await;
    shop.drain().await;

    assert_eq!(shop.count("select count(*) from sales.sales").await, 3);
    let letters = shop.bus.dead_letters(1, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    let (number, letter) = &letters[0];
    assert!(letter.reason.contains("no_teas") && letter.attempts == 3, "{letter:?}");
    assert_eq!(shop.count("select count(*) from inbox.attempts").await, 0, "attempts are forgotten once it is settled");

    sqlx::query("alter table sales.sales drop constraint no_teas").execute(&shop.pool).await.unwrap();
    shop.bus.redrive(*number, None).await.unwrap();
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
    shop.drain().await;
    let recorded = shop.get(&format!("/v1/sales/{}", poisoned.id)).await;
    assert_eq!(recorded.json()["total"].as_i64(), Some(398), "{recorded:?}");
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 4);
}

#[tokio::test]
async fn a_dead_letter_can_be_dropped() {
    let shop = Shop::open().await;
    shop.bus.publish(Class::Command.subject("sale", 0), "rubbish".into()).await.unwrap();
    shop.drain().await;
    let (number, _) = shop.bus.dead_letters(1, 10).await.unwrap()[0];
    shop.bus.drop_letter(number).await.unwrap();
    assert!(shop.bus.dead_letters(1, 10).await.unwrap().is_empty());
    let gone = shop.bus.redrive(number, None).await.unwrap_err().to_string();
    assert!(gone.contains("no dead letter"), "{gone}");
}
