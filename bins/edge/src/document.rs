//! The `OpenAPI` document.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

/// The parts that no single route has.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tillstream",
        description = "A message-driven point-of-sale backend. Amounts are integers in minor units of the currency; quantities are decimal strings with up to three places; times are RFC 3339.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "sales", description = "Sales and their receipts"),
        (name = "stock", description = "Stock levels and adjustments"),
        (name = "catalogue", description = "Products and registers"),
        (name = "commands", description = "Outcomes of commands"),
        (name = "events", description = "What happens, as it happens"),
    ),
    modifiers(&Bearer),
)]
pub(crate) struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
        document.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
        env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    }
}

/// The whole document.
#[must_use]
pub fn document() -> openapi::OpenApi {
    crate::serve::routes().split_for_parts().1
}
