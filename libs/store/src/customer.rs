//! Customers and their groups.

mod look;
mod save;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tillstream_domain::{
    customer::{Customer, Directory, Group, Phone, Profile},
    id::{CustomerId, GroupId, MerchantId},
    identity::{Email, PersonName},
    text::{Note, Text},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read};

pub use look::{CustomerKey, Search, count_sales, find, groups, history, of, survivor};
pub use save::save;

/// What a batch of changes needs to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose customers are added or changed.
    pub merchants: BTreeSet<MerchantId>,
    /// Customers, whether they exist or not.
    pub customers: BTreeSet<(MerchantId, CustomerId)>,
    /// Groups, whether they exist or not.
    pub groups: BTreeSet<(MerchantId, GroupId)>,
}

/// A customer as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The customer.
    pub customer: Customer,
    /// When they were added.
    pub added_at: Timestamp,
}

/// The customers and groups of `wanted`, whose merchants nobody else changes or sells by until the transaction ends.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn lock(conn: &mut PgConnection, wanted: &Wanted) -> Result<BTreeMap<MerchantId, Directory>, Error> {
    lock_books(conn, &wanted.merchants, &BTreeSet::new()).await?;
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.customers.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        "select c.merchant_id, c.customer_id, c.name, c.email, c.phone, c.note, c.marketing, c.groups, c.merged_into,
           c.version, c.added_at
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, customer_id)
         join sales.customers c on c.merchant_id = wanted.merchant_id and c.customer_id = wanted.customer_id",
        &merchants,
        &ids
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut customers: HashMap<MerchantId, Vec<Customer>> = HashMap::new();
    for row in rows {
        customers.entry(MerchantId::new(row.merchant_id)).or_default().push(row.stored()?.customer);
    }
    let mut groups = wanted_groups(conn, &wanted.groups).await?;
    let directory = |merchant: &MerchantId| {
        let customers = customers.remove(merchant).unwrap_or_default();
        (*merchant, Directory::new(customers, groups.remove(merchant).unwrap_or_default()))
    };
    Ok(wanted.merchants.iter().map(directory).collect())
}

/// Lets nobody change the customers of `shared` merchants until the transaction ends, and nobody even name those of
/// `own`. Locks of the database's own stand in line: a row that many share would never be free for who wants it alone.
///
/// # Errors
/// When the statement fails.
pub async fn lock_books(
    conn: &mut PgConnection,
    own: &BTreeSet<MerchantId>,
    shared: &BTreeSet<MerchantId>,
) -> Result<(), Error> {
    if own.is_empty() && shared.is_empty() {
        return Ok(());
    }
    let both: BTreeSet<_> = own.union(shared).collect();
    let (merchants, alone): (Vec<Uuid>, Vec<bool>) = both.into_iter().map(|id| (id.uuid(), own.contains(id))).unzip();
    sqlx::query!(
        r#"select case when books.alone then pg_advisory_xact_lock(books.key)
             else pg_advisory_xact_lock_shared(books.key) end::text as locked
           from (select hashtextextended('sales.customers ' || id, 0) as key, bool_or(alone) as alone
             from unnest($1::uuid[], $2::boolean[]) as wanted (id, alone) group by 1 order by 1) as books"#,
        &merchants,
        &alone
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

async fn wanted_groups(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, GroupId)>,
) -> Result<HashMap<MerchantId, Vec<Group>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select g.merchant_id, g.group_id, g.name, g.version, g.ended
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, group_id)
         join sales.customer_groups g on g.merchant_id = wanted.merchant_id and g.group_id = wanted.group_id",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let group = group(row.group_id, &row.name, row.version, row.ended)?;
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(group);
    }
    Ok(found)
}

fn group(id: Uuid, name: &str, version: i32, ended: bool) -> Result<Group, Error> {
    let name = Text::try_new(name).map_err(|error| Error::stored("group", &error))?;
    Ok(Group { id: GroupId::new(id), name, version: count(version)?, ended })
}

fn count(number: i32) -> Result<u32, Error> {
    u32::try_from(number).map_err(|error| Error::stored("customer", &error))
}

struct Row {
    merchant_id: Uuid,
    customer_id: Uuid,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    note: Option<String>,
    marketing: bool,
    groups: Vec<Uuid>,
    merged_into: Option<Uuid>,
    version: i32,
    added_at: DateTime<Utc>,
}

impl Row {
    fn stored(self) -> Result<Stored, Error> {
        let wrong = |error| Error::stored("customer", &error);
        let profile = match self.name {
            None => None,
            Some(name) => Some(Profile {
                name: PersonName::try_new(&name).map_err(wrong)?,
                email: self.email.as_deref().map(Email::try_new).transpose().map_err(wrong)?,
                phone: self.phone.as_deref().map(Phone::try_new).transpose().map_err(wrong)?,
                note: self.note.as_deref().map(Note::try_new).transpose().map_err(wrong)?,
                marketing: self.marketing,
            }),
        };
        let customer = Customer {
            id: CustomerId::new(self.customer_id),
            profile,
            groups: self.groups.into_iter().map(GroupId::new).collect(),
            merged_into: self.merged_into.map(CustomerId::new),
            version: count(self.version)?,
        };
        Ok(Stored { customer, added_at: read(self.added_at)? })
    }
}
