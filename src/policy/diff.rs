//! The difference of two states of one tenant: in rules, and in the domain.

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

/// What one revision changed in the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleDiff {
    /// The rules that came, in order.
    pub added: Vec<Rule>,
    /// The rules that went, in order.
    pub removed: Vec<Rule>,
}

impl RuleDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// The difference of two compiled policies, with the origins that the store keeps beside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyDiff {
    /// The rules that come, with their origins.
    pub added: Compiled,
    /// The rules that go.
    pub removed: BTreeSet<Rule>,
    /// The rules that stay, where their origins change: what they are from now on.
    pub moved: BTreeMap<Rule, BTreeSet<Origin>>,
}

impl PolicyDiff {
    /// What turns `before` into `after`.
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

    /// The change of the rules alone.
    pub fn rules(&self) -> RuleDiff {
        RuleDiff { added: self.added.keys().cloned().collect(), removed: self.removed.iter().cloned().collect() }
    }

    /// Whether nothing changed, origins included.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.moved.is_empty()
    }
}

/// Things by key that changed: what each is now, or `None` where it went.
pub type Changed<K, V> = BTreeMap<K, Option<V>>;

/// The patch of a tenant's state that a revision keeps, so that the state at any revision can be
/// had again (R45). A thing that changed stands in it whole.
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
    /// What turns `before` into `after`.
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

    /// How much there is to compile where this follows on `before`: the things that change, and what stands
    /// in their lists, now or before. A licence may touch all.
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

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a later patch: this one then leads to where both lead, one after the other.
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

/// The weight of the things of one kind that change.
fn weight<K: Ord + Clone, V: Clone + PartialEq>(
    changed: &Changed<K, V>,
    before: &Map<K, V>,
    lists: impl Fn(&V) -> usize,
) -> usize {
    let one = |(key, is): (&K, &Option<V>)| 1 + is.as_ref().map_or(0, &lists).max(before.get(key).map_or(0, &lists));
    changed.iter().map(one).sum()
}

/// Whether a change can alter an answer beside the rules (R43): the settings, the inventory of
/// resources, or who is known but disabled.
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
