//! Sessions and API keys, and who a token belongs to. Only digests of tokens are stored.

use std::collections::HashMap;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, LockType, OnConflict, Query, SelectStatement};
use sea_orm::{ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::audit::AuditEvent;
use super::audit::chain::wait;
use super::credential::Credentials;
use super::db::Transaction;
use super::entity::session::{api_key, session};
use super::entity::tenant::tenant;
use super::entity::user::user;
use super::error::stored;
use super::tenant::{CountersRow, select_counters};
use super::{Scope, Store, find};
use crate::domain::key::{TenantId, TenantKey, UserKey};
use crate::domain::name::Timestamp;
use crate::domain::user::BaseRole;
use crate::error::Result;
use crate::policy::revision::Counters;

/// Owner of a token, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// The user's tenant.
    pub tenant: TenantId,
    /// The key of that tenant.
    pub tenant_key: TenantKey,
    /// The tenant's counters at that moment: in another credential epoch, this has to be looked up again.
    pub counters: Counters,
    /// The user.
    pub user: UserKey,
    /// The user's internal id.
    pub user_id: Uuid,
    /// The person's name.
    pub full_name: String,
    /// `true` while the user is enabled.
    pub enabled: bool,
    /// The user's base role.
    pub base_role: BaseRole,
    /// The session; `None` for an API key.
    pub session: Option<Uuid>,
    /// Time at which the credential ends; `None` for an API key, which holds until it is removed.
    pub expires_at: Option<Timestamp>,
    /// Time at which an API key was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Account data that signing in checks.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// The user.
    pub user: UserKey,
    /// The user's internal id.
    pub user_id: Uuid,
    /// The person's name.
    pub full_name: String,
    /// The password's hash, if there is one.
    pub password_hash: Option<String>,
    /// `true` while the user is enabled.
    pub enabled: bool,
    /// The user's base role.
    pub base_role: BaseRole,
}

impl SignInRow {
    /// Returns `true` if the user can sign in at all, with the right password.
    pub fn may_sign_in(&self) -> bool {
        self.enabled && self.base_role.signs_in()
    }
}

/// A session that begins.
#[derive(Clone)]
pub struct NewSession {
    /// Its id.
    pub id: Uuid,
    /// Owner of the session.
    pub user: UserKey,
    /// The digest of its token.
    pub token: [u8; 32],
    /// Time at which the session begins.
    pub created_at: Timestamp,
    /// Time at which the session ends.
    pub expires_at: Timestamp,
}

/// An API key that is made.
#[derive(Clone)]
pub struct NewApiKey {
    /// The digest of its token.
    pub token: [u8; 32],
    /// First characters of the key, which can be shown.
    pub prefix: String,
    /// Time at which the key is made.
    pub created_at: Timestamp,
}

/// Part of an API key that can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its first characters.
    pub prefix: String,
    /// Time at which the key was made.
    pub created_at: Timestamp,
    /// Time at which the key was last used.
    pub last_used_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct JoinedRow {
    tenant_id: Uuid,
    tenant_key: String,
    user_key: String,
    user_id: Uuid,
    full_name: String,
    enabled: bool,
    base_role: String,
    session: Option<Uuid>,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

pub(super) fn sign_in_of(row: user::Model) -> Result<SignInRow> {
    Ok(SignInRow {
        user: stored(UserKey::parse(&row.key))?,
        user_id: row.id,
        full_name: row.full_name,
        password_hash: row.password_hash,
        enabled: row.enabled,
        base_role: stored(row.base_role.parse())?,
    })
}

/// Returns a query for the owner of a credential in `table`, in one statement with its tenant's counters.
fn owner(table: &'static str, token: &[u8; 32]) -> SelectStatement {
    let of = |column: &'static str| Expr::col((table, column));
    let mut query = Query::select();
    query
        .expr_as(Expr::col((tenant::Entity, tenant::Column::Id)), "tenant_id")
        .expr_as(Expr::col((tenant::Entity, tenant::Column::Key)), "tenant_key")
        .expr_as(Expr::col((user::Entity, user::Column::Key)), "user_key")
        .expr_as(Expr::col((user::Entity, user::Column::Id)), "user_id")
        .expr_as(Expr::col((user::Entity, user::Column::FullName)), "full_name")
        .expr_as(Expr::col((user::Entity, user::Column::Enabled)), "enabled")
        .expr_as(Expr::col((user::Entity, user::Column::BaseRole)), "base_role")
        .from(Alias::new(table))
        .inner_join(tenant::Entity, of("tenant_id").equals((tenant::Entity, tenant::Column::Id)))
        .inner_join(
            user::Entity,
            of("tenant_id")
                .equals((user::Entity, user::Column::TenantId))
                .and(of("user").equals((user::Entity, user::Column::Key))),
        )
        .and_where(of("token_hash").eq(token.to_vec()));
    select_counters(&mut query);
    query
}

impl Store {
    /// Returns the owner of the session with this token. An expired one is still found: the caller checks its end.
    pub async fn session_by_token(&self, token: &[u8; 32]) -> Result<Option<CredentialRow>> {
        let mut query = owner("sessions", token);
        query
            .expr_as(Expr::col(("sessions", session::Column::Id)), "session")
            .expr_as(Expr::col(("sessions", session::Column::ExpiresAt)), "expires_at")
            .expr_as(Expr::val(None::<i64>), "last_used_at");
        self.credential(&query).await
    }

    /// Returns the owner of the API key with this token.
    pub async fn api_key_by_token(&self, token: &[u8; 32]) -> Result<Option<CredentialRow>> {
        let mut query = owner("api_keys", token);
        query
            .expr_as(Expr::val(None::<Uuid>), "session")
            .expr_as(Expr::val(None::<i64>), "expires_at")
            .expr_as(Expr::col(("api_keys", api_key::Column::LastUsedAt)), "last_used_at");
        self.credential(&query).await
    }

    async fn credential(&self, query: &SelectStatement) -> Result<Option<CredentialRow>> {
        let Some(row) = self.db.query_one(query).await? else { return Ok(None) };
        let found = JoinedRow::from_query_result(&row, "")?;
        Ok(Some(CredentialRow {
            tenant: TenantId(found.tenant_id),
            tenant_key: stored(TenantKey::parse(&found.tenant_key))?,
            counters: CountersRow::from_query_result(&row, "")?.counters(),
            user: stored(UserKey::parse(&found.user_key))?,
            user_id: found.user_id,
            full_name: found.full_name,
            enabled: found.enabled,
            base_role: stored(found.base_role.parse())?,
            session: found.session,
            expires_at: found.expires_at.map(Timestamp),
            last_used_at: found.last_used_at.map(Timestamp),
        }))
    }

    /// Deletes the sessions of all tenants that ended before `now`; gives how many.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<u64> {
        let _permit = self.common_writer().await?;
        let ended = session::Entity::delete_many().filter(session::Column::ExpiresAt.lt(now.0));
        Ok(ended.exec(&self.db).await?.rows_affected)
    }
}

impl Scope {
    /// Returns the account data that signing in as this user checks.
    pub async fn sign_in(&self, key: &UserKey) -> Result<Option<SignInRow>> {
        let row = self.find::<user::Entity>().filter(user::Column::Key.eq(key.as_str())).one(&self.db).await?;
        row.map(sign_in_of).transpose()
    }

    /// Returns the time at which this session began, if it is still there.
    pub async fn session_began(&self, id: Uuid) -> Result<Option<Timestamp>> {
        let row = self.find::<session::Entity>().filter(session::Column::Id.eq(id)).one(&self.db).await?;
        Ok(row.map(|row| Timestamp(row.created_at)))
    }

    /// Returns the part of these users' API keys that can be shown; a user without one is not in the answer.
    pub async fn api_keys(&self, users: &[UserKey]) -> Result<HashMap<UserKey, ApiKeyRow>> {
        let these = api_key::Column::User.is_in(users.iter().map(UserKey::as_str));
        let rows = self.find::<api_key::Entity>().filter(these).all(&self.db).await?;
        let row = |row: api_key::Model| {
            let key = ApiKeyRow {
                prefix: row.prefix,
                created_at: Timestamp(row.created_at),
                last_used_at: row.last_used_at.map(Timestamp),
            };
            Ok((stored(UserKey::parse(&row.user))?, key))
        };
        rows.into_iter().map(row).collect()
    }

    /// Notes that a user's API key was used. Outside of any transaction: nothing depends on it.
    /// The caller does it once a minute at most.
    pub async fn touch_api_key(&self, user: &UserKey, now: Timestamp) -> Result<()> {
        api_key::Entity::update_many()
            .col_expr(api_key::Column::LastUsedAt, Expr::val(now.0))
            .filter(api_key::Column::TenantId.eq(self.tenant.0))
            .filter(api_key::Column::User.eq(user.as_str()))
            .exec(&self.db)
            .await?;
        Ok(())
    }
}

/// A sign-in: it takes the user, and neither waits for who changes the tenant nor holds them up.
/// Whoever changes whether this user may sign in, or by which password, comes before it or after.
#[derive(Debug)]
#[must_use = "a sign-in that is not committed leaves nothing"]
pub struct SignIn {
    db: Transaction,
    tenant: TenantId,
}

impl Store {
    /// Begins a sign-in, with what is looked at for it as it is until the commit; `None` when there is
    /// no such user.
    pub async fn begin_sign_in(&self, tenant: TenantId, user: &UserKey) -> Result<Option<(SignIn, SignInRow)>> {
        let taken = self.take_user(tenant, user, LockType::Share).await?;
        Ok(taken.map(|(db, row)| (SignIn { db, tenant }, row)))
    }
}

impl SignIn {
    /// Begins the session, and notes it in the audit log.
    pub async fn commit(self, new: &NewSession, event: &AuditEvent) -> Result<()> {
        let row = session::Model {
            tenant_id: self.tenant.0,
            user: new.user.to_string(),
            id: new.id,
            token_hash: new.token.to_vec(),
            created_at: new.created_at.0,
            expires_at: new.expires_at.0,
        };
        session::Entity::insert(row.into_active_model()).exec_without_returning(&self.db).await?;
        wait(&self.db, self.tenant, event).await?;
        Ok(self.db.commit().await?)
    }
}

impl Credentials<'_> {
    /// Checks that the session still holds: it may have been ended since its token was looked up. `None` if it does
    /// not.
    pub async fn check_session(&self, id: Uuid, now: Timestamp) -> Result<Option<()>> {
        let found = find::<session::Entity>(self.tenant)
            .filter(session::Column::Id.eq(id))
            .filter(session::Column::ExpiresAt.gt(now.0));
        Ok(found.one(self.db).await?.map(drop))
    }

    /// Ends a session; gives whether there was one.
    pub async fn end_session(&self, id: Uuid) -> Result<bool> {
        let these = session::Entity::delete_many().filter(session::Column::TenantId.eq(self.tenant.0));
        Ok(these.filter(session::Column::Id.eq(id)).exec(self.db).await?.rows_affected > 0)
    }

    /// Ends the sessions of a user, but for `except`; gives how many.
    pub async fn end_sessions(&self, user: &UserKey, except: Option<Uuid>) -> Result<u64> {
        let mut these = session::Entity::delete_many()
            .filter(session::Column::TenantId.eq(self.tenant.0))
            .filter(session::Column::User.eq(user.as_str()));
        if let Some(kept) = except {
            these = these.filter(session::Column::Id.ne(kept));
        }
        Ok(these.exec(self.db).await?.rows_affected)
    }

    /// Gives a user an API key in place of the one before.
    pub async fn put_api_key(&self, user: &UserKey, new: &NewApiKey) -> Result<()> {
        use api_key::Column::{CreatedAt, LastUsedAt, Prefix, TokenHash};
        let row = api_key::ActiveModel {
            tenant_id: ActiveValue::Set(self.tenant.0),
            user: ActiveValue::Set(user.to_string()),
            token_hash: ActiveValue::Set(new.token.to_vec()),
            prefix: ActiveValue::Set(new.prefix.clone()),
            created_at: ActiveValue::Set(new.created_at.0),
            last_used_at: ActiveValue::Set(None),
        };
        let mut before = OnConflict::columns([api_key::Column::TenantId, api_key::Column::User]);
        before.update_columns([TokenHash, Prefix, CreatedAt, LastUsedAt]);
        api_key::Entity::insert(row).on_conflict(before).exec_without_returning(self.db).await?;
        Ok(())
    }

    /// Removes a user's API key; gives whether there was one.
    pub async fn remove_api_key(&self, user: &UserKey) -> Result<bool> {
        let these = api_key::Entity::delete_many().filter(api_key::Column::TenantId.eq(self.tenant.0));
        Ok(these.filter(api_key::Column::User.eq(user.as_str())).exec(self.db).await?.rows_affected > 0)
    }
}
