//! The meaning of the names in a file: users of the tenant, or roles.

use std::collections::{BTreeMap, BTreeSet};

use super::{Absent, PolicyLine, Says};
use crate::domain::key::UserKey;
use crate::domain::name::Name;
use crate::domain::tenant::TenantState;
use crate::error::{Error, ErrorCode, Result};

/// Mark of a user, where a file marks its users.
const USER: &str = "user:";

/// Marks of a role, where a file marks its roles.
const ROLES: [&str; 2] = ["role:", "group:"];

/// Returns the key of a marked user: of `user:ann`, and of `user:default/ann`, in whatever namespace.
fn marked_key(name: &str) -> Option<&str> {
    let key = name.strip_prefix(USER)?;
    Some(key.rsplit_once('/').map_or(key, |(_, key)| key))
}

pub(super) fn nobodys_role(name: &Name) -> Error {
    Error::invalid(format!("`{name}` is a user, and a user is nobody's role"))
}

/// The use that a file makes of its names.
pub(super) struct Names<'a> {
    /// `true` if the file marks its users. Then a bare name is a role's, or a slip.
    marked: bool,
    /// The names that are held.
    held: BTreeSet<&'a str>,
    /// The names that are roles where no user has them.
    roles: BTreeSet<&'a str>,
    /// The names that hold.
    holding: BTreeSet<&'a str>,
    /// The marked users, by their keys, each with the first of its names.
    users: BTreeMap<&'a str, &'a str>,
    absent: Absent,
}

impl<'a> Names<'a> {
    pub(super) fn of(lines: &'a [PolicyLine], absent: Absent) -> Self {
        let (held, roles, holding, users) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let mut names = Self { marked: false, held, roles, holding, users, absent };
        for line in lines {
            let first = match &line.says {
                Says::Permission { subject, .. } => subject,
                Says::Membership { member, role } => {
                    names.holding.insert(member.as_str());
                    names.held.insert(role.as_str());
                    member
                }
                Says::Role { role } => {
                    names.roles.insert(role.as_str());
                    continue;
                }
            };
            if let Some(key) = marked_key(first.as_str()) {
                names.marked = true;
                names.users.entry(key).or_insert(first.as_str());
            }
        }
        names
    }

    /// Returns the user of this name; `None` when it is a role's.
    pub(super) fn who(&self, state: &TenantState, name: &Name) -> Result<Option<UserKey>> {
        let text = name.as_str();
        let known = |key: &str| UserKey::parse(key).ok().filter(|key| state.users.contains_key(key));
        let is_held = self.held.contains(text);
        if let Some(key) = marked_key(text) {
            return match known(key) {
                Some(_) if self.users.get(key).is_some_and(|first| *first != text) => Err(self.same_user(name, key)),
                Some(_) if is_held => Err(nobodys_role(name)),
                Some(user) => Ok(Some(user)),
                None if self.absent == Absent::Role => Ok(None),
                None => Err(self.no_user(name)),
            };
        }
        match known(text) {
            Some(_) if is_held && self.marked => Ok(None),
            Some(_) if is_held => Err(Error::invalid(format!(
                "`{name}` is a user of this tenant and a role of the file: rename the role, or write each user as \
                 `user:KEY`"
            ))),
            Some(user) if self.marked => Err(Error::invalid(format!(
                "`{name}` is a user of this tenant: write `user:{user}`, as this file writes others"
            ))),
            Some(user) => Ok(Some(user)),
            None if is_held || self.roles.contains(text) => Ok(None),
            None => self.refuse_if_user(name, known).map(|()| None),
        }
    }

    /// Refuses a name that is a slip for a user: one that no user and no role that is held has, and that would bind no
    /// user. It may be a role for later.
    fn refuse_if_user(&self, name: &Name, known: impl Fn(&str) -> Option<UserKey>) -> Result<()> {
        let text = name.as_str().to_lowercase();
        let marked = text.strip_prefix("user").and_then(|rest| rest.trim_start().strip_prefix(':'));
        match known(marked.unwrap_or(&text).trim()) {
            Some(user) => {
                let mark = if self.marked { USER } else { "" };
                let message = format!("`{name}` is nearly the user `{mark}{user}`: write it so, or rename the role");
                Err(Error::invalid(message))
            }
            None if marked.is_some() && self.absent == Absent::Refuse => Err(self.no_user(name)),
            None if self.absent == Absent::Role || ROLES.iter().any(|mark| name.as_str().starts_with(mark)) => Ok(()),
            None if !self.marked && self.holding.contains(name.as_str()) => Err(self.no_user(name)),
            None => Ok(()),
        }
    }

    /// Refuses a second name of one user.
    fn same_user(&self, name: &Name, key: &str) -> Error {
        let first = self.users.get(key).copied().unwrap_or_default();
        Error::invalid(format!("`{name}` and `{first}` are both the user `{key}` here: rename one of them"))
    }

    fn no_user(&self, name: &Name) -> Error {
        let role = if self.marked { "" } else { "; if it is a role, write each user as `user:KEY`" };
        let message = format!(
            "there is no user `{name}`: create it first, or take the line out, or let names that are not there become \
             roles without members (`absent`){role}"
        );
        Error::new(ErrorCode::NotFound, message)
    }
}
