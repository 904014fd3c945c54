//! The `OpenAPI` document.

use axum::Router;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, ContentBuilder, Ref, RefOr, ResponseBuilder,
        path::Parameter,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::Edge;

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
        (name = "accounts", description = "Gift cards and store credit"),
        (name = "card payments", description = "Card payments at terminals"),
        (name = "customers", description = "Customers, their groups and what they collect"),
        (name = "stock", description = "Stock levels and adjustments"),
        (name = "catalogue", description = "Products and registers"),
        (name = "identity", description = "The merchant, its stores and registers, and who may do what"),
        (name = "commands", description = "Outcomes of commands"),
        (name = "keys", description = "API keys"),
        (name = "sessions", description = "Signing in and out"),
        (name = "events", description = "What happens, as it happens"),
    ),
    modifiers(&Bearer),
)]
pub(crate) struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let signature = ApiKeyValue::with_description(
            "Signature",
            "HTTP Message Signatures (RFC 9421), Ed25519, by the key in `keyid`",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(signature)));
        document.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
        env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    }
}

/// The routes and the whole document. What every route may answer is added when all are there: [`Frame`] has none yet.
pub(crate) fn split(routes: OpenApiRouter<Edge>) -> (Router<Edge>, openapi::OpenApi) {
    let (api, mut document) = routes.split_for_parts();
    add_common_answers(&mut document);
    (api, document)
}

fn add_common_answers(document: &mut openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let mut answers = vec![("429", "Too many requests; `Retry-After` says when to come again")];
            // `security(())` takes the document's requirement away.
            let is_known =
                |needs: &Vec<SecurityRequirement>| needs.iter().all(|need| *need != SecurityRequirement::default());
            if operation.security.as_ref().is_none_or(is_known) {
                answers.push(("401", "The caller is not authenticated"));
                answers.push(("403", "The caller may not do this, there"));
            }
            let parameters = operation.parameters.as_deref().unwrap_or_default();
            if !parameters.is_empty() || operation.request_body.is_some() {
                answers.push(("400", "The request cannot be read"));
            }
            let is_key = |of: &RefOr<Parameter>| matches!(of, RefOr::T(of) if of.name == "Idempotency-Key");
            if parameters.iter().any(is_key) {
                answers.push(("422", "It is refused, or its key belongs to another request"));
            }
            if operation.request_body.is_some() {
                answers.push(("408", "The body came too slowly; send the same request again"));
                answers.push(("413", "The body is too large"));
                answers.push(("415", "The body is not declared as JSON"));
                answers.push(("422", "The body is not of the right shape"));
            }
            for (status, description) in answers {
                let problem = Ref::from_schema_name("ProblemDetails");
                let content = ContentBuilder::new().schema(Some(problem)).build();
                let answer = ResponseBuilder::new().description(description);
                let answer = answer.content("application/problem+json", content).build();
                operation.responses.responses.entry(status.to_owned()).or_insert(answer.into());
            }
        }
    }
}

/// The whole document.
#[must_use]
pub fn document() -> openapi::OpenApi {
    split(crate::serve::routes()).1
}
