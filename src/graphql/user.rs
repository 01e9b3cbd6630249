//! Users and their accounts.

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::context::{caller, loaders};
use super::group::Group;
use super::input::{change, parse, parse_all, parse_opt};
use super::menu::{Home, MenuModule};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::payload::payload;
use super::profile::Profile;
use super::role::{Role, list};
use super::scalar::{DateTime, int};
use super::session::ApiKey;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, TenantId, UserKey};
use crate::domain::name::Name;
use crate::domain::user::{self, Email, UserChange, Username};
use crate::error::Result;
use crate::service::menu::Subject;
use crate::service::user::{NewUser, UserFilter as Filter, UserOrder as Order, UserRow, UserUpdate};

/// A person's account, or a host application's.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct User {
    /// The opaque id for `node`.
    pub(super) id: ID,
    /// Its key: the username in lowercase.
    key: String,
    /// The name to sign in with, as it was typed.
    username: String,
    /// The person's name.
    full_name: String,
    /// The email address.
    email: Option<String>,
    /// What the user is in its tenant.
    base_role: BaseRole,
    /// Whether it is enabled; a disabled user may do nothing.
    enabled: bool,
    /// Whether it came with the tenant: then it cannot be deleted, disabled or lose its role.
    is_default_admin: bool,
    /// The telephone extension, unique in the tenant.
    extension: String,
    /// How its telephone talks.
    telephony: Telephony,
    /// When it was made.
    created_at: DateTime,
    /// Grows with each change; updates name the version that they change.
    version: i32,
    #[graphql(skip)]
    tenant: TenantId,
    #[graphql(skip)]
    row: Box<UserRow>,
}

impl User {
    /// A user of `tenant`.
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

    /// Whether the user is of the tenant that the caller acts in. An operator's own account is
    /// not, where it visits: its relations are none of that tenant.
    fn is_here(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(caller(ctx)?.1.tenant().id == self.tenant)
    }
}

#[ComplexObject]
impl User {
    /// The profile that it holds: base role USER alone.
    async fn profile(&self, ctx: &Context<'_>) -> Result<Option<Profile>> {
        match &self.row.user.profile {
            Some(key) if self.is_here(ctx)? => loaders(ctx)?.profile(key).await,
            _ => Ok(None),
        }
    }

    /// The custom role that it holds: base role MANAGER alone.
    async fn custom_role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        match &self.row.user.role {
            Some(key) if self.is_here(ctx)? => loaders(ctx)?.custom_role(key).await,
            _ => Ok(None),
        }
    }

    /// The groups that it is in, by key.
    async fn groups(&self, ctx: &Context<'_>) -> Result<Vec<Group>> {
        if self.is_here(ctx)? { loaders(ctx)?.groups_of(&self.row.user.key).await } else { Ok(Vec::new()) }
    }

    /// What is kept of its API key, if it has one: its own user and those who may see users see it.
    async fn api_key(&self, ctx: &Context<'_>) -> Result<Option<ApiKey>> {
        if self.is_here(ctx)? { loaders(ctx)?.api_key(&self.row.user.key).await } else { Ok(None) }
    }

    /// When its password was last set to another one; shown while the security suite is on.
    async fn last_password_reset_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let (platform, caller) = caller(ctx)?;
        let shown = self.is_here(ctx)? && platform.tenant_of(caller).await?.policy().settings.security_suite;
        Ok(self.row.last_password_reset_at.filter(|_| shown).map(DateTime))
    }

    /// What it sees, in the catalogue's order.
    async fn menu(&self, ctx: &Context<'_>) -> Result<Vec<MenuModule>> {
        let (platform, caller) = caller(ctx)?;
        if !self.is_here(ctx)? {
            return Ok(Vec::new());
        }
        let entries = loaders(ctx)?.menu_entries().await?;
        let menu = platform.menu_of(caller, &Subject::User(self.row.user.key.clone()), &entries).await?;
        Ok(menu.into_iter().map(Into::into).collect())
    }

    /// The first page that it sees.
    async fn home(&self, ctx: &Context<'_>) -> Result<Home> {
        let (platform, caller) = caller(ctx)?;
        if !self.is_here(ctx)? {
            return Ok(Home::Empty);
        }
        platform.home_of(caller, &Subject::User(self.row.user.key.clone())).await.map(Into::into)
    }
}

connection!(UserConnection, UserEdge, User, "users");

/// What a user is in its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::BaseRole")]
pub enum BaseRole {
    /// Everything licensed.
    Admin,
    /// All permissions of the catalogue, or those of its custom role.
    Manager,
    /// What its profile gives.
    User,
    /// Nothing of its own.
    Agent,
    /// A host application: by API key alone it decides for others and registers resources.
    Service,
}

/// The transport of a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Transport")]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// WebSocket
    Ws,
    /// WebSocket over TLS
    Wss,
}

/// What is done about a firewall between a telephone and the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Nat")]
pub enum Nat {
    /// Always assume one.
    Yes,
    /// Assume none.
    No,
    /// Answer to the address that the request came from.
    ForceRport,
    /// Send media to where it comes from.
    Comedia,
    /// Never.
    Never,
    /// By route.
    Route,
}

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Codec")]
pub enum Codec {
    /// G.711 μ-law
    Ulaw,
    /// G.711 A-law
    Alaw,
    /// GSM
    Gsm,
    /// G.722
    G722,
    /// G.729
    G729,
    /// Opus
    Opus,
}

/// How a telephone talks.
#[derive(Debug, Clone, SimpleObject)]
pub struct Telephony {
    /// The transport.
    transport: Transport,
    /// What is done about a firewall in between.
    nat: Nat,
    /// The codecs that are allowed.
    codecs: Vec<Codec>,
    /// The dial context.
    context: String,
    /// The call groups.
    call_groups: Vec<String>,
    /// The pickup groups.
    pickup_groups: Vec<String>,
}

impl From<user::Telephony> for Telephony {
    fn from(telephony: user::Telephony) -> Self {
        Self {
            transport: telephony.transport.into(),
            nat: telephony.nat.into(),
            codecs: telephony.codecs.into_iter().map(Into::into).collect(),
            context: telephony.context,
            call_groups: telephony.call_groups,
            pickup_groups: telephony.pickup_groups,
        }
    }
}

/// How a telephone talks; what is absent is as by default.
#[derive(InputObject)]
pub struct TelephonyInput {
    /// The transport.
    transport: Option<Transport>,
    /// What is done about a firewall in between.
    nat: Option<Nat>,
    /// The codecs that are allowed.
    codecs: Option<Vec<Codec>>,
    /// The dial context.
    context: Option<String>,
    /// The call groups.
    call_groups: Option<Vec<String>>,
    /// The pickup groups.
    pickup_groups: Option<Vec<String>>,
}

impl From<TelephonyInput> for user::Telephony {
    fn from(input: TelephonyInput) -> Self {
        let default = Self::default();
        Self {
            transport: input.transport.map_or(default.transport, Into::into),
            nat: input.nat.map_or(default.nat, Into::into),
            codecs: input.codecs.map_or(default.codecs, |codecs| codecs.into_iter().map(Into::into).collect()),
            context: input.context.unwrap_or(default.context),
            call_groups: input.call_groups.unwrap_or_default(),
            pickup_groups: input.pickup_groups.unwrap_or_default(),
        }
    }
}

/// Which users are wanted; all that is given must fit.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// A part of the username, full name, email or extension.
    search: Option<String>,
    /// This base role.
    base_role: Option<BaseRole>,
    /// Holders of this profile.
    profile: Option<String>,
    /// Holders of this custom role.
    role: Option<String>,
    /// Members of this group.
    group: Option<String>,
    /// Enabled or disabled ones.
    enabled: Option<bool>,
}

impl UserFilter {
    /// The filter in the store's words; `None` when it names a key that cannot be one.
    fn filter(self) -> Option<Filter> {
        Some(Filter {
            search: self.search,
            base_role: self.base_role.map(Into::into),
            profile: self.profile.as_deref().map(ProfileKey::parse).transpose().ok()?,
            role: self.role.as_deref().map(RoleKey::parse).transpose().ok()?,
            group: self.group.as_deref().map(GroupKey::parse).transpose().ok()?,
            enabled: self.enabled,
        })
    }
}

/// In which order users are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "Order")]
pub enum UserOrder {
    /// By full name.
    #[default]
    NameAscending,
    /// By full name, from the end.
    NameDescending,
    /// The oldest account first.
    OldestFirst,
    /// The newest account first.
    NewestFirst,
}

/// Creates a user.
#[derive(InputObject)]
pub struct UserCreateInput {
    /// The name to sign in with: ASCII letters, digits, `.` and `_`; it never changes.
    username: String,
    /// The person's name.
    full_name: String,
    /// The email address, unique in the tenant.
    email: String,
    /// The password; without one nobody can sign in until one is set.
    password: Option<String>,
    /// What the user is.
    base_role: BaseRole,
    /// The profile's key, for a USER.
    profile: Option<String>,
    /// The custom role's key, for a MANAGER.
    custom_role: Option<String>,
    /// The keys of its groups.
    groups: Option<Vec<String>>,
    /// The extension; the next free number when absent.
    extension: Option<String>,
    /// How its telephone talks.
    telephony: Option<TelephonyInput>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

impl UserCreateInput {
    fn new_user(self) -> Result<NewUser> {
        let groups = self.groups.unwrap_or_default();
        Ok(NewUser {
            username: parse("username", &self.username, Username::parse)?,
            full_name: parse("fullName", &self.full_name, Name::parse)?,
            email: Some(parse("email", &self.email, Email::parse)?),
            password: self.password.map(Into::into),
            base_role: self.base_role.into(),
            profile: parse_opt("profile", self.profile.as_deref(), ProfileKey::parse)?,
            role: parse_opt("customRole", self.custom_role.as_deref(), RoleKey::parse)?,
            groups: parse_all("groups", &groups, GroupKey::parse)?,
            extension: self.extension,
            telephony: self.telephony.map(Into::into).unwrap_or_default(),
        })
    }
}

/// Changes a user. What is absent stays; null empties.
#[derive(InputObject)]
pub struct UserUpdateInput {
    /// Its key.
    key: String,
    /// The version that is changed.
    version: i32,
    /// Another name.
    full_name: Option<String>,
    /// Another email address.
    email: MaybeUndefined<String>,
    /// Enabled or disabled.
    enabled: Option<bool>,
    /// Another base role: who leaves USER loses the profile, who leaves MANAGER the custom role.
    base_role: Option<BaseRole>,
    /// The profile's key.
    profile: MaybeUndefined<String>,
    /// The custom role's key.
    custom_role: MaybeUndefined<String>,
    /// The keys of all its groups.
    groups: MaybeUndefined<Vec<String>>,
    /// Another extension.
    extension: Option<String>,
    /// How its telephone talks; null is as by default.
    telephony: MaybeUndefined<TelephonyInput>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

impl UserUpdateInput {
    fn update(self) -> Result<UserUpdate> {
        let groups = list(self.groups);
        let access = UserChange {
            enabled: self.enabled,
            base_role: self.base_role.map(Into::into),
            profile: change(self.profile, |key| parse("profile", &key, ProfileKey::parse))?,
            role: change(self.custom_role, |key| parse("customRole", &key, RoleKey::parse))?,
            groups: groups.map(|groups| parse_all("groups", &groups, GroupKey::parse)).transpose()?,
        };
        let telephony = match self.telephony {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(user::Telephony::default()),
            MaybeUndefined::Value(telephony) => Some(telephony.into()),
        };
        Ok(UserUpdate {
            access,
            full_name: parse_opt("fullName", self.full_name.as_deref(), Name::parse)?,
            email: change(self.email, |email| parse("email", &email, Email::parse))?,
            extension: self.extension,
            telephony,
        })
    }
}

/// Deletes a user.
#[derive(InputObject)]
pub struct UserDeleteInput {
    /// Its key.
    key: String,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

payload! {
    /// A new user.
    UserCreatePayload {
        /// The user.
        user: User,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A changed user.
    UserUpdatePayload {
        /// The user as it is now.
        user: User,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A deleted user.
    UserDeletePayload {
        /// The key of the user that is gone.
        key: String,
        /// The tenant's policy version.
        revision: i32,
    }
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
        #[graphql(desc = "Which users; all when absent.")] filter: Option<UserFilter>,
        #[graphql(desc = "In which order; by name when absent.")] order_by: Option<UserOrder>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<UserConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let filter = filter.unwrap_or_default().filter();
        let tenant = caller.tenant().id;
        let found = platform.users(caller, filter.as_ref(), order_by.unwrap_or_default().into(), wanted).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.count_users(&caller, filter.as_ref()).await }) as _
        };
        Ok(UserConnection::new(found, |row| User::new(tenant, row), Box::new(count)))
    }

    /// The user of this key.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The user's key.")] key: String) -> Result<Option<User>> {
        let (platform, caller) = caller(ctx)?;
        let Ok(key) = UserKey::parse(&key) else { return Ok(None) };
        Ok(platform.user(caller, &key).await?.map(|row| User::new(caller.tenant().id, row)))
    }
}

/// Mutations of users.
#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Creates a user.
    async fn user_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to create.")] mut input: UserCreateInput,
    ) -> Result<UserCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            let reason = input.reason.take();
            let done = platform.create_user(caller, input.new_user()?, reason).await?;
            let user = platform.changed_user(caller, &done.value).await?;
            Ok(UserCreatePayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        UserCreatePayload::of(made.await)
    }

    /// Changes a user's access or account.
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and what changes.")] mut input: UserUpdateInput,
    ) -> Result<UserUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            let (version, reason) = (input.version, input.reason.take());
            let done = platform.update_user(caller, &key, version, input.update()?, reason).await?;
            let user = platform.changed_user(caller, &key).await?;
            Ok(UserUpdatePayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        UserUpdatePayload::of(updated.await)
    }

    /// Deletes a user with its sessions and API key. Its key inherits nothing later.
    async fn user_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to delete.")] input: UserDeleteInput,
    ) -> Result<UserDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            let done = platform.delete_user(caller, &key, input.reason).await?;
            Ok(UserDeletePayload {
                key: Some(key.to_string()),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        UserDeletePayload::of(deleted.await)
    }
}
