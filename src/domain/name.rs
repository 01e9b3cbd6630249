//! Names for people, and the time.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::letters;
use crate::error::{Error, ErrorCode, Result};

/// The most characters that a name may have.
pub const NAME_MAX: usize = 200;
/// The most characters that a description may have.
pub const DESCRIPTION_MAX: usize = 2000;

/// A name for people: 1 to 200 characters that can be seen, no space around them (R26).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks the text, without the space around it.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > NAME_MAX {
            return Err(Error::invalid(format!("a name has 1 to {NAME_MAX} characters")));
        }
        if let Some(unseen) = letters::unseen(text) {
            let number = u32::from(unseen);
            let message = format!("a name has no characters that cannot be seen: take out U+{number:04X}");
            return Err(Error::invalid(message));
        }
        if !letters::has_substance(text) {
            return Err(Error::invalid("a name has a character that can be seen by itself"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes a name that was kept. Those of older versions may hold what no new one may.
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what no two names of one kind have in common (R26).
    pub fn folded(&self) -> String {
        letters::folded(&self.0)
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

/// Checks that none of the `others`, each with its key, has this name in another case or form. The one whose key
/// is `own` can keep the name that it has, be there another like it or not.
///
/// # Errors
/// `ALREADY_EXISTS` naming the field `name`.
pub(super) fn check_free<'a>(
    kind: &str,
    name: &Name,
    own: Option<&str>,
    others: impl Iterator<Item = (&'a str, &'a Name)>,
) -> Result<()> {
    let folded = name.folded();
    let mut like = None;
    for (key, other) in others {
        if own == Some(key) {
            if other == name {
                return Ok(());
            }
        } else if is_folded_to(other, &folded) {
            like = Some(other);
        }
    }
    match like {
        Some(like) => Err(Error::new(ErrorCode::AlreadyExists, format!("a {kind} named `{like}` exists")).at("name")),
        None => Ok(()),
    }
}

/// Tells whether a name folds to this, without folding the many that are of ASCII.
fn is_folded_to(name: &Name, folded: &str) -> bool {
    if name.0.is_ascii() { name.0.eq_ignore_ascii_case(folded) } else { name.folded() == folded }
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
    /// Returns the moment as RFC 3339 in UTC.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_default()
    }

    /// Returns the minute of it, for people: `2026-01-31 09:30 UTC`.
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

    /// Returns the moment `seconds` later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}
