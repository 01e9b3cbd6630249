//! The roles of a file, with the roles that each holds through others.

use std::collections::{BTreeMap, BTreeSet};

use super::{BadLines, Refused};
use crate::domain::key::UserKey;
use crate::domain::name::Name;
use crate::domain::role::Grant;
use crate::error::{Error, ErrorCode};

/// The most links from a user to the last of their roles: every Casbin follows as many.
pub(crate) const LINKS_MAX: usize = 8;
/// The most roles that all groups together carry, where roles hold others.
const HELD_MAX: usize = 200_000;
/// Number of names of a chain that are told.
const TOLD: usize = 10;

/// A role of the file, or a user with lines of its own.
pub(super) struct ImportedRole<'a> {
    pub(super) name: &'a Name,
    /// The line that names it first; `column` is the place in that line, from 1.
    pub(super) line: u64,
    pub(super) column: usize,
    pub(super) grants: BTreeSet<Grant>,
    /// The users who hold it directly; the user themselves, where it is one.
    pub(super) users: BTreeSet<UserKey>,
    /// The roles that it holds directly, each with the line that says so first.
    pub(super) holds: BTreeMap<&'a str, u64>,
    /// `true` if it has a group, even if nobody is in it.
    pub(super) is_kept: bool,
}

/// All of them, by their names.
pub(super) type ImportedRoles<'a> = BTreeMap<&'a str, ImportedRole<'a>>;

impl<'a> ImportedRole<'a> {
    pub(super) fn new(name: &'a Name, line: u64, column: usize) -> Self {
        let (grants, users, holds) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { name, line, column, grants, users, holds, is_kept: false }
    }

    /// Returns `true` if a group gives it to its users.
    pub(super) fn has_group(&self) -> bool {
        self.is_kept || !self.users.is_empty() || !self.holds.is_empty()
    }
}

/// The roles that a role holds, directly or through others, itself included.
struct Held<'a> {
    all: BTreeSet<&'a str>,
    /// Number of links that lead to the last of them.
    depth: usize,
}

/// Returns the roles that each role holds, directly or through others, itself included. Refuses roles that hold each
/// other, a chain of more than [`LINKS_MAX`] links, and more than [`HELD_MAX`] roles in all.
pub(super) fn held<'a>(parts: &ImportedRoles<'a>) -> Result<BTreeMap<&'a str, BTreeSet<&'a str>>, Refused> {
    let mut held: BTreeMap<&str, Held<'_>> = BTreeMap::new();
    let mut count = 0;
    // Each round settles those that hold only what is settled; the users stand a link before them.
    for depth in 0..LINKS_MAX {
        let due = parts.iter().filter(|(name, _)| !held.contains_key(*name));
        let due: Vec<_> = due.filter(|(_, part)| part.holds.keys().all(|role| held.contains_key(role))).collect();
        for (name, part) in due {
            let through = part.holds.keys().filter_map(|role| held.get(role)).flat_map(|role| &role.all).copied();
            let all: BTreeSet<&str> = through.chain([*name]).collect();
            count += all.len();
            if count > HELD_MAX {
                let message =
                    format!("the groups of these roles would carry more than {HELD_MAX} roles: divide the file");
                return Err(Error::new(ErrorCode::TooLarge, message).into());
            }
            held.insert(name, Held { all, depth });
        }
    }
    match parts.keys().find(|name| !held.contains_key(*name)) {
        Some(unsettled) => Err(endless(parts, &held, unsettled)),
        None => Ok(held.into_iter().map(|(name, role)| (name, role.all)).collect()),
    }
}

/// Follows what is not settled to where it comes back to itself, or else the longest way to its end.
fn endless(parts: &ImportedRoles<'_>, held: &BTreeMap<&str, Held<'_>>, from: &str) -> Refused {
    let (mut way, mut at) = (vec![from], BTreeMap::from([(from, 0)]));
    let mut line = parts.get(from).map_or(0, |part| part.line);
    let mut last = from;
    loop {
        let holds = parts.get(last).into_iter().flat_map(|part| &part.holds);
        // What is not settled stands before all that is: a way round is told rather than a long one.
        let Some((next, number)) = holds.max_by_key(|(role, _)| held.get(*role).map_or(usize::MAX, |role| role.depth))
        else {
            let message = format!(
                "`{from}` leads through more than {LINKS_MAX} links: {}; hold the last of them directly",
                told(&way)
            );
            return refused(line, message);
        };
        line = *number;
        way.push(next);
        if let Some(start) = at.insert(next, way.len() - 1) {
            let cycle = told(way.get(start..).unwrap_or_default());
            return refused(line, format!("these roles hold each other: {cycle}; take one of the lines out"));
        }
        last = next;
    }
}

fn refused(line: u64, message: String) -> Refused {
    let mut bad = BadLines::default();
    bad.push(line, 3, Error::invalid(message));
    Refused::Lines(bad)
}

fn told(way: &[&str]) -> String {
    let named: Vec<_> = way.iter().take(TOLD).copied().collect();
    let rest = if way.len() > TOLD { " → …" } else { "" };
    format!("`{}{rest}`", named.join(" → "))
}
