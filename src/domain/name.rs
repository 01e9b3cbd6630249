//! Names for people, and the time.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, Result};

/// The most characters that a name may have.
pub const NAME_MAX: usize = 200;
/// The most characters that a description may have.
pub const DESCRIPTION_MAX: usize = 2000;

/// A name for people: 1 to 200 characters, no control characters, no space around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks the text, without the space around it.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
            return Err(Error::invalid(format!("a name has 1 to {NAME_MAX} characters and no control characters")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// Checks a description: at most 2000 characters, line breaks allowed.
pub fn check_description(text: &str) -> Result<()> {
    if text.chars().count() > DESCRIPTION_MAX || text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Error::invalid(format!("a description has at most {DESCRIPTION_MAX} characters")).at("description"));
    }
    Ok(())
}

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment as RFC 3339 in UTC.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_default()
    }

    /// The minute of it, for people: `2026-01-31 09:30 UTC`.
    pub fn to_minute(self) -> String {
        let text = self.to_rfc3339();
        format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
    }

    /// Reads RFC 3339.
    pub fn from_rfc3339(text: &str) -> Result<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| Error::bad_input("a time has the form of RFC 3339, such as `2026-01-31T09:30:00Z`"))?;
        i64::try_from(moment.unix_timestamp_nanos() / 1000)
            .map(Self)
            .map_err(|_| Error::bad_input("a time out of range"))
    }

    /// The moment `seconds` later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}
