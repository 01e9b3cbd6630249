//! The lines of one domain by number: the roles that each subject holds, and what each permits. An index is immutable,
//! interned and laid out for look-ups; the next one is made by copying only what changed.
//!
//! It knows texts, and neither models nor the platform's own rules: a [`Snapshot`](super::snapshot::Snapshot) and a
//! [`LinePolicy`](super::casbin_policy::LinePolicy) choose the names under which they store things, and ask by the same names.

use std::cmp::Ordering;

use super::change::{Change, by_subject};
use super::interner::Names;
use super::permissions::{Permission, Permissions};
use super::roles::Roles;
use super::rules::{RuleId, subject_order};
use crate::policy::rule::Effect;

/// The number of the action `*`: interned first in every index.
pub(super) const STAR: u32 = 0;
/// The text of that action.
const STAR_NAME: Name<'static> = ("*", "");

/// A name in the two pieces under which it is interned and found.
pub(super) type Name<'n> = (&'n str, &'n str);

/// A line by its names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'e> {
    /// A `p` line. The action stands for all of its fields that are not looked up.
    Permission { subject: Name<'e>, object: Name<'e>, action: &'e str, effect: Effect },
    /// A `g` line.
    Link { member: Name<'e>, role: Name<'e> },
}

/// The lines of one domain.
///
/// Names of the first build are numbered in their order; later ones in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Index {
    pub(super) subjects: Names,
    pub(super) objects: Names,
    pub(super) actions: Names,
    /// The roles that subjects hold, and the permissions that each subject has of its own.
    pub(super) roles: Roles<Permissions>,
    /// Number of permissions.
    permissions: usize,
}

impl Index {
    /// Returns the index without the lines `removed` and with those `added`. A line in both is present in the end, and
    /// duplicates count once.
    // Entries are made anew each time they are walked: as a list, those of a large policy would take
    // more memory than its index.
    #[must_use]
    pub(super) fn after<'e>(
        &self,
        removed: impl Iterator<Item = Entry<'e>> + Clone,
        added: impl Iterator<Item = Entry<'e>> + Clone,
    ) -> Self {
        let (subjects, objects, actions) = self.intern(added.clone());
        let roles = self.roles.clone();
        let mut next = Self { subjects, objects, actions, roles, permissions: self.permissions };
        let changes = removed.map(|entry| (entry, false)).chain(added.map(|entry| (entry, true)));
        let permissions = changes.clone().filter_map(|(entry, comes)| next.numbered(&entry, comes));
        let mut permissions: Vec<_> = permissions.collect();
        permissions.sort_unstable();
        next.permit(&permissions);
        let mut links: Vec<_> = changes.filter_map(|(entry, comes)| next.link(&entry, comes)).collect();
        links.sort_unstable();
        next.roles = next.roles.after(&links);
        next
    }

    /// Changes the permissions of subjects; `changes` are in order.
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

    /// Returns the names of this index and of `entries`: subjects, objects, actions.
    fn intern<'e>(&self, entries: impl Iterator<Item = Entry<'e>>) -> (Names, Names, Names) {
        let mut subjects = Distinct::new(|a, b| subject_order(*a).cmp(&subject_order(*b)));
        let mut objects = Distinct::new(whole);
        let mut actions = Distinct::new(|a, b| (*a != STAR_NAME).cmp(&(*b != STAR_NAME)).then(a.cmp(b)));
        actions.push(STAR_NAME);
        for entry in entries {
            match entry {
                Entry::Permission { subject, object, action, .. } => {
                    subjects.push(subject);
                    objects.push(object);
                    actions.push((action, ""));
                }
                Entry::Link { member, role } => {
                    subjects.push(member);
                    subjects.push(role);
                }
            }
        }
        (
            with_new(&self.subjects, subjects.in_order()),
            with_new(&self.objects, objects.in_order()),
            with_new(&self.actions, actions.in_order()),
        )
    }

    fn numbered(&self, entry: &Entry<'_>, comes: bool) -> Option<Change<Permission>> {
        let Entry::Permission { subject, object, action, effect } = *entry else { return None };
        let item = Permission {
            object: self.objects.find(object.0, object.1)?,
            action: self.actions.find(action, "")?,
            effect,
        };
        Some(Change { subject: self.subject(subject)?, item, comes })
    }

    fn link(&self, entry: &Entry<'_>, comes: bool) -> Option<Change<u32>> {
        let Entry::Link { member, role } = *entry else { return None };
        Some(Change { subject: self.subject(member)?, item: self.subject(role)?, comes })
    }

    /// Returns the number of lines.
    pub(super) fn len(&self) -> usize {
        self.permissions + self.roles.len()
    }

    /// Returns the number of a subject that a line names, or once named.
    #[inline]
    pub(super) fn subject(&self, (head, tail): Name<'_>) -> Option<u32> {
        self.subjects.find(head, tail)
    }

    /// Visits every permission of `subject`, and of every subject that it holds, whose object contains `path`: an
    /// object `a/b`, or `a/b/` for everything below. A permission can come several times.
    #[inline]
    pub(super) fn visit(&self, prefixes: bool, subject: u32, path: &str, mut on: impl FnMut(RuleId, &Permission)) {
        self.containing(prefixes, path, |object| self.visit_on(subject, object, &mut on));
    }

    /// Visits the numbers of the object patterns that contain `path`.
    #[inline]
    pub(super) fn containing(&self, prefixes: bool, path: &str, mut on: impl FnMut(u32)) {
        self.objects.find(path, "").into_iter().for_each(&mut on);
        if prefixes {
            // In keyMatch, `a/*` matches what starts with `a/`: never `a` itself or `ab`.
            for (slash, _) in path.bytes().enumerate().filter(|(_, byte)| *byte == b'/') {
                self.objects.find(path.get(..=slash).unwrap_or_default(), "*").into_iter().for_each(&mut on);
            }
        }
    }

    /// Visits every permission of `subject`, and of every subject that it holds, on exactly this object pattern.
    #[inline]
    pub(super) fn visit_on(&self, subject: u32, object: u32, on: &mut impl FnMut(RuleId, &Permission)) {
        self.roles.visit(subject, |subject, own| {
            own.on(object).for_each(|permission| on(RuleId { subject, permission: *permission }, permission));
        });
    }

    /// Returns whether the permission is for the action of this number, or for an action that no line names if `wanted`
    /// is `None`. With `star`, a permission for `*` is for all actions.
    #[inline]
    pub(super) fn acts(permission: &Permission, wanted: Option<u32>, star: bool) -> bool {
        if permission.action == STAR { star || wanted == Some(STAR) } else { Some(permission.action) == wanted }
    }
}

/// Returns `names` with those of `more` that are not among them.
fn with_new(names: &Names, more: Vec<Name<'_>>) -> Names {
    names.with(more.into_iter().filter(|(head, tail)| names.find(head, tail).is_none()))
}

/// Compares two names as whole texts.
fn whole(a: &Name<'_>, b: &Name<'_>) -> Ordering {
    match (a.1, b.1) {
        ("", "") => a.0.cmp(b.0),
        _ => a.0.bytes().chain(a.1.bytes()).cmp(b.0.bytes().chain(b.1.bytes())),
    }
}

/// A comparison of two names.
type Order<'n> = fn(&Name<'n>, &Name<'n>) -> Ordering;

/// Names, each kept once however often it comes.
struct Distinct<'n> {
    names: Vec<Name<'n>>,
    order: Order<'n>,
    /// Length at which duplicates are removed: twice the number of distinct names at the last removal, and at least
    /// 1,024.
    limit: usize,
}

impl<'n> Distinct<'n> {
    fn new(order: Order<'n>) -> Self {
        Self { names: Vec::new(), order, limit: 1024 }
    }

    fn push(&mut self, name: Name<'n>) {
        if self.names.last() == Some(&name) {
            return;
        }
        self.names.push(name);
        if self.names.len() >= self.limit {
            self.thin();
            self.limit = self.limit.max(self.names.len() * 2);
        }
    }

    // A stable sort, because it is fast on input that is mostly sorted.
    fn thin(&mut self) {
        self.names.sort_by(self.order);
        self.names.dedup();
    }

    fn in_order(mut self) -> Vec<Name<'n>> {
        self.thin();
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_star_comes_first_whatever_else_there_is() {
        let permit =
            |action| Entry::Permission { subject: ("", "a"), object: ("b", ""), action, effect: Effect::Allow };
        let index = Index::default().after(std::iter::empty(), ["read", "!", "*", "", "#"].into_iter().map(permit));
        assert_eq!(index.actions.text(STAR), Some("*"));
        assert_eq!(index.len(), 5);
    }
}
