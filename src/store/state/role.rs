//! Custom roles, with their permissions and grants.

use std::collections::{BTreeMap, BTreeSet};

use super::all;
use crate::domain::key::{ActionPattern, ObjectPattern, PermissionKey, RoleKey, TenantId};
use crate::domain::letters;
use crate::domain::map::{Differing, Map};
use crate::domain::name::Name;
use crate::domain::role::{CustomRole, Grant};
use crate::error::{Error, Result};
use crate::store::db::Transaction;
use crate::store::entity::role::{role, role_grant, role_permission};
use crate::store::error::stored;
use crate::store::write::Rows;

/// Reads all custom roles of a tenant.
pub(super) async fn load(db: &Transaction, tenant: TenantId) -> Result<BTreeMap<RoleKey, CustomRole>> {
    assemble(
        all::<role::Entity>(db, tenant).await?,
        all::<role_permission::Entity>(db, tenant).await?,
        all::<role_grant::Entity>(db, tenant).await?,
    )
}

/// Puts custom roles together from their rows.
pub(in crate::store) fn assemble(
    roles: Vec<role::Model>,
    permissions: Vec<role_permission::Model>,
    grants: Vec<role_grant::Model>,
) -> Result<BTreeMap<RoleKey, CustomRole>> {
    let mut found: BTreeMap<RoleKey, CustomRole> =
        roles.into_iter().map(|row| of(row).map(|role| (role.key.clone(), role))).collect::<Result<_>>()?;
    for row in permissions {
        owner(&mut found, &row.role)?.permissions.insert(stored(PermissionKey::parse(&row.permission))?);
    }
    for row in grants {
        let grant = stored(grant_of(&row))?;
        owner(&mut found, &row.role)?.grants.insert(grant);
    }
    Ok(found)
}

fn owner<'a>(roles: &'a mut BTreeMap<RoleKey, CustomRole>, key: &str) -> Result<&'a mut CustomRole> {
    roles.get_mut(key).ok_or_else(|| Error::internal("a row of a custom role that is not there"))
}

/// Returns a custom role without what its other rows hold.
pub(in crate::store) fn of(row: role::Model) -> Result<CustomRole> {
    Ok(CustomRole {
        id: row.id,
        key: stored(RoleKey::parse(&row.key))?,
        name: Name::stored(row.name.clone()),
        description: row.description,
        permissions: BTreeSet::new(),
        grants: BTreeSet::new(),
        version: row.version,
    })
}

/// Reads a grant from its row.
pub(in crate::store) fn grant_of(row: &role_grant::Model) -> Result<Grant> {
    Ok(Grant {
        object: ObjectPattern::parse(&row.object)?,
        action: ActionPattern::parse(&row.action)?,
        effect: row.effect.parse()?,
    })
}

/// Differences between two states in the custom roles' tables.
#[derive(Debug, Default)]
pub(super) struct RoleRows {
    pub(super) roles: Rows<role::Entity>,
    pub(super) permissions: Rows<role_permission::Entity>,
    pub(super) grants: Rows<role_grant::Entity>,
}

impl RoleRows {
    /// Deletes what is gone below those that stay.
    pub(super) async fn delete_below(&self, db: &Transaction) -> Result<()> {
        self.permissions.delete(db).await?;
        self.grants.delete(db).await
    }

    /// Writes what is new or changed.
    pub(super) async fn put(&mut self, db: &Transaction) -> Result<()> {
        self.roles.put(db).await?;
        self.permissions.put(db).await?;
        self.grants.put(db).await
    }
}

/// Returns the rows that differ. The rows under a custom role that is gone go with it.
pub(super) fn difference(
    tenant: TenantId,
    before: &Map<RoleKey, CustomRole>,
    after: &Map<RoleKey, CustomRole>,
) -> RoleRows {
    let mut rows = RoleRows::default();
    for Differing { was: old, is, .. } in before.differing(after) {
        rows.roles.one(old, is, |role| row(tenant, role));
        let Some(role) = is else { continue };
        let (no_permissions, no_grants) = (BTreeSet::new(), BTreeSet::new());
        let permissions = old.map_or(&no_permissions, |old| &old.permissions);
        rows.permissions.set(permissions, &role.permissions, |permission| role_permission::Model {
            tenant_id: tenant.0,
            role: role.key.to_string(),
            permission: permission.to_string(),
        });
        rows.grants.set(old.map_or(&no_grants, |old| &old.grants), &role.grants, |grant| role_grant::Model {
            tenant_id: tenant.0,
            role: role.key.to_string(),
            object: grant.object.to_string(),
            action: grant.action.to_string(),
            effect: grant.effect.as_ref().to_owned(),
        });
    }
    rows
}

fn row(tenant: TenantId, role: &CustomRole) -> role::Model {
    role::Model {
        tenant_id: tenant.0,
        key: role.key.to_string(),
        id: role.id,
        name: role.name.to_string(),
        sort_key: letters::searched(role.name.as_str()),
        sort_key_of: role.name.to_string(),
        description: role.description.clone(),
        version: role.version,
    }
}
