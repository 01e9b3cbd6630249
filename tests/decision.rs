//! Decisions, through the API.

use serde_json::{Value, json};

use crate::common::app::{Instance, both};
use crate::common::operations::{automatic, open};

fn asked(subject: &str, action: &str, object: &str) -> Value {
    json!({ "subject": subject, "action": action, "object": object })
}

both!(anyone_asks_about_themselves_and_service_and_admin_about_others);
async fn anyone_asks_about_themselves_and_service_and_admin_about_others(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let service = alice.new_service("desk").await;
    let mut others = Vec::new();
    for (name, base_role, more) in
        [("dana", "USER", json!({ "profile": "default" })), ("mia", "MANAGER", json!({})), ("ann", "AGENT", json!({}))]
    {
        others.push((name, alice.new_user("acme", name, base_role, more).await));
    }
    let about = |name: &str| json!({ "input": asked(name, "read", "voice/queues") });
    for (name, client) in &others {
        let own = client.get("Decision", about(name)).await;
        let unnamed = json!({ "input": { "action": "read", "object": "voice/queues" } });
        assert_eq!(client.get("Decision", unnamed).await, own);
        assert_eq!(own["allowed"], false);
        assert_eq!(client.fail("Decision", about("alice")).await, "FORBIDDEN");
        assert_eq!(client.fail("Decision", about("nobody")).await, "FORBIDDEN", "a key that is none looks the same");
    }
    for client in [&alice, &service] {
        assert_eq!(client.get("Decision", about("alice")).await["allowed"], true);
        assert_eq!(client.get("Decision", about("nobody")).await["reason"], "UNKNOWN_SUBJECT");
    }
}

both!(r42_who_has_no_source_is_disabled_or_unknown_is_denied_with_the_reason);
async fn r42_who_has_no_source_is_disabled_or_unknown_is_denied_with_the_reason(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.add_user("gone", "MANAGER", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "gone", "version": 1, "enabled": false })).await;
    for (subject, object, allowed, reason) in [
        ("alice", "voice/queues", true, "ALLOWED"),
        ("ann", "voice/queues", false, "NO_MATCHING_RULE"),
        ("gone", "reports/activity", false, "SUBJECT_DISABLED"),
        ("nobody", "voice/queues", false, "UNKNOWN_SUBJECT"),
        ("role.admin", "voice/queues", false, "UNKNOWN_SUBJECT"),
    ] {
        let decision = alice.decision(subject, "read", object).await;
        assert_eq!((&decision["allowed"], &decision["reason"]), (&json!(allowed), &json!(reason)), "{subject}");
    }
    assert!(alice.allowed("ann", "unmask", "data/contacts").await, "which everyone has unless masked");
}

both!(r41_all_sources_add_up_and_a_deny_from_any_of_them_wins);
async fn r41_all_sources_add_up_and_a_deny_from_any_of_them_wins(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.register("voice/queues", &["sales", "support"]).await;
    alice.add_profile("Night", "READ").await;
    alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    let grant =
        |object: &str, action: &str, effect: &str| json!([{ "object": object, "action": action, "effect": effect }]);
    let role = |name: &str, grants: Value| json!({ "name": name, "permissions": [], "grants": grants });
    alice.make("RoleCreate", role("Editors", grant("voice/queues/*", "edit", "ALLOW"))).await;
    alice.make("RoleCreate", role("Careful", grant("voice/queues/sales", "edit", "DENY"))).await;
    let may = async |action: &str, object: &str| alice.allowed("dana", action, object).await;

    assert!(may("read", "voice/queues/sales").await && !may("edit", "voice/queues/sales").await);
    alice.make("GroupCreate", json!({ "name": "Editors", "roles": ["editors"], "members": ["dana"] })).await;
    assert!(may("read", "voice/queues/sales").await, "what one source allows stays");
    assert!(may("edit", "voice/queues/sales").await && may("edit", "voice/queues/support").await);
    alice.make("GroupCreate", json!({ "name": "Careful", "roles": ["careful"], "members": ["dana"] })).await;
    assert!(!may("edit", "voice/queues/sales").await);
    assert_eq!(alice.decision("dana", "edit", "voice/queues/sales").await["reason"], "DENIED_BY_RULE");
    assert!(may("edit", "voice/queues/support").await);
}

both!(r20_a_masking_profile_obliges_to_mask_and_the_number_is_the_tenants);
async fn r20_a_masking_profile_obliges_to_mask_and_the_number_is_the_tenants(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("SettingsUpdate", json!({ "maskedCharacters": 7 })).await;
    let masking = json!({ "name": "Masked", "permissionType": "READ", "maskSensitiveData": true });
    alice.make("ProfileCreate", masking).await;
    alice.save_sections("masked", "contacts", json!([automatic("contacts/contacts")])).await;
    alice.add_user("dana", "USER", json!({ "profile": "masked" })).await;
    let decision = alice.decision("dana", "read", "contacts/contacts").await;
    let mask = json!([{ "kind": "MASK", "view": "contacts", "characters": 7 }]);
    assert_eq!((&decision["allowed"], &decision["obligations"]), (&json!(true), &mask));
    assert_eq!(alice.decision("alice", "read", "contacts/contacts").await["obligations"], json!([]));
}

both!(many_decisions_are_made_at_one_revision_in_their_order);
async fn many_decisions_are_made_at_one_revision_in_their_order(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let inputs: Vec<_> = (0..1000)
        .map(|n| if n % 2 == 0 { asked("alice", "read", "voice/queues") } else { asked("nobody", "read", "voice") })
        .collect();
    let answers = alice.get("Decisions", json!({ "inputs": inputs })).await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 1000);
    assert!(answers.iter().enumerate().all(|(n, one)| one["allowed"] == (n % 2 == 0)));
    assert!(answers.iter().all(|one| one["revision"] == answers[0]["revision"]));
    assert_eq!(alice.get("Decisions", json!({ "inputs": [] })).await, json!([]));
    let inputs = vec![asked("alice", "read", "voice"); 1001];
    assert_eq!(alice.fail("Decisions", json!({ "inputs": inputs })).await, "BAD_INPUT");
}

both!(an_answer_is_never_older_than_the_revision_asked_for);
async fn an_answer_is_never_older_than_the_revision_asked_for(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let made = alice.add_profile("Night", "READ").await;
    assert_eq!(made["version"], 1);
    let now = alice.revision().await;
    let input = |revision: i64| {
        let at_least = json!({ "atLeastRevision": revision });
        json!({ "input": crate::common::operations::merged(asked("alice", "read", "voice"), at_least) })
    };
    assert_eq!(alice.get("Decision", input(now)).await["revision"], now);
    assert_eq!(alice.get("Decision", input(0)).await["revision"], now);
    assert_eq!(alice.fail("Decision", input(-1)).await, "BAD_INPUT");
    assert_eq!(alice.fail("Decision", input(now + 1)).await, "UNAVAILABLE");
}
