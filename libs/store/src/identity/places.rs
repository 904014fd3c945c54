//! Loading and saving merchants, stores and registers.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, RegisterId, StoreId},
    identity::{Directory, Merchant, Register, Store},
    money::Currency,
};
use uuid::Uuid;

use super::Wanted;
use crate::{Error, rules};

type Of<K, T> = BTreeMap<MerchantId, BTreeMap<K, T>>;

/// The merchants, locked in key order.
pub(super) async fn merchants(conn: &mut PgConnection, wanted: &BTreeSet<MerchantId>) -> Result<Vec<Merchant>, Error> {
    let ids: Vec<Uuid> = wanted.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        "select merchant_id, name, currency, tax_mode, tax_per, rounding, cash_step, version from catalog.merchants
         where merchant_id = any($1) order by merchant_id for no key update",
        &ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Merchant {
                id: MerchantId::new(row.merchant_id),
                name: row.name,
                currency: Currency::try_new(&row.currency).map_err(|error| Error::stored("merchant", &error))?,
                rules: rules::read(&row.tax_mode, &row.tax_per, &row.rounding, row.cash_step)?,
                version: version(row.version)?,
            })
        })
        .collect()
}

/// Stores by id and by name.
pub(super) async fn stores(conn: &mut PgConnection, wanted: &Wanted) -> Result<Of<StoreId, Store>, Error> {
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.stores.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let (at, names): (Vec<Uuid>, Vec<String>) =
        wanted.store_names.iter().map(|(merchant, name)| (merchant.uuid(), name.clone())).unzip();
    let rows = sqlx::query!(
        r#"select s.merchant_id as "merchant_id!", s.store_id as "store_id!", s.name as "name!",
             s.time_zone as "time_zone!", s.version as "version!"
           from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, store_id)
           join catalog.stores s on s.merchant_id = wanted.merchant_id and s.store_id = wanted.store_id
           union
           select s.merchant_id, s.store_id, s.name, s.time_zone, s.version
           from unnest($3::uuid[], $4::text[]) as wanted (merchant_id, name)
           join catalog.stores s on s.merchant_id = wanted.merchant_id and s.name = wanted.name"#,
        &merchants,
        &ids,
        &at,
        &names
    )
    .fetch_all(conn)
    .await?;
    let mut found: Of<StoreId, Store> = BTreeMap::new();
    for row in rows {
        let id = StoreId::new(row.store_id);
        let store = Store { id, name: row.name, time_zone: row.time_zone, version: version(row.version)? };
        found.entry(MerchantId::new(row.merchant_id)).or_default().insert(store.id, store);
    }
    Ok(found)
}

/// Of these time zones, those that PostgreSQL knows by an IANA name. It knows some things besides that are none.
pub(super) async fn time_zones(conn: &mut PgConnection, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let names: Vec<String> = wanted.iter().cloned().collect();
    let found = sqlx::query_scalar!(
        r#"select name as "name!" from pg_timezone_names
           where name = any($1) and name !~ '^(posix|right)/' and name not in ('Factory', 'localtime', 'posixrules')"#,
        &names
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().collect())
}

/// Registers by store and code.
pub(super) async fn registers(conn: &mut PgConnection, wanted: &Wanted) -> Result<Of<RegisterId, Register>, Error> {
    let (mut merchants, mut stores, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    for (merchant, store, code) in &wanted.register_codes {
        merchants.push(merchant.uuid());
        stores.push(store.uuid());
        codes.push(code.clone());
    }
    let rows = sqlx::query!(
        "select r.merchant_id, r.register_id, r.store_id, r.code
         from unnest($1::uuid[], $2::uuid[], $3::text[]) as wanted (merchant_id, store_id, code)
         join catalog.registers r
           on r.merchant_id = wanted.merchant_id and r.store_id = wanted.store_id and r.code = wanted.code",
        &merchants,
        &stores,
        &codes
    )
    .fetch_all(conn)
    .await?;
    let mut found: Of<RegisterId, Register> = BTreeMap::new();
    for row in rows {
        let register =
            Register { id: RegisterId::new(row.register_id), store: StoreId::new(row.store_id), code: row.code };
        found.entry(MerchantId::new(row.merchant_id)).or_default().insert(register.id, register);
    }
    Ok(found)
}

/// Saves what changed of merchants, stores and registers.
pub(super) async fn save(conn: &mut PgConnection, directories: &BTreeMap<MerchantId, Directory>) -> Result<(), Error> {
    for merchant in directories.values().flat_map(|directory| directory.merchant.changed()) {
        save_merchant(conn, merchant).await?;
    }
    let (mut merchants, mut ids, mut names, mut zones, mut versions) = (vec![], vec![], vec![], vec![], vec![]);
    for (merchant, store) in
        directories.iter().flat_map(|(id, directory)| directory.stores.changed().map(move |store| (id, store)))
    {
        merchants.push(merchant.uuid());
        ids.push(store.id.uuid());
        names.push(store.name.clone());
        zones.push(store.time_zone.clone());
        versions.push(i32::try_from(store.version).unwrap_or(i32::MAX));
    }
    if !ids.is_empty() {
        sqlx::query!(
            "insert into catalog.stores (merchant_id, store_id, name, time_zone, version)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::integer[])
             on conflict (merchant_id, store_id) do update
             set name = excluded.name, time_zone = excluded.time_zone, version = excluded.version",
            &merchants,
            &ids,
            &names,
            &zones,
            &versions
        )
        .execute(&mut *conn)
        .await?;
    }
    save_registers(conn, directories).await
}

/// Merchants are opened and changed rarely, so each has its statement.
async fn save_merchant(conn: &mut PgConnection, merchant: &Merchant) -> Result<(), Error> {
    let (mode, per, rounding, cash_step) = rules::columns(merchant.rules);
    sqlx::query!(
        "insert into catalog.merchants (merchant_id, name, currency, tax_mode, tax_per, rounding, cash_step, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (merchant_id) do update set name = excluded.name, version = excluded.version",
        merchant.id.uuid(),
        merchant.name,
        merchant.currency.code(),
        mode,
        per,
        rounding,
        cash_step,
        i32::try_from(merchant.version).unwrap_or(i32::MAX)
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn save_registers(conn: &mut PgConnection, directories: &BTreeMap<MerchantId, Directory>) -> Result<(), Error> {
    let (mut merchants, mut ids, mut stores, mut codes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (merchant, register) in
        directories.iter().flat_map(|(id, directory)| directory.registers.changed().map(move |register| (id, register)))
    {
        merchants.push(merchant.uuid());
        ids.push(register.id.uuid());
        stores.push(register.store.uuid());
        codes.push(register.code.clone());
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into catalog.registers (merchant_id, register_id, store_id, code)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])",
        &merchants,
        &ids,
        &stores,
        &codes
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn version(stored: i32) -> Result<u32, Error> {
    u32::try_from(stored).map_err(|error| Error::stored("version", &error))
}
