//! The doors to the store: no other file of the use cases can reach it.
//!
//! [`Access`] is the usual door. Only [`authorise`](crate::service::Platform::authorise) and its like make one, so a
//! scope, a view or a transaction of a tenant is proof that the caller was asked for a permit. Every exception is a door
//! of its own below, with the reason why it is safe; those that need little give single rows instead of a scope.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use super::unauthenticated;
use crate::auth::caller::{Caller, TenantRef};
use crate::domain::key::{Action, ModuleKey, SectionKey, TenantId, TenantKey, UserKey};
use crate::domain::name::Timestamp;
use crate::domain::resource::Resource;
use crate::domain::user::Email;
use crate::error::Result;
use crate::policy::revision::Counters;
use crate::service::Platform;
use crate::service::runtime::policy_cache::Tenant;
use crate::store::audit::AuditEvent;
use crate::store::page::{Page, PageOf};
use crate::store::password::{LastPasswordReset, PasswordResetRow};
use crate::store::revision::RevisionEntry;
use crate::store::session::{CredentialRow, SignIn, SignInRow};
use crate::store::tenant::TenantRow;
use crate::store::user::UserRow;
use crate::store::{CommitError, Scope, Store, Tx, UserTx, View};

/// The store of a [`Platform`], which nothing outside this file can take out.
pub(in crate::service) struct Vault(Store);

impl Vault {
    /// Puts the store behind the doors.
    pub(in crate::service) const fn new(store: Store) -> Self {
        Self(store)
    }
}

/// Proof that the caller has the permission for what a use case does in one tenant.
pub(in crate::service) struct Access<'a> {
    store: &'a Store,
    tenant: Arc<Tenant>,
}

/// The tenant in memory, whose policy and settings a use case reads.
impl Deref for Access<'_> {
    type Target = Tenant;
    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl<'a> Access<'a> {
    /// Makes the proof; for the permits alone, once the caller has been asked.
    pub(super) fn granted(platform: &'a Platform, tenant: Arc<Tenant>) -> Self {
        Self { store: &platform.parts.vault.0, tenant }
    }

    /// Returns the tenant in memory.
    pub(in crate::service) fn into_tenant(self) -> Arc<Tenant> {
        self.tenant
    }

    /// Returns the reads of the tenant.
    pub(in crate::service) fn scope(&self) -> Scope {
        self.store.scope(self.tenant.id)
    }

    /// Begins a change of the tenant, once no other is under way.
    pub(in crate::service) async fn begin(&self) -> Result<Tx> {
        self.store.begin(self.tenant.id).await?.ok_or_else(unauthenticated)
    }

    /// Looks at the tenant as it is now.
    pub(in crate::service) async fn view(&self) -> Result<View> {
        self.store.view(self.tenant.id).await?.ok_or_else(unauthenticated)
    }

    /// Returns at most `count` revisions after the one of this number.
    pub(in crate::service) async fn revisions_since(&self, after: u64, count: u64) -> Result<Vec<RevisionEntry>> {
        self.store.revisions_since(self.tenant.id, after, count).await
    }

    /// Stores the tenant's secret, unless it has one.
    pub(in crate::service) async fn keep_secret(&self, secret: [u8; 32]) -> Result<()> {
        self.store.keep_secret(self.tenant.id, secret).await
    }
}

impl Platform {
    /// Returns the access of callers to their own things in the tenant that they act in.
    ///
    /// Safe where the use case has made sure that everything it reads is the caller's own: nobody needs a permit to see
    /// what they are and what they may do.
    pub(in crate::service) async fn access_own(&self, caller: &Caller) -> Result<Access<'_>> {
        Ok(Access::granted(self, self.tenant_of(caller).await?))
    }

    /// Returns the door to the caller's own account, in their home.
    ///
    /// Safe because each of its reads is of the caller's own row, and only sessions, API keys and the password behind it
    /// can make a caller. Changes of credentials check the session once more, under the lock.
    pub(in crate::service) fn oneself<'a>(&'a self, caller: &'a Caller) -> Oneself<'a> {
        Oneself { store: &self.parts.vault.0, caller }
    }

    /// Returns the door to what every user of the caller's tenant sees.
    ///
    /// Safe because it gives nothing but what the interface shows to everyone who signs in there: the tenant's name, its
    /// licence, the entries of menus (which are filtered by the caller's rights), and whether one's own change is stored.
    pub(in crate::service) fn member<'a>(&'a self, caller: &'a Caller) -> Member<'a> {
        Member { store: &self.parts.vault.0, caller }
    }

    /// Returns the reads of the tenant that the caller has just changed, for the rows that are in the answer.
    ///
    /// Safe because the caller was permitted the change of these very rows a moment ago, under the lock. Asking again
    /// would refuse an answer about what is done, where the change took the right itself.
    pub(in crate::service) fn after_change(&self, caller: &Caller) -> Scope {
        self.parts.vault.0.scope(caller.tenant().id)
    }

    /// Returns the row of a tenant that the caller has just made or changed.
    ///
    /// Safe as [`after_change`](Self::after_change) is: operators name the tenant in the change itself.
    pub(in crate::service) async fn tenant_after_change(&self, tenant: &TenantRef) -> Result<Option<TenantRow>> {
        self.parts.vault.0.tenant_by_id(tenant.id).await
    }

    /// Returns further reads of a tenant that a change or a dry run has taken or looks at.
    ///
    /// Safe because nobody has a view or a transaction who did not come through another door.
    pub(in crate::service) fn beside(&self, view: &View) -> Scope {
        self.parts.vault.0.scope(view.tenant().id)
    }

    /// Returns the door for those who are not signed in yet.
    ///
    /// Safe because all that it gives is compared with a secret (a password, a token, a mailed link) before the caller
    /// learns anything, and the answers for what is there and what is not are alike.
    pub(in crate::service) fn entrance(&self) -> Entrance<'_> {
        Entrance { store: &self.parts.vault.0 }
    }

    /// Returns the door of the program's own work.
    ///
    /// Safe because it gives no row of a tenant: it deletes what has run out, places events that others have noted, and
    /// finds out whether a change of this instance was stored.
    pub(in crate::service) fn system(&self) -> System<'_> {
        System { store: &self.parts.vault.0 }
    }

    /// Authorises an operator over all tenants.
    pub(in crate::service) async fn authorise_operator(
        &self,
        caller: &Caller,
        action: &Action,
    ) -> Result<OperatorAccess<'_>> {
        self.check_platform(caller, "tenants", action).await?;
        Ok(OperatorAccess { store: &self.parts.vault.0 })
    }

    /// Authorises an operator to make the tenant of this key.
    pub(in crate::service) async fn authorise_new_tenant(
        &self,
        caller: &Caller,
        key: &TenantKey,
    ) -> Result<NewTenantAccess<'_>> {
        self.check_platform(caller, &format!("tenants/{key}"), &Action::edit()).await?;
        Ok(NewTenantAccess { store: &self.parts.vault.0 })
    }

    /// Returns the access to make the operators' tenant.
    ///
    /// Safe because no operator can be there before it, and the database makes the tenant of a key only once.
    pub(in crate::service) fn first_start(&self) -> NewTenantAccess<'_> {
        NewTenantAccess { store: &self.parts.vault.0 }
    }
}

/// The caller's own account.
pub(in crate::service) struct Oneself<'a> {
    store: &'a Store,
    caller: &'a Caller,
}

impl Oneself<'_> {
    fn scope(&self) -> Scope {
        self.store.scope(self.caller.home().id)
    }

    /// Returns the caller's row.
    pub(in crate::service) async fn user(&self) -> Result<Option<UserRow>> {
        self.scope().user(self.caller.user()).await
    }

    /// Returns what signing in as the caller checks.
    pub(in crate::service) async fn sign_in(&self) -> Result<Option<SignInRow>> {
        self.scope().sign_in(self.caller.user()).await
    }

    /// Returns the time at which the caller's session began.
    pub(in crate::service) async fn session_began(&self, session: Uuid) -> Result<Option<Timestamp>> {
        self.scope().session_began(session).await
    }

    /// Locks the caller's home, to change what is theirs alone.
    pub(in crate::service) async fn begin(&self) -> Result<Tx> {
        self.store.begin(self.caller.home().id).await?.ok_or_else(unauthenticated)
    }

    /// Locks the caller's row, to change their credentials.
    pub(in crate::service) async fn begin_credentials(&self) -> Result<(UserTx, SignInRow)> {
        let taken = self.store.begin_user(self.caller.home().id, self.caller.user()).await?;
        taken.ok_or_else(unauthenticated)
    }
}

/// Rows that every user of a tenant sees.
pub(in crate::service) struct Member<'a> {
    store: &'a Store,
    caller: &'a Caller,
}

impl Member<'_> {
    /// Returns the row of the tenant that the caller acts in.
    pub(in crate::service) async fn tenant(&self) -> Result<Option<TenantRow>> {
        self.store.tenant_by_id(self.caller.tenant().id).await
    }

    /// Returns the modules of the tenant's licence.
    pub(in crate::service) async fn licence(&self) -> Result<BTreeSet<ModuleKey>> {
        let id = self.caller.tenant().id;
        Ok(self.store.licences(&[id]).await?.remove(&id).unwrap_or_default())
    }

    /// Returns the first resources of a section, to be entries of menus.
    pub(in crate::service) async fn entries(&self, section: &SectionKey, count: u64) -> Result<Vec<Resource>> {
        self.store.scope(self.caller.tenant().id).first_resources(section, count).await
    }

    /// Returns the event of a change. Callers see it if the change is theirs, and need a permit for any other.
    pub(in crate::service) async fn event_of_change(&self, change: Uuid) -> Result<Option<AuditEvent>> {
        self.store.scope(self.caller.tenant().id).event_of_change(change).await
    }

    /// Waits for the changes that have the tenant or the caller's own row locked.
    pub(in crate::service) async fn wait_for_changes(&self) -> Result<()> {
        drop(self.store.begin(self.caller.tenant().id).await?);
        drop(self.store.begin_user(self.caller.home().id, self.caller.user()).await?);
        Ok(())
    }
}

/// Rows that signing in, bearer tokens and mailed links need before there is a caller.
pub(in crate::service) struct Entrance<'a> {
    store: &'a Store,
}

impl Entrance<'_> {
    /// Returns the tenant of this key.
    pub(in crate::service) async fn tenant_by_key(&self, key: &TenantKey) -> Result<Option<TenantRow>> {
        self.store.tenant_by_key(key).await
    }

    /// Returns the tenant of this id.
    pub(in crate::service) async fn tenant_by_id(&self, id: TenantId) -> Result<Option<TenantRow>> {
        self.store.tenant_by_id(id).await
    }

    /// Returns what signing in as this user checks. An unknown tenant costs what a known one does.
    pub(in crate::service) async fn sign_in(
        &self,
        tenant: Option<TenantId>,
        user: &UserKey,
    ) -> Result<Option<SignInRow>> {
        self.store.scope(tenant.unwrap_or(TenantId(Uuid::nil()))).sign_in(user).await
    }

    /// Returns the user with this address.
    pub(in crate::service) async fn user_by_email(&self, tenant: TenantId, email: &Email) -> Result<Option<UserRow>> {
        self.store.scope(tenant).user_by_email(email).await
    }

    /// Returns the times of the user's last link to reset the password.
    pub(in crate::service) async fn last_password_reset(
        &self,
        tenant: TenantId,
        user: &UserKey,
    ) -> Result<Option<LastPasswordReset>> {
        self.store.scope(tenant).last_password_reset(user).await
    }

    /// Returns the link to reset a password that this token belongs to.
    pub(in crate::service) async fn password_reset_by_token(
        &self,
        token: &[u8; 32],
    ) -> Result<Option<PasswordResetRow>> {
        self.store.password_reset_by_token(token).await
    }

    /// Returns the session of this token.
    pub(in crate::service) async fn session_by_token(&self, token: &[u8; 32]) -> Result<Option<CredentialRow>> {
        self.store.session_by_token(token).await
    }

    /// Returns the API key of this token.
    pub(in crate::service) async fn api_key_by_token(&self, token: &[u8; 32]) -> Result<Option<CredentialRow>> {
        self.store.api_key_by_token(token).await
    }

    /// Writes that the user has just used their API key.
    pub(in crate::service) async fn touch_api_key(
        &self,
        tenant: TenantId,
        user: &UserKey,
        now: Timestamp,
    ) -> Result<()> {
        self.store.scope(tenant).touch_api_key(user, now).await
    }

    /// Locks the user against changes of whether and by what they may sign in.
    pub(in crate::service) async fn begin_sign_in(
        &self,
        tenant: TenantId,
        user: &UserKey,
    ) -> Result<Option<(SignIn, SignInRow)>> {
        self.store.begin_sign_in(tenant, user).await
    }

    /// Locks the user whose password a mailed link sets.
    pub(in crate::service) async fn begin_user(
        &self,
        tenant: TenantId,
        user: &UserKey,
    ) -> Result<Option<(UserTx, SignInRow)>> {
        self.store.begin_user(tenant, user).await
    }
}

/// The program's own work.
pub(in crate::service) struct System<'a> {
    store: &'a Store,
}

impl System<'_> {
    /// Returns the time by the database's clock.
    pub(in crate::service) async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }

    /// Makes a change that no user sees.
    pub(in crate::service) async fn probe(&self, instance: Uuid, now: Timestamp) -> Result<()> {
        self.store.probe(instance, now).await
    }

    /// Deletes the sessions that ended before `now`, and returns their number.
    pub(in crate::service) async fn delete_expired_sessions(&self, now: Timestamp) -> Result<u64> {
        self.store.delete_expired_sessions(now).await
    }

    /// Deletes the links that ended before `end`, and returns their number.
    pub(in crate::service) async fn delete_expired_password_resets(&self, end: Timestamp) -> Result<u64> {
        self.store.delete_expired_password_resets(end).await
    }

    /// Deletes the revisions from before a time that need not be kept, and returns their number.
    pub(in crate::service) async fn compact_revisions(&self, before: Timestamp) -> Result<u64> {
        self.store.compact_revisions(before).await
    }

    /// Writes the sort keys of names that an older version has written without.
    pub(in crate::service) async fn fill_sort_keys(&self) -> Result<u64> {
        self.store.fill_sort_keys().await
    }

    /// Writes events down that get their places in the tenant's log later.
    pub(in crate::service) async fn note(&self, tenant: TenantId, events: &[AuditEvent]) -> Result<()> {
        self.store.note(tenant, events).await
    }

    /// Returns the tenants with events that have no place in the log yet.
    pub(in crate::service) async fn tenants_with_waiting(&self) -> Result<Vec<TenantId>> {
        self.store.tenants_with_waiting().await
    }

    /// Gives the events that wait for a tenant their places: locking the tenant does.
    pub(in crate::service) async fn place_waiting(&self, tenant: TenantId) -> Result<()> {
        let Some(tx) = self.store.begin(tenant).await? else { return Ok(()) };
        let placed = tx.commit().await;
        placed.map_err(|(CommitError::Refused(error) | CommitError::Unknown(error))| error).inspect_err(|error| {
            tracing::debug!(tenant = %tenant.0, %error, "events of a tenant wait for their places");
        })
    }

    /// Returns the counters of a tenant.
    pub(in crate::service) async fn counters(&self, tenant: TenantId) -> Result<Option<Counters>> {
        Ok(self.store.counters(&[tenant]).await?.first().map(|(_, counters)| *counters))
    }

    /// Waits until no change has the tenant locked. Returns `false` if there is no such tenant.
    pub(in crate::service) async fn wait_for_tenant(&self, tenant: TenantId) -> Result<bool> {
        Ok(self.store.begin(tenant).await?.is_some())
    }

    /// Waits until no change has the user locked. Returns `false` if there is no such user.
    pub(in crate::service) async fn wait_for_user(&self, tenant: TenantId, user: &UserKey) -> Result<bool> {
        Ok(self.store.begin_user(tenant, user).await?.is_some())
    }

    /// Returns `true` if the change is stored.
    pub(in crate::service) async fn change_committed(&self, change: Uuid) -> Result<bool> {
        self.store.change_committed(change).await
    }
}

/// Proof that an operator may see all tenants.
pub(in crate::service) struct OperatorAccess<'a> {
    store: &'a Store,
}

impl OperatorAccess<'_> {
    /// Returns a page of the tenants, ordered by key.
    pub(in crate::service) async fn tenants(&self, search: Option<&str>, page: &Page) -> Result<PageOf<TenantRow>> {
        self.store.tenants(search, page).await
    }

    /// Counts the tenants.
    pub(in crate::service) async fn tenants_count(&self, search: Option<&str>) -> Result<u64> {
        self.store.tenants_count(search).await
    }

    /// Returns the tenant of this id.
    pub(in crate::service) async fn tenant_by_id(&self, id: TenantId) -> Result<Option<TenantRow>> {
        self.store.tenant_by_id(id).await
    }

    /// Returns the tenant of this key, with its reads.
    pub(in crate::service) async fn tenant_by_key(&self, key: &TenantKey) -> Result<Option<(TenantRow, Scope)>> {
        let row = self.store.tenant_by_key(key).await?;
        Ok(row.map(|row| (row.clone(), self.store.scope(row.id))))
    }

    /// Returns the modules of these tenants' licences.
    pub(in crate::service) async fn licences(
        &self,
        tenants: &[TenantId],
    ) -> Result<HashMap<TenantId, BTreeSet<ModuleKey>>> {
        self.store.licences(tenants).await
    }
}

/// Proof that the caller may make a tenant.
pub(in crate::service) struct NewTenantAccess<'a> {
    store: &'a Store,
}

impl NewTenantAccess<'_> {
    /// Makes the tenant, and goes on as a change of it.
    pub(in crate::service) async fn begin(&self, row: TenantRow) -> Result<Tx> {
        self.store.begin_new(row).await
    }
}
