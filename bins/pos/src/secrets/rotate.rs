//! New keys and passwords in the place of old ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use tillstream_bus::access;
use tillstream_servers::Password;
use tillstream_store::role;

use super::{Secrets, command::Folder, derive, nats_file, postgres_file, public_half};
use crate::{console::out, folder::write_private};

/// Earlier keys of tokens that the edge takes besides the one in use.
const EARLIER_TOKEN_KEYS_MAX: usize = 3;

/// What to make anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// The key that signs tokens; what the old one signed is still taken until `pos secrets retire tokens`
    Tokens,
    /// The key that signs receipts; the old one's public half stays for ever, for the receipts that it signed
    Receipts,
    /// The passwords of all roles on NATS
    Nats,
    /// The passwords of the parts' roles in `PostgreSQL`
    Postgres,
}

/// Whose earlier keys are no longer taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Retired {
    /// Those of tokens
    Tokens,
}

/// Options of `pos secrets rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// What to make anew
    what: What,
    #[command(flatten)]
    folder: Folder,
}

/// Options of `pos secrets retire`.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// Whose earlier keys to remove
    what: Retired,
    /// The folder with a file for each secret
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn rotate(Rotate { what, folder: Folder { dir, partitions } }: &Rotate) -> anyhow::Result<()> {
    let missing = Secrets::missing(dir);
    if !missing.is_empty() {
        bail!(
            "{} is not whole: {} is missing; restore it, or see `pos secrets init`",
            dir.display(),
            missing.join(", ")
        );
    }
    match what {
        What::Tokens => {
            let earlier = rotate_key(dir, "tokens", EARLIER_TOKEN_KEYS_MAX)?;
            out!("made a new tokens.ed25519; the public half of the old one is kept in {earlier}");
            out!(
                "restart: `pos up`, or every edge once it has the new key and the old one's public half in tokens.earlier_keys"
            );
            out!(
                "in 31 days, when nothing that the old one signed is valid: `pos secrets retire tokens`, and restart again"
            );
        }
        What::Receipts => {
            let earlier = rotate_key(dir, "receipts", usize::MAX)?;
            out!("made a new receipts.ed25519; the public half of the old one is kept in {earlier}");
            out!(
                "publish receipts.pub where you publish {earlier}, which stays for ever: earlier receipts are verified by it"
            );
            out!(
                "restart: `pos up`, or the receipts worker once it has the new key and {earlier} in signing.earlier_keys"
            );
        }
        What::Nats => {
            let names: Vec<_> = access::ROLES.into_iter().map(nats_file).collect();
            new_passwords(dir, &names)?;
            Secrets::read(dir)?.derive_authorization(*partitions)?;
            out!("made anew: {}, and with them nats-authorization.conf", names.join(", "));
            out!(
                "restart: `pos up`; elsewhere hand the new ones over, have NATS reload its configuration, and restart each part"
            );
        }
        What::Postgres => {
            let names: Vec<_> = role::ROLES.into_iter().map(postgres_file).collect();
            new_passwords(dir, &names)?;
            out!(
                "made anew: {}; postgres-owner is as it was, for PostgreSQL must be told of it first",
                names.join(", ")
            );
            out!(
                "restart: `pos up`; elsewhere run `pos migrate --passwords {}`, hand the new ones over, and restart each part",
                dir.display()
            );
        }
    }
    Ok(())
}

pub(super) fn retire(Retire { what: Retired::Tokens, dir }: &Retire) -> anyhow::Result<()> {
    let earlier = earlier_files(dir, "tokens")?;
    for path in &earlier {
        fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    }
    match earlier.as_slice() {
        [] => out!("there is no earlier key of tokens"),
        removed => {
            let names: Vec<_> = removed.iter().map(|path| name_of(path)).collect();
            out!("removed {}", names.join(", "));
            out!("restart: `pos up`, or every edge without them in tokens.earlier_keys");
        }
    }
    Ok(())
}

/// Makes a new key, keeps the old one's public half, and returns that file's name. Whatever it dies at, no public half is
/// lost: at the worst the key in use is among the earlier ones too.
fn rotate_key(dir: &Path, signer: &str, earlier_max: usize) -> anyhow::Result<String> {
    let earlier = earlier_files(dir, signer)?;
    if earlier.len() >= earlier_max {
        bail!(
            "there are {} earlier keys of {signer}, and no more are taken: run `pos secrets retire {signer}` first",
            earlier.len()
        );
    }
    let name =
        format!("{signer}-{}.pub", earlier.iter().filter_map(|path| number(path, signer)).max().unwrap_or(0) + 1);
    let key = dir.join(format!("{signer}.ed25519"));
    write_private(&dir.join(&name), &public_half(&key)?)?;
    write_private(&key, &super::new_seed()?)?;
    derive(&dir.join(format!("{signer}.pub")), &public_half(&key)?)?;
    Ok(name)
}

fn new_passwords(dir: &Path, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        write_private(&dir.join(name), &format!("{}\n", Password::random()?.reveal()))?;
    }
    Ok(())
}

/// The public halves of keys that signed before the one in use: what is in `<signer>-*.pub`, in order of their names.
pub(crate) fn earlier_files(dir: &Path, signer: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut earlier = Vec::new();
    for file in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let path = file.with_context(|| format!("read {}", dir.display()))?.path();
        if name_of(&path).strip_prefix(signer).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".pub")).is_some() {
            earlier.push(path);
        }
    }
    earlier.sort();
    Ok(earlier)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn number(path: &Path, signer: &str) -> Option<u32> {
    name_of(path).strip_prefix(signer)?.strip_prefix('-')?.strip_suffix(".pub")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        Secrets::keep(temp.path()).unwrap();
        temp
    }

    fn options(what: What, dir: &Path) -> Rotate {
        Rotate { what, folder: Folder { dir: dir.to_owned(), partitions: 1 } }
    }

    fn read(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap()
    }

    #[test]
    fn an_old_keys_public_half_is_kept() {
        let temp = folder();
        for signer in ["receipts", "tokens"] {
            let what = if signer == "tokens" { What::Tokens } else { What::Receipts };
            let [key, public] = [format!("{signer}.ed25519"), format!("{signer}.pub")];
            let before = [read(temp.path(), &key), read(temp.path(), &public)];
            rotate(&options(what, temp.path())).unwrap();
            assert_eq!(read(temp.path(), &format!("{signer}-1.pub")), before[1]);
            assert_ne!(read(temp.path(), &key), before[0]);
            assert_eq!(read(temp.path(), &public), public_half(&temp.path().join(&key)).unwrap());
            let second = read(temp.path(), &public);
            rotate(&options(what, temp.path())).unwrap();
            assert_eq!(read(temp.path(), &format!("{signer}-2.pub")), second);
        }
    }

    #[test]
    fn a_fourth_earlier_key_of_tokens_is_refused_until_they_are_retired() {
        let temp = folder();
        let rotate = || rotate(&options(What::Tokens, temp.path()));
        for _ in 0..EARLIER_TOKEN_KEYS_MAX {
            rotate().unwrap();
        }
        let before = read(temp.path(), "tokens.ed25519");
        assert!(rotate().unwrap_err().to_string().contains("pos secrets retire tokens"));
        assert_eq!(read(temp.path(), "tokens.ed25519"), before);
        fs::write(temp.path().join("receipts-1.pub"), "kept").unwrap();
        retire(&Retire { what: Retired::Tokens, dir: temp.path().to_owned() }).unwrap();
        assert_eq!(earlier_files(temp.path(), "tokens").unwrap(), [""; 0].map(PathBuf::from));
        assert_eq!(earlier_files(temp.path(), "receipts").unwrap().len(), 1);
        rotate().unwrap();
    }

    #[test]
    fn passwords_are_made_anew_and_what_follows_from_them() {
        let temp = folder();
        let before = Secrets::read(temp.path()).unwrap();
        rotate(&options(What::Nats, temp.path())).unwrap();
        let after = Secrets::read(temp.path()).unwrap();
        for role in access::ROLES {
            assert_ne!(before.nats(role), after.nats(role));
            assert!(read(temp.path(), "nats-authorization.conf").contains(after.nats(role)));
        }
        assert_eq!(before.postgres("tillstream_edge").reveal(), after.postgres("tillstream_edge").reveal());
        rotate(&options(What::Postgres, temp.path())).unwrap();
        let last = Secrets::read(temp.path()).unwrap();
        for role in role::ROLES {
            assert_ne!(after.postgres(role).reveal(), last.postgres(role).reveal());
        }
        assert_eq!(after.postgres("postgres").reveal(), last.postgres("postgres").reveal(), "the owner's");
    }

    #[test]
    fn a_folder_that_is_not_whole_is_left_alone() {
        let temp = folder();
        fs::remove_file(temp.path().join("nats-edge")).unwrap();
        let said = rotate(&options(What::Tokens, temp.path())).unwrap_err().to_string();
        assert!(said.contains("nats-edge is missing") && !temp.path().join("tokens-1.pub").exists(), "{said}");
    }
}
