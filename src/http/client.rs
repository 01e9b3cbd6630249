//! Address that a request comes from: the peer of the connection, or the client that a trusted proxy names in
//! `X-Forwarded-For` or `Forwarded` (RFC 7239). Any client can send these headers, so one is believed only as far as
//! trusted proxies have written it: from the right, address by address, to the first that is no trusted proxy.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::auth::address::ClientAddress;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks of proxies that are believed. None by default.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl TrustedProxies {
    /// Finds the client of a request that came from this peer with these headers.
    ///
    /// Where what a header says cannot be read, or the two headers contradict each other, it is the
    /// last proxy that can be believed.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return ClientAddress::new(peer);
        }
        let listed = self.walk(peer, headers, &X_FORWARDED_FOR, |text| text.split(',').rev(), address);
        let forwarded = self.walk(peer, headers, &FORWARDED, |text| elements(text).into_iter().rev(), forwarded_for);
        // A proxy writes one of them and may pass the other one on as a stranger has sent it.
        let contradict = listed.zip(forwarded).is_some_and(|(listed, forwarded)| listed != forwarded);
        ClientAddress::new(listed.or(forwarded).filter(|_| !contradict).unwrap_or(peer))
    }

    /// Returns `true` if headers name another client, and the peer is not believed.
    pub(super) fn passes_over(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let tells = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
        tells && !self.trusts(peer)
    }

    /// Tells whether this address is that of a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Goes from the right over what stands in a header, all of its lines together; `None` when it
    /// is not there.
    fn walk<'a, P: Iterator<Item = &'a str>>(
        &self,
        peer: IpAddr,
        headers: &'a HeaderMap,
        name: &HeaderName,
        parts: impl Fn(&'a str) -> P,
        read: impl Fn(&str) -> Option<IpAddr>,
    ) -> Option<IpAddr> {
        let mut lines = headers.get_all(name).iter().rev().peekable();
        lines.peek()?;
        let mut believed = peer;
        for line in lines {
            let Ok(line) = line.to_str() else { return Some(believed) };
            for part in parts(line) {
                let Some(address) = read(part) else { return Some(believed) };
                believed = address.to_canonical();
                if !self.trusts(believed) {
                    return Some(believed);
                }
            }
        }
        Some(believed)
    }
}

/// Reads the address of a hop, with or without a port; none for `unknown`, `_hidden` and what is wrong.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = || text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|it| it.parse().ok());
    let with_port = || SocketAddr::from_str(text).ok().map(|address| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

/// Parts the elements of a `Forwarded` header: commas within quotes part nothing.
fn elements(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |character| {
        let parts = character == ',' && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        parts
    });
    parts.collect()
}

/// Reads the address of the one `for` of an element.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (Some((_, value)), None) = (named.next(), named.next()) else { return None };
    let value = value.trim();
    address(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// Returns the client of a request from `peer`, where `10.0.0.0/8` and `fd00::/8` are proxies.
    fn client(peer: &str, lines: &[(&str, &str)]) -> String {
        let proxies: TrustedProxies = ["10.0.0.0/8", "fd00::/8"].iter().map(|net| net.parse().unwrap()).collect();
        proxies.client(peer.parse().unwrap(), &headers(lines)).to_string()
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_whose_a_request_is() {
        let spoofed = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(client("198.51.100.9", &spoofed), "198.51.100.9");
        let nobody = TrustedProxies::default();
        for peer in ["127.0.0.1", "10.0.0.1", "::1"] {
            let peer = peer.parse().unwrap();
            assert_eq!(nobody.client(peer, &headers(&spoofed)).ip(), peer);
            assert!(nobody.passes_over(peer, &headers(&spoofed)) && !nobody.passes_over(peer, &HeaderMap::new()));
        }
    }

    #[test]
    fn a_header_is_read_from_the_right_over_trusted_proxies_alone() {
        for (list, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.66, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.66, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
            ("10.0.0.7, 192.0.2.1,10.1.1.1 , fd00::3", "192.0.2.1"),
            ("10.0.0.7, 10.0.0.8", "10.0.0.7"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:10.9.9.9", "10.9.9.9"),
        ] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", list)]), expected, "{list}");
            assert_eq!(client("::ffff:10.0.0.1", &[("x-forwarded-for", list)]), expected, "{list}");
        }
    }

    #[test]
    fn several_lines_of_a_header_are_one_list() {
        let lines = [("x-forwarded-for", "203.0.113.66"), ("x-forwarded-for", "192.0.2.1, 10.2.2.2")];
        assert_eq!(client("10.0.0.1", &lines), "192.0.2.1");
        let lines = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.2.2.2")];
        assert_eq!(client("10.0.0.1", &lines), "192.0.2.1");
        let lines = [("forwarded", "for=203.0.113.66"), ("forwarded", "for=192.0.2.1;proto=https, For=10.2.2.2")];
        assert_eq!(client("10.0.0.1", &lines), "192.0.2.1");
    }

    #[test]
    fn addresses_may_have_ports_and_ipv6_brackets() {
        for (text, expected) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", text)]), expected);
            assert_eq!(client("10.0.0.1", &[("forwarded", &format!("for=\"{text}\""))]), expected);
        }
        assert_eq!(client("10.0.0.1", &[("forwarded", "by=10.0.0.1;FOR=192.0.2.1:80;proto=http")]), "192.0.2.1");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_last_proxy_that_can_be_believed() {
        for wrong in [
            "",
            " ",
            "unknown",
            "_hidden",
            "_x:80",
            "192.0.2",
            "192.0.2.1:99999",
            "192.0.2.1:_port",
            "[::1",
            "fe80::1%eth0",
            "localhost",
        ] {
            assert_eq!(
                client("10.0.0.1", &[("x-forwarded-for", &format!("192.0.2.1, {wrong}"))]),
                "10.0.0.1",
                "{wrong}"
            );
            let behind = format!("192.0.2.1, {wrong}, 10.3.3.3");
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", &behind)]), "10.3.3.3", "{wrong}");
            assert_eq!(
                client("10.0.0.1", &[("forwarded", &format!("for=192.0.2.1, for={wrong}"))]),
                "10.0.0.1",
                "{wrong}"
            );
        }
        // A line that is no text is read not at all.
        let behind = "192.0.2.1, \u{e9}, 10.3.3.3";
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", behind)]), "10.0.0.1");
        for wrong in ["proto=https", "for", "for=192.0.2.1;for=192.0.2.2", "for=\"192.0.2.1", "4=192.0.2.1"] {
            assert_eq!(client("10.0.0.1", &[("forwarded", wrong)]), "10.0.0.1", "{wrong}");
        }
    }

    #[test]
    fn a_comma_in_quotes_adds_no_hop() {
        let line = r#"for=192.0.2.1;ext="a, for=203.0.113.66, \", for=203.0.113.67""#;
        assert_eq!(client("10.0.0.1", &[("forwarded", line)]), "192.0.2.1");
    }

    #[test]
    fn headers_that_contradict_each_other_are_not_believed() {
        let both = |forwarded| [("x-forwarded-for", "192.0.2.1"), ("forwarded", forwarded)];
        assert_eq!(client("10.0.0.1", &both("for=192.0.2.1")), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &both("for=203.0.113.66")), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &both("for=unknown")), "10.0.0.1");
    }
}
