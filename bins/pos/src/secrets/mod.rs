//! Passwords and keys: made once, and kept in a folder, each in a file of its own.
//!
//! | file | what it holds |
//! |---|---|
//! | `nats-<role>` | the password of a role on NATS, hexadecimal |
//! | `postgres-<role>` | the password of a role in PostgreSQL, hexadecimal; `owner` is the role that migrates |
//! | `receipts.ed25519`, `tokens.ed25519` | the keys that sign receipts and tokens: 32 bytes, hexadecimal |
//! | `pins.pepper` | what every PIN is hashed with: 32 bytes, hexadecimal |
//! | `receipts.pub`, `tokens.pub` | their public halves, made from them |
//! | `receipts-<n>.pub`, `tokens-<n>.pub` | the public halves of keys that signed before those |
//! | `nats-authorization.conf` | who may do what on NATS, made from the passwords and the number of partitions |

mod command;
mod rotate;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use tillstream_bus::access;
use tillstream_domain::receipt::SigningKey;
use tillstream_runtime::settings::read_password;
use tillstream_servers::Password;
use tillstream_store::role;

pub(crate) use command::{Command, command};
pub(crate) use rotate::earlier_files;

use crate::folder::write_private;

/// `PostgreSQL`'s superuser in a system of `pos up`.
pub(crate) const SUPERUSER: &str = "postgres";
/// The password of the role that migrates.
const OWNER: &str = "postgres-owner";
/// What every PIN is hashed with: who has the database alone cannot try all PINs.
pub(crate) const PEPPER: &str = "pins.pepper";
/// What the two keys sign; their files are these with `.ed25519` and `.pub`.
const KEYS: [&str; 2] = ["receipts", "tokens"];
/// Who may do what on NATS.
const AUTHORIZATION: &str = "nats-authorization.conf";

/// A folder of secrets.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    dir: PathBuf,
    passwords: BTreeMap<String, Password>,
}

impl Secrets {
    /// Makes what is missing in `dir`, and returns it with the names of what was made. Nothing is overwritten.
    pub(crate) fn keep(dir: &Path) -> anyhow::Result<(Self, Vec<String>)> {
        if !dir.exists() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(dir).with_context(|| format!("make {}", dir.display()))?;
        }
        let mut made = Vec::new();
        for name in names().filter(|name| !dir.join(name).exists()) {
            let text = match name.strip_suffix(".ed25519") {
                None if name != PEPPER => format!(
                    "{}
",
                    Password::random()?.reveal()
                ),
                None => new_seed()?,
                Some(signer) => {
                    let public = dir.join(format!("{signer}.pub"));
                    if public.exists() {
                        bail!(
                            "{} is there, but the key that it belongs to, {name}, is not: restore it from a backup; a new one does not fit what the old one signed",
                            public.display()
                        );
                    }
                    new_seed()?
                }
            };
            write_private(&dir.join(&name), &text)?;
            made.push(name);
        }
        for signer in KEYS {
            derive(&dir.join(format!("{signer}.pub")), &public_half(&dir.join(format!("{signer}.ed25519")))?)?;
        }
        Ok((Self::read(dir)?, made))
    }

    /// Reads the passwords of a folder; all must be there.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        let names = names().filter(|name| !name.ends_with(".ed25519") && name != PEPPER);
        let passwords = names.map(|name| Ok((name.clone(), password(dir, &name)?)));
        Ok(Self { dir: dir.to_owned(), passwords: passwords.collect::<anyhow::Result<_>>()? })
    }

    /// The names of the secrets that are not in `dir`.
    pub(crate) fn missing(dir: &Path) -> Vec<String> {
        names().filter(|name| !dir.join(name).exists()).collect()
    }

    /// The password of a role in `PostgreSQL`.
    pub(crate) fn postgres(&self, role: &str) -> &Password {
        self.passwords.get(&postgres_file(role)).expect("every role's password has been read")
    }

    /// The password of a role on NATS.
    pub(crate) fn nats(&self, role: &str) -> &str {
        self.passwords.get(&nats_file(role)).map_or("", Password::reveal)
    }

    /// Writes who may do what on NATS, unless it is there as it should be.
    fn derive_authorization(&self, partitions: u16) -> anyhow::Result<()> {
        derive(&self.dir.join(AUTHORIZATION), &authorization(&self.dir, partitions)?)
    }
}

/// What is made at random.
fn names() -> impl Iterator<Item = String> {
    let nats = access::ROLES.into_iter().map(nats_file);
    let postgres = role::ROLES.into_iter().map(postgres_file).chain([OWNER.to_owned()]);
    let keys = KEYS.into_iter().map(|signer| format!("{signer}.ed25519"));
    nats.chain(postgres).chain(keys).chain([PEPPER.to_owned()])
}

fn nats_file(role: &str) -> String {
    format!("nats-{role}")
}

/// The file with the password of a role in `PostgreSQL`.
pub(crate) fn postgres_file(role: &str) -> String {
    role.strip_prefix("tillstream_").map_or_else(|| OWNER.to_owned(), |role| format!("postgres-{role}"))
}

/// The `authorization` block of a NATS configuration, from the passwords in `dir`.
fn authorization(dir: &Path, partitions: u16) -> anyhow::Result<String> {
    let passwords = access::ROLES.into_iter().map(|role| Ok((role, password(dir, &nats_file(role))?)));
    let passwords = passwords.collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    Ok(access::authorization(partitions, |role| passwords.get(role).map_or("", Password::reveal)))
}

/// Reads a password that is written into statements and configurations, and therefore hexadecimal.
pub(crate) fn password(dir: &Path, name: &str) -> anyhow::Result<Password> {
    let text = read_password(&dir.join(name))?;
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("the password in {} is not hexadecimal", dir.join(name).display());
    }
    Ok(Password::new(text))
}

/// The public half of a key, as 64 hexadecimal digits and the end of the line.
fn public_half(key: &Path) -> anyhow::Result<String> {
    Ok(format!("{}\n", SigningKey::from_seed(&read_seed(key)?).verifying_key()))
}

/// Writes what follows from secrets, unless it is there as it should be.
fn derive(path: &Path, text: &str) -> anyhow::Result<()> {
    match fs::read_to_string(path) {
        Ok(found) if found == text => Ok(()),
        _ => write_private(path, text),
    }
}

/// 32 random bytes, as the file of a key holds them.
fn new_seed() -> anyhow::Result<String> {
    Ok(format!("{}{}\n", Password::random()?.reveal(), Password::random()?.reveal()))
}

/// Reads a key: 32 bytes as 64 hexadecimal digits.
pub(crate) fn read_seed(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| format!("read the key {}", path.display()))?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed)
        .with_context(|| format!("read the key {}: it must be 64 hexadecimal digits", path.display()))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_do_not_show() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("secrets");
        let (first, made) = Secrets::keep(&dir).unwrap();
        assert_eq!(made.len(), 15, "{made:?}");
        let (again, made) = Secrets::keep(&dir).unwrap();
        assert_eq!((made, again.nats("edge")), (vec![], first.nats("edge")));
        assert_ne!(first.nats("edge"), first.nats("sales"));
        let shown = format!("{first:?}");
        assert!(!shown.contains(first.nats("edge")) && !shown.contains(first.postgres(SUPERUSER).reveal()), "{shown}");
    }

    #[test]
    fn a_lost_password_is_made_anew_and_a_lost_key_is_not() {
        let temp = tempfile::tempdir().unwrap();
        Secrets::keep(temp.path()).unwrap();
        fs::remove_file(temp.path().join("nats-edge")).unwrap();
        assert_eq!(Secrets::missing(temp.path()), ["nats-edge"]);
        assert_eq!(Secrets::keep(temp.path()).unwrap().1, ["nats-edge"]);
        fs::remove_file(temp.path().join("receipts.ed25519")).unwrap();
        let said = Secrets::keep(temp.path()).unwrap_err().to_string();
        assert!(said.contains("receipts.ed25519, is not: restore it from a backup"), "{said}");
        assert!(!temp.path().join("receipts.ed25519").exists());
    }

    #[test]
    fn what_follows_from_secrets_follows_them() {
        let temp = tempfile::tempdir().unwrap();
        let (secrets, _) = Secrets::keep(temp.path()).unwrap();
        secrets.derive_authorization(1).unwrap();
        let text = || fs::read_to_string(temp.path().join(AUTHORIZATION)).unwrap();
        assert!(text().contains(secrets.nats("receipts")) && !text().contains("EVENTS_1"));
        secrets.derive_authorization(2).unwrap();
        assert!(text().contains("EVENTS_1"));
        fs::write(temp.path().join("tokens.ed25519"), "07".repeat(32)).unwrap();
        Secrets::keep(temp.path()).unwrap();
        let public = fs::read_to_string(temp.path().join("tokens.pub")).unwrap();
        assert_eq!(public, public_half(&temp.path().join("tokens.ed25519")).unwrap());
    }

    #[test]
    fn a_password_that_would_break_out_of_a_configuration_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        Secrets::keep(temp.path()).unwrap();
        fs::write(temp.path().join("nats-edge"), "x\" }").unwrap();
        let said = authorization(temp.path(), 1).unwrap_err().to_string();
        assert!(said.contains("nats-edge is not hexadecimal") && !said.contains("x\""), "{said}");
    }
}
