//! Encryption of the connection to NATS.

use std::{fs, io, path::Path};

use async_nats::{
    ConnectOptions,
    rustls::pki_types::{CertificateDer, pem::PemObject},
};

use super::{ConnectError, Settings};

/// What begins the address of a server that is reached encrypted.
const SCHEME: &str = "tls://";

/// `options` with encryption, if the addresses ask for it. It is then asked of servers too that the first one names.
pub(super) fn protected(options: ConnectOptions, settings: &Settings) -> Result<ConnectOptions, ConnectError> {
    let Settings { url, tls_ca_file: file, .. } = settings;
    let given = !file.as_os_str().is_empty();
    let encrypted = url.split(',').filter(|address| address.trim().starts_with(SCHEME)).count();
    match encrypted {
        0 if given => Err(ConnectError::CaWithoutTls { url: url.clone(), file: file.clone() }),
        0 => Ok(options),
        some if some < url.split(',').count() => Err(ConnectError::MixedTls(url.clone())),
        _ if given => {
            // The client reads it at each connection, and says only that it could not connect.
            check(file).map_err(|error| ConnectError::Ca(file.clone(), error))?;
            Ok(options.require_tls(true).add_root_certificates(file.clone()))
        }
        _ => Ok(options.require_tls(true)),
    }
}

fn check(file: &Path) -> io::Result<()> {
    let text = fs::read(file)?;
    let certificates =
        CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    if certificates.is_empty() {
        return Err(io::Error::other("there is no certificate in it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn said(url: &str, file: &Path) -> String {
        let settings = Settings {
            url: url.to_owned(),
            user: String::new(),
            password: String::new(),
            tls_ca_file: file.to_owned(),
            partitions: 1,
        };
        protected(ConnectOptions::new(), &settings).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_would_be_half_encrypted_is_refused() {
        let none = PathBuf::new();
        assert_eq!(said("nats://a:1, nats://b:1", &none), "");
        assert_eq!(said("tls://a:1, tls://b:1", &none), "");
        assert!(said("tls://a:1, nats://b:1", &none).contains("must either all begin with tls://"));
        assert!(said("tls://a:1,b:1", &none).contains("must either all begin with tls://"));
    }

    #[test]
    fn a_file_that_vouches_for_nobody_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        assert!(said("tls://a:1", &file).contains("could not read certificates"));
        fs::write(&file, "no certificate").unwrap();
        assert!(said("tls://a:1", &file).contains("could not read certificates"));
        assert!(said("nats://a:1", &file).contains("is not encrypted: write tls://"));
    }
}
