//! Sending spans to the collector: OTLP over plain HTTP, as it stands beside us in the cluster.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, ensure};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::{net::TcpStream, runtime::Handle, time::timeout};
use tracing::{info, warn};

use super::EXPORT_TIMEOUT;

/// Bytes of the collector's answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A connection for each export, which is one a second at the most when all goes well.
#[derive(Debug)]
pub(super) struct Client {
    authority: String,
    /// The exporter's thread has no runtime of its own.
    tokio: Handle,
    away: AtomicBool,
}

impl Client {
    pub(super) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let rest = endpoint.strip_prefix("http://").context("it must begin with http://")?;
        let host = rest.split('/').next().unwrap_or_default();
        ensure!(!host.is_empty(), "it names no host");
        let port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) { "" } else { ":80" };
        Ok(Self { authority: format!("{host}{port}"), tokio: Handle::current(), away: AtomicBool::new(false) })
    }
}

impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let authority = self.authority.clone();
            let sending = self.tokio.spawn(async { timeout(EXPORT_TIMEOUT, send(authority, request)).await });
            let answer = sending.await?.context("the collector did not answer in time").and_then(|sent| sent);
            let away = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
            if away != self.away.swap(away, Ordering::Relaxed) {
                match &answer {
                    Ok(answer) if away => {
                        warn!(status = answer.status().as_u16(), "collector refuses spans; they are lost");
                    }
                    Ok(_) => info!("collector takes spans again"),
                    Err(error) => warn!(error = format!("{error:#}"), "collector cannot be reached; spans are lost"),
                }
            }
            Ok(answer?)
        })
    }
}

async fn send(authority: String, request: Request<Bytes>) -> anyhow::Result<Response<Bytes>> {
    let stream = TcpStream::connect(&authority).await.with_context(|| format!("connect to {authority}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse()?;
    head.headers.insert(HOST, authority.parse()?);
    let answer = async {
        let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(anyhow::Error::from_boxed)?;
        anyhow::Ok(Response::from_parts(head, body.to_bytes()))
    };
    // The connection ends by itself only after the answer: whichever of the two fails says why.
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => { ended?; answer.await }
    }
}
