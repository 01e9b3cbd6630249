//! Groups, and the queries of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};

use super::catalogue::Permission;
use super::context::{caller, loaders};
use super::node::{Kind, node_id};
use super::page::{Counter, connection, known, page};
use super::role::{Grant, GrantConnection, Role, RoleConnection};
use super::scalar::int;
use super::user::{User, UserConnection};
use crate::auth::caller::Caller;
use crate::domain::group;
use crate::domain::key::{GroupKey, PermissionKey};
use crate::domain::role::RoleRef;
use crate::error::Result;
use crate::service::Platform;
use crate::service::admin::grant::{self, SOURCES_MAX};
use crate::service::admin::role::RoleRow;

pub mod mutation;

pub use mutation::GroupMutation;

/// The field by which a cursor names a role of a group.
const ROLE: &str = "role";

/// A named set of roles and permissions that its members have.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Group {
    /// Opaque id for `node`.
    pub(super) id: ID,
    /// Key of the group.
    key: String,
    /// Name of the group, unique in the tenant.
    name: String,
    /// Version, which grows with each change; an update names the version that it changes.
    version: i32,
    #[graphql(skip)]
    row: Arc<group::Group>,
}

impl Group {
    /// Creates a group from the store's row: its members are loaded separately.
    pub(super) fn new(group: group::Group) -> Self {
        Self {
            id: node_id(Kind::Group, group.id),
            key: group.key.to_string(),
            name: group.name.to_string(),
            version: group.version,
            row: Arc::new(group),
        }
    }

    /// Returns a counter of the grants that the group's roles have.
    fn count_grants(&self) -> Counter {
        let row = Arc::clone(&self.row);
        Box::new(move |platform: Platform, caller: Caller| {
            let row = Arc::clone(&row);
            Box::pin(async move { platform.group_grant_count(&caller, &row.roles).await })
        })
    }

    /// Loads the permissions of the group and of its roles, each with the roles that bring it.
    async fn carried(&self, ctx: &Context<'_>) -> Result<BTreeMap<PermissionKey, Vec<Arc<RoleRow>>>> {
        let own = self.row.permissions.iter().map(|key| (key.clone(), Vec::new()));
        let mut carried: BTreeMap<_, Vec<_>> = own.collect();
        for role in loaders(ctx)?.roles(self.row.roles.iter().cloned().collect()).await? {
            for permission in &role.permissions {
                carried.entry(permission.clone()).or_default().push(Arc::clone(&role));
            }
        }
        Ok(carried)
    }
}

/// A permission that members of a group have through it, and its sources.
#[derive(SimpleObject)]
pub struct PermissionSource {
    /// Permission that the members have.
    permission: Permission,
    /// `true` if the permission is one of the group's own.
    from_group: bool,
    /// Roles of the group that bring the permission, by key; the first 10.
    #[graphql(complexity = "super::cost::list(10, child_complexity)")]
    roles: Vec<Role>,
    /// Number of roles of the group that bring the permission.
    role_count: i32,
}

/// A grant that members of a group have through it, and its sources.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GrantSource {
    /// Grant that the members have.
    grant: Grant,
    /// Number of roles of the group that bring the grant.
    role_count: i32,
    #[graphql(skip)]
    first: Vec<RoleRef>,
}

#[ComplexObject]
impl GrantSource {
    /// Roles of the group that bring the grant, by key; the first 10.
    #[graphql(complexity = "super::cost::list(10, child_complexity)")]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        Ok(loaders(ctx)?.roles(self.first.clone()).await?.into_iter().map(Role::new).collect())
    }
}

impl From<grant::GrantSource> for GrantSource {
    fn from(source: grant::GrantSource) -> Self {
        Self { grant: (&source.grant).into(), role_count: int(source.role_count), first: source.roles }
    }
}

#[ComplexObject]
impl Group {
    /// Roles that the members hold through the group: `manager` first, then the custom ones by key.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn roles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<RoleConnection> {
        let wanted = page(first, after.as_deref(), None, None)?;
        let part = wanted.part(ROLE, |key| RoleRef::parse(key).ok())?;
        let held = &self.row.roles;
        let keys = held.iter().filter(|role| part.holds(role)).take(wanted.sought()).cloned().collect();
        let found = loaders(ctx)?.page_of_roles(wanted.of_part(ROLE, keys, |role| role.key().to_owned())).await?;
        Ok(RoleConnection::new(found, Role::new, known(held.len())))
    }

    /// Permissions of the group's own, in the catalogue's order.
    #[graphql(complexity = "super::cost::permissions(child_complexity)")]
    async fn permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let (platform, _) = caller(ctx)?;
        Ok(Permission::some(platform, &self.row.permissions))
    }

    /// All permissions that the members have through the group: its own, and those of its roles.
    #[graphql(complexity = "super::cost::permissions(child_complexity)")]
    async fn effective_permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let (platform, _) = caller(ctx)?;
        Ok(Permission::some(platform, &self.carried(ctx).await?.into_keys().collect()))
    }

    /// All permissions that the members have through the group, each with its sources.
    #[graphql(complexity = "super::cost::permissions(child_complexity)")]
    async fn permission_sources(&self, ctx: &Context<'_>) -> Result<Vec<PermissionSource>> {
        let (platform, _) = caller(ctx)?;
        let mut carried = self.carried(ctx).await?;
        let in_order = Permission::some(platform, &carried.keys().cloned().collect());
        let source = |permission: Permission| {
            let bring = carried.remove(permission.key.as_str()).unwrap_or_default();
            PermissionSource {
                from_group: self.row.permissions.contains(permission.key.as_str()),
                role_count: int(bring.len() as u64),
                roles: bring.into_iter().take(SOURCES_MAX as usize).map(Role::new).collect(),
                permission,
            }
        };
        Ok(in_order.into_iter().map(source).collect())
    }

    /// Grants that the members have through the group's roles, by object, action and effect.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn effective_grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<GrantConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), None, None)?;
        let found = platform.group_grant_list(caller, &self.row.roles, wanted).await?;
        Ok(GrantConnection::new(found, |grant| Grant::from(&grant), self.count_grants()))
    }

    /// Grants that the members have through the group's roles, each with the roles that bring it.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn grant_sources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<GrantSourceConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), None, None)?;
        let found = platform.group_grant_sources(caller, &self.row.roles, wanted).await?;
        Ok(GrantSourceConnection::new(found, GrantSource::from, self.count_grants()))
    }

    /// Members of the group, by name.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<UserConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform.group_members(caller, &self.row.key, page(first, after.as_deref(), None, None)?).await?;
        let (tenant, key) = (caller.tenant().id, self.row.key.clone());
        let count = move |platform: Platform, caller: Caller| {
            let key = key.clone();
            Box::pin(async move { platform.group_member_count(&caller, &key).await }) as _
        };
        Ok(UserConnection::new(found, |row| User::new(tenant, row), Box::new(count)))
    }

    /// Number of members of the group.
    async fn member_count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders(ctx)?.group_members(&self.row.key).await.map(int)
    }
}

connection!(GroupConnection, GroupEdge, Group, "groups");
connection!(GrantSourceConnection, GrantSourceEdge, GrantSource, "grants with where they come from");

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
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<GroupConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform
            .group_list(caller, search.as_deref(), page(first, after.as_deref(), last, before.as_deref())?)
            .await?;
        let count = move |platform: Platform, caller: Caller| {
            let search = search.clone();
            Box::pin(async move { platform.group_count(&caller, search.as_deref()).await }) as _
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
        Ok(platform.group_get(caller, &key).await?.map(Group::new))
    }
}
