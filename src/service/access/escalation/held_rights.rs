//! The rules that users, groups and roles of a state hold, as far as they are asked about.

use std::collections::BTreeSet;

use crate::domain::catalogue::Catalogue;
use crate::domain::key::{ActionPattern, ObjectPattern, UserKey};
use crate::domain::tenant::TenantState;
use crate::domain::user::User;
use crate::error::Result;
use crate::policy::compile::{Compiled, compile_sources};
use crate::policy::rule::{Effect, Rule, Subject};
use crate::policy::source;

/// The subjects of a state with all that they hold. Only what is asked about is compiled.
pub(super) struct HeldRights<'a> {
    catalogue: &'a Catalogue,
    state: &'a TenantState,
}

/// Some subjects with all that they hold, directly or through others.
struct Closure {
    subjects: BTreeSet<Subject>,
    rules: Compiled,
}

impl<'a> HeldRights<'a> {
    /// Returns the rights that are held in this state.
    pub(super) const fn new(catalogue: &'a Catalogue, state: &'a TenantState) -> Self {
        Self { catalogue, state }
    }

    /// Returns whether a user is there and enabled; groups and roles always are.
    pub(super) fn is_there(&self, subject: &Subject) -> bool {
        match subject {
            Subject::User(user) => self.state.users.get(user).is_some_and(|user| user.enabled),
            _ => true,
        }
    }

    /// Returns the users that are chosen, enabled or not.
    pub(super) fn users(&self, chosen: impl Fn(&User) -> bool) -> BTreeSet<UserKey> {
        self.state.users.values().filter(|user| chosen(user)).map(|user| user.key.clone()).collect()
    }

    /// Returns the users of these that are, or hold, any of the subjects.
    pub(super) fn holders(
        &self,
        users: &BTreeSet<UserKey>,
        subjects: &BTreeSet<&Subject>,
    ) -> Result<BTreeSet<UserKey>> {
        let hold = |users: BTreeSet<Subject>| -> Result<bool> {
            Ok(self.closure(users)?.subjects.iter().any(|held| subjects.contains(held)))
        };
        // All at once first: nearly always nobody holds any, and what many hold is compiled once.
        let mut holders = BTreeSet::new();
        if hold(users.iter().cloned().map(Subject::User).collect())? {
            for user in users {
                if hold(BTreeSet::from([Subject::User(user.clone())]))? {
                    holders.insert(user.clone());
                }
            }
        }
        Ok(holders)
    }

    /// Returns these subjects with all that they hold, and the rules of them all.
    fn closure(&self, subjects: BTreeSet<Subject>) -> Result<Closure> {
        let mut closure = Closure { subjects: subjects.clone(), rules: Compiled::new() };
        let mut next = subjects;
        while !next.is_empty() {
            let sources = next.iter().flat_map(|subject| source::of(self.state, subject)).collect();
            let rules = compile_sources(self.catalogue, self.state, &sources)?;
            let held = rules.keys().filter_map(|rule| match rule {
                Rule::Membership { member, role } if next.contains(member) => Some(role.clone()),
                _ => None,
            });
            next = held.filter(|role| closure.subjects.insert(role.clone())).collect();
            closure.rules.extend(rules);
        }
        Ok(closure)
    }

    /// Returns the rights that come with holding these subjects: their rules of this effect, with those of all that
    /// they hold.
    pub(super) fn reachable(
        &self,
        held: BTreeSet<Subject>,
        wanted: Effect,
    ) -> Result<BTreeSet<(ObjectPattern, ActionPattern)>> {
        let Closure { subjects, rules } = self.closure(held)?;
        let reached = rules.into_keys().filter_map(|rule| match rule {
            Rule::Permission { subject, object, action, effect } if effect == wanted && subjects.contains(&subject) => {
                Some((object, action))
            }
            _ => None,
        });
        Ok(reached.collect())
    }
}
