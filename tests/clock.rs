//! Clocks that are wrong: deletions go by the database's, and an instance with another one is not ready.

use std::time::Duration;

use serde_json::Value;

use crate::common::app::{Choices, Client, Database, Instance, both_databases, eventually};

const DAY: i64 = 24 * 3600;

async fn readiness(instance: &Instance) -> (u16, Value) {
    let answer = reqwest::get(format!("{}/readyz", instance.url)).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn clock(report: &Value) -> &Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "clock").unwrap()
}

async fn fill(alice: &Client, up_to: i64) {
    for number in alice.revision().await..up_to {
        alice.register("voice/queues", &[&format!("queue-{number}")]).await;
    }
}

both_databases!(an_instance_whose_clock_is_far_ahead_deletes_nothing_that_others_need);
async fn an_instance_whose_clock_is_far_ahead_deletes_nothing_that_others_need(database: Database) {
    let kept = || Choices { revisions_kept_seconds: Some(365 * DAY), ..Choices::default() };
    let (one, ahead) = (Instance::start(&database, kept()).await, Instance::start(&database, kept()).await);
    let alice = one.tenant("acme").await;
    fill(&alice, 205).await;
    ahead.pass_seconds(400 * DAY);
    ahead.platform.delete_expired().await.unwrap();
    let count = alice.get("PolicyRevisions", serde_json::json!({ "first": 1 })).await["totalCount"].clone();
    assert_eq!(count, 205);
    // Looked up anew by an instance that remembers nothing.
    let fresh = Instance::start(&database, Choices::default()).await;
    assert!(alice.at(&fresh).allowed("alice", "read", "voice/queues").await, "the session is there");
}

both_databases!(an_instance_whose_clock_is_not_the_databases_is_not_ready_until_it_is);
async fn an_instance_whose_clock_is_not_the_databases_is_not_ready_until_it_is(database: Database) {
    let choices = Choices { clock_skew_max: Duration::from_mins(1), ..Choices::default() };
    let one = Instance::start(&database, choices).await;
    assert_eq!(readiness(&one).await.0, 200);
    for off in [3600, -3600] {
        one.pass_seconds(off);
        eventually("it is not ready", async || readiness(&one).await.0 == 503).await;
        let (_, report) = readiness(&one).await;
        assert_eq!((&clock(&report)["ok"], &clock(&report)["required"]), (&Value::from(false), &Value::from(true)));
        assert!(clock(&report)["detail"].as_str().unwrap().ends_with("s from the database's"), "{report:#}");
        one.pass_seconds(-off);
        eventually("it is ready again", async || readiness(&one).await.0 == 200).await;
    }
    // Within what the setting allows nobody minds.
    one.pass_seconds(30);
    assert_eq!(readiness(&one).await.0, 200);
}
