//! A transaction. Dropped without a commit, it leaves nothing.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use super::held::Held;
use super::{Db, Permit, Purpose, exec_error, query_error};

/// A transaction.
#[derive(Debug)]
pub(in crate::store) struct Transaction {
    db: Db,
    held: Mutex<Held>,
    purpose: Purpose,
}

impl Transaction {
    pub(super) fn new(db: Db, held: Held, purpose: Purpose) -> Self {
        Self { db, held: Mutex::new(held), purpose }
    }

    /// Attaches the permit to write, which is given back when the connection has let go.
    pub(in crate::store) fn with(mut self, permit: Permit) -> Self {
        self.held.get_mut().permit = Some(permit);
        self
    }

    /// Commits.
    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        let committed = Box::pin(async { self.held.lock().await.commit().await }).await;
        self.db.note(committed.map_err(query_error))
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let done = self.held.lock().await.execute(&statement).await;
        self.db.note(done.map_err(exec_error))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let done = self.held.lock().await.run(sql).await;
        self.db.note(done.map_err(exec_error))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let limit = self.db.0.limits.total(self.purpose);
        let rows = self.held.lock().await.rows(&statement, limit).await;
        self.db.note(rows.map_err(query_error))
    }
}
