//! The roles that subjects hold, directly and through others: the `g` rules of a snapshot, over the numbers of its
//! subjects.
//!
//! A subject keeps what it holds directly, and a subject that others hold keeps all that it leads to. So a user's
//! change touches that user alone, however many roles lie behind it, and a role's change touches the roles that lead to
//! it, however many users hold them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use ahash::RandomState;

use super::change::{Change, by_subject, changed, outcomes};
use super::persistent_vec::Chunks;

/// Maximum number of links from a subject to a role that it holds. Casbin's role manager surely follows as many (past
/// them its count depends on the order of the rules), and no chain that can be written is longer than eight.
const MAX_LINKS: usize = 9;

/// One subject in the graph, with what it has of its own. A decision needs all of it and visits many subjects at
/// random, so a subject is one cache line.
#[derive(Clone, Default)]
#[repr(align(64))]
struct Node<T> {
    own: T,
    /// The roles that it holds directly, in order.
    direct: Option<Arc<[u32]>>,
    /// Roles that the holders of the subject have through it, in order. The subject itself is one link away from
    /// them already.
    beyond: Option<Arc<[u32]>>,
    /// Number of subjects that hold it directly.
    members: u32,
}

/// The role graph of a snapshot, in which each subject has a `T` of its own.
#[derive(Clone, Default)]
pub(super) struct Roles<T> {
    nodes: Chunks<Node<T>>,
    /// The links of members that are held themselves, reversed to (role, member), in order: the way back from a role
    /// that changed to those that lead to it.
    nested: Arc<Vec<(u32, u32)>>,
    len: usize,
}

impl<T: Clone + Default> Roles<T> {
    /// Returns the number of links.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Visits the subject and all that it holds, each with its own value. A role held in several ways can come several
    /// times.
    // Plain loops, because each decision runs through them: a chain of iterators costs twice as much.
    #[inline]
    pub(super) fn visit(&self, subject: u32, mut on: impl FnMut(u32, &T)) {
        let Some(node) = self.nodes.get(subject) else { return };
        on(subject, &node.own);
        for role in node.direct.as_deref().unwrap_or_default() {
            let Some(node) = self.nodes.get(*role) else { continue };
            on(*role, &node.own);
            for role in node.beyond.as_deref().unwrap_or_default() {
                self.own(*role).into_iter().for_each(|own| on(*role, own));
            }
        }
    }

    /// Returns whether `subject` holds `role`, directly or through others.
    pub(super) fn holds(&self, subject: u32, role: u32) -> bool {
        let through = |held: &u32| *held == role || self.beyond(*held).binary_search(&role).is_ok();
        self.direct(subject).iter().any(through)
    }

    /// Returns the subject's own value.
    pub(super) fn own(&self, subject: u32) -> Option<&T> {
        self.nodes.get(subject).map(|node| &node.own)
    }

    /// Iterates over the subjects, each with its own value.
    pub(super) fn owned(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.nodes.iter().map(|node| &node.own))
    }

    /// Returns the own value of one of `subjects` subjects, for a change.
    pub(super) fn own_mut(&mut self, subject: u32, subjects: usize) -> Option<&mut T> {
        self.nodes.grow(subjects);
        self.nodes.get_mut(subject).map(|node| &mut node.own)
    }

    /// Returns whether any link names the subject.
    pub(super) fn knows(&self, subject: u32) -> bool {
        self.members(subject) > 0 || !self.direct(subject).is_empty()
    }

    /// Iterates over the links (member, role).
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let direct = self.nodes.iter().map(|node| node.direct.as_deref().unwrap_or_default());
        (0..).zip(direct).flat_map(|(member, roles)| roles.iter().map(move |role| (member, *role)))
    }

    /// Returns the roles that the subject holds directly.
    #[inline]
    pub(super) fn direct(&self, subject: u32) -> &[u32] {
        self.nodes.get(subject).and_then(|node| node.direct.as_deref()).unwrap_or_default()
    }

    #[inline]
    fn beyond(&self, role: u32) -> &[u32] {
        self.nodes.get(role).and_then(|node| node.beyond.as_deref()).unwrap_or_default()
    }

    fn members(&self, role: u32) -> u32 {
        self.nodes.get(role).map_or(0, |node| node.members)
    }

    /// Returns the graph after `changes` to what members hold, which are in order.
    pub(super) fn after(&self, changes: &[Change<u32>]) -> Self {
        let mut next = self.clone();
        let named = changes.iter().map(|change| change.subject.max(change.item));
        next.nodes.grow(named.max().map_or(0, |last| last as usize + 1));
        next.relink(changes);
        let around = self.around(&next, changes);
        next.nest(self, &around);
        for role in next.leading_to(around) {
            let beyond = if next.members(role) > 0 { next.walk(role) } else { Vec::new() };
            if let Some(node) = next.nodes.get_mut(role) {
                node.beyond = (!beyond.is_empty()).then(|| beyond.into());
            }
        }
        next
    }

    /// Returns the subjects through which the way changes between this graph and `next`: members that others hold, and
    /// roles that come to be held or cease to be.
    fn around(&self, next: &Self, changes: &[Change<u32>]) -> BTreeSet<u32> {
        let held = |one| (self.members(one) > 0, next.members(one) > 0);
        let members = changes.iter().map(|change| change.subject).filter(|one| held(*one) != (false, false));
        let roles = changes.iter().map(|change| change.item).filter(|one| held(*one).0 != held(*one).1);
        members.chain(roles).collect()
    }

    /// Sets the direct roles and counts the members.
    fn relink(&mut self, changes: &[Change<u32>]) {
        // A tenant has many users and few combinations of roles.
        let mut known: HashSet<Arc<[u32]>, RandomState> = HashSet::default();
        for (member, changes) in by_subject(changes) {
            let before = self.direct(member);
            let after = changed(before.iter().copied(), changes);
            let moved: Vec<_> =
                outcomes(changes).filter(|(role, comes)| before.binary_search(role).is_ok() != *comes).collect();
            let shared = known.get(after.as_slice()).cloned().unwrap_or_else(|| {
                let new: Arc<[u32]> = after.into();
                known.insert(Arc::clone(&new));
                new
            });
            self.len = self.len + shared.len() - before.len();
            if let Some(node) = self.nodes.get_mut(member) {
                node.direct = (!shared.is_empty()).then_some(shared);
            }
            for (role, comes) in moved {
                if let Some(node) = self.nodes.get_mut(role) {
                    node.members = if comes { node.members + 1 } else { node.members.saturating_sub(1) };
                }
            }
        }
    }

    /// Updates the reversed links of members that are or were held themselves. Among them only those in `around` differ
    /// between `before` and `self`.
    fn nest(&mut self, before: &Self, around: &BTreeSet<u32>) {
        let links = |roles: &Self| -> BTreeSet<(u32, u32)> {
            let held = around.iter().filter(|member| roles.members(**member) > 0);
            held.flat_map(|member| roles.direct(*member).iter().map(|role| (*role, *member))).collect()
        };
        let (was, is) = (links(before), links(self));
        if was != is {
            let mut nested: Vec<_> = self.nested.iter().copied().filter(|link| !was.contains(link)).collect();
            nested.extend(is);
            nested.sort_unstable();
            self.nested = Arc::new(nested);
        }
    }

    /// Returns the given roles, and all that lead to them.
    fn leading_to(&self, mut roles: BTreeSet<u32>) -> BTreeSet<u32> {
        let mut due: Vec<u32> = roles.iter().copied().collect();
        while let Some(role) = due.pop() {
            let start = self.nested.partition_point(|(held, _)| *held < role);
            let above = self.nested.iter().skip(start).take_while(|(held, _)| *held == role);
            due.extend(above.map(|(_, member)| *member).filter(|member| roles.insert(*member)));
        }
        roles
    }

    /// Returns all roles that can be reached from `role`, layer by layer, within the links that remain for its holders.
    /// A role already seen is not walked again, so that cycles end.
    fn walk(&self, role: u32) -> Vec<u32> {
        let mut seen: HashSet<u32, RandomState> = HashSet::default();
        let mut layer = vec![role];
        for _ in 1..MAX_LINKS {
            let next = layer.iter().flat_map(|role| self.direct(*role)).copied();
            layer = next.filter(|role| seen.insert(*role)).collect();
        }
        let mut found: Vec<u32> = seen.into_iter().collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(links: &[(u32, u32)], comes: bool) -> Vec<Change<u32>> {
        let mut changes: Vec<_> =
            links.iter().map(|(subject, item)| Change { subject: *subject, item: *item, comes }).collect();
        changes.sort_unstable();
        changes
    }

    fn roles(links: &[(u32, u32)]) -> Roles<()> {
        Roles::default().after(&changes(links, true))
    }

    fn closure(roles: &Roles<()>, subject: u32) -> Vec<u32> {
        let mut held = Vec::new();
        roles.visit(subject, |role, ()| held.push(role));
        let held: BTreeSet<u32> = held.into_iter().skip(1).collect();
        assert!((0..20).all(|role| roles.holds(subject, role) == held.contains(&role)));
        held.into_iter().collect()
    }

    #[test]
    fn a_closure_holds_all_that_can_be_reached() {
        let links = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (5, 1), (5, 2)];
        let roles = roles(&links);
        assert_eq!(closure(&roles, 0), [1, 2, 3, 4]);
        assert_eq!(closure(&roles, 5), closure(&roles, 0));
        assert_eq!(closure(&roles, 3), [4]);
        assert!(closure(&roles, 4).is_empty() && closure(&roles, 99).is_empty());
        assert!(roles.iter().eq(links));
        assert_eq!(roles.len(), links.len());
        assert!(roles.knows(0) && roles.knows(4) && !roles.knows(99));
    }

    #[test]
    fn cycles_end() {
        let roles = roles(&[(0, 1), (1, 2), (2, 0), (2, 2)]);
        for subject in 0..3 {
            assert_eq!(closure(&roles, subject), [0, 1, 2]);
        }
    }

    #[test]
    fn a_chain_is_followed_as_far_as_casbin_surely_does() {
        let chain: Vec<(u32, u32)> = (0..12).map(|n| (n, n + 1)).collect();
        assert_eq!(closure(&roles(&chain), 0), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_link_that_goes_takes_what_lay_behind_it() {
        let links = [(0, 1), (1, 2), (2, 3), (3, 4), (9, 2)];
        let all = roles(&links);
        let cut = all.after(&changes(&[(2, 3)], false));
        assert_eq!((closure(&cut, 0), closure(&cut, 9), closure(&cut, 3)), (vec![1, 2], vec![2], vec![4]));
        let whole = cut.after(&changes(&[(2, 3)], true));
        for subject in 0..10 {
            assert_eq!(closure(&whole, subject), closure(&all, subject));
        }
        let none = whole.after(&changes(&links, false));
        assert_eq!((none.len(), none.iter().count(), none.nested.len()), (0, 0, 0));
        assert!((0..10).all(|subject| !none.knows(subject)));
    }

    #[test]
    fn members_of_the_same_roles_share_them() {
        let roles = roles(&[(0, 8), (0, 9), (1, 8), (1, 9)]);
        assert_eq!(roles.direct(0).as_ptr(), roles.direct(1).as_ptr());
    }
}
