//! Events for the clients of this edge: one reader of the stream for all who follow live, and one more for each who
//! catches up.

use std::{collections::HashMap, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use tillstream_bus::{
    Bus,
    feed::{Events, FeedError, Start},
    subject::partition,
};
use tillstream_contract::Envelope;
use tillstream_domain::id::MerchantId;
use tillstream_runtime::{Process, Stop, health::describe};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast};
use tracing::{info, warn};

use crate::problem::Problem;

/// Messages that a slow client may be behind before it is cut off; it then resumes.
const BUFFER: usize = 1024;

/// A place in a merchant's events: the message's sequence in the stream, and the event's place in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    sequence: u64,
    index: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.sequence, self.index)
    }
}

impl std::str::FromStr for Position {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let parse = || {
            let (sequence, index) = text.trim().split_once('-')?;
            Some(Self { sequence: sequence.parse().ok()?, index: index.parse().ok()? })
        };
        parse().ok_or_else(|| Problem::BadParameter("Last-Event-ID must be an id of an event of this feed".to_owned()))
    }
}

/// What a client that follows gets.
#[derive(Debug)]
pub(crate) enum Followed {
    /// An event.
    Event(Position, Box<Envelope>),
    /// Events after the client's last are no longer kept: it must read afresh what it shows.
    Gap,
}

/// The readers of this edge.
pub(crate) struct Hub {
    bus: Bus,
    stop: Stop,
    live: Mutex<HashMap<u16, broadcast::WeakSender<Arc<Events>>>>,
    places: Arc<Semaphore>,
}

impl Hub {
    pub(crate) fn new(bus: Bus, process: &Process, max_streams: usize) -> Self {
        let places = Arc::new(Semaphore::new(max_streams));
        let free = places.clone();
        process.metrics.at_scrape("tillstream_edge_event_streams", "Clients that follow /v1/events", move || {
            max_streams.saturating_sub(free.available_permits())
        });
        Self { bus, stop: process.stop.clone(), live: Mutex::default(), places }
    }

    /// The events of `merchant` after `after`, or from now on. The stream ends when the edge stops, or the client is too
    /// slow, or the broker fails: the client then resumes from the last event that it has seen.
    pub(crate) async fn follow(
        &self,
        merchant: MerchantId,
        after: Option<Position>,
    ) -> Result<impl Stream<Item = Followed> + Send + use<>, Problem> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Problem::TooManyStreams)?;
        let partition = partition(merchant, self.bus.partitions());
        // First live, then the past up to what is already live: nothing lies between.
        let live = self.live(partition).await.map_err(|error| unavailable(&error))?;
        let (first, last) = self.bus.feed_range(partition).await.map_err(|error| unavailable(&error))?;
        let gap = after.is_some_and(|after| after.sequence.saturating_add(1) < first || after.sequence > last);
        let past = match after {
            Some(after) if after.sequence <= last && first <= last => {
                let start = Start::At(after.sequence.max(first));
                let feed = self.bus.feed(partition, start).await.map_err(|error| unavailable(&error))?;
                Some(until(feed, last))
            }
            _ => None,
        };
        let past = stream::iter(past).flatten();
        let mut seen = after.filter(|_| !gap);
        let followed = past.chain(live_events(live)).flat_map(move |events| {
            let fresh: Vec<_> = events
                .envelopes
                .iter()
                .enumerate()
                .map(|(index, envelope)| (Position { sequence: events.sequence, index }, envelope))
                .filter(|(position, envelope)| {
                    envelope.merchant == merchant && seen.is_none_or(|seen| *position > seen)
                })
                .map(|(position, envelope)| Followed::Event(position, Box::new(envelope.clone())))
                .collect();
            let end = Position { sequence: events.sequence, index: events.envelopes.len() };
            seen = Some(seen.map_or(end, |seen| seen.max(end)));
            stream::iter(fresh)
        });
        let stop = self.stop.clone();
        let gap = stream::iter(gap.then_some(Followed::Gap));
        Ok(gap.chain(followed).take_until(async move { stop.wait().await }).map(keep(place)))
    }

    /// A receiver of what comes from now on; the reader is started for the first.
    async fn live(&self, partition: u16) -> Result<broadcast::Receiver<Arc<Events>>, FeedError> {
        let mut live = self.live.lock().await;
        // Only the reader holds the sender, so that all who follow notice when it ends.
        if let Some(sender) = live.get(&partition).and_then(broadcast::WeakSender::upgrade) {
            return Ok(sender.subscribe());
        }
        let mut feed = self.bus.feed(partition, Start::Now).await?;
        let (sender, receiver) = broadcast::channel(BUFFER);
        live.insert(partition, sender.downgrade());
        info!(partition, "reading events for clients that follow");
        tokio::spawn(async move {
            loop {
                let events = tokio::select! {
                    events = feed.next() => events,
                    () = sender.closed() => break,
                };
                let events = match events {
                    Some(Ok(events)) => events,
                    Some(Err(error)) => {
                        warn!(error = describe(&error), partition, "events broke off; clients that follow resume");
                        break;
                    }
                    None => break,
                };
                if sender.send(Arc::new(events)).is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }
}

/// What is there already, up to and with the message `last`.
fn until(
    feed: impl Stream<Item = Result<Events, FeedError>> + Send + Unpin,
    last: u64,
) -> impl Stream<Item = Arc<Events>> + Send {
    stream::unfold((feed, false), move |(mut feed, done)| async move {
        if done {
            return None;
        }
        match feed.next().await? {
            Ok(events) => {
                let done = events.sequence >= last;
                Some((Arc::new(events), (feed, done)))
            }
            Err(error) => {
                warn!(error = describe(&error), "past events broke off; the client resumes");
                None
            }
        }
    })
}

/// Ends when the reader ends or the client has fallen behind.
fn live_events(live: broadcast::Receiver<Arc<Events>>) -> impl Stream<Item = Arc<Events>> + Send {
    stream::unfold(live, |mut live| async move {
        match live.recv().await {
            Ok(events) => Some((events, live)),
            Err(_) => None,
        }
    })
}

/// Keeps `place` taken for as long as the stream lives.
fn keep(place: OwnedSemaphorePermit) -> impl FnMut(Followed) -> Followed + Send {
    move |followed| {
        let _held = &place;
        followed
    }
}

fn unavailable(error: &FeedError) -> Problem {
    warn!(error = describe(error), "events cannot be read; answering 503");
    Problem::NotAccepted(tillstream_bus::PublishError::Disconnected)
}
