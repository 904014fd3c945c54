use std::{sync::Arc, time::Duration};

use serde_json::json;
use tillstream_terminal::{Failure, Http, Key, Provider, Simulator, Status, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{key, order};

const WITHIN: Duration = Duration::from_secs(1);

fn client(listener: &TcpListener) -> Http {
    let url = format!("http://{}", listener.local_addr().unwrap());
    Http::new(&url, Some("secret"), WITHIN).unwrap()
}

/// A client of a provider that answers everything with this, and what it was asked.
async fn answering(answer: &'static str) -> (Http, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&listener);
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4_096];
        let read = stream.read(&mut bytes).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    });
    (client, asked)
}

#[tokio::test]
async fn what_a_provider_says_comes_through_the_protocol() {
    let simulator = Arc::new(Simulator::new(WITHIN));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&listener);
    let serving = tokio::spawn(serve(listener, simulator.clone()));
    assert_eq!(client.ask(key(1)).await, Ok(None));
    let started = client.start(key(1), &order(200)).await.unwrap();
    assert_eq!((started.key, started.status, started.order.clone()), (key(1), Status::Captured, Some(order(200))));
    assert_eq!(client.ask(key(1)).await, Ok(Some(started.clone())));
    assert_eq!(client.cancel(key(1)).await, Ok(started.clone()));
    let page = client.captured_since(None).await.unwrap();
    assert_eq!(page.items, [started]);
    assert_eq!(client.captured_since(Some(&page.next)).await.unwrap().items, []);
    assert_eq!(client.refund(key(1)).await.unwrap().status, Status::Refunded);
    let refused = client.refund(key(2)).await.unwrap_err();
    assert_eq!(refused, Failure::Refused("no payment has this key".to_owned()));
    assert!(matches!(client.start(key(3), &order(262)).await, Err(Failure::NoAnswer(_))));
    assert_eq!(simulator.captures(key(3)), 1, "it was taken all the same");
    serving.abort();
}

#[tokio::test]
async fn only_what_is_said_plainly_is_taken_for_an_answer() {
    let not_known = [
        "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot found",
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
        "",
    ];
    for answer in not_known {
        let (client, _) = answering(answer).await;
        let said = client.ask(key(1)).await;
        assert!(matches!(said, Err(Failure::NoAnswer(_))), "{answer}: {said:?}");
    }
    let (client, asked) = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\n\r\n{\"reason\":\"x\"}").await;
    assert_eq!(client.ask(key(1)).await, Ok(None));
    let asked = asked.await.unwrap().to_lowercase();
    assert!(asked.starts_with(&format!("get /payments/{} http/1.1", key(1))), "{asked}");
    assert!(asked.contains("authorization: bearer secret"), "{asked}");
}

#[tokio::test]
async fn an_item_that_makes_no_sense_hides_no_other() {
    let good = json!({"key": key(1), "status": "captured", "money": {"amount": 1, "currency": "EUR"}});
    let items = json!([{"key": "x", "status": "captured"}, good, {"key": key(2), "status": "held"}, 7]);
    let body = json!({"items": items, "next": "4"}).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (client, _) = answering(answer.leak()).await;
    let page = client.captured_since(None).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable.len(), page.next.as_str()), (1, 3, "4"));
    assert_eq!(page.items[0].key, key(1));
    assert!(page.unreadable[1].contains(&key(2).to_string()), "{:?}", page.unreadable);
}

#[test]
fn addresses_and_keys_are_checked() {
    for url in ["", "127.0.0.1:80", "https://127.0.0.1", "http://", "http://a/?b=c"] {
        assert!(Http::new(url, None, WITHIN).is_err(), "{url}");
    }
    assert!(Http::new("http://localhost:8090/terminals/", None, WITHIN).is_ok());
    assert!(Http::new("http://localhost", Some("a\nb"), WITHIN).is_err());
    assert_eq!(key(1).to_string().parse(), Ok(key(1)));
    for text in ["", ".", "a.b", &key(1).payment.to_string(), &format!("{}.x", key(1))] {
        assert!(text.parse::<Key>().is_err(), "{text}");
    }
}
