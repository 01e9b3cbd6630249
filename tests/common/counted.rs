//! The questions of instances to a database, from the log of the database itself.

use std::fs;
use std::path::PathBuf;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use super::app;
use super::servers::PostgresServer;

/// The beginning of the sweep's own question.
const SWEEP: &str = r#""tenants"."id", "tenants"."revision", "tenants"."credential_epoch", "tenants"."policy_change""#;

/// A `PostgreSQL` of the test's own that writes down every statement.
pub(crate) struct Counted {
    /// The database.
    pub(crate) database: app::Database,
    log: PathBuf,
    _server: PostgresServer,
}

impl Counted {
    /// Starts it, with an empty database.
    pub(crate) async fn start() -> Self {
        let server = PostgresServer::start();
        let database = app::Database::at(server.create_database().await);
        let admin: DatabaseConnection = Database::connect(&database.url).await.unwrap();
        admin.execute_unprepared("ALTER SYSTEM SET log_statement = 'all'").await.unwrap();
        admin.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        let show = Statement::from_string(admin.get_database_backend(), "SHOW unix_socket_directories");
        let folder: String = admin.query_one_raw(show).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        admin.close().await.unwrap();
        Self { database, log: PathBuf::from(folder).join("log"), _server: server }
    }

    /// Returns the reads so far, without pings, the frames of transactions and the sweep's questions.
    fn reads(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap();
        let reads = log.lines().filter(|line| line.contains("LOG:  execute") && line.contains("SELECT "));
        let reads = reads.filter_map(|line| line.split_once("SELECT ")).map(|(_, read)| read.to_owned());
        reads.filter(|read| !read.starts_with(SWEEP)).collect()
    }

    /// Returns the reads that an operation makes.
    pub(crate) async fn reads_of(&self, operation: impl Future<Output = ()>) -> Vec<String> {
        let before = self.reads().len();
        operation.await;
        let mut reads = self.reads().split_off(before);
        // The instance looks at the database's clock by itself, now and then.
        reads.retain(|read| !read.contains("clock_timestamp()"));
        reads
    }
}
