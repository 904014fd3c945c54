//! One connection: requests in turn, each part of them within its time.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use hyper::{
    Request,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    server::conn::http1::Builder,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tillstream_runtime::Stop;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep},
};
use tower::ServiceExt;
use tracing::debug;

use super::{Peer, Times};

/// hyper's smallest buffer.
pub(super) const HEAD_BYTES_MIN: usize = 8192;

/// Why a connection was closed from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The head of a request did not come whole in time.
    Head,
    /// No request came for long.
    Idle,
    /// The client took nothing of its answer for long.
    Send,
}

impl Cut {
    pub(super) const ALL: [Self; 3] = [Self::Head, Self::Idle, Self::Send];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Send => "send",
        }
    }
}

/// What is awaited of the client, and since when.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The rest of a request's head.
    Head(Instant),
    /// A request.
    Idle(Instant),
    /// Nothing: the request is being answered.
    Busy,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when there is something to send that the client does not take.
    stuck: Option<Instant>,
}

/// Sees what a connection does. hyper has a time for the head alone, in which a till between two customers would be idle
/// too long.
#[derive(Debug)]
struct Watch(Mutex<State>);

impl Watch {
    fn new() -> Self {
        Self(Mutex::new(State { phase: Phase::Head(Instant::now()), stuck: None }))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// When the client's time is over, and what it has then failed to do.
    fn deadline(&self, times: Times) -> Option<(Instant, Cut)> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let phase = match state.phase {
            Phase::Head(since) => Some((since + times.head, Cut::Head)),
            Phase::Idle(since) => Some((since + times.idle, Cut::Idle)),
            Phase::Busy => None,
        };
        let stuck = state.stuck.map(|since| (since + times.send, Cut::Send));
        phase.into_iter().chain(stuck).min_by_key(|(deadline, _)| *deadline)
    }
}

/// Serves a connection to its end. After `close` it ends once the request in hand is answered.
///
/// # Errors
/// When the client took too long.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    peer: Peer,
    times: Times,
    max_head_bytes: usize,
    close: &Stop,
) -> Result<(), Cut> {
    let watch = Arc::new(Watch::new());
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let seen = watch.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = Busy::begin(&seen);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let answer = router.clone().oneshot(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| Answer { body, _busy: busy })) }
    });
    // The buffer is what bounds a head: one that does not fit is answered 431.
    let mut builder = Builder::new();
    builder.max_buf_size(max_head_bytes).header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut closing = pin!(close.wait());
    let mut asked = false;
    let mut alarm = pin!(sleep(times.head));
    let ended = poll_fn(|context| {
        if !asked && closing.as_mut().poll(context).is_ready() {
            asked = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(Ok(ended));
        }
        while let Some((deadline, cut)) = watch.deadline(times) {
            // An alarm that is set too early is looked at when it rings. So a quick request never sets one.
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            ready!(alarm.as_mut().poll(context));
            if deadline <= alarm.deadline() {
                return Poll::Ready(Err(cut));
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    });
    match ended.await? {
        Ok(()) => {}
        Err(error) => debug!(%error, "a connection ended early"),
    }
    Ok(())
}

/// A stream that tells of first bytes, and of those that cannot be sent.
#[derive(Debug)]
struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
}

impl<S> Watched<S> {
    fn sent<T>(&self, poll: Poll<T>) -> Poll<T> {
        self.watch.change(|state| match poll {
            Poll::Ready(_) => state.stuck = None,
            Poll::Pending => {
                state.stuck.get_or_insert_with(Instant::now);
            }
        });
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.watch.change(|state| {
                if let Phase::Idle(_) = state.phase {
                    state.phase = Phase::Head(Instant::now());
                }
            });
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.sent(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.sent(shut)
    }
}

/// A request is in hand until this is dropped.
#[derive(Debug)]
struct Busy(Arc<Watch>);

impl Busy {
    fn begin(watch: &Arc<Watch>) -> Self {
        watch.change(|state| state.phase = Phase::Busy);
        Self(watch.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|state| state.phase = Phase::Idle(Instant::now()));
    }
}

/// The body of an answer. hyper drops it once all of it is on its way.
#[derive(Debug)]
struct Answer {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
