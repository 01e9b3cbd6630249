//! R35b: no one grants what they lack. Checked on the difference of compiled rules, so that it
//! holds for roles, groups, profiles, users and resources alike.

use std::collections::BTreeSet;

use crate::domain::Change;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{ActionPattern, Object, ObjectPattern};
use crate::domain::tenant::TenantState;
use crate::domain::user::{BaseRole, User};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Related, Result};
use crate::policy::compile::compile_change;
use crate::policy::diff::{PolicyDiff, StatePatch};
use crate::policy::rule::{BuiltIn, Effect, Rule, Subject};
use crate::service::access::permit::Permit;
use crate::service::change::ChangeSet;
use held_rights::HeldRights;

mod held_rights;

/// The maker of a change, with the policy that their own rights are looked up in.
pub struct Grantor<'a> {
    /// The policy before the change.
    pub policy: &'a TenantPolicy,
    /// The one who makes the change.
    pub subject: &'a Subject,
    /// The catalogue of all that can be granted.
    pub catalogue: &'a Catalogue,
}

impl Grantor<'_> {
    fn is_admin(&self) -> bool {
        self.is(BuiltIn::Admin)
    }

    fn is(&self, role: BuiltIn) -> bool {
        self.policy.snapshot.holds(self.subject, &Subject::Role(role))
    }

    /// Refuses a change that gives to anyone what the grantor may not do themselves, and, unless the grantor is an admin,
    /// one that touches an admin or a host application, or what they hold. Admins can give anything, also on objects
    /// outside the catalogue; a host application can give anything on the resources that it registers; and the maker of
    /// an agent can give what their own profile then holds on that agent (R11).
    pub(in crate::service) fn check(&self, permit: &Permit, written: &ChangeSet<'_>, diff: &PolicyDiff) -> Result<()> {
        let is_host = permit.object() == Permit::RESOURCES_EDIT.object() && self.is(BuiltIn::Service);
        if self.is_admin() || is_host {
            return Ok(());
        }
        check_untouched(written)?;
        let made = self.agents_made(written);
        self.check_rules(&self.held_rights(written.before), &self.held_rights(written.after), diff, &made)?;
        // What a disabled user is given holds as soon as somebody enables it.
        let (was, is) = (awake(written.before), awake(written.after));
        let diff = compile_change(self.catalogue, &was, &is, &StatePatch::between(&was, &is))?;
        let (was, is) = (self.held_rights(&was), self.held_rights(&is));
        check_left_alone(&was, &is, &diff)?;
        self.check_rules(&was, &is, &diff, &made)?;
        self.check_credentials(written, &is)
    }

    const fn held_rights<'b>(&self, state: &'b TenantState) -> HeldRights<'b>
    where
        Self: 'b,
    {
        HeldRights::new(self.catalogue, state)
    }

    /// Returns the agents that the grantor makes with this change, in the form of rules.
    fn agents_made(&self, written: &ChangeSet<'_>) -> BTreeSet<ObjectPattern> {
        let made = |object: &Object| {
            let resource =
                written.after.resources.get(object).filter(|_| !written.before.resources.contains_key(object));
            let by = resource.and_then(|resource| resource.created_by.clone());
            by.is_some_and(|by| Subject::User(by) == *self.subject)
        };
        let new = written.after.agents_made(self.catalogue, written.before);
        new.into_iter().map(Object::agent).filter(made).map(|object| (&object).into()).collect()
    }

    fn check_rules(
        &self,
        was: &HeldRights<'_>,
        is: &HeldRights<'_>,
        diff: &PolicyDiff,
        made: &BTreeSet<ObjectPattern>,
    ) -> Result<()> {
        let (mut gained, mut lost) = (BTreeSet::new(), BTreeSet::new());
        for rule in diff.added.keys() {
            match rule {
                Rule::Permission { subject: profile @ Subject::Profile(_), object, effect: Effect::Allow, .. }
                    if made.contains(object) && self.policy.snapshot.holds(self.subject, profile) => {}
                Rule::Permission { object, action, effect: Effect::Allow, .. } => self.covers(object, action)?,
                Rule::Permission { .. } | Rule::Membership { role: Subject::Role(BuiltIn::Member), .. } => {}
                Rule::Membership { role, .. } => drop(gained.insert(role.clone())),
            }
        }
        // To take a denial away is to give, too; but not to whoever is gone or disabled with it.
        for rule in &diff.removed {
            match rule {
                Rule::Permission { object, action, effect: Effect::Deny, .. } => self.covers(object, action)?,
                Rule::Membership { member, role } if is.is_there(member) => drop(lost.insert(role.clone())),
                _ => {}
            }
        }
        self.covers_all(&is.reachable(gained, Effect::Allow)?)?;
        self.covers_all(&was.reachable(lost, Effect::Deny)?)
    }

    /// Refuses the change if it sets the password, or the address for a new password, of a user with more rights than
    /// the grantor has: no weaker user points it elsewhere, or leaves them without one.
    fn check_credentials(&self, written: &ChangeSet<'_>, awake: &HeldRights<'_>) -> Result<()> {
        let new = written.new_accounts.iter().filter(|(_, account)| account.password_hash.is_some());
        let changed = written
            .accounts
            .iter()
            .filter(|(_, account)| account.password_hash.is_some() || account.email != Change::Keep);
        let users = new.map(|(user, _)| user).chain(changed.map(|(user, _)| user));
        self.check_impersonation(awake, users.filter_map(|user| written.after.users.get(user)))
    }

    /// Refuses the grantor who would gain rights by this user's credentials: a key for another user opens all that this
    /// user may do, now or once they are enabled.
    pub fn check_takes_over(&self, state: &TenantState, user: &User) -> Result<()> {
        if self.is_admin() {
            return Ok(());
        }
        self.check_impersonation(&self.held_rights(&awake(state)), std::iter::once(user))
    }

    /// Refuses the grantor who may not change anything of this user: only admins touch an admin.
    pub fn check_touches(&self, user: &User) -> Result<()> {
        if self.is_admin() || !is_privileged(user) { Ok(()) } else { Err(admins_only()) }
    }

    fn check_impersonation<'u>(&self, held: &HeldRights<'_>, users: impl Iterator<Item = &'u User>) -> Result<()> {
        let mut others = BTreeSet::new();
        for user in users.filter(|user| Subject::User(user.key.clone()) != *self.subject) {
            if is_privileged(user) {
                return Err(admins_only());
            }
            others.insert(Subject::User(user.key.clone()));
        }
        self.covers_all(&held.reachable(others, Effect::Allow)?)
    }

    fn covers_all(&self, given: &BTreeSet<(ObjectPattern, ActionPattern)>) -> Result<()> {
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

/// Returns a state as if all users in it were enabled.
fn awake(state: &TenantState) -> TenantState {
    let mut awake = state.clone();
    awake.users.change(|user| !user.enabled, |user| user.enabled = true);
    awake
}

/// Checks that nothing comes or goes that an admin or a host application holds, before or after, directly or
/// through a group or role: to them, a right that goes and a denial that comes are the same. Groups and roles
/// of theirs are thus for admins, and what others hold beside is not.
fn check_left_alone(was: &HeldRights<'_>, is: &HeldRights<'_>, diff: &PolicyDiff) -> Result<()> {
    let changed: BTreeSet<&Subject> = diff.added.keys().chain(&diff.removed).map(Rule::subject).collect();
    let mut shaken = BTreeSet::new();
    for state in [was, is] {
        shaken.append(&mut state.holders(&state.users(is_privileged), &changed)?);
    }
    if shaken.is_empty() {
        return Ok(());
    }
    let message = "this changes what an admin or a host application may, or holds: only an admin does that";
    let shaken = shaken.into_iter().map(|user| Related::User(user.to_string())).collect();
    Err(Error::new(ErrorCode::BeyondOwnRights, message).in_the_way(shaken))
}

/// Refuses a change of users whom only admins may touch.
fn check_untouched(written: &ChangeSet<'_>) -> Result<()> {
    let touched = written.users().any(|user| [user.was, user.is].into_iter().flatten().any(is_privileged));
    if touched { Err(admins_only()) } else { Ok(()) }
}

/// Admins may give anything, and host applications register resources without a check.
fn is_privileged(user: &User) -> bool {
    matches!(user.base_role, BaseRole::Admin | BaseRole::Service)
}

fn admins_only() -> Error {
    Error::new(ErrorCode::BeyondOwnRights, "only an admin may make or change an admin or a host application")
}
