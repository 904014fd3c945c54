//! The front door: connections in, each within its bounds, and out in good order.

mod bounds;
mod connection;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use prometheus::IntCounterVec;
use tillstream_runtime::{Stop, metrics::Metrics};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc::{self, Sender},
};
use tracing::debug;

pub(crate) use self::tls::Tls;
use self::{
    bounds::{Bounds, Place},
    connection::Cut,
};
use crate::{config::HttpSettings, door::Door};

/// The other end of a connection: the client, or the last proxy before the edge. In the extensions of every request that
/// came through the front door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// How long each part of a connection's life may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the first byte of a request's head to its last; for the first request, from the connection's beginning.
    pub(crate) head: Duration,
    /// Between an answer and the first byte of the next request.
    pub(crate) idle: Duration,
    /// While an answer is sent and the client takes nothing of it.
    pub(crate) send: Duration,
}

/// Serves HTTP/1.1 on connections that a [`Door`] takes.
#[derive(Debug)]
pub(crate) struct Front {
    router: Router,
    tls: Option<Arc<Tls>>,
    times: Times,
    max_head_bytes: usize,
    bounds: Arc<Bounds>,
    cut: IntCounterVec,
}

impl Front {
    /// # Errors
    /// When a setting is unusable.
    pub(crate) fn new(
        router: Router,
        tls: Option<Arc<Tls>>,
        http: &HttpSettings,
        metrics: &Metrics,
    ) -> anyhow::Result<Arc<Self>> {
        anyhow::ensure!(
            http.max_head_bytes >= connection::HEAD_BYTES_MIN,
            "the setting http.max_head_bytes must be {} or more",
            connection::HEAD_BYTES_MIN
        );
        // Behind a proxy all connections come from its address.
        let per_address = (http.trusted_proxies == 0).then_some(http.max_connections_per_address);
        let bounds = Arc::new(Bounds::new(http.max_connections, per_address));
        let open = bounds.clone();
        metrics.at_scrape("tillstream_edge_connections", "Connections of clients", move || open.count());
        let cut = metrics.counter(
            "tillstream_edge_connections_cut_total",
            "Connections that were refused or closed by the edge, by why: full, address_full, handshake, head, idle, send",
            &["why"],
        );
        for why in ["full", "address_full", "handshake"].into_iter().chain(Cut::ALL.map(Cut::name)) {
            cut.with_label_values(&[why]).reset();
        }
        let times = Times {
            head: Duration::from_millis(http.head_ms),
            idle: Duration::from_millis(http.idle_ms),
            send: Duration::from_millis(http.send_ms),
        };
        Ok(Arc::new(Self { router, tls, times, max_head_bytes: http.max_head_bytes, bounds, cut }))
    }

    /// Takes connections and serves them until `close`; then closes those that are idle, and returns once no request is
    /// in hand any more.
    pub(crate) async fn serve(self: Arc<Self>, mut door: Door, close: Stop) {
        // Each connection holds a sender: when all are gone, so are the connections.
        let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
        loop {
            let (stream, address) = tokio::select! {
                accepted = door.accept() => accepted,
                () = close.wait() => break,
            };
            match self.bounds.admit(address.ip()) {
                Ok(place) => {
                    let serving = self.clone().connection(stream, address, close.clone(), place, open.clone());
                    tokio::spawn(serving);
                }
                // Closed without a word: an answer would have to wait for the request, which is what is too much.
                Err(full) => self.cut.with_label_values(&[full.name()]).inc(),
            }
        }
        drop((door, open));
        let _none: Option<Infallible> = all_closed.recv().await;
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        close: Stop,
        place: Place,
        open: Sender<Infallible>,
    ) {
        // Events are small and are not to wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection broke before its first request");
            return;
        }
        let peer = Peer(address.ip());
        let why = match &self.tls {
            None => self.talk(stream, peer, &close).await,
            Some(tls) => match tls.accept(stream).await {
                Some(stream) => self.talk(stream, peer, &close).await,
                None => Some("handshake"),
            },
        };
        if let Some(why) = why {
            self.cut.with_label_values(&[why]).inc();
        }
        drop((place, open));
    }

    /// Serves requests; says why it ended if it was ended from here.
    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: Peer,
        close: &Stop,
    ) -> Option<&'static str> {
        let router = self.router.clone();
        let served = connection::serve(stream, router, peer, self.times, self.max_head_bytes, close).await;
        served.err().map(Cut::name)
    }
}
