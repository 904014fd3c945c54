//! `pos journal export`.

use std::{
    fs::File,
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use tillstream_domain::{
    id::MerchantId,
    receipt::{Issued, SigningKey, VerifyingKey, journal::Exporter},
};
use tillstream_runtime::Clock;
use tillstream_store::receipt;

use super::is_standard;
use crate::{
    demo::Owner,
    operator::{Data, Database},
    secrets,
};

/// Options of `pos journal export`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    database: Database,
    /// Whose receipts
    #[arg(long, value_name = "ID", default_value_t = Owner::Cafe.merchant())]
    merchant: MerchantId,
    /// The key that signs receipts, and signs the end of the export [default: secrets/receipts.ed25519 of the data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The public half of an earlier key that signed some of the receipts; may be given several times
    #[arg(long = "earlier-key", value_name = "KEYHEX")]
    earlier_keys: Vec<VerifyingKey>,
    /// Where to write it, - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    let key = match &options.key {
        Some(key) => key.clone(),
        None => options.data.folder()?.secrets().join("receipts.ed25519"),
    };
    let key = SigningKey::from_seed(&secrets::read_seed(&key)?);
    let mut conn = options.database.connect(&options.data).await?;
    let keys = options.earlier_keys.iter().copied().chain([key.verifying_key()]);
    let count = if is_standard(&options.out) {
        write(&mut conn, options.merchant, keys, &key, &mut BufWriter::new(stdout().lock())).await?
    } else {
        to_file(&mut conn, options.merchant, keys, &key, &options.out).await?
    };
    eprintln!("exported {count} receipts of merchant {}, signed by key {}", options.merchant, key.verifying_key());
    Ok(())
}

/// A file that is there is whole.
async fn to_file(
    conn: &mut PgConnection,
    merchant: MerchantId,
    keys: impl Iterator<Item = VerifyingKey>,
    key: &SigningKey,
    path: &Path,
) -> anyhow::Result<u64> {
    let context = || format!("write {}", path.display());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(dir).with_context(context)?);
    let count = write(conn, merchant, keys, key, &mut file).await?;
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(context)?;
    File::sync_all(file.as_file()).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(count)
}

async fn write(
    conn: &mut PgConnection,
    merchant: MerchantId,
    keys: impl Iterator<Item = VerifyingKey>,
    key: &SigningKey,
    out: &mut impl Write,
) -> anyhow::Result<u64> {
    let (mut exporter, header) = Exporter::new(merchant, Clock::system().now(), keys);
    writeln!(out, "{header}")?;
    let mut count = 0;
    // One statement, and so one moment: sales go on meanwhile.
    let mut receipts = receipt::journal(conn, merchant);
    while let Some(receipt) = receipts.try_next().await.context("read the receipts")? {
        let (register, number) = (receipt.register, receipt.number);
        let issued = Issued {
            number,
            content: receipt.content,
            hash: receipt.hash,
            signature: receipt.signature,
            key_id: receipt.key,
        };
        let line =
            exporter.receipt(&issued).with_context(|| format!("export receipt {number} of register {register}"))?;
        writeln!(out, "{line}")?;
        count += 1;
    }
    writeln!(out, "{}", exporter.finish(key))?;
    out.flush()?;
    Ok(count)
}
