//! From which address a request comes, with and without proxies before us.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use poem::{Addr, Request};

/// The address that a request is counted and logged under. An app around this
/// one may put it into a request's extensions; it is then taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// An address, or all addresses that share a prefix: `10.0.0.7`, `10.0.0.0/8`,
/// `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// Why a text names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an IP address, or a network such as 10.0.0.0/8")]
pub struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| InvalidNetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.trim().parse().map_err(|_| InvalidNetwork))?;
        if prefix > bits { Err(InvalidNetwork) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Network {
    /// Whether the address is one of the network's.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// Finds out the client's address.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressRule {
    trusted_proxies: Arc<[Network]>,
}

impl AddressRule {
    pub(crate) fn new(trusted_proxies: Vec<Network>) -> Self {
        Self { trusted_proxies: trusted_proxies.into() }
    }

    /// The address that the request comes from; `None` on transports that have
    /// none.
    pub(crate) fn find(&self, request: &Request) -> Option<ClientAddress> {
        if let Some(given) = request.extensions().get() {
            return Some(*given);
        }
        let Addr::SocketAddr(peer) = &request.remote_addr().0 else { return None };
        Some(ClientAddress(self.behind_proxies(peer.ip().to_canonical(), request)))
    }

    /// A proxy adds the address that it saw at the right. So what stands left
    /// of the first address that is no proxy of ours may be made up.
    fn behind_proxies(&self, peer: IpAddr, request: &Request) -> IpAddr {
        let is_trusted = |address: IpAddr| self.trusted_proxies.iter().any(|network| network.contains(address));
        if !is_trusted(peer) {
            return peer;
        }
        let values = request.headers().get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !is_trusted(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::Body;
    use poem::http::uri::Scheme;
    use poem::web::{LocalAddr, RemoteAddr};
    use std::net::SocketAddr;

    fn find(trusted: &[&str], peer: &str, forwarded_for: &[&str]) -> String {
        let rule = AddressRule::new(trusted.iter().map(|text| text.parse().expect("a network")).collect());
        let peer: SocketAddr = peer.parse().expect("an address");
        let builder = poem::http::Request::builder();
        let builder = forwarded_for.iter().fold(builder, |builder, value| builder.header("x-forwarded-for", *value));
        let (parts, ()) = builder.body(()).expect("a request").into_parts();
        let parts = (parts, LocalAddr::default(), RemoteAddr(peer.into()), Scheme::HTTP);
        let request = Request::from_parts(parts.into(), Body::empty());
        rule.find(&request).expect("an address").0.to_string()
    }

    #[test]
    fn a_header_is_not_believed_from_just_anyone() {
        assert_eq!(find(&[], "192.0.2.1:9", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(find(&["10.0.0.0/8"], "192.0.2.1:9", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_last_untrusted_hop_counts() {
        let trusted = ["10.0.0.0/8", "::1"];
        assert_eq!(find(&trusted, "10.1.1.1:9", &["203.0.113.9, 198.51.100.7, 10.2.2.2"]), "198.51.100.7");
        assert_eq!(find(&trusted, "[::1]:9", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(find(&trusted, "10.1.1.1:9", &[]), "10.1.1.1");
        assert_eq!(find(&trusted, "10.1.1.1:9", &["198.51.100.7, nonsense, 10.2.2.2"]), "10.2.2.2");
    }

    #[test]
    fn a_network_is_parsed_and_bounded() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "localhost", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
        let all: Network = "0.0.0.0/0".parse().expect("everything");
        assert!(all.contains("255.1.2.3".parse().expect("an address")));
        assert!(all.contains("::ffff:1.2.3.4".parse().expect("a mapped address")));
        let one: Network = "2001:db8::1".parse().expect("one address");
        assert!(one.contains("2001:db8::1".parse().expect("an address")));
        assert!(!one.contains("2001:db8::2".parse().expect("an address")));
    }
}
