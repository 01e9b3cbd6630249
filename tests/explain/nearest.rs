//! The changes that would turn a deny into an allow.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::open;

async fn nearest(caller: &Client, subject: Option<&str>, action: &str, object: &str) -> Vec<String> {
    let asked = json!({ "subject": subject, "action": action, "object": object });
    let explained = caller.get("Explain", json!({ "input": asked })).await;
    let nearest = explained["nearest"].as_array().unwrap();
    assert!(nearest.is_empty() || explained["decision"]["allowed"] == false);
    nearest.iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}

/// Lets Dana read the queue Sales by the profile Night; there are other ways to more.
async fn furnish(alice: &Client) -> Client {
    alice.register("voice/queues", &["sales", "support"]).await;
    alice.add_profile("Night", "READ").await;
    alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
    alice.add_profile("Boss", "READ_EDIT_DELETE").await;
    alice.make("ProfileSaveModule", json!({ "profile": "boss", "module": "voice", "version": 1, "all": true })).await;
    alice.make("GroupCreate", json!({ "name": "Reporters", "permissions": ["reports"] })).await;
    alice.new_user("acme", "dana", "USER", json!({ "profile": "night" })).await
}

both!(the_smallest_changes_that_would_allow_it_come_first);
async fn the_smallest_changes_that_would_allow_it_come_first(instance: Instance) {
    let alice = instance.tenant_with("acme", &["voice", "reports", "contacts"]).await;
    furnish(&alice).await;
    let of = async |action: &str, object: &str| nearest(&alice, Some("dana"), action, object).await;
    let night = "In the user profile Night (Voice → Voice Queues), ";
    let boss = "Give dana the user profile Boss.".to_owned();
    assert_eq!(of("read", "voice/queues/sales").await, [""; 0], "it is allowed");
    assert_eq!(of("edit", "voice/queues/sales").await, [format!("{night}let it edit there."), boss.clone()]);
    assert_eq!(of("read", "voice/queues/support").await, [format!("{night}associate support."), boss.clone()]);
    let both = format!("{night}associate support and let it delete there.");
    assert_eq!(of("delete", "voice/queues/support").await, [both, boss.clone()]);
    let opened = of("show", "voice/recordings").await;
    assert_eq!(opened[0], "In the user profile Night (Voice → Voice Recordings), open Voice Recordings.");
    let reports = of("read", "reports/activity").await;
    assert!(reports.contains(&"Put dana into the group Reporters.".to_owned()), "{reports:?}");
    assert_eq!(of("read", "fax/queues").await, [""; 0], "the licence forbids it");
    assert_eq!(of("read", "nowhere/at/all").await, [""; 0], "nothing that is there leads to it");
    assert_eq!(nearest(&alice, Some("nobody"), "read", "voice/queues/sales").await, [""; 0]);
}

both!(each_suggestion_turns_the_answer_when_it_is_followed);
async fn each_suggestion_turns_the_answer_when_it_is_followed(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let grants = json!([
        { "object": "record/*", "action": "read" }, { "object": "record/secret", "action": "*", "effect": "DENY" },
    ]);
    alice.make("RoleCreate", json!({ "name": "Clerk", "permissions": [], "grants": grants })).await;
    alice.add_user("mia", "MANAGER", json!({ "customRole": "clerk" })).await;
    let of = async |user: &str, action: &str, object: &str| nearest(&alice, Some(user), action, object).await;

    let secret = of("mia", "read", "record/secret").await;
    assert_eq!(secret, ["In the role Clerk, take out what denies read on record/secret."]);
    let less = json!([{ "object": "record/*", "action": "read" }]);
    alice.make("RoleUpdate", json!({ "key": "clerk", "version": 1, "grants": less })).await;
    assert!(alice.allowed("mia", "read", "record/secret").await);

    let reports = of("mia", "read", "reports/activity").await;
    assert!(reports.contains(&"In the role Clerk, turn the permission Reports on.".to_owned()), "{reports:?}");
    alice.make("RoleUpdate", json!({ "key": "clerk", "version": 2, "permissions": ["reports"] })).await;
    assert!(alice.allowed("mia", "read", "reports/activity").await);

    let odd = of("mia", "write", "record/x").await;
    assert_eq!(odd, ["In the role Clerk, grant write on record/x."]);

    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "enabled": false })).await;
    assert_eq!(of("mia", "read", "record/x").await, ["Enable the user mia."]);

    alice.make("ProfileUpdate", json!({ "key": "night", "version": 2, "maskSensitiveData": true })).await;
    let unmask = of("dana", "unmask", "data/contacts").await;
    assert_eq!(unmask[0], "In the user profile Night, stop masking sensitive data.");
    let first = of("dana", "delete", "voice/queues/support").await.remove(0);
    assert!(first.contains("associate support and let it delete there"), "{first}");
    let rights = json!({ "read": true, "edit": false, "delete": true });
    let section = json!({ "section": "voice/queues", "enabled": true, "visible": true, "association": "MANUAL",
        "addResources": ["support"], "override": rights });
    alice.save_sections("night", "voice", json!([section])).await;
    assert!(alice.allowed("dana", "delete", "voice/queues/support").await);
}

both!(r1_what_rules_there_are_is_suggested_to_nobody_who_may_not_see_them);
async fn r1_what_rules_there_are_is_suggested_to_nobody_who_may_not_see_them(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = furnish(&alice).await;
    assert_eq!(nearest(&dana, None, "edit", "voice/queues/sales").await, [""; 0]);
    let asked = json!({ "action": "edit", "object": "voice/queues/sales" });
    let own = dana.get("Explain", json!({ "input": asked })).await;
    assert_eq!((&own["decision"]["allowed"], own["text"].is_string()), (&Value::Bool(false), true));
}
