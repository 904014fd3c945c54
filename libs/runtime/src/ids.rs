//! Ids of our own making, which tests can seed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

/// Makes ids. Cheap to clone; clones of a seeded source go on counting together.
#[derive(Clone, Debug, Default)]
pub struct Ids(Option<Arc<AtomicU64>>);

impl Ids {
    /// Ids that nobody can guess.
    #[must_use]
    pub fn random() -> Self {
        Self(None)
    }

    /// The ids that follow from `seed`, the same each time.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(seed << 32))))
    }

    /// A new id (RFC 9562: version 4 when random, 8 when seeded).
    #[must_use]
    pub fn next(&self) -> Uuid {
        if let Some(seeded) = &self.0 {
            let count = seeded.fetch_add(1, Ordering::Relaxed);
            return Uuid::new_v8(u128::from(count).to_be_bytes());
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
