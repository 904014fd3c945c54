//! What was revoked, as every edge knows it at once.
//!
//! A token says what held when it was issued. A mark says of whom tokens are taken no longer: it is put into the bucket that
//! edges share, and each of them keeps all marks in memory. While the broker is away an edge knows the marks that it has
//! seen; tokens are short-lived for that.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tillstream_bus::bucket::{Bucket, BucketError};
use tillstream_contract::token::Access;
use tillstream_domain::{
    id::{KeyId, MerchantId, RegisterId, SessionId, UserId},
    identity::Actor,
};
use tillstream_runtime::{Clock, Process, health::describe};
use tokio::{
    task::JoinHandle,
    time::{interval, sleep},
};
use tracing::warn;
use uuid::Uuid;

/// What the keys of marks begin with.
const PREFIX: &str = "mark.";
/// No access token of a user lives longer, so that a mark on a user or session is needed no longer.
pub(crate) const LONGEST_ACCESS: Duration = Duration::from_hours(12);
/// For how long such marks are kept.
const KEEP: Duration = Duration::from_hours(13);
/// How often it is looked whether marks may have been missed.
const LOOK: Duration = Duration::from_millis(500);

/// Of whom tokens are taken no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    /// A user: tokens that were issued before.
    User(MerchantId, UserId),
    /// A session: all of its tokens.
    Session(SessionId),
    /// A till: tokens for it that were issued before.
    Till(MerchantId, RegisterId),
    /// An API key: it itself.
    Key(MerchantId, KeyId),
}

impl Mark {
    fn key(self) -> String {
        match self {
            Self::User(merchant, user) => format!("{PREFIX}user.{merchant}.{user}"),
            Self::Session(session) => format!("{PREFIX}session.{session}"),
            Self::Till(merchant, till) => format!("{PREFIX}till.{merchant}.{till}"),
            Self::Key(merchant, key) => format!("{PREFIX}key.{merchant}.{key}"),
        }
    }

    fn parse(key: &str) -> Option<Self> {
        let mut words = key.strip_prefix(PREFIX)?.split('.');
        let kind = words.next()?;
        let mut id = || words.next().and_then(|word| Uuid::try_parse(word).ok());
        Some(match kind {
            "user" => Self::User(MerchantId::new(id()?), UserId::new(id()?)),
            "session" => Self::Session(SessionId::new(id()?)),
            "till" => Self::Till(MerchantId::new(id()?), RegisterId::new(id()?)),
            "key" => Self::Key(MerchantId::new(id()?), KeyId::new(id()?)),
            _ => return None,
        })
    }

    /// For how long it is needed, unless it is for as long as the bucket keeps anything.
    fn keep(self) -> Option<Duration> {
        match self {
            Self::User(..) | Self::Session(_) => Some(KEEP),
            Self::Till(..) | Self::Key(..) => None,
        }
    }
}

/// The marks that this edge knows: from when on tokens are taken again, in seconds since the Unix epoch.
#[derive(Debug, Default)]
struct Known {
    marks: RwLock<HashMap<Mark, i64>>,
    loaded: AtomicBool,
}

impl Known {
    fn get(&self, mark: Mark) -> Option<i64> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner).get(&mark).copied()
    }

    fn learn(&self, mark: Mark, from: i64) {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        let known = marks.entry(mark).or_insert(from);
        *known = from.max(*known);
    }

    /// Forgets what no token is old enough for.
    fn prune(&self, now: i64) {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|mark, from| mark.keep().is_none_or(|keep| now - *from < seconds(keep)));
    }
}

/// The marks, and who follows them.
#[derive(Debug)]
pub(crate) struct Marks {
    bucket: Bucket,
    clock: Clock,
    known: Arc<Known>,
    following: JoinHandle<()>,
}

impl Marks {
    /// Follows the marks in `bucket`. The process is not ready before it knows them.
    pub(crate) fn follow(bucket: Bucket, process: &Process) -> Self {
        let known = Arc::new(Known::default());
        let loaded = known.clone();
        process.health.check("revocations", true, move || {
            let loaded = loaded.loaded.load(Ordering::Relaxed);
            async move { if loaded { Ok(()) } else { Err("not read yet".to_owned()) } }
        });
        let following = tokio::spawn(follow(bucket.clone(), known.clone(), process.clock.clone()));
        Self { bucket, clock: process.clock.clone(), known, following }
    }

    /// From now on nothing that was issued before is taken of them, at any edge.
    ///
    /// # Errors
    /// When the broker does not store it: then it does not hold.
    pub(crate) async fn put(&self, mark: Mark) -> Result<(), BucketError> {
        // Tokens know seconds: those of this second are refused, and new ones are dated to the next.
        self.put_from(mark, now(&self.clock) + 1).await
    }

    /// Nothing that was issued before `from` (seconds since the Unix epoch) is taken of them, at any edge.
    ///
    /// # Errors
    /// When the broker does not store it: then it does not hold.
    pub(crate) async fn put_from(&self, mark: Mark, from: i64) -> Result<(), BucketError> {
        let key = mark.key();
        loop {
            // Never an earlier one over a later one, whichever edge's clock is behind.
            let slot = self.bucket.get(&key).await?;
            let known = slot.value.as_deref().and_then(|value| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
            if known.is_some_and(|known| known >= from)
                || self.bucket.swap(&key, &slot, from.to_string().into(), mark.keep()).await?.is_some()
            {
                break;
            }
        }
        self.known.learn(mark, from);
        Ok(())
    }

    /// The time from which on tokens for a till are taken, in seconds since the Unix epoch: that of the last mark on it.
    pub(crate) fn taken_from(&self, merchant: MerchantId, till: RegisterId) -> i64 {
        self.known.get(Mark::Till(merchant, till)).unwrap_or(0)
    }

    /// The time at which a token for `user` is issued now: not before the last mark on them.
    pub(crate) fn issued(&self, merchant: MerchantId, user: UserId) -> i64 {
        now(&self.clock).max(self.known.get(Mark::User(merchant, user)).unwrap_or(0))
    }

    /// Whether a token that says this is taken no longer.
    pub(crate) fn refuse(&self, access: &Access) -> bool {
        let before = |mark| self.known.get(mark).is_some_and(|from| access.iat < from);
        let ended = |mark| self.known.get(mark).is_some();
        access.sid.is_some_and(|session| ended(Mark::Session(session)))
            || access.till.is_some_and(|till| before(Mark::Till(access.merchant, till)))
            || match access.sub {
                Actor::Operator => false,
                Actor::User(user) => before(Mark::User(access.merchant, user)),
                Actor::Till(till) => before(Mark::Till(access.merchant, till)),
                Actor::Key(key) => ended(Mark::Key(access.merchant, key)),
            }
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(bucket: Bucket, known: Arc<Known>, clock: Clock) {
    loop {
        if let Err(error) = follow_once(&bucket, &known, &clock).await {
            warn!(
                error = describe(&error),
                "revocations cannot be followed; keeping those that are known, and trying again"
            );
        }
        sleep(LOOK).await;
    }
}

async fn follow_once(bucket: &Bucket, known: &Known, clock: &Clock) -> Result<(), BucketError> {
    let mut changes = bucket.changes(PREFIX).await?;
    let mut connects = bucket.connects();
    load(bucket, known).await?;
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            change = changes.next() => match change {
                Some((key, Some(value))) => learn(known, &key, &value),
                Some((_, None)) => {}
                None => return Ok(()),
            },
            _ = look.tick() => {
                known.prune(now(clock));
                let again = bucket.connects();
                if again != connects {
                    connects = again;
                    load(bucket, known).await?;
                }
            }
        }
    }
}

async fn load(bucket: &Bucket, known: &Known) -> Result<(), BucketError> {
    for (key, value) in bucket.list(PREFIX).await? {
        learn(known, &key, &value);
    }
    known.loaded.store(true, Ordering::Relaxed);
    Ok(())
}

fn learn(known: &Known, key: &str, value: &[u8]) {
    let from = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    if let (Some(mark), Some(from)) = (Mark::parse(key), from) {
        known.learn(mark, from);
    } else {
        warn!(key, "a mark cannot be read and is left out");
    }
}

fn now(clock: &Clock) -> i64 {
    clock.now().micros() / 1_000_000
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_its_key() {
        let id = Uuid::from_u128;
        let merchant = MerchantId::new(id(1));
        let all = [
            Mark::User(merchant, UserId::new(id(2))),
            Mark::Session(SessionId::new(id(3))),
            Mark::Till(merchant, RegisterId::new(id(4))),
            Mark::Key(merchant, KeyId::new(id(5))),
        ];
        for mark in all {
            assert_eq!(Mark::parse(&mark.key()), Some(mark));
        }
        for key in ["", "mark.", "mark.user.x", "session.x", "mark.other.018f0000-0000-7000-8000-000000000001"] {
            assert_eq!(Mark::parse(key), None, "{key}");
        }
    }

    #[test]
    fn marks_are_forgotten_once_no_token_is_old_enough() {
        let known = Known::default();
        let (user, till) = (UserId::new(Uuid::from_u128(1)), RegisterId::new(Uuid::from_u128(2)));
        let merchant = MerchantId::new(Uuid::from_u128(3));
        known.learn(Mark::User(merchant, user), 1_000);
        known.learn(Mark::User(merchant, user), 900);
        known.learn(Mark::Till(merchant, till), 1_000);
        assert_eq!(known.get(Mark::User(merchant, user)), Some(1_000), "a mark never moves back");
        known.prune(1_000 + seconds(LONGEST_ACCESS));
        assert!(known.get(Mark::User(merchant, user)).is_some());
        known.prune(1_000 + seconds(KEEP));
        assert_eq!(known.get(Mark::User(merchant, user)), None);
        assert!(known.get(Mark::Till(merchant, till)).is_some(), "certificates of tills live longer");
    }
}
