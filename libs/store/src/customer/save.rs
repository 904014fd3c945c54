//! What becomes of customers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tillstream_domain::{
    customer::{Customer, Directory, Group},
    id::{CustomerId, GroupId, MerchantId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, stored};

/// Customers with the merchant whose they are.
type Theirs<'a> = Vec<(MerchantId, &'a Customer)>;

/// Saves what was done to customers and groups: set by set, each in key order.
///
/// # Errors
/// When a statement fails.
pub async fn save(
    conn: &mut PgConnection,
    directories: &BTreeMap<MerchantId, Directory>,
    now: Timestamp,
) -> Result<(), Error> {
    let added = theirs(directories, Directory::added);
    let changed = theirs(directories, Directory::changed);
    insert(conn, &added, stored(now)).await?;
    update(conn, &changed).await?;
    redirect(conn, directories).await?;
    forget_terms(conn, &changed).await?;
    add_terms(conn, added.iter().chain(&changed)).await?;
    let groups: Vec<_> = directories
        .iter()
        .flat_map(|(merchant, directory)| directory.regrouped().map(move |group| (*merchant, group)))
        .collect();
    put_groups(conn, &groups).await
}

fn theirs<'a, I: Iterator<Item = &'a Customer>>(
    directories: &'a BTreeMap<MerchantId, Directory>,
    of: impl Fn(&'a Directory) -> I,
) -> Theirs<'a> {
    let mut all = Vec::new();
    for (merchant, directory) in directories {
        all.extend(of(directory).map(|customer| (*merchant, customer)));
    }
    all
}

/// The columns of customers, one vector each.
struct Columns {
    merchants: Vec<Uuid>,
    ids: Vec<Uuid>,
    names: Vec<Option<String>>,
    emails: Vec<Option<String>>,
    phones: Vec<Option<String>>,
    notes: Vec<Option<String>>,
    marketing: Vec<bool>,
    /// As array literals, for `unnest` would flatten arrays of arrays.
    groups: Vec<String>,
    survivors: Vec<Option<Uuid>>,
    versions: Vec<i32>,
}

impl Columns {
    fn of(customers: &Theirs<'_>) -> Self {
        fn column<T>(customers: &Theirs<'_>, of: impl Fn(&Customer) -> T) -> Vec<T> {
            customers.iter().map(|(_, customer)| of(customer)).collect()
        }
        Self {
            merchants: customers.iter().map(|(merchant, _)| merchant.uuid()).collect(),
            ids: column(customers, |of| of.id.uuid()),
            names: column(customers, |of| Some(of.profile.as_ref()?.name.to_string())),
            emails: column(customers, |of| Some(of.profile.as_ref()?.email.as_ref()?.as_str().to_owned())),
            phones: column(customers, |of| Some(of.profile.as_ref()?.phone.as_ref()?.as_str().to_owned())),
            notes: column(customers, |of| Some(of.profile.as_ref()?.note.as_ref()?.to_string())),
            marketing: column(customers, |of| of.profile.as_ref().is_some_and(|profile| profile.marketing)),
            groups: column(customers, |of| {
                let ids: Vec<_> = of.groups.iter().map(GroupId::to_string).collect();
                format!("{{{}}}", ids.join(","))
            }),
            survivors: column(customers, |of| of.merged_into.map(CustomerId::uuid)),
            versions: column(customers, |of| version(of.version)),
        }
    }
}

fn version(number: u32) -> i32 {
    i32::try_from(number).expect("nothing changes 2^31 times")
}

async fn insert(conn: &mut PgConnection, customers: &Theirs<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    if customers.is_empty() {
        return Ok(());
    }
    let new = Columns::of(customers);
    sqlx::query!(
        "insert into sales.customers
           (merchant_id, customer_id, name, email, phone, note, marketing, groups, merged_into, version, added_at)
         select merchant_id, customer_id, name, email, phone, note, marketing, groups::uuid[], merged_into, version, $11
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[],
           $9::uuid[], $10::integer[])
           as new (merchant_id, customer_id, name, email, phone, note, marketing, groups, merged_into, version)",
        &new.merchants,
        &new.ids,
        &new.names as &[Option<String>],
        &new.emails as &[Option<String>],
        &new.phones as &[Option<String>],
        &new.notes as &[Option<String>],
        &new.marketing,
        &new.groups,
        &new.survivors as &[Option<Uuid>],
        &new.versions,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn update(conn: &mut PgConnection, customers: &Theirs<'_>) -> Result<(), Error> {
    if customers.is_empty() {
        return Ok(());
    }
    let new = Columns::of(customers);
    sqlx::query!(
        "update sales.customers c set name = new.name, email = new.email, phone = new.phone, note = new.note,
           marketing = new.marketing, groups = new.groups::uuid[], merged_into = new.merged_into, version = new.version
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[],
           $9::uuid[], $10::integer[])
           as new (merchant_id, customer_id, name, email, phone, note, marketing, groups, merged_into, version)
         where c.merchant_id = new.merchant_id and c.customer_id = new.customer_id",
        &new.merchants,
        &new.ids,
        &new.names as &[Option<String>],
        &new.emails as &[Option<String>],
        &new.phones as &[Option<String>],
        &new.notes as &[Option<String>],
        &new.marketing,
        &new.groups,
        &new.survivors as &[Option<Uuid>],
        &new.versions
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who was merged into somebody who is merged now, is merged into the survivor: nobody has to follow more than one step.
async fn redirect(conn: &mut PgConnection, directories: &BTreeMap<MerchantId, Directory>) -> Result<(), Error> {
    for (merchant, directory) in directories {
        for merged in directory.merged() {
            sqlx::query!(
                "update sales.customers set merged_into = $3 where merchant_id = $1 and merged_into = $2",
                merchant.uuid(),
                merged.from.uuid(),
                merged.into.uuid()
            )
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

async fn forget_terms(conn: &mut PgConnection, customers: &Theirs<'_>) -> Result<(), Error> {
    if customers.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        customers.iter().map(|(merchant, customer)| (merchant.uuid(), customer.id.uuid())).unzip();
    sqlx::query!(
        "delete from sales.customer_terms t using unnest($1::uuid[], $2::uuid[]) as of (merchant_id, customer_id)
         where t.merchant_id = of.merchant_id and t.customer_id = of.customer_id",
        &merchants,
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn add_terms<'a>(
    conn: &mut PgConnection,
    customers: impl Iterator<Item = &'a (MerchantId, &'a Customer)>,
) -> Result<(), Error> {
    let (mut merchants, mut ids, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    for (merchant, customer) in customers {
        for term in customer.profile.iter().flat_map(tillstream_domain::customer::Profile::terms) {
            merchants.push(merchant.uuid());
            ids.push(customer.id.uuid());
            terms.push(term);
        }
    }
    if terms.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into sales.customer_terms (merchant_id, customer_id, term)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[])",
        &merchants,
        &ids,
        &terms
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_groups(conn: &mut PgConnection, groups: &[(MerchantId, &Group)]) -> Result<(), Error> {
    if groups.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        groups.iter().map(|(merchant, group)| (merchant.uuid(), group.id.uuid())).unzip();
    let names: Vec<String> = groups.iter().map(|(_, group)| group.name.to_string()).collect();
    let versions: Vec<i32> = groups.iter().map(|(_, group)| version(group.version)).collect();
    let ended: Vec<bool> = groups.iter().map(|(_, group)| group.ended).collect();
    sqlx::query!(
        "insert into sales.customer_groups (merchant_id, group_id, name, version, ended)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::boolean[])
         on conflict (merchant_id, group_id) do update set name = excluded.name, version = excluded.version,
           ended = excluded.ended",
        &merchants,
        &ids,
        &names,
        &versions,
        &ended
    )
    .execute(conn)
    .await?;
    Ok(())
}
