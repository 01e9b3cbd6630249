//! R35b: no one grants what they lack. Checked on the difference of compiled rules, so that it
//! holds for roles, groups, profiles and users alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::key::{ActionPattern, ObjectPattern};
use crate::domain::tenant::TenantState;
use crate::domain::user::{BaseRole, User};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::compile::Compiled;
use crate::policy::diff::PolicyDiff;
use crate::policy::rule::{BuiltIn, Effect, Rule, Subject};

/// Who gives, and by what policy.
pub struct Giver<'a> {
    /// The policy before the change.
    pub policy: &'a TenantPolicy,
    /// The one who makes the change.
    pub subject: &'a Subject,
}

impl Giver<'_> {
    fn is_admin(&self) -> bool {
        self.policy.snapshot.holds(self.subject, &Subject::Role(BuiltIn::Admin))
    }

    /// Checks that all that the change gives to anyone, the giver may do itself. An admin may
    /// give anything, also on objects outside the catalogue.
    pub fn check(&self, before: &Compiled, after: &Compiled, diff: &PolicyDiff) -> Result<()> {
        if self.is_admin() {
            return Ok(());
        }
        let (was, is) = (Holdings::of(before), Holdings::of(after));
        for rule in diff.added.keys() {
            match rule {
                Rule::Permission { object, action, effect: Effect::Allow, .. } => self.covers(object, action)?,
                Rule::Permission { .. } | Rule::Membership { role: Subject::Role(BuiltIn::Member), .. } => {}
                Rule::Membership { role, .. } => self.covers_all(is.reachable(role, Effect::Allow))?,
            }
        }
        // To take a deny away is to give, too.
        for rule in &diff.removed {
            match rule {
                Rule::Permission { object, action, effect: Effect::Deny, .. } => self.covers(object, action)?,
                Rule::Permission { .. } => {}
                Rule::Membership { role, .. } => self.covers_all(was.reachable(role, Effect::Deny))?,
            }
        }
        Ok(())
    }

    /// Checks that no one but an admin touches an admin.
    pub fn check_admins(&self, before: &TenantState, after: &TenantState) -> Result<()> {
        if self.is_admin() {
            return Ok(());
        }
        let keys: BTreeSet<_> = before.users.keys().chain(after.users.keys()).collect();
        let touched = keys.into_iter().find(|key| {
            let (was, is) = (before.users.get(*key), after.users.get(*key));
            was != is && [was, is].into_iter().flatten().any(|user| user.base_role == BaseRole::Admin)
        });
        match touched {
            Some(_) => Err(Error::new(ErrorCode::BeyondOwnRights, "only an admin may create or change an admin")),
            None => Ok(()),
        }
    }

    /// Checks that who gets hold of this user's credentials gains nothing by it: a key for
    /// another user is all that this user may do.
    pub fn check_takes_over(&self, rules: &Compiled, user: &User) -> Result<()> {
        if self.is_admin() {
            return Ok(());
        }
        if user.base_role == BaseRole::Admin {
            return Err(Error::new(ErrorCode::BeyondOwnRights, "only an admin may change the credentials of an admin"));
        }
        let subject = Subject::User(user.key.clone());
        let roles = Holdings::of(rules);
        self.covers_all(roles.reachable(&subject, Effect::Allow))
    }

    fn covers_all<'a>(&self, mut given: impl Iterator<Item = (&'a ObjectPattern, &'a ActionPattern)>) -> Result<()> {
        given.try_for_each(|(object, action)| self.covers(object, action))
    }

    fn covers(&self, object: &ObjectPattern, action: &ActionPattern) -> Result<()> {
        if self.policy.snapshot.covers(self.subject, object, action) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::BeyondOwnRights,
            format!("this would give `{action}` on `{object}`, which you may not do yourself"),
        ))
    }
}

/// The rules of a policy by their subject.
struct Holdings<'a> {
    permissions: BTreeMap<&'a Subject, Vec<(&'a ObjectPattern, &'a ActionPattern, Effect)>>,
    roles: BTreeMap<&'a Subject, Vec<&'a Subject>>,
}

impl<'a> Holdings<'a> {
    fn of(compiled: &'a Compiled) -> Self {
        let mut holdings = Self { permissions: BTreeMap::new(), roles: BTreeMap::new() };
        for rule in compiled.keys() {
            match rule {
                Rule::Permission { subject, object, action, effect } => {
                    holdings.permissions.entry(subject).or_default().push((object, action, *effect));
                }
                Rule::Membership { member, role } => holdings.roles.entry(member).or_default().push(role),
            }
        }
        holdings
    }

    /// What holding `role` means, with all that it holds in turn.
    fn reachable(
        &self,
        role: &'a Subject,
        effect: Effect,
    ) -> impl Iterator<Item = (&'a ObjectPattern, &'a ActionPattern)> {
        let mut found = BTreeSet::from([role]);
        let mut next = vec![role];
        while let Some(role) = next.pop() {
            next.extend(self.roles.get(role).into_iter().flatten().filter(|held| found.insert(**held)));
        }
        let rules = found.into_iter().filter_map(|role| self.permissions.get(role)).flatten();
        rules.filter(move |rule| rule.2 == effect).map(|rule| (rule.0, rule.1)).collect::<Vec<_>>().into_iter()
    }
}
