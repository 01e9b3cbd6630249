//! A connection in use, and what becomes of it after.

use std::time::Duration;

use sea_orm::{ExecResult, QueryResult, SqlxError, Statement};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::connection::{Connection, late};
use super::{Limits, Permit, Purpose};
use crate::store::error::is_broken;

/// A connection out of the pool.
#[derive(Debug)]
pub(super) struct Held {
    connection: Option<Connection>,
    state: State,
    by_name: bool,
    patience: Duration,
    /// The right to write, given back when the connection has let go of what it wrote.
    pub(super) permit: Option<Permit>,
}

/// State in which the connection was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction or statement is under way.
    Idle,
    /// A transaction is under way.
    Open,
    /// A statement is under way: its answer has not been waited for yet.
    Asked,
    /// The connection is of no more use.
    Broken,
}

impl Held {
    pub(super) fn new(connection: Connection, limits: &Limits) -> Self {
        let (by_name, patience) = (!limits.is_pooled(), limits.patience());
        Self { connection: Some(connection), state: State::Idle, by_name, patience, permit: None }
    }

    /// Begins a transaction.
    pub(super) async fn begin(&mut self, limits: &Limits, purpose: Purpose) -> Result<(), SqlxError> {
        let (begin, is_postgres) = match &self.connection {
            Some(Connection::Postgres(connection)) => {
                (limits.begin_postgres(purpose, connection.server_version_num()), true)
            }
            _ => (Limits::begin_sqlite(purpose).to_owned(), false),
        };
        let begun = self.run(&begin).await;
        match begun {
            Ok(_) => self.state = State::Open,
            // The transaction may have begun before what failed.
            Err(_) if is_postgres => self.state = State::Broken,
            Err(_) => {}
        }
        begun.map(drop)
    }

    /// Commits. Where that is refused, the transaction goes on, and is rolled back.
    pub(super) async fn commit(&mut self) -> Result<(), SqlxError> {
        self.run("COMMIT").await?;
        self.state = State::Idle;
        Ok(())
    }

    /// Runs a text of statements.
    pub(super) async fn run(&mut self, sql: &str) -> Result<ExecResult, SqlxError> {
        let (limit, before) = self.ask()?;
        let done = within(limit, self.connection()?.run(sql)).await;
        self.heard(before, done)
    }

    /// Runs a statement that gives no rows.
    pub(super) async fn execute(&mut self, statement: &Statement) -> Result<ExecResult, SqlxError> {
        let ((limit, before), by_name) = (self.ask()?, self.by_name);
        let done = within(limit, self.connection()?.execute(statement, by_name)).await;
        self.heard(before, done)
    }

    /// Returns the rows that a statement gives, within `total`.
    pub(super) async fn rows(&mut self, statement: &Statement, total: Duration) -> Result<Vec<QueryResult>, SqlxError> {
        let ((limit, before), by_name) = (self.ask()?, self.by_name);
        let done = within(total, self.connection()?.rows(statement, by_name, limit)).await;
        self.heard(before, done)
    }

    /// Waits for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), SqlxError> {
        let (limit, before) = self.ask()?;
        let done = within(limit, self.connection()?.ping()).await;
        self.heard(before, done)
    }

    /// Notes that something is asked. Whoever drops this before the answer is heard leaves one behind
    /// that nobody else may take for theirs.
    fn ask(&mut self) -> Result<(Duration, State), SqlxError> {
        if self.state == State::Broken {
            return Err(late());
        }
        Ok((self.patience, std::mem::replace(&mut self.state, State::Asked)))
    }

    fn heard<T>(&mut self, before: State, done: Result<T, SqlxError>) -> Result<T, SqlxError> {
        let is_broken = done.as_ref().is_err_and(is_broken);
        self.state = if is_broken { State::Broken } else { before };
        done
    }

    fn connection(&mut self) -> Result<&mut Connection, SqlxError> {
        self.connection.as_mut().ok_or(SqlxError::PoolClosed)
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, SqlxError>>) -> Result<T, SqlxError> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let permit = self.permit.take().filter(|_| self.state != State::Idle);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(part(connection, self.state, self.patience, permit))),
            Err(_) => connection.close(),
        }
    }
}

/// Gives a connection back that is well, and closes any other.
async fn part(mut connection: Connection, state: State, patience: Duration, permit: Option<Permit>) {
    let is_well = match state {
        State::Idle => true,
        State::Open => matches!(timeout(patience, connection.run("ROLLBACK")).await, Ok(Ok(_))),
        // Until the database has ended what nobody waits for, this one keeps its place in the pool:
        // however many hang up, no more than the pool's statements go on.
        State::Asked => {
            drop(timeout(patience, connection.ping()).await);
            false
        }
        State::Broken => false,
    };
    if is_well {
        drop(permit);
        // A connection that does not come back in time is closed by that.
        drop(timeout(patience, connection.give_back()).await);
    } else {
        connection.close();
        drop(permit);
    }
}
