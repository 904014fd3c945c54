//! A child process that is kept running.

use std::{path::PathBuf, time::Duration};

use tillstream_servers::{
    Error,
    child::{Child, StopSignal},
};
use tokio::{
    process::Command,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{Role, freeze::Frozen};
use crate::Output;

/// The first pause before a restart; each further one is twice as long.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The longest pause.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// One that ran this long is well again: the next pause is the first one.
const STEADY: Duration = Duration::from_secs(30);

/// Makes the command that starts the child, and says how the child is stopped.
pub(super) type Launch = Box<dyn Fn() -> Result<(Command, StopSignal), Error> + Send + Sync>;

/// The handle of a supervised child. Dropping it kills the child.
#[derive(Debug)]
pub(super) struct Supervised {
    orders: mpsc::Sender<(Order, oneshot::Sender<Result<(), Error>>)>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    pid: Option<i32>,
    starts: u32,
    ends: u32,
    last_end: String,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Kill,
    Pause,
    Resume,
    Restart { grace: Duration },
    Stop { grace: Duration },
}

impl Supervised {
    /// Starts the child, and starts it again whenever it ends.
    pub(super) fn start(
        role: Role,
        launch: Launch,
        run_dir: PathBuf,
        output: Output,
        changed: watch::Sender<u64>,
    ) -> Self {
        let (orders, received) = mpsc::channel(4);
        let (sender, state) = watch::channel(State::default());
        let supervisor = Supervisor { role, launch, run_dir, output, orders: received, state: sender, changed };
        Self { orders, state, task: tokio::spawn(supervisor.run()) }
    }

    pub(super) fn pid(&self) -> Option<i32> {
        self.state.borrow().pid
    }

    pub(super) fn starts(&self) -> u32 {
        self.state.borrow().starts
    }

    /// Waits until it has ended so often; returns how it ended last.
    pub(super) async fn ended(&self, times: u32) -> String {
        let mut state = self.state.clone();
        let last = state.wait_for(|state| state.ends >= times).await.map(|state| state.last_end.clone());
        last.unwrap_or_else(|_| "it is no longer supervised".to_owned())
    }

    pub(super) async fn kill(&self) -> Result<(), Error> {
        self.order(Order::Kill).await
    }

    pub(super) async fn pause(&self) -> Result<(), Error> {
        self.order(Order::Pause).await
    }

    pub(super) async fn resume(&self) -> Result<(), Error> {
        self.order(Order::Resume).await
    }

    pub(super) async fn terminate(&self, grace: Duration) -> Result<(), Error> {
        self.order(Order::Restart { grace }).await
    }

    /// Ends the child for good.
    pub(super) async fn stop(self, grace: Duration) -> anyhow::Result<()> {
        self.order(Order::Stop { grace }).await?;
        Ok(self.task.await?)
    }

    /// One that can't be given any more has nobody to be done to.
    async fn order(&self, order: Order) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        if self.orders.send((order, done)).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}

struct Supervisor {
    role: Role,
    launch: Launch,
    run_dir: PathBuf,
    output: Output,
    orders: mpsc::Receiver<(Order, oneshot::Sender<Result<(), Error>>)>,
    state: watch::Sender<State>,
    changed: watch::Sender<u64>,
}

/// Why there is no child any more.
enum End {
    /// It ended by itself, or did not even start.
    Died(String),
    /// It was stopped, to be started again.
    Restarted,
    /// It was stopped for good.
    Stopped,
}

impl Supervisor {
    async fn run(mut self) {
        let mut pause = BACK_OFF;
        loop {
            let began = Instant::now();
            let end = match self.launch() {
                Ok(child) => self.attend(child).await,
                Err(error) => End::Died(tillstream_runtime::health::describe(&error)),
            };
            if began.elapsed() >= STEADY {
                pause = BACK_OFF;
            }
            match end {
                End::Stopped => {
                    self.note(None, None);
                    return;
                }
                End::Restarted => self.note(None, Some("restarted".to_owned())),
                End::Died(how) => {
                    let ms = pause.as_millis();
                    self.output.say(&format!("{} ended ({how}); starting it again in {ms} ms", self.role));
                    self.note(None, Some(how));
                    if self.rest(pause).await {
                        return;
                    }
                    pause = (pause * 2).min(BACK_OFF_MAX);
                }
            }
        }
    }

    fn launch(&self) -> Result<Child, Error> {
        let (command, stop_signal) = (self.launch)()?;
        Child::spawn(self.role.name(), command, stop_signal, &self.run_dir, self.output.lines())
    }

    /// Until the child has ended, for one reason or another.
    async fn attend(&mut self, mut child: Child) -> End {
        self.note(child.pid(), None);
        let mut frozen = Frozen::default();
        loop {
            let (order, done) = tokio::select! {
                ended = child.wait() => {
                    frozen.thaw();
                    return End::Died(match ended {
                        Ok(status) => status.to_string(),
                        Err(error) => tillstream_runtime::health::describe(&error),
                    });
                }
                order = self.orders.recv() => match order {
                    Some(order) => order,
                    None => return End::Stopped,
                },
            };
            let (outcome, end) = match order {
                // What is frozen must run to notice that its parent is gone.
                Order::Kill => (child.kill9().map(|()| frozen.thaw()), None),
                Order::Pause => (child.pause().map(|()| frozen = Frozen::children_of(child.pid())), None),
                Order::Resume => {
                    frozen.thaw();
                    (child.resume(), None)
                }
                Order::Restart { grace } => {
                    frozen.thaw();
                    (child.stop(grace).await.map(|_| ()), Some(End::Restarted))
                }
                Order::Stop { grace } => {
                    frozen.thaw();
                    (child.stop(grace).await.map(|_| ()), Some(End::Stopped))
                }
            };
            if end.is_some() {
                self.note(None, None);
            }
            answer(done, outcome);
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Pauses before a restart. Returns whether it was told to stop for good.
    async fn rest(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep(until - Instant::now()) => return false,
                order = self.orders.recv() => match order {
                    None => return true,
                    Some((order, done)) => {
                        // There is nothing to signal.
                        answer(done, Ok(()));
                        if let Order::Stop { .. } = order {
                            return true;
                        }
                    }
                },
            }
        }
    }

    fn note(&self, pid: Option<i32>, ended: Option<String>) {
        self.state.send_modify(|state| {
            state.pid = pid;
            state.starts += u32::from(pid.is_some());
            if let Some(how) = ended {
                state.ends += 1;
                state.last_end = how;
            }
        });
        self.changed.send_modify(|changes| *changes += 1);
    }
}

fn answer(done: oneshot::Sender<Result<(), Error>>, outcome: Result<(), Error>) {
    if done.send(outcome).is_err() {
        tracing::trace!("nobody waits for the order to be carried out");
    }
}
