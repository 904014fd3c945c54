//! What goes wrong, as HTTP tells it (RFC 9457): status and type are chosen here and nowhere else.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tillstream_bus::{PublishError, bucket::BucketError};
use tillstream_contract::Refusal;
use tillstream_domain::{Rejection, id::MerchantId};
use tillstream_runtime::health::describe;
use tillstream_store::Fault;
use tracing::{error, warn};
use utoipa::ToSchema;

use crate::limits::By;

/// The code of refusals for want of a permission.
const FORBIDDEN: &str = "forbidden";
/// The code of refusals because the thing was changed meanwhile.
const VERSION_CONFLICT: &str = "version_conflict";
/// The code of refusals because another till has the basket.
const BASKET_TAKEN: &str = "basket_taken";

/// Something went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The token is missing, malformed, forged or expired.
    Unauthorized(&'static str),
    /// The e-mail address and the password, or the account and what proves that it is theirs, do not belong together.
    WrongCredentials,
    /// Too many attempts failed; seconds until the next may be made.
    LockedOut(i64),
    /// The address and the password fit at more than one merchant.
    ChooseMerchant(Vec<Choice>),
    /// There is no such thing, or it is another merchant's.
    NotFound(&'static str),
    /// It does not exist yet, but may in a moment.
    NotYet(&'static str),
    /// There is no such route, or not with this method.
    NoRoute(StatusCode),
    /// The `Idempotency-Key` is missing or not a UUID.
    BadKey(&'static str),
    /// The request would change what the client may not have seen: `If-Match` is missing.
    IfMatchMissing,
    /// A parameter or header can't be read.
    BadParameter(String),
    /// The body is not JSON.
    MalformedJson(String),
    /// The body is not declared as JSON.
    NotJson,
    /// The body did not come whole in time.
    BodyTooSlow,
    /// The body is larger than allowed.
    TooLarge(usize),
    /// The body is JSON, but not of the right shape: JSON pointer and what is wrong there.
    InvalidBody(String, String),
    /// The command was refused.
    Rejected(Refusal),
    /// The key was used before, for another request.
    KeyReused,
    /// The command could not be handed over. Whether it was, is known or not.
    NotAccepted(PublishError),
    /// The database can't be read now.
    Database(String),
    /// Too many clients follow events.
    TooManyStreams,
    /// Sessions can't be read or written now.
    Sessions,
    /// Too many passwords wait to be checked.
    Busy,
    /// What the request needs was not set up by who runs the system.
    NotSetUp(&'static str),
    /// Too many requests in a short time: counted by what, and in how many seconds one is let through again.
    TooManyRequests(By, i64),
    /// As many commands of the merchant wait already as may.
    TooManyCommands,
    /// The token names a key, and the request is not signed.
    SignatureMissing,
    /// The request is signed otherwise than it must be.
    SignatureInvalid(&'static str),
    /// The signed request was sent before.
    SignatureReplayed,
    /// More signatures than this edge can tell apart.
    TooManySignatures,
    /// The PIN is another, or who it is of has none or no business there.
    WrongPin,
    /// The request is for tills, or for people at one.
    NoTill,
    /// The approval is not for this command, here and now.
    ApprovalInvalid(&'static str),
    /// A fault of ours.
    Internal,
}

/// A problem, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// What kind of problem, stable: `/problems/` and a code.
    #[serde(rename = "type")]
    #[schema(example = "/problems/payment_short")]
    kind: String,
    /// The same for all problems of the type.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, to which thing, what to do.
    detail: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Of `choose_merchant`: at which of these?
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merchants: Vec<Choice>,
}

/// A merchant to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Choice {
    /// Its id.
    pub(crate) id: MerchantId,
    /// What it is called.
    pub(crate) name: String,
}

/// A field at fault.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    #[schema(example = "/lines/0/product")]
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

impl Problem {
    pub(crate) fn database(why: impl Into<String>) -> Self {
        Self::Database(why.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_)
            | Self::WrongCredentials
            | Self::SignatureMissing
            | Self::SignatureInvalid(_)
            | Self::SignatureReplayed
            | Self::WrongPin => StatusCode::UNAUTHORIZED,
            Self::ApprovalInvalid(_) => StatusCode::FORBIDDEN,
            Self::ChooseMerchant(_) => StatusCode::CONFLICT,
            Self::NotFound(_) | Self::NotYet(_) => StatusCode::NOT_FOUND,
            Self::NoRoute(status) => *status,
            Self::BadKey(_) | Self::BadParameter(_) | Self::MalformedJson(_) => StatusCode::BAD_REQUEST,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::IfMatchMissing => StatusCode::PRECONDITION_REQUIRED,
            Self::Rejected(refusal) if refusal.code == VERSION_CONFLICT => StatusCode::PRECONDITION_FAILED,
            Self::Rejected(refusal) if refusal.code == BASKET_TAKEN => StatusCode::CONFLICT,
            Self::TooLarge(_) | Self::NotAccepted(PublishError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Rejected(refusal) if refusal.code == FORBIDDEN => StatusCode::FORBIDDEN,
            Self::InvalidBody(..) | Self::Rejected(_) | Self::KeyReused | Self::NoTill => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::TooManyRequests(..) | Self::TooManyCommands | Self::LockedOut(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotAccepted(_)
            | Self::Database(_)
            | Self::TooManyStreams
            | Self::Sessions
            | Self::TooManySignatures
            | Self::Busy
            | Self::NotSetUp(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::WrongCredentials => "wrong_credentials",
            Self::LockedOut(_) => "locked_out",
            Self::ChooseMerchant(_) => "choose_merchant",
            Self::NotFound(_) => "not_found",
            Self::NotYet(_) => "not_yet",
            Self::NoRoute(status) if *status == StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            Self::NoRoute(_) => "no_route",
            Self::BadKey(_) => "bad_idempotency_key",
            Self::IfMatchMissing => "if_match_missing",
            Self::BadParameter(_) => "bad_parameter",
            Self::MalformedJson(_) => "malformed_json",
            Self::NotJson => "not_json",
            Self::BodyTooSlow => "body_too_slow",
            Self::TooLarge(_) | Self::NotAccepted(PublishError::TooLarge) => "too_large",
            Self::InvalidBody(..) => "invalid_body",
            Self::Rejected(refusal) => &refusal.code,
            Self::KeyReused => "idempotency_key_reused",
            Self::NotAccepted(PublishError::Unknown(_)) => "outcome_unknown",
            Self::NotAccepted(_) => "not_accepted",
            Self::Database(_) => "database_unavailable",
            Self::TooManyStreams => "too_many_streams",
            Self::Sessions => "sessions_unavailable",
            Self::Busy => "busy",
            Self::NotSetUp(_) => "not_set_up",
            Self::TooManyRequests(..) | Self::TooManyCommands => "too_many_requests",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureInvalid(_) => "signature_invalid",
            Self::SignatureReplayed => "signature_replayed",
            Self::TooManySignatures => "too_many_signatures",
            Self::WrongPin => "wrong_pin",
            Self::NoTill => "no_till",
            Self::ApprovalInvalid(_) => "approval_invalid",
            Self::Internal => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "The request is not authenticated",
            Self::WrongCredentials => "That is not right",
            Self::LockedOut(_) => "Too many attempts have failed",
            Self::ChooseMerchant(_) => "There is more than one merchant to choose from",
            Self::NotFound(_) => "There is no such thing",
            Self::NotYet(_) => "It does not exist yet",
            Self::NoRoute(_) => "There is no such route",
            Self::BadKey(_) => "The Idempotency-Key is missing or malformed",
            Self::IfMatchMissing => "The header If-Match is missing",
            Self::BadParameter(_) => "A parameter is malformed",
            Self::MalformedJson(_) => "The body is not JSON",
            Self::NotJson => "The body is not declared as JSON",
            Self::BodyTooSlow => "The body came too slowly",
            Self::TooLarge(_) | Self::NotAccepted(PublishError::TooLarge) => "The body is too large",
            Self::InvalidBody(..) => "The body is not of the right shape",
            Self::Rejected(refusal) if refusal.code == FORBIDDEN => "That is not allowed",
            Self::Rejected(refusal) if refusal.code == VERSION_CONFLICT => "It was changed meanwhile",
            Self::Rejected(_) => "The command was refused",
            Self::KeyReused => "The Idempotency-Key was used before",
            Self::NotAccepted(PublishError::Unknown(_)) => "It is not known whether the command was accepted",
            Self::NotAccepted(_) => "The command cannot be accepted now",
            Self::Database(_) => "The database cannot be read now",
            Self::TooManyStreams => "Too many clients follow events",
            Self::Sessions => "Sessions cannot be opened or ended now",
            Self::Busy => "Too many sign in at once",
            Self::NotSetUp(_) => "It is not set up",
            Self::TooManyRequests(..) | Self::TooManyCommands => "There are too many requests",
            Self::SignatureMissing => "The request is not signed",
            Self::SignatureInvalid(_) => "The signature is not taken",
            Self::SignatureReplayed => "The signed request was sent before",
            Self::TooManySignatures => "Too many signed requests at once",
            Self::WrongPin => "The PIN does not fit",
            Self::NoTill => "This is for tills",
            Self::ApprovalInvalid(_) => "The approval is not taken",
            Self::Internal => "Something went wrong here",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unauthorized(why)
            | Self::BadKey(why)
            | Self::SignatureInvalid(why)
            | Self::ApprovalInvalid(why) => (*why).to_owned(),
            Self::WrongCredentials => {
                "these do not belong to an account that is in use; check both, or ask for an invitation to set a new password"
                    .to_owned()
            }
            Self::LockedOut(seconds) => format!("wait {seconds} seconds before the next attempt"),
            Self::ChooseMerchant(_) => "send the same with `merchant`: the id of one of these".to_owned(),
            Self::NotFound(what) => format!("there is no such {what}"),
            Self::NotYet(what) => format!("there is no {what} under this id yet; ask again in a moment"),
            Self::NoRoute(_) => "GET /docs shows what there is".to_owned(),
            Self::IfMatchMissing => {
                "send If-Match with the ETag of what you have read, so that nobody's change is lost".to_owned()
            }
            Self::BadParameter(why) | Self::MalformedJson(why) => why.clone(),
            Self::NotJson => "send the body with Content-Type: application/json".to_owned(),
            Self::BodyTooSlow => "the body did not come whole in time; nothing was stored; send the same request again".to_owned(),
            Self::TooLarge(limit) => format!("the body may have at most {limit} bytes"),
            Self::InvalidBody(pointer, why) if pointer.is_empty() => why.clone(),
            Self::InvalidBody(pointer, why) => format!("{pointer}: {why}"),
            Self::Rejected(refusal) => refusal.detail.clone(),
            Self::KeyReused => "this Idempotency-Key belongs to another request; use a new one for a new command".to_owned(),
            Self::NotAccepted(PublishError::TooLarge) => "the command is larger than a message may be".to_owned(),
            Self::NotAccepted(PublishError::Unknown(_)) => {
                "the broker did not answer in time; send the same request with the same Idempotency-Key again: it takes effect once".to_owned()
            }
            Self::NotAccepted(error) => format!("{error}; nothing was stored; send the same request again"),
            Self::Database(why) => format!("reading failed: {why}; sales are still accepted"),
            Self::TooManyStreams => "as many clients follow events as this edge allows; try again later".to_owned(),
            Self::Sessions => "the broker does not answer; nothing else is known; try again in a moment".to_owned(),
            Self::Busy => "as many passwords as may wait to be checked; try again in a moment".to_owned(),
            Self::NotSetUp(what) => format!("who runs this system has not set up {what}"),
            Self::TooManyRequests(by, wait_s) => format!(
                "too many requests of this {} in a short time; nothing was stored; send the same request again in {wait_s} s",
                by.name()
            ),
            Self::TooManyCommands => {
                "as many commands of this merchant wait as may; nothing was stored; send the same request again".to_owned()
            }
            Self::SignatureMissing => {
                "the token is good for one key alone; sign the request with it: Signature-Input and Signature".to_owned()
            }
            Self::SignatureReplayed => "sign each request anew, with a new nonce".to_owned(),
            Self::TooManySignatures => "as many signatures as this edge remembers; try again in a moment".to_owned(),
            Self::WrongPin => "the PIN is another, or they do not work in this store".to_owned(),
            Self::NoTill => "send it from an enrolled till, with a token of its own or of who is signed in there".to_owned(),
            Self::Internal => "the failure was logged under this response's X-Request-Id".to_owned(),
        }
    }

    fn pointer(&self) -> Option<&str> {
        match self {
            Self::InvalidBody(pointer, _) => Some(pointer),
            Self::Rejected(refusal) => refusal.pointer.as_deref(),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let detail = self.detail();
        let errors = self
            .pointer()
            .map(|pointer| FieldError { pointer: pointer.to_owned(), detail: detail.clone() })
            .into_iter()
            .collect();
        let status = self.status();
        let details = ProblemDetails {
            kind: format!("/problems/{}", self.code()),
            title: self.title().to_owned(),
            status: status.as_u16(),
            detail,
            errors,
            merchants: match &self {
                Self::ChooseMerchant(merchants) => merchants.clone(),
                _ => Vec::new(),
            },
        };
        let mut response = (status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::TooManyRequests(_, wait_s) | Self::LockedOut(wait_s) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
            }
            Self::NotYet(_) | Self::TooManyCommands => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tillstream\""));
        }
        response
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection.into())
    }
}

impl From<BucketError> for Problem {
    fn from(failure: BucketError) -> Self {
        warn!(error = describe(&failure), "sessions cannot be read or written; answering 503");
        Self::Sessions
    }
}

impl From<tillstream_store::Error> for Problem {
    fn from(failure: tillstream_store::Error) -> Self {
        if failure.fault() == Fault::Unavailable {
            warn!(error = describe(&failure), "database cannot be read; answering 503");
            return Self::database("it is not reachable");
        }
        error!(error = describe(&failure), "reading failed; answering 500");
        Self::Internal
    }
}
