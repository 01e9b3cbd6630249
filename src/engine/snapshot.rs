//! One tenant's rules at one revision: an `index` of them, made from that of the revision before. The questions to it
//! are in [`decide`](super::decide).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::index::{Entry, Index};
use super::plan::Plan;
use super::rules::{entry, subject_name};
use crate::domain::key::TenantKey;
use crate::policy::diff::RuleDiff;
use crate::policy::rule::{Rule, Subject};

/// Number of changes up to which a rebuild never pays.
const CHANGES_MIN: usize = 64;

/// One tenant's policy at one revision.
pub struct Snapshot {
    pub(super) plan: Arc<Plan>,
    tenant: TenantKey,
    revision: u64,
    pub(super) index: Index,
    /// Number of rules that came or went since the last full build.
    changes: usize,
}

impl Snapshot {
    /// Lays out `rules`, the whole policy of `tenant` at `revision`. Duplicates count once.
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
        let empty =
            Self { plan: Arc::clone(plan), tenant: tenant.clone(), revision, index: Index::default(), changes: 0 };
        empty.with(revision, &[], &rules)
    }

    /// Returns the policy at `revision`, which changed it by `diff`. It equals a build from its rules; only the numbers
    /// can differ.
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
        let index = self.index.after(entries(removed), entries(added));
        Self { plan: Arc::clone(&self.plan), tenant: self.tenant.clone(), revision, index, changes: self.changes }
    }

    /// Returns the tenant that the policy is of.
    pub fn tenant(&self) -> &TenantKey {
        &self.tenant
    }

    /// Returns the revision that the snapshot holds.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns `true` if there are no rules.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether any rule names this subject.
    pub fn knows(&self, subject: &Subject) -> bool {
        self.number(subject).is_some_and(|number| self.is_named(number))
    }

    /// Returns whether any rule names the subject of this number.
    pub(super) fn is_named(&self, number: u32) -> bool {
        let roles = &self.index.roles;
        roles.knows(number) || roles.own(number).is_some_and(|own| !own.is_empty())
    }

    /// Returns whether `subject` is `role` or holds it, directly or through others.
    pub fn holds(&self, subject: &Subject, role: &Subject) -> bool {
        let held = |(one, other)| self.index.roles.holds(one, other);
        subject == role || self.number(subject).zip(self.number(role)).is_some_and(held)
    }

    /// Returns the number of a subject that a rule names, or once named.
    pub(super) fn number(&self, subject: &Subject) -> Option<u32> {
        self.index.subject(subject_name(subject))
    }
}

/// Returns the names of each rule.
fn entries<'r>(rules: &[&'r Rule]) -> impl Iterator<Item = Entry<'r>> + Clone {
    rules.iter().map(|rule| entry(rule))
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
