//! The values of settings, each checked as it is read. Faults never quote the value.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};
use tracing_subscriber::EnvFilter;
use url::Url;

/// A URL that can hold credentials. Only [`expose`](Self::expose) returns it whole.
#[derive(Clone)]
pub struct SecretUrl {
    whole: SecretString,
    shown: String,
}

impl SecretUrl {
    /// Takes `text` if it is a URL of one of `schemes`.
    fn parse(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let mut url = parse_url(text, schemes)?;
        if url.cannot_be_a_base() && url.scheme() != "sqlite" {
            return Err(format!("`{}:` must be followed by `//`", url.scheme()));
        }
        // The query goes as well: PostgreSQL and Redis take passwords there too. A URL without a
        // host has no credentials, and refuses to have them removed.
        url.set_query(None);
        url.set_fragment(None);
        let _ = url.set_password(None);
        let _ = url.set_username("");
        Ok(Self { whole: SecretString::from(text), shown: url.into() })
    }

    /// Returns the URL with its credentials, for the driver that connects.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }

    /// Returns the URL without credentials and query, for logs.
    pub fn without_credentials(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A time in whole seconds, from 1 to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds<const MAX: u32>(u32);

impl<const MAX: u32> Seconds<MAX> {
    /// Returns the time as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl<'de, const MAX: u32> Deserialize<'de> for Seconds<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom(format!("it must be a whole number of seconds from 1 to {MAX}"));
        let seconds = u32::deserialize(from).map_err(|_| wrong())?;
        if (1..=MAX).contains(&seconds) { Ok(Self(seconds)) } else { Err(wrong()) }
    }
}

/// A whole number, from `MIN` up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<const MIN: u32>(u32);

impl<const MIN: u32> Count<MIN> {
    /// Returns the number itself.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32> Deserialize<'de> for Count<MIN> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom(format!("it must be a whole number, at least {MIN}"));
        let count = u32::deserialize(from).map_err(|_| wrong())?;
        if count >= MIN { Ok(Self(count)) } else { Err(wrong()) }
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// An object a line, for programs.
    Json,
}

fn parse_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a URL: {error}"))?;
    if schemes.contains(&url.scheme()) {
        return Ok(url);
    }
    Err(format!("it must be a URL that begins with one of `{}:`", schemes.join(":`, `")))
}

pub(super) fn database_url<'de, D: Deserializer<'de>>(from: D) -> Result<SecretUrl, D::Error> {
    let text = String::deserialize(from)?;
    SecretUrl::parse(&text, &["sqlite", "postgres", "postgresql"]).map_err(de::Error::custom)
}

pub(super) fn redis_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretUrl>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let parse = |text: String| SecretUrl::parse(&text, &["redis", "rediss", "redis+unix", "unix"]);
    text.map(parse).transpose().map_err(de::Error::custom)
}

pub(super) fn smtp_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretUrl>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let parse = |text: String| {
        let url = SecretUrl::parse(&text, &["smtp", "smtps"])?;
        // Not the error's own words, which quote what is wrong.
        let wrong = |_| "it must be `smtp://HOST`, `smtp://HOST?tls=required` or `smtps://HOST`".to_owned();
        AsyncSmtpTransport::<Tokio1Executor>::from_url(&text).map_err(wrong)?;
        Ok(url)
    };
    text.map(parse).transpose().map_err(|fault: String| de::Error::custom(fault))
}

pub(super) fn mailbox<'de, D: Deserializer<'de>>(from: D) -> Result<Mailbox, D::Error> {
    let wrong = |_| de::Error::custom("it must be an email address, or `NAME <ADDRESS>`");
    String::deserialize(from)?.parse().map_err(wrong)
}

pub(super) fn public_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let parse = |text: String| {
        let url = parse_url(&text, &["http", "https"])?;
        // Links are made by appending to it, and every user sees it.
        let plain = url.username().is_empty() && url.password().is_none();
        if plain && url.query().is_none() && url.fragment().is_none() {
            return Ok(url);
        }
        Err("it must have no user, password, `?` or `#`".to_owned())
    };
    text.map(parse).transpose().map_err(de::Error::custom)
}

/// Reads networks, or single addresses, separated by commas. A network of all addresses is refused: it would trust
/// every client.
pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<IpNet>>, D::Error> {
    let parse = |part: &str| {
        let part = part.trim();
        let network = part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
        network.filter(|network| network.prefix_len() > 0)
    };
    let text = Option::<String>::deserialize(from)?;
    let networks = text.map(|text| text.split(',').map(parse).collect::<Option<Vec<_>>>().ok_or(()));
    let wrong = |()| de::Error::custom("it must be addresses or networks such as `10.0.0.0/8`, separated by commas");
    networks.transpose().map_err(wrong)
}

/// Names, separated by commas.
pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let parse = |part: &str| {
        let part = part.trim();
        let is_name = !part.is_empty() && !part.chars().any(char::is_control);
        is_name.then(|| part.to_owned())
    };
    let text = Option::<String>::deserialize(from)?;
    let names = text.map(|text| text.split(',').map(parse).collect::<Option<Vec<_>>>().ok_or(()));
    names.transpose().map_err(|()| de::Error::custom("it must be names such as `identity`, separated by commas"))
}

pub(super) fn log<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(de::Error::custom("it must be a level such as `info`, or `target=level` separated by commas")),
    }
}
