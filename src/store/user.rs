//! Users and their accounts.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::entity::user::user;
use super::{Tx, find};
use crate::domain::Change;
use crate::domain::key::{TenantId, UserKey};
use crate::domain::name::{Name, Timestamp};
use crate::domain::user::{Email, Telephony, User, Username};
use crate::error::{Error, Result};

/// The first extension that is given out (R31).
const FIRST_EXTENSION: u64 = 1000;

/// The account of a new user. No `Debug`: it holds the password's hash.
#[derive(Clone)]
pub struct NewAccount {
    /// The name to sign in with, as typed.
    pub username: Username,
    /// The person's name.
    pub full_name: Name,
    /// The email address, if it has one.
    pub email: Option<Email>,
    /// The password's argon2id hash, if it has one.
    pub password_hash: Option<String>,
    /// The extension.
    pub extension: String,
    /// The telephone's settings.
    pub telephony: Telephony,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What changes in an account. No `Debug`: it may hold the password's hash.
#[derive(Clone, Default)]
pub struct AccountChange {
    /// Another full name.
    pub full_name: Option<Name>,
    /// The email address.
    pub email: Change<Email>,
    /// Another extension.
    pub extension: Option<String>,
    /// Other telephone settings.
    pub telephony: Option<Telephony>,
    /// Another password's argon2id hash, and when it was set.
    pub password: Option<(String, Timestamp)>,
}

impl NewAccount {
    pub(super) fn row(&self, tenant: TenantId, user: &User) -> Result<user::ActiveModel> {
        use ActiveValue::Set;
        Ok(user::ActiveModel {
            tenant_id: Set(tenant.0),
            key: Set(user.key.to_string()),
            id: Set(user.id),
            username: Set(self.username.as_str().to_owned()),
            full_name: Set(self.full_name.to_string()),
            email: Set(self.email.as_ref().map(|email| email.as_str().to_owned())),
            email_key: Set(self.email.as_ref().map(Email::unique_form)),
            base_role: Set(user.base_role.as_str().to_owned()),
            enabled: Set(user.enabled),
            default_admin: Set(user.default_admin),
            profile: Set(user.profile.as_ref().map(ToString::to_string)),
            role: Set(user.role.as_ref().map(ToString::to_string)),
            version: Set(user.version),
            password_hash: Set(self.password_hash.clone()),
            extension: Set(self.extension.clone()),
            telephony: Set(serde_json::to_value(&self.telephony).map_err(Error::internal)?),
            last_password_reset_at: Set(None),
            created_at: Set(self.created_at.0),
        })
    }
}

impl Tx {
    /// Changes the account of a user. Its access and version are in the tenant's state.
    pub async fn update_account(&self, key: &UserKey, change: &AccountChange) -> Result<()> {
        let mut set: Vec<(user::Column, Expr)> = Vec::new();
        if let Some(name) = &change.full_name {
            set.push((user::Column::FullName, Expr::val(name.as_str())));
        }
        match &change.email {
            Change::Keep => {}
            Change::Clear => {
                set.push((user::Column::Email, Expr::val(None::<String>)));
                set.push((user::Column::EmailKey, Expr::val(None::<String>)));
            }
            Change::Set(email) => {
                set.push((user::Column::Email, Expr::val(email.as_str())));
                set.push((user::Column::EmailKey, Expr::val(email.unique_form())));
            }
        }
        if let Some(extension) = &change.extension {
            set.push((user::Column::Extension, Expr::val(extension.as_str())));
        }
        if let Some(telephony) = &change.telephony {
            set.push((user::Column::Telephony, Expr::val(serde_json::to_value(telephony).map_err(Error::internal)?)));
        }
        if let Some((hash, at)) = &change.password {
            set.push((user::Column::PasswordHash, Expr::val(hash.as_str())));
            set.push((user::Column::LastPasswordResetAt, Expr::val(at.0)));
        }
        if set.is_empty() {
            return Ok(());
        }
        let mut update = user::Entity::update_many();
        for (column, value) in set {
            update = update.col_expr(column, value);
        }
        let done = update
            .filter(user::Column::TenantId.eq(self.tenant.id.0))
            .filter(user::Column::Key.eq(key.as_str()))
            .exec(&self.db)
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::not_found("user", key).at("key"));
        }
        Ok(())
    }

    /// The next free extension of the tenant, from 1000 on. Nobody else can take it meanwhile,
    /// and asking again answers the one after it.
    pub async fn next_extension(&mut self) -> Result<String> {
        let taken = match &mut self.extensions {
            Some(taken) => taken,
            none => {
                let used: Vec<String> = find::<user::Entity>(self.tenant.id)
                    .select_only()
                    .column(user::Column::Extension)
                    .into_tuple()
                    .all(&self.db)
                    .await?;
                // One with leading zeros is another text: it takes no number.
                let number = |text: &String| text.parse().ok().filter(|n: &u64| n.to_string() == *text);
                none.insert(used.iter().filter_map(number).collect::<BTreeSet<u64>>())
            }
        };
        let free = (FIRST_EXTENSION..)
            .find(|number| !taken.contains(number))
            .ok_or_else(|| Error::internal("no extension is free"))?;
        taken.insert(free);
        Ok(free.to_string())
    }
}
