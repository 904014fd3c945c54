//! Failed sign-ins are counted, and who fails too often waits: an account on all edges, an address on each.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tillstream_bus::bucket::Bucket;
use tillstream_runtime::{Clock, health::describe};
use tracing::{error, warn};

use crate::{
    Network,
    config::SignInSettings,
    derive::{Derive, Purpose},
    problem::Problem,
};

/// After this long without a failure an account starts afresh.
const FORGET: Duration = Duration::from_hours(24);
/// Failures of an address are counted for this long, in seconds.
const WINDOW_S: i64 = 900;
/// Addresses that are remembered; then all start afresh.
const ADDRESSES: usize = 100_000;
/// How often a count is tried to be raised while others raise it too.
const TRIES: usize = 8;

/// What is counted of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    failures: u32,
    /// Seconds since the Unix epoch until which nothing is tried.
    until: i64,
}

/// Counts failures.
#[derive(Debug)]
pub(crate) struct Lockout {
    bucket: Bucket,
    derive: Derive,
    clock: Clock,
    settings: SignInSettings,
    /// Failures, and when their window began.
    addresses: Mutex<HashMap<Network, (u32, i64)>>,
}

impl Lockout {
    pub(crate) fn new(bucket: Bucket, derive: Derive, clock: Clock, settings: SignInSettings) -> Self {
        Self { bucket, derive, clock, settings, addresses: Mutex::default() }
    }

    /// Counts an attempt on `account` before it is made, so that many at once are counted too. The account need not exist.
    ///
    /// # Errors
    /// [`Problem::LockedOut`] when it must wait, and when the count can't be kept.
    pub(crate) async fn attempt(&self, account: &str) -> Result<(), Problem> {
        let key = self.key(account);
        let now = self.now();
        for _ in 0..TRIES {
            let slot = self.bucket.get(&key).await.map_err(Problem::from)?;
            let count = slot.value.as_deref().map(read).unwrap_or_default();
            if now < count.until {
                return Err(Problem::LockedOut(count.until - now));
            }
            let failures = count.failures.saturating_add(1);
            let until = self.wait_s(failures).map_or(0, |wait| now + wait);
            let count = serde_json::to_vec(&Count { failures, until }).expect("two numbers are JSON");
            if self.bucket.swap(&key, &slot, count.into(), Some(FORGET)).await.map_err(Problem::from)?.is_some() {
                return Ok(());
            }
        }
        // So many at once are not a person who types.
        Err(Problem::LockedOut(1))
    }

    /// The attempt came to no verdict, for want of somebody to judge it: it does not count.
    pub(crate) async fn undone(&self, account: &str) {
        let key = self.key(account);
        let undo = async {
            let slot = self.bucket.get(&key).await?;
            let Some(count) = slot.value.as_deref().map(read) else { return Ok(()) };
            let count = Count { failures: count.failures.saturating_sub(1), until: 0 };
            let count = serde_json::to_vec(&count).expect("two numbers are JSON");
            self.bucket.swap(&key, &slot, count.into(), Some(FORGET)).await.map(drop)
        };
        if let Err(error) = undo.await {
            let error: tillstream_bus::bucket::BucketError = error;
            warn!(error = describe(&error), "an attempt that was not judged stays counted");
        }
    }

    /// The attempt succeeded: the account starts afresh.
    pub(crate) async fn succeeded(&self, account: &str) {
        if let Err(error) = self.bucket.delete(&self.key(account)).await {
            warn!(error = describe(&error), "a count of failed sign-ins stays; it is forgotten in a day");
        }
    }

    /// That this address has not failed too often on this edge.
    ///
    /// # Errors
    /// [`Problem::LockedOut`].
    pub(crate) fn admit(&self, network: Network) -> Result<(), Problem> {
        let now = self.now();
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        match addresses.get(&network) {
            Some((failures, began)) if *failures >= self.settings.address_failures && now < began + WINDOW_S => {
                Err(Problem::LockedOut(began + WINDOW_S - now))
            }
            _ => Ok(()),
        }
    }

    /// The attempt of this address failed.
    pub(crate) fn failed(&self, network: Network) {
        let now = self.now();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= ADDRESSES {
            addresses.retain(|_, (_, began)| now < *began + WINDOW_S);
        }
        if addresses.len() >= ADDRESSES {
            // Accounts still wait by themselves.
            addresses.clear();
        }
        let (failures, began) = addresses.entry(network).or_insert((0, now));
        if now >= *began + WINDOW_S {
            (*failures, *began) = (0, now);
        }
        *failures = failures.saturating_add(1);
    }

    /// How long to wait after so many failures in a row, in seconds: nothing for the first, then twice as long each time.
    fn wait_s(&self, failures: u32) -> Option<i64> {
        let beyond = failures.checked_sub(self.settings.free_failures + 1)?;
        let wait = self.settings.wait_first_s.saturating_mul(1_i64.checked_shl(beyond.min(30)).unwrap_or(i64::MAX));
        Some(wait.min(self.settings.wait_max_s))
    }

    /// Where an account is counted: one of a million places, so that names that are made up do not fill the bucket. Which
    /// accounts share one, nobody without the edge's key can tell.
    fn key(&self, account: &str) -> String {
        let place = hex::encode(self.derive.of(Purpose::Account, account.as_bytes()));
        format!("failed.{}", &place[..5])
    }

    fn now(&self) -> i64 {
        self.clock.now().micros() / 1_000_000
    }
}

fn read(value: &[u8]) -> Count {
    serde_json::from_slice(value).unwrap_or_else(|failure| {
        error!(error = %failure, "a count of failed sign-ins cannot be read; it starts afresh");
        Count::default()
    })
}
