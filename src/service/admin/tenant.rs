//! Tenants, their licence and settings (R2 to R4); and the platform's own tenant.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::auth::caller::{Caller, TenantRef};
pub use crate::domain::key::TenantKey;
use crate::domain::key::{Action, ModuleKey, SectionKey, TenantId, UserKey};
use crate::domain::name::Name;
use crate::domain::profile::{NewProfile, PermissionType};
use crate::domain::resource::NewResource;
use crate::domain::tenant::{Settings, TenantState};
use crate::domain::user::{BaseRole, Email, Telephony, UserChange, Username, check_password};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::diff::StatePatch;
use crate::policy::revision::Counters;
use crate::service::Platform;
use crate::service::access::permit::{NewTenantAccess, Permit, unauthenticated};
use crate::service::change::state_cache::LoadedState;
use crate::service::change::{ChangeContext, ChangeOptions, ChangeRequest, ChangeSet, Outcome, check_reason};
use crate::store::audit::chain::ChainHead;
use crate::store::page::{Page, PageOf};
pub use crate::store::tenant::TenantRow;
use crate::store::user::NewAccount;

/// The name of the profile that every tenant has from the start (R3).
const DEFAULT_PROFILE: &str = "Default";

/// A tenant as an operator makes it.
pub struct NewTenant {
    /// Its key, which never changes.
    pub key: TenantKey,
    /// Its name.
    pub name: Name,
    /// The modules of its licence.
    pub modules: BTreeSet<ModuleKey>,
    /// Its default admin.
    pub admin: NewAdmin,
}

/// The admin that comes with a tenant (R3).
pub struct NewAdmin {
    /// The name to sign in with.
    pub username: Username,
    /// The person's name.
    pub full_name: Name,
    /// The email address; the platform's operator has none.
    pub email: Option<Email>,
    /// The password.
    pub password: SecretString,
}

/// A change of the settings; what is `None` stays.
#[derive(Debug, Default)]
pub struct SettingsChange {
    /// `true` to require several kinds of characters in passwords.
    pub security_suite: Option<bool>,
    /// Number of characters that are masked.
    pub masked_characters: Option<i32>,
    /// Lifetime of a session, in hours.
    pub session_hours: Option<i32>,
}

impl Platform {
    /// Makes a tenant with its default admin, its default profile and its built-in resources.
    pub async fn tenant_create(
        &self,
        caller: &Caller,
        new: NewTenant,
        reason: Option<String>,
    ) -> Result<Outcome<TenantRef>> {
        let access = self.authorise_new_tenant(caller, &new.key).await?;
        if new.key.is_platform() {
            return Err(Error::new(ErrorCode::AlreadyExists, "the tenant key `platform` is reserved").at("key"));
        }
        self.make_tenant(access, caller, new, reason).await
    }

    async fn make_tenant(
        &self,
        access: NewTenantAccess<'_>,
        caller: &Caller,
        new: NewTenant,
        reason: Option<String>,
    ) -> Result<Outcome<TenantRef>> {
        check_reason(reason.as_deref())?;
        let NewTenant { key, name, modules, admin } = new;
        let settings = Settings::default();
        check_password(&settings, admin.password.expose_secret()).map_err(|error| error.at("admin"))?;
        let hash = self.parts.passwords.hash(admin.password.clone(), caller.request().network()).await?;
        let mut state = TenantState::empty(key.clone());
        state.set_licence(&self.parts.catalogue, modules)?;
        let now = self.now();
        self.furnish(&mut state, admin.username.key(), now)?;
        let tenant = TenantRef { id: TenantId(Uuid::now_v7()), key: key.clone() };
        let row = TenantRow {
            id: tenant.id,
            key: key.clone(),
            name,
            counters: Counters::default(),
            compiler_version: COMPILER_VERSION,
            last_change: None,
            audit: ChainHead::default(),
            settings,
            created_at: now,
        };
        let account = NewAccount {
            username: admin.username.as_str().to_owned(),
            full_name: admin.full_name,
            email: admin.email,
            password_hash: Some(hash),
            extension: None,
            telephony: Telephony::default(),
            created_at: now,
        };
        let mut tx = access.begin(row).await?;
        let new_accounts = BTreeMap::from([(admin.username.key().clone(), account)]);
        let intent = ChangeRequest::new(Permit::SETTINGS_EDIT, "tenant.create", format_args!("tenant:{key}"), reason);
        let record = ChangeContext::new(caller, &intent, now);
        let nothing = LoadedState::unfollowed(TenantState::empty(key), &self.parts.catalogue);
        let accounts = BTreeMap::new();
        let patch = StatePatch::between(&nothing.state, &state);
        let written = ChangeSet::new(&nothing, &state, &new_accounts, &accounts, &patch);
        let diff = self.rule_diff(&tx, &written).await?;
        let policy = self.write(&mut tx, &written, &diff, &record).await?;
        let from = (!caller.is_system()).then(|| caller.home().id);
        let counters = self.commit(tx, record, policy, from).await?;
        Ok(Outcome::committed(tenant, counters.revision))
    }

    /// Adds what every tenant has from the start (R3).
    fn furnish(&self, state: &mut TenantState, admin: &UserKey, now: crate::domain::name::Timestamp) -> Result<()> {
        state.add_user(Uuid::now_v7(), admin, BaseRole::Admin, UserChange::default())?;
        if let Some(user) = state.users.get_mut(admin) {
            user.default_admin = true;
        }
        if state.key.is_platform() {
            return Ok(());
        }
        state.create_profile(NewProfile {
            id: Uuid::now_v7(),
            key: None,
            name: Name::parse(DEFAULT_PROFILE)?,
            description: "Permits nothing until it is configured.".to_owned(),
            permission_type: PermissionType::Read,
            mask_sensitive_data: false,
        })?;
        for section in self.parts.catalogue.modules().iter().flat_map(|module| &module.sections) {
            let mut resources = Vec::new();
            for built_in in &section.built_in {
                resources.push(NewResource {
                    id: Uuid::now_v7(),
                    key: built_in.key.clone(),
                    name: Name::parse(&built_in.name)?,
                    protected: built_in.protected,
                    members: None,
                });
            }
            if !resources.is_empty() {
                state.register_resources(&self.parts.catalogue, &section.key, resources, None, now)?;
            }
        }
        Ok(())
    }

    /// Makes the platform's own tenant with its operator, unless it is there. Returns whether it was made: of several
    /// instances that start at once, one makes it.
    pub async fn ensure_platform(&self, password: SecretString) -> Result<bool> {
        let key = TenantKey::parse(TenantKey::PLATFORM)?;
        if self.parts.policies.get_by_key(&key).await?.is_some() {
            return Ok(false);
        }
        let nobody = TenantRef { id: TenantId(Uuid::nil()), key: key.clone() };
        let system = Caller::system(nobody.clone(), nobody)?;
        let admin = NewAdmin {
            username: Username::parse("operator")?,
            full_name: Name::parse("Operator")?,
            email: None,
            password,
        };
        let new = NewTenant { key, name: Name::parse("Platform")?, modules: BTreeSet::new(), admin };
        match self.make_tenant(self.first_start(), &system, new, Some("first start".to_owned())).await {
            Ok(_) => Ok(true),
            Err(error) if error.code == ErrorCode::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the command line as a caller in a tenant.
    pub async fn system_caller(&self, tenant: &TenantKey) -> Result<Caller> {
        let platform = self.platform_tenant().await?;
        let unknown = || Error::not_found("tenant", tenant);
        let tenant = self.parts.policies.get_by_key(tenant).await?.ok_or_else(unknown)?;
        let to_ref = |tenant: &crate::service::runtime::policy_cache::Tenant| TenantRef {
            id: tenant.id,
            key: tenant.key.clone(),
        };
        Caller::system(to_ref(&platform), to_ref(&tenant))
    }

    /// Sets a tenant's licence: all its modules at once (R2).
    pub async fn tenant_set_licence(
        &self,
        caller: &Caller,
        key: &TenantKey,
        modules: BTreeSet<ModuleKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<TenantRef>> {
        self.check_platform(caller, &format!("licences/{key}"), &Action::edit()).await?;
        let unknown = || Error::not_found("tenant", key).at("tenant");
        if key.is_platform() {
            return Err(Error::invalid("the platform's own tenant has no licence").at("tenant"));
        }
        let tenant = self.parts.policies.get_by_key(key).await?.ok_or_else(unknown)?;
        let tenant = TenantRef { id: tenant.id, key: tenant.key.clone() };
        let there = if caller.is_system() {
            self.system_caller(key).await?
        } else {
            caller.clone().acting_in(tenant.clone())?
        };
        let intent =
            ChangeRequest::new(Permit::SETTINGS_EDIT, "tenant.setLicence", format_args!("tenant:{key}"), options)
                .without_rights();
        let done = self.change(&there, intent, |draft| draft.state.set_licence(draft.catalogue, modules)).await?;
        Ok(done.with(tenant))
    }

    /// Changes the settings of the caller's tenant (R4).
    pub async fn tenant_update_settings(
        &self,
        caller: &Caller,
        change: SettingsChange,
        reason: Option<String>,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(
            Permit::SETTINGS_EDIT,
            "settings.update",
            format_args!("tenant:{}", caller.tenant().key),
            reason,
        )
        .without_rights();
        self.change(caller, intent, |draft| {
            let settings = &mut draft.state.settings;
            settings.security_suite = change.security_suite.unwrap_or(settings.security_suite);
            settings.masked_characters = change.masked_characters.unwrap_or(settings.masked_characters);
            settings.session_hours = change.session_hours.unwrap_or(settings.session_hours);
            settings.check()
        })
        .await
    }

    /// Returns a page of all tenants, by key; for operators.
    pub async fn tenant_list(&self, caller: &Caller, search: Option<&str>, page: Page) -> Result<PageOf<TenantRow>> {
        self.authorise_operator(caller, &Action::read()).await?.tenants(search, &page).await
    }

    /// Counts the tenants; for operators.
    pub async fn tenant_count(&self, caller: &Caller, search: Option<&str>) -> Result<u64> {
        self.authorise_operator(caller, &Action::read()).await?.tenants_count(search).await
    }

    /// Returns the tenant that the caller acts in.
    pub async fn tenant_get_own(&self, caller: &Caller) -> Result<TenantRow> {
        self.member(caller).tenant().await?.ok_or_else(unauthenticated)
    }

    /// Returns the tenant of this internal id: the one that the caller acts in, or any for operators. To others a
    /// foreign one is none at all (R1).
    pub async fn tenant_get_row(&self, caller: &Caller, id: TenantId) -> Result<Option<TenantRow>> {
        if id == caller.tenant().id {
            return self.member(caller).tenant().await;
        }
        match self.authorise_operator(caller, &Action::read()).await {
            Ok(operator) => operator.tenant_by_id(id).await,
            Err(error) if error.code == ErrorCode::Forbidden => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns a tenant that the caller has just changed, without asking again whether they may see it.
    pub async fn tenant_get_changed(&self, tenant: &TenantRef) -> Result<Option<TenantRow>> {
        self.tenant_after_change(tenant).await
    }

    /// Returns the modules of the licences of these tenants: the caller's own, or as an operator.
    pub async fn tenant_licences(
        &self,
        caller: &Caller,
        tenants: &[TenantId],
    ) -> Result<HashMap<TenantId, BTreeSet<ModuleKey>>> {
        let own = caller.tenant().id;
        if tenants.iter().all(|tenant| *tenant == own) {
            return Ok(HashMap::from([(own, self.member(caller).licence().await?)]));
        }
        self.authorise_operator(caller, &Action::read()).await?.licences(tenants).await
    }

    /// Returns whether the caller may read a tenant's settings: its admins may, and operators (R4).
    pub async fn may_read_settings(&self, caller: &Caller, id: TenantId) -> Result<bool> {
        let allowed = if id == caller.tenant().id {
            self.authorise(caller, Permit::SETTINGS_READ).await.map(drop)
        } else {
            self.authorise_operator(caller, &Action::read()).await.map(drop)
        };
        match allowed {
            Ok(()) => Ok(true),
            Err(error) if error.code == ErrorCode::Forbidden => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns `true` if passwords in the caller's tenant need several kinds of characters.
    pub async fn tenant_has_security_suite(&self, caller: &Caller) -> Result<bool> {
        Ok(self.tenant_of(caller).await?.policy().settings.security_suite)
    }

    /// Returns those of the sections that the caller's tenant sees: none of an optional module that it has no
    /// licence for (R2).
    pub async fn seen_sections(&self, caller: &Caller, sections: &[SectionKey]) -> Result<Vec<SectionKey>> {
        let tenant = self.tenant_of(caller).await?;
        let policy = tenant.policy();
        Ok(sections.iter().filter(|section| !self.is_hidden(&policy, section)).cloned().collect())
    }

    /// Returns whether the section is hidden from the tenant of the policy.
    pub(in crate::service) fn is_hidden(&self, policy: &TenantPolicy, section: &SectionKey) -> bool {
        let module = self.parts.catalogue.module(section.module());
        module.is_some_and(|module| module.optional) && policy.is_unlicensed(&section.into(), &Action::read())
    }

    /// Returns the modules that the caller's tenant sees, by their place in the catalogue, and whether the licence
    /// holds each. Optional ones without a licence are not listed (R2).
    pub async fn listed_modules(&self, caller: &Caller) -> Result<Vec<(usize, bool)>> {
        let licensed = self.member(caller).licence().await?;
        let modules = self.parts.catalogue.modules().iter().enumerate();
        let listed = modules.map(|(i, module)| (i, module, module.platform || licensed.contains(&module.key)));
        Ok(listed.filter(|(_, module, licensed)| *licensed || !module.optional).map(|(i, _, on)| (i, on)).collect())
    }
}
