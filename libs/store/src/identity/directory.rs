//! Loading what a batch of decisions needs of the directories of merchants, and saving what they changed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_domain::{
    id::{KeyId, MerchantId, RegisterId, StoreId, UserId},
    identity::{Directory, Email, Grant, Invitation, Kept, PersonName, Role, SecretHash, User},
    time::Timestamp,
};
use uuid::Uuid;

use super::{keys, places, tills};
use crate::{Error, read, stored};

/// What a batch of decisions needs to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose directories.
    pub merchants: BTreeSet<MerchantId>,
    /// Users by their ids.
    pub users: BTreeSet<(MerchantId, UserId)>,
    /// Users by their addresses.
    pub emails: BTreeSet<(MerchantId, Email)>,
    /// API keys by their ids.
    pub keys: BTreeSet<(MerchantId, KeyId)>,
    /// Stores for which keys are made.
    pub key_stores: BTreeSet<(MerchantId, StoreId)>,
    /// Tills by their registers.
    pub tills: BTreeSet<(MerchantId, RegisterId)>,
    /// Stores by their ids.
    pub stores: BTreeSet<(MerchantId, StoreId)>,
    /// Stores by their names.
    pub store_names: BTreeSet<(MerchantId, String)>,
    /// Time zones by their names.
    pub time_zones: BTreeSet<String>,
    /// Registers by their stores and codes.
    pub register_codes: BTreeSet<(MerchantId, StoreId, String)>,
}

/// The directory of each merchant that exists, with what is wanted of it and the active owners of all its stores, locked in
/// key order.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn directories(conn: &mut PgConnection, wanted: &Wanted) -> Result<BTreeMap<MerchantId, Directory>, Error> {
    // The merchants' rows stand for their directories: two batches that change the same one take turns, so that an address
    // is not given twice.
    let mut directories: BTreeMap<MerchantId, Directory> = places::merchants(conn, &wanted.merchants)
        .await?
        .into_iter()
        .map(|merchant| {
            (merchant.id, Directory { merchant: Kept::found([(merchant.id, merchant)]), ..Directory::default() })
        })
        .collect();
    let mut users = users(conn, wanted).await?;
    let mut stores = places::stores(conn, wanted).await?;
    let time_zones = places::time_zones(conn, &wanted.time_zones).await?;
    let mut registers = places::registers(conn, wanted).await?;
    let mut keys = keys::found(conn, &wanted.keys).await?;
    let mut key_stores = keys::stores_found(conn, &wanted.key_stores).await?;
    let mut tills = tills::load(conn, &wanted.tills).await?;
    for (id, directory) in &mut directories {
        directory.users = Kept::found(users.remove(id).unwrap_or_default());
        directory.stores = Kept::found(stores.remove(id).unwrap_or_default());
        directory.time_zones.clone_from(&time_zones);
        directory.registers = Kept::found(registers.remove(id).unwrap_or_default());
        directory.keys = Kept::found(keys.remove(id).unwrap_or_default());
        directory.key_stores = key_stores.remove(id).unwrap_or_default();
        directory.tills = Kept::found(tills.remove(id).unwrap_or_default());
    }
    Ok(directories)
}

async fn users(
    conn: &mut PgConnection,
    wanted: &Wanted,
) -> Result<BTreeMap<MerchantId, BTreeMap<UserId, User>>, Error> {
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.users.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let (at, emails): (Vec<Uuid>, Vec<String>) =
        wanted.emails.iter().map(|(merchant, email)| (merchant.uuid(), email.as_str().to_owned())).unzip();
    let all: Vec<Uuid> = wanted.merchants.iter().map(|merchant| merchant.uuid()).collect();
    let rows = sqlx::query!(
        "with named as (
           select * from unnest($1::uuid[], $2::uuid[]) as n (merchant_id, user_id)
           union
           select u.merchant_id, u.user_id from unnest($3::uuid[], $4::text[]) as e (merchant_id, email)
           join identity.users u on u.merchant_id = e.merchant_id and u.email = e.email
           union
           select g.merchant_id, g.user_id from identity.grants g
           where g.merchant_id = any($5) and g.role = 'owner' and g.store_id is null and g.ended_at is null
         )
         select u.merchant_id, u.user_id, u.name, u.email, u.password, u.pin, u.code_hash, u.code_until, u.version, u.ended_at
         from named join identity.users u on u.merchant_id = named.merchant_id and u.user_id = named.user_id",
        &merchants,
        &ids,
        &at,
        &emails,
        &all
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut found: BTreeMap<MerchantId, BTreeMap<UserId, User>> = BTreeMap::new();
    let unreadable = |error| Error::stored("user", &error);
    for row in rows {
        let code_hash = row.code_hash.map(<[u8; 32]>::try_from).transpose();
        let code_hash = code_hash.map_err(|_| Error::stored("user", &"the hash of a code has not 32 bytes"))?;
        let until = row.code_until.map(read).transpose()?;
        let user = User {
            id: UserId::new(row.user_id),
            name: row.name.map(|name| PersonName::try_new(&name)).transpose().map_err(unreadable)?,
            email: row.email.map(Email::try_from).transpose().map_err(unreadable)?,
            password: row.password.map(SecretHash::try_from).transpose().map_err(unreadable)?,
            pin: row.pin.map(SecretHash::try_from).transpose().map_err(unreadable)?,
            invitation: code_hash.map(|code_hash| Invitation { code_hash, until }),
            grants: Vec::new(),
            version: u32::try_from(row.version).map_err(|error| Error::stored("user", &error))?,
            ended_at: row.ended_at.map(read).transpose()?,
        };
        found.entry(MerchantId::new(row.merchant_id)).or_default().insert(user.id, user);
    }
    grants(conn, &mut found).await?;
    Ok(found)
}

/// Gives users the grants that hold.
async fn grants(
    conn: &mut PgConnection,
    users: &mut BTreeMap<MerchantId, BTreeMap<UserId, User>>,
) -> Result<(), Error> {
    let of_each = users.iter().flat_map(|(merchant, of)| of.keys().map(|user| (merchant.uuid(), user.uuid())));
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) = of_each.unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        "select g.merchant_id, g.user_id, g.role, g.store_id
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, user_id)
         join identity.grants g on g.merchant_id = wanted.merchant_id and g.user_id = wanted.user_id
         where g.ended_at is null
         order by g.role, g.store_id",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let role: Role = row.role.parse().map_err(|error| Error::stored("grant", &error))?;
        let grant = Grant { role, store: row.store_id.map(StoreId::new) };
        let user =
            users.get_mut(&MerchantId::new(row.merchant_id)).and_then(|of| of.get_mut(&UserId::new(row.user_id)));
        if let Some(user) = user {
            user.grants.push(grant);
        }
    }
    Ok(())
}

/// Saves what changed at `now`, by the commands that changed them. A grant that a user has no longer is ended and kept.
///
/// # Errors
/// When a statement fails.
pub async fn save(
    conn: &mut PgConnection,
    directories: &BTreeMap<MerchantId, Directory>,
    now: Timestamp,
) -> Result<(), Error> {
    let keys: Vec<_> =
        directories.iter().flat_map(|(merchant, of)| of.keys.changed().map(|key| (*merchant, key))).collect();
    super::keys::save(conn, &keys).await?;
    tills::save(conn, directories).await?;
    let mut changed: Vec<(MerchantId, &User)> =
        directories.iter().flat_map(|(merchant, of)| of.users.changed().map(|user| (*merchant, user))).collect();
    places::save(conn, directories).await?;
    if changed.is_empty() {
        return Ok(());
    }
    changed.sort_by_key(|(merchant, user)| (*merchant, user.id));
    save_users(conn, &changed).await?;
    save_grants(conn, &changed, now).await
}

async fn save_users(conn: &mut PgConnection, changed: &[(MerchantId, &User)]) -> Result<(), Error> {
    let column = |of: fn(&User) -> Option<String>| changed.iter().map(|(_, user)| of(user)).collect::<Vec<_>>();
    let merchants: Vec<Uuid> = changed.iter().map(|(merchant, _)| merchant.uuid()).collect();
    let ids: Vec<Uuid> = changed.iter().map(|(_, user)| user.id.uuid()).collect();
    let versions: Vec<i32> = changed.iter().map(|(_, user)| i32::try_from(user.version).unwrap_or(i32::MAX)).collect();
    let ended: Vec<_> = changed.iter().map(|(_, user)| user.ended_at.map(stored)).collect();
    let invitations = || changed.iter().map(|(_, user)| user.invitation);
    let codes: Vec<_> = invitations().map(|invitation| invitation.map(|known| known.code_hash.to_vec())).collect();
    let until: Vec<_> = invitations().map(|invitation| invitation.and_then(|known| known.until).map(stored)).collect();
    sqlx::query!(
        "insert into identity.users as u (merchant_id, user_id, name, email, password, pin, version, ended_at, code_hash,
           code_until)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[],
           $8::timestamptz[], $9::bytea[], $10::timestamptz[])
         on conflict (merchant_id, user_id) do update set name = excluded.name, email = excluded.email,
           password = excluded.password, pin = excluded.pin, version = excluded.version, ended_at = excluded.ended_at,
           code_hash = excluded.code_hash, code_until = excluded.code_until",
        &merchants,
        &ids,
        &column(|user| user.name.as_ref().map(ToString::to_string)) as &[Option<String>],
        &column(|user| user.email.clone().map(String::from)) as &[Option<String>],
        &column(|user| user.password.as_ref().map(|hash| hash.reveal().to_owned())) as &[Option<String>],
        &column(|user| user.pin.as_ref().map(|hash| hash.reveal().to_owned())) as &[Option<String>],
        &versions,
        &ended as &[Option<chrono::DateTime<chrono::Utc>>],
        &codes as &[Option<Vec<u8>>],
        &until as &[Option<chrono::DateTime<chrono::Utc>>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn save_grants(conn: &mut PgConnection, changed: &[(MerchantId, &User)], now: Timestamp) -> Result<(), Error> {
    let (mut merchants, mut ids, mut sources, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut roles, mut stores) = (Vec::new(), Vec::new());
    for (merchant, user) in changed {
        // Derived from the user's version, so that each change has its own.
        let source = Uuid::new_v5(&user.id.uuid(), &user.version.to_be_bytes());
        for (line, grant) in (0_i16..).zip(&user.grants) {
            merchants.push(merchant.uuid());
            ids.push(user.id.uuid());
            sources.push(source);
            lines.push(line);
            roles.push(grant.role.name().to_owned());
            stores.push(grant.store.map(StoreId::uuid));
        }
    }
    let (of, users): (Vec<Uuid>, Vec<Uuid>) =
        changed.iter().map(|(merchant, user)| (merchant.uuid(), user.id.uuid())).unzip();
    sqlx::query!(
        "update identity.grants g set ended_at = $7
         where g.ended_at is null
           and (g.merchant_id, g.user_id) in (select * from unnest($1::uuid[], $2::uuid[]))
           and not exists (select from unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[]) as w (m, u, r, s)
             where w.m = g.merchant_id and w.u = g.user_id and w.r = g.role and w.s is not distinct from g.store_id)",
        &of,
        &users,
        &merchants,
        &ids,
        &roles,
        &stores as &[Option<Uuid>],
        stored(now)
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into identity.grants (merchant_id, user_id, source_id, line, role, store_id, began_at)
         select w.*, $7 from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::uuid[]) as w (m, u, c, l, r, s)
         where not exists (select from identity.grants g
           where g.merchant_id = w.m and g.user_id = w.u and g.role = w.r and g.store_id is not distinct from w.s
             and g.ended_at is null)",
        &merchants,
        &ids,
        &sources,
        &lines,
        &roles,
        &stores as &[Option<Uuid>],
        stored(now)
    )
    .execute(conn)
    .await?;
    Ok(())
}
