//! A database that is there and says nothing, and holders that stand still: the wait for each has a bound, and all goes
//! on once they are back.

use std::time::{Duration, Instant};

use bailiwick::store::Limits;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};

use super::proxy::{Proxy, Wire};
use super::{SAVE, acme, arrives, counters, sees_queues, set_voice, voice_input};
use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, eventually};
use crate::common::not_hung;
use crate::common::servers::{PostgresServer, RedisServer};
use crate::common::tables::Tables;

/// Starts an instance that waits for each statement no longer than two seconds.
async fn impatient(database: &Database) -> Instance {
    Instance::start(database, Choices { database: limits(), ..Choices::default() }).await
}

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    Limits { statement: second, idle: second, ..Limits::default() }.with_connections(8)
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

/// Asks for users side by side, each by its key; returns the number of answers, all of which are right.
async fn asked_for_users(alice: &Client, users: u64) -> usize {
    let ask = async |n: u64| {
        let key = format!("agent{}", n % users);
        let answer = alice.ask(&format!(r#"{{ user(key: "{key}") {{ key fullName }} }}"#), json!({})).await;
        match &answer["data"]["user"] {
            Value::Null => assert_eq!(code(&answer), "UNAVAILABLE", "{answer:#}"),
            user => assert_eq!(user, &json!({ "key": key, "fullName": format!("Agent {}", n % users) })),
        }
        usize::from(answer["data"]["user"].is_object())
    };
    futures_util::future::join_all((0..60).map(ask)).await.into_iter().sum()
}

#[tokio::test]
async fn a_database_that_hangs_is_away_within_the_limit_and_no_answer_goes_to_another_question() {
    let server = PostgresServer::start();
    let database = Database::at(server.create_database().await);
    let one = impatient(&database).await;
    let alice = acme(&one).await;
    set_voice(&alice, true).await;
    for n in 0..6 {
        let email = format!("agent{n}@example.com");
        let user = json!({ "username": format!("agent{n}"), "fullName": format!("Agent {n}"), "email": email, "baseRole": "AGENT" });
        alice.make("UserCreate", user).await;
    }
    assert_eq!(asked_for_users(&alice, 6).await, 60);
    let input = voice_input(&alice, false).await;

    let busy = tokio::spawn({
        let alice = alice.clone();
        async move { asked_for_users(&alice, 6).await }
    });
    server.freeze();
    let asked = Instant::now();
    busy.await.unwrap();
    for _ in 0..2 {
        let stranger = one.stranger();
        let (saved, signed_in, users) = tokio::join!(
            alice.ask(SAVE, input.clone()),
            stranger.failed(
                "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token } }",
                json!({ "input": { "tenant": "acme", "username": "alice", "password": PASSWORD } }),
            ),
            asked_for_users(&alice, 6),
        );
        assert_eq!((code(&saved), signed_in.as_str(), users), ("UNAVAILABLE", "UNAVAILABLE", 0), "{saved:#}");
        assert!(sees_queues(&alice).await, "decisions go on from memory");
    }
    not_hung(asked);

    server.thaw();
    eventually("all answers come again", async || asked_for_users(&alice, 6).await == 60).await;
    set_voice(&alice, false).await;
    assert!(!sees_queues(&alice).await);
    assert_eq!(asked_for_users(&alice, 6).await, 60);
    one.stop().await;
}

#[tokio::test]
async fn an_instance_stops_though_its_database_says_nothing() {
    let (wire, wired) = Proxy::before(&Database::postgres().await).await;
    let one = impatient(&wired).await;
    let alice = acme(&one).await;
    let input = voice_input(&alice, true).await;
    wire.set(Wire::Silent);
    let asked = Instant::now();
    assert_eq!(code(&alice.ask(SAVE, input).await), "UNAVAILABLE");
    one.stop().await;
    not_hung(asked);
}

#[tokio::test]
async fn while_somebody_holds_the_tenant_people_sign_in_and_keys_work_and_the_log_is_whole() {
    let database = Database::postgres().await;
    let one = impatient(&database).await;
    let alice = acme(&one).await;
    let key = alice.make("ApiKeyGenerate", json!({})).await["token"].as_str().unwrap().to_owned();
    let other = impatient(&database).await;
    let input = voice_input(&alice, true).await;

    let holder = sea_orm::Database::connect(&database.url).await.unwrap();
    let held = holder.begin().await.unwrap();
    held.execute_unprepared("UPDATE tenants SET revision = revision WHERE key = 'acme'").await.unwrap();
    let asked = Instant::now();
    for instance in [&one, &other] {
        assert_eq!(code(&alice.at(instance).ask(SAVE, input.clone()).await), "UNAVAILABLE");
        let again = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
        assert!(sees_queues_or_not(&again).await);
        assert!(sees_queues_or_not(&again.with_token(&key)).await);
    }
    not_hung(asked);
    assert_eq!(one.audited("acme", "session.create").await.len(), 3, "each sign-in is in the log at once");
    held.rollback().await.unwrap();

    set_voice(&alice, true).await;
    one.stranger().signed_in("acme", "alice", PASSWORD).await;
    let tables = Tables::of(&database).await;
    let waiting = "SELECT count(*)::text FROM audit_events WHERE place < 0";
    eventually("all events have their places", async || tables.texts(waiting).await == ["0"]).await;
    let acme = one.policies.get_by_key(&"acme".to_owned().try_into().unwrap()).await.unwrap().unwrap().id;
    let report = one.store.scope(acme).audit_chain(|_| ()).await.unwrap().unwrap();
    assert_eq!(report.broken, None);
}

/// Tells that a decision is made, whatever it is.
async fn sees_queues_or_not(client: &Client) -> bool {
    sees_queues(client).await;
    true
}

#[tokio::test]
async fn changes_of_a_tenant_that_is_held_up_hold_up_those_of_no_other() {
    let database = Database::postgres().await;
    let one = impatient(&database).await;
    let (alice, gil) = (acme(&one).await, one.tenant("globex").await);
    let input = voice_input(&alice, true).await;
    let holder = sea_orm::Database::connect(&database.url).await.unwrap();
    let held = holder.begin().await.unwrap();
    held.execute_unprepared("UPDATE tenants SET revision = revision WHERE key = 'acme'").await.unwrap();
    let waiting = (0..30).map(|_| {
        let (alice, input) = (alice.clone(), input.clone());
        tokio::spawn(async move { alice.ask(SAVE, input).await })
    });
    let waiting: Vec<_> = waiting.collect();
    let tables = Tables::of(&database).await;
    let locked =
        "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually("changes wait", async || tables.texts(locked).await != ["0"]).await;
    for characters in 2..6 {
        gil.make("SettingsUpdate", json!({ "maskedCharacters": characters })).await;
    }
    held.rollback().await.unwrap();
    for change in waiting {
        let answer = change.await.unwrap();
        assert!(["none", "UNAVAILABLE"].contains(&code(&answer)), "{answer:#}");
    }
}

#[tokio::test]
async fn a_change_that_waits_at_its_commit_is_told_as_unknown_and_found_out() {
    let (redis, database) = (RedisServer::start(), Database::postgres().await);
    let bus = || bailiwick::sync::Bus::redis(&redis.url()).unwrap();
    let (wire, wired) = Proxy::before(&database).await;
    let one = Instance::start(&wired, Choices { bus: bus(), database: limits(), ..Choices::default() }).await;
    let other = Instance::start(&database, Choices { bus: bus(), ..Choices::default() }).await;
    let alice = acme(&one).await;
    let there = alice.at(&other);
    assert!(!sees_queues(&there).await);
    let revision = counters(&one).await.revision;
    let input = voice_input(&alice, true).await;
    let tables = Tables::of(&database).await;

    // The database takes its time to store it, and is not heard from then on.
    let say = "CREATE FUNCTION says() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$; \
               CREATE CONSTRAINT TRIGGER says AFTER INSERT ON revisions DEFERRABLE INITIALLY DEFERRED \
               FOR EACH ROW EXECUTE FUNCTION says()";
    tables.run(say).await;
    wire.set(Wire::LosesAnswer);
    let silence = tokio::spawn(async move {
        wire.is(Wire::Open).await;
        wire.set(Wire::Silent);
        wire
    });
    let answer = alice.ask(SAVE, input).await;
    let wire = silence.await.unwrap();
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((code(&answer), &extensions["outcome"]), ("UNAVAILABLE", &json!("UNKNOWN")), "{answer:#}");
    let change = extensions["change"].clone();
    wire.set(Wire::Open);

    let ask = "query($id: ID!) { change(id: $id) { action target revision } }";
    let stored = alice.data(ask, json!({ "id": change })).await;
    assert_eq!(
        stored["change"],
        json!({ "action": "profile.saveModule", "target": "profile:desk", "revision": revision + 1 })
    );
    arrives(&one, revision + 1).await;
    eventually("the others hear of it", async || sees_queues(&there).await).await;
    let stranger = uuid::Uuid::now_v7();
    assert_eq!(alice.data(ask, json!({ "id": stranger })).await["change"], Value::Null);
    assert_eq!(alice.failed(ask, json!({ "id": "nonsense" })).await, "BAD_INPUT");
    let uma = one.stranger().signed_in("acme", "uma", PASSWORD).await;
    assert_eq!(uma.data(ask, json!({ "id": change })).await["change"], Value::Null, "it is not theirs to see");
    let globex = one.tenant("globex").await;
    assert_eq!(globex.data(ask, json!({ "id": change })).await["change"], Value::Null);
}

#[tokio::test]
async fn a_change_that_is_stored_is_answered_as_made_when_it_cannot_be_read_back() {
    let (wire, wired) = Proxy::before(&Database::postgres().await).await;
    let one = impatient(&wired).await;
    let alice = acme(&one).await;
    let user = json!({ "username": "eve", "fullName": "Eve", "email": "eve@example.com", "baseRole": "AGENT" });
    let settings = json!({ "maskedCharacters": 7 });
    let group = json!({ "key": "night", "name": "Night" });
    for (mutation, input, field) in [
        ("userCreate", user, "user { key profile { key } }"),
        ("settingsUpdate", settings, "settings { maskedCharacters }"),
        ("groupCreate", group, "group { key memberCount }"),
    ] {
        let revision = counters(&one).await.revision;
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation($input: {kind}!) {{ {mutation}(input: $input) {{ revision {field} userErrors {{ code }} }} }}"
        );
        wire.set(Wire::EndsWithCommit);
        let answer = alice.ask(&query, json!({ "input": input })).await;
        wire.set(Wire::Open);
        let payload = &answer["data"][mutation];
        assert!(payload["revision"].as_u64().is_some_and(|now| now >= revision), "{answer:#}");
        let thing = field.split(' ').next().unwrap();
        assert_eq!((&payload[thing], &payload["userErrors"]), (&Value::Null, &json!([])), "{answer:#}");
        let twice = alice.ask(&query, json!({ "input": input })).await;
        let code = twice["data"][mutation]["userErrors"][0]["code"].as_str();
        assert!(mutation == "settingsUpdate" || code == Some("ALREADY_EXISTS"), "{twice:#}");
    }
}

#[tokio::test]
async fn connections_that_have_died_are_replaced_before_anybody_notices() {
    let database = Database::postgres().await;
    let one = Instance::start(&database, Choices::default()).await;
    let alice = acme(&one).await;
    let tables = Tables::of(&database).await;
    for round in 0..6 {
        futures_util::future::join_all(
            (0..16).map(|_| alice.ask(r#"{ profile(key: "desk") { version } }"#, json!({}))),
        )
        .await;
        let all = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'bailiwick'";
        assert!(!tables.texts(all).await.is_empty());
        if round % 2 == 0 {
            set_voice(&alice, round % 4 == 0).await;
        } else {
            alice.data(r#"{ profile(key: "desk") { version } }"#, json!({})).await;
        }
    }
}
