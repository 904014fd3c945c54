//! How the operator's commands find the system that they are about: by its data folder, or by addresses.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use sqlx::{Connection, PgConnection};
use tillstream_bus::Bus;
use tillstream_runtime::settings::{read_password, with_password};
use tokio::time::{Instant, sleep};

use crate::{UpFile, folder::Folder, secrets::Secrets};

/// How long NATS may take to answer.
const CONNECT: Duration = Duration::from_secs(5);

/// The data folder of a running `pos up`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Data {
    /// The data folder of a running `pos up`
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

/// Where the database is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Database {
    /// The database, as a role that may do this [default: that of the data folder, as superuser]
    #[arg(long = "database", value_name = "URL")]
    url: Option<String>,
    /// A file with the password, which the URL then has not
    #[arg(long = "database-password-file", value_name = "FILE", requires = "url")]
    password_file: Option<PathBuf>,
}

/// Where NATS is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Nats {
    /// NATS servers, separated by commas; encrypted with `tls://` [default: that of the data folder]
    #[arg(long = "nats", id = "nats", value_name = "URL", requires = "nats-password-file")]
    url: Option<String>,
    /// The operator's user on NATS
    #[arg(long, default_value = "operator")]
    user: String,
    /// A file with the user's password on NATS
    #[arg(long = "nats-password-file", id = "nats-password-file", value_name = "FILE", requires = "nats")]
    password_file: Option<PathBuf>,
    /// A PEM file with who vouches for servers at `tls://` [default: the authorities that this machine trusts]
    #[arg(long = "nats-ca-file", id = "nats-ca-file", value_name = "FILE", requires = "nats")]
    ca_file: Option<PathBuf>,
    /// Into how many partitions merchants are spread [default: that of the data folder, else 1]
    #[arg(long, value_name = "COUNT")]
    partitions: Option<u16>,
}

/// NATS, by the data folder or by its address.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    nats: Nats,
}

impl Place {
    /// Connects as operator.
    pub(crate) async fn connect(&self) -> anyhow::Result<Bus> {
        self.nats.connect(&self.data).await
    }

    /// The data folder, which may be none when an address is given.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.data.data
    }
}

impl Data {
    pub(crate) fn folder(&self) -> anyhow::Result<Folder> {
        Folder::at(&self.data)
    }
}

impl Database {
    /// Connects.
    pub(crate) async fn connect(&self, data: &Data) -> anyhow::Result<PgConnection> {
        let url = match (&self.url, &self.password_file) {
            (Some(url), None) => url.clone(),
            (Some(url), Some(file)) => {
                with_password(url, &read_password(file)?).context("use --database-password-file")?
            }
            (None, _) => UpFile::read(&data.data)?.database,
        };
        connect_database(&url).await
    }
}

impl Nats {
    /// Connects as operator.
    pub(crate) async fn connect(&self, data: &Data) -> anyhow::Result<Bus> {
        let settings = match (&self.url, &self.password_file) {
            (Some(url), Some(file)) => tillstream_bus::Settings {
                url: url.clone(),
                user: self.user.clone(),
                password: read_password(file)?,
                tls_ca_file: self.ca_file.clone().unwrap_or_default(),
                partitions: self.partitions.unwrap_or(1),
            },
            _ => self.of_folder(data)?,
        };
        connect_bus(&settings).await
    }

    fn of_folder(&self, data: &Data) -> anyhow::Result<tillstream_bus::Settings> {
        let up = UpFile::read(&data.data)?;
        Ok(tillstream_bus::Settings {
            url: up.nats,
            user: self.user.clone(),
            password: Secrets::read(&data.folder()?.secrets())?.nats(&self.user).to_owned(),
            tls_ca_file: PathBuf::new(),
            partitions: self.partitions.unwrap_or(up.partitions),
        })
    }
}

/// Connects to a database. Errors do not show the password.
pub(crate) async fn connect_database(url: &str) -> anyhow::Result<PgConnection> {
    let place = url.rsplit_once('@').map_or("the given address", |(_, place)| place);
    PgConnection::connect(url).await.with_context(|| format!("connect to PostgreSQL at {place}: is it running?"))
}

/// Connects to NATS, and does not go on without.
pub(crate) async fn connect_bus(settings: &tillstream_bus::Settings) -> anyhow::Result<Bus> {
    let bus = Bus::connect(settings, CONNECT).await?;
    let until = Instant::now() + CONNECT;
    while !bus.is_connected() {
        if Instant::now() > until {
            let tls = if settings.url.contains("tls://") {
                " Does it speak TLS, with a certificate for that name, of an authority that is trusted here?"
            } else {
                ""
            };
            bail!(
                "NATS at {} does not let user {:?} in: is it running, and is the password right?{tls}",
                settings.url,
                settings.user
            );
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(bus)
}
