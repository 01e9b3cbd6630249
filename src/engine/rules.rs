//! Rules and their numbers: the names by which a snapshot knows the parts of a rule, the way back from numbers to
//! rules, and the order of rules.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use ahash::RandomState;

use super::index::{Entry, Index, Name};
use super::permissions::{Permission, Permissions};
use super::snapshot::Snapshot;
use crate::domain::key::{ActionPattern, ObjectPattern};
use crate::policy::rule::{BuiltIn, Rule, Subject};

/// A permission of a snapshot. It means nothing to the snapshot of another tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleId {
    pub(super) subject: u32,
    pub(super) permission: Permission,
}

/// Returns the two pieces under which a subject is interned: its [`Display`](std::fmt::Display) form, without the work
/// of writing it.
pub(super) fn subject_name(subject: &Subject) -> Name<'_> {
    match subject {
        Subject::User(key) => ("user:", key.as_str()),
        Subject::Profile(key) => ("profile:", key.as_str()),
        Subject::Group(key) => ("group:", key.as_str()),
        Subject::Custom(key) => ("custom:", key.as_str()),
        Subject::Role(role) => ("role:", role.as_ref()),
    }
}

/// Returns the two pieces under which an object is interned. A request finds `a/b/*` by its own `a/b/`.
pub(super) fn object_name(object: &ObjectPattern) -> Name<'_> {
    object.prefix().map_or((object.as_str(), ""), |prefix| (prefix, "*"))
}

/// Returns the names of a rule.
pub(super) fn entry(rule: &Rule) -> Entry<'_> {
    match rule {
        Rule::Permission { subject, object, action, effect } => Entry::Permission {
            subject: subject_name(subject),
            object: object_name(object),
            action: action.as_str(),
            effect: *effect,
        },
        Rule::Membership { member, role } => Entry::Link { member: subject_name(member), role: subject_name(role) },
    }
}

/// Returns a sort key that orders names of subjects as subjects are ordered, with all other names after them.
pub(super) fn subject_order((kind, key): Name<'_>) -> (usize, Option<BuiltIn>, &str, &str) {
    match ["user:", "profile:", "group:", "custom:"].iter().position(|known| *known == kind) {
        Some(place) => (place, None, kind, key),
        None => (usize::MAX, key.parse().ok(), kind, key),
    }
}

/// Returns the two pieces of a subject's name, as [`subject_name`] gives them.
pub(super) fn subject_pieces(name: &str) -> Name<'_> {
    name.find(':').and_then(|colon| name.split_at_checked(colon + 1)).unwrap_or(("", name))
}

/// The place of a rule in a snapshot.
#[derive(Clone, Copy)]
enum Place {
    /// A permission.
    Permission(RuleId),
    /// A link: a member and what it holds.
    Membership((u32, u32)),
}

impl Snapshot {
    /// Returns the rules in their order.
    pub fn rules(&self) -> impl Iterator<Item = Rule> {
        self.order(|_| true).into_iter().filter_map(|place| self.at(place))
    }

    /// Returns the rules of `subject` and of all that it holds, in their order: everything that its decisions are made
    /// from.
    pub fn rules_of(&self, subject: &Subject) -> Vec<Rule> {
        let Some(number) = self.number(subject) else { return Vec::new() };
        let mut held: HashSet<u32, RandomState> = HashSet::default();
        self.index.roles.visit(number, |one, _| _ = held.insert(one));
        self.order(|subject| held.contains(&subject)).into_iter().filter_map(|place| self.at(place)).collect()
    }

    /// Returns the rules as lines of the model: `p` or `g`, then the values in the order that the model defines. Lines
    /// are written one by one, and the iterator keeps the snapshot alive.
    pub fn lines(self: &Arc<Self>) -> impl Iterator<Item = Vec<String>> + Send + use<> {
        let snapshot = Arc::clone(self);
        self.order(|_| true).into_iter().filter_map(move |place| snapshot.line(&snapshot.at(place)?))
    }

    /// Returns the rule as a line of the model; `None` for a denial in a model without an effect field.
    pub fn line(&self, rule: &Rule) -> Option<Vec<String>> {
        let mut line = vec![rule.ptype().to_owned()];
        line.extend(self.plan.policy_line(rule, self.tenant())?);
        Some(line)
    }

    /// Returns the places of the rules of the wanted subjects, in the order of rules.
    fn order(&self, wanted: impl Fn(u32) -> bool) -> Vec<Place> {
        let of = |(subject, own): (u32, &Permissions)| {
            own.iter().map(move |permission| RuleId { subject, permission: *permission }).collect::<Vec<_>>()
        };
        let owned = self.index.roles.owned().filter(|(subject, _)| wanted(*subject));
        let mut permissions: Vec<_> = owned.flat_map(of).collect();
        permissions.sort_unstable_by(|a, b| self.index.order(a, b));
        let mut links: Vec<_> = self.index.roles.iter().filter(|(member, _)| wanted(*member)).collect();
        links.sort_unstable_by(|a, b| {
            self.index.subject_order(a.0, b.0).then_with(|| self.index.subject_order(a.1, b.1))
        });
        permissions.into_iter().map(Place::Permission).chain(links.into_iter().map(Place::Membership)).collect()
    }

    fn at(&self, place: Place) -> Option<Rule> {
        match place {
            Place::Permission(id) => self.permission(&id),
            Place::Membership((member, role)) => {
                Some(Rule::Membership { member: self.subject(member)?, role: self.subject(role)? })
            }
        }
    }

    /// Returns the rule of this id, if the snapshot has it.
    pub fn rule(&self, id: RuleId) -> Option<Rule> {
        let mut on = self.index.roles.own(id.subject)?.on(id.permission.object);
        on.any(|known| *known == id.permission).then(|| self.permission(&id)).flatten()
    }

    fn permission(&self, id: &RuleId) -> Option<Rule> {
        Some(Rule::Permission {
            subject: self.subject(id.subject)?,
            object: ObjectPattern::parse(self.index.objects.text(id.permission.object)?).ok()?,
            action: ActionPattern::parse(self.index.actions.text(id.permission.action)?).ok()?,
            effect: id.permission.effect,
        })
    }

    pub(super) fn subject(&self, number: u32) -> Option<Subject> {
        Subject::parse(self.index.subjects.text(number)?).ok()
    }
}

impl Index {
    /// Compares two permissions in the order of rules.
    pub(super) fn order(&self, a: &RuleId, b: &RuleId) -> Ordering {
        let (one, other) = (&a.permission, &b.permission);
        self.subject_order(a.subject, b.subject)
            .then_with(|| self.objects.order(one.object, other.object, |name| name))
            .then_with(|| self.actions.order(one.action, other.action, |name| name))
            .then_with(|| one.effect.cmp(&other.effect))
    }

    pub(super) fn subject_order(&self, a: u32, b: u32) -> Ordering {
        self.subjects.order(a, b, |name| subject_order(subject_pieces(name)))
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    const SUBJECTS: [&str; 5] = ["user:dana", "profile:night", "group:g", "custom:c", "custom:member"];

    #[test]
    fn the_pieces_of_a_name_are_those_of_its_rule() {
        for text in SUBJECTS {
            let subject = Subject::parse(text).unwrap();
            let (kind, key) = subject_name(&subject);
            assert_eq!(format!("{kind}{key}"), text);
        }
        for role in BuiltIn::VARIANTS.iter().copied().map(Subject::Role) {
            let (kind, key) = subject_name(&role);
            assert_eq!(format!("{kind}{key}"), role.to_string());
        }
    }

    #[test]
    fn names_of_subjects_are_ordered_as_subjects_are() {
        let all = SUBJECTS.into_iter().chain(["user:a", "user:member", "custom:d", "profile:member", "group:admin"]);
        let mut subjects: Vec<Subject> = all.map(|text| Subject::parse(text).unwrap()).collect();
        subjects.extend(BuiltIn::VARIANTS.iter().copied().map(Subject::Role));
        for one in &subjects {
            for other in &subjects {
                let (a, b) = (one.to_string(), other.to_string());
                assert_eq!(
                    subject_order(subject_pieces(&a)).cmp(&subject_order(subject_pieces(&b))),
                    one.cmp(other),
                    "{a} {b}"
                );
            }
        }
    }
}
