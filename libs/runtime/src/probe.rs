//! Asking a process of ours whether it is ready, for container images that have no shell and no `curl`.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, bail};

/// The checks behind the answer take a second each at the most.
const TIME_OUT: Duration = Duration::from_secs(4);
/// The answer names a few checks.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// Asks the process that listens on `listen` (`host:port`).
///
/// # Errors
/// When it is not ready, with what it says, or does not answer.
pub(crate) fn ready(listen: Option<&str>) -> anyhow::Result<()> {
    let listen = listen.context("process.listen is not set: nobody can ask this process whether it is ready")?;
    let address = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
    let address = reachable(address.with_context(|| format!("{listen} is no address"))?);
    let answer = ask(address).with_context(|| format!("ask http://{address}/readyz"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => bail!("not ready: {}", if body.is_empty() { head } else { body }),
    }
}

/// Who listens on every address is reached on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIME_OUT)?;
    stream.set_read_timeout(Some(TIME_OUT))?;
    stream.set_write_timeout(Some(TIME_OUT))?;
    // HTTP/1.0: the body is as it is, and ends with the connection. Written at once: what is on its way when the other
    // side closes resets the connection, and the answer with it.
    stream.write_all(format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Answers once, with this.
    fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 512];
                let read = stream.read(&mut piece).unwrap();
                assert!(read > 0, "the request ends early: {request:?}");
                request.extend_from_slice(&piece[..read]);
            }
            assert!(request.starts_with(b"GET /readyz HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn what_is_not_ready_says_why() {
        assert!(serve("HTTP/1.0 200 OK\r\n\r\n{}").starts_with("0.0.0.0:"));
        ready(Some(&serve("HTTP/1.0 200 OK\r\n\r\n{}"))).unwrap();
        let refused = serve("HTTP/1.0 503 Service Unavailable\r\n\r\n{\"nats\":\"not connected\"}");
        assert_eq!(ready(Some(&refused)).unwrap_err().to_string(), "not ready: {\"nats\":\"not connected\"}");
        assert_eq!(ready(Some(&serve("nonsense"))).unwrap_err().to_string(), "not ready: nonsense");
    }

    #[test]
    fn nobody_there_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let said = format!("{:#}", ready(Some(&address.to_string())).unwrap_err());
        assert!(said.starts_with(&format!("ask http://{address}/readyz: ")), "{said}");
        assert!(ready(None).is_err() && ready(Some("nonsense")).is_err());
    }

    #[test]
    fn every_address_is_reached_on_this_machine() {
        for (listen, asked) in
            [("0.0.0.0:9100", "127.0.0.1:9100"), ("[::]:9100", "[::1]:9100"), ("10.0.0.5:1", "10.0.0.5:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
