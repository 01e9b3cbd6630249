//! The words of the platform as pure types, and the rules they keep. No I/O, no async.

pub mod agent;
pub mod avatar;
pub mod catalogue;
pub mod group;
pub mod import;
pub mod key;
pub mod letters;
pub mod link;
pub mod map;
pub mod mask;
pub mod name;
pub mod profile;
pub mod resource;
pub mod restore;
pub mod role;
pub mod succession;
pub mod tenant;
pub mod user;

use key::{KEY_MAX, UserKey};
use name::Name;

use crate::error::{Error, ErrorCode, Related, Result};

/// A change of a field that may be empty: absent, null, or a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Empty it.
    Clear,
    /// Set it.
    Set(T),
}

impl<T> Change<T> {
    /// Returns what holds after the change, when `before` held.
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

fn in_the_way_users<'a>(users: impl Iterator<Item = &'a UserKey>) -> Vec<Related> {
    users.map(|key| Related::User(key.to_string())).collect()
}

/// Things by name, in words: the first few of them, and how many more there are.
pub fn listed(names: &[&str]) -> String {
    const NAMED: usize = 5;
    let (named, rest) = names.split_at(if names.len() > NAMED + 1 { NAMED } else { names.len() });
    match (named, rest.len()) {
        ([], _) => String::new(),
        ([one], 0) => (*one).to_owned(),
        ([before @ .., last], 0) => format!("{} and {last}", before.join(", ")),
        (_, more) => format!("{} and {more} others", named.join(", ")),
    }
}

/// Returns a number of things in words.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Refuses a change of an older version: of two users who edit at once, the second one learns of it.
fn check_version(stored: i32, given: i32) -> Result<()> {
    if stored == given {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Conflict,
        format!("somebody else changed this: it is at version {stored}, not {given}; read it again"),
    )
    .stale(given, stored)
    .at("version"))
}

/// Number up to which keys are tried by doubling: more things of one name than a tenant can have.
const NUMBERED_MAX: u32 = 1 << 20;

/// Returns a key made from a name: its letters and digits in ASCII and lowercase with `-` between them (R26), and a
/// number behind when `taken`.
fn unique_key(name: &Name, fallback: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut base = String::new();
    for c in letters::transliterated(name.as_str()).chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => base.push(c),
            _ if !base.is_empty() && !base.ends_with('-') => base.push('-'),
            _ => {}
        }
        if base.len() >= KEY_MAX - 8 {
            break;
        }
    }
    let base = base.trim_end_matches('-');
    let base = if base.is_empty() { fallback } else { base };
    if !taken(base) {
        return base.to_owned();
    }
    // Numbers are given out in turn, so a free one is found by halves, however many are taken.
    let numbered = |n: u32| format!("{base}-{n}");
    let (mut low, mut high) = (1, 2);
    while taken(&numbered(high)) {
        if high >= NUMBERED_MAX {
            // Somebody chose these very keys: one after the other, then, past as many as there are.
            return (2..=u32::MAX).map(numbered).find(|key| !taken(key)).unwrap_or_default();
        }
        (low, high) = (high, high * 2);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        *(if taken(&numbered(middle)) { &mut low } else { &mut high }) = middle;
    }
    numbered(high)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn key(name: &str, taken: &BTreeSet<String>) -> String {
        unique_key(&Name::parse(name).unwrap(), "thing", |key| taken.contains(key))
    }

    #[test]
    fn a_key_is_its_name_in_small_letters_and_a_number_when_that_is_taken() {
        let mut taken = BTreeSet::new();
        for expected in ["head-of-sales", "head-of-sales-2", "head-of-sales-3", "head-of-sales-4", "head-of-sales-5"] {
            assert_eq!(key("Head of Sales!", &taken), expected);
            taken.insert(expected.to_owned());
        }
        for (name, expected) in [
            ("Supervisión Ñ", "supervision-n"),
            ("Ночная смена", "nochnaia-smena"),
            ("北京", "bei-jing"),
            ("!?", "thing"),
        ] {
            assert_eq!(key(name, &taken), expected);
        }
    }

    #[test]
    fn a_free_number_is_found_among_many_and_among_those_that_somebody_chose_to_be_in_the_way() {
        let many = (2..5_000).map(|n| format!("x-{n}")).chain(["x".to_owned()]).collect();
        assert_eq!(key("X", &many), "x-5000");
        let chosen = (1..32).map(|n| format!("x-{}", 1_u32 << n)).chain(["x".to_owned(), format!("x-{}", u32::MAX)]);
        let chosen: BTreeSet<String> = chosen.collect();
        assert_eq!(key("X", &chosen), "x-3");
    }
}
