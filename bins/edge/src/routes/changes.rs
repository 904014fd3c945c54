//! What every route shares that changes something.

use axum::{
    Json,
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tillstream_contract::{
    Command, Message, Stage,
    identity::{self, Changed},
};
use tillstream_domain::id::UserId;
use tracing::error;
use utoipa::IntoResponses;
use uuid::Uuid;

use super::{accepted, deadline, trace};
use crate::{
    Edge,
    body::Key,
    caller::Caller,
    commands::{NewCommand, Submitted},
    derive::Purpose,
    marks::Mark,
    prefer::Prefer,
    problem::{Problem, ProblemDetails},
    seen::tag,
};

/// What a route may answer that changes something, besides what it is for.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is for the document alone")]
pub(crate) enum Refused {
    /// The change is durable and will be decided.
    #[response(status = 202)]
    Accepted(#[to_schema] super::Accepted),
    /// The request cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] ProblemDetails),
    /// It was changed meanwhile.
    #[response(status = 412, content_type = "application/problem+json")]
    Changed(#[to_schema] ProblemDetails),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] ProblemDetails),
    /// The body is not declared as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(#[to_schema] ProblemDetails),
    /// The change is refused, or the key was used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Rejected(#[to_schema] ProblemDetails),
    /// The header If-Match is missing.
    #[response(status = 428, content_type = "application/problem+json")]
    IfMatchMissing(#[to_schema] ProblemDetails),
    /// It cannot be accepted now; send it again with the same key.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] ProblemDetails),
}

/// A request to change something, but for what and how.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) edge: Edge,
    pub(crate) caller: Caller,
    /// The `Idempotency-Key`.
    pub(crate) id: Uuid,
    prefer: Prefer,
    trace: Option<String>,
}

impl FromRequestParts<Edge> for Request {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, edge).await?;
        let Key(id) = Key::from_request_parts(parts, edge).await?;
        let Ok(prefer) = Prefer::from_request_parts(parts, edge).await;
        Ok(Self { edge: edge.clone(), caller, id, prefer, trace: trace(&parts.headers) })
    }
}

impl Request {
    /// Has the command decided: the event that says how; none if its outcome is not known yet.
    pub(crate) async fn decide<E: Message>(&self, command: impl Command) -> Result<Option<E>, Problem> {
        let Self { edge, caller, id, prefer, trace } = self;
        // The inbox keeps it for ever, and a plain hash of a name or an address tells who they are.
        let mut whole = command.kind().as_bytes().to_vec();
        whole.push(0);
        whole.extend(command.encode());
        let fingerprint = edge.0.derive.of(Purpose::Request, &whole);
        let at = edge.0.clock.now();
        let command = NewCommand { id: *id, message: command, fingerprint, trace: trace.clone(), at };
        // There is no receipt to wait for.
        let prefer = Prefer { until: Stage::Recorded, ..*prefer };
        match edge.0.commands.submit(caller, command, prefer, deadline(edge, prefer)).await? {
            Submitted::Pending => Ok(None),
            Submitted::Done(event) => match event.open() {
                Ok(event) => Ok(Some(event)),
                Err(failure) => {
                    error!(error = %failure, %id, "the worker's answer cannot be read; answering 202");
                    Ok(None)
                }
            },
        }
    }

    /// Has a command about who belongs to the merchant decided.
    pub(crate) async fn decide_identity(&self, command: identity::Command) -> Result<Option<Changed>, Problem> {
        Ok(self.decide(command).await?.map(|event: identity::Event| event.changed().clone()))
    }

    /// Has the command decided, and answers 200 with what changed.
    pub(crate) async fn change(&self, command: identity::Command) -> Result<Response, Problem> {
        Ok(match self.decide_identity(command).await? {
            Some(changed) => shown(StatusCode::OK, changed.version, &changed),
            None => accepted(self.id),
        })
    }

    /// The same, of what a user is: once it is done, their tokens are taken no longer, and refreshed ones say what they are.
    /// While it is not known to be done, nothing ends, for the worker may find that the caller may not do this.
    pub(crate) async fn change_rights(&self, user: UserId, command: identity::Command) -> Result<Response, Problem> {
        let response = self.change(command).await?;
        if response.status() == StatusCode::OK {
            self.edge.0.marks.put(Mark::User(self.caller.merchant(), user)).await?;
        }
        Ok(response)
    }

    /// The same, of a user who may nothing any more: their sessions end too.
    pub(crate) async fn end(&self, user: UserId, command: identity::Command) -> Result<Response, Problem> {
        let response = self.change(command).await?;
        if response.status() == StatusCode::OK {
            self.edge.0.sessions.end_all(&self.edge.0.marks, (self.caller.merchant(), user)).await?;
        }
        Ok(response)
    }

    /// Has the command decided, and answers 201 with what was added and its place under `path`.
    pub(crate) async fn add(&self, command: identity::Command, path: &str) -> Result<Response, Problem> {
        let Some(changed) = self.decide_identity(command).await? else { return Ok(accepted(self.id)) };
        let mut response = super::created(&format!("{path}/{}", changed.id), &changed);
        response.headers_mut().insert(header::ETAG, tag(changed.version));
        Ok(response)
    }
}

/// Something with its version.
pub(crate) fn shown<T: Serialize>(status: StatusCode, version: u32, body: &T) -> Response {
    (status, [(header::ETAG, tag(version))], Json(body)).into_response()
}
