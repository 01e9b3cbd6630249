//! The real servers that the tests start and kill.

use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};

use crate::common::servers::PostgresServer;

async fn connect(url: &str) -> DatabaseConnection {
    // With the default a pool waits half a minute for a server that was killed.
    let options = ConnectOptions::new(url).acquire_timeout(Duration::from_secs(2)).to_owned();
    Database::connect(options).await.unwrap()
}

async fn write_note(database: &DatabaseConnection) -> Result<(), DbErr> {
    database.execute_unprepared("INSERT INTO note VALUES (1)").await.map(drop)
}

#[tokio::test]
async fn databases_of_the_shared_server_are_apart() {
    let server = PostgresServer::shared();
    let one = connect(&server.create_database().await).await;
    let other = connect(&server.create_database().await).await;
    one.execute_unprepared("CREATE TABLE note (id int)").await.unwrap();
    write_note(&one).await.unwrap();
    assert!(write_note(&other).await.is_err());
}

#[tokio::test]
async fn a_killed_server_comes_back_with_what_was_committed() {
    let mut server = PostgresServer::start();
    let url = server.create_database().await;
    let database = connect(&url).await;
    database.execute_unprepared("CREATE TABLE note (id int PRIMARY KEY)").await.unwrap();
    write_note(&database).await.unwrap();
    server.kill();
    assert!(write_note(&database).await.is_err());
    server.restart();
    let error = write_note(&connect(&url).await).await.unwrap_err();
    assert!(error.to_string().contains("duplicate key"), "{error}");
}
