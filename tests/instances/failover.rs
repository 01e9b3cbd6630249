//! A database that loses its last commits: a standby that lags takes over, or an earlier copy is brought back. Numbers
//! are then given out twice, and all instances end where the database is all the same.

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bailiwick::sync::Bus;
use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};
use serde_json::json;
use tokio::sync::Mutex;

use super::proxy::Proxy;
use super::{acme, all_end_equal, arrives, counters, sees_queues, set_voice};
use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, eventually};
use crate::common::servers::PostgresServer;
use crate::common::tables::Tables;

const VIEWER: &str = "{ viewer { user { key } } }";

/// Opens the module Chat for `uma`, and returns the revision. An instance that has just lost its database fails a few
/// times.
async fn open_chat(alice: &Client) -> u64 {
    let saved = Cell::new(None);
    eventually("the module is saved", async || {
        let profile = alice.ask(r#"{ profile(key: "desk") { version } }"#, json!({})).await;
        let version = profile["data"]["profile"]["version"].clone();
        let input = json!({ "profile": "desk", "module": "chat", "version": version, "all": true });
        let answer = alice.ask(super::SAVE, json!({ "input": input })).await;
        saved.set(answer["data"]["profileSaveModule"]["revision"].as_u64());
        saved.get().is_some()
    })
    .await;
    saved.get().unwrap()
}

/// Gives `uma` another password, which ends all sessions of theirs.
async fn reset_password(alice: &Client) {
    const SET: &str =
        "mutation($input: UserSetPasswordInput!) { userSetPassword(input: $input) { userErrors { code message } } }";
    alice.done(SET, json!({ "input": { "key": "uma", "password": "Another-12" } })).await;
}

async fn is_signed_in(client: &Client) -> bool {
    let answer = client.ask(VIEWER, json!({})).await;
    match answer["errors"][0]["extensions"]["code"].as_str() {
        None => true,
        Some("UNAUTHENTICATED") => false,
        Some(code) => panic!("{code}: {answer}"),
    }
}

/// Returns the number of times that an instance had something in memory that was not of the database's history.
async fn replaced(instance: &Instance) -> u64 {
    let metrics = reqwest::get(format!("{}/metrics", instance.metrics)).await.unwrap().text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("bailiwick_policies_replaced_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Loses a change and a credential epoch that two instances have in memory, has one of them give both
/// numbers out again, and checks that all decide by what the database holds. The other may see nothing before
/// `meet`: so by number, there is nothing to see for it.
async fn loses_its_last_commits(
    database: &Database,
    [one, other]: [&Instance; 2],
    keep: impl AsyncFnOnce(),
    lose: impl AsyncFnOnce(),
    meet: impl AsyncFnOnce(),
) {
    let alice = acme(one).await;
    let kept = set_voice(&alice, true).await;
    arrives(other, kept).await;
    let uma = one.stranger().signed_in("acme", "uma", PASSWORD).await;
    let there = alice.at(other);
    keep().await;

    // Lost, with their numbers: the module is closed, and an epoch begins.
    let lost = set_voice(&alice, false).await;
    alice.done("mutation { apiKeyGenerate(input: {}) { token userErrors { code } } }", json!({})).await;
    let epoch = counters(one).await.credential_epoch;
    for instance in [one, other] {
        eventually("all of it is there", async || {
            let there = counters(instance).await;
            (there.revision, there.credential_epoch) == (lost, epoch)
        })
        .await;
        assert!(!sees_queues(&alice.at(instance)).await);
        // Twice, so that the session is remembered.
        assert!(is_signed_in(&uma.at(instance)).await && is_signed_in(&uma.at(instance)).await);
    }
    lose().await;

    // Given out again: another module is opened, and a password ends a session.
    assert_eq!(open_chat(&alice).await, lost);
    let chat = async |client: &Client| client.allowed("uma", "read", "chat/queues").await;
    assert!(chat(&alice).await, "what was acknowledged holds where it was");
    assert!(sees_queues(&alice).await, "what was lost does not");
    reset_password(&alice).await;
    assert_eq!(counters(one).await.credential_epoch, epoch);
    assert!(!is_signed_in(&uma).await);
    assert_eq!(counters(one).await.revision, lost, "each number was given out twice");
    meet().await;
    eventually("the other is where the database is", async || sees_queues(&there).await && chat(&there).await).await;
    eventually("the session has ended there", async || !is_signed_in(&uma.at(other)).await).await;
    all_end_equal(database, &[one, other]).await;
    for instance in [one, other] {
        assert!(replaced(instance).await > 0);
    }
    // And all goes on.
    let next = set_voice(&there, false).await;
    arrives(one, next).await;
    assert!(!sees_queues(&alice).await);
}

/// Two instances that the bus brings news, and that sweep so often, and two that only sweep.
fn ways(sweep_every: Duration) -> [[Choices; 2]; 2] {
    let bus = Bus::memory();
    let hears = || Choices { bus: bus.clone(), sweep_every, ..Choices::default() };
    let sweeps = || Choices { sweep_every: Duration::from_millis(50), ..Choices::default() };
    [[hears(), hears()], [sweeps(), sweeps()]]
}

#[tokio::test]
async fn after_a_standby_that_lags_has_taken_over_all_decide_by_what_it_holds() {
    // A connection to a database that is gone may be what the news meet.
    for [first, second] in ways(Duration::from_secs(1)) {
        let primary = PostgresServer::start();
        let database = Database::at(primary.create_database().await);
        let standby = primary.standby();
        let primary = Mutex::new(primary);
        let (wire, wired) = Proxy::before(&database).await;
        let (late, wired_late) = Proxy::before(&database).await;
        let (one, other) = (Instance::start(&wired, first).await, Instance::start(&wired_late, second).await);
        loses_its_last_commits(
            &wired,
            [&one, &other],
            async || standby.falls_behind(&*primary.lock().await).await,
            async || {
                primary.lock().await.kill();
                standby.promote().await;
                wire.lead_to(standby.port()).await;
            },
            async || late.lead_to(standby.port()).await,
        )
        .await;
    }
}

#[tokio::test]
async fn after_an_earlier_copy_of_a_file_was_brought_back_all_decide_by_what_it_holds() {
    for [first, second] in ways(Duration::from_hours(1)) {
        let database = Database::sqlite();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db").display().to_string();
        let (one, other) = (Instance::start(&database, first).await, Instance::start(&database, second).await);
        loses_its_last_commits(
            &database,
            [&one, &other],
            async || copy_to(&database, &copy).await,
            async || bring_back(&database, &copy).await,
            async || {},
        )
        .await;
    }
}

async fn copy_to(database: &Database, copy: &str) {
    let connection = sea_orm::Database::connect(&database.url).await.unwrap();
    connection.execute_unprepared(&format!("VACUUM INTO '{copy}'")).await.unwrap();
    connection.close().await.unwrap();
}

/// Makes all tables what they are in the copy, at once.
async fn bring_back(database: &Database, copy: &str) {
    let options = sea_orm::ConnectOptions::new(&database.url).max_connections(1).to_owned();
    let connection = sea_orm::Database::connect(options).await.unwrap();
    connection.execute_unprepared(&format!("PRAGMA foreign_keys = OFF; ATTACH '{copy}' AS copy")).await.unwrap();
    let tables = "SELECT name FROM copy.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables = Statement::from_string(connection.get_database_backend(), tables);
    let mut all = String::from("BEGIN IMMEDIATE;");
    for row in connection.query_all_raw(tables).await.unwrap() {
        let table: String = row.try_get_by_index(0).unwrap();
        let _ = write!(all, "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM copy.{table};");
    }
    connection.execute_unprepared(&format!("{all} COMMIT")).await.unwrap();
    connection.close().await.unwrap();
}

/// Keeps a copy of all tables beside them.
const KEEP: &str = "CREATE SCHEMA kept; DO $$ DECLARE one name; BEGIN \
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP \
        EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', one, one); \
    END LOOP; END $$";
/// Makes all tables what they are in the copy.
const BRING_BACK: &str = "DO $$ DECLARE one name; BEGIN \
    SET LOCAL session_replication_role = replica; \
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' LOOP \
        EXECUTE format('DELETE FROM public.%I', one); \
        EXECUTE format('INSERT INTO public.%I SELECT * FROM kept.%I', one, one); \
    END LOOP; END $$";

#[tokio::test]
async fn what_is_known_to_be_lost_decides_nothing_though_its_reading_was_given_up() {
    let database = Database::postgres().await;
    let one = Instance::start(&database, Choices::default()).await;
    let alice = acme(&one).await;
    set_voice(&alice, false).await;
    let tables = Tables::of(&database).await;
    tables.run(KEEP).await;
    set_voice(&alice, true).await;
    assert!(sees_queues(&alice).await);
    tables.run(BRING_BACK).await;
    let watcher = tokio::spawn({
        let (platform, token) = (one.platform.clone(), alice.token.clone().unwrap());
        async move { platform.wait_for_change(&token).await }
    });

    // Whoever finds out that it is lost gives up while the rules are read.
    let holder = sea_orm::Database::connect(&database.url).await.unwrap();
    let held = holder.begin().await.unwrap();
    held.execute_unprepared("LOCK TABLE casbin_rule IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (tenants, key) = (Arc::clone(&one.policies), "acme".to_owned().try_into().unwrap());
    let tenant = tenants.get_by_key(&key).await.unwrap().unwrap();
    let reading = tokio::spawn(async move { tenants.refresh(&tenant).await });
    let waits =
        "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually("the rules are read", async || tables.texts(waits).await != ["0"]).await;
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    held.rollback().await.unwrap();

    assert!(!sees_queues(&alice).await, "what was lost does not hold");
    assert_eq!(replaced(&one).await, 1);
    let ended = tokio::time::timeout(Duration::from_secs(20), watcher).await;
    ended.expect("who watches a credential hears that what is in memory is gone").unwrap();
}
