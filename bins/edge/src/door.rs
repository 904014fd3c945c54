//! The listener, closed so that nobody who has got in is turned away.

use std::{future::pending, io, net::SocketAddr};

use axum::serve::Listener;
use tillstream_runtime::Stop;
use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

/// Takes connections until it is closed. Those that the system has already taken for us by then are served too; whoever
/// comes later is refused, and knows that nothing was sent.
#[derive(Debug)]
pub(crate) struct Door {
    listener: Option<TcpListener>,
    queued: Vec<(TcpStream, SocketAddr)>,
    close: Stop,
}

impl Door {
    /// Closes when `close` is asked for.
    pub(crate) fn new(listener: TcpListener, close: Stop) -> Self {
        Self { listener: Some(listener), queued: Vec::new(), close }
    }

    /// The next connection; none comes any more once it is closed.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(queued) = self.queued.pop() {
                return queued;
            }
            let Some(listener) = &mut self.listener else { return pending().await };
            tokio::select! {
                biased;
                () = self.close.wait() => {
                    if let Err(error) = self.shut() {
                        warn!(%error, "some who were about to be served may have been turned away");
                    }
                }
                accepted = Listener::accept(listener) => return accepted,
            }
        }
    }

    fn shut(&mut self) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        // Asked directly, for the runtime may not know yet who has come.
        let listener = listener.into_std()?;
        loop {
            match listener.accept() {
                Ok((stream, address)) => {
                    stream.set_nonblocking(true)?;
                    self.queued.push((TcpStream::from_std(stream)?, address));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
