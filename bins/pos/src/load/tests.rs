//! A load against a server that behaves badly, on purpose.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use uuid::Uuid;

use super::{
    Baskets, Pace, Plan, Report, Shop, Target, Until,
    counters::Step,
    drive,
    shop::{Product, Register},
};

/// What the server does with the next request for a sale, counted from zero.
type Mood = fn(usize) -> Act;

enum Act {
    Record,
    /// Records it, but breaks the connection before the answer.
    RecordAndBreak,
    Busy,
    Refuse,
    RecordAfter(Duration),
    /// Answers 202; it is recorded when somebody has asked for it three times.
    Later,
}

#[derive(Default)]
struct Books {
    requests: usize,
    recorded: HashMap<String, usize>,
    later: HashMap<String, usize>,
}

struct Server {
    url: String,
    books: Arc<Mutex<Books>>,
}

impl Server {
    async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let books: Arc<Mutex<Books>> = Arc::default();
        let served = books.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, served.clone(), mood));
            }
        });
        Self { url, books }
    }

    async fn drive(&self, pace: Pace, length: Duration, until: Until) -> Report {
        let shop = Shop {
            currency: "EUR".to_owned(),
            registers: vec![Register { id: Uuid::from_u128(1), store: Uuid::from_u128(2) }],
            products: (1..=9).map(|n| Product { id: Uuid::from_u128(n), unit_price: 250 }).collect(),
        };
        let plan = Plan {
            target: Target::new(&self.url, Some("token")).unwrap(),
            baskets: Baskets::new(&shop, 3, 1).unwrap(),
            pace,
            length,
            until,
            patience: Duration::from_secs(20),
            seed: 1,
            metrics: vec![Target::new(&format!("{}/metrics", self.url), None).unwrap()],
            pids: BTreeMap::new(),
            catch_up: Duration::from_secs(2),
            progress: false,
        };
        drive(plan).await.unwrap()
    }

    /// Whether each sale was recorded once, however often it was sent.
    fn recorded(&self) -> usize {
        let books = self.books.lock().unwrap();
        books.recorded.len()
    }
}

async fn serve(stream: TcpStream, books: Arc<Mutex<Books>>, mood: Mood) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let Some(answer) = answer(&request, &books, mood).await else { return };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

struct Request {
    line: String,
    key: String,
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        lines.push(line);
    }
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    let key = lines.iter().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap_or("").trim().to_owned();
    Some(Request { line: lines.swap_remove(0), key })
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nretry-after: 0\r\n\r\n{body}", body.len())
}

/// `None` breaks the connection.
async fn answer(request: &Request, books: &Mutex<Books>, mood: Mood) -> Option<String> {
    let path = request.line.split(' ').nth(1).unwrap();
    if path == "/metrics" {
        let recorded = books.lock().unwrap().recorded.len();
        let count = |worker| {
            format!("tillstream_worker_messages_total{{outcome=\"accepted\",worker=\"{worker}\"}} {recorded}\n")
        };
        return Some(http("200 OK", &["sales", "stock", "receipts"].map(count).concat()));
    }
    if let Some(key) = path.strip_prefix("/v1/commands/").or_else(|| path.strip_prefix("/v1/sales/")) {
        return Some(looked_up(&mut books.lock().unwrap(), key));
    }
    let act = {
        let mut books = books.lock().unwrap();
        books.requests += 1;
        if books.recorded.contains_key(&request.key) { Act::Record } else { mood(books.requests - 1) }
    };
    let record = || *books.lock().unwrap().recorded.entry(request.key.clone()).or_default() += 1;
    match act {
        Act::Record => record(),
        Act::RecordAfter(pause) => {
            sleep(pause).await;
            record();
        }
        Act::RecordAndBreak => {
            record();
            return None;
        }
        Act::Busy => return Some(http("503 Service Unavailable", "")),
        Act::Refuse => return Some(http("422 Unprocessable Content", "{\"type\":\"no\"}")),
        Act::Later => {
            books.lock().unwrap().later.insert(request.key.clone(), 0);
            return Some(http("202 Accepted", ""));
        }
    }
    Some(http("201 Created", "{\"total\":1}"))
}

fn looked_up(books: &mut Books, key: &str) -> String {
    if let Some(looks) = books.later.get_mut(key) {
        *looks += 1;
        if *looks == 3 {
            books.later.remove(key);
            books.recorded.insert(key.to_owned(), 1);
        }
    }
    if books.recorded.contains_key(key) { http("200 OK", "{}") } else { http("404 Not Found", "") }
}

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn every_sale_of_a_closed_loop_is_counted() {
    let server = Server::start(|_| Act::Record).await;
    let report = server.drive(Pace::Clients(4), SHORT, Until::Recorded).await;
    assert!(report.is_clean(), "{report}");
    assert!(report.acknowledged > 4, "{report}");
    assert_eq!((report.sent, report.clients, report.offered_per_second), (report.acknowledged, 4, None));
    assert_eq!(server.recorded() as u64, report.acknowledged);
    assert_eq!(report.steps.keys().copied().collect::<Vec<_>>(), Step::ALL);
    assert!(report.steps.values().all(|step| step.count == report.acknowledged && step.complete));
    let at_once = f64::from(u32::try_from(report.acknowledged).unwrap()) / report.elapsed_s;
    assert!((report.acknowledged_per_second - at_once).abs() < 0.001);
    assert!(report.through_per_second() <= report.acknowledged_per_second);
    assert!(report.errors.is_empty() && report.retries == 0 && report.answered_202 == 0);
}

#[tokio::test]
async fn busy_answers_and_broken_connections_are_repeated_with_the_same_key() {
    let server = Server::start(|number| match number % 10 {
        3 => Act::Busy,
        6 => Act::RecordAndBreak,
        _ => Act::Record,
    })
    .await;
    let report = server.drive(Pace::Clients(3), SHORT, Until::Recorded).await;
    assert!(report.is_clean(), "{report}");
    let (busy, broken) = (report.errors["503"], report.errors["broken connection"]);
    assert!(busy > 0 && broken > 0, "{report}");
    assert_eq!(report.retries, busy + broken, "{report}");
    assert_eq!((report.acknowledged, server.recorded() as u64), (report.sent, report.sent));
    assert_eq!(server.books.lock().unwrap().requests as u64, report.sent + report.retries);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let server = Server::start(|number| if number == 5 { Act::Refuse } else { Act::Record }).await;
    let report = server.drive(Pace::Clients(1), SHORT, Until::Recorded).await;
    assert!(!report.is_clean());
    assert_eq!((report.refused, report.retries, report.acknowledged), (1, 0, report.sent - 1));
    assert_eq!(report.first_refusal.as_deref(), Some("422 {\"type\":\"no\"}"));
}

#[tokio::test]
async fn accepted_sales_are_followed_until_they_are_recorded() {
    let server = Server::start(|number| if number % 2 == 0 { Act::Later } else { Act::Record }).await;
    let report = server.drive(Pace::Clients(2), SHORT, Until::Recorded).await;
    assert!(report.is_clean() && report.answered_202 > 0, "{report}");
    assert_eq!(server.recorded() as u64, report.sent);
    assert!(report.latency_ms.max > report.acknowledged_ms.p50, "{report}");

    let server = Server::start(|number| if number % 2 == 0 { Act::Later } else { Act::Record }).await;
    let report = server.drive(Pace::Rate { per_second: 100.0, clients_max: 8 }, SHORT, Until::Accepted).await;
    assert_eq!((report.answered_202, report.unrecorded, report.sent), (15, 0, 30), "{report}");
    assert_eq!(server.recorded(), 30);
}

#[tokio::test]
async fn a_stall_shows_in_every_sale_that_was_due_meanwhile() {
    // The first answer takes 200 ms, and there is only one till.
    let server =
        Server::start(|number| Act::RecordAfter(Duration::from_millis(if number == 0 { 200 } else { 0 }))).await;
    let report = server.drive(Pace::Rate { per_second: 100.0, clients_max: 1 }, SHORT, Until::Recorded).await;
    assert_eq!((report.sent, report.acknowledged, report.clients), (30, 30, 1), "{report}");
    // Of 30 sales, those of the first 200 ms waited 200, 190, … ms.
    assert!(report.latency_ms.p50 >= 50.0, "{report}");
    assert!(report.latency_ms.max >= 200.0, "{report}");
}

#[tokio::test]
async fn a_till_gives_up_in_the_end() {
    let server = Server::start(|_| Act::Busy).await;
    let mut till = super::Till::new(Target::new(&server.url, None).unwrap(), Until::Recorded, SHORT, 1);
    let sold = till.sell(Uuid::from_u128(1), "{}".into()).await;
    assert_eq!(sold.ending, super::till::Ending::GivenUp);
    assert!(!sold.troubles.is_empty() && sold.troubles.iter().all(|trouble| trouble == "503"));
    assert!(sold.accepted.is_none());
}
