//! The permission that each use case needs: an (object, action) pair of the platform's own module, or any of some
//! pairs, asked of the caller's own snapshot. `docs/PERMISSIONS.md` lists them; this is the one place that checks.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, SectionKey, TenantKey, UserKey};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::diff::StatePatch;
use crate::policy::reach::Reach;
use crate::policy::rule::{BuiltIn, Subject};
use crate::service::Platform;
use crate::service::runtime::policy_cache::Tenant;

mod access;

pub(in crate::service) use access::{Access, NewTenantAccess, Vault};

/// An (object, action) pair that a use case needs, or others that do as well.
#[derive(Debug, Clone)]
pub struct Permit {
    object: &'static str,
    action: fn() -> Action,
    /// The objects on which the same action is enough.
    or: Vec<Object>,
    /// A further permission that the use case needs as well.
    also: Option<&'static Self>,
}

macro_rules! permits {
    ($($(#[$meta:meta])* $name:ident = $object:literal, $action:ident;)+) => {
        impl Permit {
            $($(#[$meta])* pub const $name: Self =
                Self { object: $object, action: Action::$action, or: Vec::new(), also: None };)+
        }
    };
}

permits! {
    /// List and see users.
    USERS_READ = "admin/users", read;
    /// Create and change users.
    USERS_EDIT = "admin/users", edit;
    /// Delete users.
    USERS_DELETE = "admin/users", delete;
    /// List and see user profiles.
    PROFILES_READ = "admin/user-profiles", read;
    /// Create and change user profiles.
    PROFILES_EDIT = "admin/user-profiles", edit;
    /// Delete user profiles.
    PROFILES_DELETE = "admin/user-profiles", delete;
    /// List and see groups.
    GROUPS_READ = "admin/groups", read;
    /// Create and change groups and their members.
    GROUPS_EDIT = "admin/groups", edit;
    /// Delete groups.
    GROUPS_DELETE = "admin/groups", delete;
    /// List and see roles.
    ROLES_READ = "admin/roles", read;
    /// Create and change custom roles.
    ROLES_EDIT = "admin/roles", edit;
    /// Delete custom roles.
    ROLES_DELETE = "admin/roles", delete;
    /// Generate and remove API keys of others.
    API_KEYS_EDIT = "admin/api-keys", edit;
    /// See settings.
    SETTINGS_READ = "admin/settings", read;
    /// Change settings.
    SETTINGS_EDIT = "admin/settings", edit;
    /// List resources.
    RESOURCES_READ = "admin/resources", read;
    /// Register and remove resources.
    RESOURCES_EDIT = "admin/resources", edit;
    /// Decide for others.
    DECISIONS_READ = "admin/decisions", read;
    /// See rules and follow their changes.
    RULES_READ = "admin/rules", read;
    /// See and export the audit log.
    AUDIT_READ = "admin/audit", read;
}

impl Permit {
    /// Bring the policy back to what it was: all that this changes, at once. What it takes out is asked about
    /// once that is known.
    pub const RESTORE: Self = Self {
        object: "admin/rules",
        action: Action::edit,
        or: Vec::new(),
        also: Some(&Self {
            object: "admin/roles",
            action: Action::edit,
            or: Vec::new(),
            also: Some(&Self {
                object: "admin/groups",
                action: Action::edit,
                or: Vec::new(),
                also: Some(&Self::PROFILES_IMPORT),
            }),
        }),
    };
    /// Bring in the policy of another Casbin: roles, and groups that hold them.
    pub const POLICY_IMPORT: Self =
        Self { object: "admin/roles", action: Action::edit, or: Vec::new(), also: Some(&Self::GROUPS_EDIT) };
    /// Make profiles and give them to users at once.
    pub const PROFILES_IMPORT: Self =
        Self { object: "admin/user-profiles", action: Action::edit, or: Vec::new(), also: Some(&Self::USERS_EDIT) };

    /// Change what is linked in the name of others.
    pub const LINKS_FOR_OTHERS: Self =
        Self { object: "admin/resources", action: Action::edit, or: Vec::new(), also: Some(&Self::DECISIONS_READ) };

    /// Returns the object that it is asked about.
    pub const fn object(&self) -> &'static str {
        self.object
    }

    /// Returns the action that it is asked for.
    pub fn action(&self) -> Action {
        (self.action)()
    }

    /// Returns this permit, with the action on `object` as enough too.
    #[must_use]
    pub fn or(mut self, object: Object) -> Self {
        self.or.push(object);
        self
    }

    /// Returns whether the subject has the first of the pairs: the one that knows no bounds.
    pub(in crate::service) fn is_held_whole(&self, policy: &TenantPolicy, subject: &Subject) -> Result<bool> {
        Ok(policy.allows(subject, &Object::parse(self.object)?, &self.action()))
    }

    fn is_held(&self, policy: &TenantPolicy, subject: &Subject) -> Result<bool> {
        let action = self.action();
        Ok(self.is_held_whole(policy, subject)? || self.or.iter().any(|other| policy.allows(subject, other, &action)))
    }
}

impl Platform {
    /// Refuses a caller who may not do what the use case needs; returns their access to the tenant that they act in.
    ///
    /// # Errors
    /// `FORBIDDEN` when they may not, `UNAUTHENTICATED` when the tenant is gone.
    pub(in crate::service) async fn authorise(&self, caller: &Caller, permit: Permit) -> Result<Access<'_>> {
        let tenant = self.tenant_of(caller).await?;
        for needed in std::iter::successors(Some(&permit), |permit| permit.also) {
            self.check(caller, &tenant.policy(), needed).await?;
        }
        Ok(Access::granted(self, tenant))
    }

    /// Authorises a question about these users: callers can ask about themselves without a permit.
    pub(in crate::service) async fn authorise_about<'a>(
        &self,
        caller: &Caller,
        permit: Permit,
        mut users: impl Iterator<Item = &'a UserKey>,
    ) -> Result<Access<'_>> {
        if users.all(|user| is_self(caller, user)) {
            return self.access_own(caller).await;
        }
        self.authorise(caller, permit).await
    }

    /// Authorises a use case on the resources of `section`, such as agents: a caller who lacks the permit gets the part
    /// of that section on which they may do the action. Refuses the caller if there is no such part and the section
    /// itself is closed to them as well.
    pub(in crate::service) async fn authorise_part(
        &self,
        caller: &Caller,
        permit: Permit,
        section: &SectionKey,
    ) -> Result<(Access<'_>, Option<Reach>)> {
        let (section, action) = (Object::from(section), permit.action());
        let refused = match self.authorise(caller, permit).await {
            Ok(tenant) => return Ok((tenant, None)),
            // What an operator may do here, its own tenant has said already.
            Err(error) if error.code == ErrorCode::Forbidden && !caller.is_visiting() => error,
            Err(error) => return Err(error),
        };
        let tenant = self.tenant_of(caller).await?;
        let (policy, subject) = (Arc::clone(&tenant.policy()), subject_of(caller));
        let reach = policy.snapshot.reach(&subject, &section, &action);
        if reach.is_empty() && !policy.allows(&subject, &section, &action) {
            Err(refused)
        } else {
            Ok((Access::granted(self, tenant), Some(reach)))
        }
    }

    /// Authorises a question about `wanted`: a caller who is or holds all of these subjects needs no permit for it.
    pub(in crate::service) async fn authorise_holder(
        &self,
        caller: &Caller,
        permit: Permit,
        mut wanted: impl Iterator<Item = Subject>,
    ) -> Result<Access<'_>> {
        let tenant = self.tenant_of(caller).await?;
        let (policy, subject) = (Arc::clone(&tenant.policy()), subject_of(caller));
        if wanted.all(|one| policy.snapshot.holds(&subject, &one)) {
            return Ok(Access::granted(self, tenant));
        }
        self.authorise(caller, permit).await
    }

    /// Returns whether the caller may, for answers that tell more or less by it. When in doubt they may not.
    pub(in crate::service) async fn may(&self, caller: &Caller, permit: Permit) -> bool {
        self.authorise(caller, permit).await.is_ok()
    }

    /// Returns the tenant that the caller acts in.
    pub(in crate::service) async fn tenant_of(&self, caller: &Caller) -> Result<Arc<Tenant>> {
        self.check_age()?;
        let tenant = self.parts.policies.get(caller.tenant().id).await?.ok_or_else(unauthenticated)?;
        self.check_staleness(self.parts.policies.age_of(&tenant))?;
        Ok(tenant)
    }

    /// Checks a permit against the policy of the tenant that the caller acts in. An operator who visits is first asked
    /// for `tenants/KEY` in the platform's own policy, and then can do what the tenant's admins can.
    async fn check(&self, caller: &Caller, policy: &TenantPolicy, permit: &Permit) -> Result<()> {
        if caller.is_system() {
            return Ok(());
        }
        if caller.is_visiting() {
            self.check_platform(caller, &format!("tenants/{}", caller.tenant().key), &permit.action()).await?;
        }
        let held = permit.is_held(policy, &subject_of(caller))?;
        if held { Ok(()) } else { Err(forbidden(permit.object, &permit.action())) }
    }

    /// Checks that the caller may delete whatever profiles, roles and groups a change takes out: the permit of
    /// one that brings many things back says only that it may change them.
    pub(in crate::service) async fn check_deletes(
        &self,
        caller: &Caller,
        policy: &TenantPolicy,
        patch: &StatePatch,
    ) -> Result<()> {
        let kinds = [
            (Permit::PROFILES_DELETE, patch.profiles.values().any(Option::is_none)),
            (Permit::ROLES_DELETE, patch.roles.values().any(Option::is_none)),
            (Permit::GROUPS_DELETE, patch.groups.values().any(Option::is_none)),
        ];
        for (permit, _) in kinds.into_iter().filter(|(_, is_gone)| *is_gone) {
            self.check(caller, policy, &permit).await?;
        }
        Ok(())
    }

    /// Checks an operator's right over the platform: `tenants`, `tenants/KEY`, `licences/KEY`.
    pub(in crate::service) async fn check_platform(
        &self,
        caller: &Caller,
        object: &str,
        action: &Action,
    ) -> Result<()> {
        if caller.is_system() {
            return Ok(());
        }
        let refused = || forbidden(object, action);
        if !caller.home().key.is_platform() {
            return Err(refused());
        }
        let platform = self.parts.policies.get(caller.home().id).await?.ok_or_else(unauthenticated)?;
        let subject = Subject::User(caller.user().clone());
        let allowed = platform.policy().allows(&subject, &Object::parse(object)?, action);
        if allowed { Ok(()) } else { Err(refused()) }
    }

    /// Returns the operators' tenant.
    pub(in crate::service) async fn platform_tenant(&self) -> Result<Arc<Tenant>> {
        let key = TenantKey::parse(TenantKey::PLATFORM)?;
        let missing = || Error::unavailable("the platform's own tenant is not there yet");
        self.parts.policies.get_by_key(&key).await?.ok_or_else(missing)
    }

    /// Stops decisions when what is in memory is older than the setting allows.
    pub fn check_age(&self) -> Result<()> {
        self.check_staleness(self.parts.policies.age())
    }

    fn check_staleness(&self, age: Duration) -> Result<()> {
        match self.parts.max_staleness {
            Some(limit) if age > limit => {
                Err(Error::unavailable("the database has not confirmed for too long what is in memory"))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the subject that decisions about the caller are made for, in the tenant that they act in: the user
/// themselves at home, and an admin where they visit as an operator.
pub fn subject_of(caller: &Caller) -> Subject {
    if caller.is_visiting() { Subject::Role(BuiltIn::Admin) } else { Subject::User(caller.user().clone()) }
}

/// Returns `true` for admins and host applications. A right of theirs can be granted to any user, and makes no user one
/// of them.
pub(in crate::service) fn is_admin_or_host(caller: &Caller, policy: &TenantPolicy) -> bool {
    let subject = subject_of(caller);
    let holds = |role| policy.snapshot.holds(&subject, &Subject::Role(role));
    caller.is_system() || holds(BuiltIn::Admin) || holds(BuiltIn::Service)
}

/// Returns the subject of a question: the named user, or the caller when it names none.
pub(in crate::service) fn asked_about(caller: &Caller, user: Option<&UserKey>) -> Subject {
    user.map_or_else(|| subject_of(caller), |user| Subject::User(user.clone()))
}

/// Returns whether this user is the caller themselves.
pub(in crate::service) fn is_self(caller: &Caller, user: &UserKey) -> bool {
    !caller.is_visiting() && !caller.is_system() && caller.user() == user
}

pub(in crate::service) fn forbidden(object: &str, action: &Action) -> Error {
    Error::new(ErrorCode::Forbidden, format!("you may not {action} `{object}`"))
}

/// Returns the refusal of a caller whose token is not valid, or whose tenant or account is gone.
pub fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "sign in first: this token is not valid, or no longer")
}
