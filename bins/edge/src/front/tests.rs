//! Clients that take their time, come in crowds, or say too much.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use tillstream_runtime::{Stop, metrics::Metrics, settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, yield_now},
};

use super::{Front, Tls};
use crate::{
    config::{Config, HttpSettings},
    door::Door,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: edge\r\n\r\n";
/// More than sockets hold.
const MUCH: usize = 64 << 20;

/// A front door with a few routes behind it: `/` answers at once, `/wait` when it is told to, `/much` at length.
pub(super) struct Served {
    front: Arc<Front>,
    address: SocketAddr,
    begun: Arc<Notify>,
    go: Arc<Notify>,
    close: Stop,
    task: JoinHandle<()>,
}

impl Served {
    async fn open(change: impl FnOnce(&mut HttpSettings)) -> Self {
        Self::with(change, None).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut HttpSettings), tls: Option<Arc<Tls>>) -> Self {
        let mut http = settings::load::<Config>(None).unwrap().http;
        change(&mut http);
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tells, told) = (begun.clone(), go.clone());
        let wait = async move || {
            tells.notify_one();
            told.notified().await;
        };
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/much", get(async || "x".repeat(MUCH)))
            .route("/wait", get(wait));
        let front = Front::new(router, tls, &http, &Metrics::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let close = Stop::default();
        let task = tokio::spawn(front.clone().serve(Door::new(listener, Stop::default()), close.clone()));
        Self { front, address, begun, go, close, task }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` on a connection of their own and reads to its end.
    pub(super) async fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }

    pub(super) fn cut(&self, why: &str) -> u64 {
        self.front.cut.with_label_values(&[why]).get()
    }
}

/// What comes until the connection ends; one that is reset has ended too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes).await);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer of `/`.
async fn answered(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"here") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
    }
    assert!(seen.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_that_trickles_is_not_waited_for() {
    let served = Served::open(|http| http.head_ms = 50).await;
    assert_eq!(served.send(b"").await, "");
    assert_eq!(served.send(b"GET / HTT").await, "");
    assert_eq!((served.cut("head"), served.cut("idle")), (2, 0));

    // Nor on a connection that has done well, and on which every byte comes late.
    let mut stream = served.connect().await;
    for _ in 0..2 {
        stream.write_all(GET).await.unwrap();
        answered(&mut stream).await;
    }
    stream.write_all(b"G").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!((served.cut("head"), served.cut("idle")), (3, 0));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let served = Served::open(|http| http.idle_ms = 50).await;
    let mut stream = served.connect().await;
    stream.write_all(GET).await.unwrap();
    answered(&mut stream).await;
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!((served.cut("head"), served.cut("idle")), (0, 1));
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up() {
    let served = Served::open(|http| http.send_ms = 50).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /much HTTP/1.1\r\nhost: edge\r\n\r\n").await.unwrap();
    while served.cut("send") == 0 {
        yield_now().await;
    }
    assert!(rest(&mut stream).await.len() < MUCH);
}

#[tokio::test]
async fn a_request_in_hand_has_its_own_time() {
    let served = Served::open(|http| (http.head_ms, http.idle_ms, http.send_ms) = (20, 20, 20)).await;
    let mut waits = served.connect().await;
    waits.write_all(b"GET /wait HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n").await.unwrap();
    // Others that came later are cut, one after the other.
    for _ in 0..3 {
        assert_eq!(served.send(b"GET").await, "");
    }
    served.go.notify_one();
    assert!(rest(&mut waits).await.starts_with("HTTP/1.1 200"));
    assert_eq!((served.cut("head"), served.cut("idle"), served.cut("send")), (3, 0, 0));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let served = Served::open(|http| http.max_head_bytes = 8192).await;
    let head = |headers: String| format!("GET / HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n{headers}\r\n");
    let long = |bytes: usize| head(format!("x: {}\r\n", "y".repeat(bytes)));
    let many = |count: usize| head("x: y\r\n".repeat(count));
    assert!(served.send(long(7000).as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(served.send(many(90).as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(served.send(long(8192).as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(served.send(many(101).as_bytes()).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn connections_are_bounded() {
    let most = async |change: fn(&mut HttpSettings)| {
        let served = Served::open(change).await;
        let mut first = served.connect().await;
        first.write_all(GET).await.unwrap();
        answered(&mut first).await;
        assert_eq!(rest(&mut served.connect().await).await, "");
        // Who is in stays in, and makes place by going.
        first.write_all(GET).await.unwrap();
        answered(&mut first).await;
        drop(first);
        while served.front.bounds.count() > 0 {
            yield_now().await;
        }
        let mut next = served.connect().await;
        next.write_all(GET).await.unwrap();
        answered(&mut next).await;
        (served.cut("full"), served.cut("address_full"))
    };
    assert_eq!(most(|http| http.max_connections = 1).await, (1, 0));
    assert_eq!(most(|http| http.max_connections_per_address = 1).await, (0, 1));
}

#[tokio::test]
async fn all_connections_of_a_proxy_come_from_one_address() {
    let served = Served::open(|http| (http.max_connections_per_address, http.trusted_proxies) = (1, 1)).await;
    let mut clients = [served.connect().await, served.connect().await];
    for client in &mut clients {
        client.write_all(GET).await.unwrap();
        answered(client).await;
    }
}

#[tokio::test]
async fn who_is_being_answered_is_waited_for_at_the_end() {
    let served = Served::open(|_| {}).await;
    let [mut idle, mut busy] = [served.connect().await, served.connect().await];
    idle.write_all(GET).await.unwrap();
    answered(&mut idle).await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nhost: edge\r\n\r\n").await.unwrap();
    served.begun.notified().await;
    served.close.now();
    assert_eq!(rest(&mut idle).await, "");
    assert!(!served.task.is_finished());
    served.go.notify_one();
    assert!(rest(&mut busy).await.starts_with("HTTP/1.1 200"));
    served.task.await.unwrap();
}
