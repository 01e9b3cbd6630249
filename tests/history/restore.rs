//! The way back to a revision.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, merged, open};

async fn csv(alice: &Client) -> String {
    alice.get("Policy", json!({})).await["csv"].as_str().unwrap().to_owned()
}

/// Makes a tenant worth going back to; returns the revision.
async fn furnish(alice: &Client) -> i64 {
    alice.register("voice/queues", &["sales", "support"]).await;
    alice.add_profile("Night", "READ_EDIT").await;
    alice.save_sections("night", "voice", json!([open("voice/queues", &["sales", "support"])])).await;
    let grants =
        json!([{ "object": "voice/queues/support", "action": "delete" }, { "object": "record/*", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grants })).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    alice.add_user("mia", "MANAGER", json!({ "customRole": "analyst" })).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["analyst"], "members": ["dana", "ann"] })).await;
    alice.revision().await
}

async fn restore(alice: &Client, revision: i64) -> Value {
    alice.make("PolicyRestore", json!({ "revision": revision, "reason": "a mistake" })).await
}

both!(r45_profiles_roles_groups_and_assignments_come_back_and_nothing_else_does);
async fn r45_profiles_roles_groups_and_assignments_come_back_and_nothing_else_does(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let then = furnish(&alice).await;
    let was = csv(&alice).await;
    alice
        .make(
            "ProfileUpdate",
            json!({ "key": "night", "version": 2, "permissionType": "READ", "description": "tired" }),
        )
        .await;
    alice.save_sections("night", "voice", json!([automatic("voice/voicemails")])).await;
    alice.add_profile("Day", "READ").await;
    alice.make("UserUpdate", json!({ "key": "dana", "version": 1, "profile": "day" })).await;
    alice.make("RoleUpdate", json!({ "key": "analyst", "version": 1, "permissions": [], "grants": [] })).await;
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "customRole": null, "fullName": "Mia M." })).await;
    alice.make("GroupCreate", json!({ "name": "Other", "members": ["ann"] })).await;
    alice.make("GroupRemoveMembers", json!({ "group": "staff", "users": ["ann", "dana"] })).await;
    alice.make("GroupDelete", json!({ "key": "staff" })).await;
    alice.make("SettingsUpdate", json!({ "maskedCharacters": 9 })).await;
    alice.make("UserUpdate", json!({ "key": "ann", "version": 1, "enabled": false })).await;
    let before = (alice.revision().await, csv(&alice).await);

    let dry = json!({ "revision": then, "dryRun": true });
    let tried = alice.make("PolicyRestore", dry).await;
    assert_eq!((alice.revision().await, csv(&alice).await), before, "a dry run changes nothing");
    assert!(tried["impact"]["affectedUsers"].as_i64().unwrap() >= 2, "{tried}");
    let gained = tried["impact"]["gained"].as_array().unwrap();
    assert!(gained.contains(&json!({ "user": { "key": "dana" }, "object": "voice/queues/sales", "action": "edit" })));

    let done = restore(&alice, then).await;
    assert_eq!((&done["revision"], &done["impact"]), (&json!(before.0 + 1), &Value::Null));
    assert_eq!((&done["notRestored"], &done["notRestoredCount"]), (&json!([]), &json!(0)));
    // Ann is disabled still, and so without a rule.
    let without_ann: Vec<&str> = was.lines().filter(|line| !line.contains("user:ann,")).collect();
    assert_eq!(csv(&alice).await.lines().collect::<Vec<_>>(), without_ann);
    let profile = alice.get("Profile", json!({ "key": "night" })).await;
    assert_eq!((&profile["permissionType"], &profile["description"]), (&json!("READ_EDIT"), &json!("")));
    assert!(profile["version"].as_i64().unwrap() > 3, "who read it before cannot overwrite it unseen");
    assert_eq!(alice.get("Profile", json!({ "key": "day" })).await, Value::Null);
    let mia = alice.get("User", json!({ "key": "mia" })).await;
    assert_eq!((&mia["customRole"]["key"], &mia["fullName"]), (&json!("analyst"), &json!("Mia M.")));
    assert_eq!(alice.get("User", json!({ "key": "ann" })).await["enabled"], false);
    let event = alice.get("AuditEvents", json!({ "filter": { "action": "policy.restore" } })).await;
    assert_eq!(
        (&event["nodes"][0]["target"], &event["nodes"][0]["reason"]),
        (&json!(format!("revision:{then}")), &json!("a mistake"))
    );

    // There, and back again, and nothing when nothing is otherwise.
    restore(&alice, before.0).await;
    assert_eq!(csv(&alice).await, before.1);
    let there = alice.revision().await;
    restore(&alice, before.0).await;
    assert_eq!(alice.revision().await, there);
}

both!(r45_what_cannot_come_back_is_said);
async fn r45_what_cannot_come_back_is_said(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let then = furnish(&alice).await;
    alice.make("ResourceRemove", json!({ "section": "voice/queues", "keys": ["support"] })).await;
    alice.register("voice/queues", &["support"]).await;
    alice.make("UserDelete", json!({ "key": "ann" })).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.make("GroupRemoveMembers", json!({ "group": "staff", "users": ["dana"] })).await;
    alice.make("GroupDelete", json!({ "key": "staff" })).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "members": ["dana"] })).await;
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "baseRole": "AGENT" })).await;
    alice.add_profile("Late", "READ").await;
    alice.add_user("eve", "USER", json!({ "profile": "late" })).await;
    alice.make("GroupCreate", json!({ "name": "Newcomers", "members": ["eve", "dana"] })).await;

    let done = restore(&alice, then).await;
    let things: Vec<&str> =
        done["notRestored"].as_array().unwrap().iter().map(|lost| lost["thing"].as_str().unwrap()).collect();
    assert_eq!(
        things,
        ["group:newcomers", "group:staff", "profile:late", "profile:night", "role:analyst", "user:ann", "user:mia"]
    );
    for (subject, action, object, allowed) in [
        ("dana", "edit", "voice/queues/sales", true),
        // Registered later under the same key: it inherits nothing (R46).
        ("dana", "read", "voice/queues/support", false),
        ("dana", "delete", "voice/queues/support", false),
        ("dana", "read", "record/x", true),
        // Another account under the same name.
        ("ann", "read", "record/x", false),
        ("mia", "read", "record/x", false),
    ] {
        assert_eq!(alice.allowed(subject, action, object).await, allowed, "{subject} {action} {object}");
    }
    let eve = alice.get("User", json!({ "key": "eve" })).await;
    assert_eq!((&eve["profile"]["key"], &eve["groups"]["nodes"][0]["key"]), (&json!("late"), &json!("newcomers")));
    assert_eq!(alice.get("Group", json!({ "key": "newcomers" })).await["memberCount"], 1);
}

both!(r45_a_restore_that_cannot_be_is_refused_and_changes_nothing);
async fn r45_a_restore_that_cannot_be_is_refused_and_changes_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let then = furnish(&alice).await;
    alice.make("UserUpdate", json!({ "key": "dana", "version": 1, "baseRole": "AGENT" })).await;
    alice.make("ProfileDelete", json!({ "key": "night" })).await;
    alice.make("ProfileCreate", json!({ "key": "night-2", "name": "NIGHT", "permissionType": "READ" })).await;
    alice.add_user("eve", "USER", json!({ "profile": "night-2" })).await;
    let before = (alice.revision().await, csv(&alice).await);
    let refused = alice.refuse("PolicyRestore", json!({ "revision": then })).await;
    assert_eq!(refused, ("ALREADY_EXISTS".to_owned(), "revision".to_owned()));
    for (revision, code) in [(before.0 + 1, "NOT_FOUND"), (0, "NOT_FOUND")] {
        let refused = alice.refuse("PolicyRestore", json!({ "revision": revision })).await;
        assert_eq!(refused, (code.to_owned(), "revision".to_owned()));
    }
    assert_eq!(alice.fail("PolicyRestore", json!({ "input": { "revision": -1 } })).await, "BAD_INPUT");
    // Nobody gives back what they lack (R35b).
    let all = ["admin/rules", "admin/roles", "admin/groups", "admin/user-profiles", "admin/users"];
    let pairs: Vec<_> = all.into_iter().map(|object| (object, "edit")).collect();
    let max = alice.new_delegate("acme", "max", &pairs).await;
    for (n, lacking) in all.iter().enumerate() {
        let less: Vec<_> = pairs.iter().copied().filter(|(object, _)| object != lacking).collect();
        let less = alice.new_delegate("acme", &format!("less{n}"), &less).await;
        let code = less.fail("PolicyRestore", json!({ "input": { "revision": then } })).await;
        assert_eq!(code, "FORBIDDEN", "without {lacking}");
    }
    alice.make("UserDelete", json!({ "key": "eve" })).await;
    alice.make("ProfileDelete", json!({ "key": "night-2" })).await;
    let refused = max.refuse("PolicyRestore", json!({ "revision": then })).await;
    assert_eq!(refused.0, "BEYOND_OWN_RIGHTS");
    let ann = alice.new_user("acme", "zed", "AGENT", json!({})).await;
    assert_eq!(ann.fail("PolicyRestore", json!({ "input": { "revision": then } })).await, "FORBIDDEN");
}

both!(r45_a_restore_takes_out_only_what_its_maker_may_delete);
async fn r45_a_restore_takes_out_only_what_its_maker_may_delete(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let objects = ["admin/rules", "admin/roles", "admin/groups", "admin/user-profiles", "admin/users"];
    let edit: Vec<_> = objects.into_iter().map(|object| (object, "edit")).collect();
    let kinds = ["admin/user-profiles", "admin/roles", "admin/groups"];
    let mut lacking = Vec::new();
    for (n, without) in kinds.into_iter().enumerate() {
        let delete = kinds.into_iter().filter(|object| *object != without).map(|object| (object, "delete"));
        let pairs: Vec<_> = edit.iter().copied().chain(delete).collect();
        lacking.push((without, alice.new_delegate("acme", &format!("less{n}"), &pairs).await));
    }
    let pairs: Vec<_> = edit.iter().copied().chain(kinds.map(|object| (object, "delete"))).collect();
    let max = alice.new_delegate("acme", "max", &pairs).await;
    let then = alice.revision().await;
    for (without, caller) in &lacking {
        let (make, late) = match *without {
            "admin/user-profiles" => ("ProfileCreate", json!({ "permissionType": "READ" })),
            "admin/roles" => ("RoleCreate", json!({ "permissions": ["people"] })),
            _ => ("GroupCreate", json!({ "permissions": ["people"] })),
        };
        alice.make(make, merged(json!({ "name": "Late" }), late)).await;
        let before = (alice.revision().await, csv(&alice).await);
        for dry_run in [true, false] {
            let input = json!({ "input": { "revision": then, "dryRun": dry_run } });
            assert_eq!(caller.fail("PolicyRestore", input).await, "FORBIDDEN", "without {without} delete");
        }
        assert_eq!((alice.revision().await, csv(&alice).await), before);
        restore(&max, then).await;
    }
    assert_eq!(alice.get("Profile", json!({ "key": "late" })).await, Value::Null);
}
