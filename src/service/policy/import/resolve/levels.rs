//! Order of lines by the level of their subjects: those of a user before those of its roles.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::import::{BadLines, LINKS_MAX, PolicyLine, Refused, Says};
use crate::error::Error;

/// Sorts the permissions as Casbin does for `subjectPriority`: those of subjects that are further below the last role
/// first. Refuses a subject with roles of several levels, because Casbin takes one of them by chance.
pub(in super::super) fn by_level(mut lines: Vec<PolicyLine>) -> Result<Vec<PolicyLine>, Refused> {
    let levels = levels(&lines)?;
    let level = |line: &PolicyLine| match &line.says {
        Says::Permission { subject, .. } => levels.get(subject.as_str()).copied().unwrap_or_default(),
        Says::Membership { .. } | Says::Role { .. } => 0,
    };
    lines.sort_by_cached_key(|line| std::cmp::Reverse(level(line)));
    Ok(lines)
}

/// Returns the number of links from each member to the last of its roles.
fn levels(lines: &[PolicyLine]) -> Result<BTreeMap<String, usize>, Refused> {
    let mut holds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for PolicyLine { number, says } in lines {
        if let Says::Membership { member, role } = says {
            holds.entry(member.as_str()).or_default().insert(role.as_str());
            holds.entry(role.as_str()).or_default();
            numbers.entry(member.as_str()).or_insert(*number);
        }
    }
    let (mut levels, mut bad) = (BTreeMap::new(), BadLines::default());
    for level in 0..=LINKS_MAX {
        let due = holds.iter().filter(|(name, _)| !levels.contains_key(**name));
        let due: Vec<_> = due.filter(|(_, roles)| roles.iter().all(|role| levels.contains_key(*role))).collect();
        let is_even = |roles: &BTreeSet<&str>| {
            let above = level.checked_sub(1);
            above.is_none_or(|above| roles.iter().all(|role| levels.get(*role) == Some(&above)))
        };
        let due: Vec<(&str, bool)> = due.into_iter().map(|(name, roles)| (*name, is_even(roles))).collect();
        for (name, is_even) in due {
            if !is_even {
                let message = format!(
                    "`{name}` has roles of several levels, between which Casbin takes one by chance: give it roles of \
                     one level, or take the line out"
                );
                bad.push(numbers.get(name).copied().unwrap_or_default(), 3, Error::invalid(message));
            }
            levels.insert(name, level);
        }
    }
    if let Some(name) = holds.keys().find(|name| !levels.contains_key(**name)) {
        let message =
            format!("the roles of `{name}` hold each other, or lead through too many links: take one of the lines out");
        bad.push(numbers.get(name).copied().unwrap_or_default(), 3, Error::invalid(message));
    }
    bad.or(levels.into_iter().map(|(name, level)| (name.to_owned(), level)).collect())
}
