//! The mutations of groups, and their inputs and payloads.

use std::collections::BTreeSet;

use async_graphql::{Context, InputObject, MaybeUndefined, Object};

use super::Group;
use crate::domain::group::GroupChange;
use crate::domain::key::{GroupKey, PermissionKey, UserKey};
use crate::domain::name::Name;
use crate::domain::role::RoleRef;
use crate::error::Result;
use crate::graphql::context::caller;
use crate::graphql::impact::Impact;
use crate::graphql::input::{given, parse, parse_all, parse_opt};
use crate::graphql::payload::{payload, unless_dry};
use crate::graphql::role::list;
use crate::graphql::scalar::int;
use crate::service::change::ChangeOptions;

/// Makes a group.
#[derive(InputObject)]
pub struct GroupCreateInput {
    /// Key of the group; made from the name when absent.
    key: Option<String>,
    /// Name of the group, unique in the tenant.
    name: String,
    /// Keys of the group's roles: custom ones, or `manager`.
    #[graphql(default)]
    roles: Vec<String>,
    /// Keys of the group's own permissions.
    #[graphql(default)]
    permissions: Vec<String>,
    /// Keys of the users who become members.
    #[graphql(default)]
    members: Vec<String>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Changes a group. An absent field stays; null empties.
#[derive(InputObject)]
pub struct GroupUpdateInput {
    /// Key of the group.
    key: String,
    /// Version of the group that is changed.
    version: i32,
    /// New name; null is refused.
    name: MaybeUndefined<String>,
    /// Keys of all the group's roles; null empties the list.
    roles: MaybeUndefined<Vec<String>>,
    /// Keys of all the group's own permissions; null empties the list.
    permissions: MaybeUndefined<Vec<String>>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Adds members to a group.
#[derive(InputObject)]
pub struct GroupAddMembersInput {
    /// Key of the group.
    group: String,
    /// Keys of the users to add; members stay members.
    users: Vec<String>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Removes members from a group.
#[derive(InputObject)]
pub struct GroupRemoveMembersInput {
    /// Key of the group.
    group: String,
    /// Keys of the users to remove.
    users: Vec<String>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Deletes a group that is not the only one of any member.
#[derive(InputObject)]
pub struct GroupDeleteInput {
    /// Key of the group.
    key: String,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

payload! {
    /// A new group.
    GroupCreatePayload {
        /// The group.
        group: Group,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A changed group.
    GroupUpdatePayload {
        /// The group as it is now.
        group: Group,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A group with more members.
    GroupAddMembersPayload {
        /// The group as it is now.
        group: Group,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A group with fewer members.
    GroupRemoveMembersPayload {
        /// The group as it is now.
        group: Group,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A deleted group.
    GroupDeletePayload {
        /// The key of the group that is gone.
        key: String,
        /// Message for the person who deleted the group.
        message: String,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

fn role_refs(keys: &[String]) -> Result<BTreeSet<RoleRef>> {
    parse_all("roles", keys, RoleRef::parse)
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
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.group_create(caller, key, name, change, members, options).await?;
            Ok(GroupCreatePayload {
                group: unless_dry(&done, platform.group_get_changed(caller, &done.value)).await.map(Group::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
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
                name: parse_opt("name", given("name", input.name)?.as_deref(), Name::parse)?,
                roles: list(input.roles).map(|roles| role_refs(&roles)).transpose()?,
                permissions: permissions
                    .map(|list| parse_all("permissions", &list, PermissionKey::parse))
                    .transpose()?,
            };
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.group_update(caller, &key, input.version, change, options).await?;
            Ok(GroupUpdatePayload {
                group: unless_dry(&done, platform.group_get_changed(caller, &key)).await.map(Group::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        GroupUpdatePayload::of(updated.await)
    }

    /// Adds members to a group.
    async fn group_add_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and the users who join.")] input: GroupAddMembersInput,
    ) -> Result<GroupAddMembersPayload> {
        let (platform, caller) = caller(ctx)?;
        let added = async {
            let key = parse("group", &input.group, GroupKey::parse)?;
            let users = parse_all("users", &input.users, UserKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.group_add_members(caller, &key, users, options).await?;
            Ok(GroupAddMembersPayload {
                group: unless_dry(&done, platform.group_get_changed(caller, &key)).await.map(Group::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        GroupAddMembersPayload::of(added.await)
    }

    /// Removes members from a group.
    async fn group_remove_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group and the users who leave.")] input: GroupRemoveMembersInput,
    ) -> Result<GroupRemoveMembersPayload> {
        let (platform, caller) = caller(ctx)?;
        let removed = async {
            let key = parse("group", &input.group, GroupKey::parse)?;
            let users = parse_all("users", &input.users, UserKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.group_remove_members(caller, &key, &users, options).await?;
            Ok(GroupRemoveMembersPayload {
                group: unless_dry(&done, platform.group_get_changed(caller, &key)).await.map(Group::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
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
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.group_delete(caller, &key, options).await?;
            Ok(GroupDeletePayload {
                key: (!done.dry_run).then(|| key.to_string()),
                message: (!done.dry_run).then(|| "Group deleted successfully.".to_owned()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        GroupDeletePayload::of(deleted.await)
    }
}
