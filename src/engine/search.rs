//! Questions for all users, or for all objects: the answer is exactly those for which [`decide`](Snapshot::decide)
//! allows it.
//!
//! A question for all users looks at each role once, and combines a user's verdict from their roles. In a question for
//! all objects, objects side by side share the rules about all of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use ahash::RandomState;

use super::decide::FirstMatches;
use super::held::Held;
use super::permissions::Permissions;
use super::rules::RuleId;
use super::snapshot::Snapshot;
use super::tenant::TenantPolicy;
use crate::domain::key::{Action, Object, SectionKey, UserKey};
use crate::policy::reach::{Candidates, KeyRange};
use crate::policy::rule::{Effect, Subject};

impl TenantPolicy {
    /// Returns the users that may do `action` on `object`, by key, within a part of the list of all. It seeks the part,
    /// so that the cost of a page depends on its length, on how few users may, and on how many users came since the
    /// snapshot was built.
    pub fn who_can<'p>(
        &'p self,
        object: &Object,
        action: &Action,
        part: &KeyRange<UserKey>,
    ) -> impl Iterator<Item = UserKey> + use<'p> {
        let mut fold = Fold::new(&self.snapshot, object, action);
        // A user without a rule may do what is allowed to every user; in most models that is nothing.
        let others = fold.allows(None).then_some(&*self.disabled).into_iter().flatten();
        let users = self.snapshot.users(part, others.map(UserKey::as_str));
        users.filter(move |(_, number)| fold.allows(*number)).filter_map(|(key, _)| UserKey::parse(key).ok())
    }
}

/// A request without its subject, to be answered for many.
struct Fold<'s> {
    snapshot: &'s Snapshot,
    /// The numbers of the object patterns that contain the request's object.
    objects: Vec<u32>,
    wanted: Option<u32>,
    /// The matching rules of each subject with rules of its own: roles, for the most part.
    own: HashMap<u32, FirstMatches, RandomState>,
}

impl<'s> Fold<'s> {
    fn new(snapshot: &'s Snapshot, object: &Object, action: &Action) -> Self {
        let mut objects = Vec::new();
        snapshot.index.containing(snapshot.plan.prefixes(), object.as_str(), |object| objects.push(object));
        let wanted = snapshot.index.actions.find(action.as_str(), "");
        Self { snapshot, objects, wanted, own: HashMap::default() }
    }

    /// Returns whether this subject may do it; `None` stands for a subject that no rule names.
    fn allows(&mut self, subject: Option<u32>) -> bool {
        let (snapshot, mut all) = (self.snapshot, FirstMatches::default());
        if let Some(subject) = subject {
            snapshot.index.roles.visit(subject, |holder, own| {
                if !own.is_empty() {
                    all = all.or(self.matches(holder, own));
                }
            });
        }
        snapshot.allowed_by(all)
    }

    fn matches(&mut self, holder: u32, own: &Permissions) -> FirstMatches {
        let (snapshot, objects, wanted) = (self.snapshot, &self.objects, self.wanted);
        *self.own.entry(holder).or_insert_with(|| {
            let mut matches = FirstMatches::default();
            let permissions = objects.iter().flat_map(|object| own.on(*object));
            for permission in permissions.filter(|permission| snapshot.acts(permission, wanted)) {
                matches.note_any(RuleId { subject: holder, permission: *permission }, permission.effect);
            }
            matches
        })
    }
}

impl Snapshot {
    /// Returns the users that rules name, with their numbers, and `others` that no rule names: those in a part of the
    /// list by key, in the part's direction.
    pub(super) fn users<'s>(&'s self, part: &KeyRange<UserKey>, others: impl Iterator<Item = &'s str>) -> Users<'s> {
        let user = |number| Some((user_key(self.index.subjects.text(number)?)?, Some(number)));
        let beyond = |key: &str| {
            part.after.as_ref().is_none_or(|after| after.as_str() < key)
                && part.before.as_ref().is_none_or(|before| key < before.as_str())
        };
        let late = self.index.subjects.late().filter(|number| self.is_named(*number)).filter_map(user);
        let mut late: Vec<_> = late.chain(others.map(|key| (key, None))).filter(|(key, _)| beyond(key)).collect();
        late.sort_unstable();
        // Users come first in the order of subjects.
        let until =
            |end: &dyn Fn(&str) -> bool| self.index.subjects.partition_point(|name| user_key(name).is_some_and(end));
        let low = part.after.as_ref().map_or(0, |after| until(&|key| key <= after.as_str()));
        let high = part.before.as_ref().map_or_else(|| until(&|_| true), |before| until(&|key| key < before.as_str()));
        let early = (low..high).filter(|number| self.is_named(*number)).filter_map(user);
        let (early, late): (Users<'s>, Users<'s>) = if part.backward {
            (Box::new(early.rev()), Box::new(late.into_iter().rev()))
        } else {
            (Box::new(early), Box::new(late.into_iter()))
        };
        Box::new(merged(early, late, part.backward))
    }

    /// Returns the objects directly below `path` that rules of any subject name.
    pub fn named_below(&self, path: &Object) -> BTreeSet<Object> {
        let mut looked_at: HashSet<u32, RandomState> = HashSet::default();
        let own = self.index.roles.owned().flat_map(|(_, own)| own.iter().map(|permission| permission.object));
        let named = own.filter(|object| looked_at.insert(*object)).filter_map(|object| {
            let object = self.index.objects.text(object)?;
            let (above, _) = object.rsplit_once('/')?;
            if above == path.as_str() { Object::parse(object).ok() } else { None }
        });
        named.collect()
    }

    /// Returns the actions that rules of any subject name.
    pub fn named_actions(&self) -> BTreeSet<Action> {
        let own = self.index.roles.owned().flat_map(|(_, own)| own.iter().map(|permission| permission.action));
        let named: HashSet<u32, RandomState> = own.collect();
        named.into_iter().filter_map(|action| Action::parse(self.index.actions.text(action)?).ok()).collect()
    }

    /// Prepares the access of `subject`, to be asked about many objects.
    pub fn access<'s>(&'s self, subject: &'s Subject) -> Access<'s> {
        self.access_by(subject, &self.actions_of(self.number(subject)))
    }

    /// Prepares the access of `subject` to this action alone, whether or not a rule names it.
    pub fn access_to<'s>(&'s self, subject: &'s Subject, action: &Action) -> Access<'s> {
        let actions = vec![(self.index.actions.find(action.as_str(), ""), action.clone())];
        Access::new(self, subject, actions)
    }

    /// Prepares the access of `subject` to the actions that the platform knows and to these others.
    pub(super) fn access_by<'s>(&'s self, subject: &'s Subject, others: &BTreeSet<Action>) -> Access<'s> {
        let number_of = |action: Action| (self.index.actions.find(action.as_str(), ""), action);
        let actions = Action::all().into_iter().chain(others.iter().cloned()).map(number_of).collect();
        Access::new(self, subject, actions)
    }

    /// Returns the actions that the rules of a subject, and of all that it holds, name beside those that the platform
    /// knows.
    pub(super) fn actions_of(&self, subject: Option<u32>) -> BTreeSet<Action> {
        let mut named: BTreeSet<u32> = BTreeSet::new();
        if let Some(subject) = subject {
            self.index.roles.visit(subject, |_, own| named.extend(own.iter().map(|permission| permission.action)));
        }
        let others = named.into_iter().filter_map(|action| Action::parse(self.index.actions.text(action)?).ok());
        others.filter(|action| !Action::all().contains(action)).collect()
    }
}

pub(super) type Users<'s> = Box<dyn Iterator<Item = (&'s str, Option<u32>)> + 's>;

fn user_key(name: &str) -> Option<&str> {
    name.strip_prefix("user:")
}

/// Merges two ordered lists.
fn merged<'s>(one: Users<'s>, other: Users<'s>, backward: bool) -> impl Iterator<Item = (&'s str, Option<u32>)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some((a, _)), Some((b, _))) if (a < b) == backward => other.next(),
        (Some(_), _) => one.next(),
        _ => other.next(),
    })
}

/// The access of one subject, asked about one object after the other: fast for objects side by side.
pub struct Access<'s> {
    snapshot: &'s Snapshot,
    /// The actions that are looked at, with their numbers.
    actions: Vec<(Option<u32>, Action)>,
    held: Held<'s>,
    /// A path with its slash, and what rules say of all that is directly below, by action.
    around: Option<(String, Vec<FirstMatches>)>,
}

impl<'s> Access<'s> {
    fn new(snapshot: &'s Snapshot, subject: &Subject, actions: Vec<(Option<u32>, Action)>) -> Self {
        Self { snapshot, actions, held: Held::new(snapshot, snapshot.number(subject)), around: None }
    }

    /// The actions that are allowed on `object`, of those that the platform knows and those that
    /// the subject's rules name.
    pub fn on(&mut self, object: &Object) -> Vec<Action> {
        let path = object.as_str();
        let above = path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or_default();
        let mut matches = self.around(above);
        if let Some(object) = self.snapshot.index.objects.find(path, "") {
            self.held.visit(object, |id| note(self.snapshot, &self.actions, &mut matches, id));
        }
        self.allowed(&matches).cloned().collect()
    }

    /// Returns the resources of these sections on which anything can be allowed: all of an open section, and in a
    /// closed one those on which something is.
    pub fn candidates<'c>(&mut self, sections: impl Iterator<Item = &'c SectionKey>) -> Candidates {
        let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
        for section in sections {
            let matches = self.around(&format!("{section}/"));
            let anything = self.allowed(&matches).next().is_some();
            _ = if anything { open.insert(section.clone()) } else { closed.insert(section.clone()) };
        }
        let mut resources = BTreeSet::new();
        let mut note = |object: u32| {
            let object = Object::parse(self.snapshot.index.objects.text(object)?).ok()?;
            let (section, _) = object.as_resource()?;
            closed.contains(&section).then(|| resources.insert(object))
        };
        if let Some(number) = self.held.subject {
            self.snapshot.index.roles.visit(number, |_, own| {
                let allowing = own.iter().filter(|permission| permission.effect == Effect::Allow);
                allowing.for_each(|permission| _ = note(permission.object));
            });
        }
        resources.retain(|object| !self.on(object).is_empty());
        Candidates { sections: open, resources }
    }

    /// Returns the actions that are allowed on everything directly below a path (`a/b/`), as far as no rule names it.
    pub(super) fn below(&mut self, above: &str) -> Vec<Action> {
        let matches = self.around(above);
        self.allowed(&matches).cloned().collect()
    }

    /// Returns the verdict of rules on everything directly below a path, by action.
    fn around(&mut self, above: &str) -> Vec<FirstMatches> {
        let known = self.around.take().filter(|(path, _)| path == above);
        let (path, matches) = known.unwrap_or_else(|| {
            let mut matches = vec![FirstMatches::default(); self.actions.len()];
            self.snapshot.index.containing(self.snapshot.plan.prefixes(), above, |object| {
                self.held.visit(object, |id| note(self.snapshot, &self.actions, &mut matches, id));
            });
            (above.to_owned(), matches)
        });
        self.around = Some((path, matches.clone()));
        matches
    }

    fn allowed<'a>(&'a self, matches: &'a [FirstMatches]) -> impl Iterator<Item = &'a Action> {
        let verdicts = matches.iter().map(|matches| self.snapshot.allowed_by(*matches));
        self.actions.iter().zip(verdicts).filter(|(_, allowed)| *allowed).map(|((_, action), _)| action)
    }
}

/// Notes a rule for each action that it is for.
fn note(snapshot: &Snapshot, actions: &[(Option<u32>, Action)], matches: &mut [FirstMatches], id: RuleId) {
    for ((wanted, _), matches) in actions.iter().zip(matches) {
        if snapshot.acts(&id.permission, *wanted) {
            matches.note_any(id, id.permission.effect);
        }
    }
}
