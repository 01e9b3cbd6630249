//! Credentials against changes that happen meanwhile, through the API.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};

const VIEWER: &str = "{ viewer { user { key } } }";
const USER: &str =
    "mutation($input: UserCreateInput!) { userCreate(input: $input) { revision userErrors { code message field } } }";
const USER_UPDATE: &str =
    "mutation($input: UserUpdateInput!) { userUpdate(input: $input) { revision userErrors { code message field } } }";

async fn make(alice: &Client, name: &str) {
    let user = json!({
        "username": name, "fullName": name, "email": format!("{name}@example.com"), "password": PASSWORD, "baseRole": "AGENT",
    });
    alice.done(USER, json!({ "input": user })).await;
}

async fn update(alice: &Client, mut change: Value) {
    let query = "query($key: String!) { user(key: $key) { version } }";
    let found = alice.data(query, json!({ "key": change["key"] })).await;
    change["version"] = found["user"]["version"].clone();
    alice.done(USER_UPDATE, json!({ "input": change })).await;
}

both!(r30_an_api_key_holds_again_once_its_user_is_enabled_again_and_a_session_never);
async fn r30_an_api_key_holds_again_once_its_user_is_enabled_again_and_a_session_never(instance: Instance) {
    let alice = instance.tenant("acme").await;
    make(&alice, "amy").await;
    let session = instance.stranger().signed_in("acme", "amy", PASSWORD).await;
    let key = "mutation { apiKeyGenerate(input: {}) { token userErrors { code } } }";
    let key = session.with_token(session.done(key, json!({})).await["token"].as_str().unwrap());
    session.data(VIEWER, json!({})).await;
    for _ in 0..2 {
        key.data(VIEWER, json!({})).await;
        update(&alice, json!({ "key": "amy", "enabled": false })).await;
        for client in [&session, &key] {
            assert_eq!(client.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
        }
        update(&alice, json!({ "key": "amy", "enabled": true })).await;
        assert_eq!(session.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    }
    key.data(VIEWER, json!({})).await;
}

both!(r25_a_session_ends_for_good_when_its_user_becomes_a_service);
async fn r25_a_session_ends_for_good_when_its_user_becomes_a_service(instance: Instance) {
    let alice = instance.tenant("acme").await;
    make(&alice, "amy").await;
    let amy = instance.stranger().signed_in("acme", "amy", PASSWORD).await;
    amy.data(VIEWER, json!({})).await;
    update(&alice, json!({ "key": "amy", "baseRole": "SERVICE" })).await;
    assert_eq!(amy.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    update(&alice, json!({ "key": "amy", "baseRole": "AGENT" })).await;
    assert_eq!(amy.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
}

both!(r43_a_change_is_signed_with_the_name_that_its_author_has_by_then);
async fn r43_a_change_is_signed_with_the_name_that_its_author_has_by_then(instance: Instance) {
    let alice = instance.tenant("acme").await;
    update(&alice, json!({ "key": "alice", "fullName": "Alice Renamed" })).await;
    make(&alice, "amy").await;
    let tenant = instance.platform.system_caller(&"acme".to_owned().try_into().unwrap()).await.unwrap();
    let log = instance.store.revisions_since(tenant.tenant().id, 0, 100).await.unwrap();
    assert_eq!(log.last().unwrap().author.name, "Alice Renamed");
}
