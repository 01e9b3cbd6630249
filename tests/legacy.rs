//! Giving profiles to many users, and the import of users that had permissions of their own, through the API.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{keys, refusal};

fn legacy(user: &str, edit: bool, modules: &[&str], sections: &[&str], resources: &[&str]) -> Value {
    json!({ "user": user, "edit": edit, "delete": false, "modules": modules, "sections": sections, "resources": resources })
}

/// Makes a tenant's admin, with two queues and users who hold the default profile.
async fn team(alice: &Client) {
    alice.register("voice/queues", &["sales", "support"]).await;
    for user in ["dana", "eli", "fay"] {
        alice.add_user(user, "USER", json!({ "profile": "default" })).await;
    }
}

async fn held(alice: &Client, user: &str) -> String {
    alice.get("User", json!({ "key": user })).await["profile"]["key"].as_str().unwrap().to_owned()
}

both!(r19_a_profile_is_given_to_many_users_in_one_revision);
async fn r19_a_profile_is_given_to_many_users_in_one_revision(instance: Instance) {
    let alice = instance.tenant("acme").await;
    team(&alice).await;
    alice.add_profile("Night", "READ").await;
    alice.make("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "version": 1, "all": true })).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    let before = alice.revision().await;
    let given = alice.make("ProfileAssign", json!({ "profile": "night", "users": ["dana", "eli", "dana"] })).await;
    assert_eq!((&given["profile"]["key"], &given["profile"]["userCount"]), (&json!("night"), &json!(2)));
    assert_eq!((given["revision"].as_i64(), alice.revision().await), (Some(before + 1), before + 1));
    for (user, reads) in [("dana", true), ("eli", true), ("fay", false)] {
        assert_eq!(alice.allowed(user, "read", "voice/queues/sales").await, reads, "{user}");
    }
    let again = alice.make("ProfileAssign", json!({ "profile": "night", "users": ["dana"] })).await;
    assert_eq!(again["revision"].as_i64(), Some(before + 1), "nothing changed");

    let rules = alice.rules().await;
    let refused =
        alice.get("ProfileAssign", json!({ "input": { "profile": "night", "users": ["fay", "ann", "alice"] } })).await;
    let error = &refused["userErrors"][0];
    assert_eq!((&error["code"], &error["field"]), (&json!("PROFILE_NOT_ASSIGNABLE"), &json!(["users"])));
    let ids = [alice.get("User", json!({ "key": "alice" })).await, alice.get("User", json!({ "key": "ann" })).await];
    let related: Vec<&Value> = error["related"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!((&error["count"], related), (&json!(2), vec![&ids[0]["id"], &ids[1]["id"]]));
    let many: Vec<String> = (0..1001).map(|n| format!("u{n}")).collect();
    for (input, code, field) in [
        (json!({ "profile": "night", "users": ["fay", "nobody"] }), "NOT_FOUND", "users"),
        (json!({ "profile": "nothing", "users": ["fay"] }), "NOT_FOUND", "profile"),
        (json!({ "profile": "night", "users": [] }), "INVALID", "users"),
        (json!({ "profile": "night", "users": many }), "INVALID", "users"),
        (json!({ "profile": "Night", "users": ["fay"] }), "INVALID", "profile"),
        (json!({ "profile": "night", "users": ["fay", "F/"] }), "INVALID", "users.1"),
    ] {
        assert_eq!(alice.refuse("ProfileAssign", input).await, refusal(code, field));
    }
    assert_eq!(alice.rules().await, rules);
}

both!(r35b_nobody_gives_a_profile_that_permits_more_than_they_may);
async fn r35b_nobody_gives_a_profile_that_permits_more_than_they_may(instance: Instance) {
    let alice = instance.tenant("acme").await;
    team(&alice).await;
    alice.add_profile("Night", "READ").await;
    alice.make("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "version": 1, "all": true })).await;
    let pair = |object: &str| json!({ "object": object, "action": "edit" });
    let role = json!({ "name": "Deputy", "permissions": [], "grants": [pair("admin/users")] });
    alice.make("RoleCreate", role).await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({ "customRole": "deputy" })).await;
    let assign = json!({ "profile": "night", "users": ["dana"] });
    assert_eq!(mia.refuse("ProfileAssign", assign.clone()).await.0, "BEYOND_OWN_RIGHTS");
    let import = json!({ "users": [legacy("dana", false, &["voice"], &[], &[])] });
    assert_eq!(mia.fail("ProfilesImportLegacy", json!({ "input": import })).await, "FORBIDDEN");

    let more = json!([pair("admin/users"), pair("admin/user-profiles"), { "object": "voice/*", "action": "*" },
        { "object": "data/performance", "action": "identify" }]);
    alice.make("RoleUpdate", json!({ "key": "deputy", "version": 1, "grants": more })).await;
    let given = mia.make("ProfileAssign", assign).await;
    assert_eq!(given["profile"], Value::Null, "to change is not to see");
    assert_eq!(held(&alice, "dana").await, "night");
    let chat = json!({ "users": [legacy("eli", false, &["chat"], &[], &[])] });
    assert_eq!(mia.refuse("ProfilesImportLegacy", chat).await.0, "BEYOND_OWN_RIGHTS");
    mia.make("ProfilesImportLegacy", import).await;
    assert_eq!(held(&alice, "dana").await, "profile_1");

    let half = json!({ "key": "deputy", "version": 2, "grants": [pair("admin/user-profiles")] });
    alice.make("RoleUpdate", half).await;
    let import = json!({ "users": [legacy("eli", false, &[], &[], &[])] });
    assert_eq!(mia.fail("ProfilesImportLegacy", json!({ "input": import })).await, "FORBIDDEN");
}

both!(r24_users_with_equal_permissions_share_one_new_profile_and_a_second_run_changes_nothing);
async fn r24_users_with_equal_permissions_share_one_new_profile_and_a_second_run_changes_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    team(&alice).await;
    let users = json!([
        legacy("eli", true, &[], &["voice/queues"], &["voice/queues/sales"]),
        legacy("dana", false, &["voice"], &[], &[]),
        legacy("fay", true, &[], &["voice/queues", "voice/queues"], &["voice/queues/sales"]),
    ]);
    let before = alice.revision().await;
    let made = alice.make("ProfilesImportLegacy", json!({ "users": users })).await;
    assert_eq!(keys(&made["profiles"]), ["profile_1", "profile_2"]);
    assert_eq!(
        (&made["profiles"][0]["userCount"], &made["profiles"][0]["permissionType"]),
        (&json!(2), &json!("READ_EDIT"))
    );
    assert_eq!(made["revision"].as_i64(), Some(before + 1), "all in one");
    for (user, action, object, allowed) in [
        ("eli", "edit", "voice/queues/sales", true),
        ("eli", "delete", "voice/queues/sales", false),
        ("eli", "read", "voice/queues/support", false),
        ("fay", "show", "voice/queues", true),
        ("dana", "read", "voice/queues/support", true),
        ("dana", "edit", "voice/queues/support", false),
    ] {
        assert_eq!(alice.allowed(user, action, object).await, allowed, "{user} {action} {object}");
    }
    let module = alice.get("ProfileModule", json!({ "profile": "profile_2", "module": "voice" })).await;
    assert_eq!(module["module"]["state"], "FULL");

    // Whatever is changed since, the same import again changes nothing.
    alice
        .make("ProfileSaveModule", json!({ "profile": "profile_1", "module": "voice", "version": 1, "all": false }))
        .await;
    alice.make("ProfileAssign", json!({ "profile": "default", "users": ["dana", "fay"] })).await;
    alice.make("ProfileDelete", json!({ "key": "profile_2" })).await;
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    let profiles = alice.get("Profiles", json!({})).await;
    let again = alice.make("ProfilesImportLegacy", json!({ "users": users })).await;
    assert_eq!(keys(&again["profiles"]), ["profile_1", "default"], "where the users are");
    assert_eq!((again["revision"].as_i64(), alice.revision().await), (Some(revision), revision));
    assert_eq!((alice.rules().await, alice.get("Profiles", json!({})).await), (rules, profiles));

    // One who comes later shares what became of the profile.
    alice.add_user("gus", "USER", json!({ "profile": "default" })).await;
    let later = json!([legacy("gus", true, &[], &["voice/queues"], &["voice/queues/sales"])]);
    alice.make("ProfilesImportLegacy", json!({ "users": later })).await;
    assert_eq!(held(&alice, "gus").await, "profile_1");
}

both!(r24_an_import_that_is_wrong_anywhere_changes_nothing_and_names_the_place);
async fn r24_an_import_that_is_wrong_anywhere_changes_nothing_and_names_the_place(instance: Instance) {
    let alice = instance.tenant_with("acme", &["voice"]).await;
    team(&alice).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    let rules = alice.rules().await;
    for (wrong, code, field) in [
        (legacy("nobody", false, &[], &[], &[]), "NOT_FOUND", "users.1.user"),
        (legacy("dana", false, &[], &[], &[]), "INVALID", "users.1.user"),
        (legacy("D/", false, &[], &[], &[]), "INVALID", "users.1.user"),
        (legacy("ann", false, &[], &[], &[]), "PROFILE_NOT_ASSIGNABLE", "users"),
        (legacy("eli", false, &["voice", "No!"], &[], &[]), "INVALID", "users.1.modules.1"),
        (legacy("eli", false, &["nothing"], &[], &[]), "NOT_FOUND", "users.1.modules"),
        (legacy("eli", false, &["chat"], &[], &[]), "UNLICENSED_MODULE", "users.1.modules"),
        (legacy("eli", false, &[], &["queues"], &[]), "INVALID", "users.1.sections.0"),
        (legacy("eli", false, &[], &["voice/nothing"], &[]), "NOT_FOUND", "users.1.sections"),
        (legacy("eli", false, &[], &["chat/queues"], &[]), "UNLICENSED_MODULE", "users.1.sections"),
        (legacy("eli", false, &[], &[], &["voice/queues/nothing"]), "NOT_FOUND", "users.1.resources"),
    ] {
        let users = json!([legacy("dana", false, &["voice"], &[], &[]), wrong]);
        assert_eq!(alice.refuse("ProfilesImportLegacy", json!({ "users": users })).await, refusal(code, field));
    }
    assert_eq!(alice.refuse("ProfilesImportLegacy", json!({ "users": [] })).await, refusal("INVALID", "users"));
    let pattern = json!({ "users": [legacy("eli", false, &[], &[], &["voice/queues/*"])] });
    assert_eq!(alice.fail("ProfilesImportLegacy", json!({ "input": pattern })).await, "BAD_INPUT", "no object");
    assert_eq!(alice.rules().await, rules);
    assert_eq!(alice.get("Profiles", json!({})).await["totalCount"], 1);
}
