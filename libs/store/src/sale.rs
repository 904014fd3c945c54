//! Sales in the books.

use std::collections::{BTreeSet, HashSet};

use sqlx::PgConnection;
use tillstream_contract::sale::Sale;
use tillstream_domain::{
    Invalid,
    id::{CustomerId, MerchantId, RegisterId, SaleId, StoreId},
    sale::Ticket,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// A place in the list of sales, newest first.
pub type Cursor = (Timestamp, SaleId);

/// A sale as stored.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its place in the list.
    pub cursor: Cursor,
    /// [`Sale`] as JSON, as it was recorded.
    pub document: String,
}

/// A sale as stored, with its store.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it was sold.
    pub store: StoreId,
    /// [`Sale`] as JSON, as it was recorded.
    pub document: String,
}

/// Saves completed sales.
///
/// # Errors
/// When the statement fails.
pub async fn save(conn: &mut PgConnection, sales: &[Sale]) -> Result<(), Error> {
    if sales.is_empty() {
        return Ok(());
    }
    let documents: Vec<String> = sales
        .iter()
        .map(|sale| serde_json::to_string(sale).expect("a sale holds only strings, integers, lists and named fields"))
        .collect();
    let merchants: Vec<Uuid> = sales.iter().map(|sale| sale.merchant.id.uuid()).collect();
    let ids: Vec<Uuid> = sales.iter().map(|sale| sale.id.uuid()).collect();
    let stores: Vec<Uuid> = sales.iter().map(|sale| sale.store.id.uuid()).collect();
    let registers: Vec<Uuid> = sales.iter().map(|sale| sale.register.id.uuid()).collect();
    let sold: Vec<_> = sales.iter().map(|sale| stored(sale.sold_at)).collect();
    let recorded: Vec<_> = sales.iter().map(|sale| stored(sale.recorded_at)).collect();
    let currencies: Vec<String> = sales.iter().map(|sale| sale.currency.code().to_owned()).collect();
    let totals: Vec<i64> = sales.iter().map(|sale| sale.total.get()).collect();
    let tickets: Vec<Option<i64>> = sales.iter().map(|sale| sale.ticket.map(column)).collect();
    let customers: Vec<Option<Uuid>> = sales.iter().map(|sale| sale.customer.map(CustomerId::uuid)).collect();
    sqlx::query!(
        "insert into sales.sales
           (merchant_id, sale_id, store_id, register_id, sold_at, recorded_at, currency, total, ticket, document, customer_id)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[],
           $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::uuid[])",
        &merchants,
        &ids,
        &stores,
        &registers,
        &sold,
        &recorded,
        &currencies,
        &totals,
        &tickets as &[Option<i64>],
        &documents,
        &customers as &[Option<Uuid>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn column(ticket: Ticket) -> i64 {
    i64::try_from(ticket.get()).expect("a ticket is below 2^53")
}

/// A number that a till gave a sale.
pub type TicketKey = (MerchantId, RegisterId, Ticket);

/// Which of these numbers are taken already.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn tickets(conn: &mut PgConnection, wanted: &BTreeSet<TicketKey>) -> Result<HashSet<TicketKey>, Error> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let merchants: Vec<Uuid> = wanted.iter().map(|(merchant, ..)| merchant.uuid()).collect();
    let registers: Vec<Uuid> = wanted.iter().map(|(_, register, _)| register.uuid()).collect();
    let numbers: Vec<i64> = wanted.iter().map(|(.., ticket)| column(*ticket)).collect();
    let rows = sqlx::query!(
        r#"select distinct s.merchant_id, s.register_id, s.ticket as "ticket!"
           from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as wanted (merchant_id, register_id, ticket)
           join sales.sales s on s.merchant_id = wanted.merchant_id and s.register_id = wanted.register_id
             and s.ticket = wanted.ticket"#,
        &merchants,
        &registers,
        &numbers
    )
    .fetch_all(conn)
    .await?;
    let key = |number| ticket(number).map_err(|error| Error::stored("ticket", &error));
    rows.into_iter()
        .map(|row| Ok((MerchantId::new(row.merchant_id), RegisterId::new(row.register_id), key(row.ticket)?)))
        .collect()
}

fn ticket(number: i64) -> Result<Ticket, Invalid> {
    u64::try_from(number).map_err(|_| Invalid::Ticket)?.try_into()
}

/// Up to `limit` gaps in a register's numbers above `after`, ascending: the first and the last number that are missing.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn ticket_gaps(
    conn: &mut PgConnection,
    merchant: MerchantId,
    register: RegisterId,
    after: u64,
    limit: i64,
) -> Result<Vec<(Ticket, Ticket)>, Error> {
    let rows = sqlx::query!(
        r#"select previous + 1 as "first!", ticket - 1 as "last!" from (
             select ticket, lag(ticket) over (order by ticket) as previous from sales.sales
             where merchant_id = $1 and register_id = $2 and ticket >= $3
           ) as numbers
           where ticket > previous + 1 order by ticket limit $4"#,
        merchant.uuid(),
        register.uuid(),
        i64::try_from(after).unwrap_or(i64::MAX),
        limit
    )
    .fetch_all(conn)
    .await?;
    let read = |number| ticket(number).map_err(|error| Error::stored("ticket", &error));
    rows.into_iter().map(|row| Ok((read(row.first)?, read(row.last)?))).collect()
}

/// The sale `id`.
///
/// # Errors
/// When the statement fails.
pub async fn find(conn: &mut PgConnection, merchant: MerchantId, id: SaleId) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        "select store_id, document from sales.sales where merchant_id = $1 and sale_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Found { store: StoreId::new(row.store_id), document: row.document }))
}

/// Up to `limit` sales before `before`, newest first, of one store or all, and of those `within` alone, if it is given.
///
/// # Errors
/// When the statement fails.
pub async fn page(
    conn: &mut PgConnection,
    merchant: MerchantId,
    store: Option<StoreId>,
    within: Option<&BTreeSet<StoreId>>,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(stored(at)), Some(id.uuid())));
    let within: Option<Vec<Uuid>> = within.map(|stores| stores.iter().map(|store| store.uuid()).collect());
    let rows = sqlx::query!(
        "select recorded_at, sale_id, document from sales.sales
         where merchant_id = $1
           and ($2::uuid is null or store_id = $2)
           and ($6::uuid[] is null or store_id = any($6))
           and ($3::timestamptz is null or (recorded_at, sale_id) < ($3, $4::uuid))
         order by recorded_at desc, sale_id desc limit $5",
        merchant.uuid(),
        store.map(StoreId::uuid),
        at,
        id,
        limit,
        within.as_deref()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok(Row { cursor: (read(row.recorded_at)?, SaleId::new(row.sale_id)), document: row.document }))
        .collect()
}
