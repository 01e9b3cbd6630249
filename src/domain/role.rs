//! Roles: the built-in ones, and the custom ones that administrators make from MANAGER.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::catalogue::{Catalogue, Section};
use super::key::{ActionPattern, ObjectPattern, PermissionKey, RoleKey, SectionKey};
use super::name::{Name, check_description, check_free};
use super::tenant::TenantState;
use super::{check_version, counted, in_the_way_users, unique_key};
use crate::error::{Error, ErrorCode, Related, Result};

/// The built-in roles, in the order in which they are listed: the only subjects in the namespace `role:`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::AsRefStr, strum::EnumString, strum::VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum BuiltIn {
    /// Everything licensed.
    Admin,
    /// All of the catalogue's permissions.
    Manager,
    /// Nothing of its own.
    Agent,
    /// Decides for others and registers resources.
    Service,
    /// Held by every user that is not disabled.
    Member,
}

/// The effect of a matching rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[derive(strum::AsRefStr, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = not_an_effect)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever else allows (R41).
    Deny,
}

fn not_an_effect(text: &str) -> Error {
    Error::invalid(format!("`{}` is not an effect", text.escape_debug()))
}

/// A grant of a custom role, for what the catalogue has no permission for (R35a).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// An exact object, or a prefix that ends in `/*`.
    pub object: ObjectPattern,
    /// One action, or `*`.
    pub action: ActionPattern,
    /// Allowed or denied.
    pub effect: Effect,
}

/// A custom role (R35).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomRole {
    /// Internal id, never used again.
    pub id: Uuid,
    /// Its key, which never changes.
    pub key: RoleKey,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The purpose of the role, in words.
    pub description: String,
    /// The catalogue's permissions that are on.
    pub permissions: BTreeSet<PermissionKey>,
    /// Its grants of its own.
    pub grants: BTreeSet<Grant>,
    /// Version, which grows with each change of the role.
    pub version: i32,
}

/// A change of a custom role, or the parts of a new one.
#[derive(Debug, Clone, Default)]
pub struct RoleChange {
    /// A new name, if it changes.
    pub name: Option<Name>,
    /// A new description, if it changes.
    pub description: Option<String>,
    /// The whole list of permissions, if it changes.
    pub permissions: Option<BTreeSet<PermissionKey>>,
    /// The whole list of grants, if it changes.
    pub grants: Option<BTreeSet<Grant>>,
}

/// Checks that every permission is known and has its prerequisites on (R36).
pub(super) fn check_permissions(catalogue: &Catalogue, permissions: &BTreeSet<PermissionKey>) -> Result<()> {
    for key in permissions {
        let permission =
            catalogue.permission(key.as_str()).ok_or_else(|| Error::not_found("permission", key).at("permissions"))?;
        if let Some(missing) = permission.requires.iter().find(|needed| !permissions.contains(*needed)) {
            return Err(Error::new(
                ErrorCode::PrerequisiteMissing,
                format!("`{key}` needs `{missing}`: turn it on as well"),
            )
            .at("permissions"));
        }
    }
    Ok(())
}

/// Refuses what no role may be. `known` are the grants that the role had before.
fn check_role(catalogue: &Catalogue, role: &CustomRole, known: &BTreeSet<Grant>) -> Result<()> {
    check_description(&role.description)?;
    check_permissions(catalogue, &role.permissions)?;
    role.grants.iter().try_for_each(Grant::check).map_err(|error| error.at("grants"))?;
    let successors = catalogue.successors();
    let mut new = role.grants.difference(known);
    new.try_for_each(|grant| grant.check_current(&successors)).map_err(|error| error.at("grants"))
}

impl Grant {
    /// Refuses what no grant may say. A deny over the platform's own objects could lock a tenant out of itself (R35b),
    /// and the settings are for admins alone (R4).
    pub fn check(&self) -> Result<()> {
        let Self { object, effect, .. } = self;
        let message = match effect {
            Effect::Deny if object.first() == "admin" => {
                format!("`{object}` cannot be denied: it could lock the tenant out of itself")
            }
            Effect::Allow if reaches_settings(object) => format!(
                "`{object}` holds the settings, which only admins read or change: name the other objects one by one"
            ),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::ProtectedRole, message))
    }

    /// Refuses a new grant on a section of an earlier catalogue, or on anything in it. The sections that took its place
    /// would inherit the grant later, and nobody would ask whether its maker may give it there (R35b).
    pub(super) fn check_current(&self, successors: &BTreeMap<&SectionKey, Vec<&Section>>) -> Result<()> {
        let Some((former, sections)) = successors.iter().find(|(former, _)| self.below(former).is_some()) else {
            return Ok(());
        };
        let sections: Vec<_> = sections.iter().map(|section| format!("`{}`", section.key)).collect();
        let message = format!(
            "`{}` is in `{former}`, which is no section any more: grant on {} instead",
            self.object,
            sections.join(" or ")
        );
        Err(Error::invalid(message))
    }

    /// Returns what follows the section's key in the object, if the grant is on the section or on anything in it.
    pub(super) fn below(&self, section: &SectionKey) -> Option<&str> {
        let rest = self.object.as_str().strip_prefix(section.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// Returns whether a pattern stands for the settings or what is below them.
fn reaches_settings(object: &ObjectPattern) -> bool {
    const SETTINGS: &str = "admin/settings";
    let below = object.as_str().strip_prefix(SETTINGS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below || object.prefix().is_some_and(|prefix| SETTINGS.starts_with(prefix))
}

impl TenantState {
    /// Makes a custom role; its key comes from the name when none is given.
    pub fn create_role(
        &mut self,
        catalogue: &Catalogue,
        id: Uuid,
        key: Option<RoleKey>,
        name: Name,
        change: RoleChange,
    ) -> Result<RoleKey> {
        self.check_role_name(&name, None)?;
        self.add_role(catalogue, id, key, name, change)
    }

    /// Makes a custom role of a name that no role has; its key comes from the name when none is given.
    pub(super) fn add_role(
        &mut self,
        catalogue: &Catalogue,
        id: Uuid,
        key: Option<RoleKey>,
        name: Name,
        change: RoleChange,
    ) -> Result<RoleKey> {
        let taken = |text: &str| text.parse::<BuiltIn>().is_ok() || self.roles.contains_key(text);
        let key = match key {
            Some(key) if taken(key.as_str()) => {
                return Err(Error::new(ErrorCode::AlreadyExists, format!("the role key `{key}` is taken")).at("key"));
            }
            Some(key) => key,
            None => RoleKey::parse(&unique_key(&name, "role", taken))?,
        };
        let role = CustomRole {
            id,
            key: key.clone(),
            name,
            description: change.description.unwrap_or_default(),
            permissions: change.permissions.unwrap_or_default(),
            grants: change.grants.unwrap_or_default(),
            version: 1,
        };
        check_role(catalogue, &role, &BTreeSet::new())?;
        self.roles.insert(key.clone(), role);
        Ok(key)
    }

    /// Changes a custom role, for all who hold it at once (R38).
    pub fn update_role(&mut self, catalogue: &Catalogue, key: &str, version: i32, change: RoleChange) -> Result<()> {
        Self::refuse_built_in(key)?;
        let role = self.roles.get(key).ok_or_else(|| Error::not_found("role", key).at("key"))?;
        check_version(role.version, version)?;
        let before = role;
        let mut role = before.clone();
        if let Some(name) = change.name {
            self.check_role_name(&name, Some(key))?;
            role.name = name;
        }
        role.description = change.description.unwrap_or(role.description);
        role.permissions = change.permissions.unwrap_or(role.permissions);
        role.grants = change.grants.unwrap_or(role.grants);
        check_role(catalogue, &role, &before.grants)?;
        role.version += i32::from(role != *before);
        self.roles.insert(role.key.clone(), role);
        Ok(())
    }

    /// Deletes a custom role that no user and no group holds (R38).
    pub fn delete_role(&mut self, key: &str) -> Result<CustomRole> {
        Self::refuse_built_in(key)?;
        let users = self.users.values().filter(|user| user.role.as_ref().is_some_and(|held| held.as_str() == key));
        let mut related = in_the_way_users(users.map(|user| &user.key));
        let groups = self.groups.values().filter(|group| group.roles.iter().any(|role| role.key() == key));
        related.extend(groups.map(|group| Related::Group(group.key.to_string())));
        if !related.is_empty() {
            let holders = counted(related.len(), "user or group holds", "users or groups hold");
            return Err(Error::new(ErrorCode::RoleInUse, format!("{holders} this role: take it from them first"))
                .in_the_way(related)
                .at("key"));
        }
        self.roles.remove(key).ok_or_else(|| Error::not_found("role", key).at("key"))
    }

    fn refuse_built_in(key: &str) -> Result<()> {
        if key.parse::<BuiltIn>().is_ok() {
            return Err(Error::new(
                ErrorCode::ProtectedRole,
                format!("`{key}` is a built-in role and does not change"),
            )
            .at("key"));
        }
        Ok(())
    }

    fn check_role_name(&self, name: &Name, own: Option<&str>) -> Result<()> {
        let roles = self.roles.values().map(|role| (role.key.as_str(), &role.name));
        check_free("role", name, own, roles)
    }
}

/// A role that a group carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RoleRef {
    /// The built-in role of managers, the only built-in one that a group may carry.
    Manager,
    /// A custom role.
    Custom(RoleKey),
}

impl RoleRef {
    /// Returns the key by which people name it. Custom roles never have the key of a built-in one.
    pub fn key(&self) -> &str {
        match self {
            Self::Manager => BuiltIn::Manager.as_ref(),
            Self::Custom(key) => key.as_str(),
        }
    }

    /// Reads a role's key; the built-in roles other than `manager` are refused (R35b).
    pub fn parse(key: &str) -> Result<Self> {
        match key.parse() {
            Ok(BuiltIn::Manager) => Ok(Self::Manager),
            Ok(_) => Err(Error::new(ErrorCode::ProtectedRole, format!("a group cannot carry the role `{key}`"))),
            Err(_) => RoleKey::parse(key).map(Self::Custom),
        }
    }
}

impl TryFrom<String> for RoleRef {
    type Error = Error;
    fn try_from(key: String) -> Result<Self> {
        Self::parse(&key)
    }
}

impl From<RoleRef> for String {
    fn from(role: RoleRef) -> Self {
        role.key().to_owned()
    }
}
