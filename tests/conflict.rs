//! Two users who edit at once: one wins, and the other is told who changed what meanwhile.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, merged};

/// Makes bob, a second admin beside alice.
async fn two_admins(alice: &Client) -> Client {
    alice.new_user("acme", "bob", "ADMIN", json!({})).await
}

/// Returns the message of a mutation that must be refused with CONFLICT at its version.
async fn conflict(client: &Client, name: &str, input: Value) -> String {
    let payload = client.get(name, json!({ "input": input })).await;
    let error = &payload["userErrors"][0];
    assert_eq!((&error["code"], &error["field"]), (&json!("CONFLICT"), &json!(["version"])), "{name} {payload:#}");
    error["message"].as_str().unwrap().to_owned()
}

fn save(version: i64, sections: &Value) -> Value {
    json!({ "profile": "night", "module": "voice", "version": version, "sections": sections })
}

both!(r17_of_two_admins_who_save_a_module_at_once_one_wins_and_the_other_hears_of_it);
async fn r17_of_two_admins_who_save_a_module_at_once_one_wins_and_the_other_hears_of_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let bob = two_admins(&alice).await;
    alice.add_profile("Night", "READ").await;
    for round in 0..4 {
        let before = alice.get("Profile", json!({ "key": "night" })).await["version"].as_i64().unwrap();
        let saving = async |client: &Client, section: &str| {
            // Another one in each round, whoever won the last.
            let rights = json!({ "read": true, "edit": round % 2 == 0, "delete": round / 2 == 0 });
            let on = merged(automatic(section), json!({ "override": rights }));
            let input = json!({ "input": save(before, &json!([on])) });
            client.get("ProfileSaveModule", input).await
        };
        let (by_alice, by_bob) = tokio::join!(saving(&alice, "voice/queues"), saving(&bob, "voice/contexts"));
        let won = |payload: &Value| payload["userErrors"] == json!([]);
        assert_ne!(won(&by_alice), won(&by_bob), "{by_alice:#} {by_bob:#}");
        let (loser, story) = if won(&by_alice) {
            (&by_bob, "alice changed voice/queues since you read this")
        } else {
            (&by_alice, "bob changed voice/contexts since you read this")
        };
        let error = &loser["userErrors"][0];
        let expected = format!("{story} (version {before}, now {}): read it again", before + 1);
        assert_eq!((&error["code"], error["message"].as_str()), (&json!("CONFLICT"), Some(expected.as_str())));
        let after = alice.get("Profile", json!({ "key": "night" })).await["version"].as_i64();
        assert_eq!(after, Some(before + 1), "the loser has changed nothing");
    }
}

both!(a_conflict_tells_what_changed_in_all_since_it_was_read);
async fn a_conflict_tells_what_changed_in_all_since_it_was_read(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let bob = two_admins(&alice).await;
    alice.register("voice/queues", &["sales"]).await;
    alice.add_profile("Night", "READ").await;
    let stale = json!({ "key": "night", "version": 1, "description": "mine" });
    bob.save_sections("night", "voice", json!([automatic("voice/queues"), automatic("voice/contexts")])).await;
    let since = |what: &str, now: i64| format!("{what} (version 1, now {now}): read it again");
    let told = conflict(&alice, "ProfileUpdate", stale.clone()).await;
    assert_eq!(told, since("bob changed voice/contexts and voice/queues since you read this", 2));

    let edit = json!({ "read": true, "edit": true, "delete": false });
    let module = merged(save(2, &json!([])), json!({ "override": edit }));
    alice.make("ProfileSaveModule", module).await;
    bob.save_sections("night", "chat", json!([automatic("chat/queues")])).await;
    let more = json!({ "key": "night", "version": 4, "permissionType": "READ_EDIT", "maskSensitiveData": true });
    bob.make("ProfileUpdate", more).await;
    let told = conflict(&bob, "ProfileUpdate", stale.clone()).await;
    let what = "chat/queues, maskSensitiveData, permissionType, voice, voice/contexts and voice/queues";
    assert_eq!(told, since(&format!("you and alice changed {what} since you read this"), 5));

    // A resource that one of its users makes changes it as well; what is back as it was does not tell.
    let change = json!({ "key": "night", "version": 5, "description": "x" });
    alice.make("ProfileUpdate", change).await;
    alice.make("ProfileUpdate", json!({ "key": "night", "version": 6, "description": "" })).await;
    let back = json!({ "key": "night", "version": 5, "description": "mine" });
    let told = conflict(&bob, "ProfileUpdate", back).await;
    assert_eq!(told, "alice changed this since you read it (version 5, now 7): read it again");
    for never in [0, 8] {
        let wrong = merged(stale.clone(), json!({ "version": never }));
        let told = conflict(&bob, "ProfileUpdate", wrong).await;
        assert_eq!(told, format!("somebody else changed this: it is at version 7, not {never}; read it again"));
    }
}

both!(a_conflict_over_a_role_a_group_or_a_user_names_its_fields_and_no_values);
async fn a_conflict_over_a_role_a_group_or_a_user_names_its_fields_and_no_values(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let bob = two_admins(&alice).await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    let grants = json!([{ "object": "billing/*", "action": "read" }]);
    bob.make("RoleUpdate", json!({ "key": "analyst", "version": 1, "name": "Other", "grants": grants })).await;
    bob.make("GroupAddMembers", json!({ "group": "staff", "users": ["mia"] })).await;
    let user = json!({ "key": "mia", "version": 1, "fullName": "Mia M.", "email": "secret@example.com",
        "customRole": "analyst", "groups": [] });
    bob.make("UserUpdate", user).await;
    for (name, input, what, now) in [
        (
            "RoleUpdate",
            json!({ "key": "analyst", "version": 1, "description": "mine" }),
            "grants and name since you read this",
            2,
        ),
        ("GroupUpdate", json!({ "key": "staff", "version": 1, "name": "Mine" }), "this since you read it", 3),
        (
            "UserUpdate",
            json!({ "key": "mia", "version": 1, "fullName": "Mine" }),
            "customRole, email, fullName and groups since you read this",
            2,
        ),
    ] {
        let told = conflict(&alice, name, input).await;
        assert_eq!(told, format!("bob changed {what} (version 1, now {now}): read it again"), "{name}");
    }
    bob.make("GroupAddMembers", json!({ "group": "staff", "users": ["mia"] })).await;
    let told = conflict(&alice, "GroupUpdate", json!({ "key": "staff", "version": 3, "name": "Mine" })).await;
    assert_eq!(told, "bob changed members since you read this (version 3, now 4): read it again");
}

both!(a_conflict_tells_nobody_more_than_they_may_see);
async fn a_conflict_tells_nobody_more_than_they_may_see(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.register("voice/queues", &["sales"]).await;
    alice.add_profile("Night", "READ").await;
    let deputy = async |name: &str, pairs: &[(&str, &str)]| {
        let grants: Vec<Value> =
            pairs.iter().map(|(object, action)| json!({ "object": object, "action": action })).collect();
        alice.make("RoleCreate", json!({ "name": name, "permissions": [], "grants": grants })).await;
        alice.new_user("acme", name, "MANAGER", json!({ "customRole": name })).await
    };
    let profiles = "admin/user-profiles";
    let blind = deputy("blind", &[(profiles, "edit")]).await;
    let looker = deputy("looker", &[(profiles, "edit"), (profiles, "read")]).await;
    alice.save_sections("night", "voice", json!([automatic("voice/queues")])).await;
    let stale = json!({ "key": "night", "version": 1, "description": "mine" });
    let told = conflict(&blind, "ProfileUpdate", stale.clone()).await;
    assert_eq!(told, "somebody else changed this: it is at version 2, not 1; read it again");
    let told = conflict(&looker, "ProfileUpdate", stale.clone()).await;
    let story = "changed voice/queues since you read this (version 1, now 2): read it again";
    assert_eq!(told, format!("somebody else {story}"), "who it was, is for those who may list users");
    let operator = instance.operator().await.in_tenant("acme");
    assert_eq!(conflict(&operator, "ProfileUpdate", stale).await, format!("alice {story}"));

    operator.make("ProfileUpdate", json!({ "key": "night", "version": 2, "description": "theirs" })).await;
    let told = conflict(&alice, "ProfileUpdate", json!({ "key": "night", "version": 2 })).await;
    assert_eq!(told, "an operator changed description since you read this (version 2, now 3): read it again");
    let foreign = instance.tenant("globex").await;
    foreign.add_profile("Night", "READ").await;
    let told = conflict(&foreign, "ProfileUpdate", json!({ "key": "night", "version": 0 })).await;
    assert_eq!(told, "somebody else changed this: it is at version 1, not 0; read it again");
}
