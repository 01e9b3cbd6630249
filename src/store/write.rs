//! Writing rows in batches: what is gone and what is put, one statement for many rows.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, IntoActiveModel, Iterable, ModelTrait,
    PrimaryKeyToColumn, QueryFilter,
};

use super::db::Transaction;
use crate::error::Result;

/// The most rows that one statement writes. `SQLite` and `PostgreSQL` bound the values of one.
const BATCH: usize = 500;
/// The most rows that one statement deletes: `SQLite` bounds the depth of an expression.
const DELETE_BATCH: usize = 200;

/// Differences in one table: the rows that go, and those that are new or changed.
#[derive(Debug)]
pub(super) struct Rows<E: EntityTrait> {
    gone: Vec<E::Model>,
    put: Vec<E::Model>,
}

impl<E: EntityTrait> Default for Rows<E> {
    fn default() -> Self {
        Self { gone: Vec::new(), put: Vec::new() }
    }
}

impl<E: EntityTrait> Rows<E>
where
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    /// Takes what differs between two sets; `row` makes the row of an element.
    pub(super) fn set<T: Ord>(&mut self, before: &BTreeSet<T>, after: &BTreeSet<T>, row: impl Fn(&T) -> E::Model) {
        self.gone.extend(before.difference(after).map(&row));
        self.put.extend(after.difference(before).map(&row));
    }

    /// Takes what differs between two maps; `row` makes the row of an entry.
    pub(super) fn map<K: Ord, V: PartialEq>(
        &mut self,
        before: &BTreeMap<K, V>,
        after: &BTreeMap<K, V>,
        row: impl Fn(&K, &V) -> E::Model,
    ) {
        self.gone.extend(before.iter().filter(|(key, _)| !after.contains_key(key)).map(|(key, value)| row(key, value)));
        self.put.extend(
            after.iter().filter(|(key, value)| before.get(key) != Some(value)).map(|(key, value)| row(key, value)),
        );
    }

    /// Takes what differs under one key; `row` makes the row.
    pub(super) fn one<V>(&mut self, was: Option<&V>, is: Option<&V>, row: impl Fn(&V) -> E::Model) {
        match (was, is) {
            (_, Some(is)) => self.put.push(row(is)),
            (Some(was), None) => self.gone.push(row(was)),
            (None, None) => {}
        }
    }

    /// Deletes the rows that are gone.
    pub(super) async fn delete(&self, db: &Transaction) -> Result<()> {
        for batch in self.gone.chunks(DELETE_BATCH) {
            let these = batch.iter().fold(Condition::any(), |any, row| any.add(identity::<E>(row)));
            E::delete_many().filter(these).exec(db).await?;
        }
        Ok(())
    }

    /// Writes the rows that are new or changed.
    pub(super) async fn put(&mut self, db: &Transaction) -> Result<()> {
        let keys: Vec<E::Column> = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
        let is_key = |column: &E::Column| keys.iter().any(|key| key.as_str() == column.as_str());
        let others: Vec<E::Column> = E::Column::iter().filter(|column| !is_key(column)).collect();
        let mut conflict = OnConflict::columns(keys.iter().copied());
        if others.is_empty() {
            conflict.do_nothing();
        } else {
            conflict.update_columns(others);
        }
        let count = self.put.len();
        let mut rows = std::mem::take(&mut self.put).into_iter().peekable();
        while rows.peek().is_some() {
            let batch: Vec<E::Model> = rows.by_ref().take(BATCH).collect();
            E::insert_many(batch.into_iter().map(IntoActiveModel::into_active_model))
                .on_conflict(conflict.clone())
                .exec_without_returning(db)
                .await?;
        }
        plan_anew(db, count).await
    }
}

/// Returns the condition for the row itself, by its primary key, of which the tenant is a part.
fn identity<E: EntityTrait>(row: &E::Model) -> Condition {
    E::PrimaryKey::iter()
        .map(PrimaryKeyToColumn::into_column)
        .fold(Condition::all(), |all, column: E::Column| all.add(column.eq(row.get(column))))
}

/// Inserts new rows.
pub(super) async fn insert<A>(db: &Transaction, rows: Vec<A>) -> Result<()>
where
    A: sea_orm::ActiveModelTrait + Send,
{
    let count = rows.len();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let batch: Vec<A> = rows.by_ref().take(BATCH).collect();
        A::Entity::insert_many(batch).exec_without_returning(db).await?;
    }
    plan_anew(db, count).await
}

/// Discards the plans of `PostgreSQL` after many rows came into a table. It plans the checks of references to it once
/// for each connection: planned while it was nearly empty, each check reads all of it.
async fn plan_anew(db: &Transaction, rows: usize) -> Result<()> {
    if rows > BATCH && db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared("DISCARD PLANS").await?;
    }
    Ok(())
}
