//! Links that set a new password: one for a user, of which only the digest is stored.
//!
//! A link that is void keeps its row, with an end that has passed: so the time from one link to
//! the next can be told also after the first was used.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::credential::Credentials;
use super::entity::password::password_reset;
use super::error::stored;
use super::{Scope, Store};
use crate::domain::key::{TenantId, UserKey};
use crate::domain::name::Timestamp;
use crate::error::Result;

/// User whose password a link sets, and the link's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordResetRow {
    /// The user's tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserKey,
    /// Time at which the link ends.
    pub expires_at: Timestamp,
}

/// A link that is made.
#[derive(Clone)]
pub struct NewPasswordReset {
    /// The digest of its token.
    pub token: [u8; 32],
    /// Time at which the link begins.
    pub created_at: Timestamp,
    /// Time at which the link ends.
    pub expires_at: Timestamp,
}

/// The time in which a link holds or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPasswordReset {
    /// Its beginning.
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
}

impl Store {
    /// Returns the link with this token. A void one may still be found: the caller checks its end.
    pub async fn password_reset_by_token(&self, token: &[u8; 32]) -> Result<Option<PasswordResetRow>> {
        let this = password_reset::Column::TokenHash.eq(token.to_vec());
        let Some(row) = password_reset::Entity::find().filter(this).one(&self.db).await? else { return Ok(None) };
        Ok(Some(PasswordResetRow {
            tenant: TenantId(row.tenant_id),
            user: stored(UserKey::parse(&row.user))?,
            expires_at: Timestamp(row.expires_at),
        }))
    }

    /// Deletes the links of all tenants that ended before `end`; gives how many.
    pub async fn delete_expired_password_resets(&self, end: Timestamp) -> Result<u64> {
        let _permit = self.common_writer().await?;
        let ended = password_reset::Entity::delete_many().filter(password_reset::Column::ExpiresAt.lt(end.0));
        Ok(ended.exec(&self.db).await?.rows_affected)
    }
}

impl Scope {
    /// Finds the last link of a user, if it is still known.
    pub async fn last_password_reset(&self, user: &UserKey) -> Result<Option<LastPasswordReset>> {
        let these = self.find::<password_reset::Entity>();
        let row = these.filter(password_reset::Column::User.eq(user.as_str())).one(&self.db).await?;
        Ok(row.map(|row| LastPasswordReset {
            created_at: Timestamp(row.created_at),
            expires_at: Timestamp(row.expires_at),
        }))
    }
}

impl Credentials<'_> {
    /// Gives a user a link in place of the one before.
    pub async fn put_password_reset(&self, user: &UserKey, new: &NewPasswordReset) -> Result<()> {
        use password_reset::Column::{CreatedAt, ExpiresAt, TenantId, TokenHash, User};
        let row = password_reset::Model {
            tenant_id: self.tenant.0,
            user: user.to_string(),
            token_hash: new.token.to_vec(),
            created_at: new.created_at.0,
            expires_at: new.expires_at.0,
        };
        let mut before = OnConflict::columns([TenantId, User]);
        before.update_columns([TokenHash, CreatedAt, ExpiresAt]);
        let insert = password_reset::Entity::insert(row.into_active_model()).on_conflict(before);
        insert.exec_without_returning(self.db).await?;
        Ok(())
    }

    /// Ends the link of a user, if there is one.
    pub async fn void_password_reset(&self, user: &UserKey) -> Result<()> {
        password_reset::Entity::update_many()
            .col_expr(password_reset::Column::ExpiresAt, Expr::col(password_reset::Column::CreatedAt))
            .filter(password_reset::Column::TenantId.eq(self.tenant.0))
            .filter(password_reset::Column::User.eq(user.as_str()))
            .exec(self.db)
            .await?;
        Ok(())
    }
}
