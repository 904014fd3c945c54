//! Passwords of roles on their way to PostgreSQL.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use sqlx::{Connection, PgConnection};
use tillstream_store::role;
use tillstream_testkit::Shop;
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_password_is_in_no_statement() {
    let shop = Shop::open_idle().await;
    let pool = shop.database.superuser().await;
    let (log, password) = (Log::default(), "7e57");
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || lines.clone());
    let guard = subscriber.finish().set_default();
    role::allow_login(&mut pool.acquire().await.unwrap(), "tillstream_receipts", password).await.unwrap();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("alter role tillstream_receipts login password 'SCRAM-SHA-256$"), "{log}");
    assert!(!log.contains(&format!("'{password}'")), "{log}");
    PgConnection::connect(&shop.database.url("receipts")).await.unwrap();
}
