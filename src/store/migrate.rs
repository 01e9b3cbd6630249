//! Bringing the schema up to date, and living with one that is newer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use migrations::Migrator;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, TransactionTrait};
use sea_orm_migration::{MigratorTrait, seaql_migrations};
use tokio::time::timeout;

use super::db::Purpose;
use super::{Store, while_busy};
use crate::error::{Error, Result};

/// The advisory lock under which one instance at a time brings the schema up to date.
const LOCK: i64 = 0x6261_696c_6977_6963;
/// Longest wait of a migration for a lock that another session holds.
const LOCK_MAX: Duration = Duration::from_mins(1);
/// Interval at which the log says that a migration goes on.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// Longest silence of the database, on all connections, before a migration is given up.
const SILENCE_MAX: Duration = Duration::from_mins(2);
/// The table in which the migrations that were made are kept.
const MADE: &str = "seaql_migrations";

impl Store {
    /// Brings the schema up to date. Safe when several instances start at once: one does it
    /// while the others wait. A newer version of the program may have been here already: each
    /// migration leaves a schema with which the version before it works.
    pub async fn migrate(&self) -> Result<()> {
        self.bring_up_to_date().await?;
        // Outside of the migrations' one transaction: names may be many.
        let filled = self.fill_sort_keys().await?;
        if filled > 0 {
            tracing::info!(names = filled, "names of an older version can be sorted and searched now");
            self.tell_names_alike().await?;
        }
        Ok(())
    }

    async fn bring_up_to_date(&self) -> Result<()> {
        let _permit = self.common_writer().await?;
        if !is_up_to_date(&made(&self.db).await.map_err(cannot_write)?)? {
            while_busy(|| self.migrate_now()).await.map_err(cannot_write)?;
            is_up_to_date(&made(&self.db).await.map_err(cannot_write)?)?;
        }
        // With nothing to migrate, this alone tells a database that can only be read.
        let tx = while_busy(|| self.db.begin(Purpose::Writing)).await.map_err(cannot_write)?;
        tx.execute_unprepared("UPDATE tenants SET revision = revision WHERE 1 = 0").await.map_err(cannot_write)?;
        tx.commit().await.map_err(cannot_write)
    }

    /// Checks that the schema is as new as this program. It writes nothing, so that commands that only read can
    /// do with the rights to read.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the schema is older; a migration brings it up to date.
    pub async fn check_schema(&self) -> Result<()> {
        let made = made(&self.db).await?;
        if is_up_to_date(&made)? {
            return Ok(());
        }
        let count = known().iter().filter(|name| !made.contains(name)).count();
        Err(Error::unavailable(format!(
            "the schema of the database is older than this program by {count} of its migrations: run `bailiwick migrate`"
        )))
    }

    async fn migrate_now(&self) -> Result<(), DbErr> {
        let step = Mutex::new("waiting for its turn".to_owned());
        let mut migrating = Box::pin(self.migrate_in_one(&step));
        let began = Instant::now();
        let mut answered = began;
        loop {
            match timeout(PROGRESS_EVERY, &mut migrating).await {
                Ok(migrated) => return migrated,
                Err(_) if self.ping().await.is_ok() => answered = Instant::now(),
                Err(_) if answered.elapsed() > SILENCE_MAX => {
                    return Err(DbErr::Custom("the database stopped answering during a migration".to_owned()));
                }
                Err(_) => {}
            }
            let (seconds, step) = (began.elapsed().as_secs(), said(&step).clone());
            tracing::info!(seconds, step, "the schema is still being brought up to date");
        }
    }

    async fn migrate_in_one(&self, step: &Mutex<String>) -> Result<(), DbErr> {
        let tx = self.db.for_migrations().begin().await?;
        let is_postgres = self.db.get_database_backend() == DbBackend::Postgres;
        // Migrations prepare by name, and the server behind a pooler may remember those of another.
        let is_shared = self.db.is_pooled();
        if is_postgres {
            // To move a large table takes as long as it takes.
            for limit in ["statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"] {
                let lift = format!("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = '{limit}'");
                tx.execute_unprepared(&lift).await?;
            }
            // Of what others hold, and of another instance that migrates.
            tx.execute_unprepared(&format!("SET LOCAL lock_timeout = '{}s'", LOCK_MAX.as_secs())).await?;
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
        }
        if is_shared {
            tx.execute_unprepared("DEALLOCATE ALL").await?;
        }
        // Somebody else may have been first.
        let made = made(&tx).await?;
        let due: Vec<String> = known().into_iter().filter(|name| !made.contains(name)).collect();
        if !due.is_empty() {
            tracing::debug!(steps = due.len(), "bringing the schema up to date");
        }
        for migration in due {
            said(step).clone_from(&migration);
            Migrator::up(&tx, Some(1)).await?;
        }
        if is_shared {
            tx.execute_unprepared("DEALLOCATE ALL").await?;
        }
        tx.commit().await
    }
}

fn said(step: &Mutex<String>) -> MutexGuard<'_, String> {
    step.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the migrations that were made, by name.
async fn made<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let mut table = Query::select();
    table.expr(Expr::val(1));
    match db.get_database_backend() {
        DbBackend::Sqlite => table.from("sqlite_master").and_where(Expr::col("name").eq(MADE)),
        _ => table
            .from(("information_schema", "tables"))
            .and_where(Expr::col("table_name").eq(MADE))
            .and_where(Expr::cust("table_schema = current_schema()")),
    };
    if db.query_one(&table).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = seaql_migrations::Entity::find().all(db).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn known() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

fn is_pending(made: &[String]) -> bool {
    known().iter().any(|name| !made.contains(name))
}

/// Returns `true` if there is nothing to migrate. Refuses a database with migrations that this program does not know,
/// unless all that it knows are made and the others are newer.
fn is_up_to_date(made: &[String]) -> Result<bool> {
    let known = known();
    let newest = known.iter().max();
    let unknown: Vec<&str> = made.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
    let pending = is_pending(made);
    if unknown.is_empty() {
        return Ok(!pending);
    }
    if pending || unknown.iter().any(|name| newest.is_some_and(|newest| *name <= newest.as_str())) {
        let words = format!("the database has a schema that this version does not know: `{}`", unknown.join("`, `"));
        return Err(Error::unavailable(words));
    }
    tracing::warn!(migrations = unknown.join(", "), "a newer version has migrated the database: upgrade this instance");
    Ok(true)
}

fn cannot_write(cause: DbErr) -> Error {
    Error::unavailable("the database that `database_url` names cannot be written").because(cause)
}
