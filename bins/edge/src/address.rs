//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap};

use crate::front::Peer;

/// The client's address, as far as the connection and the trusted proxies say. In the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

/// What counts as one place: an IPv4 address, or the /64 of an IPv6 address, of which a household has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl ClientAddress {
    /// The address of a request with `extensions` and `headers` behind `proxies` proxies, each of which appends the
    /// address that it sees to `X-Forwarded-For`. What is further left the client may have made up.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, proxies: usize) -> Self {
        // Only a request that came over no connection has no peer: it is from this process.
        let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
        let forwarded = proxies.checked_sub(1).and_then(|behind| {
            let lines = headers.get_all("x-forwarded-for").iter().rev();
            let mut entries = lines.flat_map(|line| line.to_str().unwrap_or("").rsplit(','));
            parse(entries.nth(behind)?.trim())
        });
        Self(forwarded.unwrap_or(peer).to_canonical())
    }

    /// The address itself.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What to count by.
    #[must_use]
    pub fn network(self) -> Network {
        Network::of(self.0)
    }
}

impl Network {
    /// The network of `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// An address as proxies write it: plain, with a port, or in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    plain.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(lines: &[&'static str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        let mut extensions = Extensions::new();
        extensions.insert(Peer("10.0.0.9".parse().unwrap()));
        ClientAddress::of(&extensions, &headers, proxies).ip().to_string()
    }

    #[test]
    fn what_trusted_proxies_have_seen_counts_and_nothing_else() {
        // Without a proxy the header is the client's own invention.
        assert_eq!(found(&["203.0.113.7"], 0), "10.0.0.9");
        assert_eq!(found(&[], 1), "10.0.0.9");
        assert_eq!(found(&["203.0.113.7"], 1), "203.0.113.7");
        // What stands further left was there before the proxy.
        assert_eq!(found(&["198.51.100.1, 203.0.113.7"], 1), "203.0.113.7");
        assert_eq!(found(&["198.51.100.1", "203.0.113.7"], 1), "203.0.113.7");
        assert_eq!(found(&["198.51.100.1,198.51.100.2, 203.0.113.7", "10.0.0.8"], 2), "203.0.113.7");
        assert_eq!(found(&["198.51.100.1,203.0.113.7", ""], 1), "10.0.0.9");
        // Who came by fewer proxies than there are is not believed.
        assert_eq!(found(&["203.0.113.7"], 2), "10.0.0.9");
        assert_eq!(found(&["203.0.113.7, unknown"], 1), "10.0.0.9");
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        assert_eq!(found(&["203.0.113.7:4711"], 1), "203.0.113.7");
        assert_eq!(found(&["2001:db8::1"], 1), "2001:db8::1");
        assert_eq!(found(&["[2001:db8::1]"], 1), "2001:db8::1");
        assert_eq!(found(&["[2001:db8::1]:4711"], 1), "2001:db8::1");
        assert_eq!(found(&["::ffff:203.0.113.7"], 1), "203.0.113.7");
    }

    #[test]
    fn a_household_is_one_place() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }
}
