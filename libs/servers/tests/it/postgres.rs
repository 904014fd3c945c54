use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tillstream_servers::postgres::Cluster;
use tillstream_servers::{Error, Password, free_port};

use crate::support::{Lines, WITHIN, cluster, open_dir, programs};

async fn setting(url: &str, name: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let value = sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    value
}

#[tokio::test]
async fn a_durable_cluster_starts_stops_and_starts_again() {
    let dir = open_dir();
    let run_dir = dir.path().join("run");
    let password = Password::new("p@ss wörd/'1'");
    let data = dir.path().join("made/data");
    let cluster = Cluster::new(&programs(), &data, free_port().unwrap(), "till", password).unwrap();
    cluster.init().await.unwrap();
    let parent: Vec<_> = fs::read_dir(data.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(parent, [data], "neither the password nor a half-made folder is left");

    let lines = Lines::default();
    let mut server = cluster.start(&[("max_connections", "7")], &run_dir, &lines.on_line(), WITHIN).await.unwrap();
    let url = cluster.superuser_url("postgres");
    for (name, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("max_connections", "7"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
        ("wal_compression", "pglz"),
    ] {
        assert_eq!(setting(&url, name).await, value, "{name}");
    }
    let wrong = cluster.url("till", &Password::new("wrong"), "postgres");
    assert!(PgConnection::connect(&wrong).await.is_err(), "a password is asked for");
    assert!(server.stop(WITHIN).await.unwrap().success());
    assert!(!run_dir.join("postgres.pid").exists());
    assert!(!lines.text().contains("starting up"), "{}", lines.text());

    cluster.init().await.unwrap();
    let mut server = cluster.start(&[], &run_dir, &lines.on_line(), WITHIN).await.unwrap();
    server.kill9().unwrap();
    server.wait().await.unwrap();
    // As a supervisor does: what the killed server started may take a moment to end.
    let restarted = async {
        loop {
            match cluster.start(&[], &run_dir, &lines.on_line(), WITHIN).await {
                Ok(server) => break server,
                Err(Error::EndedEarly { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let mut server = tokio::time::timeout(WITHIN, restarted).await.unwrap();
    assert_eq!(setting(&url, "max_connections").await, "100");
    server.stop(WITHIN).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_closed_to_other_users_will_do() {
    let outer = open_dir();
    let closed = outer.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let cluster = cluster(&closed);
    match cluster.init().await {
        Ok(()) => {
            let mut server = cluster.start(&[], outer.path(), &Lines::default().on_line(), WITHIN).await.unwrap();
            assert_eq!(setting(&cluster.superuser_url("postgres"), "fsync").await, "off");
            assert!(server.stop(WITHIN).await.unwrap().success());
        }
        // As root without setpriv or without the capability to give.
        Err(Error::Closed { folder, .. }) => assert_eq!(folder, fs::canonicalize(closed).unwrap()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_taken_port_is_said() {
    let dir = open_dir();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let cluster = Cluster::new(&programs(), &dir.path().join("data"), port, "till", Password::new("x")).unwrap();
    let lines = Lines::default();
    let error = cluster.start(&[], dir.path(), &lines.on_line(), WITHIN).await.unwrap_err().to_string();
    assert_eq!(error, format!("port {port} on 127.0.0.1 is taken: choose another, or stop what listens there"));
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let dir = open_dir();
    let cluster = cluster(dir.path());
    cluster.init().await.unwrap();
    let lines = Lines::default();
    let error = cluster.start(&[("no_such_setting", "1")], dir.path(), &lines.on_line(), WITHIN).await.unwrap_err();
    assert!(matches!(error, Error::EndedEarly { .. }), "{error}");
    assert!(lines.text().contains("no_such_setting"), "its last output is passed on: {}", lines.text());
    assert!(!dir.path().join("postgres.pid").exists());
}

#[tokio::test]
async fn data_of_another_version_is_refused() {
    let dir = open_dir();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let error = cluster(dir.path()).init().await.unwrap_err().to_string();
    assert!(error.contains("holds data of PostgreSQL 9, but"), "{error}");
}

#[tokio::test]
async fn what_initdb_says_is_in_the_error() {
    let dir = open_dir();
    let cluster = Cluster::new(&programs(), &dir.path().join("data"), 1, "pg_not_allowed", Password::new("x")).unwrap();
    let error = cluster.init().await.unwrap_err().to_string();
    assert!(error.contains("pg_not_allowed"), "{error}");
    assert!(!Path::new(&dir.path().join("data")).exists());
}
