//! Stopping in good order.

use tokio::sync::watch;

/// Tells tasks that it is time to stop. Cheap to clone; clones stop together.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Asks everybody to stop.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is time to stop.
    pub async fn wait(&self) {
        let mut asked = self.0.subscribe();
        asked.wait_for(|asked| *asked).await.expect("the sender lives in self");
    }
}
