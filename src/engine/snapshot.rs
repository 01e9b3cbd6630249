//! One tenant's rules at one revision: immutable, interned, laid out for look-ups. How it is
//! asked is in [`decide`](super::decide).

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ahash::RandomState;

use super::names::{Names, number};
use super::plan::Plan;
use super::roles::Roles;
use crate::domain::key::{ActionPattern, ObjectPattern, TenantKey};
use crate::policy::rule::{Effect, Rule, Subject};

/// A rule of a snapshot, by its place in the order of rules. It means nothing to another snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(super) u32);

/// A `p` rule by the numbers of its names.
#[derive(Clone, Copy)]
pub(super) struct Permission {
    pub(super) subject: u32,
    pub(super) object: u32,
    pub(super) action: u32,
    pub(super) effect: Effect,
}

/// The number of the action `*`: interned first in every snapshot.
pub(super) const STAR: u32 = 0;

/// One tenant's policy at one revision.
///
/// Names are numbered in their order, so that the order of numbers is the order of rules: equal
/// sets of rules make equal snapshots, whatever order they came in.
pub struct Snapshot {
    pub(super) plan: Arc<Plan>,
    tenant: TenantKey,
    revision: u64,
    pub(super) subjects: Names,
    pub(super) objects: Names,
    pub(super) actions: Names,
    /// The `p` rules in order: those of one subject on one object stand together.
    pub(super) permissions: Vec<Permission>,
    /// Where the rules of a subject on an object begin, by [`span_key`].
    spans: HashMap<u64, u32, RandomState>,
    pub(super) roles: Roles,
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
        rules.dedup_by(|a, b| (*a).borrow() == (*b).borrow());
        let rules: Vec<&Rule> = rules.iter().map(Borrow::borrow).collect();

        let (subjects, objects, actions) = intern(&rules);
        let permissions: Vec<Permission> =
            rules.iter().filter_map(|rule| permission(rule, &subjects, &objects, &actions)).collect();
        let links: Vec<(u32, u32)> = rules.iter().filter_map(|rule| link(rule, &subjects)).collect();
        Self {
            plan: Arc::clone(plan),
            tenant: tenant.clone(),
            revision,
            spans: spans(&permissions),
            roles: Roles::new(subjects.len(), &links),
            subjects,
            objects,
            actions,
            permissions,
        }
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
        self.permissions.len() + self.roles.links()
    }

    /// Whether it holds no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules in their order.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + '_ {
        (0..number(self.len())).filter_map(|at| self.rule(RuleId(at)))
    }

    /// The rule of this id.
    pub fn rule(&self, id: RuleId) -> Option<Rule> {
        let at = id.0 as usize;
        let Some(permission) = self.permissions.get(at) else {
            let (member, role) = self.roles.link(at - self.permissions.len())?;
            return Some(Rule::Membership { member: self.subject(member)?, role: self.subject(role)? });
        };
        Some(Rule::Permission {
            subject: self.subject(permission.subject)?,
            object: ObjectPattern::parse(self.objects.text(permission.object)?).ok()?,
            action: ActionPattern::parse(self.actions.text(permission.action)?).ok()?,
            effect: permission.effect,
        })
    }

    fn subject(&self, number: u32) -> Option<Subject> {
        Subject::parse(self.subjects.text(number)?).ok()
    }

    /// Whether any rule names this subject.
    pub fn knows(&self, subject: &Subject) -> bool {
        self.number(subject).is_some()
    }

    /// Whether `subject` is `role` or holds it, directly or through others.
    pub fn holds(&self, subject: &Subject, role: &Subject) -> bool {
        let held = |(subject, role): (u32, u32)| self.roles.closure(subject).binary_search(&role).is_ok();
        subject == role || self.number(subject).zip(self.number(role)).is_some_and(held)
    }

    pub(super) fn number(&self, subject: &Subject) -> Option<u32> {
        let (kind, key) = subject_name(subject);
        self.subjects.find(kind, key)
    }

    /// The rules of exactly this subject on exactly this object pattern.
    pub(super) fn permissions_on(&self, subject: u32, object: u32) -> impl Iterator<Item = (RuleId, &Permission)> {
        let start = self.spans.get(&span_key(subject, object)).copied();
        let span = start.and_then(|start| self.permissions.get(start as usize..)).unwrap_or_default();
        (start.unwrap_or_default()..)
            .map(RuleId)
            .zip(span)
            .take_while(move |(_, permission)| permission.subject == subject && permission.object == object)
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

/// The two pieces by which a subject is interned: its [`Display`](fmt::Display) form, without
/// the work of writing it.
fn subject_name(subject: &Subject) -> (&str, &str) {
    match subject {
        Subject::User(key) => ("user:", key.as_str()),
        Subject::Profile(key) => ("profile:", key.as_str()),
        Subject::Group(key) => ("group:", key.as_str()),
        Subject::Custom(key) => ("custom:", key.as_str()),
        Subject::Role(role) => ("role:", role.as_str()),
    }
}

/// The two pieces by which an object is interned. A request finds `a/b/*` by its own `a/b/`.
fn object_name(object: &ObjectPattern) -> (&str, &str) {
    object.prefix().map_or((object.as_str(), ""), |prefix| (prefix, "*"))
}

/// Numbers the names of `rules` (subjects, objects, actions), each in their order.
fn intern(rules: &[&Rule]) -> (Names, Names, Names) {
    let (mut subjects, mut objects, mut actions) = (Vec::new(), Vec::new(), Vec::new());
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
    let any = ActionPattern::any();
    actions.push(&any);
    (
        Names::new(ordered(subjects).into_iter().map(subject_name)),
        Names::new(ordered(objects).into_iter().map(object_name)),
        Names::new(ordered(actions).into_iter().map(|action| (action.as_str(), ""))),
    )
}

/// Each value once, in order.
fn ordered<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.dedup();
    values.sort();
    values.dedup();
    values
}

fn permission(rule: &Rule, subjects: &Names, objects: &Names, actions: &Names) -> Option<Permission> {
    let Rule::Permission { subject, object, action, effect } = rule else { return None };
    let ((kind, key), (head, tail)) = (subject_name(subject), object_name(object));
    Some(Permission {
        subject: subjects.find(kind, key)?,
        object: objects.find(head, tail)?,
        action: actions.find(action.as_str(), "")?,
        effect: *effect,
    })
}

fn link(rule: &Rule, subjects: &Names) -> Option<(u32, u32)> {
    let Rule::Membership { member, role } = rule else { return None };
    let find = |(kind, key)| subjects.find(kind, key);
    find(subject_name(member)).zip(find(subject_name(role)))
}

/// Both numbers in one, which is quicker to hash than two.
fn span_key(subject: u32, object: u32) -> u64 {
    u64::from(subject) << 32 | u64::from(object)
}

fn spans(permissions: &[Permission]) -> HashMap<u64, u32, RandomState> {
    let mut spans: HashMap<_, _, _> = HashMap::default();
    for (at, permission) in permissions.iter().enumerate() {
        spans.entry(span_key(permission.subject, permission.object)).or_insert_with(|| number(at));
    }
    spans.shrink_to_fit();
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule::BuiltIn;

    #[test]
    fn the_pieces_of_a_name_are_those_of_its_rule() {
        for text in ["user:dana", "profile:night", "group:g", "custom:c"] {
            let subject = Subject::parse(text).unwrap();
            let (kind, key) = subject_name(&subject);
            assert_eq!(format!("{kind}{key}"), text);
        }
        for role in BuiltIn::ALL.map(Subject::Role) {
            let (kind, key) = subject_name(&role);
            assert_eq!(format!("{kind}{key}"), role.to_string());
        }
        let star = ordered(vec![ActionPattern::parse("a").unwrap(), ActionPattern::any()]);
        assert_eq!(star.first(), Some(&ActionPattern::any()), "STAR is the first action");
    }
}
