use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tillstream_servers::free_port;
use tillstream_servers::nats::{Server, Settings, SyncInterval};

use crate::support::{Lines, WITHIN, open_dir, programs};

fn settings(dir: &Path) -> Settings {
    Settings {
        dir: dir.join("a \"quoted\" folder"),
        name: "till-test".to_owned(),
        port: free_port().unwrap(),
        monitor_port: Some(free_port().unwrap()),
        accounts: "accounts {\n  SHOP: { jetstream: enabled, users: [{ user: till, password: secret }] }\n}".to_owned(),
        sync_interval: SyncInterval::Always,
        max_payload_bytes: 2_000_000,
        max_file_store_bytes: 1 << 30,
    }
}

/// What the server says to a client with this password, after its INFO line.
fn answer_to(port: u16, password: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    let connect = format!("CONNECT {{\"user\":\"till\",\"pass\":\"{password}\",\"verbose\":false}}\r\nPING\r\n");
    stream.write_all(connect.as_bytes()).unwrap();
    BufReader::new(stream).lines().nth(1).unwrap().unwrap()
}

fn http(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_server_starts_as_configured_and_stops() {
    let dir = open_dir();
    let run_dir = dir.path().join("run");
    let settings = settings(dir.path());
    let server = Server::new(&programs(), settings.clone()).unwrap();
    let lines = Lines::default();
    let mut child = server.start(&run_dir, &lines.on_line(), WITHIN).await.unwrap();
    assert!(run_dir.join("nats.pid").exists());

    let mode = fs::metadata(settings.dir.join("nats.conf")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds passwords");
    assert_eq!(answer_to(settings.port, "secret"), "PONG");
    assert!(answer_to(settings.port, "wrong").starts_with("-ERR"));
    let jetstream = http(settings.monitor_port.unwrap(), "/jsz");
    assert!(jetstream.contains("\"sync_always\": true"), "{jetstream}");
    assert!(jetstream.contains("\"max_storage\": 1073741824"), "{jetstream}");
    let varz = http(settings.monitor_port.unwrap(), "/varz");
    assert!(varz.contains("\"max_payload\": 2000000"), "{varz}");

    child.pause().unwrap();
    child.resume().unwrap();
    assert_eq!(answer_to(settings.port, "secret"), "PONG");
    assert!(child.stop(WITHIN).await.unwrap().success());
    assert!(!run_dir.join("nats.pid").exists());
    assert!(lines.text().contains("nats: "), "its log is passed on");
}

#[tokio::test]
async fn another_server_on_the_port_does_not_pass_for_it() {
    let dir = open_dir();
    let lines = Lines::default();
    let settings = Settings { monitor_port: None, sync_interval: SyncInterval::Millis(1), ..settings(dir.path()) };
    let server = Server::new(&programs(), settings.clone()).unwrap();
    let mut child = server.start(dir.path(), &lines.on_line(), WITHIN).await.unwrap();

    let other = Server::new(&programs(), Settings { name: "other".to_owned(), ..settings }).unwrap();
    let taken = other.start(dir.path(), &lines.on_line(), WITHIN).await.unwrap_err().to_string();
    assert!(taken.contains("is taken"), "{taken}");
    let not_ready = other.ready(Duration::from_millis(100)).await.unwrap_err().to_string();
    assert!(not_ready.starts_with("nats did not answer on port"), "{not_ready}");
    child.stop(WITHIN).await.unwrap();
}

#[tokio::test]
async fn a_mistake_in_the_accounts_is_said() {
    let dir = open_dir();
    let lines = Lines::default();
    let settings = Settings { accounts: "accounts { no end".to_owned(), ..settings(dir.path()) };
    let error = Server::new(&programs(), settings).unwrap().start(dir.path(), &lines.on_line(), WITHIN).await;
    assert!(error.unwrap_err().to_string().starts_with("nats ended while starting"));
    assert!(lines.text().contains("Parse error"), "{}", lines.text());
}
