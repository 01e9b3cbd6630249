//! Databases to measure on: a file of `SQLite`, and a real `PostgreSQL` that the project's tests know how to start,
//! with their settings: nothing waits for a disk, which is the harder floor.

use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, DbErr};
use tempfile::TempDir;

use crate::result::Result;
use crate::servers::PostgresServer;

/// A database, which goes when this is dropped.
pub(crate) struct Database {
    /// The URL.
    pub(crate) url: String,
    /// The name of its kind.
    pub(crate) kind: &'static str,
    _folder: Option<TempDir>,
}

impl Database {
    /// Makes a new file.
    pub(crate) fn sqlite() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display());
        Ok(Self { url, kind: "SQLite", _folder: Some(folder) })
    }

    /// Makes a new database on the server.
    pub(crate) async fn postgres(server: &PostgresServer) -> Self {
        Self { url: server.create_database().await, kind: "PostgreSQL", _folder: None }
    }

    /// Names a database that another process has made.
    pub(crate) fn at(url: &str) -> Self {
        Self { url: url.to_owned(), kind: "", _folder: None }
    }

    /// Opens a connection of our own, for the floors.
    pub(crate) async fn connect(&self) -> Result<DatabaseConnection> {
        let options = ConnectOptions::new(&self.url).max_connections(2).sqlx_logging(false).to_owned();
        Ok(sea_orm::Database::connect(options).await?)
    }
}

/// Runs one statement that returns nothing.
pub(crate) async fn execute(connection: &DatabaseConnection, statement: &str) -> std::result::Result<(), DbErr> {
    connection.execute_unprepared(statement).await.map(drop)
}
