//! `pos token`: mints bearer tokens.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use ed25519_dalek::SigningKey;
use tillstream_contract::token::{self, Claims};
use tillstream_domain::id::MerchantId;
use tillstream_runtime::Clock;

use crate::{console::out, demo::Owner, operator::Data, secrets};

const DAY: Duration = Duration::from_hours(24);
/// How long a token is valid if nobody says otherwise.
pub(crate) const MONTH: Duration = Duration::from_hours(30 * 24);
/// Nobody knows of a key for longer.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// Options of `pos token`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    /// The key to sign with [default: keys/tokens.ed25519 of the data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The merchant to whom the bearer is confined
    #[arg(long, value_name = "ID", default_value_t = Owner::Cafe.merchant())]
    merchant: MerchantId,
    /// The bearer's name in the books: a user or a device
    #[arg(long, default_value = "operator")]
    subject: String,
    /// For how long: a number of d, h, m or s
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    valid: Duration,
}

pub(crate) fn command(options: &Options) -> anyhow::Result<()> {
    let key = match &options.key {
        Some(key) => key.clone(),
        None => options.data.folder()?.keys().join("tokens.ed25519"),
    };
    out!("{}", mint(&key, options.merchant, &options.subject, options.valid)?);
    Ok(())
}

/// A token for `subject` of `merchant`, signed with the key of this file.
///
/// # Errors
/// When the key can't be read.
pub fn mint(key: &Path, merchant: MerchantId, subject: &str, valid: Duration) -> anyhow::Result<String> {
    let key = SigningKey::from_bytes(&secrets::read_seed(key)?);
    let now = Clock::system().now().micros() / 1_000_000;
    let until = i64::try_from(valid.as_secs()).ok().and_then(|valid| now.checked_add(valid));
    let until =
        until.with_context(|| format!("a token can't be valid for {} days", valid.as_secs() / DAY.as_secs()))?;
    Ok(token::sign(&Claims::new(subject, merchant, until), &key))
}

/// Reads `30d`, `12h`, `90m` or `45s`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let number = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "d" => DAY,
        "h" => Duration::from_hours(1),
        "m" => Duration::from_mins(1),
        "s" => Duration::from_secs(1),
        _ => bail!("write a number and d, h, m or s, for example 30d"),
    };
    let count: u32 = number.parse().context("write a number and d, h, m or s, for example 30d")?;
    match unit.checked_mul(count) {
        Some(valid) if !valid.is_zero() && valid <= LONGEST => Ok(valid),
        _ => bail!("it must be between 1s and {} days", LONGEST.as_secs() / DAY.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_bounds() {
        assert_eq!(duration("30d").unwrap(), MONTH);
        assert_eq!(duration("45s").unwrap(), Duration::from_secs(45));
        for text in ["30", "d", "0s", "1y", "4000d", "-1d", "99999999999999999999d", "5ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
