//! Groups.

use async_graphql::{ComplexObject, Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::catalogue::Permission;
use super::context::{caller, loaders};
use super::input::{parse, parse_all, parse_opt};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::payload::payload;
use super::role::{Grant, Role, list};
use super::scalar::int;
use super::user::{User, UserConnection};
use crate::domain::group::{self, GroupChange};
use crate::domain::key::{GroupKey, PermissionKey, UserKey};
use crate::domain::name::Name;
use crate::domain::role::RoleRef;
use crate::error::{Error, Result};

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

    /// Its permissions, and those of the custom roles and the built-in role that it carries.
    async fn carried(&self, ctx: &Context<'_>) -> Result<(std::collections::BTreeSet<PermissionKey>, Vec<Grant>)> {
        let mut permissions = self.row.permissions.clone();
        let mut grants = Vec::new();
        for role in loaders(ctx)?.roles(&self.row.roles).await? {
            permissions.extend(role.permissions.iter().cloned());
            grants.extend(role.grants.iter().map(Grant::from));
        }
        Ok((permissions, grants))
    }
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
        Ok(Permission::some(platform, &self.carried(ctx).await?.0))
    }

    /// All grants that its members have through its roles.
    async fn effective_grants(&self, ctx: &Context<'_>) -> Result<Vec<Grant>> {
        Ok(self.carried(ctx).await?.1)
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

/// Makes a group.
#[derive(InputObject)]
pub struct GroupCreateInput {
    /// Its key; made from the name when absent.
    key: Option<String>,
    /// Its name, unique in the tenant.
    name: String,
    /// The keys of its roles: custom ones, or `manager`.
    #[graphql(default)]
    roles: Vec<String>,
    /// Its permissions.
    #[graphql(default)]
    permissions: Vec<String>,
    /// The keys of its members.
    #[graphql(default)]
    members: Vec<String>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Changes a group. What is absent stays; null empties.
#[derive(InputObject)]
pub struct GroupUpdateInput {
    /// Its key.
    key: String,
    /// The version that is changed.
    version: i32,
    /// Another name.
    name: Option<String>,
    /// All its roles.
    roles: MaybeUndefined<Vec<String>>,
    /// All its permissions.
    permissions: MaybeUndefined<Vec<String>>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Adds members to a group.
#[derive(InputObject)]
pub struct GroupAddMembersInput {
    /// The group's key.
    group: String,
    /// The users' keys; members stay members.
    users: Vec<String>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Removes members from a group.
#[derive(InputObject)]
pub struct GroupRemoveMembersInput {
    /// The group's key.
    group: String,
    /// The users' keys.
    users: Vec<String>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Deletes a group that is not the only one of any member.
#[derive(InputObject)]
pub struct GroupDeleteInput {
    /// Its key.
    key: String,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

payload! {
    /// A new group.
    GroupCreatePayload {
        /// The group.
        group: Group,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A changed group.
    GroupUpdatePayload {
        /// The group as it is now.
        group: Group,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A group with more members.
    GroupAddMembersPayload {
        /// The group as it is now.
        group: Group,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A group with fewer members.
    GroupRemoveMembersPayload {
        /// The group as it is now.
        group: Group,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A deleted group.
    GroupDeletePayload {
        /// The key of the group that is gone.
        key: String,
        /// What to tell the person who deleted it.
        message: String,
        /// The tenant's policy version.
        revision: i32,
    }
}

fn role_refs(keys: &[String]) -> Result<std::collections::BTreeSet<RoleRef>> {
    parse_all("roles", keys, RoleRef::parse)
}

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

/// Mutations of groups.
#[derive(Default)]
pub struct GroupMutation;

#[Object]
impl GroupMutation {
    /// Makes a group.
    async fn group_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group to make.")] input: GroupCreateInput,
    ) -> Result<GroupCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            let key = parse_opt("key", input.key.as_deref(), GroupKey::parse)?;
            let name = parse("name", &input.name, Name::parse)?;
            let change = GroupChange {
                name: None,
                roles: Some(role_refs(&input.roles)?),
                permissions: Some(parse_all("permissions", &input.permissions, PermissionKey::parse)?),
            };
            let members = parse_all("members", &input.members, UserKey::parse)?;
            let done = platform.create_group(caller, key, name, change, members, input.reason).await?;
            Ok(GroupCreatePayload {
                group: platform.changed_group(caller, &done.value).await?.map(Group::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        GroupCreatePayload::of(made.await)
    }

    /// Changes a group's name, roles or permissions.
    async fn group_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and what changes.")] input: GroupUpdateInput,
    ) -> Result<GroupUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let key = parse("key", &input.key, GroupKey::parse)?;
            let permissions = list(input.permissions);
            let change = GroupChange {
                name: parse_opt("name", input.name.as_deref(), Name::parse)?,
                roles: list(input.roles).map(|roles| role_refs(&roles)).transpose()?,
                permissions: permissions
                    .map(|list| parse_all("permissions", &list, PermissionKey::parse))
                    .transpose()?,
            };
            let done = platform.update_group(caller, &key, input.version, change, input.reason).await?;
            Ok(GroupUpdatePayload {
                group: platform.changed_group(caller, &key).await?.map(Group::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        GroupUpdatePayload::of(updated.await)
    }

    /// Adds members to a group.
    async fn group_add_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and the users that come.")] input: GroupAddMembersInput,
    ) -> Result<GroupAddMembersPayload> {
        let (platform, caller) = caller(ctx)?;
        let added = async {
            let key = parse("group", &input.group, GroupKey::parse)?;
            let users = parse_all("users", &input.users, UserKey::parse)?;
            let done = platform.add_members(caller, &key, users, input.reason).await?;
            Ok(GroupAddMembersPayload {
                group: platform.changed_group(caller, &key).await?.map(Group::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        GroupAddMembersPayload::of(added.await)
    }

    /// Removes members from a group.
    async fn group_remove_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and the users that go.")] input: GroupRemoveMembersInput,
    ) -> Result<GroupRemoveMembersPayload> {
        let (platform, caller) = caller(ctx)?;
        let removed = async {
            let key = parse("group", &input.group, GroupKey::parse)?;
            let users = parse_all("users", &input.users, UserKey::parse)?;
            let done = platform.remove_members(caller, &key, &users, input.reason).await?;
            Ok(GroupRemoveMembersPayload {
                group: platform.changed_group(caller, &key).await?.map(Group::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        GroupRemoveMembersPayload::of(removed.await)
    }

    /// Deletes a group, unless it is the only one of some member.
    async fn group_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group to delete.")] input: GroupDeleteInput,
    ) -> Result<GroupDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, GroupKey::parse)?;
            let done = platform.delete_group(caller, &key, input.reason).await?;
            Ok::<_, Error>(GroupDeletePayload {
                key: Some(key.to_string()),
                message: Some("Group deleted successfully.".to_owned()),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        GroupDeletePayload::of(deleted.await)
    }
}
