//! Secrets: good enough, closed to others, not too old.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::Context;
use tillstream_runtime::Clock;

use super::Finding;
use crate::{Role, folder::Folder, secrets::PEPPER};

/// A password of ours has 128 bits, in hexadecimal.
const CHARACTERS_MIN: usize = 32;
/// Random hexadecimal digits of this number have fewer different ones about once in a billion times.
const DIFFERENT_MIN: usize = 6;
/// The rights of the group and of everybody.
const OTHERS: u32 = 0o077;
const DAY_S: i64 = 86_400;
/// What signs for longer has had more time to be copied.
const KEY_DAYS_MAX: i64 = 365;
/// No token lives as long.
const OVERLAP_DAYS_MAX: i64 = 60;

/// A file of a folder of secrets.
struct Secret {
    name: String,
    path: PathBuf,
    text: String,
    age_days: i64,
}

pub(super) fn check(folder: &Folder) -> Vec<Finding> {
    let dir = folder.secrets();
    let secrets = match read(&dir) {
        Ok(secrets) => secrets,
        Err(failure) => return vec![Finding::failed("secrets", &failure, "run `pos doctor` as the user of `pos up`")],
    };
    let private: Vec<_> =
        secrets.iter().filter(|secret| !is_public(&secret.name) && !is_derived(&secret.name)).collect();
    vec![
        quality(&private),
        apart(&private),
        closed(folder, &secrets),
        keys(&secrets),
        overlap(&secrets),
        passwords(&private),
    ]
}

fn read(dir: &Path) -> anyhow::Result<Vec<Secret>> {
    let now_s = Clock::system().now().micros() / 1_000_000;
    let mut secrets = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let path = entry.with_context(|| format!("read {}", dir.display()))?.path();
        if !path.is_file() {
            continue;
        }
        let read = || {
            let written = fs::metadata(&path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok::<_, std::io::Error>((fs::read_to_string(&path)?, written.as_secs()))
        };
        let (text, written_s) = read().with_context(|| format!("read {}", path.display()))?;
        let age_days = (now_s - i64::try_from(written_s).unwrap_or(i64::MAX)) / DAY_S;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        secrets.push(Secret { name, path, text: text.trim().to_owned(), age_days });
    }
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(secrets)
}

fn is_public(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "pub")
}

/// Made from secrets, and secret itself.
fn is_derived(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "conf")
}

fn is_key(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "ed25519")
}

/// What a guesser would find. The text itself is never shown.
fn fault(secret: &Secret) -> Option<String> {
    let Secret { name, text, .. } = secret;
    let different = text.bytes().collect::<BTreeSet<_>>().len();
    match text.len() {
        0 => Some(format!("{name} is empty")),
        short if short < CHARACTERS_MIN => Some(format!("{name} has {short} characters, fewer than {CHARACTERS_MIN}")),
        _ if different < DIFFERENT_MIN => Some(format!("{name} repeats itself and can be guessed")),
        _ => None,
    }
}

fn quality(secrets: &[&Secret]) -> Finding {
    let bad: Vec<_> = secrets.iter().filter_map(|secret| fault(secret)).collect();
    let good = format!("{} are random and long", secrets.len());
    Finding::none("secrets", good, &bad, "make new ones: `pos secrets rotate`")
}

fn apart(secrets: &[&Secret]) -> Finding {
    let mut same: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for secret in secrets.iter().filter(|secret| !secret.text.is_empty()) {
        same.entry(&secret.text).or_default().push(&secret.name);
    }
    let bad: Vec<_> = same
        .values()
        .filter(|names| names.len() > 1)
        .map(|names| format!("{} are the same", names.join(" and ")))
        .collect();
    let advice = "who learns one has the other too: make new ones with `pos secrets rotate`";
    Finding::none("secrets apart", "no two are the same", &bad, advice)
}

/// Also files that repeat secrets: what the parts and the servers are started with.
fn closed(folder: &Folder, secrets: &[Secret]) -> Finding {
    let secret = secrets.iter().filter(|secret| !is_public(&secret.name)).map(|secret| secret.path.clone());
    let others = Role::PARTS.into_iter().map(|role| folder.settings(role)).chain([
        folder.up_file(),
        folder.nats().join("nats.conf"),
        folder.secrets(),
    ]);
    let bad: Vec<_> = secret.chain(others).filter_map(|path| open(&path)).collect();
    Finding::none(
        "secret files",
        "only their user can read them",
        &bad,
        "take the rights of others away: `chmod go= FILE`",
    )
}

fn open(path: &Path) -> Option<String> {
    match fs::metadata(path).map(|found| found.permissions().mode()) {
        Ok(mode) => (mode & OTHERS != 0).then(|| format!("{} has mode {:o}", path.display(), mode & 0o777)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(format!("{} can't be looked at ({error})", path.display())),
    }
}

fn keys(secrets: &[Secret]) -> Finding {
    let old = secrets.iter().filter(|secret| is_key(&secret.name) && secret.age_days > KEY_DAYS_MAX);
    let bad: Vec<_> = old.map(|key| format!("{} is {} days old", key.name, key.age_days)).collect();
    let good = format!("none is older than {KEY_DAYS_MAX} days");
    Finding::none(
        "signing keys",
        good,
        &bad,
        "make new ones: `pos secrets rotate tokens`, `pos secrets rotate receipts`",
    )
}

/// Earlier keys of receipts are needed as long as the receipts; those of tokens are not.
fn overlap(secrets: &[Secret]) -> Finding {
    let earlier = secrets.iter().filter(|secret| secret.name.starts_with("tokens-") && is_public(&secret.name));
    let bad: Vec<_> = earlier
        .filter(|key| key.age_days > OVERLAP_DAYS_MAX)
        .map(|key| format!("{} is taken since {} days", key.name, key.age_days))
        .collect();
    let good = format!("no earlier key of tokens is older than {OVERLAP_DAYS_MAX} days");
    Finding::none("earlier keys", good, &bad, "no token that it signed is valid any more: `pos secrets retire tokens`")
}

fn passwords(secrets: &[&Secret]) -> Finding {
    let old: Vec<_> = secrets
        .iter()
        // A pepper can't be changed: no PIN would be right any more.
        .filter(|secret| !is_key(&secret.name) && secret.name != PEPPER && secret.age_days > KEY_DAYS_MAX)
        .map(|secret| secret.name.as_str())
        .collect();
    if old.is_empty() {
        return Finding::fine("passwords", format!("none is older than {KEY_DAYS_MAX} days"));
    }
    Finding::note("passwords", format!("older than {KEY_DAYS_MAX} days: {}", old.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, text: &str, age_days: i64) -> Secret {
        Secret { name: name.to_owned(), path: PathBuf::from(name), text: text.to_owned(), age_days }
    }

    #[test]
    fn what_can_be_guessed_is_named_and_not_shown() {
        let good = "0123456789abcdef0123456789abcdef";
        assert_eq!(fault(&secret("nats-edge", good, 0)), None);
        for (text, said) in [("", "empty"), ("changeme", "has 8 characters"), (&"07".repeat(32), "repeats itself")] {
            let fault = fault(&secret("nats-edge", text, 0)).unwrap();
            assert!(fault.contains(said) && (text.is_empty() || !fault.contains(text)), "{fault}");
        }
        let (one, other) = (secret("a", good, 0), secret("b", good, 0));
        assert!(apart(&[&one, &other]).detail.contains("a and b are the same"));
        assert_eq!(apart(&[&one]).detail, "no two are the same");
    }

    #[test]
    fn age_counts_where_it_matters() {
        let old =
            [secret("tokens.ed25519", "", 366), secret("receipts-1.pub", "", 900), secret("tokens-1.pub", "", 61)];
        assert_eq!(keys(&old).detail, "tokens.ed25519 is 366 days old");
        assert_eq!(overlap(&old).detail, "tokens-1.pub is taken since 61 days");
        let young = [secret("tokens.ed25519", "", 365), secret("tokens-1.pub", "", 60)];
        assert!(keys(&young).detail.starts_with("none") && overlap(&young).detail.starts_with("no earlier"));
        let password = secret("nats-edge", "", 366);
        assert!(passwords(&[&password]).detail.contains("nats-edge"));
    }
}
