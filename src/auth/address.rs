//! The origin of a request, as far as it is known: for limits, the audit log and mails.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address of the client of a request. The transport makes it from the peer of the connection and, if the peer is a
/// trusted proxy, from what that proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address of a client that no listener has named. All such clients count together.
    pub const UNKNOWN: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// Takes an address in its canonical form: an IPv4 address mapped into IPv6 is IPv4.
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Returns the address itself.
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// Returns the network that is counted as one client.
    pub fn network(self) -> Network {
        let IpAddr::V6(address) = self.0 else { return Network(self.0) };
        // A client that has one address of a /64 has all of them.
        let [a, b, c, d, ..] = address.segments();
        Network(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The unit that is counted as one client: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// Returns the widest network that one customer of a provider has as a matter of course: 48 bits of IPv6,
    /// in which there are 65 536 of 64 bits; an address of IPv4.
    #[must_use]
    pub fn site(&self) -> Self {
        let IpAddr::V6(address) = self.0 else { return *self };
        let [a, b, c, ..] = address.segments();
        Self(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    #[test]
    fn an_ipv6_client_counts_with_its_whole_64_bit_network() {
        let one = client("2001:db8:1:2:3:4:5:6").network();
        assert_eq!(one, client("2001:db8:1:2::1").network());
        assert_eq!(one.to_string(), "2001:db8:1:2::");
        assert_ne!(one, client("2001:db8:1:3::1").network());
    }

    #[test]
    fn all_ipv6_networks_of_48_bits_are_one_site() {
        let site = client("2001:db8:1:2::1").network().site();
        assert_eq!(site, client("2001:db8:1:ffff::1").network().site());
        assert_eq!(site.to_string(), "2001:db8:1::");
        assert_ne!(site, client("2001:db8:2:2::1").network().site());
        assert_eq!(client("192.0.2.7").network().site(), client("192.0.2.7").network());
    }

    #[test]
    fn an_ipv4_client_counts_for_itself_in_whatever_clothes() {
        assert_eq!(client("::ffff:192.0.2.7"), client("192.0.2.7"));
        assert_eq!(client("::ffff:192.0.2.7").to_string(), "192.0.2.7");
        assert_ne!(client("192.0.2.7").network(), client("192.0.2.8").network());
    }
}
