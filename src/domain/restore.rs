//! Restoring a tenant to what it was (R45): profiles, custom roles, groups, and their holders. Licences, accounts, base
//! roles, the enabled or disabled state of users, settings and the inventory of resources stay as they are. What was
//! made since and is still held is kept; what cannot come back is said.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::catalogue::Catalogue;
use super::key::{GroupKey, Object, ProfileKey, RoleKey, UserKey};
use super::map::Map;
use super::name::Name;
use super::profile::{Association, Profile};
use super::role::{CustomRole, RoleRef};
use super::tenant::TenantState;
use super::user::User;
use crate::error::{Error, ErrorCode, Result};

/// Distance of the version of what comes back from the one that it had; the revision is added.
const VERSION_LEAP: i32 = 1_000_000;

/// Something that is not as it was after a restore.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotRestored {
    /// The thing, such as `user:dana` or `profile:night`.
    pub thing: String,
    /// The difference, in a sentence.
    pub text: String,
}

impl TenantState {
    /// Brings profiles, custom roles, groups and assignments back to what they were. `revision` is the current one, by
    /// which the versions of what comes back differ from all that they ever had. Returns what is otherwise than it was.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` when something that was made since, and is kept because it is held, has the
    /// name of something that comes back.
    pub fn restore(&mut self, catalogue: &Catalogue, past: &Self, revision: u64) -> Result<Vec<NotRestored>> {
        let revision = i32::try_from(revision).unwrap_or(i32::MAX);
        let leap = VERSION_LEAP.saturating_add(revision);
        let mut past = past.clone();
        past.succeed_sections(catalogue);
        let before = self.clone();
        let mut restore = Restore { catalogue, past: &past, leap, lost: BTreeSet::new(), now: self };
        restore.roles();
        restore.profiles();
        restore.assignments();
        restore.groups();
        restore.take_out_what_came_since();
        let lost = restore.lost.into_iter().collect();
        self.check_names([&before, &past])?;
        Ok(lost)
    }

    /// Refuses two names that are one but for case or form, unless both were so in one of these states already.
    fn check_names(&self, earlier: [&Self; 2]) -> Result<()> {
        check_apart("profile", &self.profiles, earlier.map(|state| &state.profiles), |profile| &profile.name)?;
        check_apart("role", &self.roles, earlier.map(|state| &state.roles), |role| &role.name)?;
        check_apart("group", &self.groups, earlier.map(|state| &state.groups), |group| &group.name)
    }
}

fn check_apart<K: Ord + Clone, V: Clone + PartialEq>(
    kind: &str,
    things: &Map<K, V>,
    earlier: [&Map<K, V>; 2],
    name: fn(&V) -> &Name,
) -> Result<()> {
    let mut seen: BTreeMap<String, &K> = BTreeMap::new();
    for (key, thing) in things.iter() {
        let Some(other) = seen.insert(name(thing).folded(), key) else { continue };
        let were = |state: &&Map<K, V>| {
            let same = |key: &K| state.get(key).map(name) == things.get(key).map(name);
            same(key) && same(other)
        };
        if earlier.iter().any(were) {
            continue;
        }
        let message = format!(
            "a {kind} that was made since has the name `{}` of one that would come back: rename or delete it first",
            name(thing)
        );
        return Err(Error::new(ErrorCode::AlreadyExists, message).at("revision"));
    }
    Ok(())
}

/// A restore under way.
struct Restore<'a> {
    catalogue: &'a Catalogue,
    past: &'a TenantState,
    now: &'a mut TenantState,
    /// Growth of the version of what comes back.
    leap: i32,
    lost: BTreeSet<NotRestored>,
}

impl Restore<'_> {
    fn lose(&mut self, thing: String, text: impl Into<String>) {
        self.lost.insert(NotRestored { thing, text: text.into() });
    }

    /// Returns whether the object is, or is in, a resource that was there and is not now. One that was registered later
    /// under the same key inherits nothing (R46).
    fn is_gone(&self, object: &str) -> bool {
        let mut segments = object.match_indices('/').map(|(place, _)| place).skip(2);
        let resource = segments.next().and_then(|end| object.get(..end)).unwrap_or(object);
        let id = |state: &TenantState| state.resources.get(resource).map(|resource| resource.id);
        id(self.past).is_some_and(|was| id(self.now) != Some(was))
    }

    /// Says so when something else has the key by now: who holds that holds what comes back.
    fn note_another(&mut self, thing: String, now: Option<Uuid>, then: Uuid) {
        if now.is_some_and(|now| now != then) {
            self.lose(thing, "it was deleted since and another was made under its key: that becomes what it was");
        }
    }

    /// Returns the user as they were, if it is still one and the same account.
    fn as_it_was(&self, user: &User) -> Option<&User> {
        self.past.users.get(&user.key).filter(|was| was.id == user.id)
    }

    fn roles(&mut self) {
        for role in self.past.roles.values() {
            let mut back = role.clone();
            back.permissions.retain(|permission| self.catalogue.permission(permission.as_str()).is_some());
            back.grants.retain(|grant| !self.is_gone(grant.object.as_str()));
            if back != *role {
                self.lose(format!("role:{}", role.key), "what it granted on things that are gone does not come back");
            }
            self.note_another(format!("role:{}", role.key), self.now.roles.get(&role.key).map(|now| now.id), role.id);
            put(&mut self.now.roles, role.key.clone(), back, self.leap);
        }
    }

    fn profiles(&mut self) {
        for profile in self.past.profiles.values() {
            let mut back = profile.clone();
            back.modules.retain(|module, _| self.catalogue.module(module.as_str()).is_some());
            back.sections.retain(|section, _| self.catalogue.section(section.as_str()).is_some());
            for (section, settings) in &mut back.sections {
                if let Association::Manual(keys) = &mut settings.association {
                    keys.retain(|key| !self.is_gone(Object::resource(section, key).as_str()));
                }
            }
            if back != *profile {
                let text = "what it was associated with and is gone does not come back";
                self.lose(format!("profile:{}", profile.key), text);
            }
            back.conform(self.catalogue);
            let now = self.now.profiles.get(&profile.key).map(|now| now.id);
            self.note_another(format!("profile:{}", profile.key), now, profile.id);
            put(&mut self.now.profiles, profile.key.clone(), back, self.leap);
        }
    }

    fn assignments(&mut self) {
        let gone: Vec<&UserKey> =
            self.past.users.values().filter(|was| !self.is_same(was)).map(|was| &was.key).collect();
        for key in gone {
            self.lose(format!("user:{key}"), "it was deleted since: its profile, role and groups do not come back");
        }
        let users: Vec<User> = self.now.users.values().cloned().collect();
        for user in users {
            let Some(was) = self.as_it_was(&user) else { continue };
            if was.base_role != user.base_role {
                let text =
                    format!("its base role is another by now, {}: it keeps what it holds", user.base_role.as_ref());
                self.lose(format!("user:{}", user.key), text);
                continue;
            }
            let mut back = User {
                profile: was.profile.clone(),
                role: was.role.clone(),
                imported_from: was.imported_from.clone(),
                ..user.clone()
            };
            if back != user {
                back.version += 1;
                self.now.users.insert(user.key.clone(), back);
            }
        }
    }

    fn is_same(&self, was: &User) -> bool {
        self.now.users.get(&was.key).is_some_and(|user| user.id == was.id)
    }

    /// Returns the members that a group gets: those it had, as far as they are there, and those that it has of the
    /// users who came since.
    fn members(&self, key: &GroupKey) -> BTreeSet<UserKey> {
        let had = self.past.groups.get(key).into_iter().flat_map(|group| &group.members);
        let had = had.filter(|member| self.past.users.get(*member).is_some_and(|was| self.is_same(was)));
        let has = self.now.groups.get(key).into_iter().flat_map(|group| &group.members);
        let came = has.filter(|member| self.now.users.get(*member).is_some_and(|user| self.as_it_was(user).is_none()));
        had.chain(came).cloned().collect()
    }

    fn groups(&mut self) {
        let later: Vec<GroupKey> =
            self.now.groups.keys().filter(|key| !self.past.groups.contains_key(*key)).cloned().collect();
        for key in later {
            let members = self.members(&key);
            if members.is_empty() {
                self.now.groups.remove(&key);
                continue;
            }
            self.lose(format!("group:{key}"), "it was made since, and is kept for the users who came since");
            let Some(group) = self.now.groups.get_mut(&key) else { continue };
            if group.members != members {
                group.members = members;
                group.version += 1;
            }
        }
        for group in self.past.groups.values() {
            let mut back = group.clone();
            back.members = self.members(&group.key);
            back.permissions.retain(|permission| self.catalogue.permission(permission.as_str()).is_some());
            self.note_another(
                format!("group:{}", group.key),
                self.now.groups.get(&group.key).map(|now| now.id),
                group.id,
            );
            put(&mut self.now.groups, group.key.clone(), back, self.leap);
        }
    }

    /// Takes out the profiles and roles that came since and that no user or group holds any more.
    fn take_out_what_came_since(&mut self) {
        let held: BTreeSet<ProfileKey> = self.now.users.values().filter_map(|user| user.profile.clone()).collect();
        let later: Vec<ProfileKey> =
            self.now.profiles.keys().filter(|key| !self.past.profiles.contains_key(*key)).cloned().collect();
        for key in later {
            if held.contains(&key) {
                self.lose(format!("profile:{key}"), "it was made since, and is kept for those who hold it");
            } else {
                self.now.profiles.remove(&key);
            }
        }
        let by_users = self.now.users.values().filter_map(|user| user.role.clone());
        let by_groups = self.now.groups.values().flat_map(|group| &group.roles).filter_map(|role| match role {
            RoleRef::Custom(role) => Some(role.clone()),
            RoleRef::Manager => None,
        });
        let held: BTreeSet<RoleKey> = by_users.chain(by_groups).collect();
        let later: Vec<RoleKey> =
            self.now.roles.keys().filter(|key| !self.past.roles.contains_key(*key)).cloned().collect();
        for key in later {
            if held.contains(&key) {
                self.lose(format!("role:{key}"), "it was made since, and is kept for those who hold it");
            } else {
                self.now.roles.remove(&key);
            }
        }
    }
}

/// Something with an id and a version.
trait Versioned: Clone + PartialEq {
    /// Returns this thing with the id of `other`, and this version.
    fn identified_as(self, other: &Self, version: i32) -> Self;
    fn version(&self) -> i32;
}

macro_rules! versioned {
    ($($type:ty),+) => {
        $(impl Versioned for $type {
            fn identified_as(self, other: &Self, version: i32) -> Self {
                Self { id: other.id, version, ..self }
            }
            fn version(&self) -> i32 {
                self.version
            }
        })+
    };
}
versioned!(Profile, CustomRole, super::group::Group);

/// Puts a thing back as it was. One that is there keeps its id; its version moves on when anything changes, so that no
/// user who read it before overwrites it unseen.
fn put<K: Ord + Clone, V: Versioned>(things: &mut Map<K, V>, key: K, back: V, leap: i32) {
    let back = match things.get(&key) {
        Some(there) if back.clone().identified_as(there, there.version()) == *there => return,
        Some(there) => back.identified_as(there, there.version() + 1),
        // Far from any version that somebody may have read before it was deleted.
        None => {
            let version = back.version().saturating_add(leap);
            back.clone().identified_as(&back, version)
        }
    };
    things.insert(key, back);
}
