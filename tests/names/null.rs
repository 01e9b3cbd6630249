//! The effect of null in an update, and of an update that changes nothing.

use crate::common::app::{Instance, both};
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// The effect of null on a field.
#[derive(Clone, Copy, PartialEq)]
enum Null {
    /// It is refused with `INVALID`, naming the field.
    Refused,
    /// It empties, or brings back what there is by default.
    Empties,
}
use Null::{Empties, Refused};

/// All fields of updates that can be null, but for the reason of a change.
const FIELDS: [(&str, &str, Null); 33] = [
    ("GroupUpdateInput", "name", Refused),
    ("GroupUpdateInput", "roles", Empties),
    ("GroupUpdateInput", "permissions", Empties),
    ("RoleUpdateInput", "name", Refused),
    ("RoleUpdateInput", "description", Empties),
    ("RoleUpdateInput", "permissions", Empties),
    ("RoleUpdateInput", "grants", Empties),
    ("ProfileUpdateInput", "description", Empties),
    ("ProfileUpdateInput", "permissionType", Refused),
    ("ProfileUpdateInput", "maskSensitiveData", Refused),
    ("SettingsUpdateInput", "securitySuite", Refused),
    ("SettingsUpdateInput", "maskedCharacters", Refused),
    ("SettingsUpdateInput", "sessionHours", Refused),
    ("UserUpdateInput", "fullName", Refused),
    ("UserUpdateInput", "email", Empties),
    ("UserUpdateInput", "enabled", Refused),
    ("UserUpdateInput", "baseRole", Refused),
    ("UserUpdateInput", "profile", Empties),
    ("UserUpdateInput", "customRole", Empties),
    ("UserUpdateInput", "groups", Empties),
    ("UserUpdateInput", "extension", Empties),
    ("UserUpdateInput", "telephony", Empties),
    ("TelephonyInput", "transport", Refused),
    ("TelephonyInput", "nat", Refused),
    ("TelephonyInput", "codecs", Refused),
    ("TelephonyInput", "context", Refused),
    ("TelephonyInput", "callGroups", Empties),
    ("TelephonyInput", "pickupGroups", Empties),
    ("ProfileSaveModuleInput", "all", Refused),
    ("ProfileSaveModuleInput", "override", Empties),
    ("ProfileSaveModuleInput", "sections", Empties),
    ("ResourceInput", "members", Empties),
    ("ResourceInput", "links", Refused),
];

/// The mutation that takes such an input, the rest of it, and where in it the fields stand.
fn mutation(input: &str) -> (&'static str, Value, &'static str) {
    match input {
        "GroupUpdateInput" => ("GroupUpdate", json!({ "key": "staff", "version": 2 }), ""),
        "RoleUpdateInput" => ("RoleUpdate", json!({ "key": "reader", "version": 1 }), ""),
        "ProfileUpdateInput" => ("ProfileUpdate", json!({ "key": "night", "version": 1 }), ""),
        "SettingsUpdateInput" => ("SettingsUpdate", json!({}), ""),
        "UserUpdateInput" => ("UserUpdate", json!({ "key": "mia", "version": 1 }), ""),
        "TelephonyInput" => ("UserUpdate", json!({ "key": "mia", "version": 1 }), "telephony"),
        "ProfileSaveModuleInput" => {
            ("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "version": 1 }), "")
        }
        "ResourceInput" => {
            let team = json!({ "key": "team", "name": "Team" });
            ("ResourceRegister", json!({ "section": "staff/teams", "resources": [team] }), "resources.0")
        }
        other => panic!("{other} is not in the table"),
    }
}

async fn filled(alice: &Client) {
    let grant = json!([{ "object": "voice/queues/*", "action": "read" }]);
    let role = json!({ "name": "Reader", "description": "reads", "permissions": ["reports"], "grants": grant });
    alice.make("RoleCreate", role).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["reader"], "permissions": ["people"] })).await;
    let profile = json!({ "name": "Night", "description": "at night", "permissionType": "READ" });
    alice.make("ProfileCreate", profile).await;
    let telephony = json!({ "callGroups": ["1"], "pickupGroups": ["2"] });
    let more = json!({ "customRole": "reader", "groups": ["staff"], "extension": "2000", "telephony": telephony });
    alice.add_user("mia", "MANAGER", more).await;
}

both!(null_empties_a_field_of_an_update_or_is_refused_by_its_name);
async fn null_empties_a_field_of_an_update_or_is_refused_by_its_name(instance: Instance) {
    let alice = instance.tenant("acme").await;
    filled(&alice).await;
    for (input, field, null) in FIELDS {
        let (name, mut sent, place) = mutation(input);
        match place {
            "" => sent[field] = Value::Null,
            "telephony" => sent["telephony"] = json!({ field: null }),
            _ => sent["resources"][0][field] = Value::Null,
        }
        let document = crate::common::operations::document(name);
        match null {
            Refused => {
                let path = if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
                let refused = alice.refuse(name, sent.clone()).await;
                assert_eq!(refused, refusal("INVALID", &path), "{input} {field}");
            }
            // Only tried, where that can be, so that each field is looked at for itself.
            Empties => {
                sent["dryRun"] = json!(true);
                let payload = alice.done(&document, json!({ "input": sent })).await;
                assert_eq!(payload["userErrors"], json!([]), "{input} {field}");
            }
        }
    }
}

/// Adds a line of a description, which can have several.
fn say(said: &mut String, line: &str) {
    if line != "\"\"\"" {
        said.push_str(line);
        said.push(' ');
    }
}

both!(null_leaves_nothing_in_what_it_empties);
async fn null_leaves_nothing_in_what_it_empties(instance: Instance) {
    let alice = instance.tenant("acme").await;
    filled(&alice).await;
    let nothing = json!({ "key": "mia", "version": 1, "email": null, "customRole": null, "groups": null,
        "extension": null, "telephony": { "callGroups": null, "pickupGroups": null }, "profile": null });
    let mia = alice.make("UserUpdate", nothing).await["user"].clone();
    assert_eq!((&mia["email"], &mia["customRole"], &mia["extension"]), (&Value::Null, &Value::Null, &json!("1001")));
    assert_eq!((&mia["telephony"]["callGroups"], &mia["telephony"]["pickupGroups"]), (&json!([]), &json!([])));
    assert!(keys(&alice.get("User", json!({ "key": "mia" })).await["groups"]["nodes"]).is_empty());
    let nothing = json!({ "key": "staff", "version": 3, "roles": null, "permissions": null });
    let staff = alice.make("GroupUpdate", nothing).await["group"].clone();
    assert_eq!((&staff["roles"]["nodes"], &staff["permissions"]), (&json!([]), &json!([])));
    let nothing = json!({ "key": "reader", "version": 1, "description": null, "permissions": null, "grants": null });
    let reader = alice.make("RoleUpdate", nothing).await["role"].clone();
    assert_eq!((&reader["description"], &reader["permissions"]), (&json!(""), &json!([])));
    assert_eq!(reader["grants"]["nodes"], json!([]));
}

#[tokio::test]
async fn the_schema_says_of_every_field_of_an_update_that_can_be_null_what_null_does() {
    let schema = std::fs::read_to_string(format!("{}/graphql/schema.graphql", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let listed: BTreeSet<(&str, &str)> = FIELDS.iter().map(|(input, field, _)| (*input, *field)).collect();
    let inputs: BTreeSet<&str> = FIELDS.iter().map(|(input, ..)| *input).collect();
    let mut found = BTreeSet::new();
    for block in schema.split("\ninput ").skip(1) {
        let (name, body) = block.split_once(" {\n").unwrap();
        if !name.ends_with("UpdateInput") && !inputs.contains(name) {
            continue;
        }
        let mut said = String::new();
        for line in body.split_once("\n}").unwrap().0.lines() {
            let Some((field, kind)) = line.trim().split_once(": ") else {
                say(&mut said, line.trim());
                continue;
            };
            if !field.chars().all(char::is_alphanumeric) {
                say(&mut said, line.trim());
                continue;
            }
            let said = std::mem::take(&mut said);
            if kind.ends_with('!') || kind.contains(" = ") || field == "reason" {
                continue;
            }
            found.insert((name, field));
            let whole = name == "SettingsUpdateInput";
            let null = FIELDS.iter().find(|known| (known.0, known.1) == (name, field)).map(|known| known.2);
            assert!(
                whole || null != Some(Refused) || said.to_lowercase().contains("null is refused"),
                "{name}.{field} does not say that null is refused: {said}"
            );
        }
    }
    assert_eq!(found, listed);
}

both!(r43_an_update_that_changes_nothing_is_audited_and_makes_no_version_and_no_revision);
async fn r43_an_update_that_changes_nothing_is_audited_and_makes_no_version_and_no_revision(instance: Instance) {
    let alice = instance.tenant("acme").await;
    filled(&alice).await;
    let events = alice.get("AuditEvents", json!({})).await["totalCount"].as_i64().unwrap();
    let revision = alice.revision().await;
    let telephony = json!({ "transport": "UDP", "callGroups": ["1"] });
    for (mutation, input, thing, version) in [
        ("GroupUpdate", json!({ "key": "staff", "name": "Staff", "roles": ["reader"] }), "group", 2),
        ("RoleUpdate", json!({ "key": "reader", "description": "reads", "permissions": ["reports"] }), "role", 1),
        (
            "ProfileUpdate",
            json!({ "key": "night", "permissionType": "READ", "maskSensitiveData": false }),
            "profile",
            1,
        ),
        ("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "override": null }), "profile", 1),
        ("UserUpdate", json!({ "key": "mia" }), "user", 1),
        (
            "UserUpdate",
            json!({ "key": "mia", "fullName": "mia", "email": "mia@example.com", "enabled": true, "baseRole": "MANAGER",
                "customRole": "reader", "groups": ["staff"], "extension": "2000", "telephony": telephony }),
            "user",
            1,
        ),
    ] {
        let done = alice.make(mutation, merged(input, json!({ "version": version }))).await;
        assert_eq!(done[thing]["version"], version, "{mutation}");
        assert_eq!(done["revision"], revision, "{mutation}");
    }
    let settings = json!({ "securitySuite": false, "sessionHours": null });
    assert_eq!(alice.refuse("SettingsUpdate", settings).await, refusal("INVALID", "sessionHours"));
    assert_eq!(alice.get("AuditEvents", json!({})).await["totalCount"], events + 6, "each once");
    let wrong = json!({ "key": "mia", "version": 7 });
    assert_eq!(alice.refuse("UserUpdate", wrong).await, refusal("CONFLICT", "version"), "an old version is one still");
    let done = alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "fullName": "Mia" })).await;
    assert_eq!(done["user"]["version"], 2);
}
