//! Running totals of what was sold.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
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

/// What a batch adds to the totals.
#[derive(Debug, Default)]
pub struct Totals(BTreeMap<(MerchantId, StoreId, Dimension, i64, String), Figures>);

impl Totals {
    /// Adds a document.
    pub fn add(&mut self, sale: &Sale) {
        let quarter = sale.sold_at.micros().div_euclid(QUARTER_MICROS);
        for (dimension, key, figures) in entries(sale) {
            let place = (sale.seller.merchant, sale.seller.store, dimension, quarter, key);
            *self.0.entry(place).or_default() += figures;
        }
    }
}

/// Adds to the totals, in key order.
///
/// # Errors
/// When the statement fails.
pub async fn add(conn: &mut PgConnection, totals: &Totals) -> Result<(), Error> {
    if totals.0.is_empty() {
        return Ok(());
    }
    let mut columns: [Vec<String>; 8] = Default::default();
    let (mut merchants, mut stores, mut dimensions, mut times, mut keys) = (vec![], vec![], vec![], vec![], vec![]);
    for ((merchant, store, dimension, quarter, key), figures) in &totals.0 {
        merchants.push(merchant.uuid());
        stores.push(store.uuid());
        dimensions.push(dimension.as_str().to_owned());
        let at = Timestamp::from_micros(quarter * QUARTER_MICROS).map_err(|error| Error::stored("total", &error))?;
        times.push(stored(at));
        keys.push(key.clone());
        for (column, figure) in columns.iter_mut().zip(row(figures)) {
            column.push(figure.to_string());
        }
    }
    let [sales, returns, quantities, amounts, nets, taxes, discounts, tips] = &columns;
    sqlx::query!(
        "insert into sales.totals as t
           (merchant_id, store_id, dimension, hour, key, sales, returns, quantity, amount, net, tax, discount, tip)
         select n.merchant_id, n.store_id, n.dimension, date_trunc('hour', n.at at time zone s.time_zone), n.key,
           sum(n.sales::numeric), sum(n.returns::numeric), sum(n.quantity::numeric), sum(n.amount::numeric),
           sum(n.net::numeric), sum(n.tax::numeric), sum(n.discount::numeric), sum(n.tip::numeric)
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
           $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
           as n (merchant_id, store_id, dimension, at, key, sales, returns, quantity, amount, net, tax, discount, tip)
         join catalog.stores s on s.merchant_id = n.merchant_id and s.store_id = n.store_id
         group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
         on conflict (merchant_id, store_id, dimension, hour, key) do update set
           sales = t.sales + excluded.sales, returns = t.returns + excluded.returns,
           quantity = t.quantity + excluded.quantity, amount = t.amount + excluded.amount, net = t.net + excluded.net,
           tax = t.tax + excluded.tax, discount = t.discount + excluded.discount, tip = t.tip + excluded.tip",
        &merchants,
        &stores,
        &dimensions,
        &times,
        &keys,
        sales,
        returns,
        quantities,
        amounts,
        nets,
        taxes,
        discounts,
        tips,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The figures in the order of the columns.
fn row(figures: &Figures) -> [i128; 8] {
    let Figures { sales, returns, quantity, amount, net, tax, discount, tip } = *figures;
    [sales, returns, quantity, amount, net, tax, discount, tip]
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
             from sales.totals t
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
