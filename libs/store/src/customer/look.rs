//! Reading customers.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;
use tillstream_domain::{
    customer::{Clientele, Group, Known},
    id::{CustomerId, GroupId, MerchantId, SaleId, StoreId},
};
use uuid::Uuid;

use super::{Row, Stored, group};
use crate::{
    Error, read,
    sale::{self, Cursor},
    stored,
};

/// Which customers are looked for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The beginnings of terms: all of them must fit; with none, every customer does.
    pub words: BTreeSet<String>,
    /// Only those after this one, by id.
    pub after: Option<CustomerId>,
    /// Up to so many.
    pub limit: i64,
}

impl Search {
    /// The customers that fit, by id. Who is erased or merged does not.
    ///
    /// # Errors
    /// When the statement fails or a row can't be read.
    pub async fn run(&self, conn: &mut PgConnection, merchant: MerchantId) -> Result<Vec<Stored>, Error> {
        let ids = if self.words.is_empty() { None } else { Some(self.ids(conn, merchant).await?) };
        let rows = sqlx::query_as!(
            Row,
            "select merchant_id, customer_id, name, email, phone, note, marketing, groups, merged_into, version, added_at
             from sales.customers
             where merchant_id = $1 and name is not null and ($2::uuid[] is null or customer_id = any($2))
               and ($3::uuid is null or customer_id > $3)
             order by customer_id limit $4",
            merchant.uuid(),
            ids.as_deref(),
            self.after.map(CustomerId::uuid),
            self.limit
        )
        .fetch_all(conn)
        .await?;
        rows.into_iter().map(Row::stored).collect()
    }

    /// Those who have a term that begins with the longest word, and one that begins with each of the others.
    async fn ids(&self, conn: &mut PgConnection, merchant: MerchantId) -> Result<Vec<Uuid>, Error> {
        let longest = self.words.iter().max_by_key(|word| word.len()).cloned().unwrap_or_default();
        let others: Vec<String> = self.words.iter().filter(|word| **word != longest).cloned().collect();
        let rows = sqlx::query!(
            "select distinct t.customer_id from sales.customer_terms t
             where t.merchant_id = $1 and t.term ^@ $2 and ($4::uuid is null or t.customer_id > $4)
               and not exists (
                 select from unnest($3::text[]) as word where not exists (
                   select from sales.customer_terms o
                   where o.merchant_id = t.merchant_id and o.customer_id = t.customer_id and o.term ^@ word))
             order by t.customer_id limit $5",
            merchant.uuid(),
            longest,
            &others,
            self.after.map(CustomerId::uuid),
            self.limit
        )
        .fetch_all(conn)
        .await?;
        Ok(rows.into_iter().map(|row| row.customer_id).collect())
    }
}

/// The customer `id`; of one who was merged, the survivor.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn find(conn: &mut PgConnection, merchant: MerchantId, id: CustomerId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select s.merchant_id, s.customer_id, s.name, s.email, s.phone, s.note, s.marketing, s.groups, s.merged_into,
           s.version, s.added_at
         from sales.customers c join sales.customers s
           on s.merchant_id = c.merchant_id and s.customer_id = coalesce(c.merged_into, c.customer_id)
         where c.merchant_id = $1 and c.customer_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::stored).transpose()
}

/// What customers are known by.
pub type CustomerKey = (MerchantId, CustomerId);

/// Who these customers are by now. It stays so until the transaction ends once [`super::lock_books`] has been called.
///
/// # Errors
/// When a statement fails.
pub async fn of(
    conn: &mut PgConnection,
    wanted: &BTreeSet<CustomerKey>,
) -> Result<HashMap<MerchantId, Clientele>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let mut of: HashMap<MerchantId, Vec<(CustomerId, Known)>> = HashMap::new();
    for ((merchant, id), known) in known(conn, &merchants, &ids).await? {
        of.entry(merchant).or_default().push((id, known));
    }
    Ok(of.into_iter().map(|(merchant, known)| (merchant, known.into_iter().collect())).collect())
}

/// Who a customer is by now, without a lock: for reading.
///
/// # Errors
/// When the statement fails.
pub async fn survivor(conn: &mut PgConnection, merchant: MerchantId, id: CustomerId) -> Result<Option<Known>, Error> {
    Ok(known(conn, &[merchant.uuid()], &[id.uuid()]).await?.remove(&(merchant, id)))
}

async fn known(
    conn: &mut PgConnection,
    merchants: &[Uuid],
    ids: &[Uuid],
) -> Result<HashMap<CustomerKey, Known>, Error> {
    let rows = sqlx::query!(
        r#"select c.merchant_id, c.customer_id as named, s.customer_id, s.name is not null as "active!",
             array(select g.group_id from sales.customer_groups g
                   where g.merchant_id = s.merchant_id and g.group_id = any(s.groups) and not g.ended
                   order by g.group_id) as "groups!"
           from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, customer_id)
           join sales.customers c on c.merchant_id = wanted.merchant_id and c.customer_id = wanted.customer_id
           join sales.customers s
             on s.merchant_id = c.merchant_id and s.customer_id = coalesce(c.merged_into, c.customer_id)"#,
        merchants,
        ids
    )
    .fetch_all(conn)
    .await?;
    let known = rows.into_iter().map(|row| {
        let groups = row.groups.into_iter().map(GroupId::new).collect();
        let known = Known { id: CustomerId::new(row.customer_id), active: row.active, groups };
        ((MerchantId::new(row.merchant_id), CustomerId::new(row.named)), known)
    });
    Ok(known.collect())
}

/// The merchant's groups, those that have ended too, by id.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn groups(
    conn: &mut PgConnection,
    merchant: MerchantId,
    after: Option<GroupId>,
    limit: i64,
) -> Result<Vec<Group>, Error> {
    let rows = sqlx::query!(
        "select group_id, name, version, ended from sales.customer_groups
         where merchant_id = $1 and ($2::uuid is null or group_id > $2) order by group_id limit $3",
        merchant.uuid(),
        after.map(GroupId::uuid),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| group(row.group_id, &row.name, row.version, row.ended)).collect()
}

/// How many sales name a customer, or whoever was merged into them.
///
/// # Errors
/// When the statement fails.
pub async fn count_sales(conn: &mut PgConnection, (merchant, id): CustomerKey) -> Result<i64, Error> {
    let row = sqlx::query!(
        r#"select count(*) as "count!" from sales.sales where merchant_id = $1 and customer_id = any(
             array(select customer_id from sales.customers where merchant_id = $1 and merged_into = $2) || $2::uuid)"#,
        merchant.uuid(),
        id.uuid()
    )
    .fetch_one(conn)
    .await?;
    Ok(row.count)
}

/// Up to `limit` sales to a customer before `before`, newest first, those to whoever was merged into them too, and of the
/// stores `within` alone, if it is given.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn history(
    conn: &mut PgConnection,
    (merchant, id): CustomerKey,
    within: Option<&BTreeSet<StoreId>>,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<sale::Row>, Error> {
    let (at, sale) = before.map_or((None, None), |(at, id)| (Some(stored(at)), Some(id.uuid())));
    let within: Option<Vec<Uuid>> = within.map(|stores| stores.iter().map(|store| store.uuid()).collect());
    let rows = sqlx::query!(
        r#"select s.recorded_at as "recorded_at!", s.sale_id as "sale_id!", s.document as "document!"
           from (select $2::uuid as id union
                 select customer_id from sales.customers where merchant_id = $1 and merged_into = $2) as named
           cross join lateral (
             select recorded_at, sale_id, document from sales.sales
             where merchant_id = $1 and customer_id = named.id
               and ($6::uuid[] is null or store_id = any($6))
               and ($3::timestamptz is null or (recorded_at, sale_id) < ($3, $4::uuid))
             order by recorded_at desc, sale_id desc limit $5) as s
           order by s.recorded_at desc, s.sale_id desc limit $5"#,
        merchant.uuid(),
        id.uuid(),
        at,
        sale,
        limit,
        within.as_deref()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok(sale::Row { cursor: (read(row.recorded_at)?, SaleId::new(row.sale_id)), document: row.document }))
        .collect()
}
