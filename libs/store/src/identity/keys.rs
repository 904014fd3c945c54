//! API keys.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_domain::{
    id::{KeyId, MerchantId, StoreId},
    identity::{ApiKey, KeyName, Permissions, Rights},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// Keys by their ids.
pub(super) async fn found(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, KeyId)>,
) -> Result<BTreeMap<MerchantId, BTreeMap<KeyId, ApiKey>>, Error> {
    let mut keys: BTreeMap<MerchantId, BTreeMap<KeyId, ApiKey>> = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(keys);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) = wanted.iter().map(|(of, id)| (of.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select k.merchant_id, k.key_id, k.name, k.hash, k.scopes, k.stores, k.made_by, k.made_at, k.expires_at, k.ended_at,
           k.version
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, key_id)
         join identity.keys k on k.merchant_id = wanted.merchant_id and k.key_id = wanted.key_id",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let unreadable = |error: &dyn std::fmt::Display| Error::stored("key", error);
    for row in rows {
        let key = ApiKey {
            id: KeyId::new(row.key_id),
            name: KeyName::try_new(&row.name).map_err(|error| unreadable(&error))?,
            hash: row.hash.try_into().map_err(|_| unreadable(&"its hash has not 32 bytes"))?,
            scopes: scopes(&row.scopes),
            stores: stores(row.stores),
            made_by: row.made_by.parse().map_err(|error| unreadable(&error))?,
            made_at: read(row.made_at)?,
            expires_at: row.expires_at.map(read).transpose()?,
            version: u32::try_from(row.version).map_err(|error| unreadable(&error))?,
            ended_at: row.ended_at.map(read).transpose()?,
        };
        keys.entry(MerchantId::new(row.merchant_id)).or_default().insert(key.id, key);
    }
    Ok(keys)
}

/// Of these stores, those that there are.
pub(super) async fn stores_found(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, StoreId)>,
) -> Result<BTreeMap<MerchantId, BTreeSet<StoreId>>, Error> {
    let mut found: BTreeMap<MerchantId, BTreeSet<StoreId>> = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) = wanted.iter().map(|(of, id)| (of.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select s.merchant_id, s.store_id from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, store_id)
         join catalog.stores s on s.merchant_id = wanted.merchant_id and s.store_id = wanted.store_id",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        found.entry(MerchantId::new(row.merchant_id)).or_default().insert(StoreId::new(row.store_id));
    }
    Ok(found)
}

/// Adds new keys, and ends those that were revoked.
pub(super) async fn save(conn: &mut PgConnection, changed: &[(MerchantId, &ApiKey)]) -> Result<(), Error> {
    // One statement for each: keys are made by hand, and an array of arrays of different lengths is none in PostgreSQL.
    for (merchant, key) in changed {
        let scopes: Vec<String> = key.scopes.iter().map(|scope| scope.name().to_owned()).collect();
        let stores: Option<Vec<Uuid>> =
            key.stores.as_ref().map(|stores| stores.iter().map(|store| store.uuid()).collect());
        sqlx::query!(
            "insert into identity.keys
               (merchant_id, key_id, name, hash, scopes, stores, made_by, made_at, expires_at, ended_at, version)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             on conflict (merchant_id, key_id) do update set ended_at = excluded.ended_at, version = excluded.version",
            merchant.uuid(),
            key.id.uuid(),
            key.name.as_str(),
            &key.hash[..],
            &scopes,
            stores.as_deref(),
            key.made_by.to_string(),
            stored(key.made_at),
            key.expires_at.map(stored),
            key.ended_at.map(stored),
            i32::try_from(key.version).unwrap_or(i32::MAX)
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// What the edge checks a key against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFound {
    /// Whose it is.
    pub merchant: MerchantId,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What it may, and where.
    pub rights: Rights,
    /// From when on it is no longer taken.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
}

/// The keys of this id: one, unless two merchants have chosen the same. For the edge, before it knows the merchant.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn key_of(conn: &mut PgConnection, id: KeyId) -> Result<Vec<KeyFound>, Error> {
    let rows = sqlx::query!(
        r#"select merchant_id as "merchant!", hash as "hash!", scopes as "scopes!", stores, expires_at, ended_at
           from identity.key_of($1)"#,
        id.uuid()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let mut rights = Rights::default();
            match stores(row.stores) {
                None => rights.add(scopes(&row.scopes), None),
                Some(stores) => stores.into_iter().for_each(|store| rights.add(scopes(&row.scopes), Some(store))),
            }
            Ok(KeyFound {
                merchant: MerchantId::new(row.merchant),
                hash: row.hash.try_into().map_err(|_| Error::stored("key", &"its hash has not 32 bytes"))?,
                rights,
                expires_at: row.expires_at.map(read).transpose()?,
                ended_at: row.ended_at.map(read).transpose()?,
            })
        })
        .collect()
}

/// A key as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShown {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may.
    pub scopes: Permissions,
    /// In which stores; in all, if none are named.
    pub stores: Option<BTreeSet<StoreId>>,
    /// Who has made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// From when on it is no longer taken.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
    /// Counts changes from 1.
    pub version: u32,
}

/// Keys of a merchant by id, after `after`, `limit` at the most. For the edge, whose role sees the caller's merchant alone.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn keys(
    conn: &mut PgConnection,
    merchant: MerchantId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<KeyShown>, Error> {
    let rows = sqlx::query!(
        "select key_id, name, scopes, stores, made_by, made_at, expires_at, ended_at, version from identity.keys
         where merchant_id = $1 and ($2::uuid is null or key_id > $2) order by key_id limit $3",
        merchant.uuid(),
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(KeyShown {
                id: KeyId::new(row.key_id),
                name: row.name,
                scopes: scopes(&row.scopes),
                stores: stores(row.stores),
                made_by: row.made_by,
                made_at: read(row.made_at)?,
                expires_at: row.expires_at.map(read).transpose()?,
                ended_at: row.ended_at.map(read).transpose()?,
                version: u32::try_from(row.version).map_err(|error| Error::stored("key", &error))?,
            })
        })
        .collect()
}

/// A name that this version does not know gives nothing.
fn scopes(names: &[String]) -> Permissions {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

fn stores(ids: Option<Vec<Uuid>>) -> Option<BTreeSet<StoreId>> {
    ids.map(|ids| ids.into_iter().map(StoreId::new).collect())
}
