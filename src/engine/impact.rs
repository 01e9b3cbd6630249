//! The impact of a change: exactly the requests that the snapshots before and after answer differently.
//!
//! Users that hold the same before, and the same after, have the same answers. So one user of each such class is asked,
//! and only about objects named by a rule that came or went, or by a rule of a role that the class gains or loses.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ahash::RandomState;

use super::permissions::Permissions;
use super::search::Access;
use super::snapshot::Snapshot;
use crate::domain::key::{Action, Object, UserKey};
use crate::policy::diff::RuleDiff;
use crate::policy::impact::{AccessChange, Impact};
use crate::policy::reach::KeyRange;
use crate::policy::rule::{Rule, Subject};

/// Objects by the path that they are directly below, such as `voice/queues/`.
#[derive(Default)]
pub struct Objects(BTreeMap<String, BTreeSet<Object>>);

impl Objects {
    /// Combines these objects with all that a rule of the snapshot names.
    pub fn new(told: impl IntoIterator<Item = Object>, snapshot: &Snapshot) -> Self {
        let named: BTreeSet<u32> =
            snapshot.index.roles.owned().flat_map(|(_, own)| own.iter().map(|permission| permission.object)).collect();
        let named = named.into_iter().filter_map(|object| Object::parse(snapshot.index.objects.text(object)?).ok());
        told.into_iter().chain(named).collect()
    }

    /// Iterates over the paths that begin with `prefix`.
    fn paths_from<'o>(&'o self, prefix: &'o str) -> impl Iterator<Item = &'o str> {
        let paths = self.0.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        paths.map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(prefix))
    }
}

impl FromIterator<Object> for Objects {
    fn from_iter<T: IntoIterator<Item = Object>>(objects: T) -> Self {
        let mut by_path: BTreeMap<String, BTreeSet<Object>> = BTreeMap::new();
        for object in objects {
            match by_path.get_mut(above(object.as_str())) {
                Some(there) => _ = there.insert(object),
                None => _ = by_path.insert(above(object.as_str()).to_owned(), BTreeSet::from([object])),
            }
        }
        Self(by_path)
    }
}

/// Returns the path that an object is directly below, with its slash; empty for a module.
fn above(object: &str) -> &str {
    object.rfind('/').and_then(|slash| object.get(..=slash)).unwrap_or_default()
}

impl Snapshot {
    /// Returns the impact on the users that are `seen` of the change `diff`, which leads from this snapshot to `after`.
    /// It covers `objects` and those that the change itself names, and, like a list of a user's access, the actions
    /// that the platform knows and those that the user's rules name. Each list has at most `most` entries.
    pub fn impact(
        &self,
        after: &Self,
        diff: &RuleDiff,
        objects: &Objects,
        seen: impl Fn(&UserKey) -> bool,
        most: usize,
    ) -> Impact {
        let comparison = Comparison::new(self, after, diff, objects, most);
        let mut by_class: HashMap<Class<'_>, Delta, RandomState> = HashMap::default();
        let mut impact = Impact::default();
        for (key, [was, is]) in comparison.users() {
            let class = comparison.class(key, was, is);
            let delta = by_class.entry(class).or_insert_with(|| comparison.delta(key, was, is));
            if delta.is_empty() {
                continue;
            }
            if let Ok(user) = UserKey::parse(key)
                && seen(&user)
            {
                delta.add_to(&mut impact, &user, most);
            }
        }
        impact
    }
}

/// The facts that decide a user's answers: what they hold directly before and after, and their key if they have rules
/// of their own.
type Class<'s> = (&'s [u32], &'s [u32], Option<&'s str>);

/// An object and an action on it.
type Pair = (Object, Action);

/// The changes for each user of a class.
#[derive(Default)]
struct Delta {
    gained: Vec<Pair>,
    lost: Vec<Pair>,
    gained_count: u64,
    lost_count: u64,
}

impl Delta {
    const fn is_empty(&self) -> bool {
        self.gained_count == 0 && self.lost_count == 0
    }

    fn note(&mut self, object: &Object, differs: &Differs, most: usize) {
        let list = |list: &mut Vec<Pair>, actions: &[Action]| {
            let room = most.saturating_sub(list.len());
            list.extend(actions.iter().take(room).map(|action| (object.clone(), action.clone())));
        };
        list(&mut self.gained, &differs.gained);
        list(&mut self.lost, &differs.lost);
        self.gained_count += differs.gained.len() as u64;
        self.lost_count += differs.lost.len() as u64;
    }

    /// Adds these changes for one user.
    fn add_to(&self, impact: &mut Impact, user: &UserKey, most: usize) {
        let list = |list: &mut Vec<AccessChange>, pairs: &[Pair]| {
            let room = most.saturating_sub(list.len());
            let change = |(object, action): &Pair| AccessChange {
                user: user.clone(),
                object: object.clone(),
                action: action.clone(),
            };
            list.extend(pairs.iter().take(room).map(change));
        };
        list(&mut impact.gained, &self.gained);
        list(&mut impact.lost, &self.lost);
        impact.gained_count += self.gained_count;
        impact.lost_count += self.lost_count;
        impact.affected_users += 1;
    }
}

/// The actions in which two answers differ.
#[derive(Default)]
struct Differs {
    gained: Vec<Action>,
    lost: Vec<Action>,
}

impl Differs {
    fn between(was: &[Action], is: &[Action]) -> Self {
        let without = |these: &[Action], those: &[Action]| -> Vec<Action> {
            these.iter().filter(|action| !those.contains(action)).cloned().collect()
        };
        Self { gained: without(is, was), lost: without(was, is) }
    }
}

/// Two snapshots and the change between them.
struct Comparison<'s> {
    before: &'s Snapshot,
    after: &'s Snapshot,
    objects: &'s Objects,
    /// The objects that only rules of the change name.
    more: Objects,
    /// The objects of the permissions that come and go, by the subject that has them.
    changed: HashMap<String, Vec<&'s str>>,
    most: usize,
}

impl<'s> Comparison<'s> {
    fn new(before: &'s Snapshot, after: &'s Snapshot, diff: &'s RuleDiff, objects: &'s Objects, most: usize) -> Self {
        let mut changed: HashMap<String, Vec<&'s str>> = HashMap::new();
        let mut more = Vec::new();
        for rule in diff.added.iter().chain(&diff.removed) {
            if let Rule::Permission { subject, object, .. } = rule {
                changed.entry(subject.to_string()).or_default().push(object.as_str());
                more.extend(Object::parse(object.as_str()));
            }
        }
        Self { before, after, objects, more: more.into_iter().collect(), changed, most }
    }

    /// Returns all users that rules name before or after, by key, with their numbers in both snapshots.
    fn users(&self) -> BTreeMap<&'s str, [Option<u32>; 2]> {
        let mut users: BTreeMap<&'s str, [Option<u32>; 2]> = BTreeMap::new();
        for (key, number) in self.before.users(&KeyRange::whole(), std::iter::empty()) {
            users.insert(key, [number, None]);
        }
        for (key, number) in self.after.users(&KeyRange::whole(), std::iter::empty()) {
            let [_, is] = users.entry(key).or_default();
            *is = number;
        }
        users
    }

    fn class(&self, key: &'s str, was: Option<u32>, is: Option<u32>) -> Class<'s> {
        let of = |snapshot: &'s Snapshot, number: Option<u32>| {
            let direct = number.map_or(&[][..], |number| snapshot.index.roles.direct(number));
            let own = number.and_then(|number| snapshot.index.roles.own(number));
            (direct, own.is_some_and(|own| !own.is_empty()))
        };
        let ((was, had_own), (is, has_own)) = (of(self.before, was), of(self.after, is));
        (was, is, (had_own || has_own).then_some(key))
    }

    /// Finds the changes for one user.
    fn delta(&self, key: &str, was: Option<u32>, is: Option<u32>) -> Delta {
        let mut delta = Delta::default();
        let (held, holds) = (Held::of(self.before, was), Held::of(self.after, is));
        let touched = self.touched(&held, &holds);
        if touched.is_empty() {
            return delta;
        }
        let Ok(key) = UserKey::parse(key) else { return delta };
        let subject = Subject::User(key);
        let actions = &self.before.actions_of(was) | &self.after.actions_of(is);
        let mut asked = AccessPair(self.before.access_by(&subject, &actions), self.after.access_by(&subject, &actions));
        let named: HashSet<&str, RandomState> = held.objects().chain(holds.objects()).collect();
        for (path, these) in &touched {
            match these {
                These::All => {
                    let general = asked.below(path);
                    for object in self.all_at(path) {
                        if named.contains(object.as_str()) {
                            delta.note(object, &asked.on(object), self.most);
                        } else {
                            delta.note(object, &general, self.most);
                        }
                    }
                }
                These::Some(objects) => {
                    for object in objects.iter().filter_map(|object| Object::parse(object).ok()) {
                        delta.note(&object, &asked.on(&object), self.most);
                    }
                }
            }
        }
        delta
    }

    /// Returns all objects directly below a path.
    fn all_at<'c>(&'c self, path: &str) -> impl Iterator<Item = &'c Object> {
        let known = self.objects.0.get(path);
        let more = self.more.0.get(path).into_iter().flatten();
        let all: BTreeSet<&Object> = known.into_iter().flatten().chain(more).collect();
        all.into_iter()
    }

    /// Returns the objects of all rules that differ between what is held before and after, by the paths that they are
    /// below.
    fn touched<'c>(&'c self, was: &Held<'c>, is: &Held<'c>) -> BTreeMap<&'c str, These<'c>> {
        let mut patterns: BTreeSet<&str> = BTreeSet::new();
        let changed = was.0.keys().chain(is.0.keys()).filter_map(|holder| self.changed.get(*holder));
        patterns.extend(changed.flatten());
        patterns.extend(was.beyond(is));
        patterns.extend(is.beyond(was));
        let mut touched: BTreeMap<&str, These<'_>> = BTreeMap::new();
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some(prefix) => {
                    let paths = self.objects.paths_from(prefix).chain(self.more.paths_from(prefix));
                    touched.extend(paths.map(|path| (path, These::All)));
                }
                None => touched.entry(above(pattern)).or_insert_with(These::none).add(pattern),
            }
        }
        touched
    }
}

/// The objects of a path to look at.
enum These<'o> {
    All,
    Some(BTreeSet<&'o str>),
}

impl<'o> These<'o> {
    const fn none() -> Self {
        Self::Some(BTreeSet::new())
    }

    fn add(&mut self, object: &'o str) {
        if let Self::Some(objects) = self {
            objects.insert(object);
        }
    }
}

/// A user's access before and after.
struct AccessPair<'a>(Access<'a>, Access<'a>);

impl AccessPair<'_> {
    fn on(&mut self, object: &Object) -> Differs {
        Differs::between(&self.0.on(object), &self.1.on(object))
    }

    fn below(&mut self, path: &str) -> Differs {
        Differs::between(&self.0.below(path), &self.1.below(path))
    }
}

/// All subjects that a user holds, themselves among them, by name: each with its permissions.
struct Held<'s>(BTreeMap<&'s str, Permitted<'s>>);

/// The permissions of one subject.
struct Permitted<'s>(&'s Snapshot, &'s Permissions);

impl<'s> Permitted<'s> {
    /// Iterates over the objects of these permissions.
    fn objects(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let Self(snapshot, own) = *self;
        own.iter().filter_map(move |permission| snapshot.index.objects.text(permission.object))
    }
}

impl<'s> Held<'s> {
    fn of(snapshot: &'s Snapshot, user: Option<u32>) -> Self {
        let mut holders = Vec::new();
        if let Some(user) = user {
            snapshot.index.roles.visit(user, |holder, _| holders.push(holder));
        }
        let held = holders.into_iter().filter_map(|holder| {
            let own = snapshot.index.roles.own(holder)?;
            Some((snapshot.index.subjects.text(holder)?, Permitted(snapshot, own)))
        });
        Self(held.collect())
    }

    fn objects(&self) -> impl Iterator<Item = &'s str> {
        self.0.values().flat_map(Permitted::objects)
    }

    /// Iterates over the objects of the rules of subjects that are held here and not there.
    fn beyond(&self, other: &Self) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(|(holder, _)| !other.0.contains_key(*holder)).flat_map(|(_, own)| own.objects())
    }
}
