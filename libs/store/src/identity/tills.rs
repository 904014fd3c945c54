//! Tills: what decisions need of them, and what the edge shows.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, RegisterId, StoreId, UserId},
    identity::{Directory, EnrolmentCode, Grant, PersonName, Role, SecretHash, Till},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// The till of each register that exists, by merchant.
pub(super) async fn load(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, RegisterId)>,
) -> Result<BTreeMap<MerchantId, BTreeMap<RegisterId, Till>>, Error> {
    let (merchants, registers): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, register)| (merchant.uuid(), register.uuid())).unzip();
    let mut found: BTreeMap<MerchantId, BTreeMap<RegisterId, Till>> = BTreeMap::new();
    if registers.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query!(
        r#"select r.merchant_id, r.register_id, r.store_id, t.code_hash as "code_hash?", t.code_until as "code_until?",
             t.public_key as "public_key?", t.enrolled_at as "enrolled_at?", t.ended_at as "ended_at?",
             t.version as "version?"
           from unnest($1::uuid[], $2::uuid[]) as w (merchant_id, register_id)
           join catalog.registers r on r.merchant_id = w.merchant_id and r.register_id = w.register_id
           left join identity.tills t on t.merchant_id = r.merchant_id and t.register_id = r.register_id"#,
        &merchants,
        &registers
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let until = row.code_until.map(read).transpose()?;
        let register = RegisterId::new(row.register_id);
        let till = Till {
            register,
            store: StoreId::new(row.store_id),
            code: bytes(row.code_hash)?.map(|hash| EnrolmentCode { hash, until }),
            key: bytes(row.public_key)?,
            enrolled_at: row.enrolled_at.map(read).transpose()?,
            ended_at: row.ended_at.map(read).transpose()?,
            version: u32::try_from(row.version.unwrap_or(0)).map_err(|error| Error::stored("till", &error))?,
        };
        found.entry(MerchantId::new(row.merchant_id)).or_default().insert(register, till);
    }
    Ok(found)
}

/// 32 bytes, as the table's checks have it.
fn bytes(column: Option<Vec<u8>>) -> Result<Option<[u8; 32]>, Error> {
    let bytes = column.map(<[u8; 32]>::try_from).transpose();
    bytes.map_err(|_| Error::stored("till", &"a key or the hash of a code has not 32 bytes"))
}

/// Saves those that changed.
pub(super) async fn save(conn: &mut PgConnection, directories: &BTreeMap<MerchantId, Directory>) -> Result<(), Error> {
    let changed: Vec<(MerchantId, &Till)> =
        directories.iter().flat_map(|(merchant, of)| of.tills.changed().map(|till| (*merchant, till))).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let merchants: Vec<Uuid> = changed.iter().map(|(merchant, _)| merchant.uuid()).collect();
    let registers: Vec<Uuid> = changed.iter().map(|(_, till)| till.register.uuid()).collect();
    let codes: Vec<_> = changed.iter().map(|(_, till)| till.code.map(|code| code.hash.to_vec())).collect();
    let time =
        |of: fn(&Till) -> Option<Timestamp>| changed.iter().map(|(_, till)| of(till).map(stored)).collect::<Vec<_>>();
    let keys: Vec<_> = changed.iter().map(|(_, till)| till.key.map(|key| key.to_vec())).collect();
    let versions: Vec<i32> = changed.iter().map(|(_, till)| i32::try_from(till.version).unwrap_or(i32::MAX)).collect();
    sqlx::query!(
        "insert into identity.tills as t (merchant_id, register_id, code_hash, code_until, public_key, enrolled_at,
           ended_at, version)
         select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[], $5::bytea[], $6::timestamptz[],
           $7::timestamptz[], $8::integer[])
         on conflict (merchant_id, register_id) do update set code_hash = excluded.code_hash,
           code_until = excluded.code_until, public_key = excluded.public_key, enrolled_at = excluded.enrolled_at,
           ended_at = excluded.ended_at, version = excluded.version",
        &merchants,
        &registers,
        &codes as &[Option<Vec<u8>>],
        &time(|till| till.code.and_then(|code| code.until)) as &[Option<chrono::DateTime<chrono::Utc>>],
        &keys as &[Option<Vec<u8>>],
        &time(|till| till.enrolled_at) as &[Option<chrono::DateTime<chrono::Utc>>],
        &time(|till| till.ended_at) as &[Option<chrono::DateTime<chrono::Utc>>],
        &versions
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A till, as the edge shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The register.
    pub register: RegisterId,
    /// The register's code.
    pub code: String,
    /// Its store.
    pub store: StoreId,
    /// The device's public key, if one is or was enrolled.
    pub key: Option<[u8; 32]>,
    /// When the device was enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
    /// Counts changes from 1; 0 when the register never had one.
    pub version: u32,
}

/// The tills of a merchant's registers, in some stores or (`None`) all, or of one register alone, by store and code.
/// Registers that never had one come too.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn shown(
    conn: &mut PgConnection,
    merchant: MerchantId,
    stores: Option<&BTreeSet<StoreId>>,
    register: Option<RegisterId>,
) -> Result<Vec<Shown>, Error> {
    let stores: Option<Vec<Uuid>> = stores.map(|stores| stores.iter().map(|store| store.uuid()).collect());
    let rows = sqlx::query!(
        r#"select r.register_id, r.code, r.store_id, t.public_key as "public_key?", t.enrolled_at as "enrolled_at?",
             t.ended_at as "ended_at?", t.version as "version?"
           from catalog.registers r
           left join identity.tills t on t.merchant_id = r.merchant_id and t.register_id = r.register_id
           where r.merchant_id = $1 and ($2::uuid[] is null or r.store_id = any($2))
             and ($3::uuid is null or r.register_id = $3)
           order by r.store_id, r.code"#,
        merchant.uuid(),
        stores.as_deref(),
        register.map(RegisterId::uuid)
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Shown {
                register: RegisterId::new(row.register_id),
                code: row.code,
                store: StoreId::new(row.store_id),
                key: bytes(row.public_key)?,
                enrolled_at: row.enrolled_at.map(read).transpose()?,
                ended_at: row.ended_at.map(read).transpose()?,
                version: u32::try_from(row.version.unwrap_or(0)).map_err(|error| Error::stored("till", &error))?,
            })
        })
        .collect()
}

/// Whose register it is for which a code was given out, by the code's SHA-256, used or not.
///
/// # Errors
/// When the statement fails.
pub async fn of_code(
    conn: &mut PgConnection,
    hash: &[u8; 32],
) -> Result<Option<(MerchantId, StoreId, RegisterId)>, Error> {
    let row = sqlx::query!(
        r#"select merchant_id as "merchant_id!", store_id as "store_id!", register_id as "register_id!"
           from identity.till_of($1)"#,
        hash
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (MerchantId::new(row.merchant_id), StoreId::new(row.store_id), RegisterId::new(row.register_id))))
}

/// Somebody who may sign in at tills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// What people call them.
    pub name: Option<PersonName>,
    /// What they are.
    pub grants: Vec<Grant>,
}

/// People with a PIN and some grant in a store, or one of them, by name.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn people(
    conn: &mut PgConnection,
    merchant: MerchantId,
    store: StoreId,
    user: Option<UserId>,
) -> Result<Vec<Person>, Error> {
    let rows = sqlx::query!(
        "select u.user_id, u.name, g.role, g.store_id
         from identity.users u
         join identity.grants g on g.merchant_id = u.merchant_id and g.user_id = u.user_id
         where u.merchant_id = $1 and u.has_pin and u.ended_at is null and g.ended_at is null
           and (g.store_id is null or g.store_id = $2) and ($3::uuid is null or u.user_id = $3)
         order by u.name, u.user_id",
        merchant.uuid(),
        store.uuid(),
        user.map(UserId::uuid)
    )
    .fetch_all(conn)
    .await?;
    let mut people: Vec<Person> = Vec::new();
    for row in rows {
        let id = UserId::new(row.user_id);
        let role: Role = row.role.parse().map_err(|error| Error::stored("grant", &error))?;
        let grant = Grant { role, store: row.store_id.map(StoreId::new) };
        if let Some(same) = people.last_mut().filter(|last| last.id == id) {
            same.grants.push(grant);
            continue;
        }
        let name = row.name.map(|name| PersonName::try_new(&name)).transpose();
        let name = name.map_err(|error| Error::stored("user", &error))?;
        people.push(Person { id, name, grants: vec![grant] });
    }
    Ok(people)
}

/// The hash of a user's PIN, if they have one and are active, of the merchant as whom `conn` reads.
///
/// # Errors
/// When the statement fails or the hash is none.
pub async fn pin_of(conn: &mut PgConnection, user: UserId) -> Result<Option<SecretHash>, Error> {
    let hash = sqlx::query_scalar!("select identity.pin_of($1)", user.uuid()).fetch_one(conn).await?;
    hash.map(SecretHash::try_from).transpose().map_err(|error| Error::stored("PIN", &error))
}
