//! Policies of other Casbin systems, brought into a tenant (R35a).
//!
//! A role of the file becomes a custom role with its grants. A group of the same name gives it to its
//! users, together with every role that it holds itself: groups carry roles, and roles no others.
//! A user with lines of its own gets such a pair for itself alone. So what holds in the file holds
//! here, and everything that came from it can be changed like whatever administrators made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::catalogue::Catalogue;
use super::group::GroupChange;
use super::key::{GroupKey, RoleKey};
use super::name::Name;
use super::role::{BuiltIn, Grant, RoleChange, RoleRef};
use super::tenant::TenantState;
use crate::error::{Error, ErrorCode, Result};

mod names;
mod roles;

use names::{Names, nobodys_role};
pub(crate) use roles::LINKS_MAX;
use roles::{ImportedRole, ImportedRoles};

/// Number of bad lines that are told; the others are counted.
const LINES_TOLD: usize = 100;
/// The most roles, and users with lines of their own, that one file brings.
const ROLES_MAX: usize = 10_000;
/// Treatment of a name that holds roles, where there is no user of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Absent {
    /// The line is refused: a user may be missing.
    #[default]
    Refuse,
    /// It becomes a role that no user holds yet.
    Role,
}

/// A line of a policy, as the tenant can hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLine {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The statement of the line.
    pub says: Says,
}

/// A statement of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// A `p` line: a user or a role may, or may not.
    Permission {
        /// The user or role.
        subject: Name,
        /// The object and action, allowed or denied.
        grant: Grant,
    },
    /// A `g` line: a user or a role holds a role.
    Membership {
        /// The user or role that holds.
        member: Name,
        /// The role that is held.
        role: Name,
    },
    /// A name is a role's, unless a user has it, though nobody holds it: its holders have what it gives by lines of
    /// their own.
    Role {
        /// The role.
        role: Name,
    },
}

/// A line that cannot be brought in.
#[derive(Debug, Clone)]
pub struct BadLine {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The column at fault, from 1; the first is the kind of the line.
    pub column: usize,
    /// The fault, with what to do about it.
    pub error: Error,
}

/// The bad lines of a file: the first of them, and the number of all.
#[derive(Debug, Clone, Default)]
pub struct BadLines {
    /// The first bad lines, in the order of the file, 100 at the most.
    pub told: Vec<BadLine>,
    /// Number of all bad lines.
    pub count: u64,
}

impl BadLines {
    /// Takes another one in.
    pub fn push(&mut self, number: u64, column: usize, error: Error) {
        self.count += 1;
        let at = self.told.partition_point(|line| (line.number, line.column) <= (number, column));
        self.told.insert(at, BadLine { number, column, error });
        self.told.truncate(LINES_TOLD);
    }

    /// Returns `good`, if no line is bad.
    pub fn or<T>(self, good: T) -> Result<T, Refused> {
        if self.count == 0 { Ok(good) } else { Err(Refused::Lines(self)) }
    }
}

/// The reason why a policy is not brought in. Nothing of it is.
#[derive(Debug, Clone)]
pub enum Refused {
    /// Some of its lines are bad.
    Lines(BadLines),
    /// It cannot be brought in as a whole.
    Whole(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Whole(error)
    }
}

/// The numbers of things that an import made. What was there already is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Custom roles.
    pub roles: u64,
    /// Grants of those.
    pub grants: u64,
    /// Groups.
    pub groups: u64,
    /// Memberships of users in those.
    pub members: u64,
}

impl TenantState {
    /// Brings a policy in: all of it, or nothing. What is there already and the same is left as it
    /// is, so that the same import again changes nothing; what is otherwise is refused.
    pub fn import_policy(
        &mut self,
        catalogue: &Catalogue,
        lines: &[PolicyLine],
        absent: Absent,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> Result<Imported, Refused> {
        let mut bad = BadLines::default();
        let parts = self.parts(catalogue, lines, absent, &mut bad);
        check_apart(&parts, &mut bad);
        let parts = bad.or(parts)?;
        if parts.len() > ROLES_MAX {
            let message = format!("at most {ROLES_MAX} roles are imported at once: divide the file");
            return Err(Error::new(ErrorCode::TooLarge, message).into());
        }
        let held = roles::held(&parts)?;
        let (mut imported, mut bad) = (Imported::default(), BadLines::default());
        let known: Known<RoleKey> = self.roles.values().map(|role| (&role.name, &role.key)).collect();
        let mut keys: BTreeMap<&str, RoleKey> = BTreeMap::new();
        for (name, part) in &parts {
            match self.import_role(catalogue, part, known.get(part.name), new_id(), &mut imported) {
                Ok(key) => drop(keys.insert(name, key)),
                Err(error) => bad.push(part.line, part.column, error),
            }
        }
        let keys = bad.or(keys)?;
        let mut bad = BadLines::default();
        let known: Known<GroupKey> = self.groups.values().map(|group| (&group.name, &group.key)).collect();
        for (name, part) in parts.iter().filter(|(_, part)| part.has_group()) {
            let roles = held.get(name).into_iter().flatten().filter_map(|role| keys.get(role).cloned());
            let roles = roles.map(RoleRef::Custom).collect();
            if let Err(error) = self.import_group(catalogue, part, known.get(part.name), roles, new_id(), &mut imported)
            {
                bad.push(part.line, part.column, error);
            }
        }
        bad.or(imported)
    }

    /// Returns the roles of the file, and its users with lines of their own, by their names.
    fn parts<'a>(
        &self,
        catalogue: &Catalogue,
        lines: &'a [PolicyLine],
        absent: Absent,
        bad: &mut BadLines,
    ) -> ImportedRoles<'a> {
        let (names, successors) = (Names::of(lines, absent), catalogue.successors());
        let mut parts = ImportedRoles::new();
        for PolicyLine { number, says } in lines {
            match says {
                Says::Permission { subject, grant } => {
                    match grant.check_current(&successors).and_then(|()| names.who(self, subject)) {
                        Ok(who) => {
                            let part =
                                parts.entry(subject.as_str()).or_insert_with(|| ImportedRole::new(subject, *number, 2));
                            part.grants.insert(grant.clone());
                            part.users.extend(who);
                        }
                        Err(error) => bad.push(*number, 2, error),
                    }
                }
                Says::Role { role } => match names.who(self, role) {
                    Ok(Some(_)) => {}
                    Ok(None) => {
                        let new = || ImportedRole::new(role, *number, 3);
                        parts.entry(role.as_str()).or_insert_with(new).is_kept = true;
                    }
                    Err(error) => bad.push(*number, 3, error),
                },
                Says::Membership { member, role } => match (names.who(self, member), names.who(self, role)) {
                    (Ok(who), Ok(None)) => {
                        let part = parts.entry(role.as_str()).or_insert_with(|| ImportedRole::new(role, *number, 3));
                        if let Some(user) = who {
                            part.users.insert(user);
                        } else {
                            let part =
                                parts.entry(member.as_str()).or_insert_with(|| ImportedRole::new(member, *number, 2));
                            part.holds.entry(role.as_str()).or_insert(*number);
                        }
                    }
                    // A user is nobody's role: `who` refuses a name that is used as both.
                    (Ok(_), Ok(Some(_))) => bad.push(*number, 3, nobodys_role(role)),
                    (Err(error), _) => bad.push(*number, 2, error),
                    (_, Err(error)) => bad.push(*number, 3, error),
                },
            }
        }
        parts
    }

    fn import_role(
        &mut self,
        catalogue: &Catalogue,
        part: &ImportedRole<'_>,
        known: Option<&RoleKey>,
        id: Uuid,
        imported: &mut Imported,
    ) -> Result<RoleKey> {
        if let Some(known) = known.and_then(|key| self.roles.get(key.as_str())) {
            return if known.permissions.is_empty() && known.grants == part.grants {
                Ok(known.key.clone())
            } else {
                Err(other("role", part.name))
            };
        }
        let taken = |key: &RoleKey| key.as_str().parse::<BuiltIn>().is_ok() || self.roles.contains_key(key);
        let key = RoleKey::parse(part.name.as_str()).ok().filter(|key| !taken(key));
        let change = RoleChange { grants: Some(part.grants.clone()), ..RoleChange::default() };
        imported.roles += 1;
        imported.grants += part.grants.len() as u64;
        self.add_role(catalogue, id, key, part.name.clone(), change)
    }

    fn import_group(
        &mut self,
        catalogue: &Catalogue,
        part: &ImportedRole<'_>,
        known: Option<&GroupKey>,
        roles: BTreeSet<RoleRef>,
        id: Uuid,
        imported: &mut Imported,
    ) -> Result<()> {
        if let Some(known) = known.and_then(|key| self.groups.get(key.as_str())) {
            let same = known.permissions.is_empty() && known.roles == roles && known.members == part.users;
            return if same { Ok(()) } else { Err(other("group", part.name)) };
        }
        let key = GroupKey::parse(part.name.as_str()).ok().filter(|key| !self.groups.contains_key(key));
        let change = GroupChange { roles: Some(roles), ..GroupChange::default() };
        imported.groups += 1;
        imported.members += part.users.len() as u64;
        self.add_group(catalogue, id, key, part.name.clone(), change, part.users.clone()).map(drop)
    }
}

/// The keys of what is there, by its name, or by what that has in common with others like it.
struct Known<K> {
    exact: HashMap<Name, K>,
    folded: HashMap<String, K>,
}

impl<K> Known<K> {
    fn get(&self, name: &Name) -> Option<&K> {
        self.exact.get(name).or_else(|| self.folded.get(&name.folded()))
    }
}

impl<'a, K: Clone + 'a> FromIterator<(&'a Name, &'a K)> for Known<K> {
    fn from_iter<I: IntoIterator<Item = (&'a Name, &'a K)>>(named: I) -> Self {
        let mut known = Self { exact: HashMap::new(), folded: HashMap::new() };
        for (name, key) in named {
            known.exact.insert(name.clone(), key.clone());
            known.folded.insert(name.folded(), key.clone());
        }
        known
    }
}

/// Refuses roles of a file whose names are one but for their case or form (R26).
fn check_apart(parts: &ImportedRoles<'_>, bad: &mut BadLines) {
    let mut apart: HashMap<String, &ImportedRole<'_>> = HashMap::with_capacity(parts.len());
    for part in parts.values() {
        let Some(first) = apart.insert(part.name.folded(), part) else { continue };
        let later = if (first.line, first.column) > (part.line, part.column) { first } else { part };
        let message = format!(
            "`{}` and `{}` are one name but for case or form: rename one of them in the whole file",
            first.name, part.name
        );
        bad.push(later.line, later.column, Error::new(ErrorCode::AlreadyExists, message));
    }
}

fn other(what: &str, name: &Name) -> Error {
    let message = format!("there is a {what} named `{name}` that says something else: rename one of the two");
    Error::new(ErrorCode::AlreadyExists, message)
}
