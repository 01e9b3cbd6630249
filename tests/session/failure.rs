//! The reports of failed sign-ins, lock-outs and requests for links.

use std::time::Duration;

use bailiwick::domain::key::TenantKey;
use bailiwick::service::access::throttle::WRONG_FOR_NAME;
use serde_json::json;

use super::SIGN_IN;
use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, both, eventually};

async fn guess(client: &Client, tenant: &str, username: &str) {
    let input = json!({ "tenant": tenant, "username": username, "password": "Wrong-1234" });
    client.ask(SIGN_IN, json!({ "input": input })).await;
}

both!(failed_sign_ins_are_one_event_of_their_tenant_with_names_addresses_and_a_count);
async fn failed_sign_ins_are_one_event_of_their_tenant_with_names_addresses_and_a_count(instance: Instance) {
    let alice = instance.tenant("acme").await;
    instance.tenant("globex").await;
    let strangers = ["203.0.113.1", "203.0.113.2"].map(|address| instance.stranger().at_address(address));
    for stranger in &strangers {
        guess(stranger, "acme", "Alice").await;
        guess(stranger, "acme", "nobody").await;
        guess(stranger, "acme", "My secret, typed into the wrong field").await;
        guess(stranger, "initech", "alice").await;
    }
    instance.platform.tell_failures().await;
    let told = instance.audited("acme", "session.fail").await;
    assert_eq!(told.len(), 1);
    let (event, after) = (&told[0], told[0].after.as_ref().unwrap());
    assert_eq!(after["count"], 4);
    assert_eq!(after["names"], json!({ "counts": { "alice": 2, "nobody": 2 }, "others": 0 }));
    assert_eq!(after["addresses"]["counts"], json!({ "203.0.113.1": 2, "203.0.113.2": 2 }));
    assert_eq!((event.address.as_deref(), event.actor.name.as_str()), (Some("203.0.113.1"), "sign-in"));
    assert!(event.request_id.is_some() && !format!("{event:?}").contains("secret"));
    assert_eq!(instance.audited("globex", "session.fail").await.len(), 0);
    // Like every event of the log, it is part of the chain, and shown to callers who may read the log.
    let caller = instance.platform.system_caller(&TenantKey::parse("platform").unwrap()).await.unwrap();
    let acme = TenantKey::parse("acme").unwrap();
    let chain = instance.platform.audit_verify(&caller, &acme, |_| {}).await.unwrap().unwrap();
    assert!(chain.broken.is_none());
    let query = r#"{ auditEvents(filter: { action: "session.fail" }) { nodes { action target address after } } }"#;
    assert_eq!(alice.data(query, json!({})).await["auditEvents"]["nodes"][0]["address"], "203.0.113.1");
}

both!(a_lock_out_is_told_once_and_guesses_that_were_not_looked_at_leave_no_event);
async fn a_lock_out_is_told_once_and_guesses_that_were_not_looked_at_leave_no_event(instance: Instance) {
    instance.tenant("acme").await;
    for _ in 0..WRONG_FOR_NAME + 5 {
        guess(&instance.stranger(), "acme", "alice").await;
    }
    instance.platform.tell_failures().await;
    let told = instance.audited("acme", "session.lockOut").await;
    assert_eq!((told.len(), told[0].target.as_str()), (1, "user:alice"));
    assert_eq!(told[0].after.as_ref().unwrap()["count"], 1);
    let failed = instance.audited("acme", "session.fail").await;
    assert_eq!(failed[0].after.as_ref().unwrap()["count"], WRONG_FOR_NAME);
    assert_eq!(instance.audited("acme", "session.refuse").await.len(), 0);
}

both!(a_request_for_a_link_is_told_with_the_user_whom_it_is_for);
async fn a_request_for_a_link_is_told_with_the_user_whom_it_is_for(instance: Instance) {
    instance.tenant("acme").await;
    let stranger = instance.stranger().at_address("203.0.113.1");
    for email in ["alice@example.com", "nobody@example.com"] {
        stranger.make("PasswordResetRequest", json!({ "tenant": "acme", "email": email })).await;
    }
    instance.settled().await;
    instance.platform.tell_failures().await;
    let told = instance.audited("acme", "password.askLink").await;
    let after = told[0].after.as_ref().unwrap();
    assert_eq!((told.len(), &after["names"]["counts"]), (1, &json!({ "alice": 1, "-": 1 })));
    assert_eq!(told[0].address.as_deref(), Some("203.0.113.1"));
}

#[tokio::test]
async fn failures_are_told_beside_the_requests_and_at_the_end_at_the_latest() {
    let database = Database::sqlite();
    let choices = Choices { failures_every: Duration::from_millis(20), ..Choices::default() };
    let instance = Instance::start(&database, choices).await;
    instance.tenant("acme").await;
    guess(&instance.stranger(), "acme", "alice").await;
    eventually("it is told", async || instance.audited("acme", "session.fail").await.len() == 1).await;
    instance.stop().await;

    let instance = Instance::start(&database, Choices::default()).await;
    instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    guess(&instance.stranger(), "acme", "alice").await;
    instance.stop().await;
    let instance = Instance::start(&database, Choices::default()).await;
    assert_eq!(instance.audited("acme", "session.fail").await.len(), 2);
}
