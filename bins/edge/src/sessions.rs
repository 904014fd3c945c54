//! Sessions: from a sign-in to its sign-out.
//!
//! The bucket that edges share holds one entry for each, with the number of the refresh token that is good at present. A
//! refresh token is signed and names that number, so nothing secret is stored. Each is good once: who presents an earlier one
//! has stolen it or was stolen from, and the session ends.

use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use tillstream_bus::bucket::{Bucket, Slot};
use tillstream_contract::token::{self, Access, Refresh, TokenError};
use tillstream_domain::{
    id::{MerchantId, SessionId, UserId},
    identity::{Actor, Grant},
    time::Timestamp,
};
use tillstream_runtime::{Clock, Ids};
use tracing::{error, warn};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    config::SessionSettings,
    marks::{Mark, Marks},
    problem::Problem,
};

/// How often a refresh is tried while another of the same session is under way.
const TRIES: usize = 4;

/// Somebody at a merchant.
pub(crate) type Who = (MerchantId, UserId);

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// The number of the refresh token that is good.
    generation: u32,
    /// With which request it was made, so that the same request again has the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Uuid>,
    /// When they signed in: seconds since the Unix epoch.
    began: i64,
    /// When the refresh token that is good was made.
    refreshed: i64,
}

/// A session, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its id.
    pub(crate) id: SessionId,
    /// When they signed in.
    pub(crate) began_at: Timestamp,
    /// When it was last refreshed.
    pub(crate) refreshed_at: Timestamp,
    /// Whether it is the one that asks.
    pub(crate) current: bool,
}

/// What who signs in or refreshes is given.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// For `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds for which the access token is good.
    #[schema(example = 300)]
    expires_in: i64,
    /// For `POST /v1/sessions/refresh`, once.
    refresh_token: String,
    /// Seconds for which the refresh token is good.
    #[schema(example = 2_592_000)]
    refresh_expires_in: i64,
    /// The session.
    session: SessionId,
    /// The merchant.
    merchant: MerchantId,
    /// The user.
    user: UserId,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("session", &self.session).field("user", &self.user).finish_non_exhaustive()
    }
}

/// What signs tokens, and whose tokens are taken.
pub(crate) struct Signing {
    pub(crate) key: SigningKey,
    pub(crate) taken: Vec<VerifyingKey>,
}

/// Opens, refreshes and ends sessions.
pub(crate) struct Sessions {
    bucket: Bucket,
    signing: Signing,
    clock: Clock,
    ids: Ids,
    settings: SessionSettings,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Sessions {
    pub(crate) fn new(bucket: Bucket, signing: Signing, clock: Clock, ids: Ids, settings: SessionSettings) -> Self {
        Self { bucket, signing, clock, ids, settings }
    }

    /// A new session of somebody who has just shown who they are.
    ///
    /// # Errors
    /// When it can't be stored.
    pub(crate) async fn open(&self, marks: &Marks, who: Who, grants: Vec<Grant>) -> Result<Tokens, Problem> {
        let (issued, now) = (marks.issued(who.0, who.1), self.now());
        let session = SessionId::new(self.ids.next());
        let kept = Kept { generation: 1, request: None, began: now, refreshed: now };
        if self.store(&key(who, session), &Slot::default(), &kept).await? {
            return Ok(self.tokens(who, session, &kept, issued, grants));
        }
        error!(%session, "a new session has the id of one that there was; answering 500");
        Err(Problem::Internal)
    }

    /// What a refresh token says, if it is one of ours.
    ///
    /// # Errors
    /// [`Problem::Unauthorized`].
    pub(crate) fn read(&self, refresh: &str) -> Result<Refresh, Problem> {
        let verified = token::verify::<Refresh>(refresh, &self.signing.taken, self.now());
        verified.map(|(claims, _)| claims).map_err(|error| match error {
            TokenError::Expired => ENDED,
            TokenError::Malformed | TokenError::Signature => {
                Problem::Unauthorized("the refresh token is not one of ours")
            }
        })
    }

    /// The next tokens, in exchange for a refresh token, by the request `request`.
    ///
    /// # Errors
    /// [`Problem::Unauthorized`] when the session has ended; it does when the token was exchanged before, by another request.
    pub(crate) async fn refresh(
        &self,
        marks: &Marks,
        claims: &Refresh,
        request: Uuid,
        (issued, grants): (i64, Vec<Grant>),
    ) -> Result<Tokens, Problem> {
        let who = (claims.merchant, claims.sub);
        let key = key(who, claims.sid);
        for _ in 0..TRIES {
            let slot = self.bucket.get(&key).await?;
            let Some(kept) = slot.value.as_deref().map(decode).transpose()? else { return Err(ENDED) };
            if claims.generation == kept.generation {
                let generation = kept.generation.saturating_add(1);
                let next = Kept { generation, request: Some(request), refreshed: self.now(), ..kept };
                if self.store(&key, &slot, &next).await? {
                    return Ok(self.tokens(who, claims.sid, &next, issued, grants));
                }
                continue;
            }
            if claims.generation.checked_add(1) == Some(kept.generation) && kept.request == Some(request) {
                return Ok(self.tokens(who, claims.sid, &kept, issued, grants));
            }
            warn!(user = %claims.sub, session = %claims.sid, "a refresh token was used twice; ending the session");
            self.end(marks, who, claims.sid).await?;
            return Err(ENDED);
        }
        Err(Problem::Busy)
    }

    /// Ends a session of theirs, if there is one: its tokens are refused from now on.
    ///
    /// # Errors
    /// When that can't be stored.
    pub(crate) async fn end(&self, marks: &Marks, who: Who, session: SessionId) -> Result<(), Problem> {
        let key = key(who, session);
        if self.bucket.get(&key).await?.value.is_some() {
            // First the mark, so that who tries again after a failure still finds what to end.
            marks.put(Mark::Session(session)).await?;
            self.bucket.delete(&key).await?;
        }
        Ok(())
    }

    /// Ends all sessions of a user, and refuses every token that was issued to them.
    ///
    /// # Errors
    /// When that can't be stored.
    pub(crate) async fn end_all(&self, marks: &Marks, who: Who) -> Result<(), Problem> {
        marks.put(Mark::User(who.0, who.1)).await?;
        for (session, _) in self.kept(who).await? {
            self.end(marks, who, session).await?;
        }
        Ok(())
    }

    /// The sessions of a user, by when they began.
    ///
    /// # Errors
    /// When they can't be read.
    pub(crate) async fn list(&self, who: Who, current: Option<SessionId>) -> Result<Vec<Session>, Problem> {
        let mut found = self.kept(who).await?;
        found.sort_by_key(|(id, kept)| (kept.began, *id));
        let moment = |seconds: i64| {
            Timestamp::from_micros(seconds.saturating_mul(1_000_000)).map_err(|_| {
                error!(seconds, "a session has a time that is none; answering 500");
                Problem::Internal
            })
        };
        found
            .into_iter()
            .map(|(id, kept)| {
                let current = current == Some(id);
                Ok(Session { id, began_at: moment(kept.began)?, refreshed_at: moment(kept.refreshed)?, current })
            })
            .collect()
    }

    async fn kept(&self, (merchant, user): Who) -> Result<Vec<(SessionId, Kept)>, Problem> {
        let found = self.bucket.list(&format!("session.{merchant}.{user}.")).await?;
        let id = |key: &str| key.rsplit('.').next().and_then(|id| id.parse().ok());
        let read = |(key, value): &(String, bytes::Bytes)| decode(value).map(|kept| Some((id(key)?, kept))).transpose();
        found.iter().filter_map(read).collect()
    }

    async fn store(&self, key: &str, seen: &Slot, kept: &Kept) -> Result<bool, Problem> {
        let value = serde_json::to_vec(kept).expect("numbers and an id are JSON");
        let keep = std::time::Duration::from_secs(self.settings.refresh_valid_s.unsigned_abs());
        Ok(self.bucket.swap(key, seen, value.into(), Some(keep)).await?.is_some())
    }

    fn tokens(
        &self,
        (merchant, user): Who,
        session: SessionId,
        kept: &Kept,
        issued: i64,
        grants: Vec<Grant>,
    ) -> Tokens {
        let SessionSettings { access_valid_s, refresh_valid_s } = self.settings;
        let refresh = Refresh { sub: user, merchant, sid: session, generation: kept.generation };
        let access =
            Access { sub: Actor::User(user), sid: Some(session), grants, ..Access::operator(merchant, issued) };
        Tokens {
            access_token: token::sign(&access, issued + access_valid_s, &self.signing.key),
            token_type: "Bearer",
            expires_in: access_valid_s,
            refresh_token: token::sign(&refresh, kept.refreshed + refresh_valid_s, &self.signing.key),
            refresh_expires_in: refresh_valid_s,
            session,
            merchant,
            user,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().micros() / 1_000_000
    }
}

/// What who has no session any more is told.
pub(crate) const ENDED: Problem = Problem::Unauthorized("the session has ended; sign in again");

fn key((merchant, user): Who, session: SessionId) -> String {
    format!("session.{merchant}.{user}.{session}")
}

fn decode(value: &[u8]) -> Result<Kept, Problem> {
    serde_json::from_slice(value).map_err(|failure| {
        error!(error = %failure, "a session cannot be read; answering 500");
        Problem::Internal
    })
}
