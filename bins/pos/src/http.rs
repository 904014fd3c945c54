//! HTTP/1.1 in plain text to our own processes, as much as health checks and metrics need.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// No page of ours is longer.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Gets `url` (`http://host:port/path`) and returns status and body.
///
/// # Errors
/// When nothing answers within `within`, or not in HTTP.
pub async fn get(url: &str, within: Duration) -> anyhow::Result<(u16, String)> {
    timeout(within, fetch(url))
        .await
        .with_context(|| format!("no answer from {url} within {} s", within.as_secs_f32()))?
}

async fn fetch(url: &str) -> anyhow::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").with_context(|| format!("{url} is no http:// address"))?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    ensure!(!host.is_empty(), "{url} names no host");
    let stream = TcpStream::connect(host).await.with_context(|| format!("connect to {host}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new())?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body =
            Limited::new(answer.into_body(), MAX_BODY_BYTES).collect().await.map_err(anyhow::Error::from_boxed)?;
        anyhow::Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    // The connection ends by itself only after the answer: whichever of the two fails says why.
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => { ended?; answer.await }
    }
    .with_context(|| format!("get {url}"))
}
