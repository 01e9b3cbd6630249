//! Users and their accounts (R19, R25 to R28, R31).

use std::collections::{BTreeSet, HashMap};

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use crate::domain::name::Name;
use crate::domain::user::{
    BaseRole, Email, Telephony, TelephonyChange, UserChange, Username, check_extension, check_password,
};
use crate::domain::{Change, tenant::Settings};
use crate::error::{Error, Result};
use crate::service::Platform;
use crate::service::access::permit::{Permit, is_self, unauthenticated};
use crate::service::access::unseen::Named;
use crate::service::change::{ChangeDraft, ChangeOptions, ChangeRequest, Outcome};
use crate::store::Scope;
use crate::store::page::{Page, PageOf};
pub use crate::store::session::ApiKeyRow;
use crate::store::user::{AccountChange, NewAccount};
pub use crate::store::user::{UserFilter, UserOrder, UserRow};

/// A user as administrators create them.
#[derive(Clone)]
pub struct NewUser {
    /// The name to sign in with.
    pub username: Username,
    /// The person's name.
    pub full_name: Name,
    /// The address for links to reset the password.
    pub email: Option<Email>,
    /// The password; a user without one cannot sign in yet.
    pub password: Option<SecretString>,
    /// The base role.
    pub base_role: BaseRole,
    /// The profile, for a USER.
    pub profile: Option<ProfileKey>,
    /// The custom role, for a MANAGER.
    pub role: Option<RoleKey>,
    /// The groups to be in.
    pub groups: BTreeSet<GroupKey>,
    /// The extension; the next free number when absent.
    pub extension: Option<String>,
    /// The telephone.
    pub telephony: Telephony,
}

/// A change of a user and their account.
#[derive(Default)]
pub struct UserUpdate {
    /// The change of the user's access.
    pub access: UserChange,
    /// The person's name.
    pub full_name: Option<Name>,
    /// The email address.
    pub email: Change<Email>,
    /// The extension; cleared, it is the next free number.
    pub extension: Change<String>,
    /// The telephone; cleared, it is as by default.
    pub telephony: Change<TelephonyChange>,
}

impl NewUser {
    /// Checks what the tenant's state does not decide.
    pub(in crate::service) fn check(&self, settings: &Settings) -> Result<()> {
        self.extension.as_deref().map_or(Ok(()), check_extension)?;
        self.telephony.check()?;
        let Some(password) = &self.password else { return Ok(()) };
        if self.base_role == BaseRole::Service {
            return Err(Error::invalid("a SERVICE signs in by API key alone: leave the password out").at("password"));
        }
        check_password(settings, password.expose_secret())
    }

    /// Returns the access that the user starts with.
    pub(in crate::service) fn access(&self) -> UserChange {
        UserChange {
            profile: self.profile.clone().map_or(Change::Keep, Change::Set),
            role: self.role.clone().map_or(Change::Keep, Change::Set),
            groups: Some(self.groups.clone()),
            ..UserChange::default()
        }
    }

    /// Puts it into the draft, with its account.
    pub(in crate::service) fn join(
        self,
        draft: &mut ChangeDraft<'_>,
        password_hash: Option<String>,
    ) -> Result<UserKey> {
        let key = self.username.key().clone();
        draft.state.add_user(Uuid::now_v7(), &key, self.base_role, self.access())?;
        let account = NewAccount {
            username: self.username.as_str().to_owned(),
            full_name: self.full_name,
            email: self.email,
            password_hash,
            extension: self.extension,
            telephony: self.telephony,
            created_at: draft.now,
        };
        draft.new_accounts.insert(key.clone(), account);
        Ok(key)
    }
}

impl Platform {
    /// Creates a user with their access and their account.
    pub async fn user_create(
        &self,
        caller: &Caller,
        new: NewUser,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<UserKey>> {
        let tenant = self.authorise(caller, Permit::create_users()).await?;
        new.check(&tenant.policy().settings)?;
        let options = options.into();
        let password_hash = self.hash_of(caller, new.password.clone(), options.dry_run).await?;
        let intent = ChangeRequest::new(
            Permit::create_users(),
            "user.create",
            format_args!("user:{}", new.username.key()),
            options,
        );
        let named = Named::from(&new.access());
        let done = self.change(caller, intent, |draft| {
            draft.check_supervised_new(new.username.key(), new.base_role, &new.access())?;
            new.join(draft, password_hash)
        });
        match done.await {
            Err(error) => Err(self.unseen(caller, named, error).await),
            done => done,
        }
    }

    /// Returns the hash of a new password, if there is one: made before any transaction. A dry run, which writes none,
    /// needs to know no more than that there is one.
    pub(in crate::service) async fn hash_of(
        &self,
        caller: &Caller,
        password: Option<SecretString>,
        dry_run: bool,
    ) -> Result<Option<String>> {
        match password {
            Some(_) if dry_run => Ok(Some(String::new())),
            Some(password) => self.parts.passwords.hash(password, caller.request().network()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Changes a user's access or account.
    pub async fn user_update(
        &self,
        caller: &Caller,
        key: &UserKey,
        version: i32,
        update: UserUpdate,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        if let Change::Set(extension) = &update.extension {
            check_extension(extension)?;
        }
        let UserUpdate { access, full_name, email, extension, telephony } = update;
        let mut account = AccountChange { full_name, email, extension, ..AccountChange::default() };
        self.complete(caller, key, &mut account, telephony).await?;
        let named = Named::from(&access);
        let intent = ChangeRequest::new(Permit::change_user(key), "user.update", format_args!("user:{key}"), options);
        let done = self.change(caller, intent, |draft| {
            draft.check_supervised(key, &access)?;
            draft.state.change_user(key.as_str(), version, access)?;
            if !account.is_empty() {
                draft.state.change_account(key.as_str(), version);
                draft.accounts.insert(key.clone(), account);
            }
            Ok(())
        });
        match done.await {
            Err(error) => Err(self.unseen(caller, named, error).await),
            done => done,
        }
    }

    /// Completes a change of an account by its present values: the telephone after it, and without what is so already.
    /// The account is read before the tenant is taken: another change of the user meanwhile changes their version,
    /// which the caller names.
    async fn complete(
        &self,
        caller: &Caller,
        key: &UserKey,
        account: &mut AccountChange,
        telephony: Change<TelephonyChange>,
    ) -> Result<()> {
        if account.is_empty() && telephony == Change::Keep {
            return Ok(());
        }
        let tenant = self.authorise(caller, Permit::change_user(key)).await?;
        let found = tenant.scope().user(key).await?;
        let now = || found.as_ref().map_or_else(Telephony::default, |row| row.telephony.clone());
        account.telephony = match telephony {
            Change::Keep => None,
            Change::Clear => Some(Telephony::default()),
            Change::Set(change) => Some(now().with(change)),
        };
        account.telephony.as_ref().map_or(Ok(()), Telephony::check)?;
        if let Some(row) = &found {
            *account = std::mem::take(account).without_what_is_so(row);
        }
        Ok(())
    }

    /// Deletes a user with their sessions and API key.
    pub async fn user_delete(
        &self,
        caller: &Caller,
        key: &UserKey,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::delete_user(key), "user.delete", format_args!("user:{key}"), options);
        self.change(caller, intent, |draft| {
            draft.check_supervised(key, &UserChange::default())?;
            draft.state.remove_user(key.as_str()).map(drop)
        })
        .await
    }

    /// Returns a page of users; none when the filter names what cannot be.
    pub async fn user_list(
        &self,
        caller: &Caller,
        filter: Option<&UserFilter>,
        order: UserOrder,
        page: Page,
    ) -> Result<PageOf<UserRow>> {
        let visible = self.visible_users(caller).await?;
        match filter {
            Some(filter) => visible.users(filter, order, &page).await,
            None => Ok(PageOf::empty()),
        }
    }

    /// Counts the users that the filter finds.
    pub async fn user_count(&self, caller: &Caller, filter: Option<&UserFilter>) -> Result<u64> {
        let visible = self.visible_users(caller).await?;
        match filter {
            Some(filter) => visible.users_count(filter).await,
            None => Ok(0),
        }
    }

    /// Returns the user of this key.
    pub async fn user_get(&self, caller: &Caller, key: &UserKey) -> Result<Option<UserRow>> {
        let visible = self.visible_users(caller).await?;
        Ok(visible.scope.user(key).await?.filter(|row| visible.contains(&row.user)))
    }

    /// Returns the user of this internal id.
    pub async fn user_get_by_id(&self, caller: &Caller, id: Uuid) -> Result<Option<UserRow>> {
        let visible = self.visible_users(caller).await?;
        Ok(visible.scope.user_by_id(id).await?.filter(|row| visible.contains(&row.user)))
    }

    /// Returns the users of these keys, in no order.
    pub async fn user_list_by_keys(&self, caller: &Caller, keys: &[UserKey]) -> Result<Vec<UserRow>> {
        let visible = self.visible_users(caller).await?;
        let mut found = visible.scope.users_by_keys(keys).await?;
        found.retain(|row| visible.contains(&row.user));
        Ok(found)
    }

    /// Returns the users that the caller has just made or changed, in this order; see [`Platform::user_get_changed`].
    pub async fn user_list_changed(&self, caller: &Caller, keys: &[UserKey]) -> Result<Vec<UserRow>> {
        let rows = self.after_change(caller).users_by_keys(keys).await?;
        let mut found: HashMap<UserKey, UserRow> = rows.into_iter().map(|row| (row.user.key.clone(), row)).collect();
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    /// Returns the caller's own account, in their home tenant.
    pub async fn user_get_own(&self, caller: &Caller) -> Result<UserRow> {
        self.oneself(caller).user().await?.ok_or_else(unauthenticated)
    }

    /// Returns a user that the caller has just changed, without asking again whether they may see them: the answer
    /// would be a refusal of what is done, where the change took the right itself.
    pub async fn user_get_changed(&self, caller: &Caller, key: &UserKey) -> Result<Option<UserRow>> {
        self.after_change(caller).user(key).await
    }

    /// Returns the records of these users' API keys. Callers can ask about their own.
    pub async fn api_keys(&self, caller: &Caller, keys: &[UserKey]) -> Result<HashMap<UserKey, ApiKeyRow>> {
        let (scope, seen) = self.visible_accounts(caller, keys).await?;
        scope.api_keys(&seen).await
    }

    /// Returns, of users whom the caller has found, those whose accounts they may see, with the reads of their tenant:
    /// the caller themselves, and users that they can see.
    pub(in crate::service) async fn visible_accounts(
        &self,
        caller: &Caller,
        users: &[UserKey],
    ) -> Result<(Scope, Vec<UserKey>)> {
        if users.iter().all(|user| is_self(caller, user)) {
            return Ok((self.access_own(caller).await?.scope(), users.to_vec()));
        }
        let visible = self.visible_users(caller).await?;
        let seen = users.iter().filter(|user| is_self(caller, user) || visible.contains_key(user)).cloned().collect();
        Ok((visible.scope, seen))
    }
}
