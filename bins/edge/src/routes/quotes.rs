//! Quotes: what a basket would cost, and why.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use tillstream_domain::{
    Rejection,
    customer::CustomerRejection,
    id::{CustomerId, GroupId, ProductId, StoreId},
    identity::{Need, Permission, Place},
    money::{Amount, Currency},
    pricing::{self, Basket, BasketLine, Coupon, Explanation, ManualDiscount, PriceBook, Quote},
    quantity::Quantity,
    sale,
    time::Timestamp,
};
use tillstream_store::{catalog, customer, price};
use utoipa::ToSchema;

use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    problem::{Problem, ProblemDetails},
};

/// A basket to price.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BasketToPrice {
    /// Where it is sold.
    store: StoreId,
    /// ISO 4217 code; it must be the merchant's.
    currency: Currency,
    /// When; now, if left out.
    #[serde(default)]
    at: Option<Timestamp>,
    /// What is in it: 1 to 500 lines.
    #[schema(min_items = 1, max_items = 500)]
    lines: Vec<LineToPrice>,
    /// The groups that the customer is in, up to 50.
    #[serde(default)]
    #[schema(max_items = 50)]
    groups: Vec<GroupId>,
    /// The customer, whose groups count too.
    #[serde(default)]
    customer: Option<CustomerId>,
    /// The coupons that the customer shows, up to 20.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20)]
    coupons: Vec<Coupon>,
    /// What the cashier takes off the whole.
    #[serde(default)]
    discount: Option<ManualDiscount>,
}

/// A line of a basket to price.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LineToPrice {
    /// The product.
    product: ProductId,
    /// How much of it, above zero.
    quantity: Quantity,
    /// What the cashier asks for one unit instead of its price.
    #[serde(default)]
    unit_price: Option<Amount>,
    /// What the cashier takes off it.
    #[serde(default)]
    discount: Option<ManualDiscount>,
}

/// What a basket costs, and where each number is from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quoted {
    /// What it costs.
    quote: Quote,
    /// Each number: what it was before it was rounded, how it was rounded, and all of it in words.
    explanations: Vec<Explanation>,
}

/// Prices a basket: price lists, promotions, discounts, tax and rounding, with an explanation of each number.
///
/// Nothing is kept of it. A sale with the same lines, coupons and discounts at the same time costs the same, as long as
/// nobody changes prices.
#[utoipa::path(
    post,
    operation_id = "quote",
    path = "/v1/quotes",
    tag = "prices",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("store"))),
    request_body(content = BasketToPrice, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "currency": "EUR",
        "lines": [{"product": "cafe0000-0000-8000-8003-000000000001", "quantity": "3"}],
    })),
    responses(
        (status = 200, description = "What it costs", body = Quoted),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The basket cannot be priced", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn quote(
    State(edge): State<Edge>,
    caller: Caller,
    Strict(basket): Strict<BasketToPrice>,
) -> Result<Json<Quoted>, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Store(basket.store)))?;
    let merchant = caller.merchant();
    let at = basket.at.unwrap_or_else(|| edge.0.clock.now());
    let mut wanted = catalog::Wanted::default();
    wanted.merchants.insert(merchant);
    wanted.stores.insert((merchant, basket.store));
    wanted.products = basket.lines.iter().map(|line| (merchant, line.product)).collect::<BTreeSet<_>>();
    let (books, book, walls, known) = edge
        .read(merchant, async |conn| {
            let books = catalog::books(conn, &wanted).await?.remove(&merchant);
            let Some(books) = books else { return Ok((None, None, Vec::new(), None)) };
            let book = price::book(conn, merchant, books.merchant().rules).await?;
            let mut listed = price::listed(conn, &wanted.products).await?;
            let books = books.with_prices(None, |product| listed.remove(&(merchant, product)).unwrap_or_default());
            let walls = price::local_times(conn, &[(merchant, basket.store, at)]).await?;
            let known = match basket.customer {
                Some(id) => customer::survivor(conn, merchant, id).await?,
                None => None,
            };
            Ok((Some(books), book, walls, known))
        })
        .await?;
    let books = books.ok_or(Problem::NotFound("merchant"))?;
    let wall = walls.into_iter().next().flatten().ok_or(Rejection::UnknownStore(basket.store))?;
    let rules = books.merchant().rules;
    let expected = books.merchant().currency;
    if basket.currency != expected {
        return Err(Rejection::CurrencyMismatch { expected, found: basket.currency }.into());
    }
    let known = known.filter(|known| known.active);
    if let Some(id) = basket.customer.filter(|_| known.is_none()) {
        return Err(Rejection::from(CustomerRejection::Unknown(id)).into());
    }
    let mut groups: BTreeSet<_> = basket.groups.into_iter().collect();
    groups.extend(known.into_iter().flat_map(|known| known.groups));
    let line = |(at, line): (usize, LineToPrice)| {
        let product =
            books.product(line.product).ok_or(Rejection::UnknownProduct { line: at, product: line.product })?;
        Ok(BasketLine {
            product: line.product,
            categories: product.categories.clone(),
            tax: product.tax.clone(),
            quantity: line.quantity,
            weighed: product.weighed,
            unit_price: product.unit_price,
            listed: product.listed.iter().take(pricing::MAX_LISTED).cloned().collect(),
            override_price: line.unit_price.filter(|price| !product.asks(*price)),
            discount: line.discount,
        })
    };
    let lines = basket.lines.into_iter().enumerate().map(line).collect::<Result<_, Rejection>>()?;
    let basket = Basket {
        currency: basket.currency,
        store: basket.store,
        at: wall,
        groups: groups.into_iter().collect(),
        coupons: basket.coupons,
        lines,
        discount: basket.discount,
    };
    let none = || PriceBook::try_new(rules, Vec::new(), Vec::new()).map_err(|_| Problem::Internal);
    let quote = match book {
        Some(book) => pricing::quote(&book, &basket)?,
        None => pricing::quote(&none()?, &basket)?,
    };
    // A sale with more would be refused.
    sale::check_discounts(quote.lines.iter().map(|line| line.discounts.len()))?;
    Ok(Json(Quoted { explanations: quote.explain(), quote }))
}
