//! Carries out a plan of faults.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    plan::{Fault, Kind},
    screen::Screen,
};
use crate::{Role, Stack};

/// How long to wait for a part that is being restarted already: a fault needs something to happen to.
const RUNNING: Duration = Duration::from_secs(20);
/// How long such a part may then work before it is hit.
const WORKING: Duration = Duration::from_millis(300);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Faults that happened, by part and kind.
pub(super) type Counts = BTreeMap<Role, BTreeMap<Kind, u64>>;

/// Counts faults as they happen.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Counts>);

impl Board {
    pub(super) fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn total(&self) -> u64 {
        self.counts().values().flat_map(BTreeMap::values).sum()
    }

    fn of(&self, fault: &Fault) -> u64 {
        self.counts().get(&fault.role).and_then(|kinds| kinds.get(&fault.kind)).copied().unwrap_or_default()
    }

    fn count(&self, fault: &Fault) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(fault.role).or_default().entry(fault.kind).or_default() += 1;
    }
}

/// Lets every fault of the plan happen at its time. What was paused runs again when this returns.
pub(super) async fn inject(stack: &Stack, plan: &[Fault], screen: &Screen, board: &Board) -> anyhow::Result<()> {
    let began = Instant::now();
    let all = plan.iter().map(async |fault| {
        sleep_until(began + fault.at).await;
        let before = board.of(fault);
        if timeout(RUNNING, until_running(stack, fault.role)).await.is_err() {
            screen.say(&format!("no {fault}: it does not run"));
        } else if board.of(fault) == before {
            // Of several that waited for the same part one is enough.
            screen.say(&fault.to_string());
            board.count(fault);
            happen(stack, fault).await.with_context(|| fault.to_string())?;
        }
        Ok(())
    });
    try_join_all(all).await.map(|_: Vec<()>| ())
}

async fn until_running(stack: &Stack, role: Role) {
    if stack.pid(role).is_some() {
        return;
    }
    while stack.pid(role).is_none() {
        sleep(LOOK).await;
    }
    sleep(WORKING).await;
}

async fn happen(stack: &Stack, fault: &Fault) -> anyhow::Result<()> {
    match fault.kind {
        Kind::Kill => stack.kill(fault.role).await,
        Kind::Restart => stack.terminate(fault.role).await,
        Kind::Pause => {
            stack.pause(fault.role).await?;
            sleep(fault.lasts).await;
            stack.resume(fault.role).await
        }
    }
}
