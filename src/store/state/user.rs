//! Users: what decides their access. Their accounts stand in the same rows, and are written
//! with a new user or for themselves.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::all;
use crate::domain::key::{ProfileKey, RoleKey, TenantId, UserKey};
use crate::domain::map::Map;
use crate::domain::profile::LegacyDigest;
use crate::domain::user::{BaseRole, User};
use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::db::Transaction;
use crate::store::entity::user::user;
use crate::store::error::stored;
use crate::store::user::NewAccount;
use crate::store::write::insert;

/// The most users that one statement names.
const BATCH: usize = 500;

/// Reads the access of all users of a tenant.
pub(super) async fn load(db: &Transaction, tenant: TenantId) -> Result<Map<UserKey, User>> {
    let rows = all::<user::Entity>(db, tenant).await?;
    rows.iter().map(|row| of(row).map(|user| (user.key.clone(), user))).collect()
}

/// Returns a user's access.
pub(in crate::store) fn of(row: &user::Model) -> Result<User> {
    Ok(User {
        id: row.id,
        key: stored(UserKey::parse(&row.key))?,
        base_role: stored(row.base_role.parse())?,
        enabled: row.enabled,
        default_admin: row.default_admin,
        profile: stored(row.profile.as_deref().map(ProfileKey::parse).transpose())?,
        role: stored(row.role.as_deref().map(RoleKey::parse).transpose())?,
        imported_from: row.imported_from.clone().map(LegacyDigest::stored),
        version: row.version,
    })
}

/// Deletes the users that are gone.
pub(super) async fn delete_gone(
    db: &Transaction,
    tenant: TenantId,
    before: &Map<UserKey, User>,
    after: &Map<UserKey, User>,
) -> Result<()> {
    let gone = before.differing(after).filter(|user| user.is.is_none());
    let gone: Vec<&str> = gone.map(|user| user.key.as_str()).collect();
    for batch in gone.chunks(BATCH) {
        user::Entity::delete_many()
            .filter(user::Column::TenantId.eq(tenant.0))
            .filter(user::Column::Key.is_in(batch.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

impl Tx {
    /// Inserts the users that are new, each with its account.
    pub(super) async fn insert_users(
        &mut self,
        before: &Map<UserKey, User>,
        after: &Map<UserKey, User>,
        accounts: &BTreeMap<UserKey, NewAccount>,
    ) -> Result<()> {
        let mut new = Vec::new();
        let added = before.differing(after).filter(|user| user.was.is_none());
        for user in added.filter_map(|user| user.is) {
            let none = || Error::internal(format!("no account for the user `{}`", user.key));
            new.push((user, accounts.get(&user.key).ok_or_else(none)?));
        }
        let accounts: Vec<&NewAccount> = new.iter().map(|(_, account)| *account).collect();
        let extensions = self.extensions_for(&accounts).await?;
        let rows = new.iter().zip(extensions);
        let rows = rows.map(|((user, account), extension)| account.row(self.tenant.id, user, extension));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        insert(&self.db, rows).await
    }
}

/// Values that an update of a user sets: all but the key. The version moves by `steps`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Access<'a> {
    base_role: BaseRole,
    enabled: bool,
    default_admin: bool,
    profile: Option<&'a ProfileKey>,
    role: Option<&'a RoleKey>,
    imported_from: Option<&'a LegacyDigest>,
    steps: i32,
}

/// Updates the users that differ: one statement for all that become alike, so that giving a
/// profile to a thousand users is not a thousand statements.
pub(super) async fn update_changed(
    db: &Transaction,
    tenant: TenantId,
    before: &Map<UserKey, User>,
    after: &Map<UserKey, User>,
) -> Result<()> {
    let mut alike: BTreeMap<Access<'_>, Vec<&str>> = BTreeMap::new();
    for (old, user) in before.differing(after).filter_map(|user| user.was.zip(user.is)) {
        let access = Access {
            base_role: user.base_role,
            enabled: user.enabled,
            default_admin: user.default_admin,
            profile: user.profile.as_ref(),
            role: user.role.as_ref(),
            imported_from: user.imported_from.as_ref(),
            steps: user.version.saturating_sub(old.version),
        };
        alike.entry(access).or_default().push(user.key.as_str());
    }
    for (access, keys) in &alike {
        for batch in keys.chunks(BATCH) {
            user::Entity::update_many()
                .col_expr(user::Column::BaseRole, Expr::val(access.base_role.as_ref()))
                .col_expr(user::Column::Enabled, Expr::val(access.enabled))
                .col_expr(user::Column::DefaultAdmin, Expr::val(access.default_admin))
                .col_expr(user::Column::Profile, Expr::val(access.profile.map(ToString::to_string)))
                .col_expr(user::Column::Role, Expr::val(access.role.map(ToString::to_string)))
                .col_expr(user::Column::ImportedFrom, Expr::val(access.imported_from.map(LegacyDigest::as_str)))
                .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(access.steps))
                .filter(user::Column::TenantId.eq(tenant.0))
                .filter(user::Column::Key.is_in(batch.iter().copied()))
                .exec(db)
                .await?;
        }
    }
    Ok(())
}
