//! What customers collect points by.

use std::collections::BTreeSet;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use tillstream_contract::{
    identity::Changed,
    loyalty::{LoyaltyRuleToEnd, LoyaltyRuleToPut},
    sale::{Command, Event},
};
use tillstream_domain::{
    identity::{Need, Permission, Place},
    loyalty::Rule,
};
use tillstream_store::loyalty;
use utoipa::ToSchema;

use super::{
    accepted,
    changes::{Refused, Request, shown},
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    problem::{Problem, ProblemDetails},
    seen::{MaybeSeen, Seen},
};

/// The merchant's rule of points, with its version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionedRule {
    /// The rule.
    rule: Rule,
    /// Counts its changes from 1; the `ETag`.
    version: u32,
    /// Whether it applies no more.
    ended: bool,
}

/// What customers collect points by.
#[utoipa::path(
    get,
    operation_id = "show_loyalty_rule",
    path = "/v1/loyalty-rule",
    tag = "customers",
    extensions(("x-permission" = json!("customers.read")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The rule", body = VersionedRule, headers(("ETag" = String))),
        (status = 404, description = "There is none", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(State(edge): State<Edge>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ReadCustomers, Place::Anywhere))?;
    let merchant = caller.merchant();
    let rules = edge.read(merchant, async |conn| loyalty::rules(conn, &BTreeSet::from([merchant])).await).await?;
    let rule = rules.into_values().next().ok_or(Problem::NotFound("loyalty rule"))?;
    let shown_rule = VersionedRule { rule: rule.what, version: rule.version, ended: rule.ended };
    Ok(shown(StatusCode::OK, rule.version, &shown_rule))
}

/// Says what customers collect points by from now on. What they have stays, and what they bought before goes by the rule of
/// then. The first rule needs no `If-Match`.
#[utoipa::path(
    put,
    operation_id = "put_loyalty_rule",
    path = "/v1/loyalty-rule",
    tag = "customers",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = Option<String>, Header, description = "The version that is replaced; of the first rule left out"),
    ),
    request_body(content = Rule, example = json!({"points": 1, "per": 100, "worth": 2})),
    responses(
        (status = 200, description = "It applies", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn put(
    request: Request,
    MaybeSeen(version): MaybeSeen,
    Strict(rule): Strict<Rule>,
) -> Result<Response, Problem> {
    change(&request, Command::PutLoyaltyRule(LoyaltyRuleToPut { rule, version })).await
}

/// Lets nobody collect or redeem points any more. Points that were collected stay where they are.
#[utoipa::path(
    delete,
    operation_id = "end_loyalty_rule",
    path = "/v1/loyalty-rule",
    tag = "customers",
    extensions(("x-permission" = json!("prices.manage")), ("x-place" = json!("merchant"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
        ("If-Match" = String, Header, description = "The ETag of what was read"),
    ),
    responses(
        (status = 200, description = "It has ended", body = Changed, headers(("ETag" = String))),
        Refused,
    ),
)]
pub(crate) async fn end(request: Request, Seen(version): Seen) -> Result<Response, Problem> {
    change(&request, Command::EndLoyaltyRule(LoyaltyRuleToEnd { version })).await
}

async fn change(request: &Request, command: Command) -> Result<Response, Problem> {
    Ok(match request.decide(command).await? {
        Some(Event::LoyaltyRuleChanged(changed)) => shown(StatusCode::OK, changed.version, &changed),
        _ => accepted(request.id),
    })
}
