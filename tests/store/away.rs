//! Databases that cannot be opened or written, or go away.

use std::time::Instant;

use bailiwick::domain::tenant::TenantState;
use bailiwick::error::ErrorCode;
use bailiwick::store::Store;
use uuid::Uuid;

use super::harness::Fresh;
use super::world::{make, tenant_row};
use crate::common::not_hung;
use crate::common::servers::PostgresServer;

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named_by_its_setting_alone() {
    for url in [
        "sqlite:///no/such/folder/store.db",
        "postgres://someone:secret@127.0.0.1:1/nothing",
        "mysql://someone:secret@127.0.0.1/nothing",
        "not a url, secret",
    ] {
        let started = Instant::now();
        let error = Store::connect(url, 2).await.unwrap_err();
        not_hung(started);
        assert_eq!(error.code, ErrorCode::Unavailable, "{url}");
        assert!(error.message.contains("database_url"), "{}", error.message);
        for hidden in ["secret", "/no/such", "127.0.0.1"] {
            assert!(!error.message.contains(hidden), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn an_in_memory_database_is_refused() {
    for url in ["sqlite::memory:", "sqlite://file?mode=memory"] {
        assert_eq!(Store::connect(url, 2).await.unwrap_err().code, ErrorCode::Invalid);
    }
}

#[tokio::test]
async fn a_database_that_is_read_only_refuses_changes_clearly() {
    let fresh = Fresh::sqlite().await;
    let tenant = make(&fresh.store, &TenantState::empty(tenant_row("acme").key)).await;
    let store = Store::connect(&format!("{}?mode=ro", fresh.url), 2).await.unwrap();
    assert_eq!(store.begin(tenant).await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(store.migrate().await.unwrap_err().code, ErrorCode::Unavailable);
    assert!(store.scope(tenant).tenant_row().await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_that_goes_away_is_unavailable_until_it_is_back() {
    let mut server = PostgresServer::start();
    let store = Store::connect(&server.create_database().await, 4).await.unwrap();
    store.migrate().await.unwrap();
    let tenant = make(&store, &TenantState::empty(tenant_row("acme").key)).await;
    let mut tx = store.begin(tenant).await.unwrap().unwrap();
    server.kill();
    assert_eq!(tx.bump(Uuid::now_v7(), true, false).await.unwrap_err().code, ErrorCode::Unavailable);
    drop(tx);
    let started = Instant::now();
    assert_eq!(store.begin(tenant).await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(store.ping().await.unwrap_err().code, ErrorCode::Unavailable);
    not_hung(started);
    server.restart();
    let row = store.scope(tenant).tenant_row().await.unwrap().unwrap();
    assert_eq!(row.counters.revision, 0);
}

#[tokio::test]
async fn a_commit_without_an_answer_is_told_apart() {
    let mut server = PostgresServer::start();
    let store = Store::connect(&server.create_database().await, 4).await.unwrap();
    store.migrate().await.unwrap();
    let tenant = make(&store, &TenantState::empty(tenant_row("acme").key)).await;
    let mut tx = store.begin(tenant).await.unwrap().unwrap();
    tx.bump(Uuid::now_v7(), true, false).await.unwrap();
    server.kill();
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, bailiwick::store::CommitError::Unknown(_)), "{error}");
}
