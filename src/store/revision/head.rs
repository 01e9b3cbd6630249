//! Revisions as people look at them: who made each, when and why. What one changed can be as much as the
//! whole policy, so the lists count it, and its text is read apart.

use sea_orm::sea_query::{Expr, Func, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, ExprTrait, Iterable, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::domain::name::Timestamp;
use crate::error::{Error, Result};
use crate::policy::diff::RuleDiff;
use crate::policy::rule::Rule;
use crate::store::audit::{Actor, actor};
use crate::store::entity::policy::revision;
use crate::store::page::{Keyset, Page, PageOf};
use crate::store::{Scope, find};

/// A revision without what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionHead {
    /// Its number.
    pub revision: u64,
    /// The change that made it.
    pub change_id: Uuid,
    /// The time at which it was made.
    pub at: Timestamp,
    /// The one who made it.
    pub author: Actor,
    /// The reason that was given.
    pub reason: String,
    /// The number of rules that it added.
    pub added: u64,
    /// The number of rules that it removed.
    pub removed: u64,
}

/// The rules that a revision added and removed, as they are stored: reading them takes a while.
#[derive(Debug)]
pub struct StoredDiff {
    /// The number of the revision.
    pub revision: u64,
    added: String,
    removed: String,
}

impl StoredDiff {
    /// Reads the rules.
    pub fn rules(&self) -> Result<RuleDiff> {
        let rules = |text: &str| serde_json::from_str::<Vec<Rule>>(text).map_err(Error::internal);
        Ok(RuleDiff { added: rules(&self.added)?, removed: rules(&self.removed)? })
    }
}

impl Scope {
    /// Reads a page of the log, newest first.
    pub async fn revisions(&self, page: &Page) -> Result<PageOf<RevisionHead>> {
        let newest_first = Keyset::descending([revision::Column::Revision]);
        newest_first.page(&self.db, self.heads(), page).await?.try_map(head_of)
    }

    /// Reads the revisions from `first` on, in order, at most `limit` of them.
    pub async fn revisions_from(&self, first: u64, limit: u64) -> Result<Vec<RevisionHead>> {
        let later = self.heads().filter(revision::Column::Revision.gte(first.cast_signed()));
        let rows = later.order_by_asc(revision::Column::Revision).limit(limit).all(&self.db).await?;
        rows.into_iter().map(head_of).collect()
    }

    /// Reads these revisions, in no order; one that the log does not have is not in the answer.
    pub async fn revisions_by_numbers(&self, numbers: &[u64]) -> Result<Vec<RevisionHead>> {
        let these = revision::Column::Revision.is_in(numbers.iter().map(|number| number.cast_signed()));
        self.heads().filter(these).all(&self.db).await?.into_iter().map(head_of).collect()
    }

    /// Reads what the revisions after `after` did to the rules, in order, at most `limit` of them.
    pub async fn diffs_after(&self, after: u64, limit: u64) -> Result<Vec<StoredDiff>> {
        use revision::Column::{Added, Removed, Revision};
        let later = self.find::<revision::Entity>().filter(Revision.gt(after.cast_signed())).select_only();
        let texts = later
            .column(Revision)
            .column_as(Expr::col(Added).cast_as("TEXT"), "added")
            .column_as(Expr::col(Removed).cast_as("TEXT"), "removed");
        let rows: Vec<(i64, String, String)> =
            texts.order_by_asc(Revision).limit(limit).into_tuple().all(&self.db).await?;
        let diff =
            |(revision, added, removed): (i64, _, _)| StoredDiff { revision: revision.cast_unsigned(), added, removed };
        Ok(rows.into_iter().map(diff).collect())
    }

    /// Returns a query for revisions in which the number of rules stands for the rules themselves.
    fn heads(&self) -> Select<revision::Entity> {
        use revision::Column::{Added, Checkpoint, Patch, Removed};
        let backend = self.db.get_database_backend();
        let left_out = |column: &revision::Column| matches!(column, Added | Removed | Patch | Checkpoint);
        find::<revision::Entity>(self.tenant)
            .select_only()
            .columns(revision::Column::iter().filter(|column| !left_out(column)))
            .expr_as(length(backend, Added), "added")
            .expr_as(length(backend, Removed), "removed")
            .expr_as(Expr::val(serde_json::json!({})), "patch")
            .expr_as(Expr::cust("NULL"), "checkpoint")
    }
}

/// Returns the expression for the number of elements of a JSON array, as JSON.
fn length(backend: DbBackend, column: revision::Column) -> SimpleExpr {
    let of = |name: &'static str| Func::cust(name).arg(Expr::col(column));
    match backend {
        DbBackend::Sqlite => Expr::expr(of("json_array_length")).cast_as("TEXT"),
        _ => Func::cust("to_jsonb").arg(of("jsonb_array_length")).into(),
    }
}

fn head_of(row: revision::Model) -> Result<RevisionHead> {
    let count = |json: &serde_json::Value| json.as_u64().ok_or_else(|| Error::internal("a list without a length"));
    Ok(RevisionHead {
        revision: row.revision.cast_unsigned(),
        change_id: row.change_id,
        at: Timestamp(row.at),
        author: actor(&row.actor_kind, row.actor_key, row.actor_name)?,
        reason: row.reason,
        added: count(&row.added)?,
        removed: count(&row.removed)?,
    })
}
