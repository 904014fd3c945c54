//! TLS with clients, for an edge that has no proxy before it to do so.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};
use tracing::{debug, info, warn};

use crate::config::TlsSettings;

/// How long a certificate that was replaced is still used.
const LOOK: Duration = Duration::from_mins(1);

/// Shakes hands with clients.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    handshake: Duration,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Tls {
    /// As the settings say; `None` if they name no certificate.
    ///
    /// # Errors
    /// When the certificate or its key can't be read, or they do not belong together.
    pub(crate) fn open(settings: &TlsSettings) -> anyhow::Result<Option<Self>> {
        let files = [&settings.certificate_file, &settings.key_file].map(Clone::clone);
        match files.each_ref().map(|file| file.as_os_str().is_empty()) {
            [true, true] => return Ok(None),
            [false, false] => {}
            _ => anyhow::bail!("the settings tls.certificate_file and tls.key_file go together: set both, or neither"),
        }
        let provider = Arc::new(ring::default_provider());
        let certificate = Arc::new(Certificate::read(files, provider.clone())?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("choose the versions of TLS")?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let handshake = Duration::from_millis(settings.handshake_ms);
        Ok(Some(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate, handshake }))
    }

    /// Shakes hands; `None` when the client does not know how to, or takes too long.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        match timeout(self.handshake, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                debug!(%error, "a client did not shake hands");
                None
            }
            Err(_) => None,
        }
    }

    /// Looks now and then whether there is another certificate. Never returns.
    pub(crate) async fn watch(&self) {
        loop {
            sleep(LOOK).await;
            self.look();
        }
    }

    /// Takes another certificate if there is one.
    fn look(&self) {
        match self.certificate.look() {
            Ok(true) => {
                info!(certificate = ?self.certificate, "the certificate was replaced; new connections get the new one");
            }
            Ok(false) => {}
            Err(failure) => warn!(
                error = format!("{failure:#}"),
                "the certificate was replaced by one that is unusable; the old one stays, and files are looked at again in a minute"
            ),
        }
    }
}

/// The certificate in use and where it is from.
struct Certificate {
    files: [PathBuf; 2],
    provider: Arc<CryptoProvider>,
    current: Mutex<Current>,
}

struct Current {
    /// SHA-256 of the files: times of change say less where files are links that move.
    digest: [u8; 32],
    key: Arc<CertifiedKey>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificate").field(&self.files[0]).finish()
    }
}

impl Certificate {
    fn read(files: [PathBuf; 2], provider: Arc<CryptoProvider>) -> anyhow::Result<Self> {
        let current = Current::parse(&files, &contents(&files)?, &provider)?;
        Ok(Self { files, provider, current: Mutex::new(current) })
    }

    /// Reads the files again. Says whether there was something new.
    fn look(&self) -> anyhow::Result<bool> {
        let contents = contents(&self.files)?;
        if digest(&contents) == self.current.lock().unwrap_or_else(PoisonError::into_inner).digest {
            return Ok(false);
        }
        let new = Current::parse(&self.files, &contents, &self.provider)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }
}

impl Current {
    fn parse(files: &[PathBuf; 2], contents: &[Vec<u8>; 2], provider: &CryptoProvider) -> anyhow::Result<Self> {
        let [certificate, key] = files.each_ref().map(|file| file.display());
        let chain = CertificateDer::pem_slice_iter(&contents[0])
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| format!("read {certificate} as PEM (setting tls.certificate_file)"))?;
        anyhow::ensure!(!chain.is_empty(), "there is no certificate in {certificate} (setting tls.certificate_file)");
        let private = PrivateKeyDer::from_pem_slice(&contents[1])
            .with_context(|| format!("read a private key from {key} (setting tls.key_file)"))?;
        let key = CertifiedKey::from_der(chain, private, provider)
            .with_context(|| format!("use the key in {key} with the certificate in {certificate}"))?;
        Ok(Self { digest: digest(contents), key: Arc::new(key) })
    }
}

fn contents(files: &[PathBuf; 2]) -> anyhow::Result<[Vec<u8>; 2]> {
    let read = |file: &PathBuf, setting| {
        let bytes: io::Result<Vec<u8>> = fs::read(file);
        bytes.with_context(|| format!("read {} (setting {setting})", file.display()))
    };
    Ok([read(&files[0], "tls.certificate_file")?, read(&files[1], "tls.key_file")?])
}

fn digest(contents: &[Vec<u8>; 2]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for bytes in contents {
        hash.update(Sha256::digest(bytes));
    }
    hash.finalize().into()
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.lock().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };
    use tokio_rustls::{
        TlsConnector,
        rustls::{ClientConfig, RootCertStore, client::Resumption, pki_types::ServerName},
    };

    use super::*;
    use crate::front::tests::Served;

    /// A new certificate in `folder`, and a client that trusts it alone.
    fn issue(folder: &Path) -> TlsConnector {
        let issued = rcgen::generate_simple_self_signed(["edge.test".to_owned()]).unwrap();
        fs::write(folder.join("certificate.pem"), issued.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(issued.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // Each connection is to look at the certificate.
        config.resumption = Resumption::disabled();
        TlsConnector::from(Arc::new(config))
    }

    fn settings(folder: &Path) -> TlsSettings {
        let [certificate_file, key_file] = ["certificate.pem", "key.pem"].map(|file| folder.join(file));
        TlsSettings { certificate_file, key_file, handshake_ms: 60_000 }
    }

    async fn get(served: &Served, client: &TlsConnector) -> io::Result<String> {
        let name = ServerName::try_from("edge.test").unwrap();
        let mut stream = client.connect(name, served.connect().await).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: edge.test\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn served(settings: &TlsSettings) -> (Served, Arc<Tls>) {
        let tls = Arc::new(Tls::open(settings).unwrap().unwrap());
        (Served::with(|_| {}, Some(tls.clone())).await, tls)
    }

    #[tokio::test]
    async fn clients_are_served_over_tls_and_not_without() {
        let folder = TempDir::new().unwrap();
        let client = issue(folder.path());
        let (served, _) = served(&settings(folder.path())).await;
        assert!(get(&served, &client).await.unwrap().starts_with("HTTP/1.1 200"));
        let answer = served.send(b"GET / HTTP/1.1\r\nhost: edge.test\r\n\r\n").await;
        assert!(!answer.contains("200"), "{answer}");
    }

    #[tokio::test]
    async fn who_is_slow_to_shake_hands_is_not_waited_for() {
        let folder = TempDir::new().unwrap();
        let client = issue(folder.path());
        let (patient, _) = served(&settings(folder.path())).await;
        let slow: TcpStream = patient.connect().await;
        assert!(get(&patient, &client).await.unwrap().starts_with("HTTP/1.1 200"));
        drop(slow);
        let (hasty, _) = served(&TlsSettings { handshake_ms: 50, ..settings(folder.path()) }).await;
        assert_eq!((hasty.send(&[22, 3, 1]).await.as_str(), hasty.cut("handshake")), ("", 1));
    }

    #[tokio::test]
    async fn a_new_certificate_is_taken_and_a_bad_one_is_not() {
        let folder = TempDir::new().unwrap();
        let old = issue(folder.path());
        let (served, tls) = served(&settings(folder.path())).await;
        let new = issue(folder.path());
        assert!(get(&served, &old).await.is_ok() && get(&served, &new).await.is_err());
        tls.look();
        assert!(get(&served, &old).await.is_err() && get(&served, &new).await.is_ok());

        // Half replaced: a key that is not this certificate's.
        let certificate = fs::read(folder.path().join("certificate.pem")).unwrap();
        issue(folder.path());
        fs::write(folder.path().join("certificate.pem"), certificate).unwrap();
        assert!(tls.certificate.look().is_err());
        tls.look();
        assert!(get(&served, &new).await.is_ok());
    }

    #[test]
    fn unusable_settings_are_named() {
        let folder = TempDir::new().unwrap();
        issue(folder.path());
        let good = settings(folder.path());
        let failure = |settings| format!("{:#}", Tls::open(&settings).unwrap_err());
        let half = TlsSettings { key_file: PathBuf::new(), ..good.clone() };
        assert!(failure(half).contains("tls.key_file go together"));
        let absent = TlsSettings { key_file: folder.path().join("absent"), ..good.clone() };
        assert!(failure(absent).contains("(setting tls.key_file)"));
        let swapped = TlsSettings { certificate_file: good.key_file.clone(), ..good.clone() };
        assert!(failure(swapped).contains("there is no certificate in"));
        let key = fs::read(&good.key_file).unwrap();
        issue(folder.path());
        fs::write(&good.key_file, key).unwrap();
        assert!(failure(good).contains("use the key in"));
        let none = TlsSettings { certificate_file: PathBuf::new(), key_file: PathBuf::new(), handshake_ms: 1 };
        assert!(Tls::open(&none).unwrap().is_none());
    }
}
