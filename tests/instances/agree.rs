//! A change at one instance holds at the other.

use serde_json::json;

use super::{acme, all_end_equal, arrives, on_pairs, queues_at, sees_queues, set_voice, sweeping};
use crate::common::app::{Database, Instance, MODULES, PASSWORD, eventually};
use crate::common::not_hung;

const VIEWER: &str = "{ viewer { user { key } } }";

#[tokio::test]
async fn a_saved_module_holds_at_the_other_instance() {
    on_pairs(async |database, one, other| {
        let alice = acme(&one).await;
        let there = alice.at(&other);
        assert!(!sees_queues(&there).await);
        set_voice(&alice, true).await;
        eventually("the module opens there", async || sees_queues(&there).await).await;
        set_voice(&there, false).await;
        eventually("the module closes here", async || !sees_queues(&alice).await).await;
        all_end_equal(&database, &[&one, &other]).await;
    })
    .await;
}

#[tokio::test]
async fn a_decision_at_an_acknowledged_revision_is_never_older_than_it() {
    let database = Database::postgres().await;
    // The other hears nothing: it has to ask the database.
    let (one, other) = (Instance::start(&database, super::Choices::default()).await, sweeping(&database).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    for round in 0..30 {
        let open = round % 2 == 0;
        let revision = set_voice(&alice, open).await;
        let answer = queues_at(&there, revision).await;
        assert_eq!(answer["data"]["decision"]["allowed"], open, "{answer}");
        assert!(answer["data"]["decision"]["revision"].as_u64().unwrap() >= revision);
    }
}

#[tokio::test]
async fn a_revision_beyond_the_newest_is_unavailable_within_bounded_time() {
    on_pairs(async |_database, one, other| {
        let alice = acme(&one).await;
        let newest = set_voice(&alice, true).await;
        let asked = std::time::Instant::now();
        let answer = queues_at(&alice.at(&other), newest + 1).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
        not_hung(asked);
        assert!(sees_queues(&alice.at(&other)).await);
    })
    .await;
}

#[tokio::test]
async fn r30_a_removed_api_key_and_an_ended_session_stop_at_the_other_instance() {
    on_pairs(async |_database, one, other| {
        let alice = acme(&one).await;
        let generate = "mutation { apiKeyGenerate(input: {}) { token userErrors { code } } }";
        let key = alice.with_token(alice.done(generate, json!({})).await["token"].as_str().unwrap()).at(&other);
        let session = one.stranger().signed_in("acme", "alice", PASSWORD).await;
        let there = session.at(&other);
        for client in [&key, &there] {
            // Asked twice, so that the other instance remembers the credential.
            client.data(VIEWER, json!({})).await;
            client.data(VIEWER, json!({})).await;
        }
        alice.done("mutation { apiKeyRemove(input: {}) { userErrors { code } } }", json!({})).await;
        session.done("mutation { sessionEnd { ended userErrors { code } } }", json!({})).await;
        for client in [&key, &there] {
            eventually("the credential stops", async || {
                client.ask(VIEWER, json!({})).await["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            })
            .await;
        }
        alice.at(&other).data(VIEWER, json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn r42_a_disabled_user_is_denied_and_signed_out_at_the_other_instance() {
    on_pairs(async |_database, one, other| {
        let alice = acme(&one).await;
        set_voice(&alice, true).await;
        let uma = one.stranger().signed_in("acme", "uma", PASSWORD).await.at(&other);
        uma.data(VIEWER, json!({})).await;
        let disable = r#"mutation($version: Int!) { userUpdate(input: { key: "uma", version: $version, enabled: false }) { revision userErrors { code message } } }"#;
        let version = alice.data(r#"{ user(key: "uma") { version } }"#, json!({})).await["user"]["version"].clone();
        alice.done(disable, json!({ "version": version })).await;
        let there = alice.at(&other);
        eventually("the user is disabled there", async || {
            there.decision("uma", "read", "voice/queues").await["reason"] == "SUBJECT_DISABLED"
        })
        .await;
        assert_eq!(uma.failed(VIEWER, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn r2_a_licence_taken_away_denies_at_the_other_instance_and_gives_all_back_on_its_return() {
    on_pairs(async |_database, one, other| {
        let alice = acme(&one).await;
        set_voice(&alice, true).await;
        let (operator, there) = (one.operator().await, alice.at(&other));
        eventually("the module opens there", async || sees_queues(&there).await).await;
        let set = "mutation($input: TenantSetLicenceInput!) { tenantSetLicence(input: $input) { revision userErrors { code message } } }";
        let rest: Vec<&str> = MODULES.into_iter().filter(|module| *module != "voice").collect();
        operator.done(set, json!({ "input": { "tenant": "acme", "modules": rest } })).await;
        eventually("the licence is gone there", async || {
            there.decision("uma", "read", "voice/queues").await["reason"] == "UNLICENSED"
        })
        .await;
        assert!(!there.allowed("alice", "read", "voice/queues").await);
        operator.done(set, json!({ "input": { "tenant": "acme", "modules": MODULES } })).await;
        eventually("the licence is back there", async || sees_queues(&there).await).await;
    })
    .await;
}

#[tokio::test]
async fn a_tenant_made_at_one_instance_is_used_at_the_other_at_once() {
    on_pairs(async |_database, one, other| {
        // The key is asked for there before it exists: that must not be remembered.
        let sign_in =
            "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token userErrors { code } } }";
        let input = json!({ "input": { "tenant": "acme", "username": "alice", "password": PASSWORD } });
        assert_eq!(other.stranger().refused(sign_in, input).await.0, "WRONG_PASSWORD");
        acme(&one).await;
        let alice = other.stranger().signed_in("acme", "alice", PASSWORD).await;
        assert!(alice.allowed("alice", "edit", "voice/queues").await);
        assert!(other.operator().await.in_tenant("acme").allowed("alice", "edit", "voice/queues").await);
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_loads_a_tenant_while_it_changes_misses_no_change() {
    on_pairs(async |database, one, other| {
        let alice = acme(&one).await;
        let last = {
            let changes = async {
                let mut last = 0;
                for round in 0..20 {
                    last = set_voice(&alice, round % 2 == 1).await;
                }
                last
            };
            let first_use = async {
                eventually("a change has been made", async || super::counters(&one).await.revision > 5).await;
                sees_queues(&alice.at(&other)).await
            };
            tokio::join!(changes, first_use).0
        };
        arrives(&other, last).await;
        assert!(sees_queues(&alice.at(&other)).await);
        all_end_equal(&database, &[&one, &other]).await;
    })
    .await;
}
