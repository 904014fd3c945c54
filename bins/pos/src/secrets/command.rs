//! `pos secrets`: makes passwords and keys, and what follows from them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use tillstream_bus::subject::MAX_PARTITIONS;

use super::{
    Secrets,
    rotate::{self, Retire, Rotate},
};
use crate::console::out;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the secrets that are missing in a folder; what is there stays as it is
    Init(Init),
    /// Print who may do what on NATS, as the `authorization` block of its configuration
    Authorization {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        to: To,
    },
    /// Print the public half of a key
    Public(Public),
    /// Make a key or passwords anew, keep what must be kept of the old ones, and say what to restart
    Rotate(Rotate),
    /// Remove what was kept of earlier keys, so that what they signed is no longer taken
    Retire(Retire),
}

/// Where the secrets are.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder with a file for each secret
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Into how many partitions merchants are spread: NATS permissions name them
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_PARTITIONS)))]
    pub(super) partitions: u16,
}

/// Options of `pos secrets init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    folder: Folder,
    /// Also copy some into another folder, for a reader who shall have no others: `DIR=NAME,NAME`. Every user who is let
    /// into that folder may read the copies
    #[arg(long, value_name = "DIR=NAMES", value_parser = copy)]
    copy: Vec<Copy>,
}

/// Options of `pos secrets public`.
#[derive(Debug, Args)]
pub(crate) struct Public {
    /// The key: 32 bytes as 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    to: To,
}

/// Where a text goes. The images have no shell that could redirect output.
#[derive(Debug, Args)]
pub(crate) struct To {
    /// Write it into this file, which whoever is let into its folder may read [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl To {
    fn put(&self, text: &str) -> anyhow::Result<()> {
        match &self.out {
            Some(file) => put(text, file)?,
            None => out!("{}", text.trim_end()),
        }
        Ok(())
    }
}

/// Secrets for one reader.
#[derive(Clone, Debug)]
struct Copy {
    dir: PathBuf,
    names: Vec<String>,
}

pub(crate) fn command(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Init(options) => init(options)?,
        Command::Authorization { folder: Folder { dir, partitions }, to } => {
            to.put(&super::authorization(dir, *partitions)?)?;
        }
        Command::Public(Public { key, to }) => to.put(&super::public_half(key)?)?,
        Command::Rotate(options) => rotate::rotate(options)?,
        Command::Retire(options) => rotate::retire(options)?,
    }
    Ok(())
}

fn init(Init { folder: Folder { dir, partitions }, copy }: &Init) -> anyhow::Result<()> {
    let (secrets, made) = Secrets::keep(dir)?;
    secrets.derive_authorization(*partitions)?;
    match made.as_slice() {
        [] => out!("all secrets are there"),
        made => out!("made {}", made.join(", ")),
    }
    for Copy { dir: to, names } in copy {
        for name in names {
            hand_over(&dir.join(name), &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies a secret for a reader who may run as another user. The folder decides who that is.
fn hand_over(from: &Path, to: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(from).with_context(|| format!("read {}", from.display()))?;
    put(&text, to)
}

fn put(text: &str, to: &Path) -> anyhow::Result<()> {
    if !fs::read_to_string(to).is_ok_and(|found| found == text) {
        crate::folder::write_private(to, text)?;
    }
    // Also of what is there: who wrote it may have died before this.
    fs::set_permissions(to, Permissions::from_mode(0o444)).with_context(|| format!("open {}", to.display()))
}

fn copy(text: &str) -> anyhow::Result<Copy> {
    let (dir, names) = text.split_once('=').context("write DIR=NAME,NAME")?;
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    if names.iter().any(|name| name.is_empty() || name.contains('/')) {
        bail!("write DIR=NAME,NAME with the names of files");
    }
    Ok(Copy { dir: dir.into(), names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_name_a_folder_and_files() {
        let Copy { dir, names } = copy("/run/edge=nats-edge,tokens.pub").unwrap();
        assert_eq!((dir, names), (PathBuf::from("/run/edge"), vec!["nats-edge".to_owned(), "tokens.pub".to_owned()]));
        for text in ["", "/run/edge", "/run/edge=", "/run/edge=a,,b", "/run/edge=../a"] {
            assert!(copy(text).is_err(), "{text}");
        }
    }
    #[test]
    fn a_copy_can_be_read_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nats-edge");
        for before in ["secret", "another"] {
            fs::write(&file, before).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            put("secret", &file).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "secret");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o444, "over {before:?}");
        }
    }
}
