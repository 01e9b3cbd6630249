//! Databases to measure on: a file of `SQLite`, and a real `PostgreSQL` that the project's tests
//! know how to start. Its settings are theirs: nothing waits for a disk, which is the harder floor.

use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, DbErr};
use tempfile::TempDir;

use crate::result::Result;
use crate::servers::PostgresServer;

/// A database, gone with this.
pub(crate) struct Database {
    /// Where it is.
    pub(crate) url: String,
    /// Which kind it is.
    pub(crate) kind: &'static str,
    _folder: Option<TempDir>,
}

impl Database {
    /// A new file.
    pub(crate) fn sqlite() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display());
        Ok(Self { url, kind: "SQLite", _folder: Some(folder) })
    }

    /// A new database of the server.
    pub(crate) async fn postgres(server: &PostgresServer) -> Self {
        Self { url: server.create_database().await, kind: "PostgreSQL", _folder: None }
    }

    /// One that somebody else has made.
    pub(crate) fn at(url: &str) -> Self {
        Self { url: url.to_owned(), kind: "", _folder: None }
    }

    /// A connection of our own, for the floors.
    pub(crate) async fn connect(&self) -> Result<DatabaseConnection> {
        let options = ConnectOptions::new(&self.url).max_connections(2).sqlx_logging(false).to_owned();
        Ok(sea_orm::Database::connect(options).await?)
    }
}

/// Runs one statement that gives nothing.
pub(crate) async fn execute(connection: &DatabaseConnection, statement: &str) -> std::result::Result<(), DbErr> {
    connection.execute_unprepared(statement).await.map(drop)
}
