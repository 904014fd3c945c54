//! Customers.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    customer::{Command, CustomerChange, Event, Merge, Merged, NewCustomer, OneCustomer},
    identity::Changed,
    sale::Sale,
};
use tillstream_domain::{
    customer::{Profile, sought},
    id::{CustomerId, GroupId},
    identity::{Need, Permission, Place},
    time::Timestamp,
};
use tillstream_store::customer::{self, Search, Stored};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    accepted,
    changes::{Refused, Request, shown},
    created, private, sales,
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    page::{Page, PageQuery},
    parameters::{Id, Params},
    problem::{Problem, ProblemDetails},
    seen::{Seen, tag},
};

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Customer {
    /// Who: by this id sales name them.
    id: CustomerId,
    /// What they have said of themself; null once they are erased.
    profile: Option<Profile>,
    /// The groups that they are in.
    groups: BTreeSet<GroupId>,
    /// When they were added.
    added_at: Timestamp,
    /// Counts their changes from 1; the `ETag`.
    version: u32,
}

impl From<Stored> for Customer {
    fn from(Stored { customer, added_at }: Stored) -> Self {
        let tillstream_domain::customer::Customer { id, profile, groups, version, .. } = customer;
        Self { id, profile, groups, added_at, version }
    }
}

/// What a customer is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CustomerToPut {
    /// What they have said of themself.
    profile: Profile,
    /// The groups that they are in, up to 50.
    #[serde(default)]
    #[schema(value_type = Vec<GroupId>, max_items = 50)]
    groups: BTreeSet<GroupId>,
}

/// The survivor of a merge.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Survivor {
    /// Into whom the customer is merged.
    into: CustomerId,
}

/// Which customers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CustomersQuery {
    /// What somebody types to find one: beginnings of words of the name or of the e-mail address, or digits of the phone
    /// number. At most 120 characters.
    #[param(max_length = 120)]
    q: Option<String>,
}

/// Customers, by their ids: all, or those that fit what was typed. Who is erased or merged is not among them.
#[utoipa::path(
    get,
    operation_id = "list_customers",
    path = "/v1/customers",
    tag = "customers",
    extensions(("x-permission" = json!("customers.read")), ("x-place" = json!("anywhere"))),
    params(CustomersQuery, PageQuery),
    responses(
        (status = 200, description = "One page of customers", body = Page<Customer>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(CustomersQuery { q }): Params<CustomersQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ReadCustomers, Place::Anywhere))?;
    let limit = page.limit()?;
    let after = page.after.as_deref().map(Uuid::try_parse).transpose();
    let after = after.map_err(|_| Problem::BadParameter("after must be `next` of the page before".to_owned()))?;
    let words = match q.as_deref() {
        Some(text) if text.chars().count() > 120 => {
            return Err(Problem::BadParameter("q has at most 120 characters".to_owned()));
        }
        Some(text) => sought(text),
        None => BTreeSet::new(),
    };
    if q.is_some() && words.is_empty() {
        // Nothing begins with nothing that could be typed.
        return Ok(shown_once(&Page::<Customer> { items: Vec::new(), next: None }));
    }
    let merchant = caller.merchant();
    let search = Search { words, after: after.map(CustomerId::new), limit: limit + 1 };
    let rows = edge.read(merchant, async |conn| search.run(conn, merchant).await).await?;
    Ok(shown_once(&Page::of(rows, limit, |row| row.customer.id.to_string(), Customer::from)))
}

/// A customer. Of one who was merged, the survivor is shown.
#[utoipa::path(
    get,
    operation_id = "show_customer",
    path = "/v1/customers/{id}",
    tag = "customers",
    extensions(("x-permission" = json!("customers.read")), ("x-place" = json!("anywhere"))),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The customer", body = Customer, headers(("ETag" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<CustomerId>,
) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ReadCustomers, Place::Anywhere))?;
    let merchant = caller.merchant();
    let found = edge.read(merchant, async |conn| customer::find(conn, merchant, id).await).await?;
    let found = found.ok_or(Problem::NotFound("customer"))?;
    let version = found.customer.version;
    Ok(private(shown(StatusCode::OK, version, &Customer::from(found))))
}

/// What was sold to a customer, newest first: to whoever was merged into them too.
#[utoipa::path(
    get,
    operation_id = "list_customer_sales",
    path = "/v1/customers/{id}/sales",
    tag = "customers",
    extensions(("x-permission" = json!("customers.read")), ("x-place" = json!("anywhere"))),
    params(("id" = Uuid, Path), PageQuery),
    responses(
        (status = 200, description = "One page of sales, newest first", body = Page<Sale>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn history(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<CustomerId>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ReadCustomers, Place::Anywhere))?;
    // Of the stores whose sales they may see.
    let reach = caller.reach(Permission::ReadSales)?;
    let (merchant, limit) = (caller.merchant(), page.limit()?);
    let before = page.after.as_deref().map(sales::cursor).transpose()?;
    let rows = edge
        .read(merchant, async |conn| {
            let Some(known) = customer::survivor(conn, merchant, id).await? else { return Ok(None) };
            let of = (merchant, known.id);
            customer::history(conn, of, reach.stores(), before, limit + 1).await.map(Some)
        })
        .await?;
    sales::paged(rows.ok_or(Problem::NotFound("customer"))?, limit)
}

/// Adds a customer, whose id is the `Idempotency-Key`.
///
/// Whoever sells may do it; with groups it takes `customers.manage`.
#[utoipa::path(
    post,
    operation_id = "add_customer",
    path = "/v1/customers",
    tag = "customers",
    extensions(("x-permission" = json!("sales.submit")), ("x-place" = json!("anywhere"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = CustomerToPut, example = json!({
        "profile": {"name": "Anna Berg", "email": "anna@example.com", "phone": "+49 151 234567"},
    })),
    responses(
        (status = 201, description = "The customer is added", body = Changed, headers(("Location" = String), ("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn add(request: Request, Strict(new): Strict<CustomerToPut>) -> Result<Response, Problem> {
    let CustomerToPut { profile, groups } = new;
    let Some(Event::CustomerChanged(changed)) =
        request.decide(Command::AddCustomer(NewCustomer { profile, groups })).await?
    else {
        return Ok(accepted(request.id));
    };
    let mut response = created(&format!("/v1/customers/{}", changed.id), &changed);
    response.headers_mut().insert(header::ETAG, tag(changed.version));
    Ok(response)
}

/// Puts another profile and other groups in the place of a customer's.
#[utoipa::path(
    put,
    operation_id = "change_customer",
    path = "/v1/customers/{id}",
    tag = "customers",
    extensions(("x-permission" = json!("customers.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    request_body(content = CustomerToPut, example = json!({"profile": {"name": "Anna Berg"}, "groups": []})),
    responses(
        (status = 200, description = "The customer is changed", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn change(
    request: Request,
    Id(customer): Id<CustomerId>,
    Seen(version): Seen,
    Strict(CustomerToPut { profile, groups }): Strict<CustomerToPut>,
) -> Result<Response, Problem> {
    let change = CustomerChange { customer, version, profile, groups };
    changed(&request, Command::ChangeCustomer(change)).await
}

/// Forgets who a customer is, for good. What they bought stays in the books under their id, which then says nothing about
/// them; so does what is on their accounts.
#[utoipa::path(
    post,
    operation_id = "erase_customer",
    path = "/v1/customers/{id}/erasure",
    tag = "customers",
    extensions(("x-permission" = json!("customers.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = Uuid, Path),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    responses(
        (status = 200, description = "The customer is erased", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn erase(request: Request, Id(customer): Id<CustomerId>) -> Result<Response, Problem> {
    changed(&request, Command::EraseCustomer(OneCustomer { customer })).await
}

async fn changed(request: &Request, command: Command) -> Result<Response, Problem> {
    Ok(match request.decide(command).await? {
        Some(Event::CustomerChanged(changed)) => shown(StatusCode::OK, changed.version, &changed),
        _ => accepted(request.id),
    })
}

/// Merges a customer into another, the survivor, for good.
///
/// The survivor is in the groups of both and takes over what is on the other's accounts. Whoever names the other from now on
/// means the survivor; of the other's profile nothing stays.
#[utoipa::path(
    post,
    operation_id = "merge_customers",
    path = "/v1/customers/{id}/merge",
    tag = "customers",
    extensions(("x-permission" = json!("customers.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = Uuid, Path, description = "Who is no more afterwards"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = Survivor, example = json!({"into": "cafe0000-0000-8000-8007-000000000001"})),
    responses(
        (status = 200, description = "They are merged", body = Merged, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn merge(
    request: Request,
    Id(customer): Id<CustomerId>,
    Strict(Survivor { into }): Strict<Survivor>,
) -> Result<Response, Problem> {
    Ok(match request.decide(Command::MergeCustomers(Merge { customer, into })).await? {
        Some(Event::CustomersMerged(merged)) => shown(StatusCode::OK, merged.version, &merged),
        _ => accepted(request.id),
    })
}

/// What is about people is kept nowhere on the way.
fn shown_once<T: Serialize>(body: &T) -> Response {
    private(Json(body).into_response())
}
