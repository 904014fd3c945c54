//! Who has given a wrong PIN too often waits, each time twice as long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tillstream_domain::id::{MerchantId, RegisterId, UserId};

use crate::problem::Problem;

/// Failures after which nobody waits yet.
const FREE: u32 = 5;
/// The longest wait: a quarter of an hour.
const WAIT_MAX_S: i64 = 15 * 60;
/// After that long without a try, all is forgotten.
const FORGET_S: i64 = 24 * 60 * 60;
/// Accounts that are counted at the most.
const REMEMBER: usize = 100_000;

/// Whose PIN, and at which till.
pub(crate) type Account = (MerchantId, RegisterId, UserId);

/// The failures that this edge has seen.
#[derive(Debug, Default)]
pub(crate) struct Lockout(Mutex<HashMap<Account, Failures>>);

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    /// Seconds since the Unix epoch before which no further try counts.
    until: i64,
}

impl Lockout {
    /// Counts a try as failed until [`Lockout::succeeded`] says otherwise, so that many at once are no way around.
    ///
    /// # Errors
    /// [`Problem::LockedOut`] when there were too many, and [`Problem::Busy`] when too many accounts are counted.
    pub(crate) fn try_once(&self, account: Account, now: i64) -> Result<(), Problem> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBER {
            all.retain(|_, failures| now < failures.until + FORGET_S);
            if all.len() >= REMEMBER {
                return Err(Problem::Busy);
            }
        }
        let failures = all.entry(account).or_default();
        if failures.until + FORGET_S <= now {
            *failures = Failures::default();
        }
        if now < failures.until {
            return Err(Problem::LockedOut(failures.until - now));
        }
        failures.count = failures.count.saturating_add(1);
        let wait = match failures.count.saturating_sub(FREE) {
            0 => 0,
            beyond => (1_i64 << (beyond - 1).min(20)).min(WAIT_MAX_S),
        };
        failures.until = now + wait;
        Ok(())
    }

    /// The last try was right.
    pub(crate) fn succeeded(&self, account: Account) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn account(user: u128) -> Account {
        let [merchant, till] = [1, 2].map(Uuid::from_u128);
        (MerchantId::new(merchant), RegisterId::new(till), UserId::new(Uuid::from_u128(user)))
    }

    #[test]
    fn five_failures_are_free_and_then_one_waits_twice_as_long_each_time() {
        let lockout = Lockout::default();
        let mut now = 1_000_000;
        for _ in 0..FREE {
            assert_eq!(lockout.try_once(account(1), now), Ok(()));
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(lockout.try_once(account(1), now), Ok(()));
            assert_eq!(lockout.try_once(account(1), now + wait - 1), Err(Problem::LockedOut(1)), "{wait}");
            assert_eq!(lockout.try_once(account(2), now), Ok(()), "somebody else");
            lockout.succeeded(account(2));
            now += wait;
        }
        lockout.succeeded(account(1));
        for _ in 0..FREE {
            assert_eq!(lockout.try_once(account(1), now), Ok(()));
        }
    }

    #[test]
    fn a_day_later_all_is_forgotten() {
        let lockout = Lockout::default();
        for _ in 0..=FREE {
            assert_eq!(lockout.try_once(account(1), 1_000_000), Ok(()));
        }
        assert_eq!(lockout.try_once(account(1), 1_000_000), Err(Problem::LockedOut(1)));
        let later = 1_000_001 + FORGET_S;
        for _ in 0..=FREE {
            assert_eq!(lockout.try_once(account(1), later), Ok(()));
        }
    }
}
