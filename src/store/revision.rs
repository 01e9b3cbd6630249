//! The log of revisions: what each changed, who made it, and why.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, Func, Order, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, FromQueryResult,
    IdenStatic, IntoActiveModel, Iterable, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use super::audit::{Actor, actor};
use super::entity::policy::revision;
use super::entity::tenant::tenant;
use super::tenant::{CountersRow, select_counters};
use super::{Scope, Store, Tx, View, find};
use crate::domain::key::TenantId;
use crate::domain::name::Timestamp;
use crate::domain::tenant::TenantState;
use crate::error::{Error, Result};
use crate::policy::diff::{RuleDiff, StatePatch};
use crate::policy::revision::Counters;
use crate::policy::rule::Rule;

mod head;

pub use head::{RevisionHead, StoredDiff};

/// One revision of a tenant's policy.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionEntry {
    /// Its number.
    pub revision: u64,
    /// The change that made it. Its audit event carries the same id.
    pub change_id: Uuid,
    /// Time at which the revision was made.
    pub at: Timestamp,
    /// Author of the revision.
    pub author: Actor,
    /// Reason for the revision.
    pub reason: String,
    /// Changes to the rules.
    pub rules: RuleDiff,
    /// Changes to the tenant's state.
    pub patch: StatePatch,
    /// The hex digest of the Casbin model.
    pub model_hash: String,
    /// The hex digest of the catalogue.
    pub catalogue_hash: String,
    /// The compiler's version.
    pub compiler_version: i32,
}

/// Effect of a revision on the tenant's state, and the compiler that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Number of the revision.
    pub revision: u64,
    /// Changes to the state by the revision, and by later changes that made no revision of their own.
    pub patch: StatePatch,
    /// The hex digest of the catalogue.
    pub catalogue_hash: String,
    /// The compiler's version.
    pub compiler_version: i32,
}

/// Revisions without their checkpoints, which are as large as the tenant.
fn light(tenant: TenantId) -> Select<revision::Entity> {
    let columns = revision::Column::iter().filter(|column| !matches!(column, revision::Column::Checkpoint));
    find::<revision::Entity>(tenant).select_only().columns(columns).expr_as(Expr::cust("NULL"), "checkpoint")
}

/// Prefix of the names of the log's columns in [`Store::counters_and_log`].
const LOG: &str = "log_";

/// Column of [`Store::counters_and_log`] with the change of the revision that it begins after.
const AT: &str = "at_change";

/// Counters of a tenant, and its revisions from a given one on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ahead {
    /// The counters.
    pub counters: Counters,
    /// The change that made the revision from which on it was asked; `None` when the log does not have it.
    pub from: Option<Uuid>,
    /// The revisions after that one, in order.
    pub log: Vec<RevisionEntry>,
}

/// Returns a query for the change that made a revision.
fn change_at(id: TenantId, revision: u64) -> SelectStatement {
    Query::select()
        .column((revision::Entity, revision::Column::ChangeId))
        .from(revision::Entity)
        .and_where(Expr::col((revision::Entity, revision::Column::TenantId)).eq(id.0))
        .and_where(Expr::col((revision::Entity, revision::Column::Revision)).eq(revision.cast_signed()))
        .take()
}

/// Returns a query for a tenant's row, once for each of its revisions after `after`, and once when there is none.
fn newest_and_log(id: TenantId, after: u64, limit: u64) -> SelectStatement {
    let of_log = |column: revision::Column| Expr::col((revision::Entity, column));
    let missing = of_log(revision::Column::TenantId)
        .equals((tenant::Entity, tenant::Column::Id))
        .and(of_log(revision::Column::Revision).gt(after.cast_signed()));
    let mut query = Query::select();
    select_counters(&mut query);
    query
        .expr_as(change_at(id, after), AT)
        .from(tenant::Entity)
        .left_join(revision::Entity, missing)
        .and_where(Expr::col((tenant::Entity, tenant::Column::Id)).eq(id.0))
        .order_by((revision::Entity, revision::Column::Revision), Order::Asc)
        .limit(limit);
    for column in revision::Column::iter() {
        let name = format!("{LOG}{}", column.as_str());
        // A checkpoint is as large as the tenant, and nobody asks for it here.
        let value = if matches!(column, revision::Column::Checkpoint) { Expr::cust("NULL") } else { of_log(column) };
        query.expr_as(value, name);
    }
    query
}

impl Store {
    /// Returns a tenant's counters, the change that made the revision `after`, and the revisions after it, in order
    /// and at most `limit` of them, as of one moment; `None` when there is no such tenant. One statement, because the
    /// news of a change are on every instance only as fast as this.
    pub async fn counters_and_log(&self, tenant: TenantId, after: u64, limit: u64) -> Result<Option<Ahead>> {
        let rows = self.db.query_all(&newest_and_log(tenant, after, limit)).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let counters = CountersRow::from_query_result(first, "")?.counters();
        let from = first.try_get("", AT)?;
        let mut log = Vec::with_capacity(rows.len());
        for row in &rows {
            let is_there: Option<i64> = row.try_get(LOG, revision::Column::Revision.as_str())?;
            if is_there.is_some() {
                log.push(entry_of(revision::Model::from_query_result(row, LOG)?)?);
            }
        }
        Ok(Some(Ahead { counters, from, log }))
    }

    /// Returns the revisions of a tenant after `after`, in order, at most `limit` of them.
    pub async fn revisions_since(&self, tenant: TenantId, after: u64, limit: u64) -> Result<Vec<RevisionEntry>> {
        let rows = light(tenant)
            .filter(revision::Column::Revision.gt(after.cast_signed()))
            .order_by_asc(revision::Column::Revision)
            .limit(limit)
            .all(&self.db)
            .await?;
        rows.into_iter().map(entry_of).collect()
    }

    /// Shortens the logs of all tenants: each begins then with the newest revision that holds the whole
    /// state, is of `before` or earlier, and has none before it that is not. Gives how many revisions went.
    ///
    /// Each statement ends at such a revision, so that a log leads to the state of each of its
    /// revisions also when this is broken off.
    pub async fn compact_revisions(&self, before: Timestamp) -> Result<u64> {
        use revision::Column::{At, Checkpoint, Revision, TenantId};
        let whole: Vec<(Uuid, i64)> = revision::Entity::find()
            .select_only()
            .columns([TenantId, Revision])
            .filter(Checkpoint.is_not_null())
            .filter(At.lte(before.0))
            .order_by_asc(TenantId)
            .order_by_asc(Revision)
            .into_tuple()
            .all(&self.db)
            .await?;
        let mut gone = 0;
        for log in whole.chunk_by(|(one, _), (next, _)| one == next) {
            // What is before the first of them is gone already.
            let [(tenant, _), ends @ ..] = log else { continue };
            if ends.is_empty() {
                continue;
            }
            // The clock of some instance may have been wrong.
            let young = revision::Entity::find()
                .select_only()
                .column(Revision)
                .filter(TenantId.eq(*tenant))
                .filter(At.gt(before.0))
                .order_by_asc(Revision);
            let young: Option<i64> = young.into_tuple().one(&self.db).await?;
            for (tenant, first) in ends.iter().take_while(|(_, first)| young.is_none_or(|young| *first < young)) {
                let _permit = self.writer(crate::domain::key::TenantId(*tenant)).await?;
                let old = revision::Entity::delete_many().filter(TenantId.eq(*tenant)).filter(Revision.lt(*first));
                gone += old.exec(&self.db).await?.rows_affected;
            }
        }
        Ok(gone)
    }
}

impl Scope {
    /// Counts the revisions in the log.
    pub async fn revisions_count(&self) -> Result<u64> {
        Ok(self.find::<revision::Entity>().count(&self.db).await?)
    }

    /// Returns one revision.
    pub async fn revision(&self, number: u64) -> Result<Option<RevisionEntry>> {
        let found = light(self.tenant).filter(revision::Column::Revision.eq(number.cast_signed()));
        found.one(&self.db).await?.map(entry_of).transpose()
    }

    /// Returns for each of these rules the last revision, `until` or before, that brought it; a rule that no revision
    /// of the log brought is not in the answer.
    pub async fn brought_by(&self, rules: &[Rule], until: u64) -> Result<HashMap<Rule, u64>> {
        const LINES: &str = "lines";
        let elements = match self.db.get_database_backend() {
            DbBackend::Sqlite => "json_each",
            _ => "jsonb_array_elements",
        };
        let added = Func::cust(elements).arg(Expr::col((revision::Entity, revision::Column::Added)));
        let sought = Func::cust(elements).arg(Expr::val(json(rules)?));
        let sought = Query::select().column("value").from_function(sought, "sought").take();
        // Both functions give the elements, in a column of this name and in one form.
        let line = || Expr::col((LINES, "value"));
        let mut query = Query::select();
        query
            .expr_as(line().cast_as("TEXT"), "line")
            .expr_as(Expr::col(revision::Column::Revision).max(), "last")
            .from(revision::Entity)
            .from_function(added, LINES)
            .and_where(Expr::col(revision::Column::TenantId).eq(self.tenant.0))
            .and_where(Expr::col(revision::Column::Revision).lte(until.cast_signed()))
            .and_where(line().in_subquery(sought))
            .add_group_by([line()]);
        let mut found = HashMap::new();
        for row in self.db.query_all(&query).await? {
            let (line, last): (String, i64) = (row.try_get("", "line")?, row.try_get("", "last")?);
            let line = serde_json::from_str(&line).map_err(Error::internal)?;
            found.insert(of_json(line)?, last.cast_unsigned());
        }
        Ok(found)
    }

    /// Returns the change that made a revision; `None` when the log does not have it.
    pub async fn change_of(&self, number: u64) -> Result<Option<Uuid>> {
        let row = self.find::<revision::Entity>().filter(revision::Column::Revision.eq(number.cast_signed()));
        Ok(row.select_only().column(revision::Column::ChangeId).into_tuple().one(&self.db).await?)
    }

    /// Returns the first revision that the log still has; `None` when it has none.
    pub async fn oldest_revision(&self) -> Result<Option<u64>> {
        let first = self.find::<revision::Entity>().order_by_asc(revision::Column::Revision);
        let found: Option<i64> =
            first.select_only().column(revision::Column::Revision).into_tuple().one(&self.db).await?;
        Ok(found.map(i64::cast_unsigned))
    }

    /// Returns the newest state that the log holds whole, at or before `number`, and its revision. The patches of the
    /// revisions after it lead from there to `number`.
    pub async fn checkpoint(&self, number: u64) -> Result<Option<(u64, TenantState)>> {
        let row = self
            .find::<revision::Entity>()
            .filter(revision::Column::Revision.lte(number.cast_signed()))
            .filter(revision::Column::Checkpoint.is_not_null())
            .order_by_desc(revision::Column::Revision)
            .one(&self.db)
            .await?;
        let Some((row, state)) = row.and_then(|mut row| row.checkpoint.take().map(|state| (row, state))) else {
            return Ok(None);
        };
        Ok(Some((row.revision.cast_unsigned(), of_json(state)?)))
    }
}

impl View {
    /// Returns the steps of the tenant's revisions from `first` on, in order, at most `limit` of them.
    pub async fn steps_from(&self, first: u64, limit: u64) -> Result<Vec<Step>> {
        use revision::Column::{CatalogueHash, CompilerVersion, Patch, Revision};
        let from = find::<revision::Entity>(self.tenant.id).filter(Revision.gte(first.cast_signed()));
        let rows: Vec<(i64, serde_json::Value, String, i32)> = from
            .select_only()
            .columns([Revision, Patch, CatalogueHash, CompilerVersion])
            .order_by_asc(Revision)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        let step = |(revision, patch, catalogue_hash, compiler_version): (i64, _, _, _)| {
            Ok(Step { revision: revision.cast_unsigned(), patch: of_json(patch)?, catalogue_hash, compiler_version })
        };
        rows.into_iter().map(step).collect()
    }
}

impl Tx {
    /// Writes a revision into the log; now and then with the tenant's whole state after it, so
    /// that going back is a short way.
    pub async fn log_revision(&mut self, entry: &RevisionEntry, checkpoint: Option<&TenantState>) -> Result<()> {
        let row = revision::Model {
            tenant_id: self.tenant.id.0,
            revision: entry.revision.cast_signed(),
            change_id: entry.change_id,
            at: entry.at.0,
            actor_kind: entry.author.kind.as_ref().to_owned(),
            actor_key: entry.author.key.clone(),
            actor_name: entry.author.name.clone(),
            reason: entry.reason.clone(),
            added: json(&entry.rules.added)?,
            removed: json(&entry.rules.removed)?,
            patch: json(&entry.patch)?,
            checkpoint: checkpoint.map(json).transpose()?,
            model_hash: entry.model_hash.clone(),
            catalogue_hash: entry.catalogue_hash.clone(),
            compiler_version: entry.compiler_version,
        };
        revision::Entity::insert(row.into_active_model()).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// Adds to the newest revision what changed since in the state without altering an answer: a
    /// description, a group's name. So the log leads to the whole state at each revision, as it
    /// was last; and as it was compiled last, under the catalogue of this digest.
    pub async fn amend_revision(
        &mut self,
        patch: &StatePatch,
        after: &TenantState,
        catalogue_hash: &str,
    ) -> Result<()> {
        let newest = find::<revision::Entity>(self.tenant.id)
            .filter(revision::Column::Revision.eq(self.tenant.counters.revision.cast_signed()))
            .one(&self.db)
            .await?;
        let Some(row) = newest else { return Err(Error::internal("a tenant without its newest revision")) };
        let mut whole: StatePatch = of_json(row.patch.clone())?;
        whole.extend(patch);
        let checkpoint = row.checkpoint.is_some().then(|| json(after)).transpose()?;
        let mut row = row.into_active_model();
        row.patch = ActiveValue::Set(json(&whole)?);
        row.catalogue_hash = ActiveValue::Set(catalogue_hash.to_owned());
        if checkpoint.is_some() {
            row.checkpoint = ActiveValue::Set(checkpoint);
        }
        row.update(&self.db).await?;
        Ok(())
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(Error::internal)
}

fn of_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T> {
    serde_json::from_value(value).map_err(Error::internal)
}

fn entry_of(row: revision::Model) -> Result<RevisionEntry> {
    Ok(RevisionEntry {
        revision: row.revision.cast_unsigned(),
        change_id: row.change_id,
        at: Timestamp(row.at),
        author: actor(&row.actor_kind, row.actor_key, row.actor_name)?,
        reason: row.reason,
        rules: RuleDiff { added: of_json(row.added)?, removed: of_json(row.removed)? },
        patch: of_json(row.patch)?,
        model_hash: row.model_hash,
        catalogue_hash: row.catalogue_hash,
        compiler_version: row.compiler_version,
    })
}
