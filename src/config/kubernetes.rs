//! The variables that Kubernetes sets. It tells each pod about the Services beside it; for a Service called `bailiwick`
//! or `bailiwick-redis` in variables that begin as the settings do. They are no settings, and are ignored.

use std::net::IpAddr;

use super::layer::PREFIX;

/// Takes the variables of Kubernetes out of `env`, and returns the rest and their names.
pub fn divide(env: impl IntoIterator<Item = (String, String)>) -> (Vec<(String, String)>, Vec<String>) {
    let (of_services, settings): (Vec<_>, Vec<_>) =
        env.into_iter().partition(|(name, value)| is_of_service(name, value));
    (settings, of_services.into_iter().map(|(name, _)| name).collect())
}

/// Returns whether a variable is one of a Service: its name and its value must both be as Kubernetes writes them.
fn is_of_service(name: &str, value: &str) -> bool {
    let Some(name) = name.strip_prefix(PREFIX) else { return false };
    // The text before is the end of the Service's name.
    let after = |part: &str| {
        let is_whole = |before: &str| before.is_empty() || before.ends_with('_');
        let mut places = name.match_indices(part).map(|(at, found)| (name.get(..at), name.get(at + found.len()..)));
        places.find_map(|(before, after)| after.filter(|_| before.is_some_and(is_whole)))
    };
    let is_word = |rest: &str| rest.is_empty() || rest.starts_with('_');
    match (after("SERVICE_HOST"), after("SERVICE_PORT"), after("PORT")) {
        (Some(""), ..) => is_address(value),
        (_, Some(rest), _) => is_word(rest) && is_port(value),
        (.., Some("")) => is_url(value),
        (.., Some(rest)) => is_of_port(rest, value),
        _ => false,
    }
}

/// Returns whether the value fits a name that ends in `_8080_TCP` and its optional suffix.
fn is_of_port(rest: &str, value: &str) -> bool {
    let mut parts = rest.split('_');
    let (Some(""), Some(port), Some(protocol)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let named = is_port(port) && PROTOCOLS.contains(&protocol.to_ascii_lowercase().as_str());
    let fits = match (parts.next(), parts.next()) {
        (None, _) => is_url(value),
        (Some("PROTO"), None) => PROTOCOLS.contains(&value),
        (Some("PORT"), None) => is_port(value),
        (Some("ADDR"), None) => is_address(value),
        _ => false,
    };
    named && fits
}

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Returns whether a text is a URL such as `tcp://10.96.7.1:8080`.
fn is_url(text: &str) -> bool {
    let Some((protocol, place)) = text.split_once("://") else { return false };
    let host_and_port = place.rsplit_once(':');
    PROTOCOLS.contains(&protocol)
        && host_and_port
            .is_some_and(|(host, port)| is_address(host.trim_start_matches('[').trim_end_matches(']')) && is_port(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_SERVICES: [(&str, &str); 15] = [
        ("BAILIWICK_SERVICE_HOST", "10.96.7.1"),
        ("BAILIWICK_SERVICE_PORT", "8080"),
        ("BAILIWICK_SERVICE_PORT_HTTP", "8080"),
        ("BAILIWICK_SERVICE_PORT_HTTP_METRICS", "9090"),
        ("BAILIWICK_PORT", "tcp://10.96.7.1:8080"),
        ("BAILIWICK_PORT_8080_TCP", "tcp://10.96.7.1:8080"),
        ("BAILIWICK_PORT_8080_TCP_PROTO", "tcp"),
        ("BAILIWICK_PORT_8080_TCP_PORT", "8080"),
        ("BAILIWICK_PORT_8080_TCP_ADDR", "10.96.7.1"),
        ("BAILIWICK_PORT_53_UDP", "udp://[fd00::1]:53"),
        ("BAILIWICK_REDIS_SERVICE_HOST", "fd00::1"),
        ("BAILIWICK_REDIS_PORT", "tcp://10.96.7.2:6379"),
        ("BAILIWICK_REDIS_PORT_6379_TCP_ADDR", "10.96.7.2"),
        ("BAILIWICK_METRICS_SERVICE_PORT", "9090"),
        ("BAILIWICK_SUPPORT_PORT", "tcp://10.96.7.3:80"),
    ];

    #[test]
    fn the_variables_of_services_are_passed_over_and_named() {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let setting = ("BAILIWICK_LISTEN".to_owned(), "127.0.0.1:1".to_owned());
        let (settings, passed_over) = divide(OF_SERVICES.iter().map(pair).chain([setting.clone()]));
        assert_eq!(settings, [setting]);
        assert_eq!(passed_over, OF_SERVICES.map(|(name, _)| name));
    }

    #[test]
    fn what_only_looks_like_one_stays_a_setting_and_so_a_mistake() {
        for (name, value) in [
            ("BAILIWICK_PORT", "8080"),
            ("BAILIWICK_PORT", "http://10.96.7.1:8080"),
            ("BAILIWICK_PORT", "tcp://somewhere:8080"),
            ("BAILIWICK_PORT_8080_TCP_ADDR", "8080"),
            ("BAILIWICK_PORT_8080_QUIC", "tcp://10.96.7.1:8080"),
            ("BAILIWICK_PORT_8080_TCP_NAME", "tcp"),
            ("BAILIWICK_SERVICE_HOST", "bailiwick.default"),
            ("BAILIWICK_SERVICE_PORT", "http"),
            ("BAILIWICK_SERVICE_HOSTS", "10.96.7.1"),
            ("BAILIWICK_SUPPORT", "tcp://10.96.7.1:8080"),
            ("BAILIWICK_LISTNE", "127.0.0.1:1"),
            ("bailiwick_SERVICE_PORT", "8080"),
        ] {
            assert!(!is_of_service(name, value), "{name}={value}");
        }
    }
}
