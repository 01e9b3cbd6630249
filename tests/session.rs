//! Sessions and API keys, through the API. Guesses at passwords are in `guess`, the reports of them in `failure`.

mod failure;
mod guess;

use std::time::Duration;

use bailiwick::auth::token::Token;
use serde_json::json;

use crate::common::app::{Choices, Database, Instance, PASSWORD, both, both_databases, eventually};
use crate::common::mail::token_in;
use crate::common::operations::{merged, refusal};
use crate::common::tables::Tables;

const SIGN_IN: &str =
    "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token userErrors { code message } } }";
const VIEWER: &str = "{ viewer { user { key } } }";
const KEY: &str = "mutation($input: ApiKeyGenerateInput!) { apiKeyGenerate(input: $input) { token apiKey { prefix } userErrors { code field } } }";

both!(a_wrong_tenant_username_or_password_gets_one_and_the_same_answer);
async fn a_wrong_tenant_username_or_password_gets_one_and_the_same_answer(instance: Instance) {
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
}

both!(r26_a_username_signs_in_in_any_case);
async fn r26_a_username_signs_in_in_any_case(instance: Instance) {
    instance.tenant("acme").await;
    let alice = instance.stranger().signed_in("acme", "ALICE", PASSWORD).await;
    assert_eq!(alice.data(VIEWER, json!({})).await["viewer"]["user"]["key"], "alice");
}

both!(a_session_ends_when_it_is_told_to_and_when_its_time_is_up);
async fn a_session_ends_when_it_is_told_to_and_when_its_time_is_up(instance: Instance) {
    let first = instance.tenant("acme").await;
    let second = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    first.done("mutation { sessionEnd { ended userErrors { code } } }", json!({})).await;
    assert_eq!(first.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    second.data(VIEWER, json!({})).await;
    instance.pass_seconds(12 * 3600 + 1);
    assert_eq!(second.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
}

both!(a_forged_token_is_refused_whatever_it_asks);
async fn a_forged_token_is_refused_whatever_it_asks(instance: Instance) {
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
}

both!(a_new_api_key_stops_the_old_one_and_cannot_change_keys_itself);
async fn a_new_api_key_stops_the_old_one_and_cannot_change_keys_itself(instance: Instance) {
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
}

both!(r30_a_key_is_made_by_who_has_just_signed_in_or_says_the_password_again);
async fn r30_a_key_is_made_by_who_has_just_signed_in_or_says_the_password_again(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("desk", "SERVICE", json!({})).await;
    instance.pass_seconds(599);
    alice.make("ApiKeyGenerate", json!({})).await;
    instance.pass_seconds(1);
    let own = alice.get("User", json!({ "key": "alice" })).await["apiKey"].clone();
    for user in [json!({}), json!({ "user": "alice" }), json!({ "user": "desk" })] {
        for password in [json!({}), json!({ "password": null }), json!({ "password": "Wrong-1234" })] {
            let input = merged(user.clone(), password);
            let refused = alice.refuse("ApiKeyGenerate", input.clone()).await;
            assert_eq!(refused, refusal("WRONG_PASSWORD", "password"), "{input}");
        }
    }
    let asked = alice.get("ApiKeyGenerate", json!({ "input": {} })).await;
    assert!(asked["userErrors"][0]["message"].as_str().unwrap().contains("10 minutes"), "{asked}");
    assert_eq!(alice.get("User", json!({ "key": "alice" })).await["apiKey"], own, "a refusal changes nothing");
    alice.make("ApiKeyGenerate", json!({ "password": PASSWORD })).await;
    alice.make("ApiKeyGenerate", json!({ "user": "desk", "password": PASSWORD })).await;
    let fresh = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    fresh.make("ApiKeyGenerate", json!({})).await;
    alice.make("ApiKeyRemove", json!({})).await;
}

both!(r30_a_session_left_open_does_not_serve_to_guess_its_password_by_making_keys);
async fn r30_a_session_left_open_does_not_serve_to_guess_its_password_by_making_keys(instance: Instance) {
    let alice = instance.tenant("acme").await;
    instance.pass_seconds(600);
    for _ in 0..10 {
        let refused = alice.refuse("ApiKeyGenerate", json!({ "password": "Wrong-1234" })).await;
        assert_eq!(refused, refusal("WRONG_PASSWORD", "password"));
    }
    let right = json!({ "input": { "password": PASSWORD } });
    assert_eq!(alice.fail("ApiKeyGenerate", right).await, "RATE_LIMITED");
    assert_eq!(alice.get("User", json!({ "key": "alice" })).await["apiKey"], serde_json::Value::Null);
}

both_databases!(sessions_and_links_that_have_run_out_are_deleted);
async fn sessions_and_links_that_have_run_out_are_deleted(database: Database) {
    let choices = Choices { tidy_every: Duration::from_millis(20), ..Choices::default() };
    let instance = Instance::start(&database, choices).await;
    let alice = instance.tenant("acme").await;
    let input = json!({ "tenant": "acme", "email": "alice@example.com" });
    instance.stranger().make("PasswordResetRequest", input).await;
    let digest = |text: &str| Token::parse(text).unwrap().hash().0;
    let session = digest(alice.token.as_deref().unwrap());
    let link = digest(&token_in(&instance.mails().await[0]));
    let store = &instance.store;
    let there = async || {
        let session = store.session_by_token(&session).await.unwrap().is_some();
        (session, store.password_reset_by_token(&link).await.unwrap().is_some())
    };
    assert_eq!(there().await, (true, true));
    // Both expire by the database's clock: moved back, they are as if made earlier.
    let tables = Tables::of(&database).await;
    let earlier = async |hours: i64| {
        for table in ["sessions", "password_resets"] {
            let micros = hours * 3600 * 1_000_000;
            tables.run(&format!("UPDATE {table} SET expires_at = expires_at - {micros}")).await;
        }
    };
    earlier(2).await;
    eventually("the link is deleted", async || there().await == (true, false)).await;
    earlier(11).await;
    eventually("the session is deleted", async || there().await == (false, false)).await;
}

both!(an_operation_of_a_batch_that_is_refused_leaves_the_answers_before_it);
async fn an_operation_of_a_batch_that_is_refused_leaves_the_answers_before_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let end = json!({ "query": "mutation { sessionEnd { userErrors { code } } }" });
    let ask = json!({ "query": "{ viewer { user { key } } }" });
    let (status, answers) = alice.send("application/json", json!([end, ask]).to_string().into()).await;
    assert_eq!((status, answers.as_array().unwrap().len()), (200, 2));
    assert_eq!(answers[0]["data"]["sessionEnd"]["userErrors"], json!([]));
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    // The first of all refuses the request as a whole: nothing has run.
    assert_eq!(alice.send("application/json", json!([ask, ask]).to_string().into()).await.0, 401);
}

both!(nobody_fills_the_audit_log_with_keys_or_pictures_of_their_own_and_ending_them_is_never_refused);
async fn nobody_fills_the_audit_log_with_keys_or_pictures_of_their_own_and_ending_them_is_never_refused(
    instance: Instance,
) {
    let alice = instance.tenant("acme").await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let mut made = 0;
    let refused = loop {
        let answer = ann.ask(KEY, json!({ "input": {} })).await;
        match answer["errors"][0]["extensions"]["code"].as_str() {
            None => made += 1,
            Some(code) => break code.to_owned(),
        }
        assert!(made < 100, "never refused");
    };
    assert_eq!((made, refused.as_str()), (30, "RATE_LIMITED"));
    let no_picture = "mutation { userSetAvatar(input: { file: null }) { user { key } } }";
    for _ in 0..30 {
        ann.data(no_picture, json!({})).await;
    }
    assert_eq!(ann.failed(no_picture, json!({})).await, "RATE_LIMITED");
    ann.data("mutation { apiKeyRemove(input: {}) { user } }", json!({})).await;
    ann.data("mutation { sessionEnd { ended } }", json!({})).await;
    assert_eq!(instance.audited("acme", "apiKey.generate").await.len(), 30);
    alice.done(KEY, json!({ "input": {} })).await;
    instance.platform.tell_failures().await;
    let told = instance.audited("acme", "account.tooOften").await;
    assert_eq!((told.len(), told[0].target.as_str()), (1, "user:ann"));
    assert_eq!(told[0].after.as_ref().unwrap()["count"], 2, "what left no event of its own is counted");
}
