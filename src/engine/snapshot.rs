//! One tenant's rules at one revision: immutable, interned, laid out for look-ups, and made from
//! the revision before by copying what changed alone. How it is asked is in
//! [`decide`](super::decide).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::change::{Change, by_subject};
use super::names::Names;
use super::permissions::{Permission, Permissions};
use super::plan::Plan;
use super::roles::Roles;
use super::rules::{object_name, subject_name};
use crate::domain::key::{ActionPattern, TenantKey};
use crate::policy::diff::RuleDiff;
use crate::policy::rule::{Rule, Subject};

/// The number of the action `*`: interned first in every snapshot.
pub(super) const STAR: u32 = 0;
/// So many changes are never worth a build.
const CHANGES_MIN: usize = 64;

/// One tenant's policy at one revision.
///
/// What is built is numbered in the order of names; what comes later, in the order of coming.
pub struct Snapshot {
    pub(super) plan: Arc<Plan>,
    tenant: TenantKey,
    revision: u64,
    pub(super) subjects: Names,
    pub(super) objects: Names,
    pub(super) actions: Names,
    /// Who holds what, and the permissions that each subject has of its own.
    pub(super) roles: Roles<Permissions>,
    /// How many permissions there are.
    permissions: usize,
    /// How many rules came and went since all was built.
    changes: usize,
}

impl Snapshot {
    /// Lays out `rules`, the whole policy of `tenant` at `revision`. Doubles count once.
    pub fn build(
        plan: &Arc<Plan>,
        tenant: &TenantKey,
        revision: u64,
        rules: impl IntoIterator<Item = impl Borrow<Rule>>,
    ) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        // Stable, because it is fast on what is sorted already, as compiled rules are.
        rules.sort_by(|a, b| a.borrow().cmp(b.borrow()));
        let rules: Vec<&Rule> = rules.iter().map(Borrow::borrow).collect();
        let empty = Self {
            plan: Arc::clone(plan),
            tenant: tenant.clone(),
            revision,
            subjects: Names::default(),
            objects: Names::default(),
            actions: Names::default(),
            roles: Roles::default(),
            permissions: 0,
            changes: 0,
        };
        empty.with(revision, &[], &rules)
    }

    /// The policy at `revision`, which changed it by `diff`. It equals what would be built of
    /// its rules; only numbers may differ.
    #[must_use]
    pub fn after(&self, revision: u64, diff: &RuleDiff) -> Self {
        let (removed, added): (Vec<&Rule>, Vec<&Rule>) = (diff.removed.iter().collect(), diff.added.iter().collect());
        let mut next = self.with(revision, &removed, &added);
        next.changes += removed.len() + added.len();
        // Names outlive their rules, and late ones are slower to order. Building anew this
        // seldom keeps both rare and costs each change the same.
        if next.changes > CHANGES_MIN.max(self.len() / 2) {
            next = Self::build(&self.plan, &self.tenant, revision, next.rules());
        }
        next
    }

    fn with(&self, revision: u64, removed: &[&Rule], added: &[&Rule]) -> Self {
        let (subjects, objects, actions) = self.intern(added);
        let mut next = Self {
            plan: Arc::clone(&self.plan),
            tenant: self.tenant.clone(),
            revision,
            subjects,
            objects,
            actions,
            roles: self.roles.clone(),
            permissions: self.permissions,
            changes: self.changes,
        };
        let rules = || removed.iter().map(|rule| (*rule, false)).chain(added.iter().map(|rule| (*rule, true)));
        let mut permissions: Vec<_> = rules().filter_map(|(rule, comes)| next.numbered(rule, comes)).collect();
        permissions.sort_unstable();
        next.permit(&permissions);
        let mut links: Vec<_> = rules().filter_map(|(rule, comes)| next.link(rule, comes)).collect();
        links.sort_unstable();
        next.roles = next.roles.after(&links);
        next
    }

    /// Changes the permissions of subjects, in order.
    fn permit(&mut self, changes: &[Change<Permission>]) {
        for (subject, changes) in by_subject(changes) {
            let own = self.roles.own_mut(subject, self.subjects.len());
            if let Some(own) = own {
                let after = own.after(changes);
                self.permissions = self.permissions + after.len() - own.len();
                *own = after;
            }
        }
    }

    /// The names of this snapshot and of `rules`: subjects, objects, actions.
    fn intern(&self, rules: &[&Rule]) -> (Names, Names, Names) {
        let any = ActionPattern::any();
        let (mut subjects, mut objects, mut actions) = (Vec::new(), Vec::new(), vec![&any]);
        for rule in rules {
            match rule {
                Rule::Permission { subject, object, action, .. } => {
                    subjects.push(subject);
                    objects.push(object);
                    actions.push(action);
                }
                Rule::Membership { member, role } => subjects.extend([member, role]),
            }
        }
        (
            with_new(&self.subjects, ordered(subjects).into_iter().map(subject_name)),
            with_new(&self.objects, ordered(objects).into_iter().map(object_name)),
            with_new(&self.actions, ordered(actions).into_iter().map(|action| (action.as_str(), ""))),
        )
    }

    fn numbered(&self, rule: &Rule, comes: bool) -> Option<Change<Permission>> {
        let Rule::Permission { subject, object, action, effect } = rule else { return None };
        let (head, tail) = object_name(object);
        let object = self.objects.find(head, tail)?;
        let item = Permission { object, action: self.actions.find(action.as_str(), "")?, effect: *effect };
        Some(Change { subject: self.number(subject)?, item, comes })
    }

    fn link(&self, rule: &Rule, comes: bool) -> Option<Change<u32>> {
        let Rule::Membership { member, role } = rule else { return None };
        Some(Change { subject: self.number(member)?, item: self.number(role)?, comes })
    }

    /// Whose policy it is.
    pub fn tenant(&self) -> &TenantKey {
        &self.tenant
    }

    /// The revision that it holds.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many rules it holds.
    pub fn len(&self) -> usize {
        self.permissions + self.roles.len()
    }

    /// Whether it holds no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether any rule names this subject.
    pub fn knows(&self, subject: &Subject) -> bool {
        self.number(subject).is_some_and(|number| self.is_named(number))
    }

    /// Whether any rule names the subject of this number.
    pub(super) fn is_named(&self, number: u32) -> bool {
        self.roles.knows(number) || self.roles.own(number).is_some_and(|own| !own.is_empty())
    }

    /// Whether `subject` is `role` or holds it, directly or through others.
    pub fn holds(&self, subject: &Subject, role: &Subject) -> bool {
        let held = |(one, other)| self.roles.holds(one, other);
        subject == role || self.number(subject).zip(self.number(role)).is_some_and(held)
    }

    /// The number of a subject that a rule names, or once named.
    pub(super) fn number(&self, subject: &Subject) -> Option<u32> {
        let (kind, key) = subject_name(subject);
        self.subjects.find(kind, key)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("tenant", &self.tenant)
            .field("revision", &self.revision)
            .field("rules", &self.len())
            .finish_non_exhaustive()
    }
}

/// The names with those of `more` that are not among them.
fn with_new<'n>(names: &Names, more: impl Iterator<Item = (&'n str, &'n str)>) -> Names {
    names.with(more.filter(|(head, tail)| names.find(head, tail).is_none()))
}

/// Each value once, in order.
fn ordered<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.dedup();
    values.sort();
    values.dedup();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_star_comes_first() {
        let star = ordered(vec![ActionPattern::parse("a").unwrap(), ActionPattern::any()]);
        assert_eq!(star.first(), Some(&ActionPattern::any()), "STAR is the first action");
    }
}
