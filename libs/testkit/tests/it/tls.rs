//! Encrypted connections to NATS and PostgreSQL: with the right authority and name, and with no other.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tillstream_bus::{Bus, ConnectError, Settings};
use tillstream_runtime::settings::with_password;
use tillstream_servers::{Password, Programs, child, free_port, nats, postgres::Cluster};
use tillstream_store::Plans;

/// Generous, for machines that build something else meanwhile.
const WITHIN: Duration = Duration::from_mins(1);
/// What refuses a connection does so at once; the client then tries again for ever.
const REFUSED_WITHIN: Duration = Duration::from_secs(2);

/// A folder with the certificate and key of a server called `localhost`, its authority, and an authority that nobody asked.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The database runs as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let authority = || {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let (ours, other, key) = (authority(), authority(), KeyPair::generate().unwrap());
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", ours.pem());
        write("other.pem", other.pem());
        write("server.pem", server.pem());
        write("server.key", key.serialize_pem());
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn programs() -> Programs {
    Programs::find(Some(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.services")))).unwrap()
}

fn quiet() -> child::OnLine {
    Arc::new(|_: &str, _: &str| {})
}

/// A nats-server; with `tls`, one that speaks nothing else.
async fn broker(certificates: &Certificates, name: &str, tls: bool) -> (child::Child, u16) {
    let [certificate, key] = ["server.pem", "server.key"].map(|name| certificates.path(name).display().to_string());
    let tls = if tls { format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}\n") } else { String::new() };
    let settings = nats::Settings {
        dir: certificates.path(name),
        name: name.to_owned(),
        port: free_port().unwrap(),
        monitor_port: None,
        accounts: format!("{tls}authorization {{ users = [ {{ user: edge, password: \"7e57\" }} ] }}"),
        sync_interval: nats::SyncInterval::Millis(60_000),
        max_payload_bytes: 1 << 20,
        max_file_store_bytes: 1 << 30,
    };
    let (port, server) = (settings.port, nats::Server::new(&programs(), settings).unwrap());
    (server.start(&certificates.path(&format!("run-{name}")), &quiet(), WITHIN).await.unwrap(), port)
}

fn edge(url: String, tls_ca_file: PathBuf) -> Settings {
    Settings { url, user: "edge".to_owned(), password: "7e57".to_owned(), tls_ca_file, partitions: 1 }
}

async fn connects(url: String, ca: PathBuf, within: Duration) -> bool {
    let bus = Bus::connect(&edge(url, ca), WITHIN).await.unwrap();
    bus.connected(within).await
}

#[tokio::test]
async fn nats_is_reached_encrypted_by_who_knows_its_authority() {
    let certificates = Certificates::new();
    let (mut encrypted, port) = broker(&certificates, "encrypted", true).await;
    let (mut plain, plain_port) = broker(&certificates, "plain", false).await;
    let (ca, none) = (certificates.path("ca.pem"), PathBuf::new());
    assert!(connects(format!("tls://localhost:{port}"), ca.clone(), WITHIN).await);
    assert!(connects(format!("nats://127.0.0.1:{plain_port}"), none.clone(), WITHIN).await);
    let strangers = [
        ("an authority that this machine does not trust", format!("tls://localhost:{port}"), none.clone()),
        ("another authority", format!("tls://localhost:{port}"), certificates.path("other.pem")),
        ("another name", format!("tls://127.0.0.1:{port}"), ca.clone()),
        ("a client that asks for no encryption and knows no authority", format!("nats://localhost:{port}"), none),
        ("a server without encryption", format!("tls://localhost:{plain_port}"), ca),
    ];
    let let_in = strangers.map(async |(what, url, ca)| connects(url, ca, REFUSED_WITHIN).await.then_some(what));
    assert_eq!(join_all(let_in).await, [None; 5]);
    let missing = Bus::connect(&edge(format!("tls://localhost:{port}"), certificates.path("none.pem")), WITHIN).await;
    assert!(matches!(missing, Err(ConnectError::Ca(..))), "{missing:?}");
    encrypted.stop(WITHIN).await.unwrap();
    plain.stop(WITHIN).await.unwrap();
}

#[tokio::test]
async fn postgres_is_reached_encrypted_by_who_knows_its_authority() {
    let certificates = Certificates::new();
    let data = certificates.path("data");
    let cluster = Cluster::new(&programs(), &data, free_port().unwrap(), "till", Password::new("s3cr@t")).unwrap();
    let cluster = cluster.throw_away();
    cluster.init().await.unwrap();
    // It takes a key only from a file that is its own and nobody else's.
    let key = certificates.path("server.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(&data).unwrap();
    chown(&key, Some(owner.uid()), Some(owner.gid())).unwrap();
    let [certificate, key] = [certificates.path("server.pem"), key].map(|path| path.display().to_string());
    let run_dir = certificates.path("run");
    let settings = [("ssl", "on"), ("ssl_cert_file", certificate.as_str()), ("ssl_key_file", key.as_str())];
    let mut encrypted = cluster.start(&settings, &run_dir, &quiet(), WITHIN).await.unwrap();

    // As the settings give it: the password from its file, the rest in the URL.
    let url = |host: &str, ca: &str| {
        let ca = certificates.path(ca);
        let url = format!(
            "postgres://till@{host}:{}/postgres?sslmode=verify-full&sslrootcert={}",
            cluster.port(),
            ca.display()
        );
        with_password(&url, "s3cr@t").unwrap()
    };
    assert!(is_encrypted(&url("localhost", "ca.pem")).await.unwrap());
    for (what, url) in [
        ("another authority", url("localhost", "other.pem")),
        ("another name", url("127.0.0.1", "ca.pem")),
        ("no such file", url("localhost", "none.pem")),
    ] {
        assert!(is_encrypted(&url).await.is_err(), "{what}");
    }
    encrypted.stop(WITHIN).await.unwrap();
    let mut plain = cluster.start(&[], &run_dir, &quiet(), WITHIN).await.unwrap();
    let refused = is_encrypted(&url("localhost", "ca.pem")).await.unwrap_err().to_string();
    assert!(refused.contains("server does not support TLS"), "{refused}");
    plain.stop(WITHIN).await.unwrap();
}

/// Whether a connection of a pool such as every part has is encrypted, as the server sees it.
async fn is_encrypted(url: &str) -> Result<bool, sqlx::Error> {
    let pool = tillstream_store::pool("test", url, Plans::Once, 1, WITHIN).unwrap();
    let asked = sqlx::query_scalar("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetch_one(&pool).await;
    pool.close().await;
    asked
}
