//! The clock, which tests can set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tillstream_domain::time::Timestamp;

/// Tells the time. Cheap to clone; clones of a manual clock show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is set.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.micros()))))
    }

    /// Moves a manual clock on by `micros`; the machine's clock can't be moved.
    pub fn advance(&self, micros: i64) {
        if let Some(manual) = &self.0 {
            manual.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// Now.
    #[must_use]
    ///
    /// # Panics
    /// When the machine's clock shows a year before 2000 or after 9999: no sale could be dated.
    pub fn now(&self) -> Timestamp {
        let micros = self.0.as_ref().map_or_else(machine, |manual| manual.load(Ordering::Relaxed));
        Timestamp::from_micros(micros).expect("the clock shows a year between 2000 and 9999")
    }
}

#[expect(clippy::disallowed_methods, reason = "the one home of the machine's clock")]
fn machine() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
