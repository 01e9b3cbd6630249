//! Users: writing their accounts, and reading both account and access.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::credential::Credentials;
use super::entity::user::user;
use super::error::taken;
use super::{Tx, View, find};
use crate::domain::Change;
use crate::domain::key::{TenantId, UserKey};
use crate::domain::letters;
use crate::domain::name::{Name, Timestamp};
use crate::domain::user::{Email, Telephony, User};
use crate::error::{Error, Result};

mod read;

pub use read::{Taken, UserFilter, UserOrder, UserRow};

/// The first extension that is given out (R31).
const FIRST_EXTENSION: u64 = 1000;
/// The last one: an extension has at most 16 digits.
const LAST_EXTENSION: u64 = 9_999_999_999_999_999;

/// The account of a new user. No `Debug`: it holds the password's hash.
#[derive(Clone)]
pub struct NewAccount {
    /// The name to sign in with, as typed.
    pub username: String,
    /// The person's name.
    pub full_name: Name,
    /// The email address, if it has one.
    pub email: Option<Email>,
    /// The password's argon2id hash, if it has one.
    pub password_hash: Option<String>,
    /// The extension; the next free number of the tenant when absent.
    pub extension: Option<String>,
    /// The telephone's settings.
    pub telephony: Telephony,
    /// Time at which the account was made.
    pub created_at: Timestamp,
}

/// Changes to an account. No `Debug`: it may hold the password's hash.
#[derive(Clone, Default)]
pub struct AccountChange {
    /// Another full name.
    pub full_name: Option<Name>,
    /// The email address.
    pub email: Change<Email>,
    /// Another extension; cleared, it is the next free number of the tenant.
    pub extension: Change<String>,
    /// Other telephone settings.
    pub telephony: Option<Telephony>,
    /// Another password's argon2id hash.
    pub password_hash: Option<String>,
    /// Time at which the password was set to another one (R28).
    pub last_password_reset_at: Option<Timestamp>,
    /// `true` if the API key ends, where there is one.
    pub ends_api_key: bool,
}

impl NewAccount {
    /// Returns the part of the account that the audit log shows: no secret.
    pub fn for_audit(&self) -> serde_json::Value {
        serde_json::json!({
            "username": self.username,
            "fullName": self.full_name,
            "email": self.email.as_ref().map(Email::as_str),
            "extension": self.extension,
            "telephony": self.telephony,
            "password": self.password_hash.as_ref().map(|_| "set"),
        })
    }

    pub(super) fn row(&self, tenant: TenantId, user: &User, extension: String) -> Result<user::ActiveModel> {
        use ActiveValue::Set;
        Ok(user::ActiveModel {
            tenant_id: Set(tenant.0),
            key: Set(user.key.to_string()),
            id: Set(user.id),
            username: Set(self.username.clone()),
            full_name: Set(self.full_name.to_string()),
            sort_key: Set(letters::searched(self.full_name.as_str())),
            sort_key_of: Set(self.full_name.to_string()),
            email: Set(self.email.as_ref().map(|email| email.as_str().to_owned())),
            email_key: Set(self.email.as_ref().map(Email::unique_form)),
            base_role: Set(user.base_role.as_ref().to_owned()),
            enabled: Set(user.enabled),
            default_admin: Set(user.default_admin),
            profile: Set(user.profile.as_ref().map(ToString::to_string)),
            role: Set(user.role.as_ref().map(ToString::to_string)),
            imported_from: Set(user.imported_from.as_ref().map(|digest| digest.as_str().to_owned())),
            version: Set(user.version),
            password_hash: Set(self.password_hash.clone()),
            extension: Set(extension),
            telephony: Set(serde_json::to_value(&self.telephony).map_err(Error::internal)?),
            last_password_reset_at: Set(None),
            created_at: Set(self.created_at.0),
        })
    }
}

impl AccountChange {
    /// Returns what the audit log shows of it, and whether an API key has ended with it: no secret.
    pub fn for_audit(&self, is_key_ended: bool) -> serde_json::Value {
        let mut shown = serde_json::Map::new();
        let mut show = |field: &str, value: serde_json::Value| drop(shown.insert(field.to_owned(), value));
        if let Some(name) = &self.full_name {
            show("fullName", name.as_str().into());
        }
        match &self.email {
            Change::Keep => {}
            Change::Clear => show("email", serde_json::Value::Null),
            Change::Set(email) => show("email", email.as_str().into()),
        }
        match &self.extension {
            Change::Keep => {}
            Change::Clear => show("extension", serde_json::Value::Null),
            Change::Set(extension) => show("extension", extension.as_str().into()),
        }
        if let Some(telephony) = &self.telephony {
            show("telephony", serde_json::json!(telephony));
        }
        if self.password_hash.is_some() {
            show("password", "set".into());
        }
        if is_key_ended {
            show("apiKey", "ended".into());
        }
        shown.into()
    }

    /// Tells whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.full_name.is_none()
            && self.email == Change::Keep
            && self.extension == Change::Keep
            && self.telephony.is_none()
            && self.password_hash.is_none()
            && self.last_password_reset_at.is_none()
            && !self.ends_api_key
    }

    /// Takes out what an account has already.
    #[must_use]
    pub fn without_what_is_so(mut self, row: &UserRow) -> Self {
        self.full_name = self.full_name.filter(|name| name.as_str() != row.full_name);
        self.email = match self.email {
            Change::Clear if row.email.is_none() => Change::Keep,
            Change::Set(email) if row.email.as_deref() == Some(email.as_str()) => Change::Keep,
            email => email,
        };
        self.extension = match self.extension {
            Change::Set(extension) if extension == row.extension => Change::Keep,
            extension => extension,
        };
        self.telephony = self.telephony.filter(|telephony| *telephony != row.telephony);
        self
    }

    fn columns(&self, generated: Option<String>) -> Result<Vec<(user::Column, Expr)>> {
        use user::Column;
        let mut set: Vec<(Column, Expr)> = Vec::new();
        if let Some(name) = self.full_name.as_ref().map(Name::as_str) {
            set.extend([
                (Column::FullName, Expr::val(name)),
                (Column::SortKey, Expr::val(letters::searched(name))),
                (Column::SortKeyOf, Expr::val(name)),
            ]);
        }
        let email = match &self.email {
            Change::Keep => None,
            Change::Clear => Some((None, None)),
            Change::Set(email) => Some((Some(email.as_str().to_owned()), Some(email.unique_form()))),
        };
        if let Some((email, key)) = email {
            set.extend([(Column::Email, Expr::val(email)), (Column::EmailKey, Expr::val(key))]);
        }
        let extension = match &self.extension {
            Change::Set(extension) => Some(extension.clone()),
            Change::Keep | Change::Clear => generated,
        };
        set.extend(extension.map(|extension| (Column::Extension, Expr::val(extension))));
        if let Some(telephony) = &self.telephony {
            set.push((Column::Telephony, Expr::val(serde_json::to_value(telephony).map_err(Error::internal)?)));
        }
        set.extend(self.password_hash.as_ref().map(|hash| (Column::PasswordHash, Expr::val(hash.as_str()))));
        set.extend(self.last_password_reset_at.map(|at| (Column::LastPasswordResetAt, Expr::val(at.0))));
        Ok(set)
    }
}

impl View {
    /// Refuses accounts as the database would if they were written: an email address or an
    /// extension that another user has.
    pub async fn check_accounts(
        &self,
        new: &BTreeMap<UserKey, NewAccount>,
        changed: &BTreeMap<UserKey, AccountChange>,
    ) -> Result<()> {
        use user::Column::{EmailKey, Extension, Key};
        let (mut emails, mut extensions) = (BTreeMap::new(), BTreeMap::new());
        for (user, account) in new {
            emails.extend(account.email.iter().flat_map(Email::forms).map(|form| (form, user.as_str())));
            extensions.extend(account.extension.as_ref().map(|extension| (extension.clone(), user.as_str())));
        }
        for (user, account) in changed {
            if let Change::Set(email) = &account.email {
                emails.extend(email.forms().into_iter().map(|form| (form, user.as_str())));
            }
            if let Change::Set(extension) = &account.extension {
                extensions.insert(extension.clone(), user.as_str());
            }
        }
        if emails.is_empty() && extensions.is_empty() {
            return Ok(());
        }
        let these = Condition::any()
            .add(EmailKey.is_in(emails.keys().map(String::as_str)))
            .add(Extension.is_in(extensions.keys().map(String::as_str)));
        let select = find::<user::Entity>(self.tenant.id).filter(these).select_only();
        let select = select.column(Key).column(EmailKey).column(Extension);
        let rows: Vec<(String, Option<String>, String)> = select.into_tuple().all(&self.db).await?;
        for (key, email, extension) in &rows {
            let of_another = |user: Option<&&str>| user.is_some_and(|user| *user != key);
            if of_another(email.as_ref().and_then(|email| emails.get(email))) {
                return Err(taken("email"));
            }
            if of_another(extensions.get(extension)) {
                return Err(taken("extension"));
            }
        }
        Ok(())
    }
}

impl Credentials<'_> {
    /// Changes the account of a user, whose access and version are in the tenant's state. An extension is
    /// generated by whoever has the tenant alone: [`Tx::update_account`].
    pub async fn update_account(&self, key: &UserKey, change: &AccountChange) -> Result<()> {
        self.write_account(key, change, None).await
    }

    async fn write_account(&self, key: &UserKey, change: &AccountChange, generated: Option<String>) -> Result<()> {
        let set = change.columns(generated)?;
        if set.is_empty() {
            return Ok(());
        }
        let mut update = user::Entity::update_many();
        for (column, value) in set {
            update = update.col_expr(column, value);
        }
        let done = update
            .filter(user::Column::TenantId.eq(self.tenant.0))
            .filter(user::Column::Key.eq(key.as_str()))
            .exec(self.db)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("user", key).at("key"));
        }
        Ok(())
    }
}

impl Tx {
    /// Changes the account of a user, with an extension that is generated where the change gives up the one by
    /// hand.
    pub async fn update_account(&mut self, key: &UserKey, change: &AccountChange) -> Result<()> {
        let generated = match change.extension {
            Change::Clear => Some(self.extension_again(key).await?),
            Change::Keep | Change::Set(_) => None,
        };
        self.credentials().write_account(key, change, generated).await
    }

    /// Returns the next free extension of the tenant, from 1000 on. No other change can take it meanwhile, and asking
    /// again returns the one after it.
    pub async fn next_extension(&mut self) -> Result<String> {
        let taken = self.taken_extensions().await?;
        let free = (FIRST_EXTENSION..=LAST_EXTENSION).find(|number| !taken.contains(number));
        let free = free.ok_or_else(|| Error::internal("no extension is free"))?;
        taken.insert(free);
        Ok(free.to_string())
    }

    /// Returns the next free extension for a user that gives up its own, which may be that one.
    async fn extension_again(&mut self, key: &UserKey) -> Result<String> {
        let own = find::<user::Entity>(self.tenant.id).filter(user::Column::Key.eq(key.as_str()));
        let own: Option<String> = own.select_only().column(user::Column::Extension).into_tuple().one(&self.db).await?;
        if let Some(own) = own.as_deref().and_then(number) {
            self.taken_extensions().await?.remove(&own);
        }
        self.next_extension().await
    }

    /// Extensions for these new accounts, in their order. Those given by hand are taken before
    /// any is given out.
    pub(super) async fn extensions_for(&mut self, accounts: &[&NewAccount]) -> Result<Vec<String>> {
        if accounts.iter().any(|account| account.extension.is_none()) {
            let by_hand = accounts.iter().filter_map(|account| number(account.extension.as_deref()?));
            self.taken_extensions().await?.extend(by_hand);
        }
        let mut extensions = Vec::with_capacity(accounts.len());
        for account in accounts {
            extensions.push(match &account.extension {
                Some(extension) => extension.clone(),
                None => self.next_extension().await?,
            });
        }
        Ok(extensions)
    }

    async fn taken_extensions(&mut self) -> Result<&mut BTreeSet<u64>> {
        if self.extensions.is_none() {
            let used: Vec<String> = find::<user::Entity>(self.tenant.id)
                .select_only()
                .column(user::Column::Extension)
                .into_tuple()
                .all(&self.db)
                .await?;
            self.extensions = Some(used.iter().filter_map(|text| number(text)).collect());
        }
        Ok(self.extensions.get_or_insert_default())
    }
}

/// Returns the number that an extension takes. One with leading zeros is another text: it takes none.
fn number(extension: &str) -> Option<u64> {
    extension.parse().ok().filter(|number: &u64| number.to_string() == extension)
}
