//! Users and their accounts, and the queries that find them.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};

use super::context::{caller, loaders};
use super::group::GroupConnection;
use super::menu::{Home, MenuModule};
use super::node::{Kind, node_id};
use super::page::{connection, known, page};
use super::profile::Profile;
use super::role::Role;
use super::scalar::DateTime;
use super::session::ApiKey;
use crate::auth::caller::Caller;
use crate::domain::key::{TenantId, UserKey};
use crate::domain::user;
use crate::error::Result;
use crate::service::admin::user::UserRow;
use crate::service::ask::menu::Subject;
use crate::service::{PageOf, Platform};

pub mod avatar;
pub mod change;
pub mod filter;
pub mod telephony;
pub mod transfer;

use filter::{UserFilter, UserOrder};
use telephony::Telephony;

/// A person's account, or a host application's.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct User {
    /// Opaque id for `node`.
    pub(super) id: ID,
    /// Key of the user: the username in lowercase.
    key: String,
    /// Name to sign in with, as it was typed.
    username: String,
    /// Name of the person.
    full_name: String,
    /// Email address.
    email: Option<String>,
    /// Base role of the user in the tenant.
    base_role: BaseRole,
    /// `true` while the user is enabled; a disabled user may do nothing.
    enabled: bool,
    /// `true` if the user came with the tenant: such an admin cannot be deleted, disabled or lose the role.
    is_default_admin: bool,
    /// Telephone extension, unique in the tenant.
    extension: String,
    /// Settings of the user's telephone.
    telephony: Telephony,
    /// Time at which the user was created.
    created_at: DateTime,
    /// Version, which grows with each change; an update names the version that it changes.
    version: i32,
    #[graphql(skip)]
    tenant: TenantId,
    #[graphql(skip)]
    row: Box<UserRow>,
}

impl User {
    /// Creates a user of `tenant` from the store's row.
    pub(super) fn new(tenant: TenantId, row: UserRow) -> Self {
        Self {
            id: node_id(Kind::User, row.user.id),
            key: row.user.key.to_string(),
            username: row.username.clone(),
            full_name: row.full_name.clone(),
            email: row.email.clone(),
            base_role: row.user.base_role.into(),
            enabled: row.user.enabled,
            is_default_admin: row.user.default_admin,
            extension: row.extension.clone(),
            telephony: row.telephony.clone().into(),
            created_at: DateTime(row.created_at),
            version: row.user.version,
            tenant,
            row: Box::new(row),
        }
    }

    /// Returns `true` if the user belongs to the tenant that the caller acts in. The account of an operator who visits
    /// a tenant does not: it has no relations there.
    fn is_here(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(caller(ctx)?.1.tenant().id == self.tenant)
    }
}

#[ComplexObject]
impl User {
    /// Profile that the user holds: base role USER alone.
    async fn profile(&self, ctx: &Context<'_>) -> Result<Option<Profile>> {
        match &self.row.user.profile {
            Some(key) if self.is_here(ctx)? => loaders(ctx)?.profile(key).await,
            _ => Ok(None),
        }
    }

    /// Custom role that the user holds: base role MANAGER alone.
    async fn custom_role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        match &self.row.user.role {
            Some(key) if self.is_here(ctx)? => loaders(ctx)?.custom_role(key).await,
            _ => Ok(None),
        }
    }

    /// Groups that the user is in, by key.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<GroupConnection> {
        let wanted = page(first, after.as_deref(), None, None)?;
        if !self.is_here(ctx)? {
            return Ok(GroupConnection::new(PageOf::empty(), |group| group, known(0)));
        }
        let key = self.row.user.key.clone();
        let found = loaders(ctx)?.groups_of(&key, wanted).await?;
        let count = move |platform: Platform, caller: Caller| {
            let key = key.clone();
            Box::pin(async move { platform.group_count_of_user(&caller, &key).await }) as _
        };
        Ok(GroupConnection::new(found, |group| group, Box::new(count)))
    }

    /// Address of the user's avatar, if they have one; another avatar has another address. Fetching it needs a bearer
    /// token. The users themselves and callers who may see users see it.
    async fn avatar_url(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        if self.is_here(ctx)? { loaders(ctx)?.avatar_url(&self.row.user.key).await } else { Ok(None) }
    }

    /// Stored data of the user's API key, if they have one. The users themselves and callers who may see users see it.
    async fn api_key(&self, ctx: &Context<'_>) -> Result<Option<ApiKey>> {
        if self.is_here(ctx)? { loaders(ctx)?.api_key(&self.row.user.key).await } else { Ok(None) }
    }

    /// Time at which the password was last set to another one; shown while the security suite is on.
    async fn last_password_reset_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let (platform, caller) = caller(ctx)?;
        let shown = self.is_here(ctx)? && platform.tenant_has_security_suite(caller).await?;
        Ok(self.row.last_password_reset_at.filter(|_| shown).map(DateTime))
    }

    /// Modules and sections that the user sees, in the catalogue's order: those that `viewer { menu }` shows to the
    /// user.
    #[graphql(complexity = "super::cost::modules(child_complexity)")]
    async fn menu(&self, ctx: &Context<'_>) -> Result<Vec<MenuModule>> {
        let (platform, caller) = caller(ctx)?;
        if !self.is_here(ctx)? {
            return Ok(Vec::new());
        }
        let entries = loaders(ctx)?.menu_entries().await?;
        let menu = platform.menu_of(caller, &Subject::User(self.row.user.key.clone()), &entries).await?;
        Ok(menu.into_iter().map(Into::into).collect())
    }

    /// First page that the user sees.
    async fn home(&self, ctx: &Context<'_>) -> Result<Home> {
        let (platform, caller) = caller(ctx)?;
        if !self.is_here(ctx)? {
            return Ok(Home::Empty);
        }
        platform.home_of(caller, &Subject::User(self.row.user.key.clone())).await.map(Into::into)
    }
}

connection!(UserConnection, UserEdge, User, "users");

/// The base role of a user in their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::BaseRole")]
pub enum BaseRole {
    /// Everything licensed.
    Admin,
    /// All permissions of the catalogue, or those of its custom role.
    Manager,
    /// The rights that the user's profile gives.
    User,
    /// Nothing of its own.
    Agent,
    /// A host application: by API key alone it decides for others and registers resources.
    Service,
}

/// Queries of users.
#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// The users.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "a connection has four")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter of the users; all when absent.")] filter: Option<UserFilter>,
        #[graphql(desc = "Order of the users; by name when absent.")] order_by: Option<UserOrder>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<UserConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let filter = filter.unwrap_or_default().filter();
        let tenant = caller.tenant().id;
        let found = platform.user_list(caller, filter.as_ref(), order_by.unwrap_or_default().into(), wanted).await?;
        let count = move |platform: Platform, caller: Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.user_count(&caller, filter.as_ref()).await }) as _
        };
        Ok(UserConnection::new(found, |row| User::new(tenant, row), Box::new(count)))
    }

    /// The user of this key.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The user's key.")] key: String) -> Result<Option<User>> {
        let (platform, caller) = caller(ctx)?;
        let Ok(key) = UserKey::parse(&key) else { return Ok(None) };
        Ok(platform.user_get(caller, &key).await?.map(|row| User::new(caller.tenant().id, row)))
    }
}
