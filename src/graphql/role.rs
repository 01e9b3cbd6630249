//! Roles: the built-in ones, and the custom ones with their permissions and grants.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::catalogue::Permission;
use super::context::{caller, loaders};
use super::impact::Impact;
use super::input::{given, parse, parse_all, parse_opt};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::payload::{payload, unless_dry};
use super::scalar::int;
use crate::auth::caller::Caller;
use crate::domain::key::{ActionPattern, ObjectPattern, PermissionKey, RoleKey};
use crate::domain::name::{Name, check_description};
use crate::domain::role::{self, RoleChange};
use crate::error::Result;
use crate::service::Platform;
use crate::service::admin::role::RoleRow;
use crate::service::change::ChangeOptions;

/// A role: a built-in one, or a custom one made from MANAGER.
#[derive(Clone, Description)]
pub struct Role {
    id: ID,
    row: Arc<RoleRow>,
}

impl Role {
    pub(super) fn new(row: impl Into<Arc<RoleRow>>) -> Self {
        let row = row.into();
        Self { id: node_id(Kind::Role, row.id), row }
    }
}

#[Object(use_type_description)]
impl Role {
    /// Opaque id for `node`.
    pub(super) async fn id(&self) -> &ID {
        &self.id
    }

    /// Key of the role.
    async fn key(&self) -> &str {
        &self.row.key
    }

    /// Name of the role, unique in the tenant.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Description of the role's purpose.
    async fn description(&self) -> &str {
        &self.row.description
    }

    /// `true` if administrators made the role.
    async fn custom(&self) -> bool {
        self.row.custom
    }

    /// Version, which grows with each change; an update names the version that it changes.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// Permissions of the role that are on, in the catalogue's order.
    #[graphql(complexity = "super::cost::permissions(child_complexity)")]
    async fn permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let (platform, _) = caller(ctx)?;
        Ok(Permission::some(platform, &self.row.permissions))
    }

    /// Grants of the role's own, by object, action and effect.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<GrantConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform.role_grant_list(caller, &self.row, page(first, after.as_deref(), None, None)?).await?;
        let row = Arc::clone(&self.row);
        let count = move |platform: Platform, caller: Caller| {
            let row = Arc::clone(&row);
            Box::pin(async move { platform.role_grant_count(&caller, &row).await }) as _
        };
        Ok(GrantConnection::new(found, |grant| Grant::from(&grant), Box::new(count)))
    }

    /// Number of users who hold the role themselves, not through a group.
    async fn user_count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders(ctx)?.role_users(&self.row).await.map(int)
    }
}

/// A right for what the catalogue has no permission for.
#[derive(Clone, SimpleObject)]
pub struct Grant {
    /// Object of the grant: an exact one, or a prefix that ends in `/*`.
    object: String,
    /// Action of the grant, or `*` for all.
    action: String,
    /// Effect of the grant; a denial wins over every allowance.
    effect: Effect,
}

impl From<&role::Grant> for Grant {
    fn from(grant: &role::Grant) -> Self {
        Self { object: grant.object.to_string(), action: grant.action.to_string(), effect: grant.effect.into() }
    }
}

/// The effect of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "role::Effect")]
pub enum Effect {
    /// Allowed.
    Allow,
    /// Denied, whatever else allows.
    Deny,
}

/// A grant of a custom role.
#[derive(InputObject)]
pub struct GrantInput {
    /// Object of the grant: an exact one, or a prefix that ends in `/*`.
    object: String,
    /// Action of the grant, or `*` for all.
    action: String,
    /// Effect of the grant: allowed or denied.
    #[graphql(default_with = "Effect::Allow")]
    effect: Effect,
}

connection!(RoleConnection, RoleEdge, Role, "roles");
connection!(GrantConnection, GrantEdge, Grant, "grants");

/// Makes a custom role.
#[derive(InputObject)]
pub struct RoleCreateInput {
    /// Key of the role; made from the name when absent.
    key: Option<String>,
    /// Name of the role, unique in the tenant.
    name: String,
    /// Description of the role's purpose.
    #[graphql(default)]
    description: String,
    /// Keys of the permissions that are on.
    permissions: Vec<String>,
    /// Grants of the role's own.
    #[graphql(default)]
    grants: Vec<GrantInput>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Changes a custom role, for all its holders at once. An absent field stays; null empties.
#[derive(InputObject)]
pub struct RoleUpdateInput {
    /// Key of the role.
    key: String,
    /// Version of the role that is changed.
    version: i32,
    /// New name; null is refused.
    name: MaybeUndefined<String>,
    /// New description; null empties it.
    description: MaybeUndefined<String>,
    /// Keys of all the permissions that are on; null empties the list.
    permissions: MaybeUndefined<Vec<String>>,
    /// All grants of the role's own; null empties the list.
    grants: MaybeUndefined<Vec<GrantInput>>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Deletes a custom role.
#[derive(InputObject)]
pub struct RoleDeleteInput {
    /// Key of the role.
    key: String,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

payload! {
    /// A new custom role.
    RoleCreatePayload {
        /// The role.
        role: Role,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A changed custom role.
    RoleUpdatePayload {
        /// The role as it is now.
        role: Role,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A deleted custom role.
    RoleDeletePayload {
        /// The key of the role that is gone.
        key: String,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

fn grants(input: &[GrantInput]) -> Result<std::collections::BTreeSet<role::Grant>> {
    let grant = |(i, grant): (usize, &GrantInput)| {
        let parsed = || {
            Ok(role::Grant {
                object: parse("object", &grant.object, ObjectPattern::parse)?,
                action: parse("action", &grant.action, ActionPattern::parse)?,
                effect: grant.effect.into(),
            })
        };
        parsed().map_err(|error: crate::error::Error| error.at(i.to_string()).at("grants"))
    };
    input.iter().enumerate().map(grant).collect()
}

/// Converts a text field of an update: absent keeps, null empties.
pub(super) fn description(input: MaybeUndefined<String>) -> Result<Option<String>> {
    let text = match input {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(String::new()),
        MaybeUndefined::Value(text) => Some(text),
    };
    text.as_deref().map_or(Ok(()), check_description)?;
    Ok(text)
}

/// Converts a list field of an update: absent keeps, null empties.
pub(super) fn list<T>(input: MaybeUndefined<Vec<T>>) -> Option<Vec<T>> {
    match input {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(Vec::new()),
        MaybeUndefined::Value(list) => Some(list),
    }
}

/// Queries of roles.
#[derive(Default)]
pub struct RoleQuery;

#[Object]
impl RoleQuery {
    /// The roles: the built-in ones first, then the custom ones by name.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "a connection has four")]
    async fn roles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "Only custom ones, or only built-in ones.")] custom: Option<bool>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<RoleConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform
            .role_list(caller, search.as_deref(), custom, page(first, after.as_deref(), last, before.as_deref())?)
            .await?;
        let count = move |platform: Platform, caller: Caller| {
            let search = search.clone();
            Box::pin(async move { platform.role_count(&caller, search.as_deref(), custom).await }) as _
        };
        Ok(RoleConnection::new(found, Role::new, Box::new(count)))
    }

    /// The role of this key.
    async fn role(&self, ctx: &Context<'_>, #[graphql(desc = "The role's key.")] key: String) -> Result<Option<Role>> {
        let (platform, caller) = caller(ctx)?;
        Ok(platform.role_get(caller, &key).await?.map(Role::new))
    }
}

/// Mutations of custom roles.
#[derive(Default)]
pub struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Makes a custom role.
    async fn role_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role to make.")] input: RoleCreateInput,
    ) -> Result<RoleCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            check_description(&input.description)?;
            let key = parse_opt("key", input.key.as_deref(), RoleKey::parse)?;
            let name = parse("name", &input.name, Name::parse)?;
            let change = RoleChange {
                name: None,
                description: Some(input.description),
                permissions: Some(parse_all("permissions", &input.permissions, PermissionKey::parse)?),
                grants: Some(grants(&input.grants)?),
            };
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.role_create(caller, key, name, change, options).await?;
            Ok(RoleCreatePayload {
                role: unless_dry(&done, platform.role_get_changed(caller, &done.value)).await.map(Role::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        RoleCreatePayload::of(made.await)
    }

    /// Changes a custom role, for all its holders at once.
    async fn role_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role and what changes.")] input: RoleUpdateInput,
    ) -> Result<RoleUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let key = parse("key", &input.key, RoleKey::parse)?;
            let permissions = list(input.permissions);
            let change = RoleChange {
                name: parse_opt("name", given("name", input.name)?.as_deref(), Name::parse)?,
                description: description(input.description)?,
                permissions: permissions
                    .map(|list| parse_all("permissions", &list, PermissionKey::parse))
                    .transpose()?,
                grants: list(input.grants).map(|list| grants(&list)).transpose()?,
            };
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.role_update(caller, &key, input.version, change, options).await?;
            Ok(RoleUpdatePayload {
                role: unless_dry(&done, platform.role_get_changed(caller, &key)).await.map(Role::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        RoleUpdatePayload::of(updated.await)
    }

    /// Deletes a custom role that no user and no group holds.
    async fn role_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role to delete.")] input: RoleDeleteInput,
    ) -> Result<RoleDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, RoleKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.role_delete(caller, &key, options).await?;
            Ok(RoleDeletePayload {
                key: (!done.dry_run).then(|| key.to_string()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        RoleDeletePayload::of(deleted.await)
    }
}
