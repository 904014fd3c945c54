//! `pos token`: mints bearer tokens for the operator, who may do everything in the name of a merchant.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use ed25519_dalek::SigningKey;
use tillstream_contract::token::{self, Access};
use tillstream_domain::id::MerchantId;
use tillstream_runtime::Clock;

use crate::{console::out, demo::Owner, operator::Data, patience::duration, secrets};

const DAY: Duration = Duration::from_hours(24);
/// How long a token is valid if nobody says otherwise.
pub(crate) const MONTH: Duration = Duration::from_hours(30 * 24);

/// Options of `pos token`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    /// The key to sign with [default: secrets/tokens.ed25519 of the data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The merchant to whom the bearer is confined
    #[arg(long, value_name = "ID", default_value_t = Owner::Cafe.merchant())]
    merchant: MerchantId,
    /// For how long: a number of d, h, m or s
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    valid: Duration,
}

pub(crate) fn command(options: &Options) -> anyhow::Result<()> {
    let key = match &options.key {
        Some(key) => key.clone(),
        None => options.data.folder()?.secrets().join("tokens.ed25519"),
    };
    out!("{}", mint(&key, options.merchant, options.valid)?);
    Ok(())
}

/// A token for the operator in the name of `merchant`, signed with the key of this file.
///
/// # Errors
/// When the key can't be read.
pub fn mint(key: &Path, merchant: MerchantId, valid: Duration) -> anyhow::Result<String> {
    let key = SigningKey::from_bytes(&secrets::read_seed(key)?);
    let now = Clock::system().now().micros() / 1_000_000;
    let until = i64::try_from(valid.as_secs()).ok().and_then(|valid| now.checked_add(valid));
    let until =
        until.with_context(|| format!("a token can't be valid for {} days", valid.as_secs() / DAY.as_secs()))?;
    Ok(token::sign(&Access::operator(merchant, now), until, &key))
}
