//! The answer of `/readyz` while a part is away: an instance that can decide is ready, and changes are asked for apart.

use std::time::Duration;

use serde_json::Value;

use crate::common::app::{Choices, Database, Instance, eventually};
use crate::common::servers::PostgresServer;
use crate::common::tables::Tables;

async fn asked(instance: &Instance, query: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{}/readyz{query}", instance.url)).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn is_ready(instance: &Instance, query: &str) -> bool {
    asked(instance, query).await.0 == 200
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_ready_for_decisions_and_not_for_changes() {
    let server = PostgresServer::start();
    let database = Database::at(server.create_database().await);
    let one = Instance::start(&database, Choices::default()).await;
    let alice = one.tenant("acme").await;
    assert!(is_ready(&one, "").await);
    eventually("changes can be made", async || is_ready(&one, "?for=changes").await).await;
    let tables = Tables::of(&database).await;
    for (read_only, expected) in [("on", 503), ("off", 200)] {
        tables.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {read_only}")).await;
        tables.run("SELECT pg_reload_conf()").await;
        eventually("the instance has noticed", async || asked(&one, "?for=changes").await.0 == expected).await;
        let (status, report) = asked(&one, "").await;
        assert_eq!(status, 200, "{report:#}");
        let changes = check(&report, "changes");
        assert_eq!((&changes["ok"], &changes["required"]), (&Value::from(expected == 200), &Value::from(false)));
        assert!(alice.allowed("alice", "read", "voice/queues").await);
    }
}

#[tokio::test]
async fn a_database_that_says_nothing_keeps_nobody_waiting_who_asks_for_readiness() {
    let server = PostgresServer::start();
    let database = Database::at(server.create_database().await);
    let one = Instance::start(&database, Choices::default()).await;
    eventually("changes can be made", async || is_ready(&one, "?for=changes").await).await;
    server.freeze();
    // The last result is given meanwhile; the store itself gives up after five seconds.
    let answers = async { futures_util::future::join_all((0..4).map(|_| is_ready(&one, ""))).await };
    let answers = tokio::time::timeout(Duration::from_secs(4), answers).await;
    assert_eq!(answers.expect("the answer does not wait for the database"), [true; 4]);
    eventually("the instance has noticed", async || !is_ready(&one, "?for=changes").await).await;
    eventually("decisions go on without the database", async || {
        let (status, report) = asked(&one, "").await;
        status == 200 && check(&report, "database")["ok"] == false
    })
    .await;
    server.thaw();
    eventually("changes can be made again", async || is_ready(&one, "?for=changes").await).await;
}

#[tokio::test]
async fn instances_that_hold_the_same_tell_the_same_digest_and_others_another_and_no_names() {
    let database = Database::postgres().await;
    let (one, other) =
        (Instance::start(&database, Choices::default()).await, Instance::start(&database, Choices::default()).await);
    let alice = one.tenant("acme").await;
    let held = async |instance: &Instance| {
        let (_, report) = asked(instance, "?verbose").await;
        assert!(!report.to_string().contains("acme"), "{report:#}");
        report["memory"].clone()
    };
    alice.at(&other).allowed("alice", "read", "voice/queues").await;
    other.operator().await.data("{ viewer { user { key } } }", serde_json::json!({})).await;
    eventually("both hold the same", async || held(&one).await == held(&other).await).await;
    assert!(held(&one).await["tenants"].as_u64().unwrap() > 0);
    // The other hears nothing of it, and sweeps in an hour.
    alice.register("voice/queues", &["sales"]).await;
    eventually("they differ", async || held(&one).await != held(&other).await).await;
    assert!(asked(&one, "").await.1["memory"].is_null());
}
