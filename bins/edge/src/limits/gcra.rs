//! The generic cell rate algorithm (ITU-T I.371): a rate and a burst, kept in one number for each who is limited.
//!
//! The number is the moment at which all that was taken will have been given back. Pure: the time is a parameter.

use std::num::NonZeroU32;

const SECOND_NS: i64 = 1_000_000_000;

/// So many at once, and so many per second in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Time that gives back one.
    interval_ns: i64,
    /// Time that gives back the whole burst.
    whole_ns: i64,
    burst: u32,
}

/// What somebody has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// So many may still be taken at once.
    pub(crate) remaining: u32,
    /// So long until all of the burst is there again.
    pub(crate) whole_in_ns: i64,
    /// If this one was refused: so long until one can be taken.
    pub(crate) refused_for_ns: Option<i64>,
}

impl Rate {
    pub(crate) fn new(per_s: NonZeroU32, burst: NonZeroU32) -> Self {
        // At a billion per second and more an interval would be nothing.
        let interval_ns = (SECOND_NS / i64::from(per_s.get())).max(1);
        Self { interval_ns, whole_ns: interval_ns * i64::from(burst.get()), burst: burst.get() }
    }

    pub(crate) fn burst(self) -> u32 {
        self.burst
    }

    /// Seconds that give back the whole burst, rounded up.
    pub(crate) fn window_s(self) -> i64 {
        seconds(self.whole_ns)
    }

    /// Takes one at `now_ns` from who has `free_at_ns`; one who is new has anything up to `now_ns`. Returns the new moment
    /// and the standing. What is refused takes nothing.
    pub(crate) fn take(self, free_at_ns: i64, now_ns: i64) -> (i64, Standing) {
        // A clock that was set back must not lock anybody out for longer than the burst takes.
        let before = free_at_ns.clamp(now_ns, now_ns.saturating_add(self.whole_ns));
        let after = before.saturating_add(self.interval_ns);
        let over = after - now_ns - self.whole_ns;
        let (free_at, refused_for_ns) = if over > 0 { (before, Some(over)) } else { (after, None) };
        let remaining = (self.whole_ns - (free_at - now_ns)) / self.interval_ns;
        let remaining = u32::try_from(remaining).unwrap_or(self.burst);
        (free_at, Standing { remaining, whole_in_ns: free_at - now_ns, refused_for_ns })
    }
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(ns: i64) -> i64 {
    ns.saturating_add(SECOND_NS - 1) / SECOND_NS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_s: u32, burst: u32) -> Rate {
        Rate::new(NonZeroU32::new(per_s).unwrap(), NonZeroU32::new(burst).unwrap())
    }

    /// Takes at each of `times`; says when it was let.
    fn let_at(rate: Rate, times: &[i64]) -> Vec<i64> {
        let mut free_at = i64::MIN;
        let mut taken = Vec::new();
        for now in times {
            let (next, standing) = rate.take(free_at, *now);
            free_at = next;
            taken.extend(standing.refused_for_ns.is_none().then_some(*now));
        }
        taken
    }

    #[test]
    fn a_burst_is_had_at_once_and_the_rest_in_time() {
        let rate = rate(10, 3);
        let mut free_at = 0;
        let mut left = Vec::new();
        for _ in 0..4 {
            let (next, standing) = rate.take(free_at, 1_000);
            free_at = next;
            left.push((standing.remaining, standing.refused_for_ns));
        }
        assert_eq!(left, [(2, None), (1, None), (0, None), (0, Some(100_000_000))]);
        let (_, standing) = rate.take(free_at, 1_000 + 100_000_000);
        assert_eq!((standing.remaining, standing.refused_for_ns), (0, None));
        assert_eq!((rate.window_s(), standing.whole_in_ns), (1, 300_000_000));
    }

    proptest! {
        /// Over any time, no more than the burst and what the time gives back.
        #[test]
        fn nobody_has_more_than_burst_and_rate(
            per_s in 1..100_000u32,
            burst in 1..1_000u32,
            steps in prop::collection::vec(0..20_000_000i64, 1..400),
        ) {
            let rate = rate(per_s, burst);
            let times: Vec<i64> = steps.iter().scan(0, |now, step| { *now += step; Some(*now) }).collect();
            let taken = let_at(rate, &times);
            for (from, first) in taken.iter().enumerate() {
                for (to, last) in taken.iter().enumerate().skip(from) {
                    let given = (last - first) / rate.interval_ns;
                    prop_assert!(i64::try_from(to - from).unwrap() < i64::from(burst) + given);
                }
            }
        }

        /// Who keeps to the rate is never refused.
        #[test]
        fn who_keeps_to_the_rate_is_let(per_s in 1..100_000u32, burst in 1..1_000u32, more in 0..1_000i64) {
            let rate = rate(per_s, burst);
            let times: Vec<i64> = (0..300).map(|step| step * (rate.interval_ns + more)).collect();
            prop_assert_eq!(let_at(rate, &times), times);
        }

        /// Who waits as long as it was told is let, whatever the clock did before; and no wait is longer than the burst.
        #[test]
        fn what_a_refusal_says_is_true(
            per_s in 1..100_000u32,
            burst in 1..1_000u32,
            free_at in any::<i64>(),
            now in 0..4_000_000_000_000_000_000i64,
        ) {
            let rate = rate(per_s, burst);
            let (unchanged, standing) = rate.take(free_at, now);
            if let Some(wait) = standing.refused_for_ns {
                prop_assert!(wait > 0 && wait <= rate.whole_ns);
                prop_assert_eq!(rate.take(unchanged, now + wait).1.refused_for_ns, None);
                prop_assert!(wait == 1 || rate.take(unchanged, now + wait - 1).1.refused_for_ns.is_some());
            } else {
                prop_assert!(standing.remaining < burst && standing.whole_in_ns <= rate.whole_ns);
            }
        }
    }
}
