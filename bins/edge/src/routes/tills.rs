//! Tills: enrolling a device for a register, its certificate, and ending it.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tillstream_contract::{
    Message,
    identity::{Changed, Command, Event, NewEnrolment, NewTill, OneTill},
    token::{self, Confirmation},
};
use tillstream_domain::{
    Rejection,
    id::{MerchantId, RegisterId, StoreId},
    identity::{Actor, ENROLMENT_MICROS, Need, OneTimeCode, Permission, Place},
    time::Timestamp,
};
use tillstream_store::identity::tills::{self, Shown};
use tracing::error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{accepted, deadline, trace};
use crate::{
    Edge,
    body::{Key, Signed},
    caller::Caller,
    commands::{NewCommand, Submitted, fingerprint},
    derive::Purpose,
    marks::Mark,
    page::Page,
    parameters::Id,
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
    seat::{Seat, at, now},
};

/// Characters of a code for enrolment: 60 bits of chance.
type Code = OneTimeCode<12>;

/// The till of a register.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Till {
    /// Its register.
    register: RegisterId,
    /// The register's code.
    code: String,
    /// Its store.
    store: StoreId,
    /// When the device was enrolled that is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    enrolled_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    /// Counts changes from 1.
    version: u32,
}

/// A code for enrolment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Enrolment {
    /// The register.
    id: RegisterId,
    /// The version of its till.
    version: u32,
    /// The code, to be typed at the device. It is shown here alone.
    #[schema(example = "7K2MQ-9D4XT-V0")]
    code: String,
    /// From when on it is not good any more.
    until: Timestamp,
}

/// A device to enrol.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Device {
    /// The code that was shown for the register.
    code: String,
    /// The device's Ed25519 public key (32 bytes), base64url without padding. The request is signed with it.
    public_key: String,
}

/// What a till shows with every request, which it signs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificate {
    /// The token.
    token: String,
    /// From when on it is not taken any more. It can be renewed until then.
    expires_at: Timestamp,
    /// The merchant.
    merchant: MerchantId,
    /// The store.
    store: StoreId,
    /// The register.
    register: RegisterId,
    /// The keys with which the server signs, the one that it uses now first: Ed25519, base64url. What is good offline is
    /// checked by them.
    server_keys: Vec<String>,
}

/// Tills, by store and code, of the stores in which the caller may enrol them.
#[utoipa::path(
    get,
    operation_id = "list_tills",
    path = "/v1/tills",
    tag = "identity",
    extensions(("x-permission" = json!("registers.manage")), ("x-place" = json!("anywhere"))),
    responses(
        (status = 200, description = "The tills", body = Page<Till>),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(edge): State<Edge>, caller: Caller) -> Result<Json<Page<Till>>, Problem> {
    let reach = caller.reach(Permission::ManageRegisters)?;
    let merchant = caller.merchant();
    let shown = edge.read(merchant, async |conn| tills::shown(conn, merchant, reach.stores(), None).await).await?;
    let items = shown.into_iter().filter(|till| till.version > 0).map(Till::from).collect();
    Ok(Json(Page { items, next: None }))
}

/// Gives out a one-time code with which a device can be enrolled as the till of a register, within a quarter of an hour.
///
/// The code is shown in this answer alone; the same `Idempotency-Key` shows the same. A new code replaces the last one. A
/// device that is enrolled stays so until the code is used.
#[utoipa::path(
    post,
    operation_id = "invite_till",
    path = "/v1/registers/{id}/enrolment",
    tag = "identity",
    extensions(("x-permission" = json!("registers.manage")), ("x-place" = json!("document"))),
    params(
        ("id" = RegisterId, Path, description = "The register"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new code; the same one to see the same again"),
    ),
    responses(
        (status = 201, description = "The code", body = Enrolment),
        (status = 202, description = "It will be decided; repeat the request to see the code", body = super::Accepted, headers(("Location" = String))),
        (status = 404, description = "There is no such register", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be accepted now; send it again with the same key", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn invite(
    State(edge): State<Edge>,
    caller: Caller,
    Key(id): Key,
    Id(register): Id<RegisterId>,
    prefer: Prefer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = store_of(&edge, &caller, register).await?;
    let mut random = [0; 12];
    random.copy_from_slice(&edge.0.derive.shown(Purpose::EnrolmentCode, &caller, id)[..12]);
    let code = Code::of_random(random);
    let command = Command::InviteTill(NewEnrolment { store, register, code_hash: ByteArray::new(code.hash()) });
    match submit(&edge, &caller, id, command, prefer, &headers).await? {
        None => Ok(accepted(id)),
        Some((changed, taken)) => {
            let until = Timestamp::from_micros(taken.micros() + ENROLMENT_MICROS).map_err(|_| Problem::Internal)?;
            let shown = Enrolment { id: register, version: changed.version, code: code.reveal(), until };
            Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(shown)).into_response())
        }
    }
}

/// Lets a till do nothing any more, as when it is stolen.
#[utoipa::path(
    post,
    operation_id = "revoke_till",
    path = "/v1/registers/{id}/till-revocation",
    tag = "identity",
    extensions(("x-permission" = json!("registers.manage")), ("x-place" = json!("document"))),
    params(
        ("id" = RegisterId, Path, description = "The register"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID"),
    ),
    responses(
        (status = 200, description = "The till is revoked", body = Changed),
        (status = 202, description = "It will be decided", body = super::Accepted, headers(("Location" = String))),
        (status = 404, description = "There is no such register", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "No till is enrolled there", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be accepted now; send it again with the same key", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke(
    State(edge): State<Edge>,
    caller: Caller,
    Key(id): Key,
    Id(register): Id<RegisterId>,
    prefer: Prefer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = store_of(&edge, &caller, register).await?;
    let command = Command::RevokeTill(OneTill { store, register });
    let decided = submit(&edge, &caller, id, command, prefer, &headers).await?;
    // At once, also when it is not decided yet: whoever sent it may do it.
    let merchant = caller.merchant();
    // What was issued just after the last mark ends too.
    let from = now(&edge).max(edge.0.marks.taken_from(merchant, register)) + 1;
    edge.0.marks.put_from(Mark::Till(merchant, register), from).await?;
    match decided {
        None => Ok(accepted(id)),
        Some((changed, _)) => Ok(Json(changed).into_response()),
    }
}

/// Enrols a device by its one-time code. The request carries no token; it is signed with the device's new key.
#[utoipa::path(
    post,
    operation_id = "enrol_till",
    path = "/v1/tills",
    tag = "identity",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    security(("signature" = [])),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID; the same one to repeat the request"),
        ("Content-Digest" = String, Header, description = "`sha-256=:…:` of the body"),
        ("Signature-Input" = String, Header, description = "What is signed"),
        ("Signature" = String, Header, description = "The signature"),
    ),
    request_body = Device,
    responses(
        (status = 201, description = "The till is enrolled", body = Certificate),
        (status = 202, description = "It will be decided; repeat the request for the certificate", body = super::Accepted, headers(("Location" = String))),
        (status = 422, description = "The code is not good (any more)", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be accepted now; send it again with the same key", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn enrol(
    State(edge): State<Edge>,
    Key(id): Key,
    prefer: Prefer,
    headers: HeaderMap,
    Signed { key, body: Device { code, public_key } }: Signed<Device>,
) -> Result<Response, Problem> {
    if public_key != URL_SAFE_NO_PAD.encode(key.as_bytes()) {
        let why = "it must be the key with which the request is signed, in base64url";
        return Err(Problem::InvalidBody("/public_key".to_owned(), why.to_owned()));
    }
    let hash = code.parse::<Code>().map_err(|_| Rejection::EnrolmentCode)?.hash();
    let found = edge.look_up(async |conn| tills::of_code(conn, &hash).await).await?;
    let (merchant, store, register) = found.ok_or(Rejection::EnrolmentCode)?;
    let seat = Seat { merchant, store, till: register, key: Confirmation::of(&key) };
    let (access, expires) = seat.certificate(now(&edge));
    let command = Command::EnrolTill(NewTill {
        store,
        register,
        code_hash: ByteArray::new(hash),
        public_key: ByteArray::new(key.to_bytes()),
    });
    match submit(&edge, &Caller::new(access, expires), id, command, prefer, &headers).await? {
        None => Ok(accepted(id)),
        Some((_, taken)) => {
            // Who repeats the request may have been revoked since.
            seat.check(&edge).await?;
            // As of when the code was taken, so that a repeated request does not make it good for longer, and after all that
            // was issued for the device before.
            let from = (taken.micros() / 1_000_000 + 1).max(edge.0.marks.taken_from(merchant, register));
            edge.0.marks.put_from(Mark::Till(merchant, register), from).await?;
            Ok((StatusCode::CREATED, Json(certify(&edge, &seat, from)?)).into_response())
        }
    }
}

/// A new certificate for the till that asks, with the one that it has.
#[utoipa::path(
    post,
    operation_id = "renew_certificate",
    path = "/v1/tills/current/certificate",
    tag = "identity",
    extensions(("x-permission" = json!("none")), ("x-place" = json!("own"))),
    responses(
        (status = 200, description = "The certificate", body = Certificate),
        (status = 422, description = "The caller is no till", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn renew(State(edge): State<Edge>, caller: Caller) -> Result<Json<Certificate>, Problem> {
    let seat = caller.seat().filter(|_| matches!(caller.actor(), Actor::Till(_))).ok_or(Problem::NoTill)?;
    seat.check(&edge).await?;
    let iat = now(&edge).max(edge.0.marks.taken_from(seat.merchant, seat.till));
    certify(&edge, &seat, iat).map(Json)
}

fn certify(edge: &Edge, seat: &Seat, iat: i64) -> Result<Certificate, Problem> {
    let (access, expires) = seat.certificate(iat);
    Ok(Certificate {
        token: token::sign(&access, expires, &edge.0.signer),
        expires_at: at(expires)?,
        merchant: seat.merchant,
        store: seat.store,
        register: seat.till,
        server_keys: edge.0.tokens.keys().iter().map(|key| URL_SAFE_NO_PAD.encode(key.as_bytes())).collect(),
    })
}

/// The store of a register in which the caller may enrol tills. Others are as if they were not there.
async fn store_of(edge: &Edge, caller: &Caller, register: RegisterId) -> Result<StoreId, Problem> {
    caller.may(Need::new(Permission::ManageRegisters, Place::Anywhere))?;
    let (merchant, reach) = (caller.merchant(), caller.reach(Permission::ManageRegisters)?);
    let shown =
        edge.read(merchant, async |conn| tills::shown(conn, merchant, reach.stores(), Some(register)).await).await?;
    shown.first().map(|till| till.store).ok_or(Problem::NotFound("register"))
}

/// Sends a command and waits for what changed, and when the edge took it; none, if it is not decided yet.
pub(super) async fn submit(
    edge: &Edge,
    caller: &Caller,
    id: Uuid,
    message: Command,
    prefer: Prefer,
    headers: &HeaderMap,
) -> Result<Option<(Changed, Timestamp)>, Problem> {
    let fingerprint = fingerprint(message.kind(), &message.encode())?;
    let command = NewCommand { id, message, fingerprint, trace: trace(headers), at: edge.0.clock.now() };
    let prefer = Prefer { until: tillstream_contract::Stage::Recorded, ..prefer };
    match edge.0.commands.submit(caller, command, prefer, deadline(edge, prefer)).await? {
        Submitted::Pending => Ok(None),
        Submitted::Done(event) => match event.open::<Event>() {
            Ok(what) => Ok(Some((what.changed().clone(), event.taken_at()))),
            Err(failure) => {
                error!(error = %failure, %id, "the worker's answer cannot be read; answering 202");
                Ok(None)
            }
        },
    }
}

impl From<Shown> for Till {
    fn from(till: Shown) -> Self {
        let Shown { register, code, store, key: _, enrolled_at, ended_at, version } = till;
        Self { register, code, store, enrolled_at, revoked_at: ended_at, version }
    }
}
