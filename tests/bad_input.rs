//! Bad input from strangers: each is refused by its code, changes nothing, and is told nothing of how the platform is
//! made.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};
use crate::common::operations::{automatic, document, merged};

/// Texts that could be a wildcard, a separator or something else in a rule.
const HOSTILE: [&str; 14] =
    ["", "*", "a*", "a/b", "/", "a:b", "role:admin", "a,b", "a\"b", "a\nb", "\u{e9}", "..", " a", "a\u{0}"];

/// Words that only the inside knows.
const INSIDE: [&str; 9] =
    ["select ", "insert ", "update \"", "sqlite", "sqlx", "postgres", "casbin_rule", "/tmp", "panicked"];

fn tells_nothing(answer: &Value) {
    let text = answer.to_string().to_lowercase();
    for word in INSIDE {
        assert!(!text.contains(word), "{word}: {answer:#}");
    }
}

/// Makes a tenant's admin, with everything that can be doubled: a profile, a role, a group, a user and a resource.
async fn world(instance: &Instance) -> Client {
    let alice = instance.tenant_with("acme", &["voice", "staff"]).await;
    alice.add_profile("Night", "READ").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    alice.register("voice/queues", &["sales"]).await;
    alice
}

/// Asks with each input, and sees that each is refused by its code and changes nothing.
async fn all_refused(alice: &Client, asked: Vec<(&str, Value, &str)>) {
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    for (name, input, code) in asked {
        let answer = alice.answer(name, json!({ "input": input })).await;
        tells_nothing(&answer);
        let payload = answer["data"].as_object().and_then(|data| data.values().next());
        let refused = payload.map_or(&Value::Null, |payload| &payload["userErrors"][0]["code"]);
        let failed = &answer["errors"][0]["extensions"]["code"];
        assert!(refused == code || failed == code, "{code} for {name} {:.200}: {answer:#}", input.to_string());
    }
    assert_eq!((alice.revision().await, alice.rules().await), (revision, rules));
}

both!(a_key_that_could_forge_a_rule_is_refused_for_every_kind_of_thing);
async fn a_key_that_could_forge_a_rule_is_refused_for_every_kind_of_thing(instance: Instance) {
    let alice = world(&instance).await;
    let long = "a".repeat(65);
    let mut asked = Vec::new();
    for key in HOSTILE.iter().copied().chain([long.as_str(), "Upper"]) {
        asked.push(("ProfileCreate", json!({ "key": key, "name": "New", "permissionType": "READ" }), "INVALID"));
        asked.push(("ProfileClone", json!({ "key": "night", "newName": "New", "newKey": key }), "INVALID"));
        asked.push(("RoleCreate", json!({ "key": key, "name": "New", "permissions": [] }), "INVALID"));
        asked.push(("RoleCreate", json!({ "name": "New", "permissions": [key] }), "INVALID"));
        asked.push(("GroupCreate", json!({ "key": key, "name": "New" }), "INVALID"));
        asked.push(("GroupCreate", json!({ "name": "New", "members": [key] }), "INVALID"));
        asked.push(("GroupAddMembers", json!({ "group": "staff", "users": [key] }), "INVALID"));
        asked.push(("UserDelete", json!({ "key": key }), "INVALID"));
        asked.push(("ApiKeyGenerate", json!({ "user": key }), "INVALID"));
        asked.push((
            "ProfileSaveModule",
            json!({ "profile": "night", "module": key, "version": 1, "all": true }),
            "INVALID",
        ));
        asked.push((
            "ResourceRegister",
            json!({ "section": key, "resources": [{ "key": "a", "name": "A" }] }),
            if key == "a/b" { "NOT_FOUND" } else { "INVALID" },
        ));
    }
    let long = "a".repeat(129);
    for key in HOSTILE.iter().copied().chain([long.as_str()]) {
        let resources = json!([{ "key": key, "name": "New" }]);
        asked.push(("ResourceRegister", json!({ "section": "voice/queues", "resources": resources }), "INVALID"));
        asked.push(("ResourceRemove", json!({ "section": "voice/queues", "keys": [key] }), "INVALID"));
    }
    let long = "a".repeat(65);
    for username in HOSTILE.iter().copied().chain([long.as_str(), "a-b"]) {
        let user = json!({ "username": username, "fullName": "New", "email": "new@example.com", "baseRole": "AGENT" });
        asked.push(("UserCreate", user, "INVALID"));
    }
    all_refused(&alice, asked).await;

    let operator = instance.operator().await;
    let admin = json!({ "username": "x", "fullName": "X", "email": "x@example.com", "password": PASSWORD });
    for key in HOSTILE {
        let input = json!({ "key": key, "name": "New", "modules": [], "admin": admin });
        let refused = operator.answer("TenantCreate", json!({ "input": input })).await;
        let code = refused["data"]["tenantCreate"]["userErrors"][0]["code"].as_str();
        assert!(code == Some("INVALID") || refused["errors"][0]["extensions"]["code"] == "FORBIDDEN", "{refused}");
    }
    assert_eq!(operator.get("Tenants", json!({})).await["totalCount"], 2);
}

both!(r42_a_request_outside_the_grammar_is_no_decision);
async fn r42_a_request_outside_the_grammar_is_no_decision(instance: Instance) {
    let alice = world(&instance).await;
    let asked = |subject: &str, action: &str, object: &str| json!({ "input": { "subject": subject, "action": action, "object": object } });
    let long = "a/".repeat(300) + "a";
    for object in HOSTILE.iter().copied().filter(|text| *text != "a/b").chain(["a//b", "a/", "voice/*", "a/*/b", &long])
    {
        let answer = alice.answer("Decision", asked("alice", "read", object)).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{object:?} {answer:#}");
        tells_nothing(&answer);
        let can = json!({ "action": "read", "object": object });
        let code = alice.answer("ViewerCan", can).await["errors"][0]["extensions"]["code"].clone();
        assert_eq!(code, "BAD_INPUT", "{object:?}");
    }
    for action in HOSTILE.iter().copied().chain(["/read", "read now", "1"]) {
        assert_eq!(alice.fail("Decision", asked("alice", action, "voice")).await, "BAD_INPUT", "{action:?}");
        let can = json!({ "action": action, "object": "voice" });
        assert_eq!(alice.fail("ViewerCan", can).await, "BAD_INPUT", "{action:?}");
    }
    for subject in HOSTILE.iter().copied().chain(["user:alice", "Alice"]) {
        assert_eq!(alice.fail("Decision", asked(subject, "read", "voice")).await, "BAD_INPUT", "{subject:?}");
    }
    let one = asked("alice", "read", "*")["input"].clone();
    let many = alice.answer("Decisions", json!({ "inputs": [asked("alice", "read", "voice")["input"], one] })).await;
    assert_eq!(many["errors"][0]["extensions"]["field"], json!(["inputs", "1", "object"]));
}

both!(a_look_up_by_what_cannot_be_a_key_finds_nothing);
async fn a_look_up_by_what_cannot_be_a_key_finds_nothing(instance: Instance) {
    let alice = world(&instance).await;
    for key in HOSTILE {
        for name in ["User", "Profile", "Group", "Role"] {
            let answer = alice.answer(name, json!({ "key": key })).await;
            tells_nothing(&answer);
            assert_eq!(answer["data"][name.to_lowercase()], Value::Null);
            // PostgreSQL has no text with a zero byte in it.
            assert!(answer["errors"].is_null(), "{name} {key:?} {answer:#}");
        }
        for name in ["Users", "Profiles", "Groups", "Roles", "Resources", "Rules"] {
            let filter = json!({ "search": key, "section": "voice/queues", "filter": { "search": key } });
            let answer = alice.answer(name, filter).await;
            tells_nothing(&answer);
            let code = answer["errors"][0]["extensions"]["code"].clone();
            assert!(code.is_null() || code == "BAD_INPUT", "{name} {key:?} {answer:#}");
        }
        assert_eq!(alice.get("Node", json!({ "id": key })).await, Value::Null);
    }
}

both!(what_is_doubled_stale_unknown_or_unlicensed_is_refused);
async fn what_is_doubled_stale_unknown_or_unlicensed_is_refused(instance: Instance) {
    let alice = world(&instance).await;
    let user = |more: Value| {
        let new = json!({ "username": "new", "fullName": "New", "email": "new@example.com", "baseRole": "AGENT" });
        merged(new, more)
    };
    let save = |more: Value| merged(json!({ "profile": "night", "module": "voice", "version": 1 }), more);
    let asked = vec![
        ("ProfileCreate", json!({ "name": "Night", "permissionType": "READ" }), "ALREADY_EXISTS"),
        ("ProfileCreate", json!({ "name": "New", "key": "night", "permissionType": "READ" }), "ALREADY_EXISTS"),
        ("RoleCreate", json!({ "name": "Analyst", "permissions": [] }), "ALREADY_EXISTS"),
        ("RoleCreate", json!({ "name": "New", "key": "analyst", "permissions": [] }), "ALREADY_EXISTS"),
        ("GroupCreate", json!({ "name": "Staff" }), "ALREADY_EXISTS"),
        ("GroupCreate", json!({ "name": "New", "key": "staff" }), "ALREADY_EXISTS"),
        ("UserCreate", user(json!({ "username": "dana" })), "ALREADY_EXISTS"),
        ("UserCreate", user(json!({ "email": "dana@example.com" })), "ALREADY_EXISTS"),
        ("UserUpdate", json!({ "key": "dana", "version": 9, "fullName": "New" }), "CONFLICT"),
        ("ProfileUpdate", json!({ "key": "night", "version": 9, "permissionType": "READ_EDIT" }), "CONFLICT"),
        ("ProfileSaveModule", save(json!({ "version": 9, "all": true })), "CONFLICT"),
        ("RoleUpdate", json!({ "key": "analyst", "version": 9, "permissions": ["people"] }), "CONFLICT"),
        ("GroupUpdate", json!({ "key": "staff", "version": 9, "permissions": ["people"] }), "CONFLICT"),
        ("ProfileSaveModule", save(json!({ "module": "chat", "all": true })), "UNLICENSED_MODULE"),
        ("ProfileSaveModule", save(json!({ "module": "whatsapp", "all": true })), "UNLICENSED_MODULE"),
        ("ProfileSaveModule", save(json!({ "module": "nothing", "all": true })), "NOT_FOUND"),
        ("ProfileSaveModule", save(json!({ "sections": [automatic("voice/nothing")] })), "NOT_FOUND"),
        ("UserUpdate", json!({ "key": "nobody", "version": 1 }), "NOT_FOUND"),
        ("ResourceRemove", json!({ "section": "voice/queues", "keys": ["nothing"] }), "NOT_FOUND"),
        ("ProfileCreate", json!({ "name": "x".repeat(201), "permissionType": "READ" }), "INVALID"),
        ("ProfileCreate", json!({ "name": "a\u{7}b", "permissionType": "READ" }), "INVALID"),
        (
            "ProfileCreate",
            json!({ "name": "New", "description": "x".repeat(2001), "permissionType": "READ" }),
            "INVALID",
        ),
        ("RoleCreate", json!({ "name": "New", "description": "x".repeat(2001), "permissions": [] }), "INVALID"),
        ("UserCreate", user(json!({ "reason": "x".repeat(501) })), "INVALID"),
        ("SettingsUpdate", json!({ "sessionHours": 5, "reason": "x".repeat(501) }), "INVALID"),
        ("ProfileDelete", json!({ "key": "default", "reason": "a\nb" }), "INVALID"),
        ("UserCreate", user(json!({ "telephony": { "context": "" } })), "INVALID"),
    ];
    all_refused(&alice, asked).await;
}

both!(what_the_schema_does_not_know_is_bad_input_and_never_runs);
async fn what_the_schema_does_not_know_is_bad_input_and_never_runs(instance: Instance) {
    let alice = world(&instance).await;
    let revision = alice.revision().await;
    let create = document("ProfileCreate");
    let aliases = |count: usize| (0..count).map(|n| format!("a{n}: __typename ")).collect::<Vec<_>>().concat();
    let roots = (0..51).map(|n| format!("a{n}: viewer {{ home }} ")).collect::<Vec<_>>().concat();
    let deep = format!(
        "{{ users {{ nodes {}{}{} }} }}",
        "{ groups { nodes { members { nodes ".repeat(5),
        "{ key }",
        "} } } }".repeat(5)
    );
    let costly =
        "{ users(first: 100) { nodes { groups { nodes { members(first: 100) { nodes { key fullName } } } } } } }";
    for (query, variables) in [
        ("{ nothing }".to_owned(), json!({})),
        ("{ viewer { password } }".to_owned(), json!({})),
        ("{ viewer { user } }".to_owned(), json!({})),
        ("{ viewer(as: \"bob\") { home } }".to_owned(), json!({})),
        ("{ viewer { home }".to_owned(), json!({})),
        ("{ user(key: 1) { key } }".to_owned(), json!({})),
        ("{ user { key } }".to_owned(), json!({})),
        (create.clone(), json!({})),
        (create.clone(), json!({ "input": { "name": "New" } })),
        (create.clone(), json!({ "input": { "name": "New", "permissionType": "ALL" } })),
        (create.clone(), json!({ "input": { "name": 1, "permissionType": "READ" } })),
        (create.clone(), json!({ "input": { "name": "New", "permissionType": "READ", "tenant": "globex" } })),
        (document("UserUpdate"), json!({ "input": { "key": "dana", "version": "1" } })),
        (document("UserUpdate"), json!({ "input": { "key": "dana", "version": 3_000_000_000_u32 } })),
        (document("GroupAddMembers"), json!({ "input": { "group": "staff", "users": [null] } })),
        (format!("{{ {} }}", aliases(101)), json!({})),
        (format!("{{ {roots} }}"), json!({})),
        (deep, json!({})),
        (costly.to_owned(), json!({})),
        ("{".repeat(200), json!({})),
        (" ".repeat(129 * 1024), json!({})),
    ] {
        let answer = alice.ask(&query, variables.clone()).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{query:.200} {variables} {answer:#}");
        assert!(answer["data"].is_null(), "{answer:#}");
        tells_nothing(&answer);
    }
    assert_eq!(alice.revision().await, revision);
    assert_eq!(alice.get("Profiles", json!({})).await["totalCount"], 2);
}

both!(a_body_over_a_mebibyte_is_refused_unread);
async fn a_body_over_a_mebibyte_is_refused_unread(instance: Instance) {
    let alice = world(&instance).await;
    let body = json!({ "query": "{ __typename }", "variables": { "x": "x".repeat(1024 * 1024) } });
    let request = reqwest::Client::new().post(format!("{}/graphql", instance.url)).json(&body);
    let response = request.bearer_auth(alice.token.as_deref().unwrap()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 413);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TOO_LARGE");
    tells_nothing(&answer);
}
