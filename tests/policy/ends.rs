//! A subscription ends with the credential that it was opened with: at once, and without another event.

use bailiwick::sync::Bus;
use serde_json::json;

use crate::common::app::{Choices, Client, Database, Instance, OPERATOR_PASSWORD, PASSWORD, both, both_databases};
use crate::common::operations::document;
use crate::common::socket::Socket;

/// The code with which a connection is closed when its caller is let in no longer.
const TURNED_AWAY: u16 = 4403;

/// Opens a socket that follows the policy with these credentials, and has heard of the newest revision.
async fn following(instance: &Instance, client: &Client, alice: &Client) -> Socket {
    let mut socket = Socket::open(&instance.url, client).await;
    let newest = alice.revision().await;
    socket.subscribe("1", &document("PolicyChanged"), json!({ "since": newest - 1 })).await;
    assert_eq!(socket.next("1").await["data"]["policyChanged"]["revision"], newest);
    socket
}

/// Makes an admin `amy` with a session and an API key, beside alice.
async fn amy(alice: &Client) -> (Client, Client) {
    let amy = alice.new_user("acme", "amy", "ADMIN", json!({})).await;
    let key = amy.make("ApiKeyGenerate", json!({})).await;
    (amy.clone(), amy.with_token(key["token"].as_str().unwrap()))
}

both!(r28_r30_a_subscription_ends_as_soon_as_its_credential_does);
async fn r28_r30_a_subscription_ends_as_soon_as_its_credential_does(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let (amy, key) = amy(&alice).await;
    let other = instance.stranger().signed_in("acme", "amy", PASSWORD).await;
    let mut by_session = following(&instance, &other, &alice).await;
    let mut by_key = following(&instance, &key, &alice).await;
    other.make("SignOut", json!({})).await;
    assert_eq!(by_session.closed().await, TURNED_AWAY, "signed out");
    assert!(by_key.is_silent(100).await, "another credential goes on");
    amy.make("ApiKeyRemove", json!({})).await;
    assert_eq!(by_key.closed().await, TURNED_AWAY, "the key was removed");

    let other = instance.stranger().signed_in("acme", "amy", PASSWORD).await;
    let mut by_session = following(&instance, &other, &alice).await;
    let mut kept = following(&instance, &amy, &alice).await;
    amy.make("PasswordChange", json!({ "old": PASSWORD, "new": "Another-12" })).await;
    assert_eq!(by_session.closed().await, TURNED_AWAY, "the password was changed");
    assert!(kept.is_silent(100).await);
    alice.make("UserUpdate", json!({ "key": "amy", "version": 1, "enabled": false })).await;
    assert_eq!(kept.closed().await, TURNED_AWAY, "the user was disabled");
}

both!(r28_an_event_never_reaches_who_has_signed_out_or_run_out_before_it);
async fn r28_an_event_never_reaches_who_has_signed_out_or_run_out_before_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let (amy, _) = amy(&alice).await;
    let mut socket = following(&instance, &amy, &alice).await;
    // Nothing wakes it: its own clock only seems to have gone on.
    instance.pass_seconds(12 * 3600 + 1);
    let alice = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    alice.add_profile("Two", "READ").await;
    assert_eq!(socket.closed().await, TURNED_AWAY);
}

both!(a_subscription_ends_by_itself_when_the_time_of_its_session_is_up);
async fn a_subscription_ends_by_itself_when_the_time_of_its_session_is_up(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let (amy, _) = amy(&alice).await;
    instance.pass_seconds(12 * 3600 - 4);
    let alice = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    let mut socket = following(&instance, &amy, &alice).await;
    assert_eq!(socket.closed().await, TURNED_AWAY);
}

both_databases!(r30_a_key_removed_at_one_instance_ends_subscriptions_at_the_other);
async fn r30_a_key_removed_at_one_instance_ends_subscriptions_at_the_other(database: Database) {
    let bus = Bus::memory();
    let here = Instance::start(&database, Choices { bus: bus.clone(), ..Choices::default() }).await;
    let there = Instance::start(&database, Choices { bus, ..Choices::default() }).await;
    let alice = here.tenant("acme").await;
    let (amy, key) = amy(&alice).await;
    let mut socket = following(&there, &key, &alice).await;
    amy.make("ApiKeyRemove", json!({})).await;
    assert_eq!(socket.closed().await, TURNED_AWAY);
}

both!(an_operator_who_signs_out_at_home_hears_no_more_where_it_visits);
async fn an_operator_who_signs_out_at_home_hears_no_more_where_it_visits(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let operator = instance.stranger().signed_in("platform", "operator", OPERATOR_PASSWORD).await;
    let mut socket = following(&instance, &operator.in_tenant("acme"), &alice).await;
    operator.make("SignOut", json!({})).await;
    assert_eq!(socket.closed().await, TURNED_AWAY);
}

both!(each_operation_of_a_socket_is_admitted_and_the_one_that_signs_out_is_answered);
async fn each_operation_of_a_socket_is_admitted_and_the_one_that_signs_out_is_answered(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let (amy, key) = amy(&alice).await;
    let mut socket = Socket::open(&instance.url, &amy).await;
    socket.subscribe("1", "{ viewer { user { key } } }", json!({})).await;
    assert_eq!(socket.next("1").await["data"]["viewer"]["user"]["key"], "amy");
    assert_eq!(socket.hear().await["type"], "complete");
    socket.subscribe("2", "mutation { sessionEnd { ended } }", json!({})).await;
    assert_eq!(socket.next("2").await["data"]["sessionEnd"]["ended"], true);

    let mut idle = Socket::open(&instance.url, &key).await;
    alice.make("ApiKeyRemove", json!({ "user": "amy" })).await;
    idle.subscribe("1", "{ viewer { user { key } } }", json!({})).await;
    let refused = idle.hear().await;
    assert_eq!(refused["payload"][0]["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
}
