//! The database: what a tenant is made of, read back and written as the domain's own types.
//!
//! Reads of a tenant are methods of a [`Scope`], writes of a [`Tx`]; neither can be made without
//! its tenant, so that no query can forget it. Business rules do not live here.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryFilter, Select};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::domain::key::TenantId;
use crate::error::{Error, Result};
use crate::turns::{Bounds, Turns};

pub mod adapter;
pub mod audit;
pub mod avatar;
mod credential;
mod db;
mod entity;
mod error;
pub mod file;
pub mod grant;
mod group;
mod health;
pub mod link;
mod migrate;
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
mod sort;
mod state;
pub mod tenant;
pub mod tx;
pub mod user;
pub mod verify;
mod write;

pub use adapter::TenantAdapter;
pub use credential::{Credentials, UserTx};
pub use db::Limits;
pub use tx::{CommitError, Tx, View};

use db::{Db, Permit, Purpose, Transaction};
use entity::Tenanted;

/// Longest wait for a lock or another writer, after which the waiter gives up.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a connection. Short, because a write takes this long to fail while the database is away; long
/// enough, because connections are soon given back.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(1);
/// Longest time to read a whole tenant, or all of a long list.
const READ_MAX: Duration = Duration::from_mins(2);
/// The most of one tenant that write to it or look at it together, here.
const TURNS_EACH: usize = 2;
/// Largest number of tasks that wait for a turn.
const WAITING_MAX: usize = 1024;
/// Pause between two attempts of a start that waits for the database.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);
/// Longest time for connections to close.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// The database of all tenants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    /// Turns to write. `SQLite` has one writer; waiting for it here is fair and wakes at once, where
    /// `SQLite`'s own waiting polls. On `PostgreSQL` half of the connections write: a writer that has
    /// its tenant may need a second connection to catch up, and must not find all of them taken by
    /// those who wait for that same tenant.
    writers: Turns<TenantId>,
    /// Turns to look at a whole tenant: a quarter of the connections, for those who look hold one while
    /// they compile, and may need a second.
    lookers: Turns<TenantId>,
    /// Turns to sign a user in or change their credentials, which needs no turn to write to the tenant.
    greeters: Turns<TenantId>,
}

/// A read-only view of one tenant: every query of it starts from that tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Scope {
    db: Db,
    tenant: TenantId,
}

impl Store {
    /// Opens the database at `url` (`sqlite:PATH` or `postgres://…`) with at most so many
    /// connections, and otherwise the limits that settings have when nobody sets them.
    pub async fn connect(url: &str, connections: u32) -> Result<Self> {
        Self::open(url, Limits::default().with_connections(connections)).await
    }

    /// Opens the database at `url`. An `SQLite` file that is not there is made. Errors never show the URL.
    pub async fn open(url: &str, limits: Limits) -> Result<Self> {
        Self::open_within(Duration::ZERO, url, limits).await
    }

    /// Opens the database as [`Self::open`] does, trying again for at most `wait` while the database is away. The log
    /// says why it waits.
    pub async fn open_within(wait: Duration, url: &str, limits: Limits) -> Result<Self> {
        let is_sqlite = url.starts_with("sqlite:");
        if is_sqlite && (url.contains(":memory:") || url.contains("mode=memory")) {
            return Err(Error::invalid("`database_url` names an in-memory database: name a file instead"));
        }
        let limits = limits.with_connections(limits.connections);
        let db = Self::opened(wait, url, limits).await?;
        let connections = limits.connections as usize;
        let writers = if is_sqlite { 1 } else { connections / 2 };
        // At least an eighth of the connections is left to those who need a second one.
        let [writers, lookers, greeters] =
            [writers, connections / 4, connections / 8].map(|together| Turns::new(bounds(together)));
        Ok(Self { db, writers, lookers, greeters })
    }

    async fn opened(wait: Duration, url: &str, limits: Limits) -> Result<Db> {
        file::create(url);
        let until = Instant::now() + wait;
        let mut is_said = false;
        loop {
            let cause = match while_busy(|| Db::open(url, limits)).await {
                Ok(db) => return Ok(db),
                Err(cause) if error::is_away(&cause) && Instant::now() < until => cause,
                Err(cause) => return Err(cannot_open(cause)),
            };
            if !is_said {
                is_said = true;
                tracing::warn!(%cause, seconds = wait.as_secs(), "the database does not answer: the start waits for it");
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(timeout(LOCK_TIMEOUT, self.db.ping()).await.map_err(|_| too_slow())??)
    }

    /// Closes all connections, and waits for that no longer than it takes where the database is well.
    pub async fn close(&self) {
        if !self.db.close(CLOSE_MAX).await {
            tracing::warn!("connections to the database were still in use after {} s", CLOSE_MAX.as_secs());
        }
    }

    /// Returns the reads of one tenant.
    pub fn scope(&self, tenant: TenantId) -> Scope {
        Scope { db: self.db.clone(), tenant }
    }

    /// Begins a transaction that writes, with the permit to. On `SQLite` it is the only one from its first statement
    /// on.
    async fn begin_writing(&self, tenant: TenantId) -> Result<Transaction> {
        let permit = self.writer(tenant).await?;
        Ok(while_busy(|| self.db.begin(Purpose::Writing)).await?.with(permit))
    }

    /// Waits for a turn to write to a tenant.
    async fn writer(&self, tenant: TenantId) -> Result<Permit> {
        self.writers.take(tenant).await.map_err(|_| too_slow())
    }

    /// Waits for a turn to write to no tenant alone.
    async fn common_writer(&self) -> Result<Permit> {
        self.writer(TenantId(Uuid::nil())).await
    }

    /// Waits for a turn to sign a user in or change their credentials. `SQLite` has one writer: there it is a turn to
    /// write.
    async fn greeter(&self, tenant: TenantId) -> Result<Permit> {
        let turns = if self.db.get_database_backend() == DbBackend::Sqlite { &self.writers } else { &self.greeters };
        turns.take(tenant).await.map_err(|_| too_slow())
    }

    /// Waits for a turn to look at a whole tenant.
    async fn looker(&self, tenant: TenantId) -> Result<Permit> {
        self.lookers.take(tenant).await.map_err(|_| too_slow())
    }

    /// Returns how many connections those may hold together who do one kind of work among others.
    pub(crate) fn share(&self) -> usize {
        self.lookers.together()
    }
}

/// Bounds what so many do together: at most two of one tenant, of which one is at it and one is ready to be,
/// and no more than half of them. A tenant that is held up somewhere else holds up no other.
fn bounds(together: usize) -> Bounds {
    Bounds {
        together,
        each: TURNS_EACH.min(together / 2),
        waiting: WAITING_MAX,
        waiting_each: WAITING_MAX / 4,
        patience: LOCK_TIMEOUT,
    }
}

impl Scope {
    /// Returns the tenant.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns a query over the tenant's rows of one table.
    fn find<E: Tenanted>(&self) -> Select<E> {
        find(self.tenant)
    }
}

/// Returns a query over a tenant's rows of one table: where all queries of tenants begin.
fn find<E: Tenanted>(tenant: TenantId) -> Select<E> {
    use sea_orm::ColumnTrait;
    E::find().filter(E::TENANT.eq(tenant.0))
}

/// Begins a transaction in which all reads see the same moment.
async fn begin_reading(db: &Db) -> Result<Transaction, DbErr> {
    db.begin(Purpose::Reading).await
}

fn cannot_open(cause: DbErr) -> Error {
    match cause {
        // What is in front of the database, in words for whoever sets it up.
        DbErr::Custom(words) => Error::invalid(words),
        cause => Error::unavailable("the database that `database_url` names cannot be opened").because(cause),
    }
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
