//! The way to the database: a pool of connections, on which nothing goes on without a time limit.
//!
//! All reads and writes come through [`Db`] and [`Transaction`], so that no statement can forget its
//! limit. A connection whose statement was cut short is closed and never given to anybody else: its
//! answer may still be on the way.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, SqlxError, SqlxPostgresConnector, SqlxSqliteConnector,
    Statement,
};
use tokio::time::timeout;

mod connection;
mod held;
mod limits;
mod open;
mod outage;
mod transaction;

pub use limits::Limits;
pub(super) use transaction::Transaction;

use super::error::is_stale;
use crate::domain::key::TenantId;
use crate::turns::Turn;
use connection::Pool;
use held::Held;
use outage::Outage;

/// The right to write, which goes with the transaction that it is for.
pub(super) type Permit = Turn<TenantId>;

/// The database. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct Db(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: Pool,
    limits: Limits,
    outage: Outage,
}

/// Purpose of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reads, all of one moment.
    Reading,
    /// Writes as well.
    Writing,
}

impl Db {
    /// Opens the database at `url`.
    pub(super) async fn open(url: &str, limits: Limits) -> Result<Self, DbErr> {
        let pool = open::open(url, &limits).await?;
        Ok(Self(Arc::new(Shared { pool, limits, outage: Outage::default() })))
    }

    /// Begins a transaction. A connection that has died while it was idle is found out here, before anything was
    /// asked of it: then another one is tried.
    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, DbErr> {
        let mut attempts = self.0.limits.connections;
        loop {
            let mut held = self.acquire().await?;
            // In a place of its own: nearly every use case holds this future.
            let begun = Box::pin(held.begin(&self.0.limits, purpose)).await;
            match self.note(begun.map_err(query_error)) {
                Ok(()) => return Ok(Transaction::new(self.clone(), held, purpose)),
                Err(error) if is_stale(&error) && attempts > 0 => attempts -= 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns this pool in the form that the migrations need; they set their own limits.
    pub(super) fn for_migrations(&self) -> sea_orm::DatabaseConnection {
        match &self.0.pool {
            Pool::Postgres(pool) => SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()),
            Pool::Sqlite(pool) => SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone()),
        }
    }

    /// Returns `true` if connections may be of a pooler: nothing is prepared by name, and nothing set for longer than
    /// a transaction.
    pub(super) fn is_pooled(&self) -> bool {
        self.0.limits.is_pooled() && self.0.pool.backend() == DbBackend::Postgres
    }

    /// Asks the database for an answer.
    pub(super) async fn ping(&self) -> Result<(), DbErr> {
        let mut held = self.acquire().await?;
        let answered = held.ping().await;
        self.note(answered.map_err(query_error))
    }

    /// Closes all connections; gives whether that came to its end within `limit`.
    pub(super) async fn close(&self, limit: Duration) -> bool {
        timeout(limit, self.0.pool.close()).await.is_ok()
    }

    async fn acquire(&self) -> Result<Held, DbErr> {
        let acquired = Box::pin(self.0.pool.acquire()).await.map_err(connection_error);
        let connection = self.note_failure(acquired)?;
        Ok(Held::new(connection, &self.0.limits))
    }

    /// Notes how the database fares, so that the log says once that it went and once that it is back.
    fn note<T>(&self, outcome: Result<T, DbErr>) -> Result<T, DbErr> {
        if outcome.is_ok() {
            self.0.outage.answered();
        }
        self.note_failure(outcome)
    }

    fn note_failure<T>(&self, outcome: Result<T, DbErr>) -> Result<T, DbErr> {
        outcome.inspect_err(|error| self.0.outage.failed(error))
    }

    /// Runs one statement that reads. It can be asked again where the connection had died.
    async fn read(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if self.is_pooled() {
            let tx = self.begin(Purpose::Reading).await?;
            let rows = tx.query_all_raw(statement).await?;
            return tx.commit().await.map(|()| rows);
        }
        let mut attempts = self.0.limits.connections;
        loop {
            let mut held = self.acquire().await?;
            let rows = held.rows(&statement, self.0.limits.patience()).await;
            match self.note(rows.map_err(query_error)) {
                Err(error) if is_stale(&error) && is_read(&statement) && attempts > 0 => attempts -= 1,
                outcome => return outcome,
            }
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Db {
    fn get_database_backend(&self) -> DbBackend {
        self.0.pool.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        if self.is_pooled() {
            let tx = self.begin(Purpose::Writing).await?;
            let done = tx.execute_raw(statement).await?;
            return tx.commit().await.map(|()| done);
        }
        let mut held = self.acquire().await?;
        let done = held.execute(&statement).await;
        self.note(done.map_err(exec_error))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let tx = self.begin(Purpose::Writing).await?;
        let done = tx.execute_unprepared(sql).await?;
        tx.commit().await.map(|()| done)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.read(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.read(statement).await
    }
}

/// Returns `true` if a statement only reads, so that it can be sent twice.
fn is_read(statement: &Statement) -> bool {
    statement.sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

fn query_error(error: SqlxError) -> DbErr {
    DbErr::Query(sea_orm::RuntimeErr::SqlxError(Arc::new(error)))
}

fn exec_error(error: SqlxError) -> DbErr {
    DbErr::Exec(sea_orm::RuntimeErr::SqlxError(Arc::new(error)))
}

fn connection_error(error: SqlxError) -> DbErr {
    match error {
        SqlxError::PoolTimedOut => DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout),
        SqlxError::PoolClosed => DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(sea_orm::RuntimeErr::SqlxError(Arc::new(error))),
    }
}
