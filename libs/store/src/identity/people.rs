//! Users, stores and the merchant, as the edge shows them.

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, StoreId, UserId},
    identity::{Grant, Merchant, Reach, Role, Store},
    money::Currency,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, rules};

/// A user.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// What people call them; none once they are erased.
    pub name: Option<String>,
    /// With which they sign in.
    pub email: Option<String>,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whether they have a PIN.
    pub has_pin: bool,
    /// Until when they can set a password by a code, if they were invited.
    pub invited_until: Option<Timestamp>,
    /// Counts their changes from 1.
    pub version: u32,
    /// From when on they may nothing any more.
    pub ended_at: Option<Timestamp>,
    /// What they are, and were.
    pub grants: Vec<Held>,
}

/// What somebody is or was.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The grant.
    pub grant: Grant,
    /// Since when.
    pub began_at: Timestamp,
    /// Until when; none while it holds.
    pub ended_at: Option<Timestamp>,
}

/// Which users.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// This one alone.
    pub id: Option<UserId>,
    /// Those with a grant in these stores.
    pub reach: &'a Reach,
    /// Those after this one.
    pub after: Option<Uuid>,
    /// This many at the most.
    pub limit: i64,
}

/// Users by their ids, with all their grants.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn users(conn: &mut PgConnection, merchant: MerchantId, which: Which<'_>) -> Result<Vec<Person>, Error> {
    let stores: Option<Vec<Uuid>> =
        which.reach.stores().map(|stores| stores.iter().map(|store| store.uuid()).collect());
    let rows = sqlx::query!(
        r#"select u.user_id, u.name, u.email, u.has_password as "has_password!", u.has_pin as "has_pin!", u.code_until,
             u.version, u.ended_at
           from identity.users u
           where u.merchant_id = $1 and ($2::uuid is null or u.user_id = $2) and ($3::uuid is null or u.user_id > $3)
             and ($4::uuid[] is null or exists (select from identity.grants g where g.merchant_id = u.merchant_id
               and g.user_id = u.user_id and g.ended_at is null and g.store_id = any($4)))
           order by u.user_id limit $5"#,
        merchant.uuid(),
        which.id.map(UserId::uuid),
        which.after,
        stores.as_deref(),
        which.limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut people = Vec::with_capacity(rows.len());
    for row in rows {
        people.push(Person {
            id: UserId::new(row.user_id),
            name: row.name,
            email: row.email,
            has_password: row.has_password,
            has_pin: row.has_pin,
            invited_until: row.code_until.map(read).transpose()?,
            version: u32::try_from(row.version).map_err(|error| Error::stored("user", &error))?,
            ended_at: row.ended_at.map(read).transpose()?,
            grants: Vec::new(),
        });
    }
    grants(conn, merchant, &mut people).await?;
    Ok(people)
}

/// Until when a user can set a password by a code, if they were invited.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn invited_until(
    conn: &mut PgConnection,
    merchant: MerchantId,
    id: UserId,
) -> Result<Option<Timestamp>, Error> {
    let until = sqlx::query_scalar!(
        "select code_until from identity.users where merchant_id = $1 and user_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    until.flatten().map(read).transpose()
}

/// Gives people, who are in the order of their ids, their grants.
async fn grants(conn: &mut PgConnection, merchant: MerchantId, people: &mut [Person]) -> Result<(), Error> {
    let ids: Vec<Uuid> = people.iter().map(|person| person.id.uuid()).collect();
    let rows = sqlx::query!(
        "select user_id, role, store_id, began_at, ended_at from identity.grants
         where merchant_id = $1 and user_id = any($2) order by began_at, source_id, line",
        merchant.uuid(),
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let role: Role = row.role.parse().map_err(|error| Error::stored("grant", &error))?;
        let held = Held {
            grant: Grant { role, store: row.store_id.map(StoreId::new) },
            began_at: read(row.began_at)?,
            ended_at: row.ended_at.map(read).transpose()?,
        };
        if let Ok(at) = people.binary_search_by_key(&row.user_id, |person| person.id.uuid()) {
            people[at].grants.push(held);
        }
    }
    Ok(())
}

/// The stores of a merchant, by their ids.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn stores(conn: &mut PgConnection, merchant: MerchantId) -> Result<Vec<Store>, Error> {
    let rows = sqlx::query!(
        "select store_id, name, time_zone, version from catalog.stores where merchant_id = $1 order by store_id",
        merchant.uuid()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let version = u32::try_from(row.version).map_err(|error| Error::stored("store", &error))?;
            Ok(Store { id: StoreId::new(row.store_id), name: row.name, time_zone: row.time_zone, version })
        })
        .collect()
}

/// The merchant, if there is such a one.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn merchant(conn: &mut PgConnection, id: MerchantId) -> Result<Option<Merchant>, Error> {
    let row = sqlx::query!(
        "select name, currency, tax_mode, tax_per, rounding, cash_step, version from catalog.merchants where merchant_id = $1",
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Merchant {
            id,
            name: row.name,
            currency: Currency::try_new(&row.currency).map_err(|error| Error::stored("merchant", &error))?,
            rules: rules::read(&row.tax_mode, &row.tax_per, &row.rounding, row.cash_step)?,
            version: u32::try_from(row.version).map_err(|error| Error::stored("merchant", &error))?,
        })
    })
    .transpose()
}
