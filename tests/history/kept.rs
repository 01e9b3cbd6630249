//! The time for which the past is kept: old revisions go, and the others are answered as before.

use std::time::Duration;

use bailiwick::domain::name::Timestamp;
use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, both_databases, eventually};
use crate::common::operations::document;
use crate::common::socket::Socket;
use crate::common::tables::Tables;

const DAY: i64 = 24 * 3600;

async fn start(database: &Database, kept: Option<i64>) -> Instance {
    let choices = Choices { tidy_every: Duration::from_millis(20), revisions_kept_seconds: kept, ..Choices::default() };
    Instance::start(database, choices).await
}

/// Makes all revisions so many seconds older; their age is by the database's clock.
async fn pass(tables: &Tables, seconds: i64) {
    tables.run(&format!("UPDATE revisions SET at = at - {}", seconds * 1_000_000)).await;
}

/// Makes revisions up to this one: a queue more in each.
async fn fill(alice: &Client, up_to: i64) {
    for number in alice.revision().await..up_to {
        alice.register("voice/queues", &[&format!("queue-{number}")]).await;
    }
    assert_eq!(alice.revision().await, up_to);
}

/// Returns the first revision that is kept.
async fn oldest(alice: &Client) -> i64 {
    let count = alice.get("PolicyRevisions", json!({ "first": 1 })).await["totalCount"].as_i64().unwrap();
    alice.revision().await - count + 1
}

/// Returns all answers about a revision.
async fn told(alice: &Client, revision: i64) -> Value {
    let asked =
        json!({ "subject": "alice", "action": "read", "object": "voice/queues/queue-150", "atRevision": revision });
    json!({
        "policy": alice.get("Policy", json!({ "revision": revision })).await["csv"],
        "decision": alice.get("Decision", json!({ "input": asked })).await,
        "diff": alice.get("PolicyDiff", json!({ "from": revision, "to": 230, "access": true })).await,
    })
}

both_databases!(r45_what_is_too_old_is_forgotten_and_what_is_kept_is_answered_as_before);
async fn r45_what_is_too_old_is_forgotten_and_what_is_kept_is_answered_as_before(database: Database) {
    let instance = start(&database, Some(30 * DAY)).await;
    let alice = instance.tenant("acme").await;
    fill(&alice, 130).await;
    let tables = Tables::of(&database).await;
    pass(&tables, 20 * DAY).await;
    fill(&alice, 230).await;
    assert_eq!(oldest(&alice).await, 1);
    let kept = [100, 101, 130, 199, 230];
    let mut before = Vec::new();
    for revision in kept {
        before.push(told(&alice, revision).await);
    }

    pass(&tables, 15 * DAY).await;
    eventually("the log is shortened", async || oldest(&alice).await == 100).await;
    for (revision, before) in kept.into_iter().zip(before) {
        assert_eq!(told(&alice, revision).await, before, "{revision}");
    }
    for (operation, input, field) in [
        ("Policy", json!({ "revision": 99 }), "revision"),
        ("Policy", json!({ "revision": 0 }), "revision"),
        ("PolicyDiff", json!({ "from": 1, "to": 130 }), "from"),
        ("PolicyDiff", json!({ "from": 230, "to": 42 }), "to"),
    ] {
        let answer = alice.answer(operation, input.clone()).await;
        let error = &answer["errors"][0];
        let said = (error["extensions"]["code"].as_str().unwrap(), error["message"].as_str().unwrap());
        assert!(
            said.0 == "NOT_FOUND" && said.1.ends_with("is no longer kept: the oldest is `100`"),
            "{input} {answer:#}"
        );
        assert_eq!(error["extensions"]["field"], json!([field]), "{answer:#}");
    }
    let refused = alice.refuse("PolicyRestore", json!({ "revision": 99 })).await;
    assert_eq!(refused.0, "NOT_FOUND");
    let back = alice.make("PolicyRestore", json!({ "revision": 120 })).await;
    assert_eq!(back["revision"], 230, "queues are the host's: nothing else has changed");
    let listed = alice.get("PolicyRevisions", json!({ "first": 100, "after": null })).await;
    let next = alice.get("PolicyRevisions", json!({ "first": 100, "after": listed["pageInfo"]["endCursor"] })).await;
    assert_eq!(next["nodes"].as_array().unwrap().last().unwrap()["revision"], 100);

    // A client that last listened before that has missed a revision, and is told so.
    let mut news = Socket::open(&instance.url, &alice).await;
    news.subscribe("1", &document("PolicyChanged"), json!({ "since": 98 })).await;
    let refused = news.next("1").await;
    assert_eq!(refused["errors"][0]["extensions"]["field"], json!(["since"]), "{refused:#}");
    assert_eq!(news.hear().await["type"], "complete");
    news.subscribe("2", &document("PolicyChanged"), json!({ "since": 99 })).await;
    assert_eq!(news.next("2").await["data"]["policyChanged"]["revision"], 100);

    // An instance that starts now knows no more, and goes on.
    drop(news);
    instance.stop().await;
    let other = start(&database, None).await;
    let alice = other.stranger().signed_in("acme", "alice", PASSWORD).await;
    assert_eq!((oldest(&alice).await, told(&alice, 150).await["decision"]["allowed"].clone()), (100, json!(true)));
    fill(&alice, 233).await;
}

#[tokio::test]
async fn nothing_is_forgotten_unless_it_is_said() {
    let database = Database::sqlite();
    let instance = start(&database, None).await;
    let alice = instance.tenant("acme").await;
    fill(&alice, 105).await;
    pass(&Tables::of(&database).await, 4000 * DAY).await;
    instance.platform.delete_expired().await.unwrap();
    assert_eq!(oldest(&alice).await, 1);
    // And never what is in force, however old it is.
    let store = &instance.store;
    assert_eq!(store.compact_revisions(instance.platform.now()).await.unwrap(), 99);
    assert_eq!((oldest(&alice).await, alice.revision().await), (100, 105));
}

both_databases!(a_clock_that_was_wrong_for_a_while_takes_nothing_with_it);
async fn a_clock_that_was_wrong_for_a_while_takes_nothing_with_it(database: Database) {
    let instance = start(&database, None).await;
    let alice = instance.tenant("acme").await;
    fill(&alice, 205).await;
    let tables = Tables::of(&database).await;
    tables.run("UPDATE revisions SET at = 1 WHERE revision = 200").await;
    let store = &instance.store;
    assert_eq!(store.compact_revisions(Timestamp(2)).await.unwrap(), 0);
    tables.run("UPDATE revisions SET at = 1 WHERE revision < 150").await;
    assert_eq!(store.compact_revisions(Timestamp(2)).await.unwrap(), 99);
    assert_eq!(oldest(&alice).await, 100);
}
