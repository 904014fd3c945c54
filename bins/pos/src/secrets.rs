//! Passwords and keys, made once and kept in the data folder.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tillstream_bus::access;
use tillstream_domain::receipt::SigningKey;
use tillstream_servers::Password;
use tillstream_store::role;

use crate::folder::{Folder, write_private};

/// `PostgreSQL`'s superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// Every password of a system; hexadecimal.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    postgres: BTreeMap<String, String>,
    nats: BTreeMap<String, String>,
}

impl Secrets {
    /// Reads the folder's passwords and makes those that are missing.
    pub(crate) fn keep(folder: &Folder) -> anyhow::Result<Self> {
        let path = folder.secrets();
        let mut secrets = if path.exists() { Self::read(folder)? } else { Self::default() };
        if secrets.postgres.is_empty() && folder.postgres().exists() {
            bail!(
                "{} is missing, but the database whose passwords it holds is there: restore it from a backup, or move {} away to begin anew",
                path.display(),
                folder.root().display()
            );
        }
        let mut changed = false;
        for user in role::ROLES.into_iter().chain([SUPERUSER]) {
            changed |= add(&mut secrets.postgres, user)?;
        }
        for user in access::ROLES {
            changed |= add(&mut secrets.nats, user)?;
        }
        if changed {
            write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
        }
        Ok(secrets)
    }

    /// Reads the folder's passwords.
    pub(crate) fn read(folder: &Folder) -> anyhow::Result<Self> {
        let path = folder.secrets();
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("read {}: restore it from a backup", path.display()))
    }

    pub(crate) fn postgres(&self, user: &str) -> Password {
        Password::new(self.postgres.get(user).map_or("", String::as_str))
    }

    pub(crate) fn nats(&self, user: &str) -> &str {
        self.nats.get(user).map_or("", String::as_str)
    }
}

fn add(passwords: &mut BTreeMap<String, String>, user: &str) -> anyhow::Result<bool> {
    if passwords.contains_key(user) {
        return Ok(false);
    }
    passwords.insert(user.to_owned(), Password::random()?.reveal().to_owned());
    Ok(true)
}

/// Makes the keys that are missing: `receipts.ed25519` and `tokens.ed25519`, 32 secret bytes as 64 hexadecimal digits,
/// and their public halves `receipts.pub` and `tokens.pub`.
pub(crate) fn keep_keys(folder: &Folder) -> anyhow::Result<()> {
    for name in ["receipts", "tokens"] {
        let path = folder.keys().join(format!("{name}.ed25519"));
        if !path.exists() {
            if folder.postgres().exists() {
                bail!("{} is missing, but what it signed is there: restore it from a backup", path.display());
            }
            let seed = [Password::random()?, Password::random()?];
            write_private(&path, &format!("{}{}\n", seed[0].reveal(), seed[1].reveal()))?;
        }
        let public = SigningKey::from_seed(&read_seed(&path)?).verifying_key();
        let path = folder.keys().join(format!("{name}.pub"));
        if !path.exists() {
            write_private(&path, &format!("{public}\n"))?;
        }
    }
    Ok(())
}

/// Reads a key: 32 bytes as 64 hexadecimal digits.
pub(crate) fn read_seed(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| format!("read the key {}", path.display()))?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed)
        .with_context(|| format!("read the key {}: it must be 64 hexadecimal digits", path.display()))?;
    Ok(seed)
}
