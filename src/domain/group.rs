//! Groups: named sets of roles and permissions (R39, R40).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::catalogue::Catalogue;
use super::key::{GroupKey, PermissionKey, UserKey};
use super::name::{Name, check_free};
use super::role::{RoleRef, check_permissions};
use super::tenant::TenantState;
use super::{check_version, in_the_way_users, listed, unique_key};
use crate::error::{Error, ErrorCode, Related, Result};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Internal id, never used again.
    pub id: Uuid,
    /// Its key, which never changes.
    pub key: GroupKey,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The roles that its members hold through it.
    pub roles: BTreeSet<RoleRef>,
    /// The permissions that its members have through it.
    pub permissions: BTreeSet<PermissionKey>,
    /// Its members.
    pub members: BTreeSet<UserKey>,
    /// Version, which grows with each change of the group.
    pub version: i32,
}

/// A change of a group; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    /// A new name.
    pub name: Option<Name>,
    /// The whole list of roles.
    pub roles: Option<BTreeSet<RoleRef>>,
    /// The whole list of permissions.
    pub permissions: Option<BTreeSet<PermissionKey>>,
}

impl TenantState {
    /// Makes a group; its key comes from the name when none is given.
    pub fn create_group(
        &mut self,
        catalogue: &Catalogue,
        id: Uuid,
        key: Option<GroupKey>,
        name: Name,
        change: GroupChange,
        members: BTreeSet<UserKey>,
    ) -> Result<GroupKey> {
        self.check_group_name(&name, None)?;
        self.add_group(catalogue, id, key, name, change, members)
    }

    /// Makes a group of a name that no group has; its key comes from the name when none is given.
    pub(super) fn add_group(
        &mut self,
        catalogue: &Catalogue,
        id: Uuid,
        key: Option<GroupKey>,
        name: Name,
        change: GroupChange,
        members: BTreeSet<UserKey>,
    ) -> Result<GroupKey> {
        let taken = |text: &str| self.groups.contains_key(text);
        let key = match key {
            Some(key) if taken(key.as_str()) => {
                return Err(Error::new(ErrorCode::AlreadyExists, format!("the group key `{key}` is taken")).at("key"));
            }
            Some(key) => key,
            None => GroupKey::parse(&unique_key(&name, "group", taken))?,
        };
        let group = Group {
            id,
            key: key.clone(),
            name,
            roles: change.roles.unwrap_or_default(),
            permissions: change.permissions.unwrap_or_default(),
            members,
            version: 1,
        };
        self.check_group(catalogue, &group)?;
        self.groups.insert(key.clone(), group);
        Ok(key)
    }

    /// Changes a group's name, roles or permissions.
    pub fn update_group(&mut self, catalogue: &Catalogue, key: &str, version: i32, change: GroupChange) -> Result<()> {
        let group = self.groups.get(key).ok_or_else(|| Error::not_found("group", key).at("key"))?;
        check_version(group.version, version)?;
        let before = group;
        let mut group = before.clone();
        if let Some(name) = change.name {
            self.check_group_name(&name, Some(key))?;
            group.name = name;
        }
        group.roles = change.roles.unwrap_or(group.roles);
        group.permissions = change.permissions.unwrap_or(group.permissions);
        self.check_group(catalogue, &group)?;
        group.version += i32::from(group != *before);
        self.groups.insert(group.key.clone(), group);
        Ok(())
    }

    /// Adds members; those that are in already stay.
    pub fn add_members(&mut self, key: &str, users: BTreeSet<UserKey>) -> Result<()> {
        if let Some(unknown) = users.iter().find(|user| !self.users.contains_key(*user)) {
            return Err(Error::not_found("user", unknown).at("users"));
        }
        let group = self.groups.get_mut(key).ok_or_else(|| Error::not_found("group", key).at("group"))?;
        let before = group.members.len();
        group.members.extend(users);
        group.version += i32::from(group.members.len() != before);
        Ok(())
    }

    /// Removes members; a user that is not one is refused.
    pub fn remove_members(&mut self, key: &str, users: &BTreeSet<UserKey>) -> Result<()> {
        let group = self.groups.get_mut(key).ok_or_else(|| Error::not_found("group", key).at("group"))?;
        for user in users {
            if !group.members.remove(user) {
                return Err(Error::not_found("member", user).at("users"));
            }
        }
        group.version += i32::from(!users.is_empty());
        Ok(())
    }

    /// Deletes a group, unless it is the only one of some member (R40).
    pub fn delete_group(&mut self, key: &str) -> Result<Group> {
        let group = self.groups.get(key).ok_or_else(|| Error::not_found("group", key).at("key"))?;
        let elsewhere: BTreeSet<&UserKey> =
            self.groups.values().filter(|other| other.key != group.key).flat_map(|other| &other.members).collect();
        let stranded = in_the_way_users(group.members.iter().filter(|member| !elsewhere.contains(member)));
        if !stranded.is_empty() {
            let users: Vec<&str> = stranded.iter().map(Related::key).collect();
            let message = format!("this is the only group of {}: add them to another group first", listed(&users));
            return Err(Error::new(ErrorCode::LastGroupOfMembers, message).in_the_way(stranded).at("key"));
        }
        self.groups.remove(key).ok_or_else(|| Error::not_found("group", key).at("key"))
    }

    fn check_group(&self, catalogue: &Catalogue, group: &Group) -> Result<()> {
        check_permissions(catalogue, &group.permissions)?;
        if let Some(unknown) = group.members.iter().find(|member| !self.users.contains_key(*member)) {
            return Err(Error::not_found("user", unknown).at("members"));
        }
        for role in &group.roles {
            if let RoleRef::Custom(role) = role
                && !self.roles.contains_key(role)
            {
                return Err(Error::not_found("role", role).at("roles"));
            }
        }
        Ok(())
    }

    fn check_group_name(&self, name: &Name, own: Option<&str>) -> Result<()> {
        let groups = self.groups.values().map(|group| (group.key.as_str(), &group.name));
        check_free("group", name, own, groups)
    }
}
