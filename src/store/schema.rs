//! How far the schema of the database is, without a word to change it.

use std::collections::HashSet;

use migrations::Migrator;
use sea_orm::EntityTrait as _;
use sea_orm_migration::{MigratorTrait as _, SchemaManager, seaql_migrations};

use super::Store;
use crate::error::{Error, Result};

/// The table in which the migrations that were made stand.
const MIGRATIONS: &str = "seaql_migrations";

impl Store {
    /// Checks that the schema is as new as this program. It writes nothing, so that commands that only read can
    /// do with the rights to read.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the schema is older; a migration brings it up to date.
    pub async fn check_schema(&self) -> Result<()> {
        let made: HashSet<String> = if SchemaManager::new(&self.db).has_table(MIGRATIONS).await? {
            seaql_migrations::Entity::find().all(&self.db).await?.into_iter().map(|row| row.version).collect()
        } else {
            HashSet::new()
        };
        let is_missing = |migration: &&Box<dyn sea_orm_migration::MigrationTrait>| !made.contains(migration.name());
        match Migrator::migrations().iter().filter(is_missing).count() {
            0 => Ok(()),
            count => Err(Error::unavailable(format!(
                "the schema of the database is older than this program by {count} of its migrations: run `bailiwick migrate`"
            ))),
        }
    }
}
