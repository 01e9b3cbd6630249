//! Groups, and the queries of them.

use std::collections::BTreeMap;

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};

use super::catalogue::Permission;
use super::context::{caller, loaders};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::role::{Grant, Role};
use super::scalar::int;
use super::user::{User, UserConnection};
use crate::domain::key::{GroupKey, PermissionKey};
use crate::domain::{group, role};
use crate::error::Result;
use crate::service::role::RoleRow;

pub mod mutation;

pub use mutation::GroupMutation;

/// A named set of roles and permissions that its members have.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Group {
    /// The opaque id for `node`.
    pub(super) id: ID,
    /// Its key.
    key: String,
    /// Its name, unique in the tenant.
    name: String,
    /// Grows with each change; updates name the version that they change.
    version: i32,
    #[graphql(skip)]
    row: group::Group,
}

impl Group {
    /// A group as the store gives it: its members are asked for apart.
    pub(super) fn new(group: group::Group) -> Self {
        Self {
            id: node_id(Kind::Group, group.id),
            key: group.key.to_string(),
            name: group.name.to_string(),
            version: group.version,
            row: group,
        }
    }

    /// What it carries: its own permissions, and what its roles have.
    async fn carried(&self, ctx: &Context<'_>) -> Result<Carried> {
        let own = self.row.permissions.iter().map(|key| (key.clone(), Vec::new()));
        let mut carried = Carried { permissions: own.collect(), grants: BTreeMap::new() };
        for role in loaders(ctx)?.roles(&self.row.roles).await? {
            for permission in &role.permissions {
                carried.permissions.entry(permission.clone()).or_default().push(role.clone());
            }
            for grant in &role.grants {
                carried.grants.entry(grant.clone()).or_default().push(role.clone());
            }
        }
        Ok(carried)
    }
}

/// The permissions and grants that a group carries, each with the roles that bring it.
struct Carried {
    permissions: BTreeMap<PermissionKey, Vec<RoleRow>>,
    grants: BTreeMap<role::Grant, Vec<RoleRow>>,
}

/// A permission that members of a group have through it, and where it comes from.
#[derive(SimpleObject)]
pub struct PermissionSource {
    /// The permission.
    permission: Permission,
    /// Whether it is one of the group's own.
    from_group: bool,
    /// The roles of the group that bring it.
    roles: Vec<Role>,
}

/// A grant that members of a group have through it, and where it comes from.
#[derive(SimpleObject)]
pub struct GrantSource {
    /// The grant.
    grant: Grant,
    /// The roles of the group that bring it.
    roles: Vec<Role>,
}

#[ComplexObject]
impl Group {
    /// The roles that its members hold through it.
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        Ok(loaders(ctx)?.roles(&self.row.roles).await?.into_iter().map(Role::new).collect())
    }

    /// The permissions of its own, in the catalogue's order.
    async fn permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let (platform, _) = caller(ctx)?;
        Ok(Permission::some(platform, &self.row.permissions))
    }

    /// All permissions that its members have through it: its own, and those of its roles.
    async fn effective_permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let (platform, _) = caller(ctx)?;
        Ok(Permission::some(platform, &self.carried(ctx).await?.permissions.into_keys().collect()))
    }

    /// The same permissions, each with where it comes from.
    async fn permission_sources(&self, ctx: &Context<'_>) -> Result<Vec<PermissionSource>> {
        let (platform, _) = caller(ctx)?;
        let mut carried = self.carried(ctx).await?.permissions;
        let in_order = Permission::some(platform, &carried.keys().cloned().collect());
        let source = |permission: Permission| PermissionSource {
            from_group: self.row.permissions.contains(permission.key.as_str()),
            roles: carried.remove(permission.key.as_str()).into_iter().flatten().map(Role::new).collect(),
            permission,
        };
        Ok(in_order.into_iter().map(source).collect())
    }

    /// All grants that its members have through its roles.
    async fn effective_grants(&self, ctx: &Context<'_>) -> Result<Vec<Grant>> {
        Ok(self.carried(ctx).await?.grants.keys().map(Grant::from).collect())
    }

    /// The same grants, each with the roles that it comes from.
    async fn grant_sources(&self, ctx: &Context<'_>) -> Result<Vec<GrantSource>> {
        let source = |(grant, roles): (role::Grant, Vec<RoleRow>)| GrantSource {
            grant: Grant::from(&grant),
            roles: roles.into_iter().map(Role::new).collect(),
        };
        Ok(self.carried(ctx).await?.grants.into_iter().map(source).collect())
    }

    /// Its members, by name.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
    ) -> Result<UserConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform.members(caller, &self.row.key, page(first, after.as_deref(), None, None)?).await?;
        let (tenant, key) = (caller.tenant().id, self.row.key.clone());
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let key = key.clone();
            Box::pin(async move { platform.member_count(&caller, &key).await }) as _
        };
        Ok(UserConnection::new(found, |row| User::new(tenant, row), Box::new(count)))
    }

    /// How many members it has.
    async fn member_count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders(ctx)?.group_members(&self.row.key).await.map(int)
    }
}

connection!(GroupConnection, GroupEdge, Group, "groups");

/// Queries of groups.
#[derive(Default)]
pub struct GroupQuery;

#[Object]
impl GroupQuery {
    /// The groups, by name.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<GroupConnection> {
        let (platform, caller) = caller(ctx)?;
        let found =
            platform.groups(caller, search.as_deref(), page(first, after.as_deref(), last, before.as_deref())?).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let search = search.clone();
            Box::pin(async move { platform.count_groups(&caller, search.as_deref()).await }) as _
        };
        Ok(GroupConnection::new(found, Group::new, Box::new(count)))
    }

    /// The group of this key.
    async fn group(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group's key.")] key: String,
    ) -> Result<Option<Group>> {
        let (platform, caller) = caller(ctx)?;
        let Ok(key) = GroupKey::parse(&key) else { return Ok(None) };
        Ok(platform.group(caller, &key).await?.map(Group::new))
    }
}
