//! Reports.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::StoreId,
    identity::{Need, Permission, Place, Reach},
    report::{Dimension, Figures},
};
use tillstream_store::{
    catalog,
    report::{self, LocalHour, Total, Which},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Edge,
    caller::Caller,
    csv,
    page::{Page, PageQuery},
    parameters::Params,
    problem::{Problem, ProblemDetails},
};

/// Totals that a CSV file holds at the most.
const MAX_ROWS: i64 = 100_000;
/// Days that a report spans at the most: ten years.
const MAX_DAYS: i64 = 3_660;
/// The first line of a CSV file.
const HEAD: &str = "period,key,name,sales,returns,quantity_thousandths,amount,net,tax,discount,tip,sales_before,\
                    returns_before,quantity_thousandths_before,amount_before,net_before,tax_before,discount_before,\
                    tip_before\r\n";

/// Which report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// By what.
    #[param(inline)]
    by: Dimension,
    /// By which periods; the whole time as one, if left out.
    #[param(inline)]
    per: Option<Period>,
    /// From this hour on, by the stores' clocks: a date, or a date and an hour.
    #[param(example = "2026-03-01")]
    from: String,
    /// Up to this hour, without it.
    #[param(example = "2026-04-01")]
    until: String,
    /// Of this store alone.
    store: Option<StoreId>,
}

/// Periods of a report.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Period {
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks, from Monday.
    Week,
    /// Months.
    Month,
}

/// A total.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportTotal {
    /// When its period begins, by the stores' clocks; that of the whole report, if it has no periods.
    #[schema(example = "2026-03-01T00:00")]
    period: String,
    /// Which register, cashier, product, tender …; empty for stores together.
    key: String,
    /// What people call that now, as far as it is known: the register's code, the product's, the promotion's, and for who may
    /// read users the person's name. A category has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it comes to.
    total: ReportFigures,
    /// What it came to in the time before, which is as long as the whole report.
    before: ReportFigures,
}

/// What was sold. Amounts are in minor units; what does not concern the dimension is 0.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportFigures {
    /// Sales and exchanges, less voided ones; of products and taxes, the lines and groups of these.
    #[schema(value_type = i64)]
    sales: i128,
    /// Returns, less voided ones.
    #[schema(value_type = i64)]
    returns: i128,
    /// Thousandths of a unit that went out, less what came back.
    #[schema(value_type = i64)]
    quantity_thousandths: i128,
    /// What was due, with tax where prices include it; of tenders what they paid; of taxes and of whole documents with tax.
    #[schema(value_type = i64)]
    amount: i128,
    /// Without tax.
    #[schema(value_type = i64)]
    net: i128,
    /// Tax.
    #[schema(value_type = i64)]
    tax: i128,
    /// What was taken off.
    #[schema(value_type = i64)]
    discount: i128,
    /// Tips.
    #[schema(value_type = i64)]
    tip: i128,
}

impl From<Figures> for ReportFigures {
    fn from(figures: Figures) -> Self {
        let Figures { sales, returns, quantity, amount, net, tax, discount, tip } = figures;
        Self { sales, returns, quantity_thousandths: quantity, amount, net, tax, discount, tip }
    }
}

impl From<Total> for ReportTotal {
    fn from(total: Total) -> Self {
        let Total { period, key, name, figures, before } = total;
        Self { period: period.to_string(), key, name, total: figures.into(), before: before.into() }
    }
}

/// What was sold, by store, register, cashier, salesperson, product, category, tender, tax or promotion, each beside the time
/// before.
///
/// Totals are kept as sales are recorded, so a report costs the same however many sales it adds up. A sale counts in the hour
/// in which it happened, by the clock of its store.
#[utoipa::path(
    get,
    operation_id = "report_sales",
    path = "/v1/reports/sales",
    tag = "reports",
    extensions(("x-permission" = json!("reports.read")), ("x-place" = json!("store"))),
    params(ReportQuery, PageQuery),
    responses(
        (status = 200, description = "One page of totals, by period and key", body = Page<ReportTotal>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn sales(
    State(edge): State<Edge>,
    caller: Caller,
    Params(query): Params<ReportQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<ReportTotal>>, Problem> {
    let limit = page.limit()?;
    let after = page.after.as_deref().map(|text| cursor(text).ok_or_else(no_cursor)).transpose()?;
    let totals = totals(&edge, &caller, query, after, limit + 1).await?;
    Ok(Json(Page::of(totals, limit, |total| format!("{}_{}", total.period, total.key), ReportTotal::from)))
}

/// The same as comma-separated values (RFC 4180): up to 100,000 totals.
#[utoipa::path(
    get,
    operation_id = "export_sales_report",
    path = "/v1/reports/sales.csv",
    tag = "reports",
    extensions(("x-permission" = json!("reports.read")), ("x-place" = json!("store"))),
    params(ReportQuery),
    responses(
        (status = 200, description = "The totals, by period and key", body = String, content_type = "text/csv"),
        (status = 400, description = "The request cannot be read, or has more totals than that", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such store", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn export(
    State(edge): State<Edge>,
    caller: Caller,
    Params(query): Params<ReportQuery>,
) -> Result<Response, Problem> {
    let totals = totals(&edge, &caller, query, None, MAX_ROWS + 1).await?;
    if i64::try_from(totals.len()).is_ok_and(|rows| rows > MAX_ROWS) {
        let why = format!("the report has more than {MAX_ROWS} totals; ask for a shorter time or longer periods");
        return Err(Problem::BadParameter(why));
    }
    let text = HEAD.to_owned() + &totals.into_iter().map(|total| line(total.into())).collect::<String>();
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sales.csv\""),
    ];
    Ok((headers, text).into_response())
}

fn line(total: ReportTotal) -> String {
    let figures = |of: ReportFigures| {
        [of.sales, of.returns, of.quantity_thousandths, of.amount, of.net, of.tax, of.discount, of.tip]
    };
    let numbers = figures(total.total).into_iter().chain(figures(total.before)).map(|figure| figure.to_string());
    // Numbers below zero are no formulas: they go as they are.
    let texts = csv::line(&[total.period, total.key, total.name.unwrap_or_default()]);
    format!("{},{}\r\n", texts.trim_end(), numbers.collect::<Vec<_>>().join(","))
}

/// The totals of a report that the caller may see.
async fn totals(
    edge: &Edge,
    caller: &Caller,
    query: ReportQuery,
    after: Option<(LocalHour, String)>,
    limit: i64,
) -> Result<Vec<Total>, Problem> {
    let ReportQuery { by, per, from, until, store } = query;
    if let Some(store) = store {
        caller.may(Need::new(Permission::ReadReports, Place::Store(store)))?;
    }
    let reach = caller.reach(Permission::ReadReports)?;
    let stores = store.map_or_else(|| reach.stores().cloned(), |store| Some(BTreeSet::from([store])));
    let hour = |name: &str, text: &str| {
        text.parse::<LocalHour>().map_err(|error| Problem::BadParameter(format!("{name} is {error}")))
    };
    let (from, until) = (hour("from", &from)?, hour("until", &until)?);
    if until <= from {
        return Err(Problem::BadParameter("until must be later than from".to_owned()));
    }
    if from.days_until(until) > MAX_DAYS {
        return Err(Problem::BadParameter(format!("a report spans {MAX_DAYS} days at the most")));
    }
    // Who may not read users sees their ids alone.
    let named = caller.reach(Permission::ReadUsers).unwrap_or(Reach::Stores(BTreeSet::new()));
    let which = Which { by, per: per.map(Period::stored), from, until, stores, after, named };
    let merchant = caller.merchant();
    let totals = edge
        .read(merchant, async |conn| {
            if let Some(store) = store
                && !catalog::has_store(conn, merchant, store).await?
            {
                return Ok(None);
            }
            report::totals(conn, merchant, &which, limit).await.map(Some)
        })
        .await?;
    totals.ok_or(Problem::NotFound("store"))
}

impl Period {
    const fn stored(self) -> report::Period {
        match self {
            Self::Hour => report::Period::Hour,
            Self::Day => report::Period::Day,
            Self::Week => report::Period::Week,
            Self::Month => report::Period::Month,
        }
    }
}

fn cursor(text: &str) -> Option<(LocalHour, String)> {
    let (hour, key) = text.split_once('_')?;
    Some((hour.parse().ok()?, key.to_owned()))
}

fn no_cursor() -> Problem {
    Problem::BadParameter("after must be `next` of the page before".to_owned())
}
