//! The receipt journal: a series per register.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::{PgConnection, PgPool};
use tillstream_contract::receipt::Receipt;
use tillstream_domain::{
    id::{MerchantId, RegisterId, SaleId},
    receipt::{Hash, Head, Issued, KeyId, Signature},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// What a series is known by.
pub type SeriesKey = (MerchantId, RegisterId);

/// A receipt to store, with whose it is.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The series.
    pub series: SeriesKey,
    /// The sale.
    pub sale: SaleId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The receipt.
    pub issued: Issued,
}

/// The last number and hash of each series, locked in key order until the transaction ends; a series that does not exist
/// is created.
///
/// # Errors
/// When a statement fails or a stored head can't be read.
pub async fn lock_heads(
    conn: &mut PgConnection,
    keys: &BTreeSet<SeriesKey>,
) -> Result<BTreeMap<SeriesKey, Head>, Error> {
    let mut heads = lock(conn, keys).await?;
    if heads.len() < keys.len() {
        let missing: Vec<SeriesKey> = keys.iter().filter(|key| !heads.contains_key(key)).copied().collect();
        let (merchants, registers) = columns(missing.iter());
        sqlx::query!(
            "insert into receipts.series (merchant_id, register_id, number, hash)
             select m, r, 0, $3 from unnest($1::uuid[], $2::uuid[]) as t (m, r) on conflict do nothing",
            &merchants,
            &registers,
            &Head::GENESIS.hash.bytes()[..],
        )
        .execute(&mut *conn)
        .await?;
        heads = lock(conn, keys).await?;
    }
    Ok(heads)
}

async fn lock(conn: &mut PgConnection, keys: &BTreeSet<SeriesKey>) -> Result<BTreeMap<SeriesKey, Head>, Error> {
    let (merchants, registers) = columns(keys.iter());
    let rows = sqlx::query!(
        "select s.merchant_id, s.register_id, s.number, s.hash
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, register_id)
         join receipts.series s on s.merchant_id = wanted.merchant_id and s.register_id = wanted.register_id
         order by s.merchant_id, s.register_id for update of s",
        &merchants,
        &registers,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let number = u64::try_from(row.number).map_err(|error| Error::stored("receipt series", &error))?;
            let hash =
                <[u8; 32]>::try_from(row.hash).map_err(|_| Error::stored("receipt series", &"hash is not 32 bytes"))?;
            let key = (MerchantId::new(row.merchant_id), RegisterId::new(row.register_id));
            Ok((key, Head { number, hash: Hash::from_bytes(hash) }))
        })
        .collect()
}

fn columns<'a>(keys: impl Iterator<Item = &'a SeriesKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.map(|(merchant, register)| (merchant.uuid(), register.uuid())).unzip()
}

/// Stores receipts and moves the heads of their series.
///
/// # Errors
/// When a statement fails.
pub async fn save(conn: &mut PgConnection, entries: &[Entry], heads: &BTreeMap<SeriesKey, Head>) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let (merchants, registers) = columns(entries.iter().map(|entry| &entry.series));
    let numbers: Vec<i64> = entries.iter().map(|entry| number(entry.issued.number)).collect();
    let sales: Vec<Uuid> = entries.iter().map(|entry| entry.sale.uuid()).collect();
    let issued: Vec<_> = entries.iter().map(|entry| stored(entry.issued_at)).collect();
    let contents: Vec<&str> = entries.iter().map(|entry| entry.issued.content.as_str()).collect();
    let hashes: Vec<&[u8]> = entries.iter().map(|entry| &entry.issued.hash.bytes()[..]).collect();
    let signatures: Vec<&[u8]> = entries.iter().map(|entry| &entry.issued.signature.bytes()[..]).collect();
    let keys: Vec<String> = entries.iter().map(|entry| entry.issued.key_id.to_string()).collect();
    sqlx::query!(
        "insert into receipts.receipts
           (merchant_id, register_id, number, sale_id, issued_at, content, hash, signature, key_id)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::text[],
           $7::bytea[], $8::bytea[], $9::text[])",
        &merchants,
        &registers,
        &numbers,
        &sales,
        &issued,
        &contents as &[&str],
        &hashes as &[&[u8]],
        &signatures as &[&[u8]],
        &keys,
    )
    .execute(&mut *conn)
    .await?;
    let (merchants, registers) = columns(heads.keys());
    let numbers: Vec<i64> = heads.values().map(|head| number(head.number)).collect();
    let hashes: Vec<&[u8]> = heads.values().map(|head| &head.hash.bytes()[..]).collect();
    sqlx::query!(
        "update receipts.series s set number = t.n, hash = t.h
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bytea[]) as t (m, r, n, h)
         where s.merchant_id = t.m and s.register_id = t.r",
        &merchants,
        &registers,
        &numbers,
        &hashes as &[&[u8]],
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn number(number: u64) -> i64 {
    i64::try_from(number).expect("no register issues 2^63 receipts")
}

/// How many receipts and series there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Receipts issued: the sum of the heads of all series.
    pub receipts: i64,
    /// Series.
    pub series: i64,
}

/// Counts receipts without reading them.
///
/// # Errors
/// When the statement fails.
pub async fn tally(pool: &PgPool) -> Result<Tally, Error> {
    let tally = sqlx::query_as!(
        Tally,
        r#"select coalesce(sum(number), 0)::bigint as "receipts!", count(*) as "series!" from receipts.series"#
    )
    .fetch_one(pool)
    .await?;
    Ok(tally)
}

/// The receipt of a sale.
///
/// # Errors
/// When the statement fails.
pub async fn find(conn: &mut PgConnection, merchant: MerchantId, sale: SaleId) -> Result<Option<Receipt>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select register_id, number, sale_id, issued_at, content, hash, signature, key_id from receipts.receipts
         where merchant_id = $1 and sale_id = $2",
        merchant.uuid(),
        sale.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Receipt::try_from).transpose()
}

/// Every receipt of a merchant, by register and number.
pub fn journal(conn: &mut PgConnection, merchant: MerchantId) -> BoxStream<'_, Result<Receipt, Error>> {
    sqlx::query_as!(
        Row,
        "select register_id, number, sale_id, issued_at, content, hash, signature, key_id from receipts.receipts
         where merchant_id = $1 order by register_id, number",
        merchant.uuid()
    )
    .fetch(conn)
    .map_err(Error::from)
    .and_then(async |row| Receipt::try_from(row))
    .boxed()
}

struct Row {
    register_id: Uuid,
    number: i64,
    sale_id: Uuid,
    issued_at: chrono::DateTime<chrono::Utc>,
    content: String,
    hash: Vec<u8>,
    signature: Vec<u8>,
    key_id: String,
}

impl TryFrom<Row> for Receipt {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let unreadable = |what: &str| Error::stored("receipt", &format!("its {what} is malformed"));
        Ok(Self {
            sale: SaleId::new(row.sale_id),
            register: RegisterId::new(row.register_id),
            number: u64::try_from(row.number).map_err(|error| Error::stored("receipt number", &error))?,
            content: row.content,
            hash: row.hash.try_into().map(Hash::from_bytes).map_err(|_| unreadable("hash"))?,
            signature: row.signature.try_into().map(Signature::from_bytes).map_err(|_| unreadable("signature"))?,
            key: row.key_id.parse::<KeyId>().map_err(|_| unreadable("key id"))?,
            issued_at: read(row.issued_at)?,
        })
    }
}
