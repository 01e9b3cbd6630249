//! Guesses at passwords: the clients that they count for, and the users that they hold up.

use std::time::{Duration, Instant};

use bailiwick::service::access::throttle::{SLOW_FOR_NAME, WRONG_FOR_NAME, WRONG_OF_CLIENT};
use bailiwick::sync::Bus;
use serde_json::json;

use super::{SIGN_IN, VIEWER};
use crate::common::app::{Choices, Client, Database, Instance, OPERATOR_PASSWORD, PASSWORD, both, eventually};
use crate::common::not_hung;
use crate::common::servers::RedisServer;
use crate::common::socket::Socket;

const WRONG: &str = "Wrong-1234";

/// Returns the outcome of signing in: `OK` when it works.
async fn outcome(client: &Client, tenant: &str, username: &str, password: &str) -> String {
    let input = json!({ "tenant": tenant, "username": username, "password": password });
    let answer = client.ask(SIGN_IN, json!({ "input": input })).await;
    let code = answer["errors"][0]["extensions"]["code"].as_str();
    let refused = answer["data"]["sessionCreate"]["userErrors"][0]["code"].as_str();
    code.or(refused).unwrap_or("OK").to_owned()
}

/// Guesses wrong as many times as guesses are checked.
async fn lock(client: &Client, tenant: &str, username: &str) {
    for _ in 0..WRONG_FOR_NAME {
        assert_eq!(outcome(client, tenant, username, WRONG).await, "WRONG_PASSWORD", "{tenant} {username}");
    }
    assert_eq!(outcome(client, tenant, username, WRONG).await, "RATE_LIMITED", "{tenant} {username}");
}

both!(wrong_passwords_stop_their_client_for_the_name_and_nobody_else);
async fn wrong_passwords_stop_their_client_for_the_name_and_nobody_else(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "AGENT", json!({})).await;
    let stranger = instance.stranger().at_address("203.0.113.66");
    let rightful = instance.stranger().at_address("192.0.2.1");
    for (tenant, username, password) in [
        ("acme", "alice", PASSWORD),
        ("platform", "operator", OPERATOR_PASSWORD),
        ("acme", "nobody", PASSWORD),
        ("globex", "alice", PASSWORD),
    ] {
        lock(&stranger, tenant, username).await;
        for username in [username.to_uppercase(), username.to_owned()] {
            assert_eq!(outcome(&stranger, tenant, &username, password).await, "RATE_LIMITED", "{tenant} {username}");
        }
        let expected =
            if ["nobody", "globex"].contains(&username) || tenant == "globex" { "WRONG_PASSWORD" } else { "OK" };
        assert_eq!(outcome(&rightful, tenant, username, password).await, expected, "{tenant} {username}");
    }
    assert_eq!(outcome(&stranger, "acme", "dana", PASSWORD).await, "OK", "another name is not held up");
    alice.data(VIEWER, json!({})).await;
}

#[tokio::test]
async fn a_clock_that_is_set_forgives_no_wrong_password() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    instance.tenant("acme").await;
    lock(&instance.stranger(), "acme", "alice").await;
    for seconds in [301, 24 * 3600, -48 * 3600] {
        instance.pass_seconds(seconds);
        assert_eq!(outcome(&instance.stranger(), "acme", "alice", PASSWORD).await, "RATE_LIMITED");
    }
}

both!(a_right_password_in_between_begins_the_count_anew);
async fn a_right_password_in_between_begins_the_count_anew(instance: Instance) {
    instance.tenant("acme").await;
    let stranger = instance.stranger();
    for _ in 0..2 {
        for _ in 1..WRONG_FOR_NAME {
            assert_eq!(outcome(&stranger, "acme", "alice", WRONG).await, "WRONG_PASSWORD");
        }
        assert_eq!(outcome(&stranger, "acme", "alice", PASSWORD).await, "OK");
    }
}

both!(the_right_password_of_a_disabled_user_counts_like_a_wrong_one);
async fn the_right_password_of_a_disabled_user_counts_like_a_wrong_one(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "AGENT", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "dana", "version": 1, "enabled": false })).await;
    for _ in 0..WRONG_FOR_NAME {
        assert_eq!(outcome(&instance.stranger(), "acme", "dana", PASSWORD).await, "WRONG_PASSWORD");
    }
    assert_eq!(outcome(&instance.stranger(), "acme", "dana", PASSWORD).await, "RATE_LIMITED");
}

#[tokio::test]
async fn guesses_side_by_side_do_not_slip_past_the_count() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    instance.tenant("acme").await;
    let stranger = instance.stranger();
    let guesses = (0..3 * WRONG_FOR_NAME).map(|_| outcome(&stranger, "acme", "alice", WRONG));
    let outcomes = futures_util::future::join_all(guesses).await;
    let looked_at = outcomes.iter().filter(|outcome| *outcome == "WRONG_PASSWORD").count();
    assert!(looked_at <= WRONG_FOR_NAME as usize, "{outcomes:?}");
}

#[tokio::test]
async fn a_client_that_guesses_at_ever_new_names_is_stopped_with_its_whole_network_alone() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    instance.tenant("acme").await;
    for n in 0..WRONG_OF_CLIENT {
        let stranger = instance.stranger().at_address(&format!("2001:db8:0:1::{n:x}"));
        assert_eq!(outcome(&stranger, "acme", &format!("guess{n}"), WRONG).await, "WRONG_PASSWORD", "{n}");
    }
    let at = |address| instance.stranger().at_address(address);
    assert_eq!(outcome(&at("[2001:db8:0:1:ffff::9]:4711"), "acme", "alice", PASSWORD).await, "RATE_LIMITED");
    assert_eq!(outcome(&at("2001:db8:0:2::1"), "acme", "alice", PASSWORD).await, "OK");
    assert_eq!(outcome(&instance.stranger(), "acme", "alice", PASSWORD).await, "OK");
}

#[tokio::test]
async fn a_name_that_many_clients_guess_at_is_slowed_down_and_its_user_is_not_locked_out() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    instance.tenant("acme").await;
    for n in 0..SLOW_FOR_NAME + 10 {
        let stranger = instance.stranger().at_address(&format!("203.0.113.{}", n / WRONG_FOR_NAME));
        assert_eq!(outcome(&stranger, "acme", "alice", WRONG).await, "WRONG_PASSWORD", "{n}");
    }
    let begun = Instant::now();
    assert_eq!(outcome(&instance.stranger(), "acme", "alice", PASSWORD).await, "OK");
    assert!(begun.elapsed() >= Duration::from_millis(200), "it is slower by each wrong one");
    not_hung(begun);
}

/// Returns one operation that guesses, as a field.
fn guess(alias: &str) -> String {
    format!(
        "{alias}: sessionCreate(input: {{ tenant: \"acme\", username: \"alice\", password: \"{WRONG}\" }}) {{ userErrors {{ code }} }}"
    )
}

#[tokio::test]
async fn a_request_holds_one_guess_however_it_is_written() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let ask = r#"b: passwordResetRequest(input: { tenant: "acme", email: "alice@example.com" }) { accepted }"#;
    let reset = r#"b: passwordReset(input: { token: "x", password: "Another-12" }) { userErrors { code } }"#;
    let change = r#"b: passwordChange(input: { old: "Wrong-1234", new: "Another-12" }) { userErrors { code } }"#;
    for second in [guess("b"), ask.to_owned(), reset.to_owned(), change.to_owned()] {
        let both = format!("mutation {{ {} {second} }}", guess("a"));
        let answer = alice.ask(&both, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{second}\n{answer:#}");
        assert_eq!(answer["errors"][0]["path"], json!(["b"]));
    }
    let fragment = format!(
        "mutation {{ ...F ...G }} fragment F on Mutation {{ {} }} fragment G on Mutation {{ {ask} }}",
        guess("a")
    );
    assert_eq!(alice.failed(&fragment, json!({})).await, "BAD_INPUT");
    let one = json!({ "query": format!("mutation {{ {} }}", guess("a")) });
    let (_, answers) = alice.send("application/json", json!([one, one, one]).to_string().into()).await;
    let code = |at: usize| answers[at]["errors"][0]["extensions"]["code"].clone();
    assert_eq!(answers[0]["data"]["a"]["userErrors"][0]["code"], "WRONG_PASSWORD");
    assert_eq!((code(1), code(2)), (json!("BAD_INPUT"), json!("BAD_INPUT")));
    assert_eq!(instance.mails().await.len(), 0, "a second guess does nothing");
}

#[tokio::test]
async fn each_message_of_a_websocket_holds_a_guess_of_its_own() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let mut socket = Socket::open(&instance.url, &alice).await;
    for n in 0..=WRONG_FOR_NAME {
        let id = n.to_string();
        socket.subscribe(&id, &format!("mutation {{ {} }}", guess("a")), json!({})).await;
        let answer = socket.next(&id).await;
        assert_eq!(socket.hear().await["type"], "complete");
        let code = answer.pointer("/data/a/userErrors/0/code").or_else(|| answer.pointer("/errors/0/extensions/code"));
        let expected = if n < WRONG_FOR_NAME { "WRONG_PASSWORD" } else { "RATE_LIMITED" };
        assert_eq!(code, Some(&json!(expected)), "{n} {answer:#}");
    }
}

/// Starts two instances over one database and one Redis.
async fn pair(database: &Database, redis: &RedisServer) -> (Instance, Instance) {
    let choices = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    (Instance::start(database, choices()).await, Instance::start(database, choices()).await)
}

#[tokio::test]
async fn instances_that_share_a_redis_count_together() {
    let (database, redis) = (Database::postgres().await, RedisServer::start());
    let (one, other) = pair(&database, &redis).await;
    let alice = one.tenant("acme").await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    for n in 0..WRONG_FOR_NAME {
        let instance = if n % 2 == 0 { &one } else { &other };
        assert_eq!(outcome(&instance.stranger(), "acme", "mia", WRONG).await, "WRONG_PASSWORD", "{n}");
    }
    for instance in [&one, &other] {
        assert_eq!(outcome(&instance.stranger(), "acme", "mia", PASSWORD).await, "RATE_LIMITED");
        let elsewhere = instance.stranger().at_address("192.0.2.1");
        assert_eq!(outcome(&elsewhere, "acme", "mia", PASSWORD).await, "OK");
    }
    alice.make("UserSetPassword", json!({ "key": "mia", "password": "Another-12" })).await;
    for instance in [&other, &one] {
        assert_eq!(outcome(&instance.stranger(), "acme", "mia", "Another-12").await, "OK", "a new password");
    }
}

#[tokio::test]
async fn while_redis_is_away_or_hangs_each_instance_goes_on_counting_for_itself() {
    let (database, mut redis) = (Database::postgres().await, RedisServer::start());
    let (one, other) = pair(&database, &redis).await;
    one.tenant("acme").await;
    lock(&one.stranger(), "acme", "alice").await;
    redis.freeze();
    let begun = Instant::now();
    assert_eq!(outcome(&one.stranger(), "acme", "alice", PASSWORD).await, "RATE_LIMITED", "what all counted it knows");
    let elsewhere = one.stranger().at_address("192.0.2.1");
    assert_eq!(outcome(&elsewhere, "acme", "alice", PASSWORD).await, "OK", "nobody waits for redis");
    not_hung(begun);
    redis.thaw();
    redis.kill();
    lock(&other.stranger().at_address("192.0.2.2"), "acme", "alice").await;
    assert_eq!(outcome(&elsewhere, "acme", "alice", PASSWORD).await, "OK");
    redis.restart();
    let third = one.stranger().at_address("192.0.2.3");
    eventually("they count together again", async || {
        outcome(&third, "acme", "alice", WRONG).await;
        outcome(&other.stranger().at_address("192.0.2.3"), "acme", "alice", WRONG).await == "RATE_LIMITED"
    })
    .await;
}
