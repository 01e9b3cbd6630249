//! The database: what a tenant is made of, read back and written as the domain's own types.
//!
//! Reads of a tenant are methods of a [`Scope`], writes of a [`Tx`]; neither can be made without
//! its tenant, so that no query can forget it. Business rules do not live here.

use std::sync::Arc;
use std::time::Duration;

use migrations::Migrator;
use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, QueryFilter, Select, SqliteTransactionMode, SqlxError, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::domain::key::TenantId;
use crate::error::{Error, Result};

pub mod adapter;
pub mod audit;
pub mod avatar;
mod entity;
mod error;
pub mod grant;
mod group;
pub mod opaque;
pub mod page;
pub mod password;
pub mod policy;
mod profile;
mod reach;
pub mod resource;
pub mod revision;
mod role;
mod secret;
pub mod session;
mod state;
pub mod tenant;
pub mod tx;
pub mod user;
pub mod verify;
mod write;

pub use adapter::TenantAdapter;
pub use tx::{CommitError, Tx, View};

use entity::Tenanted;

/// How long anything waits for a lock or another writer before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long anything waits for a connection. Short, because this is how long a write takes to
/// fail while the database is away, and enough, because who has a connection is soon done.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(1);
/// A connection idle for longer than this is asked whether it still lives before it is used.
const IDLE: Duration = Duration::from_secs(1);
/// The advisory lock under which one instance at a time brings the schema up to date.
const MIGRATION_LOCK: i64 = 0x6261_696c_6977_6963;

/// The database of all tenants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: DatabaseConnection,
    /// How many write at the same time. `SQLite` has one writer; waiting for it here is fair and
    /// wakes at once, where `SQLite`'s own waiting polls. On `PostgreSQL` half of the connections
    /// write: a writer that has its tenant may need a second connection to catch up, and must not
    /// find all of them taken by those who wait for that same tenant.
    writers: Arc<Semaphore>,
    /// How many look at a whole tenant at the same time: a quarter of the connections, for they hold
    /// one while they compile, and may need a second.
    lookers: Arc<Semaphore>,
}

/// A read-only view of one tenant: every query of it starts from that tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Scope {
    db: DatabaseConnection,
    tenant: TenantId,
}

impl Store {
    /// Opens the database at `url` (`sqlite:PATH` or `postgres://…`) with at most so many
    /// connections. An `SQLite` file that is not there is made. Errors never show the URL.
    pub async fn connect(url: &str, connections: u32) -> Result<Self> {
        let sqlite = url.starts_with("sqlite:");
        if sqlite && (url.contains(":memory:") || url.contains("mode=memory")) {
            return Err(Error::invalid("`database_url` names an in-memory database: name a file instead"));
        }
        let connections = connections.max(2);
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections)
            .acquire_timeout(CONNECTION_PATIENCE)
            .test_before_acquire_if_idle_for(IDLE)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(sqlite_options)
            .map_sqlx_sqlite_pool_opts(|pool| pool.after_release(|connection, _| Box::pin(has_ended(connection))))
            .map_sqlx_postgres_opts(|options| {
                options.application_name("bailiwick").options([("lock_timeout", format!("{}ms", PATIENCE.as_millis()))])
            });
        let cannot =
            |cause: DbErr| Error::unavailable("the database that `database_url` names cannot be opened").because(cause);
        let db = while_busy(|| Database::connect(options.clone())).await.map_err(cannot)?;
        let writers = if sqlite { 1 } else { connections as usize / 2 };
        let lookers = (connections as usize / 4).max(1);
        Ok(Self { db, writers: Arc::new(Semaphore::new(writers)), lookers: Arc::new(Semaphore::new(lookers)) })
    }

    /// Brings the schema up to date. Safe when several instances start at once: one does it
    /// while the others wait.
    pub async fn migrate(&self) -> Result<()> {
        let cannot = |cause: DbErr| {
            Error::unavailable("the database that `database_url` names cannot be written").because(cause)
        };
        let _permit = self.writer().await?;
        let tx = while_busy(|| self.begin_writing()).await.map_err(cannot)?;
        if self.db.get_database_backend() == DbBackend::Postgres {
            for sql in
                ["SET LOCAL lock_timeout = '60s'".to_owned(), format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")]
            {
                tx.execute_unprepared(&sql).await.map_err(cannot)?;
            }
        }
        Migrator::up(&tx, None).await.map_err(cannot)?;
        // With nothing to migrate, this alone tells a database that can only be read.
        tx.execute_unprepared("UPDATE tenants SET revision = revision WHERE 1 = 0").await.map_err(cannot)?;
        tx.commit().await.map_err(cannot)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(timeout(PATIENCE, self.db.ping()).await.map_err(|_| too_slow())??)
    }

    /// Closes all connections.
    pub async fn close(&self) -> Result<()> {
        Ok(self.db.clone().close().await?)
    }

    /// The reads of one tenant.
    pub fn scope(&self, tenant: TenantId) -> Scope {
        Scope { db: self.db.clone(), tenant }
    }

    /// A transaction that writes. On `SQLite` it is the only one from its first statement on.
    async fn begin_writing(&self) -> Result<DatabaseTransaction, DbErr> {
        let is_sqlite = self.db.get_database_backend() == DbBackend::Sqlite;
        let options = TransactionOptions {
            sqlite_transaction_mode: is_sqlite.then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.db.begin_with_options(options).await
    }

    /// The right to write.
    async fn writer(&self) -> Result<OwnedSemaphorePermit> {
        turn(&self.writers).await
    }

    /// A turn to look at a whole tenant.
    async fn looker(&self) -> Result<OwnedSemaphorePermit> {
        turn(&self.lookers).await
    }
}

async fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let permit = timeout(PATIENCE, Arc::clone(of).acquire_owned()).await.map_err(|_| too_slow())?;
    permit.map_err(Error::internal)
}

impl Scope {
    /// The tenant.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// A query over the tenant's rows of one table.
    fn find<E: Tenanted>(&self) -> Select<E> {
        find(self.tenant)
    }
}

/// A query over a tenant's rows of one table: where all queries of tenants begin.
fn find<E: Tenanted>(tenant: TenantId) -> Select<E> {
    use sea_orm::ColumnTrait;
    E::find().filter(E::TENANT.eq(tenant.0))
}

/// A transaction in which all reads see the same moment.
async fn begin_reading(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    match db.get_database_backend() {
        // A deferred transaction of SQLite in WAL mode is a snapshot as it is.
        DbBackend::Sqlite => db.begin().await,
        _ => db.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await,
    }
}

fn sqlite_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged change outlives a power cut.
        .synchronous(SqliteSynchronous::Full)
}

/// Whether a connection that is given back has ended its transaction. On a full disk, and on some
/// other errors, `SQLite` rolls back by itself; the driver then finds nothing to roll back, believes
/// that the transaction goes on, and refuses every later one. Such a connection is closed.
async fn has_ended(connection: &mut SqliteConnection) -> Result<bool, SqlxError> {
    if connection.is_in_transaction() {
        // A rollback may still be on its way: this comes after it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

fn too_slow() -> Error {
    Error::unavailable("the database is away or busy: try again later")
}

/// Tries again while `SQLite` says that it is busy: the change to WAL and the first write lock do
/// not always wait by themselves.
async fn while_busy<T, F: Future<Output = Result<T, DbErr>>>(mut attempt: impl FnMut() -> F) -> Result<T, DbErr> {
    for wait in [5, 20, 50, 100, 200, 400, 800] {
        match attempt().await {
            Err(error) if error::is_busy(&error) => sleep(Duration::from_millis(wait)).await,
            result => return result,
        }
    }
    attempt().await
}

/// Bytes as people compare them: two hexadecimal digits for each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
