//! The difference between two states of one tenant: in rules, and in the domain.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compile::Compiled;
use super::rule::{Origin, Rule};
use crate::domain::group::Group;
use crate::domain::key::{GroupKey, ModuleKey, Object, ProfileKey, RoleKey, UserKey};
use crate::domain::map::Map;
use crate::domain::profile::Profile;
use crate::domain::resource::Resource;
use crate::domain::role::CustomRole;
use crate::domain::tenant::{Settings, TenantState};
use crate::domain::user::User;

/// The changes that one revision made to the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleDiff {
    /// The rules that came, in order.
    pub added: Vec<Rule>,
    /// The rules that went, in order.
    pub removed: Vec<Rule>,
}

impl RuleDiff {
    /// Returns `true` if nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// The difference between two compiled policies, with the origins that the store keeps beside the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyDiff {
    /// The rules that come, with their origins.
    pub added: Compiled,
    /// The rules that go.
    pub removed: BTreeSet<Rule>,
    /// The rules that stay but change their origins, with the new ones.
    pub moved: BTreeMap<Rule, BTreeSet<Origin>>,
}

impl PolicyDiff {
    /// Returns the changes that turn `before` into `after`.
    pub fn between(before: &Compiled, after: &Compiled) -> Self {
        let mut diff = Self::default();
        for (rule, origins) in after {
            match before.get(rule) {
                None => drop(diff.added.insert(rule.clone(), origins.clone())),
                Some(known) if known != origins => drop(diff.moved.insert(rule.clone(), origins.clone())),
                Some(_) => {}
            }
        }
        diff.removed = before.keys().filter(|rule| !after.contains_key(*rule)).cloned().collect();
        diff
    }

    /// Returns the change of the rules alone.
    pub fn rules(&self) -> RuleDiff {
        RuleDiff { added: self.added.keys().cloned().collect(), removed: self.removed.iter().cloned().collect() }
    }

    /// Returns `true` if nothing changed, origins included.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.moved.is_empty()
    }
}

/// Changed things by key: each as it is now, or `None` if it was removed.
pub type Changed<K, V> = BTreeMap<K, Option<V>>;

/// The patch of a tenant's state that a revision keeps, so that the state at any revision can be restored (R45). It
/// holds each changed thing whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatePatch {
    /// The licence, when it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licensed: Option<BTreeSet<ModuleKey>>,
    /// The settings, when they changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// The users that changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: Changed<UserKey, User>,
    /// The profiles that changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: Changed<ProfileKey, Profile>,
    /// The custom roles that changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: Changed<RoleKey, CustomRole>,
    /// The groups that changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: Changed<GroupKey, Group>,
    /// The resources that changed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: Changed<Object, Resource>,
}

impl StatePatch {
    /// Returns the patch that turns `before` into `after`.
    pub fn between(before: &TenantState, after: &TenantState) -> Self {
        Self {
            licensed: (before.licensed != after.licensed).then(|| after.licensed.clone()),
            settings: (before.settings != after.settings).then_some(after.settings),
            users: changed(&before.users, &after.users),
            profiles: changed(&before.profiles, &after.profiles),
            roles: changed(&before.roles, &after.roles),
            groups: changed(&before.groups, &after.groups),
            resources: changed(&before.resources, &after.resources),
        }
    }

    /// Returns the amount of work to compile this patch on `before`: the number of changed things plus the longer of
    /// each thing's lists now and before. A licence can touch everything and weighs [`usize::MAX`].
    pub fn weight(&self, before: &TenantState) -> usize {
        if self.licensed.is_some() {
            return usize::MAX;
        }
        let lists = |profile: &Profile| {
            let lists = profile.sections.values().map(|section| section.association.list());
            lists.map(|list| 1 + list.map_or(0, BTreeSet::len)).sum()
        };
        weight(&self.users, &before.users, |_| 0)
            + weight(&self.profiles, &before.profiles, lists)
            + weight(&self.roles, &before.roles, |role| role.grants.len())
            + weight(&self.groups, &before.groups, |group| group.members.len() + group.roles.len())
            + weight(&self.resources, &before.resources, |resource| resource.members.len())
    }

    /// Returns `true` if nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a later patch, so that this one leads where both lead one after the other.
    pub fn extend(&mut self, later: &Self) {
        fn extend<K: Ord + Clone, V: Clone>(patch: &mut Changed<K, V>, later: &Changed<K, V>) {
            patch.extend(later.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        self.licensed = later.licensed.clone().or_else(|| self.licensed.take());
        self.settings = later.settings.or(self.settings);
        extend(&mut self.users, &later.users);
        extend(&mut self.profiles, &later.profiles);
        extend(&mut self.roles, &later.roles);
        extend(&mut self.groups, &later.groups);
        extend(&mut self.resources, &later.resources);
    }

    /// Brings `state` to what it was after the change.
    pub fn apply(&self, state: &mut TenantState) {
        if let Some(licensed) = &self.licensed {
            state.licensed.clone_from(licensed);
        }
        if let Some(settings) = self.settings {
            state.settings = settings;
        }
        apply(&self.users, &mut state.users);
        apply(&self.profiles, &mut state.profiles);
        apply(&self.roles, &mut state.roles);
        apply(&self.groups, &mut state.groups);
        apply(&self.resources, &mut state.resources);
    }
}

/// Returns the weight of the changed things of one kind.
fn weight<K: Ord + Clone, V: Clone + PartialEq>(
    changed: &Changed<K, V>,
    before: &Map<K, V>,
    lists: impl Fn(&V) -> usize,
) -> usize {
    let one = |(key, is): (&K, &Option<V>)| 1 + is.as_ref().map_or(0, &lists).max(before.get(key).map_or(0, &lists));
    changed.iter().map(one).sum()
}

/// Returns whether a change can alter an answer beside the rules (R43): the settings, the inventory of resources, or
/// the set of users that exist but are disabled.
pub fn alters_answers(before: &TenantState, after: &TenantState) -> bool {
    let is_disabled = |user: Option<&User>| user.is_some_and(|user| !user.enabled);
    let mut users = before.users.differing(&after.users);
    before.settings != after.settings
        || before.resources.differing(&after.resources).next().is_some()
        || users.any(|user| is_disabled(user.was) != is_disabled(user.is))
}

fn changed<K: Ord + Clone, V: PartialEq + Clone>(before: &Map<K, V>, after: &Map<K, V>) -> Changed<K, V> {
    before.differing(after).map(|it| (it.key.clone(), it.is.cloned())).collect()
}

fn apply<K: Ord + Clone, V: PartialEq + Clone>(patch: &Changed<K, V>, state: &mut Map<K, V>) {
    for (key, value) in patch {
        match value {
            Some(value) => drop(state.insert(key.clone(), value.clone())),
            None => drop(state.remove(key)),
        }
    }
}
