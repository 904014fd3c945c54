//! `up.json`: how to reach a running system.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tillstream_domain::id::MerchantId;

use crate::folder::{Folder, write_private};

/// What `pos up` writes into its data folder while it runs. It holds secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpFile {
    /// Where the edge answers.
    pub url: String,
    /// A bearer token for the demo merchant.
    pub token: String,
    /// The demo merchant.
    pub merchant: MerchantId,
    /// The process id of each part, and of `pos`.
    pub pids: BTreeMap<String, i32>,
    /// Three lines for the shell: sell, show the receipt, show the stock.
    pub curl: Vec<String>,
    /// Where each part shows its metrics.
    pub metrics: BTreeMap<String, String>,
    /// The database, as superuser.
    pub database: String,
    /// NATS, for clients; the operator's password is in `secrets/nats-operator`.
    pub nats: String,
    /// NATS, for monitoring over HTTP.
    pub nats_monitor: String,
    /// Where `PostgreSQL`'s and NATS's programs were looked for.
    pub services: PathBuf,
    /// Into how many partitions merchants are spread.
    pub partitions: u16,
}

impl UpFile {
    /// Reads the file of the data folder `data`.
    ///
    /// # Errors
    /// When there is none, for nothing runs there, or it can't be read.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let path = Folder::at(data)?.up_file();
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "read {}: is nothing running there? Start it with `pos up`, or name the data folder with --data",
                path.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
    }

    pub(crate) fn write(&self, folder: &Folder) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_private(&folder.up_file(), &format!("{text}\n"))
    }

    pub(crate) fn remove(folder: &Folder) -> anyhow::Result<()> {
        let path = folder.up_file();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}
