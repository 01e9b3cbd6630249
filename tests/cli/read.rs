//! Commands that only read: they leave the database as it is, and report nothing about it.

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};

use super::*;

const READING: [&[&str]; 9] = [
    &["decide", "--tenant", "demo", "dana", "read", "voice/queues/sales"],
    &["explain", "--tenant", "demo", "dana", "read", "voice/queues/sales"],
    &["who-can", "--tenant", "demo", "read", "voice/queues/sales"],
    &["what-can", "--tenant", "demo", "dana"],
    &["policy", "verify", "--tenant", "demo"],
    &["policy", "export", "--tenant", "demo"],
    &["policy", "history", "--tenant", "demo"],
    &["audit", "verify", "--tenant", "demo"],
    &["tenant", "list"],
];

/// Makes a place on each of the databases, with the database's address.
async fn places() -> [(Place, String); 2] {
    let of_sqlite = Place::new();
    let file = format!("sqlite://{}", of_sqlite.path().join("bailiwick.db").display());
    let url = PostgresServer::shared().create_database().await;
    [(of_sqlite, file), (Place::new().with("BAILIWICK_DATABASE_URL", &url), url)]
}

async fn run_sql(url: &str, sql: &str) {
    let db: DatabaseConnection = Database::connect(url).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_command_that_only_reads_needs_no_right_to_write_and_prints_its_answer_alone() {
    for (place, url) in places().await {
        assert_eq!(place.run(&["demo"]).code, 0);
        if url.starts_with("postgres") {
            let name = url.rsplit('/').next().unwrap();
            run_sql(&url, &format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on")).await;
        }
        for command in READING {
            let ended = place.run(command);
            assert_eq!(
                (ended.code, ended.err.lines().find(|line| !line.starts_with("there are more"))),
                (0, None),
                "{command:?} {ended:?}"
            );
            assert!(!ended.out.is_empty(), "{command:?}");
        }
    }
}

#[tokio::test]
async fn a_schema_that_is_too_old_is_said_with_what_to_run_and_stays_as_it_is() {
    for (place, url) in places().await {
        assert_eq!(place.run(&["demo"]).code, 0);
        run_sql(&url, "DELETE FROM seaql_migrations WHERE version = (SELECT MAX(version) FROM seaql_migrations)").await;
        for command in READING {
            let said = ["older than this program by 1 of its migrations", "run `bailiwick migrate`", "[UNAVAILABLE]"];
            assert_refused(&place.run(command), &said);
        }
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_made_by_no_command_that_only_reads() {
    for (place, url) in places().await {
        for command in READING {
            assert_refused(&place.run(command), &["run `bailiwick migrate`", "[UNAVAILABLE]"]);
        }
        if url.starts_with("sqlite") {
            assert!(!place.path().join("bailiwick.db").exists());
        }
    }
}
