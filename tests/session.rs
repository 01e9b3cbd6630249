//! Sessions and API keys, through the API.

use serde_json::json;

use crate::common::app::{PASSWORD, on_both};

const SIGN_IN: &str =
    "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token userErrors { code message } } }";
const VIEWER: &str = "{ viewer { user { key } } }";
const KEY: &str = "mutation($input: ApiKeyGenerateInput!) { apiKeyGenerate(input: $input) { token apiKey { prefix } userErrors { code field } } }";

#[tokio::test]
async fn a_wrong_tenant_username_or_password_gets_one_and_the_same_answer() {
    on_both(async |instance| {
        instance.tenant("acme").await;
        let mut answers = Vec::new();
        for (tenant, username, password) in [
            ("acme", "alice", "Wrong-1234"),
            ("acme", "nobody", PASSWORD),
            ("globex", "alice", PASSWORD),
            ("no such key", "alice", PASSWORD),
            ("acme", "no such name", PASSWORD),
        ] {
            let input = json!({ "tenant": tenant, "username": username, "password": password });
            answers.push(instance.stranger().data(SIGN_IN, json!({ "input": input })).await);
        }
        assert_eq!(answers[0]["sessionCreate"]["userErrors"][0]["code"], "WRONG_PASSWORD");
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    })
    .await;
}

#[tokio::test]
async fn r26_a_username_signs_in_in_any_case() {
    on_both(async |instance| {
        instance.tenant("acme").await;
        let alice = instance.stranger().signed_in("acme", "ALICE", PASSWORD).await;
        assert_eq!(alice.data(VIEWER, json!({})).await["viewer"]["user"]["key"], "alice");
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_told_to_and_when_its_time_is_up() {
    on_both(async |instance| {
        let first = instance.tenant("acme").await;
        let second = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
        first.done("mutation { sessionEnd { ended userErrors { code } } }", json!({})).await;
        assert_eq!(first.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
        second.data(VIEWER, json!({})).await;
        instance.pass_seconds(12 * 3600 + 1);
        assert_eq!(second.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn a_forged_token_is_refused_whatever_it_asks() {
    on_both(async |instance| {
        for token in [
            "nonsense",
            "bws_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "bwk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let forged = instance.stranger().with_token(token);
            assert_eq!(forged.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
            assert_eq!(forged.failed("{ __typename }", json!({})).await, "UNAUTHENTICATED");
        }
        assert_eq!(instance.stranger().failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn a_new_api_key_stops_the_old_one_and_cannot_change_keys_itself() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let first = alice.done(KEY, json!({ "input": {} })).await;
        let old = alice.with_token(first["token"].as_str().unwrap());
        assert!(first["token"].as_str().unwrap().starts_with(first["apiKey"]["prefix"].as_str().unwrap()));
        old.data(VIEWER, json!({})).await;
        let second = alice.done(KEY, json!({ "input": {} })).await;
        assert_eq!(old.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
        let new = alice.with_token(second["token"].as_str().unwrap());
        assert_eq!(new.failed(KEY, json!({ "input": {} })).await, "FORBIDDEN");
        alice.done("mutation { apiKeyRemove(input: {}) { user userErrors { code } } }", json!({})).await;
        assert_eq!(new.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}
