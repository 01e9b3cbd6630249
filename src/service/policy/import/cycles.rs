//! Names that hold each other. Each holds all that any of them does, so each gets the lines of all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::warn::Notes;
use crate::domain::import::{LINKS_MAX, PolicyLine, Says};
use crate::domain::name::Name;

/// Names, each with others that it holds.
type Holds<'l> = BTreeMap<&'l Name, BTreeSet<&'l Name>>;

/// Gives each of several names that hold each other the lines of all of them, and takes out the lines by which they do.
/// Lines with longer ways than every Casbin follows stay as they are, and are refused later.
pub(super) fn opened(lines: Vec<PolicyLine>, notes: &mut Notes<'_>) -> Vec<PolicyLine> {
    let Some(rings) = rings(&lines) else { return lines };
    let mut opened = Vec::with_capacity(lines.len());
    let mut is_told = false;
    for PolicyLine { number, says } in &lines {
        let mut say = |says| opened.push(PolicyLine { number: *number, says });
        match says {
            Says::Membership { member, role } if rings.get(member).is_some_and(|names| names.contains(role)) => {
                if !std::mem::replace(&mut is_told, true) {
                    let message = format!(
                        "`{member}` and `{role}` hold each other, so that each gets the lines of both: a later change of \
                         one does not reach the other"
                    );
                    notes.push(*number, 2, message);
                }
                say(Says::Role { role: role.clone() });
            }
            Says::Role { .. } => say(says.clone()),
            Says::Membership { member, role } => match rings.get(member) {
                Some(names) => {
                    for it in names {
                        say(Says::Membership { member: (*it).clone(), role: role.clone() });
                    }
                }
                None => say(says.clone()),
            },
            Says::Permission { subject, grant } => match rings.get(subject) {
                Some(names) => {
                    for it in names {
                        say(Says::Permission { subject: (*it).clone(), grant: grant.clone() });
                    }
                }
                None => say(says.clone()),
            },
        }
    }
    opened
}

/// Returns the names on each way round, for each of them; `None` if there are none, or a way is too long.
fn rings(lines: &[PolicyLine]) -> Option<Holds<'_>> {
    let mut holds: Holds<'_> = BTreeMap::new();
    for PolicyLine { says, .. } in lines {
        if let Says::Membership { member, role } = says {
            holds.entry(role).or_default();
            holds.entry(member).or_default().insert(role);
        }
    }
    let above = peeled(&mut holds, |rest| {
        let is_last = |roles: &BTreeSet<&Name>| roles.iter().all(|role| !rest.contains_key(*role));
        rest.iter().filter(|(_, roles)| is_last(roles)).map(|(name, _)| *name).collect()
    })?;
    let below = peeled(&mut holds, |rest| {
        let held: BTreeSet<&Name> = rest.values().flatten().copied().collect();
        rest.keys().copied().filter(|name| !held.contains(name)).collect()
    })?;
    if holds.is_empty() || holds.len() + above + below > LINKS_MAX {
        return None;
    }
    let reached: Holds<'_> = holds.keys().map(|name| (*name, reached(&holds, name))).collect();
    let reaches = |one: &Name, other: &Name| reached.get(one).is_some_and(|names| names.contains(other));
    let ring =
        |name: &Name| holds.keys().copied().filter(|other| reaches(name, other) && reaches(other, name)).collect();
    Some(holds.keys().filter(|name| reaches(name, name)).map(|name| (*name, ring(name))).collect())
}

/// Takes out the names at one end of the rest, again and again. Returns the number of rounds, if those are few.
fn peeled<'l>(rest: &mut Holds<'l>, ends: impl Fn(&Holds<'l>) -> Vec<&'l Name>) -> Option<usize> {
    for round in 0..=LINKS_MAX {
        let due = ends(rest);
        if due.is_empty() {
            return Some(round);
        }
        for name in due {
            rest.remove(name);
        }
    }
    None
}

/// Returns the names that a name holds, directly or through others.
fn reached<'l>(holds: &Holds<'l>, from: &'l Name) -> BTreeSet<&'l Name> {
    let (mut all, mut due) = (BTreeSet::new(), vec![from]);
    while let Some(name) = due.pop() {
        let held = holds.get(name).into_iter().flatten().filter(|role| holds.contains_key(*role));
        for role in held {
            if all.insert(*role) {
                due.push(*role);
            }
        }
    }
    all
}
