//! A rate for each of many, in bounded memory.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    mem,
    sync::{Mutex, PoisonError},
};

use super::gcra::{Rate, Standing};

/// Keys in a generation. Twice as many take about 4 MB.
const GENERATION: usize = 65_536;

/// Counts what each key takes.
///
/// Keys are kept in two generations. When the younger is full, the older is forgotten, and with it only keys that have not
/// taken anything since the younger began. To be forgotten before its time somebody would have to call under as many other
/// names as a generation holds.
#[derive(Debug)]
pub(crate) struct Meter {
    rate: Rate,
    most: usize,
    /// Seeded, so that nobody can choose names that collide.
    names: RandomState,
    free_at_ns: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<u64, i64>,
    older: HashMap<u64, i64>,
}

impl Meter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, most: GENERATION, names: RandomState::new(), free_at_ns: Mutex::default() }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one for `key`.
    pub(crate) fn take(&self, key: impl Hash, now_ns: i64) -> Standing {
        let key = self.names.hash_one(key);
        let mut guard = self.free_at_ns.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        if let Some(free_at) = kept.younger.get_mut(&key) {
            let (next, standing) = self.rate.take(*free_at, now_ns);
            *free_at = next;
            return standing;
        }
        if kept.younger.len() >= self.most {
            kept.older = mem::take(&mut kept.younger);
        }
        let free_at = kept.older.remove(&key).unwrap_or(now_ns);
        let (next, standing) = self.rate.take(free_at, now_ns);
        kept.younger.insert(key, next);
        standing
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn meter(burst: u32, most: usize) -> Meter {
        let rate = Rate::new(NonZeroU32::MIN, NonZeroU32::new(burst).unwrap());
        Meter { most, ..Meter::new(rate) }
    }

    #[test]
    fn each_has_its_own() {
        let meter = meter(2, 100);
        let refused = |key: &str| meter.take(key, 0).refused_for_ns.is_some();
        assert_eq!([refused("a"), refused("a"), refused("a"), refused("b")], [false, false, true, false]);
    }

    #[test]
    fn memory_is_bounded_and_who_is_busy_is_remembered() {
        let meter = meter(1, 10);
        assert_eq!(meter.take("busy", 0).refused_for_ns, None);
        for stranger in 0..1_000 {
            meter.take(stranger, 0);
            assert!(meter.take("busy", 0).refused_for_ns.is_some(), "after {stranger} others");
            let kept = meter.free_at_ns.lock().unwrap();
            assert!(kept.younger.len() <= 10 && kept.older.len() <= 10);
        }
    }
}
