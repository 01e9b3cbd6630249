//! A tenant's whole state, from which its rules are compiled: the one argument of every domain
//! rule. Changes are methods on it, a file per concept. One that is refused may leave the state
//! half changed: the service lets each work on a copy, and writes what differs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::group::Group;
use super::key::{GroupKey, ModuleKey, Object, ProfileKey, RoleKey, TenantKey, UserKey};
use super::map::Map;
use super::profile::Profile;
use super::resource::Resource;
use super::role::CustomRole;
use super::user::User;
use crate::error::{Error, Result};

/// A tenant's settings (R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `true` if passwords need several kinds of characters (R27).
    pub security_suite: bool,
    /// Number of characters at the end of a value that are masked (R20).
    pub masked_characters: i32,
    /// Lifetime of a session, in hours.
    pub session_hours: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { security_suite: true, masked_characters: 4, session_hours: 12 }
    }
}

impl Settings {
    /// The most characters that can be masked.
    pub const MASKED_MAX: i32 = 100;
    /// The most hours that a session can last: a year.
    pub const SESSION_HOURS_MAX: i32 = 8760;

    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        if !(1..=Self::MASKED_MAX).contains(&self.masked_characters) {
            return Err(
                Error::invalid(format!("1 to {} characters can be masked", Self::MASKED_MAX)).at("maskedCharacters")
            );
        }
        if !(1..=Self::SESSION_HOURS_MAX).contains(&self.session_hours) {
            return Err(
                Error::invalid(format!("a session lasts 1 to {} hours", Self::SESSION_HOURS_MAX)).at("sessionHours")
            );
        }
        Ok(())
    }
}

/// Everything of one tenant that can change an answer. Accounts (names, passwords, telephony)
/// are not in it: they never do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantState {
    /// The tenant's key: the domain of its rules.
    pub key: TenantKey,
    /// The modules of the licence, the platform's own not among them (R2).
    pub licensed: BTreeSet<ModuleKey>,
    /// The settings (R4).
    pub settings: Settings,
    /// The users' access, by key.
    pub users: Map<UserKey, User>,
    /// The user profiles, by key.
    pub profiles: Map<ProfileKey, Profile>,
    /// The custom roles, by key.
    pub roles: Map<RoleKey, CustomRole>,
    /// The groups, by key.
    pub groups: Map<GroupKey, Group>,
    /// The resources that the host has registered, by object.
    pub resources: Map<Object, Resource>,
}

impl TenantState {
    /// Returns a tenant with nothing in it.
    pub fn empty(key: TenantKey) -> Self {
        Self {
            key,
            licensed: BTreeSet::new(),
            settings: Settings::default(),
            users: Map::default(),
            profiles: Map::default(),
            roles: Map::default(),
            groups: Map::default(),
            resources: Map::default(),
        }
    }

    /// Returns the number of users, profiles, custom roles, groups and resources together.
    pub fn things(&self) -> usize {
        self.users.len() + self.profiles.len() + self.roles.len() + self.groups.len() + self.resources.len()
    }

    /// Returns whether the licence holds the module; the platform's own always count as licensed (R2).
    pub fn is_licensed(&self, catalogue: &Catalogue, module: &str) -> bool {
        self.licensed.contains(module) || catalogue.module(module).is_some_and(|module| module.platform)
    }

    /// Sets the licence: all its modules at once. What was configured before is kept (R2).
    pub fn set_licence(&mut self, catalogue: &Catalogue, modules: BTreeSet<ModuleKey>) -> Result<()> {
        for key in &modules {
            match catalogue.module(key.as_str()) {
                None => return Err(Error::not_found("module", key).at("modules")),
                Some(module) if module.platform => {
                    return Err(Error::invalid(format!("`{key}` is always licensed: leave it out")).at("modules"));
                }
                Some(_) => {}
            }
        }
        self.licensed = modules;
        Ok(())
    }
}
