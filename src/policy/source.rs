//! What rules come from. Every rule comes from one source, though it may have several origins
//! there: so a change needs to compile no more than the sources that it touches.

use std::collections::BTreeSet;

use super::diff::StatePatch;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use crate::domain::profile::{Association, Profile};
use crate::domain::resource::Resource;
use crate::domain::tenant::TenantState;

/// A part of a tenant's state that its rules come from.
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
    /// A group.
    Group(GroupKey),
}

/// All sources of a state.
pub fn all(state: &TenantState) -> BTreeSet<Source> {
    let users = state.users.keys().cloned().map(Source::User);
    let profiles = state.profiles.keys().cloned().map(Source::Profile);
    let roles = state.roles.keys().cloned().map(Source::Role);
    let groups = state.groups.keys().cloned().map(Source::Group);
    std::iter::once(Source::Tenant).chain(users).chain(profiles).chain(roles).chain(groups).collect()
}

/// The sources whose rules can differ between two states, of which `patch` is the difference.
pub fn touched(before: &TenantState, after: &TenantState, patch: &StatePatch) -> BTreeSet<Source> {
    let mut touched: BTreeSet<Source> = BTreeSet::new();
    touched.extend(patch.users.keys().cloned().map(Source::User));
    touched.extend(patch.profiles.keys().cloned().map(Source::Profile));
    touched.extend(patch.roles.keys().cloned().map(Source::Role));
    touched.extend(patch.groups.keys().cloned().map(Source::Group));
    if patch.licensed.is_some() {
        touched.insert(Source::Tenant);
        // What lifts a mask is lifted while its module is licensed.
        touched.extend(profiles(after, |profile| profile.mask_sensitive_data));
    }
    // A group has no rule of a member that is disabled.
    for user in patch.users.keys() {
        let awake = |state: &TenantState| state.users.get(user).is_some_and(|user| user.enabled);
        if awake(before) != awake(after) {
            touched.extend(after.groups_of(user).cloned().map(Source::Group));
        }
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

fn associates(profile: &Profile, resource: &Resource) -> bool {
    match profile.sections.get(&resource.section).map(|own| &own.association) {
        Some(Association::Automatic) => true,
        Some(Association::Manual(list)) => list.contains(&resource.key),
        None => false,
    }
}
