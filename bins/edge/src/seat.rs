//! Tills as the edge sees them: the one at which a request is signed, and the people whose PINs fit there.

use tillstream_contract::{
    identity::Method,
    token::{Access, Confirmation},
};
use tillstream_domain::{
    id::{MerchantId, RegisterId, StoreId, UserId},
    identity::Actor,
    time::Timestamp,
};
use tillstream_store::identity::tills::{self, Person};

use crate::{
    Edge,
    hashing::{Kind, Plain},
    problem::Problem,
    routes::sessions::report,
};

/// How long a till's certificate is good, in seconds. What ends a token for good is remembered for longer.
const CERTIFICATE_S: i64 = 30 * 24 * 60 * 60;

/// The till at which a caller has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) merchant: MerchantId,
    pub(crate) store: StoreId,
    pub(crate) till: RegisterId,
    pub(crate) key: Confirmation,
}

impl Seat {
    /// The seat that a token is for, if it is for one.
    pub(crate) fn of(access: &Access) -> Option<Self> {
        let (till, store) = access.till.zip(access.store)?;
        Some(Self { merchant: access.merchant, store, till, key: access.cnf.clone()? })
    }

    /// What the till's own token says, issued at `iat` (seconds since the Unix epoch), and until when it is good.
    pub(crate) fn certificate(&self, iat: i64) -> (Access, i64) {
        let access = Access {
            sub: Actor::Till(self.till),
            merchant: self.merchant,
            iat,
            sid: None,
            till: Some(self.till),
            store: Some(self.store),
            cnf: Some(self.key.clone()),
            grants: Vec::new(),
        };
        (access, iat + CERTIFICATE_S)
    }

    /// Checks that the device is still the one that is enrolled.
    ///
    /// # Errors
    /// [`Problem::Unauthorized`] when it is not, or the database cannot be read.
    pub(crate) async fn check(&self, edge: &Edge) -> Result<(), Problem> {
        let shown = edge
            .read(self.merchant, async |conn| tills::shown(conn, self.merchant, None, Some(self.till)).await)
            .await?;
        self.check_shown(shown.first())
    }

    fn check_shown(&self, shown: Option<&tills::Shown>) -> Result<(), Problem> {
        let enrolled = shown.filter(|shown| shown.ended_at.is_none()).and_then(|shown| shown.key);
        let key = enrolled.and_then(|key| ed25519_dalek::VerifyingKey::from_bytes(&key).ok());
        match key {
            Some(key) if self.key.is(&key) => Ok(()),
            _ => Err(Problem::Unauthorized("this device is not enrolled any more; enrol it with a new code")),
        }
    }

    /// The person whose PIN fits, at the till that is enrolled.
    ///
    /// # Errors
    /// [`Problem::WrongPin`], [`Problem::LockedOut`], or what else stands against it.
    pub(crate) async fn recognise(&self, edge: &Edge, user: UserId, pin: &Plain) -> Result<Person, Problem> {
        let (shown, hash, people) = edge
            .read(self.merchant, async |conn| {
                let shown = tills::shown(conn, self.merchant, None, Some(self.till)).await?;
                let hash = tills::pin_of(conn, user).await?;
                Ok((shown, hash, tills::people(conn, self.merchant, self.store, Some(user)).await?))
            })
            .await?;
        self.check_shown(shown.first())?;
        let account = format!("{}.{}.{user}", self.merchant, self.till);
        edge.0.lockout.attempt(&account).await?;
        let fits = match edge.0.hashing.fits(Kind::Pin, pin, hash.as_ref()).await {
            Ok(fits) => fits,
            Err(problem) => {
                edge.0.lockout.undone(&account).await;
                return Err(problem);
            }
        };
        // Who has no business in this store is not told whether the PIN was right.
        let person = people.into_iter().next().filter(|_| fits);
        report(edge, (self.merchant, user), Method::Pin, Some(self.till), person.is_some());
        let person = person.ok_or(Problem::WrongPin)?;
        edge.0.lockout.succeeded(&account).await;
        Ok(person)
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now(edge: &Edge) -> i64 {
    edge.0.clock.now().micros() / 1_000_000
}

/// A time in seconds since the Unix epoch, as people and programs read it.
pub(crate) fn at(seconds: i64) -> Result<Timestamp, Problem> {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000)).map_err(|_| Problem::Internal)
}
