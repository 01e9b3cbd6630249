//! Changes of one user's credentials. Each takes the user, and neither waits for who changes the tenant nor
//! holds them up: its step of the tenant's credential epoch and its audit event wait beside the tenant's row,
//! and whoever takes the row next counts the one there and gives the other its place. All who read the
//! counters count the steps that wait, so that credentials end everywhere with the commit.

use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QuerySelect};

use super::audit::AuditEvent;
use super::audit::chain::wait;
use super::db::{Purpose, Transaction};
use super::entity::session::credential_step;
use super::entity::user::user;
use super::session::{SignInRow, sign_in_of};
use super::tenant::steps_summed;
use super::{CommitError, Store, find, while_busy};
use crate::domain::key::{TenantId, UserKey};
use crate::error::Result;
use crate::policy::revision::Steps;

/// Transaction on one user, whom it has taken: no other transaction changes that user meanwhile, or signs them in.
#[derive(Debug)]
#[must_use = "a transaction that is not committed leaves nothing"]
pub struct UserTx {
    db: Transaction,
    tenant: TenantId,
}

/// The credentials of a tenant's users, inside a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    pub(super) db: &'a Transaction,
    pub(super) tenant: TenantId,
}

impl Store {
    /// Takes a user, to change their credentials; gives what is looked at for that too, as it is until the
    /// commit. `None` when there is no such user.
    pub async fn begin_user(&self, tenant: TenantId, user: &UserKey) -> Result<Option<(UserTx, SignInRow)>> {
        // Not one that keeps those from the row who refer to it.
        let taken = self.take_user(tenant, user, LockType::NoKeyUpdate).await?;
        Ok(taken.map(|(db, row)| (UserTx { db, tenant }, row)))
    }

    /// Takes a user, alone or with others who do the same.
    pub(super) async fn take_user(
        &self,
        tenant: TenantId,
        user: &UserKey,
        lock: LockType,
    ) -> Result<Option<(Transaction, SignInRow)>> {
        let turn = self.greeter(tenant).await?;
        let db = while_busy(|| self.db.begin(Purpose::Writing)).await?.with(turn);
        let mut this = find::<user::Entity>(tenant).filter(user::Column::Key.eq(user.as_str()));
        QuerySelect::query(&mut this).lock(lock);
        let Some(row) = this.one(&db).await? else { return Ok(None) };
        Ok(Some((db, sign_in_of(row)?)))
    }

    /// Notes events in a tenant's audit log, where they wait for their places.
    pub async fn note(&self, tenant: TenantId, events: &[AuditEvent]) -> Result<()> {
        let turn = self.greeter(tenant).await?;
        let db = while_busy(|| self.db.begin(Purpose::Writing)).await?.with(turn);
        for event in events {
            wait(&db, tenant, event).await?;
        }
        Ok(db.commit().await?)
    }
}

impl UserTx {
    /// Returns the credentials of the user.
    pub const fn credentials(&self) -> Credentials<'_> {
        Credentials { db: &self.db, tenant: self.tenant }
    }

    /// Commits a change that voids credentials, with its audit event: all of the tenant's are looked up anew.
    ///
    /// # Errors
    /// See [`Tx::commit`](super::Tx::commit).
    pub async fn commit(self, event: &AuditEvent) -> Result<(), CommitError> {
        self.write_step(event).await.map_err(CommitError::Refused)?;
        self.commit_unnoted().await
    }

    /// Commits a change that voids no credential, and that the audit log says nothing of.
    ///
    /// # Errors
    /// See [`Tx::commit`](super::Tx::commit).
    pub async fn commit_unnoted(self) -> Result<(), CommitError> {
        self.db.commit().await.map_err(CommitError::from)
    }

    async fn write_step(&self, event: &AuditEvent) -> Result<()> {
        wait(&self.db, self.tenant, event).await?;
        let (tenant_id, change_id) = (self.tenant.0, event.change_id);
        let step = credential_step::Model { tenant_id, change_id, mark: Steps::mark(change_id).cast_signed() };
        credential_step::Entity::insert(step.into_active_model()).exec_without_returning(&self.db).await?;
        Ok(())
    }
}

#[derive(FromQueryResult)]
struct Sum {
    count: i64,
    marks: i64,
}

/// Returns the steps of a tenant that wait.
pub(super) async fn waiting_steps<C: ConnectionTrait>(db: &C, tenant: TenantId) -> Result<Steps> {
    let (count, marks) = steps_summed();
    let mut query = Query::select();
    query
        .expr_as(count, "count")
        .expr_as(marks, "marks")
        .from(credential_step::Entity)
        .and_where(Expr::col(credential_step::Column::TenantId).eq(tenant.0));
    let Some(row) = db.query_one(&query).await? else { return Ok(Steps::default()) };
    let Sum { count, marks } = Sum::from_query_result(&row, "")?;
    Ok(Steps { count: count.cast_unsigned(), marks: marks.cast_unsigned() })
}

/// Takes out the steps of a tenant that wait, for its row to count them.
pub(super) async fn take_steps(db: &Transaction, tenant: TenantId) -> Result<Steps> {
    let mut taken = Query::delete();
    taken
        .from_table(credential_step::Entity)
        .and_where(Expr::col(credential_step::Column::TenantId).eq(tenant.0))
        .returning(Query::returning().column(credential_step::Column::Mark));
    let mut steps = Steps::default();
    for row in db.query_all(&taken).await? {
        let mark: i64 = row.try_get("", "mark")?;
        steps = Steps { count: steps.count + 1, marks: steps.marks + mark.cast_unsigned() };
    }
    Ok(steps)
}
