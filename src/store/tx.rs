//! A tenant's unit of work.
//!
//! Its first statement takes the tenant's row, so that the changes of one tenant are ordered:
//! what is read after it is what holds until the commit. Dropped without a commit, it leaves nothing.
//! A [`View`] reads the same and takes nothing: a change is tried with it.

use std::collections::BTreeSet;
use std::ops::Deref;

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, Iterable};
use uuid::Uuid;

use super::audit::AuditEvent;
use super::audit::chain::{ChainHead, append, place_waiting};
use super::credential::{Credentials, take_steps};
use super::db::{Permit, Transaction};
use super::entity::tenant::tenant;
use super::error::is_connection_lost;
use super::tenant::{TenantRow, find_row};
use super::{Store, begin_reading, state};
use crate::domain::key::TenantId;
use crate::domain::tenant::TenantState;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::revision::{Counters, Steps};

/// Reason for which a commit was not confirmed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Nothing of the change is stored.
    #[error("{0}")]
    Refused(Error),
    /// The answer was lost: the change may be stored or not. `Store::change_committed` tells.
    #[error("{0}")]
    Unknown(Error),
}

/// One tenant as it is at one moment.
#[derive(Debug)]
pub struct View {
    pub(super) db: Transaction,
    pub(super) tenant: TenantRow,
    /// The turn to look, of one that is no part of a change.
    _turn: Option<Permit>,
}

/// A transaction on one tenant, which it has taken: no other transaction changes that tenant meanwhile. It is a view
/// of what it has written as well.
#[derive(Debug)]
#[must_use = "a transaction that is not committed leaves nothing"]
pub struct Tx {
    view: View,
    /// The tenant's counters when it was taken.
    taken_at: Counters,
    /// `true` if the chain of audit events has grown since the tenant's row was written.
    is_audited: bool,
    /// The extensions in use, read once it is asked for the next free one.
    pub(super) extensions: Option<BTreeSet<u64>>,
}

impl Store {
    /// Begins a change of a tenant, once no other is under way; `None` when there is no such tenant. Refused when a
    /// newer program has compiled the tenant's rules.
    pub async fn begin(&self, tenant: TenantId) -> Result<Option<Tx>> {
        let db = self.begin_writing(tenant).await?;
        let Some(row) = update_tenant(&db, tenant, &[]).await? else { return Ok(None) };
        let mut tx = Tx::of(View::of(db, TenantRow::of(&row)?, None)?);
        tx.settle().await?;
        Ok(Some(tx))
    }

    /// Looks at a tenant as it is now, without taking it; `None` when there is no such tenant.
    /// Refused where a change would be.
    pub async fn view(&self, tenant: TenantId) -> Result<Option<View>> {
        let turn = self.looker(tenant).await?;
        let db = begin_reading(&self.db).await?;
        let Some(row) = find_row(&db, tenant).await? else { return Ok(None) };
        View::of(db, row, Some(turn)).map(Some)
    }

    /// Makes a tenant, and goes on as any other change of it does. Its key must be free.
    pub async fn begin_new(&self, tenant: TenantRow) -> Result<Tx> {
        let db = self.begin_writing(tenant.id).await?;
        let row = tenant.clone().into_model();
        tenant::Entity::insert(row.into_active_model()).exec_without_returning(&db).await.map_err(|error| {
            let error = Error::from(error);
            if error.code != ErrorCode::AlreadyExists {
                return error;
            }
            Error::new(ErrorCode::AlreadyExists, format!("the tenant key `{}` is taken", tenant.key)).at("key")
        })?;
        Ok(Tx::of(View { db, tenant, _turn: None }))
    }
}

impl Deref for Tx {
    type Target = View;
    fn deref(&self) -> &View {
        &self.view
    }
}

impl View {
    fn of(db: Transaction, tenant: TenantRow, turn: Option<Permit>) -> Result<Self> {
        if tenant.compiler_version > COMPILER_VERSION {
            return Err(Error::unavailable("a newer version of the program has written here: upgrade this instance"));
        }
        Ok(Self { db, tenant, _turn: turn })
    }

    /// Returns the tenant's row as it was found or taken, with what this transaction has changed in its counters.
    pub const fn tenant(&self) -> &TenantRow {
        &self.tenant
    }

    /// Returns the tenant's counters.
    pub const fn counters(&self) -> Counters {
        self.tenant.counters
    }

    /// Returns the tenant's whole state, in a fixed number of queries.
    pub async fn state(&self) -> Result<TenantState> {
        state::load(&self.db, &self.tenant).await
    }
}

impl Tx {
    fn of(view: View) -> Self {
        Self { taken_at: view.counters(), view, is_audited: false, extensions: None }
    }

    /// Does what waits for the tenant to be taken: counts the steps of its credential epoch, and gives the
    /// events that wait their places at the end of the chain.
    async fn settle(&mut self) -> Result<()> {
        let head = place_waiting(&self.db, &self.tenant).await?;
        self.is_audited = head != self.tenant.audit;
        self.view.tenant.audit = head;
        let steps = take_steps(&self.db, self.tenant.id).await?;
        if steps != Steps::default() {
            let Counters { credential_epoch, credential_change, .. } = self.counters().after(steps);
            let epoch = || Expr::val(credential_epoch.cast_signed());
            let counted = vec![
                (tenant::Column::CredentialEpoch, epoch()),
                (tenant::Column::CredentialChangeAt, epoch()),
                (tenant::Column::CredentialChange, Expr::val(credential_change)),
            ];
            self.step(Uuid::nil(), false, false, counted).await?;
        }
        self.taken_at = self.counters();
        Ok(())
    }

    /// Returns the credentials of the tenant's users.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials { db: &self.db, tenant: self.tenant.id }
    }

    /// Returns the tenant's counters when it was taken.
    pub const fn taken_at(&self) -> Counters {
        self.taken_at
    }

    /// Counts the counters that the change moves up by one, and answers where they are now. Each is named
    /// by the change.
    pub async fn bump(&mut self, change: Uuid, revision: bool, credential_epoch: bool) -> Result<Counters> {
        self.step(change, revision, credential_epoch, Vec::new()).await
    }

    /// Moves the counters as [`Self::bump`] does for a change of the tenant's state, and stores the change's id. All
    /// of the tenant's rules are then those of this program's compiler.
    pub async fn conclude(&mut self, change: Uuid, revision: bool, credential_epoch: bool) -> Result<Counters> {
        let compiled = (tenant::Column::CompilerVersion, Expr::val(COMPILER_VERSION));
        let left = vec![(tenant::Column::LastChange, Expr::val(change)), compiled];
        self.step(change, revision, credential_epoch, left).await
    }

    async fn step(
        &mut self,
        change: Uuid,
        revision: bool,
        credential_epoch: bool,
        mut steps: Vec<(tenant::Column, Expr)>,
    ) -> Result<Counters> {
        use tenant::Column::{
            CredentialChange, CredentialChangeAt, CredentialEpoch, PolicyChange, PolicyChangeAt, Revision,
        };
        let mut moved = |number: tenant::Column, named: tenant::Column, at: tenant::Column| {
            let next = || Expr::col(number).add(1);
            steps.extend([(number, next()), (at, next()), (named, Expr::val(change))]);
        };
        if revision {
            moved(Revision, PolicyChange, PolicyChangeAt);
        }
        if credential_epoch {
            moved(CredentialEpoch, CredentialChange, CredentialChangeAt);
        }
        if self.is_audited {
            steps.extend(chained(&self.tenant.audit));
        }
        let gone = || Error::internal("a tenant's row went while it was taken");
        self.view.tenant = TenantRow::of(&update_tenant(&self.db, self.tenant.id, &steps).await?.ok_or_else(gone)?)?;
        self.is_audited = false;
        Ok(self.counters())
    }

    /// Puts an event at the end of the tenant's chain. What the tenant's row says of it is written
    /// with the next counters that are, or else with the commit.
    pub async fn audit(&mut self, event: &AuditEvent) -> Result<()> {
        self.view.tenant.audit = append(&self.db, &self.tenant, event).await?;
        self.is_audited = true;
        Ok(())
    }

    /// Puts an event at the end of another tenant's chain: an operator's own, which learns that the
    /// operator was here. It is taken after this one, and nobody takes the two the other way round.
    pub async fn audit_in(&mut self, tenant: TenantId, event: &AuditEvent) -> Result<()> {
        if tenant == self.tenant.id {
            return self.audit(event).await;
        }
        let gone = || Error::internal("the tenant of an operator is gone");
        let mut row = TenantRow::of(&update_tenant(&self.db, tenant, &[]).await?.ok_or_else(gone)?)?;
        row.audit = place_waiting(&self.db, &row).await?;
        let head = append(&self.db, &row, event).await?;
        update_tenant(&self.db, tenant, &chained(&head)).await?.ok_or_else(gone).map(drop)
    }

    /// Commits. Of all that can go wrong, a lost answer is told apart: then the change may be
    /// stored, and [`Store::change_committed`] knows.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        if self.is_audited {
            self.step(Uuid::nil(), false, false, Vec::new()).await.map_err(CommitError::Refused)?;
        }
        self.view.db.commit().await.map_err(CommitError::from)
    }
}

impl From<DbErr> for CommitError {
    fn from(error: DbErr) -> Self {
        if is_connection_lost(&error) { Self::Unknown(error.into()) } else { Self::Refused(error.into()) }
    }
}

/// Returns the assignments that put the head of the chain into the tenant's row.
fn chained(head: &ChainHead) -> [(tenant::Column, Expr); 2] {
    [
        (tenant::Column::AuditCount, Expr::val(head.count.cast_signed())),
        (tenant::Column::AuditDigest, Expr::val(head.digest.to_vec())),
    ]
}

/// Writes these columns of the tenant's row, and takes the row by that: with none, it writes the
/// revision that is there already.
async fn update_tenant(
    db: &Transaction,
    id: TenantId,
    steps: &[(tenant::Column, Expr)],
) -> Result<Option<tenant::Model>> {
    let mut update = Query::update();
    // By name: a statement that gives all columns breaks for as long as it is prepared once a newer version
    // adds one.
    let columns = Query::returning().columns(tenant::Column::iter());
    update.table(tenant::Entity).and_where(Expr::col(tenant::Column::Id).eq(id.0)).returning(columns);
    if steps.is_empty() {
        update.value(tenant::Column::Revision, Expr::col(tenant::Column::Revision));
    }
    update.values(steps.iter().cloned());
    match db.query_one(&update).await? {
        Some(row) => Ok(Some(tenant::Model::from_query_result(&row, "")?)),
        None => Ok(None),
    }
}
