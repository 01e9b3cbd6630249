//! A database that fails: decisions go on from memory, writes say so at once, and all recovers.

use std::time::{Duration, Instant};

use bailiwick::sync::Bus;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};

use super::proxy::{Proxy, Wire};
use super::{SAVE, acme, all_end_equal, arrives, counters, queues_at, sees_queues, set_voice, sweeping, voice_input};
use crate::common::app::{Choices, Client, Database, Instance, both_databases, eventually};
use crate::common::not_hung;
use crate::common::servers::{PostgresServer, RedisServer};
use crate::common::tables::Tables;

/// The number of open transactions of instances.
const OPEN_TRANSACTIONS: &str = "SELECT count(*)::text FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'bailiwick' AND xact_start IS NOT NULL";

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

/// Waits until the module can be saved again.
async fn set_voice_at_last(alice: &Client, open: bool) {
    eventually("writes work again", async || {
        let profile = alice.ask(r#"{ profile(key: "desk") { version } }"#, json!({})).await;
        let version = profile["data"]["profile"]["version"].clone();
        let input = json!({ "profile": "desk", "module": "voice", "version": version, "all": open });
        version.is_i64()
            && alice.ask(SAVE, json!({ "input": input })).await["data"]["profileSaveModule"]["revision"].is_i64()
    })
    .await;
}

#[tokio::test]
async fn while_postgres_is_away_decisions_go_on_and_writes_fail_at_once_and_then_all_recovers() {
    let (mut server, redis) = (PostgresServer::start(), RedisServer::start());
    let database = Database::at(server.create_database().await);
    let choices = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&database, choices()).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    let revision = set_voice(&alice, true).await;
    arrives(&other, revision).await;
    assert!(sees_queues(&there).await, "its session is in memory there, too");
    let input = voice_input(&alice, false).await;

    server.kill();
    for _ in 0..5 {
        for client in [&alice, &there] {
            assert!(sees_queues(client).await);
            let asked = Instant::now();
            assert_eq!(code(&client.ask(SAVE, input.clone()).await), "UNAVAILABLE");
            not_hung(asked);
        }
    }
    assert_eq!(code(&queues_at(&there, revision + 1).await), "UNAVAILABLE");
    assert_eq!(queues_at(&there, revision).await["data"]["decision"]["allowed"], true);
    for (query, expected) in [("", 200), ("?for=changes", 503)] {
        let asked = Instant::now();
        assert_eq!(reqwest::get(format!("{}/readyz{query}", one.url)).await.unwrap().status(), expected);
        not_hung(asked);
    }

    server.restart();
    set_voice_at_last(&alice, false).await;
    eventually("the change arrives", async || !sees_queues(&there).await).await;
    all_end_equal(&database, &[&one, &other]).await;
}

#[tokio::test]
async fn past_the_longest_staleness_decisions_stop_until_the_database_is_back() {
    let mut server = PostgresServer::start();
    let database = Database::at(server.create_database().await);
    let choices = Choices {
        sweep_every: Duration::from_millis(50),
        max_staleness: Some(Duration::from_secs(2)),
        ..Choices::default()
    };
    let one = Instance::start(&database, choices).await;
    let alice = acme(&one).await;
    set_voice(&alice, true).await;
    server.kill();
    let uma = json!({ "input": { "subject": "uma", "action": "read", "object": "voice/queues" } });
    let ask =
        async || alice.ask("query($input: DecisionInput!) { decision(input: $input) { allowed } }", uma.clone()).await;
    assert_eq!(ask().await["data"]["decision"]["allowed"], true);
    eventually("decisions stop", async || code(&ask().await) == "UNAVAILABLE").await;
    server.restart();
    eventually("decisions go on", async || ask().await["data"]["decision"]["allowed"] == true).await;
}

both_databases!(a_database_that_was_set_back_is_followed_back);
async fn a_database_that_was_set_back_is_followed_back(database: Database) {
    let one = sweeping(&database).await;
    let alice = acme(&one).await;
    let revision = set_voice(&alice, true).await;
    assert!(sees_queues(&alice).await);
    let tables = Tables::of(&database).await;
    let acme = "(SELECT id FROM tenants WHERE key = 'acme')";
    for statement in [
        format!("DELETE FROM revisions WHERE revision = {revision} AND tenant_id = {acme}"),
        format!("DELETE FROM casbin_rule WHERE v0 = 'profile:desk' AND v2 LIKE 'voice%' AND tenant_id = {acme}"),
        format!("UPDATE tenants SET revision = {} WHERE key = 'acme'", revision - 1),
    ] {
        tables.run(&statement).await;
    }
    eventually("what was undone holds no more", async || !sees_queues(&alice).await).await;
}

#[tokio::test]
async fn a_database_that_says_nothing_delays_and_stops_nobody_for_ever() {
    let database = Database::postgres().await;
    let (wire, wired) = Proxy::before(&database).await;
    let sweeping = Choices { sweep_every: Duration::from_millis(50), ..Choices::default() };
    let (one, other) = (Instance::start(&database, Choices::default()).await, Instance::start(&wired, sweeping).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    sees_queues(&there).await;
    wire.set(Wire::Silent);
    let revision = set_voice(&alice, true).await;
    let asked = Instant::now();
    assert_eq!(code(&queues_at(&there, revision).await), "UNAVAILABLE");
    not_hung(asked);
    assert!(!sees_queues(&there).await, "older decisions go on");
    wire.set(Wire::Open);
    eventually("the sweep goes on", async || sees_queues(&there).await).await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_looked_up_and_told_as_what_it_is() {
    let (redis, database) = (RedisServer::start(), Database::postgres().await);
    let choices = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let (wire, wired) = Proxy::before(&database).await;
    let (one, other) = (Instance::start(&wired, choices()).await, Instance::start(&database, choices()).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    sees_queues(&there).await;
    let before = counters(&one).await.revision;

    let input = voice_input(&alice, true).await;
    wire.set(Wire::LosesCommit);
    assert_eq!(code(&alice.ask(SAVE, input).await), "UNAVAILABLE");
    assert_eq!(counters(&one).await.revision, before);
    assert!(!sees_queues(&alice).await);

    let input = voice_input(&alice, true).await;
    wire.set(Wire::LosesAnswer);
    assert_eq!(alice.done(SAVE, input).await["revision"], before + 1);
    assert!(sees_queues(&alice).await);
    eventually("the change arrives", async || sees_queues(&there).await).await;
    all_end_equal(&database, &[&one, &other]).await;
}

#[tokio::test]
async fn r43_a_wire_that_is_cut_inside_a_change_leaves_nothing_of_it() {
    let database = Database::postgres().await;
    let (wire, wired) = Proxy::before(&database).await;
    let one = Instance::start(&wired, Choices::default()).await;
    let alice = acme(&one).await;
    let tables = Tables::of(&database).await;
    let (before, rows) = (counters(&one).await, tables.all().await);
    // Every change waits in front of its audit event, for as long as the test holds this lock.
    let holder = sea_orm::Database::connect(&database.url).await.unwrap();
    let lock = holder.begin().await.unwrap();
    lock.execute_unprepared("SELECT pg_advisory_xact_lock(7)").await.unwrap();
    let wait = "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$; \
                CREATE TRIGGER waits BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION waits()";
    tables.run(wait).await;
    let input = voice_input(&alice, true).await;
    let save = tokio::spawn({
        let (alice, input) = (alice.clone(), input.clone());
        async move { alice.ask(SAVE, input).await }
    });
    let waiting = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    eventually("the change waits", async || tables.texts(waiting).await == ["1"]).await;
    wire.set(Wire::Cut);
    assert_eq!(code(&save.await.unwrap()), "UNAVAILABLE");
    lock.rollback().await.unwrap();
    wire.set(Wire::Open);
    eventually("the database has given it up", async || tables.texts(OPEN_TRANSACTIONS).await == ["0"]).await;
    tables.run("DROP TRIGGER waits ON audit_events; DROP FUNCTION waits()").await;
    assert_eq!((counters(&one).await, tables.all().await), (before, rows));
    assert!(!sees_queues(&alice).await);
    set_voice_at_last(&alice, true).await;
    assert!(sees_queues(&alice).await);
    assert_eq!(counters(&one).await.revision, before.revision + 1);
    all_end_equal(&database, &[&one]).await;
}
