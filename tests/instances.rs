//! Several instances on one database: a change at one holds at all of them, whatever happens to the bus or to the
//! database in between.

mod agree;
mod bus;
mod credentials;
mod database;
mod failover;
mod forged;
mod hung;
mod proxy;
mod slow;
mod working;
mod writers;

use std::time::Duration;

use bailiwick::domain::key::TenantKey;
use bailiwick::policy::revision::Counters;
use bailiwick::sync::Bus;
use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, eventually};
use crate::common::servers::RedisServer;

const SAVE: &str = "mutation($input: ProfileSaveModuleInput!) { profileSaveModule(input: $input) { revision userErrors { code message } } }";

/// Makes the tenant `acme`, whose user `uma` holds the profile `desk`; returns its admin.
async fn acme(instance: &Instance) -> Client {
    let alice = instance.tenant("acme").await;
    let profile = json!({ "name": "Desk", "permissionType": "READ_EDIT" });
    alice
        .done(
            "mutation($input: ProfileCreateInput!) { profileCreate(input: $input) { userErrors { code message } } }",
            json!({ "input": profile }),
        )
        .await;
    let user = json!({
        "username": "uma", "fullName": "Uma", "email": "uma@example.com", "password": PASSWORD,
        "baseRole": "USER", "profile": "desk",
    });
    alice
        .done(
            "mutation($input: UserCreateInput!) { userCreate(input: $input) { userErrors { code message } } }",
            json!({ "input": user }),
        )
        .await;
    alice
}

/// Returns the input that saves the module Voice of the profile `desk`: all of it open, or all of it closed.
async fn voice_input(alice: &Client, open: bool) -> Value {
    let profile = alice.data(r#"{ profile(key: "desk") { version } }"#, json!({})).await;
    json!({ "input": { "profile": "desk", "module": "voice", "version": profile["profile"]["version"], "all": open } })
}

/// Opens or closes Voice for `uma`; returns the revision.
async fn set_voice(alice: &Client, open: bool) -> u64 {
    let saved = alice.done(SAVE, voice_input(alice, open).await).await;
    saved["revision"].as_u64().unwrap()
}

/// Returns whether `uma` may read the queues.
async fn sees_queues(client: &Client) -> bool {
    client.allowed("uma", "read", "voice/queues").await
}

/// Returns the whole answer about `uma` reading the queues, at this revision or a later one.
async fn queues_at(client: &Client, revision: u64) -> Value {
    let query = "query($input: DecisionInput!) { decision(input: $input) { allowed revision } }";
    let input = json!({ "subject": "uma", "action": "read", "object": "voice/queues", "atLeastRevision": revision });
    client.ask(query, json!({ "input": input })).await
}

/// Returns an instance's counters of `acme`.
async fn counters(instance: &Instance) -> Counters {
    let key = TenantKey::parse("acme").unwrap();
    instance.policies.get_by_key(&key).await.unwrap().unwrap().policy().counters
}

/// Waits until an instance has a revision of `acme`.
async fn arrives(instance: &Instance, revision: u64) {
    eventually(&format!("revision {revision}"), async || counters(instance).await.revision >= revision).await;
}

/// Returns the rules by which an instance decides for `acme`, in order.
async fn rules(instance: &Instance) -> Vec<String> {
    let caller = instance.platform.system_caller(&TenantKey::parse("acme").unwrap()).await.unwrap();
    let csv = instance.platform.policy_export(&caller).await.unwrap().text().await.unwrap();
    let mut lines: Vec<String> = csv.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Waits until all instances are where a fresh one is, which has read everything anew; and
/// checks that the log holds each revision once.
async fn all_end_equal(database: &Database, instances: &[&Instance]) {
    let fresh = Instance::start(database, Choices::default()).await;
    let (there, expected) = (counters(&fresh).await, rules(&fresh).await);
    for instance in instances {
        eventually("the counters of a fresh instance", async || counters(instance).await == there).await;
        assert_eq!(rules(instance).await, expected);
    }
    let key = TenantKey::parse("acme").unwrap();
    let id = fresh.policies.get_by_key(&key).await.unwrap().unwrap().id;
    let log = fresh.store.revisions_since(id, 0, 10_000).await.unwrap();
    assert!(log.iter().map(|entry| entry.revision).eq(1..=there.revision));
    fresh.stop().await;
}

/// Runs a test on two instances on one `PostgreSQL` and one Redis, then on two within one process
/// on one `SQLite` file. Only the bus brings them news.
async fn on_pairs<F: Future<Output = ()>>(test: impl Fn(Database, Instance, Instance) -> F) {
    let redis = RedisServer::start();
    let on_redis = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let database = Database::postgres().await;
    let (one, other) = (Instance::start(&database, on_redis()).await, Instance::start(&database, on_redis()).await);
    test(database, one, other).await;

    let bus = Bus::memory();
    let in_memory = || Choices { bus: bus.clone(), ..Choices::default() };
    let database = Database::sqlite();
    let (one, other) = (Instance::start(&database, in_memory()).await, Instance::start(&database, in_memory()).await);
    test(database, one, other).await;
}

/// Starts an instance that hears no other and looks at the database every 50 milliseconds.
async fn sweeping(database: &Database) -> Instance {
    Instance::start(database, Choices { sweep_every: Duration::from_millis(50), ..Choices::default() }).await
}
