//! Running totals of what was sold.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use serde::Serialize;
use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, StoreId},
    identity::Reach,
    report::{Dimension, Figures, entries},
    sale::Sale,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Error, stored};

/// Totals are added up by quarters of an hour before they go to PostgreSQL: in every time zone an hour is made of these.
const QUARTER_MICROS: i64 = 15 * 60 * 1_000_000;

/// What a batch adds to the totals, by store and quarter of an hour.
#[derive(Debug, Default)]
pub struct Totals(BTreeMap<(MerchantId, StoreId, i64), Gains>);

type Gains = BTreeMap<(Dimension, String), Figures>;

/// A total that gains, in the form in which `sales.totals_so_far` reads it.
#[derive(Serialize)]
struct Entry<'a> {
    dimension: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    sales: i128,
    #[serde(skip_serializing_if = "is_zero")]
    returns: i128,
    #[serde(skip_serializing_if = "is_zero")]
    quantity: i128,
    #[serde(skip_serializing_if = "is_zero")]
    amount: i128,
    #[serde(skip_serializing_if = "is_zero")]
    net: i128,
    #[serde(skip_serializing_if = "is_zero")]
    tax: i128,
    #[serde(skip_serializing_if = "is_zero")]
    discount: i128,
    #[serde(skip_serializing_if = "is_zero")]
    tip: i128,
}

const fn is_zero(figure: &i128) -> bool {
    *figure == 0
}

impl Totals {
    /// Adds a document.
    pub fn add(&mut self, sale: &Sale) {
        let quarter = sale.sold_at.micros().div_euclid(QUARTER_MICROS);
        let place = (sale.seller.merchant, sale.seller.store, quarter);
        let gains = self.0.entry(place).or_default();
        for (dimension, key, figures) in entries(sale) {
            *gains.entry((dimension, key)).or_default() += figures;
        }
    }
}

/// Notes what is to be added to the totals, for [`settle`] to do. It counts in [`totals`] at once, but no sale waits for
/// the rows that all sales of its store add to.
///
/// # Errors
/// When the statement fails.
pub async fn add(conn: &mut PgConnection, totals: &Totals) -> Result<(), Error> {
    let (mut merchants, mut stores, mut quarters, mut entries) = (vec![], vec![], vec![], vec![]);
    for ((merchant, store, quarter), gains) in totals.0.iter().filter(|(_, gains)| !gains.is_empty()) {
        merchants.push(merchant.uuid());
        stores.push(store.uuid());
        let at = Timestamp::from_micros(quarter * QUARTER_MICROS).map_err(|error| Error::stored("total", &error))?;
        quarters.push(stored(at));
        let gains = gains.iter().map(|((dimension, key), figures)| {
            let Figures { sales, returns, quantity, amount, net, tax, discount, tip } = *figures;
            Entry { dimension: dimension.as_str(), key, sales, returns, quantity, amount, net, tax, discount, tip }
        });
        let gains = serde_json::to_string(&gains.collect::<Vec<_>>());
        entries.push(gains.expect("totals hold only strings, integers and named fields"));
    }
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into sales.additions (merchant_id, store_id, hour, entries)
         select n.merchant_id, n.store_id, date_trunc('hour', n.quarter at time zone s.time_zone), n.entries
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[]) as n (merchant_id, store_id, quarter, entries)
         join catalog.stores s on s.merchant_id = n.merchant_id and s.store_id = n.store_id",
        &merchants,
        &stores,
        &quarters,
        &entries
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds up to `limit` of what [`add`] noted to the totals, in key order; returns how many. What another transaction is
/// adding is left to it.
///
/// # Errors
/// When the statement fails.
pub async fn settle(conn: &mut PgConnection, limit: i64) -> Result<i64, Error> {
    let settled = sqlx::query_scalar!(
        r#"with due as (
             select merchant_id, addition_id from sales.additions order by merchant_id, addition_id
             limit $1 for update skip locked
           ), taken as (
             delete from sales.additions a using due
             where a.merchant_id = due.merchant_id and a.addition_id = due.addition_id returning a.*
           ), added as (
             insert into sales.totals as t
               (merchant_id, store_id, dimension, hour, key, sales, returns, quantity, amount, net, tax, discount, tip)
             select a.merchant_id, a.store_id, e.dimension, a.hour, e.key,
               coalesce(sum(e.sales), 0), coalesce(sum(e.returns), 0), coalesce(sum(e.quantity), 0),
               coalesce(sum(e.amount), 0), coalesce(sum(e.net), 0), coalesce(sum(e.tax), 0),
               coalesce(sum(e.discount), 0), coalesce(sum(e.tip), 0)
             from taken a
             cross join json_to_recordset(a.entries::json) as e (dimension text, key text, sales numeric, returns numeric,
               quantity numeric, amount numeric, net numeric, tax numeric, discount numeric, tip numeric)
             group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
             on conflict (merchant_id, store_id, dimension, hour, key) do update set
               sales = t.sales + excluded.sales, returns = t.returns + excluded.returns,
               quantity = t.quantity + excluded.quantity, amount = t.amount + excluded.amount, net = t.net + excluded.net,
               tax = t.tax + excluded.tax, discount = t.discount + excluded.discount, tip = t.tip + excluded.tip
           )
           select count(*) as "settled!" from taken"#,
        limit
    )
    .fetch_one(conn)
    .await?;
    Ok(settled)
}

/// By what a report adds up time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks, from Monday (ISO 8601).
    Week,
    /// Months.
    Month,
}

impl Period {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// An hour by a store's own clock: `2026-03-01T10:00`, or its first of a day by the date alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalHour(NaiveDateTime);

impl std::fmt::Display for LocalHour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M").fmt(f)
    }
}

impl LocalHour {
    /// Days from this hour to another.
    #[must_use]
    pub fn days_until(self, other: Self) -> i64 {
        (other.0 - self.0).num_days()
    }
}

impl std::str::FromStr for LocalHour {
    type Err = NotAnHour;

    fn from_str(text: &str) -> Result<Self, NotAnHour> {
        let of_day = NaiveDate::from_str(text).ok().and_then(|date| date.and_hms_opt(0, 0, 0));
        let hour = of_day.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok());
        // The years of a timestamp, and an hour as it begins.
        let fits = |hour: &NaiveDateTime| (2000..10_000).contains(&hour.year()) && hour.minute() == 0;
        hour.filter(fits).map(Self).ok_or(NotAnHour)
    }
}

/// A text that names no hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a date like 2026-03-01 nor an hour like 2026-03-01T10:00, of the years 2000 to 9999")]
pub struct NotAnHour;

/// Which totals.
#[derive(Debug, Clone)]
pub struct Which {
    /// By what.
    pub by: Dimension,
    /// By which periods; as one, if none.
    pub per: Option<Period>,
    /// From this hour on, by the stores' clocks.
    pub from: LocalHour,
    /// Up to this hour, without it.
    pub until: LocalHour,
    /// Of these stores; of all, if none.
    pub stores: Option<BTreeSet<StoreId>>,
    /// After this period and key.
    pub after: Option<(LocalHour, String)>,
    /// Whose names may be shown: of users with a grant in these stores.
    pub named: Reach,
}

/// A total of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// When its period begins; that of the whole report, if it is one.
    pub period: LocalHour,
    /// Which register, cashier, product …
    pub key: String,
    /// What people call that, as far as it is known.
    pub name: Option<String>,
    /// The total.
    pub figures: Figures,
    /// The total of what lies as long before.
    pub before: Figures,
}

/// Up to `limit` totals, by period and key, each beside that of the time before, which is as long as the whole report.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn totals(
    conn: &mut PgConnection,
    merchant: MerchantId,
    which: &Which,
    limit: i64,
) -> Result<Vec<Total>, Error> {
    let stores: Option<Vec<Uuid>> = which.stores.as_ref().map(|stores| stores.iter().map(|id| id.uuid()).collect());
    let named: Option<Vec<Uuid>> = which.named.stores().map(|stores| stores.iter().map(|id| id.uuid()).collect());
    let (after, after_key) = which.after.clone().unzip();
    let rows = sqlx::query!(
        r#"with hours as (
             select t.*, t.hour < $3 as earlier, case when t.hour < $3 then t.hour + ($4::timestamp - $3) else t.hour end as at
             from sales.totals_so_far t
             where t.merchant_id = $1 and t.dimension = $2 and ($5::uuid[] is null or t.store_id = any($5))
               and t.hour >= $3 - ($4::timestamp - $3) and t.hour < $4
           ), summed as (
             select case when $6::text is null then $3 else date_trunc($6, at) end as period, key,
               array[sum(sales) filter (where not earlier), sum(returns) filter (where not earlier),
                 sum(quantity) filter (where not earlier), sum(amount) filter (where not earlier),
                 sum(net) filter (where not earlier), sum(tax) filter (where not earlier),
                 sum(discount) filter (where not earlier), sum(tip) filter (where not earlier)]::text[] as now,
               array[sum(sales) filter (where earlier), sum(returns) filter (where earlier),
                 sum(quantity) filter (where earlier), sum(amount) filter (where earlier),
                 sum(net) filter (where earlier), sum(tax) filter (where earlier),
                 sum(discount) filter (where earlier), sum(tip) filter (where earlier)]::text[] as before
             from hours group by 1, 2
           ), page as (
             select s.*, case when s.key not in ('', 'none', 'manual') and $2 not in ('tender', 'tax') then s.key::uuid end as id
             from summed s where $7::timestamp is null or (s.period, s.key) > ($7, $8::text)
             order by s.period, s.key limit $9
           )
           select s.period as "period!", s.key as "key!", s.now as "now!: Vec<Option<String>>",
             s.before as "before!: Vec<Option<String>>",
             case $2 when 'register' then r.code when 'product' then p.name
               when 'promotion' then o.document::json ->> 'name' else u.name end as name
           from page s
           left join catalog.registers r on $2 = 'register' and r.merchant_id = $1 and r.register_id = s.id
           left join catalog.products p on $2 = 'product' and p.merchant_id = $1 and p.product_id = s.id
           left join catalog.promotions o on $2 = 'promotion' and o.merchant_id = $1 and o.promotion_id = s.id
           left join identity.users u on $2 in ('cashier', 'salesperson') and u.merchant_id = $1 and u.user_id = s.id
             and ($10::uuid[] is null or exists (select from identity.grants g where g.merchant_id = u.merchant_id
               and g.user_id = u.user_id and g.ended_at is null and g.store_id = any($10)))
           order by s.period, s.key"#,
        merchant.uuid(),
        which.by.as_str(),
        which.from.0,
        which.until.0,
        stores.as_deref(),
        which.per.map(Period::as_str),
        after.map(|hour| hour.0),
        after_key,
        limit,
        named.as_deref()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (figures, before) = (figures(&row.now)?, figures(&row.before)?);
            Ok(Total { period: LocalHour(row.period), key: row.key, name: row.name, figures, before })
        })
        .collect()
}

fn figures(columns: &[Option<String>]) -> Result<Figures, Error> {
    let mut read = columns.iter().map(|column| match column {
        None => Ok(0),
        Some(text) => text.parse::<i128>().map_err(|error| Error::stored("total", &error)),
    });
    let mut next = || read.next().unwrap_or(Ok(0));
    Ok(Figures {
        sales: next()?,
        returns: next()?,
        quantity: next()?,
        amount: next()?,
        net: next()?,
        tax: next()?,
        discount: next()?,
        tip: next()?,
    })
}
