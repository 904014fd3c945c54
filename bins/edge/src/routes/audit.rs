//! The audit trail.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{MerchantId, RegisterId, UserId},
    identity::{Actor, Need, Permission, Place},
    time::Timestamp,
};
use tillstream_store::trail::{self, Deed};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    Edge,
    caller::Caller,
    csv,
    page::{Page, PageQuery},
    parameters::Params,
    problem::{Problem, ProblemDetails},
};

/// Rows that an export reads at a time.
const CHUNK: i64 = 1_000;
/// The first line of an export.
const HEAD: &str = "id,kind,actor,till,approved_by,submitted_at,decided_at,outcome,refusal_code,refusal_detail\r\n";

/// Which commands; what is left out narrows nothing down.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Of this actor: `operator`, or `user:`, `till:` or `key:` and an id.
    actor: Option<String>,
    /// Of this kind, for example `sale.submit.v1`.
    kind: Option<String>,
    /// At this till: its register.
    till: Option<RegisterId>,
    /// Decided then or later.
    from: Option<Timestamp>,
    /// Decided before.
    until: Option<Timestamp>,
}

impl AuditQuery {
    fn which(self) -> Result<trail::Which, Problem> {
        let Self { actor, kind, till, from, until } = self;
        let actor = actor.map(|actor| actor.parse::<Actor>()).transpose();
        let actor = actor.map_err(|error| Problem::BadParameter(error.to_string()))?;
        if kind.as_deref().is_some_and(|kind| kind.len() > 100 || kind.chars().any(char::is_control)) {
            return Err(Problem::BadParameter("kind must be that of a command, such as sale.submit.v1".to_owned()));
        }
        Ok(trail::Which { actor, kind, till, from, until, after: None })
    }
}

/// A command that was decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// The command: the `Idempotency-Key` with which it was sent.
    id: Uuid,
    /// What it was.
    #[schema(example = "sale.submit.v1")]
    kind: String,
    /// Who asked for it.
    #[schema(example = "user:018f0000-0000-7000-8000-000000000001")]
    actor: String,
    /// At which till: its register.
    #[serde(skip_serializing_if = "Option::is_none")]
    till: Option<RegisterId>,
    /// Who approved it, if somebody had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<UserId>,
    /// When the edge took it.
    submitted_at: Timestamp,
    /// When it was decided.
    decided_at: Timestamp,
    /// `done` or `rejected`.
    #[schema(example = "done")]
    outcome: &'static str,
    /// Why it was refused, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal_code: Option<String>,
    /// Why it was refused, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal_detail: Option<String>,
}

impl From<Deed> for AuditEntry {
    fn from(deed: Deed) -> Self {
        let Deed { id, kind, actor, till, approved_by, submitted_at, decided_at, refusal } = deed;
        let outcome = if refusal.is_some() { "rejected" } else { "done" };
        let (refusal_code, refusal_detail) = refusal.map(|refusal| (refusal.code, refusal.detail)).unzip();
        Self { id, kind, actor, till, approved_by, submitted_at, decided_at, outcome, refusal_code, refusal_detail }
    }
}

/// Who did what, when, at which till, approved by whom, and with what outcome; the newest first.
#[utoipa::path(
    get,
    operation_id = "list_audit",
    path = "/v1/audit",
    tag = "identity",
    extensions(("x-permission" = json!("audit.read")), ("x-place" = json!("merchant"))),
    params(AuditQuery, PageQuery),
    responses(
        (status = 200, description = "One page of commands", body = Page<AuditEntry>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(query): Params<AuditQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    caller.may(Need::new(Permission::ReadAudit, Place::Merchant))?;
    let limit = page.limit()?;
    let after = page.after.as_deref().map(|text| cursor(text).ok_or_else(no_cursor)).transpose()?;
    let which = trail::Which { after, ..query.which()? };
    let merchant = caller.merchant();
    let rows = edge.read(merchant, async |conn| trail::deeds(conn, merchant, &which, limit + 1).await).await?;
    Ok(Json(Page::of(rows, limit, |deed| format!("{}.{}", deed.decided_at.micros(), deed.id), AuditEntry::from)))
}

fn no_cursor() -> Problem {
    Problem::BadParameter("after must be `next` of the page before".to_owned())
}

fn cursor(text: &str) -> Option<(Timestamp, Uuid)> {
    let (micros, id) = text.split_once('.')?;
    Some((Timestamp::from_micros(micros.parse().ok()?).ok()?, Uuid::try_parse(id).ok()?))
}

/// The same as comma-separated values (RFC 4180), all of it.
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
#[utoipa::path(
    get,
    operation_id = "export_audit",
    path = "/v1/audit.csv",
    tag = "identity",
    extensions(("x-permission" = json!("audit.read")), ("x-place" = json!("merchant"))),
    params(AuditQuery),
    responses(
        (status = 200, description = "The commands, the newest first", body = String, content_type = "text/csv"),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn export(
    State(edge): State<Edge>,
    caller: Caller,
    Params(query): Params<AuditQuery>,
) -> Result<Response, Problem> {
    caller.may(Need::new(Permission::ReadAudit, Place::Merchant))?;
    let merchant = caller.merchant();
    let which = query.which()?;
    // The first rows are read before anything is answered, so that a database that is down is a problem and no torn file.
    let (text, next) = chunk(&edge, merchant, which).await?;
    let rest = stream::unfold((edge, next), move |(edge, next)| async move {
        let read = chunk(&edge, merchant, next?).await;
        // A failure tears the answer off, so that nobody takes it for whole.
        Some(match read {
            Ok((text, next)) => (Ok(text), (edge, next)),
            Err(problem) => (Err(std::io::Error::other(format!("{problem:?}"))), (edge, None)),
        })
    });
    let head = [HEAD.to_owned(), text].map(|text| Ok(Bytes::from(text)));
    let body = futures_util::StreamExt::chain(
        stream::iter(head),
        futures_util::StreamExt::map(rest, |text| text.map(Bytes::from)),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Some lines, and where the next begin, if there may be more.
async fn chunk(
    edge: &Edge,
    merchant: MerchantId,
    which: trail::Which,
) -> Result<(String, Option<trail::Which>), Problem> {
    let deeds = edge.read(merchant, async |conn| trail::deeds(conn, merchant, &which, CHUNK).await).await?;
    let full = i64::try_from(deeds.len()) == Ok(CHUNK);
    let last = deeds.last().map(|deed| (deed.decided_at, deed.id)).filter(|_| full);
    let next = last.map(|last| trail::Which { after: Some(last), ..which });
    Ok((deeds.into_iter().map(|deed| line(deed.into())).collect(), next))
}

fn line(entry: AuditEntry) -> String {
    let text = |cell: Option<String>| cell.unwrap_or_default();
    let cells = [
        entry.id.to_string(),
        entry.kind,
        entry.actor,
        text(entry.till.map(|till| till.to_string())),
        text(entry.approved_by.map(|user| user.to_string())),
        entry.submitted_at.to_string(),
        entry.decided_at.to_string(),
        entry.outcome.to_owned(),
        text(entry.refusal_code),
        text(entry.refusal_detail),
    ];
    csv::line(&cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_a_page_has_named() {
        let id = Uuid::from_u128(7);
        let at = Timestamp::from_micros(1_772_000_000_000_001).unwrap();
        assert_eq!(cursor(&format!("{}.{id}", at.micros())), Some((at, id)));
        for text in ["", ".", "1.x", "1772000000000001", "x.00000000-0000-0000-0000-000000000007"] {
            assert_eq!(cursor(text), None, "{text}");
        }
    }
}
