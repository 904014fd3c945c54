//! What the system says when all is over: its books, its journal, its queues.

use std::collections::BTreeMap;

use anyhow::Context;
use futures_util::TryStreamExt;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tillstream_bus::{
    Bus,
    topology::{CONSUMERS, Lag},
};
use tillstream_domain::{
    id::{MerchantId, RegisterId, SaleId},
    receipt::{
        Content, Issued, SigningKey, VerifyingKey,
        journal::{Exporter, Verifier},
    },
    shift::Grand,
};
use tillstream_runtime::Clock;
use tillstream_store::{
    receipt,
    seed::Shop,
    stock::LevelKey,
    verify::{self, Decided, Drift, Moved, Sold},
};

use crate::{Stack, secrets};

/// More dead letters than anybody would read.
const LETTERS_MAX: usize = 1_000;
/// More drifting levels than anybody would read.
const DRIFTS_MAX: i64 = 1_000;

/// Everything in the books, of all merchants.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// What was in stock before anything was sold, in thousandths of a unit.
    pub opening: BTreeMap<LevelKey, i64>,
    /// Sales.
    pub sold: Vec<Sold>,
    /// What drawers have counted.
    pub drawers: BTreeMap<MerchantId, Grand>,
    /// Commands in the inbox.
    pub decided: Vec<Decided>,
    /// Events that took effect, by merchant and worker.
    pub events: BTreeMap<(MerchantId, String), i64>,
    /// Movements of stock, by their cause.
    pub moved: Vec<Moved>,
    /// Stock levels, in thousandths of a unit.
    pub levels: BTreeMap<LevelKey, i64>,
    /// Levels that are not the sum of their movements.
    pub drift: Vec<Drift>,
    /// Receipts.
    pub receipts: Vec<Receipt>,
    /// How the verification of each merchant's export ended.
    pub journals: BTreeMap<MerchantId, Journal>,
    /// Dead letters, in words.
    pub dead: Vec<String>,
    /// How each consumer stands: stream and name.
    pub lags: BTreeMap<String, Lag>,
}

/// A receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose.
    pub merchant: MerchantId,
    /// The series.
    pub register: RegisterId,
    /// Its number in the series.
    pub number: u64,
    /// The sale.
    pub sale: SaleId,
    /// The total that it states, in minor units; `None` if it can't be read.
    pub total: Option<i64>,
}

/// What a verifier that sees nothing but the export and the public key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Journal {
    /// Numbers, hashes, chain, signatures and sums are sound.
    Sound {
        /// How many receipts.
        receipts: u64,
        /// The sum of their totals, in minor units.
        total: i64,
    },
    /// The first thing that is not.
    Bad(String),
}

impl Books {
    /// Reads everything. Nothing may be under way any more.
    pub(super) async fn read(stack: &Stack, bus: &Bus, shops: &[Shop]) -> anyhow::Result<Self> {
        let options: PgConnectOptions = stack.database_url().parse().context("read the database's address")?;
        // Receipts are verified while they are read, which is no slow statement.
        let conn = &mut options.disable_statement_logging().connect().await.context("connect to PostgreSQL")?;
        let letters = bus.dead_letters(1, LETTERS_MAX).await?;
        let mut books = Self {
            opening: shops.iter().flat_map(opening).collect(),
            sold: verify::sold(conn).await?,
            drawers: verify::drawers(conn).await?,
            decided: verify::decided(conn).await?,
            events: verify::events(conn).await?,
            moved: verify::moved(conn).await?,
            levels: verify::levels(conn).await?,
            drift: verify::stock_drift(conn, DRIFTS_MAX).await?,
            dead: letters
                .into_iter()
                .map(|(number, letter)| format!("{number} of {}: {}", letter.worker, letter.reason))
                .collect(),
            lags: lags(stack, bus).await?,
            ..Self::default()
        };
        let key = SigningKey::from_seed(&secrets::read_seed(&stack.keys().join("receipts.ed25519"))?);
        let public = std::fs::read_to_string(stack.keys().join("receipts.pub")).context("read the public key")?;
        let public: VerifyingKey = public.trim().parse().context("read the public key")?;
        for shop in shops {
            let merchant = shop.merchant.id;
            let journal = journal(conn, merchant, &key, public, &mut books.receipts).await?;
            books.journals.insert(merchant, journal);
        }
        Ok(books)
    }
}

/// How each consumer stands, those of commands before those of the events that follow from them.
pub(super) async fn lags(stack: &Stack, bus: &Bus) -> anyhow::Result<BTreeMap<String, Lag>> {
    let mut lags = BTreeMap::new();
    for (name, class, _) in CONSUMERS {
        for partition in 0..stack.options().partitions {
            let stream = class.stream(partition);
            lags.insert(format!("{stream}/{name}"), bus.lag(&stream, name).await?);
        }
    }
    Ok(lags)
}

fn opening(shop: &Shop) -> impl Iterator<Item = (LevelKey, i64)> {
    shop.stores.iter().flat_map(move |store| {
        let key = |product| (shop.merchant.id, store.id, product);
        shop.products.iter().map(move |product| (key(product.id), shop.opening.thousandths()))
    })
}

/// Exports a merchant's receipts and verifies the export, line by line; notes the receipts on the way.
async fn journal(
    conn: &mut PgConnection,
    merchant: MerchantId,
    key: &SigningKey,
    public: VerifyingKey,
    receipts: &mut Vec<Receipt>,
) -> anyhow::Result<Journal> {
    let (mut exporter, header) = Exporter::new(merchant, Clock::system().now(), [key.verifying_key()]);
    let mut verifier = Verifier::new(Some(vec![public]));
    let mut sound = verifier.line(&header).map_err(anyhow::Error::from);
    let mut stored = receipt::journal(conn, merchant);
    while let Some(receipt) = stored.try_next().await.context("read the receipts")? {
        let (register, number) = (receipt.register, receipt.number);
        let content = Content::parse(&receipt.content);
        let total = content.map_or(None, |content| Some(content.total.get()));
        receipts.push(Receipt { merchant, register, number, sale: receipt.sale, total });
        let issued = Issued {
            number,
            content: receipt.content,
            hash: receipt.hash,
            signature: receipt.signature,
            key_id: receipt.key,
        };
        sound = sound.and_then(|()| {
            verify_next(&mut exporter, &mut verifier, &issued)
                .with_context(|| format!("receipt {number} of register {register}"))
        });
    }
    let end = exporter.finish(key);
    let summary = sound.and_then(|()| {
        verifier.line(&end)?;
        Ok(verifier.finish()?)
    });
    Ok(match summary {
        Ok(summary) => Journal::Sound {
            receipts: summary.receipts,
            total: summary
                .registers
                .iter()
                .flat_map(|register| register.totals.values())
                .map(|total| i64::try_from(total.get()).unwrap_or(i64::MAX))
                .sum(),
        },
        Err(fault) => Journal::Bad(format!("{fault:#}")),
    })
}

fn verify_next(exporter: &mut Exporter, verifier: &mut Verifier, issued: &Issued) -> anyhow::Result<()> {
    let line = exporter.receipt(issued)?;
    Ok(verifier.line(&line)?)
}
