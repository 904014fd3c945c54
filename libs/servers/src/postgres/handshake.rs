//! Asks a `PostgreSQL` whether it lets clients in, without a client library or a password.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// SQLSTATE `cannot_connect_now`: starting up, recovering or shutting down.
const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";
/// No error report is longer than this.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Begins a connection. Being asked for a password means that it is ready; so does any refusal but
/// "not now" (`StartupMessage` and `ErrorResponse` in `PostgreSQL`'s protocol, version 3.0).
pub(super) async fn accepts(port: u16, user: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(&startup_message(user)).await?;
    match stream.read_u8().await? {
        b'R' => Ok(true),
        b'E' => {
            let mut report = Vec::new();
            stream.take(MAX_ANSWER_BYTES).read_to_end(&mut report).await?;
            Ok(!report.windows(CANNOT_CONNECT_NOW.len()).any(|field| field == CANNOT_CONNECT_NOW))
        }
        _ => Ok(false),
    }
}

fn startup_message(user: &str) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for text in ["user", user, "database", "postgres", ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).expect("a user's name is far shorter than 4 GiB");
    [&length.to_be_bytes()[..], &body].concat()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn asked_of_a_server_that_answers(answer: &'static [u8]) -> bool {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; startup_message("till").len()];
            stream.read_exact(&mut asked).await.unwrap();
            assert_eq!(asked, b"\0\0\0\x25\0\x03\0\0user\0till\0database\0postgres\0\0");
            stream.write_all(answer).await.unwrap();
        });
        let ready = accepts(port, "till").await.unwrap();
        server.await.unwrap();
        ready
    }

    #[tokio::test]
    async fn starting_up_is_not_ready() {
        assert!(asked_of_a_server_that_answers(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0").await);
        assert!(asked_of_a_server_that_answers(b"E\0\0\0\x20SFATAL\0C53300\0Mtoo many\0\0").await);
        assert!(!asked_of_a_server_that_answers(b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting\0\0").await);
        assert!(!asked_of_a_server_that_answers(b"HTTP/1.1 400 Bad Request\r\n").await);
    }
}
