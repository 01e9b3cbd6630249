//! Groups, with their roles, permissions and members.

use std::collections::{BTreeMap, BTreeSet};

use super::all;
use crate::domain::group::Group;
use crate::domain::key::{GroupKey, PermissionKey, TenantId, UserKey};
use crate::domain::letters;
use crate::domain::map::{Differing, Map};
use crate::domain::name::Name;
use crate::domain::role::RoleRef;
use crate::error::{Error, Result};
use crate::store::db::Transaction;
use crate::store::entity::group::{group, group_member, group_permission, group_role};
use crate::store::error::stored;
use crate::store::write::Rows;

/// Reads all groups of a tenant.
pub(super) async fn load(db: &Transaction, tenant: TenantId) -> Result<BTreeMap<GroupKey, Group>> {
    let mut found = assemble(
        &all::<group::Entity>(db, tenant).await?,
        all::<group_role::Entity>(db, tenant).await?,
        all::<group_permission::Entity>(db, tenant).await?,
    )?;
    for row in all::<group_member::Entity>(db, tenant).await? {
        owner(&mut found, &row.group)?.members.insert(stored(UserKey::parse(&row.user))?);
    }
    Ok(found)
}

/// Puts groups together from their rows, without their members.
pub(in crate::store) fn assemble(
    groups: &[group::Model],
    roles: Vec<group_role::Model>,
    permissions: Vec<group_permission::Model>,
) -> Result<BTreeMap<GroupKey, Group>> {
    let mut found: BTreeMap<GroupKey, Group> =
        groups.iter().map(|row| of(row).map(|group| (group.key.clone(), group))).collect::<Result<_>>()?;
    for row in roles {
        owner(&mut found, &row.group)?.roles.insert(stored(RoleRef::parse(&row.role))?);
    }
    for row in permissions {
        owner(&mut found, &row.group)?.permissions.insert(stored(PermissionKey::parse(&row.permission))?);
    }
    Ok(found)
}

fn owner<'a>(groups: &'a mut BTreeMap<GroupKey, Group>, key: &str) -> Result<&'a mut Group> {
    groups.get_mut(key).ok_or_else(|| Error::internal("a row of a group that is not there"))
}

/// Returns a group without what its other rows hold.
pub(in crate::store) fn of(row: &group::Model) -> Result<Group> {
    Ok(Group {
        id: row.id,
        key: stored(GroupKey::parse(&row.key))?,
        name: Name::stored(row.name.clone()),
        roles: BTreeSet::new(),
        permissions: BTreeSet::new(),
        members: BTreeSet::new(),
        version: row.version,
    })
}

/// Differences between two states in the groups' tables.
#[derive(Debug, Default)]
pub(super) struct GroupRows {
    pub(super) groups: Rows<group::Entity>,
    pub(super) roles: Rows<group_role::Entity>,
    pub(super) permissions: Rows<group_permission::Entity>,
    pub(super) members: Rows<group_member::Entity>,
}

impl GroupRows {
    /// Deletes what is gone below those that stay.
    pub(super) async fn delete_below(&self, db: &Transaction) -> Result<()> {
        self.roles.delete(db).await?;
        self.permissions.delete(db).await?;
        self.members.delete(db).await
    }

    /// Writes what is new or changed.
    pub(super) async fn put(&mut self, db: &Transaction) -> Result<()> {
        self.groups.put(db).await?;
        self.roles.put(db).await?;
        self.permissions.put(db).await?;
        self.members.put(db).await
    }
}

/// Returns the rows that differ. The rows under a group that is gone go with it.
pub(super) fn difference(tenant: TenantId, before: &Map<GroupKey, Group>, after: &Map<GroupKey, Group>) -> GroupRows {
    let mut rows = GroupRows::default();
    for Differing { was, is, .. } in before.differing(after) {
        rows.groups.one(was, is, |group| row(tenant, group));
        if let Some(group) = is {
            rows.add(tenant, was, group);
        }
    }
    rows
}

impl GroupRows {
    fn add(&mut self, tenant: TenantId, before: Option<&Group>, after: &Group) {
        let (no_roles, no_permissions, no_members) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let group = || after.key.to_string();
        let roles = before.map_or(&no_roles, |group| &group.roles);
        self.roles.set(roles, &after.roles, |role| group_role::Model {
            tenant_id: tenant.0,
            group: group(),
            role: role.key().to_owned(),
        });
        let permissions = before.map_or(&no_permissions, |group| &group.permissions);
        self.permissions.set(permissions, &after.permissions, |permission| group_permission::Model {
            tenant_id: tenant.0,
            group: group(),
            permission: permission.to_string(),
        });
        let members = before.map_or(&no_members, |group| &group.members);
        self.members.set(members, &after.members, |user| group_member::Model {
            tenant_id: tenant.0,
            group: group(),
            user: user.to_string(),
        });
    }
}

fn row(tenant: TenantId, group: &Group) -> group::Model {
    group::Model {
        tenant_id: tenant.0,
        key: group.key.to_string(),
        id: group.id,
        name: group.name.to_string(),
        sort_key: letters::searched(group.name.as_str()),
        sort_key_of: group.name.to_string(),
        version: group.version,
    }
}
