//! Drawers, and the shifts that were closed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_contract::shift::DrawerEvent;
use tillstream_domain::{
    id::{MerchantId, RegisterId, ShiftId, StoreId},
    shift::{Drawer, Report},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// What a drawer is known by.
pub type DrawerKey = (MerchantId, RegisterId);

/// A place in the list of closed shifts, newest first.
pub type Cursor = (Timestamp, ShiftId);

/// A shift, as it is to be shown.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is not closed.
    Open(Box<Report>),
    /// It is.
    Closed {
        /// Where.
        store: StoreId,
        /// [`Report`] as JSON, as it was stored.
        document: String,
    },
}

/// A document in a list.
#[derive(Clone, Debug)]
pub struct Row {
    /// When it was stored.
    pub at: Timestamp,
    /// Its id.
    pub id: Uuid,
    /// The document, JSON.
    pub document: String,
}

/// What a batch leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Drawers as they stand now.
    pub drawers: BTreeMap<DrawerKey, Drawer>,
    /// Z reports.
    pub closed: Vec<(MerchantId, Report)>,
    /// What drawers were opened for.
    pub events: Vec<(MerchantId, DrawerEvent)>,
}

/// The drawers of registers, locked in key order until the transaction ends; one that does not exist is created.
///
/// # Errors
/// When a statement fails or a stored drawer can't be read.
pub async fn lock(conn: &mut PgConnection, keys: &BTreeSet<DrawerKey>) -> Result<BTreeMap<DrawerKey, Drawer>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut drawers = lock_present(conn, keys).await?;
    if drawers.len() < keys.len() {
        let missing = keys.iter().filter(|key| !drawers.contains_key(key));
        let (merchants, registers) = columns(missing);
        sqlx::query!(
            "insert into sales.drawers (merchant_id, register_id, document)
             select m, r, $3 from unnest($1::uuid[], $2::uuid[]) as t (m, r) on conflict do nothing",
            &merchants,
            &registers,
            json(&Drawer::default()),
        )
        .execute(&mut *conn)
        .await?;
        drawers = lock_present(conn, keys).await?;
    }
    Ok(drawers)
}

async fn lock_present(
    conn: &mut PgConnection,
    keys: &BTreeSet<DrawerKey>,
) -> Result<BTreeMap<DrawerKey, Drawer>, Error> {
    let (merchants, registers) = columns(keys.iter());
    let rows = sqlx::query!(
        "select d.merchant_id, d.register_id, d.document
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, register_id)
         join sales.drawers d on d.merchant_id = wanted.merchant_id and d.register_id = wanted.register_id
         order by d.merchant_id, d.register_id for update of d",
        &merchants,
        &registers,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok(((MerchantId::new(row.merchant_id), RegisterId::new(row.register_id)), parse(&row.document)?)))
        .collect()
}

/// Those of the shifts that are closed.
///
/// # Errors
/// When the statement fails.
pub async fn closed(
    conn: &mut PgConnection,
    shifts: &BTreeSet<(MerchantId, ShiftId)>,
) -> Result<BTreeSet<(MerchantId, ShiftId)>, Error> {
    if shifts.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        shifts.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select s.merchant_id, s.shift_id
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, shift_id)
         join sales.shifts s on s.merchant_id = wanted.merchant_id and s.shift_id = wanted.shift_id",
        &merchants,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), ShiftId::new(row.shift_id))).collect())
}

/// Stores what a batch leaves behind.
///
/// # Errors
/// When a statement fails.
pub async fn save(conn: &mut PgConnection, changes: &Changes, now: Timestamp) -> Result<(), Error> {
    if !changes.drawers.is_empty() {
        let (merchants, registers) = columns(changes.drawers.keys());
        let open = changes.drawers.values().map(|drawer| drawer.shift.as_ref().map(|shift| shift.id.uuid()));
        let documents: Vec<String> = changes.drawers.values().map(json).collect();
        sqlx::query!(
            "update sales.drawers d set shift_id = t.s, document = t.d
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) as t (m, r, s, d)
             where d.merchant_id = t.m and d.register_id = t.r",
            &merchants,
            &registers,
            &open.collect::<Vec<_>>() as &[Option<Uuid>],
            &documents,
        )
        .execute(&mut *conn)
        .await?;
    }
    save_closed(conn, &changes.closed, now).await?;
    save_events(conn, &changes.events, now).await
}

async fn save_closed(conn: &mut PgConnection, closed: &[(MerchantId, Report)], now: Timestamp) -> Result<(), Error> {
    if closed.is_empty() {
        return Ok(());
    }
    let merchants: Vec<Uuid> = closed.iter().map(|(merchant, _)| merchant.uuid()).collect();
    let ids: Vec<Uuid> = closed.iter().map(|(_, report)| report.id.uuid()).collect();
    let stores: Vec<Uuid> = closed.iter().map(|(_, report)| report.spot.store.uuid()).collect();
    let registers: Vec<Uuid> = closed.iter().map(|(_, report)| report.spot.register.uuid()).collect();
    let numbers: Vec<i64> = closed.iter().map(|(_, report)| number(report)).collect();
    let documents: Vec<String> = closed.iter().map(|(_, report)| json(report)).collect();
    sqlx::query!(
        "insert into sales.shifts (merchant_id, shift_id, store_id, register_id, number, document, closed_at)
         select *, $7::timestamptz from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[])",
        &merchants,
        &ids,
        &stores,
        &registers,
        &numbers,
        &documents,
        stored(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn save_events(
    conn: &mut PgConnection,
    events: &[(MerchantId, DrawerEvent)],
    now: Timestamp,
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let merchants: Vec<Uuid> = events.iter().map(|(merchant, _)| merchant.uuid()).collect();
    let ids: Vec<Uuid> = events.iter().map(|(_, event)| event.id).collect();
    let shifts: Vec<Uuid> = events.iter().map(|(_, event)| event.shift.uuid()).collect();
    let stores: Vec<Uuid> = events.iter().map(|(_, event)| event.store.uuid()).collect();
    let documents: Vec<String> = events.iter().map(|(_, event)| json(event)).collect();
    sqlx::query!(
        "insert into sales.drawer_events (merchant_id, event_id, shift_id, store_id, document, recorded_at)
         select *, $6::timestamptz from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[])",
        &merchants,
        &ids,
        &shifts,
        &stores,
        &documents,
        stored(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The shift of a register that is not closed.
///
/// # Errors
/// When the statement fails or the stored drawer can't be read.
pub async fn at_register(
    conn: &mut PgConnection,
    merchant: MerchantId,
    register: RegisterId,
) -> Result<Option<Report>, Error> {
    let document = sqlx::query_scalar!(
        "select document from sales.drawers where merchant_id = $1 and register_id = $2",
        merchant.uuid(),
        register.uuid()
    )
    .fetch_optional(conn)
    .await?;
    document.map_or(Ok(None), |document| open(&document))
}

/// The shift `id`.
///
/// # Errors
/// When a statement fails or the stored drawer can't be read.
pub async fn find(conn: &mut PgConnection, merchant: MerchantId, id: ShiftId) -> Result<Option<Found>, Error> {
    let document = sqlx::query_scalar!(
        "select document from sales.drawers where merchant_id = $1 and shift_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(report) = document.map_or(Ok(None), |document| open(&document))? {
        return Ok(Some(Found::Open(Box::new(report))));
    }
    let row = sqlx::query!(
        "select store_id, document from sales.shifts where merchant_id = $1 and shift_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Found::Closed { store: StoreId::new(row.store_id), document: row.document }))
}

/// Up to `limit` closed shifts before `before`, newest first, of one register or all, and of the stores `within` alone, if
/// they are given.
///
/// # Errors
/// When the statement fails.
pub async fn page(
    conn: &mut PgConnection,
    merchant: MerchantId,
    register: Option<RegisterId>,
    within: Option<&BTreeSet<StoreId>>,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(stored(at)), Some(id.uuid())));
    let within: Option<Vec<Uuid>> = within.map(|stores| stores.iter().map(|store| store.uuid()).collect());
    let rows = sqlx::query!(
        "select closed_at, shift_id, document from sales.shifts
         where merchant_id = $1
           and ($2::uuid is null or register_id = $2)
           and ($6::uuid[] is null or store_id = any($6))
           and ($3::timestamptz is null or (closed_at, shift_id) < ($3, $4::uuid))
         order by closed_at desc, shift_id desc limit $5",
        merchant.uuid(),
        register.map(RegisterId::uuid),
        at,
        id,
        limit,
        within.as_deref()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok(Row { at: read(row.closed_at)?, id: row.shift_id, document: row.document })).collect()
}

/// Up to `limit` of what the drawer was opened for in a shift after `after`, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn events(
    conn: &mut PgConnection,
    merchant: MerchantId,
    shift: ShiftId,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(stored(at)), Some(id)));
    let rows = sqlx::query!(
        "select recorded_at, event_id, document from sales.drawer_events
         where merchant_id = $1 and shift_id = $2
           and ($3::timestamptz is null or (recorded_at, event_id) > ($3, $4::uuid))
         order by recorded_at, event_id limit $5",
        merchant.uuid(),
        shift.uuid(),
        at,
        id,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok(Row { at: read(row.recorded_at)?, id: row.event_id, document: row.document }))
        .collect()
}

fn columns<'a>(keys: impl Iterator<Item = &'a DrawerKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.map(|(merchant, register)| (merchant.uuid(), register.uuid())).unzip()
}

pub(crate) fn parse(document: &str) -> Result<Drawer, Error> {
    serde_json::from_str(document).map_err(|error| Error::stored("drawer", &error))
}

fn open(document: &str) -> Result<Option<Report>, Error> {
    Ok(parse(document)?.shift.map(|shift| shift.report()))
}

fn number(report: &Report) -> i64 {
    report
        .number
        .and_then(|number| i64::try_from(number).ok())
        .expect("a closed shift has a number that was counted to")
}

fn json<T: serde::Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("it holds only strings, integers, lists and named fields")
}
