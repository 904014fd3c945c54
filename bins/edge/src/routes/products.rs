//! Products.

use axum::{Json, extract::State};
use serde::Serialize;
use tillstream_domain::{
    id::{CategoryId, ProductId},
    identity::{Need, Permission, Place},
    money::Amount,
    sale,
    tax::{Component, Rate},
};
use tillstream_store::catalog;
use utoipa::ToSchema;

use crate::{
    Edge,
    caller::Caller,
    page::{Page, PageQuery},
    parameters::Params,
    problem::{Problem, ProblemDetails},
};

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Product {
    /// Its id.
    id: ProductId,
    /// Its stock-keeping unit code.
    sku: String,
    /// Its name.
    name: String,
    /// Price of one unit, in minor units of the merchant's currency.
    unit_price: Amount,
    /// Its tax category.
    tax_category: String,
    /// The category's rate, in percent.
    tax_rate: Rate,
    /// The taxes of which it consists, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tax_components: Vec<Component>,
    /// Its category in the catalogue, and those above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<CategoryId>,
    /// Whether it is weighed or measured.
    weighed: bool,
}

/// Products, by SKU.
#[utoipa::path(
    get,
    operation_id = "list_products",
    path = "/v1/products",
    tag = "catalogue",
    extensions(("x-permission" = json!("catalogue.read")), ("x-place" = json!("anywhere"))),
    params(PageQuery),
    responses(
        (status = 200, description = "One page of products", body = Page<Product>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Product>>, Problem> {
    caller.may(Need::new(Permission::ReadCatalogue, Place::Anywhere))?;
    let merchant = caller.merchant();
    let limit = page.limit()?;
    let rows =
        edge.read(merchant, async |conn| catalog::page(conn, merchant, page.after.as_deref(), limit + 1).await).await?;
    Ok(Json(Page::of(rows, limit, |row| row.sku.clone(), Product::from)))
}

impl From<sale::Product> for Product {
    fn from(product: sale::Product) -> Self {
        let sale::Product { id, sku, name, unit_price, tax_category, tax, categories, weighed, .. } = product;
        let (tax_rate, tax_components) = (tax.rate(), tax.components().to_vec());
        Self { id, sku, name, unit_price, tax_category, tax_rate, tax_components, categories, weighed }
    }
}
