//! Names of people and things, in whatever letters: what can be one, which are one, how they are listed and found.

use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, both, both_databases};
use crate::common::log::Log;
use crate::common::operations::{keys, merged, refusal};
use crate::common::tables::Tables;

mod address;
mod null;

/// Names in which something cannot be seen, or turns the rest around.
const UNSEEN: [&str; 7] =
    ["\u{200b}", "\u{2800}", "Admins\u{200b}", "\u{202e}Admins", "A\u{2060}B", "\u{301}", "Admins\u{200d}"];

both!(r26_a_name_has_nothing_that_cannot_be_seen_wherever_it_is_given);
async fn r26_a_name_has_nothing_that_cannot_be_seen_wherever_it_is_given(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let operator = instance.operator().await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    alice.make("RoleCreate", json!({ "name": "Reader", "permissions": [] })).await;
    alice.add_user("dana", "AGENT", json!({})).await;
    let group = |name: &str| json!({ "name": name });
    let version =
        |key: &str, field: &str, name: &str| merged(json!({ "key": key, "version": 1 }), json!({ field: name }));
    for name in UNSEEN {
        let admin =
            |name: &str| json!({ "username": "a", "fullName": name, "email": "a@example.com", "password": PASSWORD });
        let tenant = |name: &str, admin: Value| json!({ "key": "other", "name": name, "modules": [], "admin": admin });
        let user = json!({ "username": "eve", "fullName": name, "email": "eve@example.com", "baseRole": "AGENT" });
        let resource = json!({ "section": "voice/queues", "resources": [{ "key": "a", "name": name }] });
        for (client, mutation, input, field) in [
            (&alice, "GroupCreate", group(name), "name"),
            (&alice, "GroupUpdate", version("staff", "name", name), "name"),
            (&alice, "RoleCreate", json!({ "name": name, "permissions": [] }), "name"),
            (&alice, "RoleUpdate", version("reader", "name", name), "name"),
            (&alice, "ProfileCreate", json!({ "name": name, "permissionType": "READ" }), "name"),
            (&alice, "ProfileClone", json!({ "key": "default", "newName": name }), "newName"),
            (&alice, "UserCreate", user.clone(), "fullName"),
            (&alice, "UsersImport", json!({ "users": [user] }), "users.0.fullName"),
            (&alice, "UserUpdate", version("dana", "fullName", name), "fullName"),
            (&alice, "ResourceRegister", resource, "resources.0.name"),
            (&operator, "TenantCreate", tenant(name, admin("A")), "name"),
            (&operator, "TenantCreate", tenant("Other", admin(name)), "admin.fullName"),
        ] {
            assert_eq!(client.refuse(mutation, input).await, refusal("INVALID", field), "{mutation} {name:?}");
        }
    }
    for name in ["میرزایی\u{200c}نژاد", "👩\u{200d}💻", "東京"] {
        alice.make("GroupCreate", group(name)).await;
    }
}

both!(r26_names_of_profiles_roles_and_groups_are_one_in_any_case_and_form);
async fn r26_names_of_profiles_roles_and_groups_are_one_in_any_case_and_form(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let role = |name: &str| json!({ "name": name, "permissions": [] });
    let group = |name: &str| json!({ "name": name });
    let profile = |name: &str| json!({ "name": name, "permissionType": "READ" });
    let taken = refusal("ALREADY_EXISTS", "name");
    alice.make("RoleCreate", role("Straße Ñ")).await;
    alice.make("GroupCreate", group("Straße Ñ")).await;
    alice.make("ProfileCreate", profile("Straße Ñ")).await;
    alice.make("RoleCreate", role("Other")).await;
    alice.make("GroupCreate", group("Other")).await;
    for name in ["STRASSE Ñ", "strasse n\u{303}", "ｓｔｒａßｅ Ñ"] {
        assert_eq!(alice.refuse("RoleCreate", role(name)).await, taken, "{name}");
        assert_eq!(alice.refuse("GroupCreate", group(name)).await, taken, "{name}");
        assert_eq!(alice.refuse("ProfileCreate", profile(name)).await, taken, "{name}");
        let clone = json!({ "key": "default", "newName": name });
        assert_eq!(alice.refuse("ProfileClone", clone).await, refusal("ALREADY_EXISTS", "newName"), "{name}");
        let rename = json!({ "key": "other", "version": 1, "name": name });
        assert_eq!(alice.refuse("RoleUpdate", rename.clone()).await, taken, "{name}");
        assert_eq!(alice.refuse("GroupUpdate", rename).await, taken, "{name}");
    }
    // One's own name can be written another way.
    let renamed = alice.make("GroupUpdate", json!({ "key": "other", "version": 1, "name": "OTHER" })).await;
    assert_eq!((&renamed["group"]["name"], &renamed["group"]["key"]), (&json!("OTHER"), &json!("other")));
    // Letters with an accent are others.
    alice.make("RoleCreate", role("Strasse N")).await;
    let text = "p, Ghost, voice/queues/sales, read\np, GHOST, voice/queues/sales, edit\n";
    let told = alice.get("PolicyImport", json!({ "input": { "csv": text } })).await.to_string();
    assert!(told.contains("ALREADY_EXISTS") && told.contains("one name but for case"), "{told}");
    let text = "p, OTHER, voice/queues/sales, read\n";
    let told = alice.get("PolicyImport", json!({ "input": { "csv": text } })).await.to_string();
    assert!(told.contains("there is a role named"), "{told}");
}

both!(r26_a_key_keeps_what_the_letters_of_its_name_say);
async fn r26_a_key_keeps_what_the_letters_of_its_name_say(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for (name, key) in [
        ("Supervisión Ñ", "supervision-n"),
        ("Supervisíon Ñ", "supervision-n-2"),
        ("Größe", "grosse"),
        ("Ночная смена", "nochnaia-smena"),
        ("Ομάδα", "omada"),
        ("北京", "bei-jing"),
        ("!?", "role"),
    ] {
        let made = alice.make("RoleCreate", json!({ "name": name, "permissions": [] })).await;
        assert_eq!(made["role"]["key"], key, "{name}");
        let group = alice.make("GroupCreate", json!({ "name": name })).await;
        let expected = if key == "role" { "group" } else { key };
        assert_eq!(group["group"]["key"], expected, "{name}");
    }
    let renamed = json!({ "key": "omada", "version": 1, "name": "Another" });
    assert_eq!(alice.make("GroupUpdate", renamed).await["group"]["key"], "omada");
}

both_databases!(names_alike_of_an_older_version_stay_are_told_and_no_new_ones_are_taken);
async fn names_alike_of_an_older_version_stay_are_told_and_no_new_ones_are_taken(database: Database) {
    let before = Instance::start(&database, Choices::default()).await;
    let alice = before.tenant("acme").await;
    for name in ["Admins", "Others"] {
        alice.make("GroupCreate", json!({ "name": name })).await;
    }
    before.stop().await;
    // An older version writes the names alone, even names that count as one by now.
    let tables = Tables::of(&database).await;
    tables.run("UPDATE \"groups\" SET name = 'ADMINS\u{200b}' WHERE key = 'others'").await;
    tables.run("UPDATE users SET full_name = 'Ágnes' WHERE key = 'alice'").await;
    let (log, guard) = Log::start();
    let after = Instance::start(&database, Choices::default()).await;
    drop(guard);
    let log = log.text();
    assert!(log.contains("case or form") && log.contains("acme") && log.contains("Admins"), "{log}");
    let alice = alice.at(&after).signed_in("acme", "alice", PASSWORD).await;
    let found = alice.get("Groups", json!({ "search": "admins" })).await;
    assert_eq!(keys(&found["nodes"]), ["admins", "others"], "both stay, and are found");
    let found = alice.get("Users", json!({ "filter": { "search": "AGNES" } })).await;
    assert_eq!(keys(&found["nodes"]), ["alice"]);
    // Each can be changed otherwise, and neither takes a name that is the other's.
    let change = |key: &str, more: Value| merged(json!({ "key": key, "version": 1 }), more);
    alice.make("GroupUpdate", change("admins", json!({ "name": "Admins", "permissions": ["people"] }))).await;
    let taken = alice.refuse("GroupUpdate", change("others", json!({ "name": "Admins" }))).await;
    assert_eq!(taken, refusal("ALREADY_EXISTS", "name"));
    assert_eq!(alice.refuse("GroupCreate", json!({ "name": "admins" })).await, refusal("ALREADY_EXISTS", "name"));
    alice.make("GroupUpdate", change("others", json!({ "name": "Others" }))).await;
}

/// Walks a list page by page, forward or back, and gives the keys in the order of the list.
async fn walked(client: &Client, list: &str, forward: bool) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page =
            if forward { json!({ "first": 2, "after": cursor }) } else { json!({ "last": 2, "before": cursor }) };
        let page = client.get(list, page).await;
        let some = keys(&page["nodes"]);
        let info = &page["pageInfo"];
        let (more, place) = if forward { ("hasNextPage", "endCursor") } else { ("hasPreviousPage", "startCursor") };
        if forward {
            found.extend(some);
        } else {
            found.splice(0..0, some);
        }
        if info[more] != json!(true) {
            return found;
        }
        cursor = info[place].clone();
    }
}

both!(lists_by_name_are_in_the_order_in_which_people_look_for_them_on_every_database);
async fn lists_by_name_are_in_the_order_in_which_people_look_for_them_on_every_database(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let names = [
        ("a", "agnes"),
        ("b", "Ägidius"),
        ("c", "ＡＧＡＴＡ"),
        ("d", "Zoë"),
        ("e", "Øystein"),
        ("f", "élan"),
        ("g", "Ω"),
    ];
    for (key, name) in names {
        alice.make("GroupCreate", json!({ "key": key, "name": name })).await;
        alice.make("ProfileCreate", json!({ "key": key, "name": name, "permissionType": "READ" })).await;
        alice.add_user(key, "AGENT", json!({ "fullName": name })).await;
    }
    let expected = ["c", "b", "a", "f", "e", "d", "g"];
    for forward in [true, false] {
        assert_eq!(walked(&alice, "Groups", forward).await, expected);
        let people: Vec<String> = walked(&alice, "Users", forward).await;
        assert_eq!(people, ["c", "b", "a", "alice", "f", "e", "d", "g"], "Alice Admin among them");
        let profiles = walked(&alice, "Profiles", forward).await;
        assert_eq!(profiles, ["c", "b", "a", "default", "f", "e", "d", "g"]);
    }
}

both!(a_search_folds_case_as_unicode_does_in_every_list);
async fn a_search_folds_case_as_unicode_does_in_every_list(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("GroupCreate", json!({ "name": "Γιώργος" })).await;
    let description = json!({ "key": "g", "name": "Role", "description": "für Γιώργος", "permissions": [] });
    alice.make("RoleCreate", description).await;
    alice.make("ProfileCreate", json!({ "key": "g", "name": "Γιώργος", "permissionType": "READ" })).await;
    alice.add_user("g", "AGENT", json!({ "fullName": "Γιώργος 100% Straße" })).await;
    let queue = json!({ "section": "voice/queues", "resources": [{ "key": "g", "name": "Γιώργος" }] });
    alice.make("ResourceRegister", queue).await;
    for text in ["ΓΙΏΡΓΟΣ", "γιώργος", "Γιώργοσ"] {
        for list in ["Groups", "Profiles", "Roles"] {
            assert_eq!(keys(&alice.get(list, json!({ "search": text })).await["nodes"]).len(), 1, "{list} {text}");
        }
        let users = alice.get("Users", json!({ "filter": { "search": text } })).await;
        assert_eq!(keys(&users["nodes"]), ["g"], "{text}");
        let resources = alice.get("Resources", json!({ "section": "voice/queues", "search": text })).await;
        assert_eq!(keys(&resources["nodes"]), ["g"], "{text}");
    }
    for (text, expected) in [("STRASSE", 1), ("γιωργοσ 100%", 1), ("100_", 0), ("%", 1), ("\\", 0), ("\u{200b}", 0)]
    {
        let users = alice.get("Users", json!({ "filter": { "search": text } })).await;
        assert_eq!(keys(&users["nodes"]).len(), expected, "{text:?}");
    }
}
