//! Opening the pool, and telling whether what is in front of the database can be worked with.

use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Database, Executor as _, Row as _};
use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::time::timeout;

use super::connection::{Pool, late};
use super::{Limits, connection_error};
use crate::store::{CONNECTION_PATIENCE, LOCK_TIMEOUT};

/// A connection idle for longer than this is asked whether it still lives before it is used.
const IDLE: Duration = Duration::from_secs(1);
/// Number of times that two connections are asked which servers they lead to.
const LOOKS: usize = 3;

/// Opens the pool.
pub(super) async fn open(url: &str, limits: &Limits) -> Result<Pool, DbErr> {
    if url.starts_with("sqlite:") {
        let options = sqlite_options(url.parse().map_err(connection_error)?, limits);
        return pool(limits).connect_with(options).await.map(Pool::Sqlite).map_err(connection_error);
    }
    if !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
        return Err(DbErr::Conn(RuntimeErr::Internal("it is neither `sqlite:` nor `postgres:`".to_owned())));
    }
    let options = postgres_options(url.parse().map_err(connection_error)?, limits);
    check_pooler(&options, limits).await?;
    let (limits, mut pool) = (*limits, pool(limits));
    if !limits.is_pooled() {
        pool = pool.after_connect(move |connection: &mut PgConnection, _| {
            let set = limits.set_session(connection.server_version_num());
            Box::pin(async move { connection.execute(AssertSqlSafe(set)).await.map(drop) })
        });
    }
    pool.connect_with(options).await.map(Pool::Postgres).map_err(connection_error)
}

fn pool<D: Database>(limits: &Limits) -> PoolOptions<D> {
    PoolOptions::new()
        .max_connections(limits.connections)
        .acquire_timeout(CONNECTION_PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection: &mut D::Connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

fn sqlite_options(options: SqliteConnectOptions, limits: &Limits) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(LOCK_TIMEOUT.min(limits.statement))
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged change outlives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
}

/// Asks for nothing at the start of a connection that a pooler would refuse.
fn postgres_options(options: PgConnectOptions, limits: &Limits) -> PgConnectOptions {
    options
        .application_name("bailiwick")
        .extra_float_digits(None)
        .statement_cache_capacity(usize::try_from(limits.prepared).unwrap_or(usize::MAX))
        .disable_statement_logging()
}

/// Refuses a pooler that gives a server for one transaction at a time to those who prepare their
/// statements by name: two connections at rest lead to one server there.
async fn check_pooler(options: &PgConnectOptions, limits: &Limits) -> Result<(), DbErr> {
    if limits.is_pooled() {
        return Ok(());
    }
    let mut one = connect(options).await.map_err(connection_error)?;
    // A pool of one session has no second.
    let Ok(mut other) = connect(options).await else { return Ok(()) };
    let mut is_shared = false;
    for _ in 0..LOOKS {
        let (Ok(here), Ok(there)) = (server_of(&mut one).await, server_of(&mut other).await) else { break };
        is_shared |= here == there;
    }
    for connection in [one, other] {
        // A way to say goodbye; whether it is heard makes no difference.
        drop(timeout(CONNECTION_PATIENCE, connection.close()).await);
    }
    if is_shared {
        let words = "a pooler gives its connections by the transaction: set `database_statement_cache` to 0";
        return Err(DbErr::Custom(words.to_owned()));
    }
    Ok(())
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, SqlxError> {
    timeout(CONNECTION_PATIENCE, options.connect()).await.unwrap_or_else(|_| Err(late()))
}

async fn server_of(connection: &mut PgConnection) -> Result<i32, SqlxError> {
    let asked = connection.fetch_one("SELECT pg_backend_pid()");
    timeout(CONNECTION_PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))?.try_get(0)
}
