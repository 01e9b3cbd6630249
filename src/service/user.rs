//! Users and their accounts (R19, R25 to R28, R31).

use std::collections::{BTreeSet, HashMap};

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::Platform;
use super::change::{Done, Intent};
use super::permit::{Permit, is_self};
use crate::auth::caller::Caller;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use crate::domain::name::Name;
use crate::domain::user::{BaseRole, Email, Telephony, UserChange, Username, check_extension, check_password};
use crate::domain::{Change, tenant::Settings};
use crate::error::{Error, Result};
use crate::store::page::{Page, PageOf};
pub use crate::store::session::ApiKeyRow;
use crate::store::user::{AccountChange, NewAccount};
pub use crate::store::user::{UserFilter, UserOrder, UserRow};

/// A user as an administrator creates it.
pub struct NewUser {
    /// The name to sign in with.
    pub username: Username,
    /// The person's name.
    pub full_name: Name,
    /// The address for links to reset the password.
    pub email: Option<Email>,
    /// The password; without one nobody can sign in yet.
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

/// What changes in a user and its account.
#[derive(Default)]
pub struct UserUpdate {
    /// What decides its access.
    pub access: UserChange,
    /// The person's name.
    pub full_name: Option<Name>,
    /// The email address.
    pub email: Change<Email>,
    /// The extension.
    pub extension: Option<String>,
    /// The telephone.
    pub telephony: Option<Telephony>,
}

fn intent(permit: Permit, action: &'static str, key: &UserKey, reason: Option<String>) -> Intent {
    Intent { permit, action, target: format!("user:{key}"), reason, gives: true }
}

impl Platform {
    /// Creates a user with its access and its account.
    pub async fn create_user(&self, caller: &Caller, new: NewUser, reason: Option<String>) -> Result<Done<UserKey>> {
        let tenant = self.authorise(caller, Permit::create_users()).await?;
        let settings = tenant.policy().settings;
        let password_hash = self.new_password_hash(&settings, new.base_role, new.password.as_ref()).await?;
        let access = UserChange {
            profile: new.profile.map_or(Change::Keep, Change::Set),
            role: new.role.map_or(Change::Keep, Change::Set),
            groups: Some(new.groups),
            ..UserChange::default()
        };
        if let Some(extension) = &new.extension {
            check_extension(extension)?;
        }
        new.telephony.check()?;
        let key = new.username.key().clone();
        self.change(caller, intent(Permit::create_users(), "user.create", &key, reason), |draft| {
            draft.check_supervised_new(&key, new.base_role, &access)?;
            draft.state.add_user(Uuid::now_v7(), &key, new.base_role, access)?;
            let account = NewAccount {
                username: new.username.as_str().to_owned(),
                full_name: new.full_name,
                email: new.email,
                password_hash,
                extension: new.extension,
                telephony: new.telephony,
                created_at: draft.now,
            };
            draft.new_accounts.insert(key.clone(), account);
            Ok(key.clone())
        })
        .await
    }

    /// Checks a new user's password and hashes it, before any transaction.
    pub(super) async fn new_password_hash(
        &self,
        settings: &Settings,
        base_role: BaseRole,
        password: Option<&SecretString>,
    ) -> Result<Option<String>> {
        let Some(password) = password else { return Ok(None) };
        if base_role == BaseRole::Service {
            return Err(Error::invalid("a SERVICE signs in by API key alone: leave the password out").at("password"));
        }
        check_password(settings, password.expose_secret())?;
        self.passwords.hash(password.clone()).await.map(Some)
    }

    /// Changes a user's access or account.
    pub async fn update_user(
        &self,
        caller: &Caller,
        key: &UserKey,
        version: i32,
        update: UserUpdate,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        if let Some(extension) = &update.extension {
            check_extension(extension)?;
        }
        update.telephony.as_ref().map_or(Ok(()), Telephony::check)?;
        self.change(caller, intent(Permit::change_user(key), "user.update", key, reason), |draft| {
            draft.check_supervised(key, &update.access)?;
            draft.state.change_user(key.as_str(), version, update.access)?;
            let account = AccountChange {
                full_name: update.full_name,
                email: update.email,
                extension: update.extension,
                telephony: update.telephony,
                ..AccountChange::default()
            };
            draft.accounts.insert(key.clone(), account);
            Ok(())
        })
        .await
    }

    /// Deletes a user with its sessions and API key.
    pub async fn delete_user(&self, caller: &Caller, key: &UserKey, reason: Option<String>) -> Result<Done<()>> {
        self.change(caller, intent(Permit::delete_user(key), "user.delete", key, reason), |draft| {
            draft.check_supervised(key, &UserChange::default())?;
            draft.state.remove_user(key.as_str()).map(drop)
        })
        .await
    }

    /// A page of users; none when the filter names what cannot be.
    pub async fn users(
        &self,
        caller: &Caller,
        filter: Option<&UserFilter>,
        order: UserOrder,
        page: Page,
    ) -> Result<PageOf<UserRow>> {
        let sight = self.sight(caller).await?;
        match filter {
            Some(filter) => sight.users(filter, order, &page).await,
            None => Ok(PageOf::empty()),
        }
    }

    /// How many users the filter finds.
    pub async fn count_users(&self, caller: &Caller, filter: Option<&UserFilter>) -> Result<u64> {
        let sight = self.sight(caller).await?;
        match filter {
            Some(filter) => sight.users_count(filter).await,
            None => Ok(0),
        }
    }

    /// The user of this key.
    pub async fn user(&self, caller: &Caller, key: &UserKey) -> Result<Option<UserRow>> {
        let sight = self.sight(caller).await?;
        Ok(sight.scope.user(key).await?.filter(|row| sight.sees(&row.user)))
    }

    /// The user of this internal id.
    pub async fn user_by_id(&self, caller: &Caller, id: Uuid) -> Result<Option<UserRow>> {
        let sight = self.sight(caller).await?;
        Ok(sight.scope.user_by_id(id).await?.filter(|row| sight.sees(&row.user)))
    }

    /// The users of these keys, in no order.
    pub async fn users_by_keys(&self, caller: &Caller, keys: &[UserKey]) -> Result<Vec<UserRow>> {
        let sight = self.sight(caller).await?;
        let mut found = sight.scope.users_by_keys(keys).await?;
        found.retain(|row| sight.sees(&row.user));
        Ok(found)
    }

    /// The caller's own account, in its home tenant.
    pub async fn own_user(&self, caller: &Caller) -> Result<UserRow> {
        let row = self.store.scope(caller.home().id).user(caller.user()).await?;
        row.ok_or_else(super::permit::unauthenticated)
    }

    /// A user that the caller has just changed. It is not asked again whether it may: its answer
    /// would be a refusal of what is done, where the change took the right itself.
    pub async fn changed_user(&self, caller: &Caller, key: &UserKey) -> Result<Option<UserRow>> {
        self.store.scope(caller.tenant().id).user(key).await
    }

    /// What is kept of a user's API key. Anyone may ask about their own.
    pub async fn api_keys(&self, caller: &Caller, keys: &[UserKey]) -> Result<HashMap<UserKey, ApiKeyRow>> {
        if keys.iter().all(|key| is_self(caller, key)) {
            return self.store.scope(self.tenant_of(caller).await?.id).api_keys(keys).await;
        }
        let sight = self.sight(caller).await?;
        let mut found = sight.scope.api_keys(keys).await?;
        found.retain(|key, _| is_self(caller, key) || sight.reaches(key));
        Ok(found)
    }
}
