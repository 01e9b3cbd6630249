//! R35b: no one grants what they lack. Checked on the difference of compiled rules, so that it
//! holds for roles, groups, profiles, users and resources alike.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Plan, Written};
use super::permit::Permit;
use crate::domain::Change;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{ActionPattern, Object, ObjectPattern};
use crate::domain::tenant::TenantState;
use crate::domain::user::{BaseRole, User};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::compile::{Compiled, compile};
use crate::policy::diff::PolicyDiff;
use crate::policy::rule::{BuiltIn, Effect, Rule, Subject};

/// Who gives, and by what policy.
pub struct Giver<'a> {
    /// The policy before the change.
    pub policy: &'a TenantPolicy,
    /// The one who makes the change.
    pub subject: &'a Subject,
    /// What can be granted.
    pub catalogue: &'a Catalogue,
}

impl Giver<'_> {
    fn is_admin(&self) -> bool {
        self.is(BuiltIn::Admin)
    }

    fn is(&self, role: BuiltIn) -> bool {
        self.policy.snapshot.holds(self.subject, &Subject::Role(role))
    }

    /// Checks that all that the change gives to anyone, the giver may do itself, and that no one
    /// but an admin touches an admin. An admin may give anything, also on objects outside the
    /// catalogue; the resources that a host application registers are its own; and so is to
    /// whoever makes an agent what its profile then gives it of that agent (R11).
    pub(super) fn check(&self, permit: &Permit, written: &Written<'_>, plan: &Plan) -> Result<()> {
        let is_host = permit.object() == Permit::RESOURCES_EDIT.object() && self.is(BuiltIn::Service);
        if self.is_admin() || is_host {
            return Ok(());
        }
        check_untouched(written.before, written.after)?;
        let made = self.agents_made(written);
        self.check_rules(&plan.stored, &plan.compiled, &plan.diff, &made)?;
        // What a disabled user is given holds as soon as somebody enables it.
        let (was, is) = (self.awake(written.before)?, self.awake(written.after)?);
        self.check_rules(&was, &is, &PolicyDiff::between(&was, &is), &made)?;
        self.check_credentials(written, &is)
    }

    /// The agents that the giver makes with this change, in the form of rules.
    fn agents_made(&self, written: &Written<'_>) -> BTreeSet<ObjectPattern> {
        let made = |object: &Object| {
            let resource =
                written.after.resources.get(object).filter(|_| !written.before.resources.contains_key(object));
            let by = resource.and_then(|resource| resource.created_by.clone());
            by.is_some_and(|by| Subject::User(by) == *self.subject)
        };
        let new = written
            .after
            .users
            .keys()
            .filter(|key| written.after.is_agent(key.as_str()) && !written.before.is_agent(key.as_str()));
        new.map(Object::agent).filter(made).map(|object| (&object).into()).collect()
    }

    /// The rules of a state as if everybody in it were enabled.
    fn awake(&self, state: &TenantState) -> Result<Compiled> {
        let mut awake = state.clone();
        awake.users.values_mut().for_each(|user| user.enabled = true);
        compile(self.catalogue, &awake)
    }

    fn check_rules(
        &self,
        was: &Compiled,
        is: &Compiled,
        diff: &PolicyDiff,
        made: &BTreeSet<ObjectPattern>,
    ) -> Result<()> {
        let (was, is) = (Holdings::of(was), Holdings::of(is));
        let (admins, held_by_admins) = is.admins();
        let (mut gained, mut lost) = (BTreeSet::new(), BTreeSet::new());
        for rule in diff.added.keys() {
            match rule {
                Rule::Permission { subject: profile @ Subject::Profile(_), object, effect: Effect::Allow, .. }
                    if made.contains(object) && self.policy.snapshot.holds(self.subject, profile) => {}
                Rule::Permission { object, action, effect: Effect::Allow, .. } => self.covers(object, action)?,
                Rule::Permission { subject, .. } if held_by_admins.contains(subject) => return Err(admins_only()),
                Rule::Permission { .. } | Rule::Membership { role: Subject::Role(BuiltIn::Member), .. } => {}
                Rule::Membership { member, .. } if admins.contains(member) => return Err(admins_only()),
                Rule::Membership { member, role } => {
                    if held_by_admins.contains(member) && !is.reachable(role, Effect::Deny).is_empty() {
                        return Err(admins_only());
                    }
                    gained.insert(role);
                }
            }
        }
        // To take a denial away is to give, too; but not to whoever is gone or disabled with it.
        for rule in &diff.removed {
            match rule {
                Rule::Permission { object, action, effect: Effect::Deny, .. } => self.covers(object, action)?,
                Rule::Membership { member, .. } if admins.contains(member) => return Err(admins_only()),
                Rule::Membership { member, role } if is.is_there(member) => drop(lost.insert(role)),
                _ => {}
            }
        }
        gained.into_iter().try_for_each(|role| self.covers_all(&is.reachable(role, Effect::Allow)))?;
        lost.into_iter().try_for_each(|role| self.covers_all(&was.reachable(role, Effect::Deny)))
    }

    /// Checks that the giver may do all that those may whose passwords it sets, or whose address
    /// for a new password.
    fn check_credentials(&self, written: &Written<'_>, awake: &Compiled) -> Result<()> {
        let new = written.new_accounts.iter().filter(|(_, account)| account.password_hash.is_some());
        let changed = written
            .accounts
            .iter()
            .filter(|(_, account)| account.password_hash.is_some() || matches!(account.email, Change::Set(_)));
        let users = new.map(|(user, _)| user).chain(changed.map(|(user, _)| user));
        let rules = Holdings::of(awake);
        users.filter_map(|user| written.after.users.get(user)).try_for_each(|user| self.check_poses_as(&rules, user))
    }

    /// Checks that who gets hold of this user's credentials gains nothing by it: a key for
    /// another user is all that this user may do, now or once it is enabled.
    pub fn check_takes_over(&self, state: &TenantState, user: &User) -> Result<()> {
        if self.is_admin() {
            return Ok(());
        }
        self.check_poses_as(&Holdings::of(&self.awake(state)?), user)
    }

    /// Checks that the giver may change anything of this user: no one but an admin touches an
    /// admin.
    pub fn check_touches(&self, user: &User) -> Result<()> {
        if self.is_admin() || !is_privileged(user) { Ok(()) } else { Err(admins_only()) }
    }

    fn check_poses_as(&self, rules: &Holdings<'_>, user: &User) -> Result<()> {
        let subject = Subject::User(user.key.clone());
        if subject == *self.subject {
            return Ok(());
        }
        if is_privileged(user) {
            return Err(admins_only());
        }
        self.covers_all(&rules.reachable(&subject, Effect::Allow))
    }

    fn covers_all(&self, given: &[(&ObjectPattern, &ActionPattern)]) -> Result<()> {
        given.iter().try_for_each(|(object, action)| self.covers(object, action))
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

/// Checks that no user changes whom only admins may touch.
fn check_untouched(before: &TenantState, after: &TenantState) -> Result<()> {
    let keys: BTreeSet<_> = before.users.keys().chain(after.users.keys()).collect();
    let touched = keys.into_iter().any(|key| {
        let (was, is) = (before.users.get(key), after.users.get(key));
        was != is && [was, is].into_iter().flatten().any(is_privileged)
    });
    if touched { Err(admins_only()) } else { Ok(()) }
}

/// Admins may give anything, and host applications register resources without a check.
fn is_privileged(user: &User) -> bool {
    matches!(user.base_role, BaseRole::Admin | BaseRole::Service)
}

fn admins_only() -> Error {
    Error::new(ErrorCode::BeyondOwnRights, "only an admin may make or change an admin or a host application")
}

/// The rules of a policy by their subject.
struct Holdings<'a> {
    permissions: BTreeMap<&'a Subject, Vec<(&'a ObjectPattern, &'a ActionPattern, Effect)>>,
    roles: BTreeMap<&'a Subject, BTreeSet<&'a Subject>>,
}

impl<'a> Holdings<'a> {
    fn of(compiled: &'a Compiled) -> Self {
        let mut holdings = Self { permissions: BTreeMap::new(), roles: BTreeMap::new() };
        for rule in compiled.keys() {
            match rule {
                Rule::Permission { subject, object, action, effect } => {
                    holdings.permissions.entry(subject).or_default().push((object, action, *effect));
                }
                Rule::Membership { member, role } => drop(holdings.roles.entry(member).or_default().insert(role)),
            }
        }
        holdings
    }

    /// Whether a user is there and enabled; groups and roles always are.
    fn is_there(&self, subject: &Subject) -> bool {
        !matches!(subject, Subject::User(_)) || self.roles.contains_key(subject)
    }

    /// The admins, and all that they hold, themselves among it.
    fn admins(&self) -> (BTreeSet<&'a Subject>, BTreeSet<&'a Subject>) {
        let is_admin = |roles: &BTreeSet<&Subject>| roles.contains(&Subject::Role(BuiltIn::Admin));
        let admins: BTreeSet<_> = self.roles.iter().filter(|(_, held)| is_admin(held)).map(|(who, _)| *who).collect();
        let held = self.closure(admins.clone());
        (admins, held)
    }

    /// These subjects with all that they hold, directly or through others.
    fn closure(&self, mut found: BTreeSet<&'a Subject>) -> BTreeSet<&'a Subject> {
        let mut next: Vec<&Subject> = found.iter().copied().collect();
        while let Some(subject) = next.pop() {
            next.extend(self.roles.get(subject).into_iter().flatten().filter(|held| found.insert(**held)));
        }
        found
    }

    /// What holding `subject` means: its rules of this effect, with those of all that it holds.
    fn reachable<'b>(&self, subject: &'b Subject, effect: Effect) -> Vec<(&'b ObjectPattern, &'b ActionPattern)>
    where
        'a: 'b,
    {
        let held = Holdings::<'b>::closure(self, BTreeSet::from([subject]));
        let rules = held.into_iter().filter_map(|role| self.permissions.get(role)).flatten();
        rules.filter(|rule| rule.2 == effect).map(|rule| (rule.0, rule.1)).collect()
    }
}
