//! The sources of rules. Every rule comes from one source, though it can have several origins there, so that a change
//! needs to compile no more than the sources that it touches.

use std::collections::BTreeSet;

use super::diff::StatePatch;
use super::rule::Subject;
use crate::domain::group::Group;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use crate::domain::profile::Profile;
use crate::domain::resource::Resource;
use crate::domain::tenant::TenantState;

static NOBODY: BTreeSet<UserKey> = BTreeSet::new();

/// A part of a tenant's state that rules come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The tenant itself: its built-in roles and its licence.
    Tenant,
    /// A user.
    User(UserKey),
    /// A user profile.
    Profile(ProfileKey),
    /// A custom role.
    Role(RoleKey),
    /// A group, its members aside.
    Group(GroupKey),
    /// A user's membership of a group.
    Member(GroupKey, UserKey),
}

/// Returns the sources of all rules whose subject or member is this one.
pub fn of(state: &TenantState, subject: &Subject) -> BTreeSet<Source> {
    match subject {
        Subject::User(user) => {
            let memberships = state.groups_of(user).map(|group| Source::Member(group.clone(), user.clone()));
            memberships.chain([Source::User(user.clone())]).collect()
        }
        Subject::Profile(key) => BTreeSet::from([Source::Profile(key.clone())]),
        Subject::Custom(key) => BTreeSet::from([Source::Role(key.clone())]),
        Subject::Group(key) => BTreeSet::from([Source::Group(key.clone())]),
        Subject::Role(_) => BTreeSet::from([Source::Tenant]),
    }
}

/// Returns all sources of a state.
pub fn all(state: &TenantState) -> BTreeSet<Source> {
    let users = state.users.keys().cloned().map(Source::User);
    let profiles = state.profiles.keys().cloned().map(Source::Profile);
    let roles = state.roles.keys().cloned().map(Source::Role);
    let groups = state.groups.keys().cloned().map(Source::Group);
    let members = state.groups.values().flat_map(members);
    std::iter::once(Source::Tenant).chain(users).chain(profiles).chain(roles).chain(groups).chain(members).collect()
}

/// Returns the sources whose rules can differ between two states that differ by `patch`.
pub fn touched(before: &TenantState, after: &TenantState, patch: &StatePatch) -> BTreeSet<Source> {
    let mut touched: BTreeSet<Source> = BTreeSet::new();
    touched.extend(patch.users.keys().cloned().map(Source::User));
    touched.extend(patch.profiles.keys().cloned().map(Source::Profile));
    touched.extend(patch.roles.keys().cloned().map(Source::Role));
    touched.extend(patch.groups.keys().cloned().map(Source::Group));
    if patch.licensed.is_some() {
        touched.insert(Source::Tenant);
        // A right to edit lifts a mask only while its module is licensed.
        touched.extend(profiles(after, |profile| profile.mask_sensitive_data));
    }
    // A user that is disabled is a member of nothing.
    for user in patch.users.keys() {
        let awake = |state: &TenantState| state.users.get(user).is_some_and(|user| user.enabled);
        if awake(before) != awake(after) {
            touched.extend(after.groups_of(user).map(|group| Source::Member(group.clone(), user.clone())));
        }
    }
    for group in before.groups.differing(&after.groups) {
        let [was, is] = [group.was, group.is].map(|it| it.map_or(&NOBODY, |group| &group.members));
        touched.extend(was.symmetric_difference(is).map(|user| Source::Member(group.key.clone(), user.clone())));
    }
    for object in patch.resources.keys() {
        for resource in [before, after].into_iter().filter_map(|state| state.resources.get(object)) {
            if resource.protected {
                touched.extend(profiles(after, |_| true));
            } else if !resource.members.is_empty() {
                touched.extend(profiles(after, |profile| associates(profile, resource)));
            }
        }
    }
    touched
}

fn profiles(state: &TenantState, chosen: impl Fn(&Profile) -> bool) -> impl Iterator<Item = Source> {
    state.profiles.values().filter(move |profile| chosen(profile)).map(|profile| Source::Profile(profile.key.clone()))
}

fn members(group: &Group) -> impl Iterator<Item = Source> {
    group.members.iter().map(|user| Source::Member(group.key.clone(), user.clone()))
}

fn associates(profile: &Profile, resource: &Resource) -> bool {
    let own = profile.sections.get(&resource.section);
    own.is_some_and(|own| own.association.list().is_none_or(|list| list.contains(&resource.key)))
}
