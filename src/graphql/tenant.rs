//! Tenants, licences and settings.

use async_graphql::{ComplexObject, Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::context::{caller, loaders};
use super::impact::Impact;
use super::input::{given, parse, parse_all};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::payload::{payload, unless_dry};
use super::scalar::{DateTime, int};
use crate::domain::key::{ModuleKey, TenantKey};
use crate::domain::name::Name;
use crate::domain::tenant;
use crate::domain::user::{Email, Username};
use crate::error::Result;
use crate::service::admin::tenant::{NewAdmin, NewTenant, SettingsChange, TenantRow};
use crate::service::change::{ChangeOptions, read_back};

/// An organisation. Nothing crosses its border.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Tenant {
    /// Opaque id for `node`.
    pub(super) id: ID,
    /// Key of the tenant: the domain of its rules.
    key: String,
    /// Name of the tenant.
    name: String,
    /// Policy revision: it grows by one with each change that can alter an answer.
    policy_revision: i32,
    /// Time at which the tenant was made.
    created_at: DateTime,
    #[graphql(skip)]
    row: TenantRow,
}

impl Tenant {
    pub(super) fn new(row: TenantRow) -> Self {
        Self {
            id: node_id(Kind::Tenant, row.id.0),
            key: row.key.to_string(),
            name: row.name.to_string(),
            policy_revision: int(row.counters.revision),
            created_at: DateTime(row.created_at),
            row,
        }
    }
}

#[ComplexObject]
impl Tenant {
    /// Modules of the tenant's licence, in the catalogue's order.
    #[graphql(complexity = "super::cost::modules(child_complexity)")]
    async fn licensed_modules(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        loaders(ctx)?.licence(self.row.id).await
    }

    /// Settings of the tenant, for callers who may read them.
    async fn settings(&self, ctx: &Context<'_>) -> Result<Option<Settings>> {
        let (platform, caller) = caller(ctx)?;
        Ok(platform.may_read_settings(caller, self.row.id).await?.then(|| self.row.settings.into()))
    }
}

/// A tenant's settings.
#[derive(Clone, Copy, SimpleObject)]
pub struct Settings {
    /// `true` if a password needs a lowercase letter, an uppercase letter, a digit and a special character.
    security_suite: bool,
    /// Number of characters masked at the end of a value, as people see them (grapheme clusters).
    masked_characters: i32,
    /// Duration of a session, in hours.
    session_hours: i32,
}

impl From<tenant::Settings> for Settings {
    fn from(settings: tenant::Settings) -> Self {
        let tenant::Settings { security_suite, masked_characters, session_hours } = settings;
        Self { security_suite, masked_characters, session_hours }
    }
}

connection!(TenantConnection, TenantEdge, Tenant, "tenants");

/// Makes a tenant.
#[derive(InputObject)]
pub struct TenantCreateInput {
    /// Key of the tenant, which never changes: `a-z`, `0-9`, `.`, `_`, `-`.
    key: String,
    /// Name of the tenant.
    name: String,
    /// Keys of the modules of the tenant's licence.
    modules: Vec<String>,
    /// Default admin of the tenant, who cannot be deleted.
    admin: TenantAdminInput,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
}

/// The admin that comes with a tenant.
#[derive(InputObject)]
pub struct TenantAdminInput {
    /// Name to sign in with.
    username: String,
    /// Name of the person.
    full_name: String,
    /// The email address.
    email: String,
    /// The password.
    password: String,
}

/// Sets a tenant's licence.
#[derive(InputObject)]
pub struct TenantSetLicenceInput {
    /// Key of the tenant.
    tenant: String,
    /// Keys of all the modules of the licence.
    modules: Vec<String>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// Changes settings; what is absent stays, and null is refused.
#[derive(InputObject)]
pub struct SettingsUpdateInput {
    /// `true` if a password needs a lowercase letter, an uppercase letter, a digit and a special character.
    security_suite: MaybeUndefined<bool>,
    /// Number of characters masked at the end of a value: 1 to 100.
    masked_characters: MaybeUndefined<i32>,
    /// Duration of a session, in hours: 1 to 8760.
    session_hours: MaybeUndefined<i32>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
}

payload! {
    /// A new tenant.
    TenantCreatePayload {
        /// The tenant.
        tenant: Tenant,
        /// Policy revision of the tenant.
        revision: i32,
    }
}

payload! {
    /// A tenant with another licence.
    TenantSetLicencePayload {
        /// The tenant.
        tenant: Tenant,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// Settings as they are now.
    SettingsUpdatePayload {
        /// The settings.
        settings: Settings,
        /// Policy revision of the tenant.
        revision: i32,
    }
}

/// Queries of tenants.
#[derive(Default)]
pub struct TenantQuery;

#[Object]
impl TenantQuery {
    /// The caller's tenant, or the one that an operator names in `X-Tenant`.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Tenant> {
        let (platform, caller) = caller(ctx)?;
        platform.tenant_get_own(caller).await.map(Tenant::new)
    }

    /// All tenants, by key; for operators.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn tenants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<TenantConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform
            .tenant_list(caller, search.as_deref(), page(first, after.as_deref(), last, before.as_deref())?)
            .await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let search = search.clone();
            Box::pin(async move { platform.tenant_count(&caller, search.as_deref()).await }) as _
        };
        Ok(TenantConnection::new(found, Tenant::new, Box::new(count)))
    }
}

/// Mutations of tenants.
#[derive(Default)]
pub struct TenantMutation;

#[Object]
impl TenantMutation {
    /// Makes a tenant with its default admin and a profile that permits nothing; for operators.
    async fn tenant_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tenant to make.")] input: TenantCreateInput,
    ) -> Result<TenantCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            let new = NewTenant {
                key: parse("key", &input.key, TenantKey::parse)?,
                name: parse("name", &input.name, Name::parse)?,
                modules: parse_all("modules", &input.modules, ModuleKey::parse)?,
                admin: input.admin.admin().map_err(|error| error.at("admin"))?,
            };
            let done = platform.tenant_create(caller, new, input.reason).await?;
            let row = read_back(platform.tenant_get_changed(&done.value).await);
            Ok(TenantCreatePayload {
                tenant: row.map(Tenant::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        TenantCreatePayload::of(made.await)
    }

    /// Sets a tenant's licence: an unlicensed module denies everyone at once, and what was
    /// configured comes back with the licence; for operators.
    async fn tenant_set_licence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tenant and its licence.")] input: TenantSetLicenceInput,
    ) -> Result<TenantSetLicencePayload> {
        let (platform, caller) = caller(ctx)?;
        let set = async {
            let key = parse("tenant", &input.tenant, TenantKey::parse)?;
            let modules = parse_all("modules", &input.modules, ModuleKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.tenant_set_licence(caller, &key, modules, options).await?;
            let row = unless_dry(&done, platform.tenant_get_changed(&done.value)).await;
            Ok(TenantSetLicencePayload {
                tenant: row.map(Tenant::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(done.value.id, done),
                user_errors: Vec::new(),
            })
        };
        TenantSetLicencePayload::of(set.await)
    }

    /// Changes settings of the caller's tenant.
    async fn settings_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The settings that change.")] input: SettingsUpdateInput,
    ) -> Result<SettingsUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let change = SettingsChange {
                security_suite: given("securitySuite", input.security_suite)?,
                masked_characters: given("maskedCharacters", input.masked_characters)?,
                session_hours: given("sessionHours", input.session_hours)?,
            };
            let done = platform.tenant_update_settings(caller, change, input.reason).await?;
            Ok(SettingsUpdatePayload {
                settings: read_back(platform.tenant_get_own(caller).await.map(Some)).map(|row| row.settings.into()),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        SettingsUpdatePayload::of(updated.await)
    }
}

impl TenantAdminInput {
    fn admin(self) -> Result<NewAdmin> {
        Ok(NewAdmin {
            username: parse("username", &self.username, Username::parse)?,
            full_name: parse("fullName", &self.full_name, Name::parse)?,
            email: Some(parse("email", &self.email, Email::parse)?),
            password: self.password.into(),
        })
    }
}
