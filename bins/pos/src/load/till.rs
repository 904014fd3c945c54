//! How a till submits a sale: with one key, until it knows.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    client::{Client, Failure, Post, Response, Target},
    random::Random,
};

/// What the edge is asked to wait, and a little more for the answer to arrive.
const TIME_OUT: Duration = Duration::from_secs(15);
/// The first pause before a sale is tried again; it doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);
/// The longest `Retry-After` that a till obeys: a customer is waiting.
const RETRY_AFTER_LONGEST: Duration = Duration::from_secs(5);
/// Between two looks at what became of a sale that was accepted.
const LOOK_FIRST: Duration = Duration::from_millis(10);
const LOOK_LONGEST: Duration = Duration::from_millis(500);

/// What a till waits for before it turns to the next customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The sale is durable on the broker: any answer of 201 or 202.
    Accepted,
    /// The sale is in the books.
    Recorded,
    /// Its receipt is issued.
    Receipt,
}

impl Until {
    /// The header `Prefer` that asks for it.
    const fn prefer(self) -> &'static str {
        match self {
            Self::Accepted | Self::Recorded => "wait=10",
            Self::Receipt => "wait=10, until=receipt",
        }
    }
}

/// How a sale ended, for its till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is recorded, and receipted if that was waited for: the sale as JSON.
    Recorded(Bytes),
    /// It is accepted, and more was not waited for.
    Accepted,
    /// It was refused, once and for all, with this status and problem.
    Refused(u16, Bytes),
    /// The till lost patience. The sale may be in the books all the same.
    GivenUp,
}

/// A sale's way, as its till saw it.
#[derive(Clone, Debug)]
pub struct Sold {
    /// How it ended.
    pub ending: Ending,
    /// When it was known to be accepted.
    pub accepted: Option<Instant>,
    /// When it ended.
    pub ended: Instant,
    /// What went wrong on the way: a status or the name of a failure for each request that had to be repeated.
    pub troubles: Vec<Cow<'static, str>>,
    /// Whether 202 was answered at first.
    pub late: bool,
}

/// A till that goes on trying.
#[derive(Debug)]
pub struct Till {
    client: Client,
    random: Random,
    until: Until,
    patience: Duration,
}

/// One sale under way.
struct Attempt {
    path: String,
    post: Post,
    give_up: Instant,
    pause: Duration,
    sold: Sold,
}

impl Till {
    /// A till that waits for `until` with each sale, no longer than `patience`.
    #[must_use]
    pub fn new(target: Target, until: Until, patience: Duration, seed: u64) -> Self {
        Self { client: Client::new(target, TIME_OUT), random: Random::seeded(seed), until, patience }
    }

    /// The connection, for other requests.
    pub const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Submits a sale and repeats it, always with the same key, while the outcome is unknown or the server is busy.
    pub async fn sell(&mut self, key: Uuid, body: Bytes) -> Sold {
        let now = Instant::now();
        let sold = Sold { ending: Ending::GivenUp, accepted: None, ended: now, troubles: Vec::new(), late: false };
        let mut attempt = Attempt {
            path: format!("/v1/commands/{key}"),
            post: Post { key, prefer: Some(self.until.prefer()), body },
            give_up: now + self.patience,
            pause: PAUSE_FIRST,
            sold,
        };
        if let Some(ending) = self.until_ended(&mut attempt).await {
            attempt.sold.ending = ending;
        }
        attempt.sold.ended = Instant::now();
        attempt.sold
    }

    /// `None` when patience is lost.
    async fn until_ended(&mut self, attempt: &mut Attempt) -> Option<Ending> {
        loop {
            let answer = self.client.post("/v1/sales", attempt.post.clone()).await;
            match answer {
                Ok(Response { status: 200 | 201, body, .. }) => {
                    attempt.sold.accepted.get_or_insert_with(Instant::now);
                    return Some(Ending::Recorded(body));
                }
                Ok(Response { status: 202, .. }) => {
                    attempt.sold.accepted.get_or_insert_with(Instant::now);
                    if self.until == Until::Accepted {
                        attempt.sold.late = true;
                        return Some(Ending::Accepted);
                    }
                    if attempt.sold.late {
                        attempt.pause(&mut self.random, Duration::ZERO).await?;
                    }
                    attempt.sold.late = true;
                    // Once it is decided, the repeated request has the answer.
                    self.look(attempt).await?;
                }
                other => {
                    if let Some(ending) = self.trouble(attempt, other).await? {
                        return Some(ending);
                    }
                }
            }
        }
    }

    /// Looks until the command is decided.
    async fn look(&mut self, attempt: &mut Attempt) -> Option<()> {
        let mut pause = LOOK_FIRST;
        loop {
            match self.client.get(&attempt.path).await {
                Ok(Response { status: 200, .. }) => return Some(()),
                Ok(Response { status: 202 | 404, .. }) => {
                    wait(pause, attempt.give_up).await?;
                    pause = (pause * 2).min(LOOK_LONGEST);
                }
                other => {
                    if self.trouble(attempt, other).await?.is_some() {
                        // Refused: why, shows in the answer to the repeated request.
                        return Some(());
                    }
                }
            }
        }
    }

    /// What to do about an answer that is neither yes nor later: an ending, or a pause and another try.
    async fn trouble(&mut self, attempt: &mut Attempt, answer: Result<Response, Failure>) -> Option<Option<Ending>> {
        let (name, retry_after) = match answer {
            Ok(Response { status, retry_after, .. }) if status == 429 || status >= 500 => {
                (status.to_string().into(), retry_after.unwrap_or_default().min(RETRY_AFTER_LONGEST))
            }
            Ok(Response { status, body, .. }) => return Some(Some(Ending::Refused(status, body))),
            Err(failure) => (failure.name().into(), Duration::ZERO),
        };
        attempt.sold.troubles.push(name);
        attempt.pause(&mut self.random, retry_after).await?;
        Some(None)
    }
}

impl Attempt {
    /// Waits before the next try: between half the pause and all of it, so that tills that failed together do not return
    /// together. `None` when that would be too long.
    async fn pause(&mut self, random: &mut Random, at_least: Duration) -> Option<()> {
        let half = self.pause / 2;
        let jitter = usize::try_from(half.as_micros()).map_or(1, |micros| micros.max(1));
        let jitter = Duration::from_micros(random.below(jitter) as u64);
        self.pause = (self.pause * 2).min(PAUSE_LONGEST);
        wait(at_least.max(half + jitter), self.give_up).await
    }
}

/// `None` when that would be too long.
async fn wait(pause: Duration, give_up: Instant) -> Option<()> {
    if Instant::now() + pause >= give_up {
        return None;
    }
    sleep(pause).await;
    Some(())
}
