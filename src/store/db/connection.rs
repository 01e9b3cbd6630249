//! A connection of either database, and the pool that it is from.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgPool, Postgres, Sqlite, SqlitePool, query_with};
use sea_orm::{DbBackend, ExecResult, QueryResult, SqlxError, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::time::timeout;

/// The pool.
#[derive(Debug)]
pub(super) enum Pool {
    /// Pool of `PostgreSQL`.
    Postgres(PgPool),
    /// Pool of `SQLite`.
    Sqlite(SqlitePool),
}

impl Pool {
    pub(super) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    pub(super) async fn acquire(&self) -> Result<Connection, SqlxError> {
        match self {
            Self::Postgres(pool) => pool.acquire().await.map(Connection::Postgres),
            Self::Sqlite(pool) => pool.acquire().await.map(Connection::Sqlite),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Connection {
    /// Connection to `PostgreSQL`.
    Postgres(PoolConnection<Postgres>),
    /// Connection to `SQLite`.
    Sqlite(PoolConnection<Sqlite>),
}

impl Connection {
    /// Runs a text of statements without values.
    pub(super) async fn run(&mut self, sql: &str) -> Result<ExecResult, SqlxError> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(connection) => connection.execute(sql).await.map(Into::into),
            Self::Sqlite(connection) => connection.execute(sql).await.map(Into::into),
        }
    }

    /// Runs a statement that gives no rows.
    pub(super) async fn execute(&mut self, statement: &Statement, by_name: bool) -> Result<ExecResult, SqlxError> {
        let (sql, values) = parts(statement);
        match self {
            Self::Postgres(connection) => {
                let query = query_with(sql, values).persistent(by_name);
                query.execute(&mut **connection).await.map(Into::into)
            }
            Self::Sqlite(connection) => query_with(sql, values).execute(&mut **connection).await.map(Into::into),
        }
    }

    /// Returns the rows that a statement gives, none of which may let itself be waited for longer than `wait`.
    pub(super) async fn rows(
        &mut self,
        statement: &Statement,
        by_name: bool,
        wait: Duration,
    ) -> Result<Vec<QueryResult>, SqlxError> {
        let (sql, values) = parts(statement);
        let mut found = Vec::new();
        match self {
            Self::Postgres(connection) => {
                let mut rows = query_with(sql, values).persistent(by_name).fetch(&mut **connection);
                while let Some(row) = timeout(wait, rows.try_next()).await.map_err(|_| late())?? {
                    found.push(row.into());
                }
            }
            Self::Sqlite(connection) => {
                let mut rows = query_with(sql, values).fetch(&mut **connection);
                while let Some(row) = timeout(wait, rows.try_next()).await.map_err(|_| late())?? {
                    found.push(row.into());
                }
            }
        }
        Ok(found)
    }

    pub(super) async fn ping(&mut self) -> Result<(), SqlxError> {
        match self {
            Self::Postgres(connection) => connection.ping().await,
            Self::Sqlite(connection) => connection.ping().await,
        }
    }

    /// Gives it back to the pool, once it has answered that it is well.
    pub(super) async fn give_back(mut self) {
        match &mut self {
            Self::Postgres(connection) => connection.return_to_pool().await,
            Self::Sqlite(connection) => connection.return_to_pool().await,
        }
    }

    /// Closes it without a word.
    pub(super) fn close(self) {
        match self {
            Self::Postgres(connection) => drop(connection.detach()),
            Self::Sqlite(connection) => drop(connection.detach()),
        }
    }
}

fn parts(statement: &Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    let values = statement.values.clone().unwrap_or(sea_orm::Values(Vec::new()));
    (AssertSqlSafe(statement.sql.clone()), SqlxValues(values))
}

/// Returns the error for an answer that did not come in time.
pub(super) fn late() -> SqlxError {
    let words = "the database did not answer in time";
    SqlxError::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, words))
}
