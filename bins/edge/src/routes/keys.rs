//! API keys.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tillstream_contract::{
    Stage,
    identity::{Changed, Command, Event, NewKey, Revocation},
};
use tillstream_domain::{
    id::{KeyId, StoreId},
    identity::{KeyName, Need, Permission, Place},
    time::Timestamp,
};
use tillstream_store::identity::{self, KeyShown};
use tracing::error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{accepted, created, deadline, private, trace};
use crate::{
    Edge,
    body::{Key, Strict},
    caller::Caller,
    commands::{NewCommand, Submitted, fingerprint},
    keys::Shown,
    marks::Mark,
    page::{Page, PageQuery},
    parameters::{Id, Params},
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
};

/// What fingerprints are of.
const MAKE: &str = "identity.make_key.v1";
const REVOKE: &str = "identity.revoke_key.v1";

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Wanted {
    /// What people call it: 1 to 120 characters.
    #[schema(value_type = String, max_length = 120)]
    name: KeyName,
    /// What it may: permissions that its maker has, and none that say who may what.
    #[schema(min_items = 1, max_items = 32)]
    scopes: Vec<Permission>,
    /// In which stores; in all, if left out.
    #[schema(min_items = 1, max_items = 32)]
    stores: Option<Vec<StoreId>>,
    /// From when on it is no longer taken; never, if left out.
    expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Made {
    /// Its id.
    id: Uuid,
    /// Counts its changes from 1.
    version: u32,
    /// The key, for `Authorization: Bearer …`. It is shown here and never again.
    #[schema(example = "ts_018f00000000700080000000000000a1_…")]
    key: String,
}

/// A key, without the key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Its id.
    #[schema(value_type = Uuid)]
    id: KeyId,
    /// What people call it.
    name: String,
    /// What it may.
    scopes: Vec<Permission>,
    /// In which stores; in all, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    stores: Option<Vec<StoreId>>,
    /// Who has made it.
    made_by: String,
    /// When.
    made_at: Timestamp,
    /// From when on it is no longer taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute, within the last 31 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// Counts its changes from 1.
    version: u32,
}

/// Makes an API key, for a program that works for the merchant.
///
/// The key is shown once; repeating the request with its `Idempotency-Key` shows it again.
#[utoipa::path(
    post,
    operation_id = "make_key",
    path = "/v1/keys",
    tag = "keys",
    extensions(("x-permission" = json!("keys.manage")), ("x-place" = json!("store"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new key; the same one to repeat the request"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`"),
    ),
    request_body = Wanted,
    responses(
        (status = 201, description = "The key", body = Made, headers(("Location" = String))),
        (status = 202, description = "The request is durable and will be decided; repeat it to see the key", body = super::Accepted, headers(("Location" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not make keys there, or may not what the key is to do", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The key is refused, or the Idempotency-Key was used for another request", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be made now; send the same request again", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn make(
    State(edge): State<Edge>,
    caller: Caller,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
    Strict(Wanted { name, scopes, stores, expires_at }): Strict<Wanted>,
) -> Result<Response, Problem> {
    let shown = Shown::make(&edge.0.derive, &caller, id);
    let new = NewKey { name, hash: ByteArray::new(shown.hash()), scopes, stores, expires_at };
    let print = fingerprint(MAKE, &new)?;
    let command = (Command::MakeKey(new), print);
    let Some(Changed { id, version }) = submit(&edge, &caller, id, command, prefer, &headers).await? else {
        return Ok(accepted(id));
    };
    let made = Made { id, version, key: shown.reveal() };
    Ok(private(created(&format!("/v1/commands/{id}"), &made)))
}

/// API keys, revoked ones among them, by id.
#[utoipa::path(
    get,
    operation_id = "list_keys",
    path = "/v1/keys",
    tag = "keys",
    extensions(("x-permission" = json!("keys.manage")), ("x-place" = json!("merchant"))),
    params(PageQuery),
    responses(
        (status = 200, description = "One page of keys", body = Page<ApiKey>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not manage the keys of the whole merchant", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The keys cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(edge): State<Edge>,
    caller: Caller,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<ApiKey>>, Problem> {
    caller.may(Need::new(Permission::ManageKeys, Place::Merchant))?;
    let merchant = caller.merchant();
    let limit = page.limit()?;
    let after = page.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Problem::BadParameter("after must be `next` of the page before".to_owned()))?;
    let rows = edge.read(merchant, async |conn| identity::keys(conn, merchant, after, limit + 1).await).await?;
    let used = edge.0.keys.last_used(merchant).await?;
    let shown = |key: KeyShown| {
        let last = used.get(&key.id).and_then(|seconds| Timestamp::from_micros(seconds.saturating_mul(1_000_000)).ok());
        ApiKey::new(key, last)
    };
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string(), shown)))
}

impl ApiKey {
    fn new(key: KeyShown, last_used_at: Option<Timestamp>) -> Self {
        let KeyShown { id, name, scopes, stores, made_by, made_at, expires_at, ended_at, version } = key;
        Self {
            id,
            name,
            scopes: scopes.iter().collect(),
            stores: stores.map(|stores| stores.into_iter().collect()),
            made_by,
            made_at,
            expires_at,
            revoked_at: ended_at,
            last_used_at,
            version,
        }
    }
}

/// Revokes an API key: no edge takes it any more.
#[utoipa::path(
    post,
    operation_id = "revoke_key",
    path = "/v1/keys/{id}/revocation",
    tag = "keys",
    extensions(("x-permission" = json!("keys.manage")), ("x-place" = json!("anywhere"))),
    params(
        ("id" = Uuid, Path, description = "The key"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`"),
    ),
    responses(
        (status = 200, description = "It is revoked", body = Changed),
        (status = 202, description = "The request is durable and will be decided; repeat it, for edges take the key until then", body = super::Accepted, headers(("Location" = String))),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not manage keys where it is good", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "There is no such key, or the Idempotency-Key was used for another request", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be revoked now; send the same request again", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke(
    State(edge): State<Edge>,
    caller: Caller,
    Id(key): Id<KeyId>,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revocation = Revocation { key };
    let command = (Command::RevokeKey(revocation), fingerprint(REVOKE, &revocation)?);
    let Some(changed) = submit(&edge, &caller, id, command, prefer, &headers).await? else { return Ok(accepted(id)) };
    edge.0.marks.put(Mark::Key(caller.merchant(), key)).await?;
    Ok(Json(changed).into_response())
}

/// What a command about keys has changed; nothing if that is not known yet.
async fn submit(
    edge: &Edge,
    caller: &Caller,
    id: Uuid,
    (command, fingerprint): (Command, [u8; 32]),
    prefer: Prefer,
    headers: &HeaderMap,
) -> Result<Option<Changed>, Problem> {
    let command = NewCommand { id, message: command, fingerprint, trace: trace(headers), at: edge.0.clock.now() };
    // There is no receipt to wait for.
    let prefer = Prefer { until: Stage::Recorded, ..prefer };
    match edge.0.commands.submit(caller, command, prefer, deadline(edge, prefer)).await? {
        Submitted::Pending => Ok(None),
        Submitted::Done(event) => match event.open() {
            Ok(Event::KeyChanged(changed)) => Ok(Some(changed)),
            Ok(other) => {
                error!(?other, %id, "the worker's answer is to something else; answering 202");
                Ok(None)
            }
            Err(failure) => {
                error!(error = %failure, %id, "the worker's answer cannot be read; answering 202");
                Ok(None)
            }
        },
    }
}
