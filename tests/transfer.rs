//! Many users at once: export (R33) and import, through the API.

use serde_json::{Value, json};

use crate::common::app::{Instance, PASSWORD, both};
use crate::common::operations::{document, keys, merged, refusal};

fn new_user(username: &str, more: Value) -> Value {
    let email = format!("{username}@example.com");
    merged(json!({ "username": username, "fullName": username, "email": email, "baseRole": "AGENT" }), more)
}

/// Returns the lines of a CSV, each with its cells.
fn lines(payload: &Value) -> Vec<Vec<String>> {
    let csv = payload["csv"].as_str().unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect()
}

both!(r33_the_chosen_users_are_exported_in_the_order_that_is_asked_for);
async fn r33_the_chosen_users_are_exported_in_the_order_that_is_asked_for(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for name in ["Staff", "Night"] {
        alice.make("GroupCreate", json!({ "name": name })).await;
    }
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    let dana = json!({ "baseRole": "USER", "profile": "default", "groups": ["staff", "night"], "extension": "0042",
        "fullName": "Dana, \"D\"\u{e9}", "password": PASSWORD });
    let dana = alice.make("UserCreate", new_user("Dana.D", dana)).await["user"]["id"].clone();
    let mia = json!({ "baseRole": "MANAGER", "customRole": "analyst" });
    alice.make("UserCreate", new_user("mia", mia)).await;
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "enabled": false, "email": null })).await;
    alice.add_user("eve", "AGENT", json!({})).await;
    let revision = alice.revision().await;
    let exported = alice.make("UsersExport", json!({ "keys": ["mia", "dana.d"] })).await;
    let mut found = lines(&exported);
    let created = found[2].pop().unwrap();
    found[1].pop();
    let header = [
        "username",
        "full name",
        "email",
        "base role",
        "enabled",
        "profile",
        "custom role",
        "groups",
        "extension",
        "created at",
    ];
    assert_eq!(found[0], header);
    assert_eq!(found[1], ["mia", "mia", "", "MANAGER", "false", "", "analyst", "", "1001"]);
    let dana_line =
        ["Dana.D", "Dana, \"D\"\u{e9}", "Dana.D@example.com", "USER", "true", "default", "", "night staff", "0042"];
    assert_eq!(found[2], dana_line);
    assert_eq!(found.len(), 3);
    let node = "query($id: ID!) { node(id: $id) { ... on User { createdAt } } }";
    assert_eq!(alice.data(node, json!({ "id": dana })).await["node"]["createdAt"], created.as_str());

    assert_eq!(alice.revision().await, revision);
    let events = instance.audited("acme", "users.export").await;
    assert_eq!((events.len(), events[0].actor.key.as_str()), (1, "alice"));
    assert_eq!(events[0].after, Some(json!({ "exported": ["mia", "dana.d"] })));
}

both!(r33_an_export_holds_no_formula_and_no_secret);
async fn r33_an_export_holds_no_formula_and_no_secret(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for (username, full_name) in
        [("eq", "=HYPERLINK(\"http://x\")"), ("plus", "+1"), ("minus", "-1"), ("at", "@SUM(A1)")]
    {
        alice
            .make(
                "UserCreate",
                new_user(username, json!({ "fullName": full_name, "password": PASSWORD, "baseRole": "MANAGER" })),
            )
            .await;
    }
    alice.make("UserCreate", new_user("semi", json!({ "fullName": "x;=1+1" }))).await;
    alice.make("UserUpdate", json!({ "key": "semi", "version": 1, "email": "+a@example.com" })).await;
    let token = alice.make("ApiKeyGenerate", json!({ "user": "eq" })).await;
    let exported = alice.make("UsersExport", json!({ "keys": ["eq", "plus", "minus", "at", "semi"] })).await;
    let found = lines(&exported);
    let names: Vec<&str> = found[1..].iter().map(|line| line[1].as_str()).collect();
    assert_eq!(names, ["'=HYPERLINK(\"http://x\")", "'+1", "'-1", "'@SUM(A1)", "x;=1+1"]);
    assert_eq!(found[5][2], "'+a@example.com");
    let csv = exported["csv"].as_str().unwrap();
    assert!(csv.lines().all(|line| line.starts_with('"') && line.ends_with('"')), "{csv}");
    for secret in ["argon2", token["apiKey"]["prefix"].as_str().unwrap(), PASSWORD] {
        assert!(!csv.contains(secret), "{csv}");
    }
}

both!(r33_an_export_is_of_all_that_are_named_or_of_none);
async fn r33_an_export_is_of_all_that_are_named_or_of_none(instance: Instance) {
    let alice = instance.tenant("acme").await;
    instance.tenant("globex").await.add_user("dana", "AGENT", json!({})).await;
    let rita = alice.new_delegate("acme", "rita", &[("admin/users", "read")]).await;
    for (asked, code, field) in [
        (json!([]), "INVALID", "keys"),
        (json!(vec!["alice"; 1001]), "TOO_LARGE", "keys"),
        (json!(["alice", "nobody"]), "NOT_FOUND", "keys.1"),
        (json!(["dana", "alice"]), "NOT_FOUND", "keys.0"),
        (json!(["alice", "No Key"]), "INVALID", "keys.1"),
    ] {
        let answer = rita.get("UsersExport", json!({ "input": { "keys": asked } })).await;
        assert_eq!(answer["csv"], Value::Null);
        assert_eq!(rita.refuse("UsersExport", json!({ "keys": asked })).await, refusal(code, field));
    }
    assert_eq!(instance.audited("acme", "users.export").await.len(), 0);
    assert_eq!(lines(&rita.make("UsersExport", json!({ "keys": ["alice"] })).await).len(), 2, "reading is enough");
    assert_eq!(lines(&alice.make("UsersExport", json!({ "keys": vec!["alice"; 1000] })).await).len(), 1001);
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    assert_eq!(ann.fail("UsersExport", json!({ "input": { "keys": ["ann"] } })).await, "FORBIDDEN");
}

both!(many_users_are_made_in_one_change);
async fn many_users_are_made_in_one_change(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("GroupCreate", json!({ "name": "Staff", "permissions": ["people"] })).await;
    let revision = alice.revision().await;
    let users = json!([
        new_user("zoe", json!({ "baseRole": "USER", "profile": "default", "password": PASSWORD })),
        new_user("Mia", json!({ "baseRole": "MANAGER", "password": "Other-Secret-1", "extension": "1002" })),
        new_user("ann", json!({ "groups": ["staff"] })),
    ]);
    let made = alice.make("UsersImport", json!({ "users": users, "reason": "the new team" })).await;
    assert_eq!(keys(&made["users"]), ["zoe", "mia", "ann"], "as they were named");
    assert_eq!((made["revision"].as_i64(), alice.revision().await), (Some(revision + 1), revision + 1));
    let mut extensions: Vec<_> =
        made["users"].as_array().unwrap().iter().map(|user| user["extension"].as_str().unwrap()).collect();
    extensions.sort_unstable();
    assert_eq!(extensions, ["1001", "1002", "1003"]);
    instance.stranger().signed_in("acme", "zoe", PASSWORD).await;
    instance.stranger().signed_in("acme", "mia", "Other-Secret-1").await;
    assert!(alice.allowed("ann", "read", "people/skills").await);
    let events = instance.audited("acme", "users.import").await;
    assert_eq!((events.len(), events[0].reason.as_str()), (1, "the new team"));
    let told = events[0].after.as_ref().unwrap().to_string();
    assert!(told.contains("zoe") && told.contains("ann") && !told.contains("argon2"), "{told}");
}

both!(an_import_is_refused_as_a_whole_at_the_place_of_its_fault);
async fn an_import_is_refused_as_a_whole_at_the_place_of_its_fault(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("UserCreate", new_user("dana", json!({ "extension": "2001" }))).await;
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    let good = |n: usize| new_user(&format!("u{n}"), json!({ "password": PASSWORD }));
    for (third, code, field) in [
        (json!({ "username": "da na" }), "INVALID", "username"),
        (json!({ "username": "DANA" }), "ALREADY_EXISTS", "username"),
        (json!({ "username": "U0", "email": "new@example.com" }), "ALREADY_EXISTS", "username"),
        (json!({ "fullName": "" }), "INVALID", "fullName"),
        (json!({ "email": "x" }), "INVALID", "email"),
        (json!({ "email": "Dana@Example.com" }), "ALREADY_EXISTS", "email"),
        (json!({ "email": "U1@example.com" }), "ALREADY_EXISTS", "email"),
        (json!({ "password": "short" }), "WEAK_PASSWORD", "password"),
        (json!({ "baseRole": "SERVICE" }), "INVALID", "password"),
        (json!({ "baseRole": "USER" }), "PROFILE_REQUIRED", "profile"),
        (json!({ "baseRole": "USER", "profile": "nothing" }), "NOT_FOUND", "profile"),
        (json!({ "customRole": "nothing" }), "ROLE_NOT_ASSIGNABLE", "customRole"),
        (json!({ "groups": ["nothing"] }), "NOT_FOUND", "groups"),
        (json!({ "groups": ["No Key"] }), "INVALID", "groups.0"),
        (json!({ "extension": "2001" }), "ALREADY_EXISTS", "extension"),
        (json!({ "extension": "x" }), "INVALID", "extension"),
        (json!({ "telephony": { "context": "" } }), "INVALID", "telephony.context"),
        (json!({ "reason": "mine" }), "INVALID", "reason"),
    ] {
        let users = json!([good(0), good(1), good(2), merged(good(3), third.clone()), good(4)]);
        let refused = alice.refuse("UsersImport", json!({ "users": users })).await;
        assert_eq!(refused, refusal(code, &format!("users.3.{field}")), "{third}");
    }
    let twice = json!([merged(good(0), json!({ "extension": "7" })), merged(good(1), json!({ "extension": "7" }))]);
    let refused = alice.refuse("UsersImport", json!({ "users": twice })).await;
    assert_eq!(refused, refusal("ALREADY_EXISTS", "users.1.extension"));
    assert_eq!(alice.refuse("UsersImport", json!({ "users": [] })).await, refusal("INVALID", "users"));
    let reason = json!({ "users": [good(0)], "reason": "x".repeat(501) });
    assert_eq!(alice.refuse("UsersImport", reason).await, refusal("INVALID", "reason"));
    assert_eq!((alice.revision().await, alice.rules().await), (revision, rules));
    assert_eq!(alice.get("Users", json!({})).await["totalCount"], 2);
}

both!(an_import_takes_a_thousand_users_and_not_one_more);
async fn an_import_takes_a_thousand_users_and_not_one_more(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let revision = alice.revision().await;
    let users = |count: usize| (0..count).map(|n| new_user(&format!("u{n}"), json!({}))).collect::<Vec<_>>();
    let refused = alice.refuse("UsersImport", json!({ "users": users(1001) })).await;
    assert_eq!(refused, refusal("TOO_LARGE", "users"));
    let made = alice.make("UsersImport", json!({ "users": users(1000) })).await;
    assert_eq!(made["users"].as_array().unwrap().len(), 1000);
    assert_eq!(made["users"][999]["key"], "u999");
    assert_eq!(alice.revision().await, revision + 1);
    assert_eq!(alice.get("Users", json!({})).await["totalCount"], 1001);
}

both!(of_two_imports_with_the_same_address_one_is_told_where);
async fn of_two_imports_with_the_same_address_one_is_told_where(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let import = async |prefix: &str| {
        let first = new_user(&format!("{prefix}1"), json!({}));
        let second = new_user(&format!("{prefix}2"), json!({ "email": "shared@example.com", "password": PASSWORD }));
        alice.get("UsersImport", json!({ "input": { "users": [first, second] } })).await
    };
    let (one, other) = tokio::join!(import("a"), import("b"));
    let refused: Vec<_> = [&one, &other].into_iter().filter_map(|payload| payload["userErrors"].get(0)).collect();
    assert_eq!(refused.len(), 1, "{one} {other}");
    assert_eq!(refused[0]["code"], "ALREADY_EXISTS");
    assert_eq!(refused[0]["field"], json!(["users", "1", "email"]));
    assert_eq!(alice.get("Users", json!({})).await["totalCount"], 3);
}

both!(r35b_an_import_gives_no_one_what_its_maker_lacks);
async fn r35b_an_import_gives_no_one_what_its_maker_lacks(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("GroupCreate", json!({ "name": "Strong", "permissions": ["reports"] })).await;
    let eddy = alice.new_delegate("acme", "eddy", &[("admin/users", "edit")]).await;
    for more in [json!({ "baseRole": "ADMIN" }), json!({ "baseRole": "SERVICE" }), json!({ "groups": ["strong"] })] {
        let users = json!([new_user("u1", json!({})), new_user("u2", more)]);
        assert_eq!(eddy.refuse("UsersImport", json!({ "users": users })).await.0, "BEYOND_OWN_RIGHTS");
    }
    let mutation =
        document("UsersImport").replace("users { key username email baseRole extension version }", "users { key }");
    let made = eddy.done(&mutation, json!({ "input": { "users": [new_user("u1", json!({}))] } })).await;
    assert_eq!(keys(&made["users"]), ["u1"]);
    assert_eq!(alice.get("Users", json!({})).await["totalCount"], 3);
}
