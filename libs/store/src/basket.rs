//! Parked baskets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use tillstream_contract::basket::Draft;
use tillstream_domain::{
    basket::{Basket, Baskets, KEPT_MICROS, MAX_PARKED, Mark, Name, Status},
    id::{BasketId, MerchantId, RegisterId, StoreId, UserId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// What a basket is known by.
pub type BasketKey = (MerchantId, BasketId);

/// A place in the list of a store's baskets, the last parked first.
pub type Cursor = (Timestamp, BasketId);

/// What a batch of decisions needs to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Stores in which something is to be parked.
    pub stores: BTreeSet<(MerchantId, StoreId)>,
    /// Baskets, whether they exist or not.
    pub baskets: BTreeSet<BasketKey>,
}

/// What a basket holds besides what decisions need: its name, how many lines it has, and [`Draft`] as JSON.
#[derive(Clone, Debug)]
pub struct Content {
    /// What people find it by.
    pub name: Name,
    /// How many lines it has.
    pub lines: u32,
    /// What is in it.
    pub draft: String,
}

impl Content {
    /// That of a basket with this name.
    ///
    /// # Panics
    /// Never: a draft can always be JSON, and a command holds fewer than 2^32 lines.
    #[must_use]
    pub fn new(name: Name, draft: &Draft) -> Self {
        let lines = u32::try_from(draft.lines.len()).expect("a command holds fewer than 2^32 lines");
        let draft = serde_json::to_string(draft).expect("a draft holds only strings, integers, lists and named fields");
        Self { name, lines, draft }
    }
}

/// The baskets of `wanted`, locked in key order until the transaction ends, and what is parked in its stores. Nobody else
/// parks anything there meanwhile.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn lock(conn: &mut PgConnection, wanted: &Wanted) -> Result<HashMap<MerchantId, Baskets>, Error> {
    let mut ends = ends(conn, &wanted.stores).await?;
    let mut known = known(conn, &wanted.baskets).await?;
    let merchants: BTreeSet<MerchantId> = wanted
        .stores
        .iter()
        .map(|(merchant, _)| *merchant)
        .chain(wanted.baskets.iter().map(|(merchant, _)| *merchant))
        .collect();
    let baskets = |merchant: MerchantId| {
        let baskets = known.remove(&merchant).unwrap_or_default();
        (merchant, Baskets::new(baskets, ends.remove(&merchant).unwrap_or_default()))
    };
    Ok(merchants.into_iter().map(baskets).collect())
}

type Ends = HashMap<MerchantId, HashMap<StoreId, Vec<Timestamp>>>;

/// When the last of what is parked in stores expires.
async fn ends(conn: &mut PgConnection, stores: &BTreeSet<(MerchantId, StoreId)>) -> Result<Ends, Error> {
    let mut found = Ends::new();
    if stores.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        stores.iter().map(|(merchant, store)| (merchant.uuid(), store.uuid())).unzip();
    // No row stands for what is not parked yet, so the lock is on the store's name. It is for this table alone.
    sqlx::query!(
        "select pg_advisory_xact_lock(wanted.key) from (
           select distinct hashtextextended('sales.baskets ' || m || ' ' || s, 0) as key
           from unnest($1::uuid[], $2::uuid[]) as t (m, s) order by 1
         ) as wanted",
        &merchants,
        &ids
    )
    .fetch_all(&mut *conn)
    .await?;
    let rows = sqlx::query!(
        r#"select wanted.merchant_id as "merchant_id!", wanted.store_id as "store_id!", b.expires_at
           from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, store_id)
           cross join lateral (
             select expires_at from sales.baskets
             where merchant_id = wanted.merchant_id and store_id = wanted.store_id and status = 'parked'
             order by expires_at desc limit $3
           ) as b"#,
        &merchants,
        &ids,
        i64::try_from(MAX_PARKED).unwrap_or(i64::MAX)
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let of = found.entry(MerchantId::new(row.merchant_id)).or_default();
        of.entry(StoreId::new(row.store_id)).or_default().push(read(row.expires_at)?);
    }
    Ok(found)
}

async fn known(conn: &mut PgConnection, keys: &BTreeSet<BasketKey>) -> Result<HashMap<MerchantId, Vec<Basket>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        keys.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        "select b.merchant_id, b.basket_id, b.store_id, b.name, b.status, b.parked_register, b.parked_by, b.parked_at,
           b.expires_at, b.ended_register, b.ended_by, b.ended_at, b.lines, null::text as draft
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, basket_id)
         join sales.baskets b on b.merchant_id = wanted.merchant_id and b.basket_id = wanted.basket_id
         order by b.merchant_id, b.basket_id for update of b",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(row.basket()?);
    }
    Ok(found)
}

/// Saves what became of baskets: those that were parked with what is in them, and the others that were taken or dropped.
///
/// # Errors
/// When a statement fails.
///
/// # Panics
/// When a basket was parked whose content is not given.
pub async fn save(
    conn: &mut PgConnection,
    baskets: &BTreeMap<MerchantId, Baskets>,
    contents: &BTreeMap<BasketKey, Content>,
) -> Result<(), Error> {
    let (mut parked, mut ended) = (Vec::new(), Vec::new());
    for (merchant, baskets) in baskets {
        let (new, old) = baskets.changed();
        let content = |id: BasketId| contents.get(&(*merchant, id)).expect("what is parked has something in it");
        parked.extend(new.into_iter().map(|basket| (*merchant, basket, content(basket.id))));
        ended.extend(old.into_iter().map(|basket| (*merchant, basket)));
    }
    insert(conn, &parked).await?;
    update(conn, &ended).await
}

async fn insert(conn: &mut PgConnection, parked: &[(MerchantId, &Basket, &Content)]) -> Result<(), Error> {
    if parked.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        parked.iter().map(|(merchant, basket, _)| (merchant.uuid(), basket.id.uuid())).unzip();
    let stores: Vec<Uuid> = parked.iter().map(|(_, basket, _)| basket.store.uuid()).collect();
    let names: Vec<String> = parked.iter().map(|(.., content)| content.name.to_string()).collect();
    let marks = Marks::of(parked.iter().map(|(_, basket, _)| *basket));
    let parkers: Vec<Uuid> = parked.iter().map(|(_, basket, _)| basket.parked.register.uuid()).collect();
    let people: Vec<Option<Uuid>> = parked.iter().map(|(_, basket, _)| basket.parked.by.map(UserId::uuid)).collect();
    let times: Vec<_> = parked.iter().map(|(_, basket, _)| stored(basket.parked.at)).collect();
    let ends: Vec<_> = parked.iter().map(|(_, basket, _)| stored(basket.expires_at)).collect();
    let lines: Vec<i32> = parked.iter().map(|(.., content)| i32::try_from(content.lines).unwrap_or(i32::MAX)).collect();
    let drafts: Vec<String> = parked.iter().map(|(.., content)| content.draft.clone()).collect();
    sqlx::query!(
        "insert into sales.baskets
           (merchant_id, basket_id, store_id, name, status, parked_register, parked_by, parked_at, expires_at,
            ended_register, ended_by, ended_at, forget_at, lines, draft)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[],
           $8::timestamptz[], $9::timestamptz[], $10::uuid[], $11::uuid[], $12::timestamptz[], $13::timestamptz[],
           $14::integer[], $15::text[])",
        &merchants,
        &ids,
        &stores,
        &names,
        &marks.statuses,
        &parkers,
        &people as &[Option<Uuid>],
        &times,
        &ends,
        &marks.registers as &[Option<Uuid>],
        &marks.people as &[Option<Uuid>],
        &marks.times as &[Option<DateTime<Utc>>],
        &marks.forget,
        &lines,
        &drafts
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn update(conn: &mut PgConnection, ended: &[(MerchantId, &Basket)]) -> Result<(), Error> {
    if ended.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        ended.iter().map(|(merchant, basket)| (merchant.uuid(), basket.id.uuid())).unzip();
    let marks = Marks::of(ended.iter().map(|(_, basket)| *basket));
    sqlx::query!(
        "update sales.baskets b set status = new.status, ended_register = new.register, ended_by = new.by,
           ended_at = new.at, forget_at = new.forget_at
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[])
           as new (merchant_id, basket_id, status, register, by, at, forget_at)
         where b.merchant_id = new.merchant_id and b.basket_id = new.basket_id",
        &merchants,
        &ids,
        &marks.statuses,
        &marks.registers as &[Option<Uuid>],
        &marks.people as &[Option<Uuid>],
        &marks.times as &[Option<DateTime<Utc>>],
        &marks.forget
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What became of baskets, by columns.
#[derive(Default)]
struct Marks {
    statuses: Vec<String>,
    registers: Vec<Option<Uuid>>,
    people: Vec<Option<Uuid>>,
    times: Vec<Option<DateTime<Utc>>>,
    forget: Vec<DateTime<Utc>>,
}

impl Marks {
    fn of<'a>(baskets: impl Iterator<Item = &'a Basket>) -> Self {
        let mut marks = Self::default();
        for basket in baskets {
            marks.statuses.push(basket.status.as_str().to_owned());
            marks.registers.push(basket.ended.map(|mark| mark.register.uuid()));
            marks.people.push(basket.ended.and_then(|mark| mark.by).map(UserId::uuid));
            marks.times.push(basket.ended.map(|mark| stored(mark.at)));
            let over = basket.ended.map_or(basket.expires_at, |mark| mark.at);
            marks.forget.push(stored(over) + Duration::microseconds(KEPT_MICROS));
        }
        marks
    }
}

/// Forgets up to `limit` baskets that ended or expired a while ago, and says how many those were.
///
/// # Errors
/// When the statement fails.
pub async fn forget(conn: &mut PgConnection, now: Timestamp, limit: i64) -> Result<u64, Error> {
    // Nobody waits for a batch that has a basket in hand.
    let done = sqlx::query!(
        "delete from sales.baskets b using (
           select merchant_id, basket_id from sales.baskets where forget_at <= $1
           order by forget_at limit $2 for update skip locked
         ) as over
         where b.merchant_id = over.merchant_id and b.basket_id = over.basket_id",
        stored(now),
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// A basket in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What became of it.
    pub basket: Basket,
    /// What people find it by.
    pub name: Name,
    /// How many lines it has.
    pub lines: u32,
}

/// The basket `id`, with [`Draft`] as JSON.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn find(
    conn: &mut PgConnection,
    merchant: MerchantId,
    id: BasketId,
) -> Result<Option<(Listed, String)>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select merchant_id, basket_id, store_id, name, status, parked_register, parked_by, parked_at, expires_at,
           ended_register, ended_by, ended_at, lines, draft
         from sales.baskets where merchant_id = $1 and basket_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    let Some(mut row) = row else { return Ok(None) };
    let draft = row.draft.take().unwrap_or_default();
    Ok(Some((row.listed()?, draft)))
}

/// Which baskets.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// Of this store.
    pub store: StoreId,
    /// Of which this became; of those that are parked only such as have not expired at `now`.
    pub status: Status,
    /// The time.
    pub now: Timestamp,
}

/// Up to `limit` baskets of a store before `before`, the last parked first.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn page(
    conn: &mut PgConnection,
    merchant: MerchantId,
    which: Which,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(stored(at)), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        "select merchant_id, basket_id, store_id, name, status, parked_register, parked_by, parked_at, expires_at,
           ended_register, ended_by, ended_at, lines, null::text as draft
         from sales.baskets
         where merchant_id = $1 and store_id = $2 and status = $3 and ($3 <> 'parked' or expires_at > $4)
           and ($5::timestamptz is null or (parked_at, basket_id) < ($5, $6::uuid))
         order by parked_at desc, basket_id desc limit $7",
        merchant.uuid(),
        which.store.uuid(),
        which.status.as_str(),
        stored(which.now),
        at,
        id,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::listed).collect()
}

struct Row {
    merchant_id: Uuid,
    basket_id: Uuid,
    store_id: Uuid,
    name: String,
    status: String,
    parked_register: Uuid,
    parked_by: Option<Uuid>,
    parked_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ended_register: Option<Uuid>,
    ended_by: Option<Uuid>,
    ended_at: Option<DateTime<Utc>>,
    lines: i32,
    draft: Option<String>,
}

impl Row {
    fn basket(&self) -> Result<Basket, Error> {
        let mark = |register, by: Option<Uuid>, at| {
            Ok::<_, Error>(Mark { register: RegisterId::new(register), by: by.map(UserId::new), at: read(at)? })
        };
        let ended = self.ended_register.zip(self.ended_at);
        Ok(Basket {
            id: BasketId::new(self.basket_id),
            store: StoreId::new(self.store_id),
            parked: mark(self.parked_register, self.parked_by, self.parked_at)?,
            expires_at: read(self.expires_at)?,
            status: self.status.parse().map_err(|error| Error::stored("basket", &error))?,
            ended: ended.map(|(register, at)| mark(register, self.ended_by, at)).transpose()?,
        })
    }

    fn listed(self) -> Result<Listed, Error> {
        Ok(Listed {
            basket: self.basket()?,
            name: Name::try_new(&self.name).map_err(|error| Error::stored("basket", &error))?,
            lines: u32::try_from(self.lines).map_err(|error| Error::stored("basket", &error))?,
        })
    }
}
