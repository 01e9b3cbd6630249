//! The tables as they are, beside the program: for tests to read, and to break.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

use super::app;

/// The rows of every table, as text and in order.
pub(crate) type Rows = BTreeMap<String, Vec<String>>;

/// A connection of a test's own.
pub(crate) struct Tables(DatabaseConnection);

impl Tables {
    /// Opens the tables of a database.
    pub(crate) async fn of(database: &app::Database) -> Self {
        Self(Database::connect(&database.url).await.unwrap())
    }

    /// Returns whether the database is `PostgreSQL`.
    pub(crate) fn is_postgres(&self) -> bool {
        self.0.get_database_backend() == DbBackend::Postgres
    }

    /// Runs statements.
    pub(crate) async fn run(&self, sql: &str) {
        self.0.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Returns the first column of a query, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Bytes as the database writes them.
    pub(crate) fn bytes(&self, hex: &str) -> String {
        if self.is_postgres() { format!("'\\x{hex}'") } else { format!("X'{hex}'") }
    }

    /// Returns the names of all tables.
    pub(crate) async fn names(&self) -> Vec<String> {
        let names = if self.is_postgres() {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        };
        self.texts(names).await
    }

    /// Returns the rows of one table, as text and in order.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let row = if self.is_postgres() {
            "t::text".to_owned()
        } else {
            let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
            columns.iter().map(|column| format!("quote(\"{column}\")")).collect::<Vec<_>>().join(" || ', ' || ")
        };
        self.texts(&format!(r#"SELECT {row} FROM "{table}" t ORDER BY 1"#)).await
    }

    /// Returns the rows of all tables.
    pub(crate) async fn all(&self) -> Rows {
        let mut all = Rows::new();
        for table in self.names().await {
            let rows = self.rows(&table).await;
            all.insert(table, rows);
        }
        all
    }

    /// Returns every secret in the tables, in the forms in which one could be written down.
    pub(crate) async fn secrets(&self) -> BTreeSet<String> {
        let hex = if self.is_postgres() { "encode(token_hash, 'hex')" } else { "lower(hex(token_hash))" };
        let mut secrets = BTreeSet::new();
        for sql in [
            "SELECT password_hash FROM users WHERE password_hash IS NOT NULL".to_owned(),
            format!("SELECT {hex} FROM sessions"),
            format!("SELECT {hex} FROM api_keys"),
            format!("SELECT {} FROM tenant_secrets", hex.replace("token_hash", "secret")),
        ] {
            secrets.extend(self.texts(&sql).await);
        }
        secrets
    }
}
