//! Requests that wait for their answers, and the breaker that stops them waiting when none come.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tillstream_contract::{Answer, Verdict};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::{info, warn};

/// Everybody who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    next: AtomicU64,
    tickets: Mutex<HashMap<u64, Ticket>>,
    last_answer: Mutex<Instant>,
    /// Tickets from this one on were taken less than `stall` ago.
    recent: AtomicU64,
    stalled: watch::Sender<bool>,
    closed: AtomicBool,
}

/// How often in the time of a stall it is looked whether there is one.
const LOOKS: usize = 8;

#[derive(Debug)]
struct Ticket {
    since: Instant,
    // A sale whose receipt is waited for is answered twice.
    answers: mpsc::Sender<Verdict>,
}

/// A place among those who wait; it is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    waiting: &'a Waiting,
    pub(crate) ticket: u64,
    answers: mpsc::Receiver<Verdict>,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self {
            next: AtomicU64::new(1),
            tickets: Mutex::default(),
            last_answer: Mutex::new(Instant::now()),
            recent: AtomicU64::new(1),
            stalled: watch::Sender::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes a place. Do so before the command is sent, so that no answer is missed.
    pub(crate) fn take(&self) -> Place<'_> {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answers) = mpsc::channel(2);
        let waiter = Ticket { since: Instant::now(), answers: sender };
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket, waiter);
        Place { waiting: self, ticket, answers }
    }

    /// Hands out answers. Those for nobody are for clients that have gone.
    pub(crate) fn deliver(&self, answers: Vec<Answer>) {
        *self.last_answer.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        // Answers to what has long been waiting say that the backlog is being worked off, not that it has been.
        let recent = self.recent.load(Ordering::Relaxed);
        let in_time = answers.iter().any(|answer| answer.ticket >= recent);
        let close = |stalled: &mut bool| {
            // Once closed it stays open.
            let closes = *stalled && !self.closed.load(Ordering::SeqCst);
            *stalled &= !closes;
            closes
        };
        if in_time && self.stalled.send_if_modified(close) {
            info!("answers come in time again; requests wait for theirs");
        }
        let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in answers {
            if let Some(ticket) = tickets.get(&answer.ticket) {
                // Full means that it was answered before: a message was delivered twice.
                drop(ticket.answers.try_send(answer.verdict));
            }
        }
    }

    /// Opens the breaker when somebody has waited for `stall` and nobody was answered meanwhile. Never returns.
    pub(crate) async fn watch(&self, stall: Duration) {
        let mut ticks = tokio::time::interval(stall / u32::try_from(LOOKS).expect("it is a small number"));
        let mut taken = VecDeque::from([1; LOOKS]);
        loop {
            ticks.tick().await;
            taken.push_back(self.next.load(Ordering::Relaxed));
            self.recent.store(taken.pop_front().unwrap_or(1), Ordering::Relaxed);
            let oldest =
                self.tickets.lock().unwrap_or_else(PoisonError::into_inner).values().map(|ticket| ticket.since).min();
            let last = *self.last_answer.lock().unwrap_or_else(PoisonError::into_inner);
            if oldest.is_some_and(|since| since.max(last).elapsed() >= stall) && !self.stalled.send_replace(true) {
                warn!("no answers from the workers; requests are answered 202 at once until answers come again");
            }
        }
    }

    /// Opens the breaker for good.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.stalled.send_replace(true);
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn is_stalled(&self) -> bool {
        *self.stalled.borrow()
    }
}

impl Place<'_> {
    /// The next answer; `None` once `deadline` has passed or the breaker is open.
    pub(crate) async fn answer(&mut self, deadline: Instant) -> Option<Verdict> {
        let mut stalled = self.waiting.stalled.subscribe();
        tokio::select! {
            biased;
            answer = self.answers.recv() => answer,
            _ = stalled.wait_for(|stalled| *stalled) => None,
            () = tokio::time::sleep_until(deadline) => None,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.tickets.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.ticket);
    }
}
