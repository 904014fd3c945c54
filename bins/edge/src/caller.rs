//! Who calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ed25519_dalek::VerifyingKey;
use tillstream_contract::{
    Approval,
    token::{self, Access, Approved, TokenError},
};
use tillstream_domain::{
    id::{MerchantId, RegisterId, SessionId, UserId},
    identity::{Actor, Grant, Need, Permission, Place, Reach, Rights},
};
use uuid::Uuid;

use crate::{Edge, keys, problem::Problem, proof, seat::Seat, sessions::ENDED};

/// The caller, authenticated.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Known>, Option<Arc<Approved>>);

/// What is known of a caller.
#[derive(Debug)]
struct Known {
    access: Access,
    rights: Rights,
    /// Seconds since the Unix epoch from which on they are no longer taken at their word.
    expires: i64,
}

impl Caller {
    /// Whoever `access` says, until `expires` (seconds since the Unix epoch).
    pub(crate) fn new(access: Access, expires: i64) -> Self {
        let rights = match access.sub {
            Actor::Operator => Rights::operator(),
            Actor::Till(till) => access.store.map_or_else(Rights::default, |store| Rights::of_till(store, till)),
            Actor::User(user) => Rights::of_grants(&access.grants).of_user(user),
            Actor::Key(_) => Rights::of_grants(&access.grants),
        };
        let rights = access.till.map_or(rights.clone(), |till| rights.bound_to(till));
        Self(Arc::new(Known { access, rights, expires }), None)
    }

    /// The caller of a request with `extensions`, if [`authenticate`] knows it.
    pub(crate) fn known(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Authenticated>()?.0.as_ref().ok()
    }

    /// A user of whom nothing is known but who they are: they may what is their own.
    pub(crate) fn of_user(merchant: MerchantId, user: UserId, till: Option<RegisterId>, now: i64) -> Self {
        let access = Access { sub: Actor::User(user), till, ..Access::operator(merchant, now) };
        Self::new(access, now)
    }

    /// Who has shown an API key with these rights. What is known of keys is kept elsewhere, and never expires here.
    pub(crate) fn of_key(access: Access, rights: Rights) -> Self {
        Self(Arc::new(Known { access, rights, expires: i64::MAX }), None)
    }

    /// The merchant to whom the caller is confined.
    pub(crate) fn merchant(&self) -> MerchantId {
        self.0.access.merchant
    }

    /// What the token says.
    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// Whether the token's time is over at `now`, in seconds since the Unix epoch.
    pub(crate) fn is_over(&self, now: i64) -> bool {
        now >= self.0.expires
    }

    /// Who it is, in the books.
    pub(crate) fn actor(&self) -> Actor {
        self.0.access.sub
    }

    /// The till at which they are, if it is one.
    pub(crate) fn till(&self) -> Option<RegisterId> {
        self.0.access.till
    }

    /// The session that the token is of, if any.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.0.access.sid
    }

    /// Whether the caller may change who has these grants, as far as the edge knows.
    pub(crate) fn governs(&self, grants: &[Grant]) -> bool {
        self.0.rights.govern_user(grants)
    }

    /// The till at which they have proved to be, if they are at one.
    pub(crate) fn seat(&self) -> Option<Seat> {
        Seat::of(&self.0.access)
    }

    /// Who has approved what they send, if somebody has.
    pub(crate) fn approval(&self) -> Option<Approval> {
        self.1.as_ref().map(|approved| Approval { by: approved.by, permission: approved.permission })
    }

    /// That the caller may send the command `id`, be it with somebody's approval.
    pub(crate) fn may_send(&self, need: Need, id: Uuid) -> Result<(), Problem> {
        let Some(approved) = &self.1 else { return self.may(need) };
        let place = match need.place {
            Place::Store(store) | Place::Register(store, _) => Some(store),
            _ => None,
        };
        let refused = [
            (approved.command != id, "it is for another command: its id must be the Idempotency-Key"),
            (approved.merchant != self.merchant(), "it is another merchant's"),
            (Some(approved.till) != self.till(), "it was given at another till"),
            (Some(approved.store) != place, "it is for another store"),
            (need.each().all(|one| approved.permission != one.permission), "it is for something else"),
        ];
        if let Some((_, why)) = refused.into_iter().find(|(refused, _)| *refused) {
            return Err(Problem::ApprovalInvalid(why));
        }
        // An approval adds to the rights of somebody who has some; it is none by itself.
        let approved = |one: &Need| self.0.rights.is_any() && one.permission == approved.permission;
        need.each().filter(|one| !approved(one)).try_for_each(|one| self.may(one))
    }

    /// That the caller may do this, as far as the edge knows; the worker decides by what holds.
    pub(crate) fn may(&self, need: Need) -> Result<(), Problem> {
        self.0.rights.check(need).map_err(Problem::from)
    }

    /// In which stores the caller may do this.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn reach(&self, permission: Permission) -> Result<Reach, Problem> {
        self.may(Need::new(permission, tillstream_domain::identity::Place::Anywhere))?;
        Ok(self.0.rights.reach(permission))
    }
}

/// Who calls, as [`authenticate`] has found out, or why that is not known.
#[derive(Clone, Debug)]
struct Authenticated(Result<Caller, Problem>);

/// Finds out who calls, and leaves it with the request. Whether somebody has to be known is the route's to say.
pub(crate) async fn authenticate(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let caller = identify(&edge, request.headers()).await;
    if let Some(cnf) = caller.as_ref().ok().and_then(|caller| caller.0.access.cnf.clone()) {
        request = match proof::prove(&edge, request, Some(&cnf)).await {
            Ok((proved, _)) => proved,
            Err(problem) => return problem.into_response(),
        };
    }
    request.extensions_mut().insert(Authenticated(caller));
    next.run(request).await
}

async fn identify(edge: &Edge, headers: &HeaderMap) -> Result<Caller, Problem> {
    let header =
        headers.get(header::AUTHORIZATION).ok_or(Problem::Unauthorized("send a token: Authorization: Bearer …"))?;
    let token = header.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let token = token.ok_or(Problem::Unauthorized("the Authorization header must be: Bearer, a space, and a token"))?;
    let now = edge.0.clock.now().micros() / 1_000_000;
    let caller = if token.starts_with(keys::PREFIX) {
        edge.0.keys.verify(edge, token).await?
    } else {
        edge.0.tokens.verify(token, now)?
    };
    if edge.0.marks.refuse(&caller.0.access) {
        return Err(ENDED);
    }
    let Some(approval) = headers.get("approval") else { return Ok(caller) };
    let approval = approval.to_str().ok().and_then(|token| token::verify(token, edge.0.tokens.keys(), now).ok());
    let (approved, _) = approval.ok_or(Problem::ApprovalInvalid("it is not one of ours, or it is too old"))?;
    Ok(Caller(caller.0, Some(Arc::new(approved))))
}

impl FromRequestParts<Edge> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _edge: &Edge) -> Result<Self, Problem> {
        let Some(Authenticated(caller)) = parts.extensions.get::<Authenticated>() else {
            return Err(Problem::Internal);
        };
        caller.clone()
    }
}

/// Verifies tokens, each once: verifying costs more than everything else that the edge does for a sale.
#[derive(Debug)]
pub(crate) struct Tokens {
    keys: Vec<VerifyingKey>,
    remember: usize,
    known: Mutex<HashMap<String, Caller>>,
}

impl Tokens {
    pub(crate) fn new(keys: Vec<VerifyingKey>, remember: usize) -> Self {
        Self { keys, remember, known: Mutex::default() }
    }

    /// The keys by which tokens are verified, the one that signs first.
    pub(crate) fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    fn verify(&self, token: &str, now: i64) -> Result<Caller, Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let verified = match known {
            Some(caller) if now < caller.0.expires => return Ok(caller),
            Some(_) => Err(TokenError::Expired),
            None => token::verify::<Access>(token, &self.keys, now),
        };
        let (access, expires) = verified.map_err(|error| match error {
            TokenError::Expired => Problem::Unauthorized("the token has expired; get a new one"),
            TokenError::Malformed | TokenError::Signature => Problem::Unauthorized("the token is not one of ours"),
        })?;
        let caller = Caller::new(access, expires);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.remember {
            // Starting over costs one verification each; it needs no bookkeeping and happens once in `remember` callers.
            known.clear();
        }
        known.insert(token.to_owned(), caller.clone());
        Ok(caller)
    }
}
