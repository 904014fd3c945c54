use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::Error;

/// Below the ports that operating systems give to outgoing connections, one of which could take a port between its being
/// found and its being listened on.
const QUIET: Range<u16> = 20_000..32_768;
/// So many of them are tried.
const TRIES: u32 = 64;

/// A port of 127.0.0.1 that nothing listens on now.
///
/// # Errors
/// The operating system has none left.
pub fn free_port() -> io::Result<u16> {
    Ok(free_listener()?.local_addr()?.port())
}

/// The same, held until it is dropped.
///
/// # Errors
/// The operating system has none left.
pub fn free_listener() -> io::Result<TcpListener> {
    for _ in 0..TRIES {
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let port = QUIET.start + u16::from_ne_bytes(random) % (QUIET.end - QUIET.start);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// The preferred port of 127.0.0.1 if nothing listens on it, else another one.
///
/// # Errors
/// The operating system has none left.
pub fn port_or_free(preferred: u16) -> io::Result<u16> {
    if is_free(preferred) { Ok(preferred) } else { free_port() }
}

/// Asked before a server is started: another server that answers on its port would pass for it.
pub(crate) fn require_free(port: u16) -> Result<(), Error> {
    if is_free(port) { Ok(()) } else { Err(Error::PortTaken { port }) }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(port_or_free(port).unwrap(), port);
        assert!(matches!(require_free(port), Err(Error::PortTaken { .. })));
        drop(taken);
        assert_eq!(port_or_free(port).unwrap(), port);
    }
}
