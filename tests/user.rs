//! Users and their accounts, through the API.

use serde_json::{Value, json};

use crate::common::app::{Instance, PASSWORD, both};
use crate::common::operations::{document, keys, merged, refusal};

mod list;
mod telephony;

fn new_user(username: &str, more: Value) -> Value {
    let email = format!("{username}@example.com");
    merged(json!({ "username": username, "fullName": username, "email": email, "baseRole": "AGENT" }), more)
}

both!(a_user_is_made_and_changed_as_it_is_told);
async fn a_user_is_made_and_changed_as_it_is_told(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    let telephony =
        json!({ "transport": "WSS", "nat": "FORCE_RPORT", "codecs": ["OPUS", "ALAW"], "callGroups": ["1"] });
    let more = json!({ "baseRole": "USER", "profile": "default", "groups": ["staff"], "extension": "2001",
        "telephony": telephony, "password": PASSWORD });
    let made = alice.make("UserCreate", new_user("Dana.D", more)).await["user"].clone();
    assert_eq!((&made["key"], &made["username"]), (&json!("dana.d"), &json!("Dana.D")));
    let telephony = json!({ "transport": "WSS", "nat": "FORCE_RPORT", "codecs": ["OPUS", "ALAW"],
        "context": "from-sip", "callGroups": ["1"], "pickupGroups": [] });
    assert_eq!((&made["telephony"], &made["extension"]), (&telephony, &json!("2001")));
    assert_eq!(
        (&made["profile"]["key"], keys(&made["groups"]["nodes"])),
        (&json!("default"), vec!["staff".to_owned()])
    );

    let change = json!({ "key": "dana.d", "version": 1, "fullName": "Dana", "email": "d@example.com",
        "groups": null, "extension": "2002", "telephony": null });
    let changed = alice.make("UserUpdate", change).await["user"].clone();
    assert_eq!((&changed["fullName"], &changed["email"]), (&json!("Dana"), &json!("d@example.com")));
    assert_eq!((&changed["groups"]["nodes"], &changed["extension"]), (&json!([]), &json!("2002")));
    assert_eq!(changed["telephony"]["context"], "from-sip");
    assert_eq!((&changed["version"], &changed["profile"]["key"]), (&json!(2), &json!("default")), "absent keeps");
    let cleared = alice.make("UserUpdate", json!({ "key": "dana.d", "version": 2, "email": null })).await;
    assert_eq!(cleared["user"]["email"], Value::Null);
    assert_eq!(alice.get("User", json!({ "key": "dana.d" })).await["version"], 3);
    assert_eq!(alice.get("User", json!({ "key": "nobody" })).await, Value::Null);
}

both!(r19_and_r25_profiles_are_for_users_and_custom_roles_for_managers);
async fn r19_and_r25_profiles_are_for_users_and_custom_roles_for_managers(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    for (more, code, field) in [
        (json!({ "baseRole": "USER" }), "PROFILE_REQUIRED", "profile"),
        (json!({ "baseRole": "USER", "profile": "nothing" }), "NOT_FOUND", "profile"),
        (json!({ "baseRole": "AGENT", "profile": "default" }), "PROFILE_NOT_ASSIGNABLE", "profile"),
        (json!({ "baseRole": "ADMIN", "profile": "default" }), "PROFILE_NOT_ASSIGNABLE", "profile"),
        (json!({ "baseRole": "AGENT", "customRole": "analyst" }), "ROLE_NOT_ASSIGNABLE", "customRole"),
        (json!({ "baseRole": "MANAGER", "customRole": "nothing" }), "NOT_FOUND", "customRole"),
        (json!({ "baseRole": "SERVICE", "password": PASSWORD }), "INVALID", "password"),
    ] {
        let refused = alice.refuse("UserCreate", new_user("dana", more.clone())).await;
        assert_eq!(refused, refusal(code, field), "{more}");
    }
    alice.add_user("dana", "USER", json!({ "profile": "default" })).await;
    let update = async |version: i32, more: Value| {
        alice.make("UserUpdate", merged(json!({ "key": "dana", "version": version }), more)).await["user"].clone()
    };
    let manager = update(1, json!({ "baseRole": "MANAGER", "customRole": "analyst" })).await;
    assert_eq!((&manager["profile"], &manager["customRole"]["key"]), (&Value::Null, &json!("analyst")));
    let agent = update(2, json!({ "baseRole": "AGENT" })).await;
    assert_eq!(agent["customRole"], Value::Null);
    let back = json!({ "key": "dana", "version": 3, "baseRole": "USER" });
    assert_eq!(alice.refuse("UserUpdate", back).await, refusal("PROFILE_REQUIRED", "profile"));
}

both!(r25_each_base_role_may_what_it_may);
async fn r25_each_base_role_may_what_it_may(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for (name, base_role) in [("mia", "MANAGER"), ("ann", "AGENT"), ("desk", "SERVICE"), ("bob", "ADMIN")] {
        alice.add_user(name, base_role, json!({})).await;
    }
    alice.add_user("dana", "USER", json!({ "profile": "default" })).await;
    for (action, object, who) in [
        ("edit", "admin/users", vec!["bob"]),
        ("delete", "voice/queues/any", vec!["bob"]),
        ("read", "reports/supervision", vec!["bob", "mia"]),
        ("identify", "data/performance", vec!["bob", "dana", "mia"]),
        ("read", "admin/decisions", vec!["bob", "desk"]),
        ("edit", "admin/resources", vec!["bob", "desk"]),
        ("unmask", "data/contacts", vec!["ann", "bob", "dana", "desk", "mia"]),
    ] {
        let mut may = Vec::new();
        for name in ["ann", "bob", "dana", "desk", "mia"] {
            if alice.allowed(name, action, object).await {
                may.push(name);
            }
        }
        assert_eq!(may, who, "{action} {object}");
    }
}

both!(r26_usernames_emails_and_extensions_are_unique_without_regard_to_case);
async fn r26_usernames_emails_and_extensions_are_unique_without_regard_to_case(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("UserCreate", new_user("dana", json!({ "extension": "2001" }))).await;
    for (input, code, field) in [
        (new_user("DANA", json!({ "email": "other@example.com" })), "ALREADY_EXISTS", "username"),
        (new_user("eve", json!({ "email": "Dana@Example.com" })), "ALREADY_EXISTS", "email"),
        (new_user("eve", json!({ "extension": "2001" })), "ALREADY_EXISTS", "extension"),
        (new_user("eve", json!({ "email": "eve" })), "INVALID", "email"),
        (new_user("eve", json!({ "fullName": "" })), "INVALID", "fullName"),
        (new_user("eve", json!({ "extension": "two" })), "INVALID", "extension"),
        (new_user("e-ve", json!({ "email": "eve@example.com" })), "INVALID", "username"),
    ] {
        assert_eq!(alice.refuse("UserCreate", input.clone()).await, refusal(code, field), "{input}");
    }
    alice.make("UserCreate", new_user("eve", json!({}))).await;
    let taken = json!({ "key": "eve", "version": 1, "email": "DANA@example.com" });
    assert_eq!(alice.refuse("UserUpdate", taken).await, refusal("ALREADY_EXISTS", "email"));
}

both!(r27_a_password_is_as_strong_as_the_tenant_asks);
async fn r27_a_password_is_as_strong_as_the_tenant_asks(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let with = |password: &str| new_user("dana", json!({ "baseRole": "MANAGER", "password": password }));
    for weak in
        ["Ab-12345"[..7].to_owned(), "secret-12".into(), "SECRET-12".into(), "Secret-xy".into(), "Secret12".into()]
    {
        let refused = alice.refuse("UserCreate", with(&weak)).await;
        assert_eq!(refused, refusal("WEAK_PASSWORD", "password"), "{weak}");
    }
    alice.make("SettingsUpdate", json!({ "securitySuite": false })).await;
    assert_eq!(alice.refuse("UserCreate", with("seven77")).await, refusal("WEAK_PASSWORD", "password"));
    alice.make("UserCreate", with("eight888")).await;
    instance.stranger().signed_in("acme", "dana", "eight888").await;
}

both!(r42_a_disabled_user_is_out_at_once_and_in_again_when_enabled);
async fn r42_a_disabled_user_is_out_at_once_and_in_again_when_enabled(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    assert!(mia.can("read", "reports/activity").await);
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "enabled": false })).await;
    assert_eq!(mia.fail("Viewer", json!({})).await, "UNAUTHENTICATED");
    assert!(!alice.rules().await.iter().any(|rule| rule.contains("user:mia")));
    let sign_in = json!({ "tenant": "acme", "username": "mia", "password": PASSWORD });
    assert_eq!(alice.refuse("SignIn", sign_in).await.0, "WRONG_PASSWORD");
    alice.make("UserUpdate", json!({ "key": "mia", "version": 2, "enabled": true })).await;
    instance.stranger().signed_in("acme", "mia", PASSWORD).await;
    assert!(alice.allowed("mia", "read", "reports/activity").await);
}

both!(a_deleted_user_leaves_nothing_for_one_of_the_same_name);
async fn a_deleted_user_leaves_nothing_for_one_of_the_same_name(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "permissions": ["people"], "members": ["mia"] })).await;
    let id = alice.get("User", json!({ "key": "mia" })).await["id"].clone();
    let gone = alice.make("UserDelete", json!({ "key": "mia" })).await;
    assert_eq!(gone["key"], "mia");
    assert_eq!(mia.fail("Viewer", json!({})).await, "UNAUTHENTICATED");
    assert_eq!(alice.get("Node", json!({ "id": id })).await, Value::Null);
    assert_eq!(alice.decision("mia", "read", "people/skills").await["reason"], "UNKNOWN_SUBJECT");
    assert_eq!(alice.refuse("UserDelete", json!({ "key": "mia" })).await, refusal("NOT_FOUND", "key"));
    let again = alice.add_user("mia", "AGENT", json!({})).await;
    assert_ne!(again["id"], id);
    assert!(!alice.allowed("mia", "read", "people/skills").await);
    assert_eq!(mia.fail("Viewer", json!({})).await, "UNAUTHENTICATED", "nor does the old session come back");
}

both!(r30_an_api_key_permits_what_its_user_may_and_stops_with_it);
async fn r30_an_api_key_permits_what_its_user_may_and_stops_with_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    let made = alice.make("ApiKeyGenerate", json!({ "user": "mia" })).await;
    let key = alice.with_token(made["token"].as_str().unwrap());
    let viewer = key.get("Viewer", json!({})).await;
    assert_eq!(
        (&viewer["user"]["key"], &viewer["user"]["apiKey"]["prefix"]),
        (&json!("mia"), &made["apiKey"]["prefix"])
    );
    assert!(key.can("read", "reports/activity").await);
    assert_eq!(key.fail("Users", json!({})).await, "FORBIDDEN");
    assert_eq!(alice.get("User", json!({ "key": "alice" })).await["apiKey"], Value::Null, "none by default");
    assert_eq!(alice.refuse("ApiKeyRemove", json!({})).await, refusal("NOT_FOUND", "user"));
    assert_eq!(alice.refuse("ApiKeyGenerate", json!({ "user": "nobody" })).await, refusal("NOT_FOUND", "user"));
    assert_eq!(alice.make("ApiKeyRemove", json!({ "user": "mia" })).await["user"], "mia");
    assert_eq!(key.fail("Viewer", json!({})).await, "UNAUTHENTICATED");
    let gone = key.ask(&document("Viewer"), json!({})).await;
    assert!(!gone.to_string().contains("mia"));
}

both!(what_a_change_answers_does_not_hang_on_rights_that_the_change_took);
async fn what_a_change_answers_does_not_hang_on_rights_that_the_change_took(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let bob = alice.new_user("acme", "bob", "ADMIN", json!({})).await;
    let step_down = "mutation($input: UserUpdateInput!) { userUpdate(input: $input) { user { key baseRole version } revision userErrors { code } } }";
    let input = json!({ "key": "bob", "version": 1, "baseRole": "AGENT" });
    let done = bob.done(step_down, json!({ "input": input })).await;
    assert_eq!(done["user"], json!({ "key": "bob", "baseRole": "AGENT", "version": 2 }));
    assert_eq!(bob.fail("Users", json!({})).await, "FORBIDDEN");
}
