//! Passwords through the API: one's own and another user's. Links by mail are in `link`.

mod link;

use bailiwick::domain::key::TenantKey;
use bailiwick::service::Page;
use bailiwick::store::audit::{AuditEvent, AuditFilter};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};
use crate::common::operations::{merged, refusal};

/// Another password that the security suite accepts.
const ANOTHER: &str = "Another-12";

/// Returns whether this password signs in.
async fn signs_in(instance: &Instance, username: &str, password: &str) -> bool {
    let input = json!({ "tenant": "acme", "username": username, "password": password });
    let answer = instance.stranger().answer("SignIn", json!({ "input": input })).await;
    answer["data"]["sessionCreate"]["token"].is_string()
}

async fn is_in(client: &Client) -> bool {
    client.answer("Viewer", json!({})).await["errors"].is_null()
}

/// Returns the audit events of this action in `acme`.
async fn events(instance: &Instance, action: &str) -> Vec<AuditEvent> {
    let tenant = instance.policies.get_by_key(&TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let found = instance.store.scope(tenant.id).audit_events(&filter, &Page::first(100)).await.unwrap();
    found.items.into_iter().map(|(_, event)| event).collect()
}

/// Texts that have no place in an audit event.
fn holds_no_secret(event: &AuditEvent) {
    let text = format!("{event:?}");
    assert!(!text.contains(ANOTHER) && !text.contains(PASSWORD) && !text.contains("argon2"), "{text}");
}

both!(r28_ones_own_password_needs_the_old_one_and_ends_the_other_sessions);
async fn r28_ones_own_password_needs_the_old_one_and_ends_the_other_sessions(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let other = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    let key = alice.make("ApiKeyGenerate", json!({})).await;
    let key = alice.with_token(key["token"].as_str().unwrap());
    for (old, new, code, field) in [
        ("Wrong-1234", ANOTHER, "WRONG_PASSWORD", "old"),
        ("Wrong-1234", "weak", "WRONG_PASSWORD", "old"),
        (PASSWORD, "weak", "WEAK_PASSWORD", "new"),
        (PASSWORD, "Without1special", "WEAK_PASSWORD", "new"),
    ] {
        let refused = alice.refuse("PasswordChange", json!({ "old": old, "new": new })).await;
        assert_eq!(refused, refusal(code, field), "{old} {new}");
    }
    let change = json!({ "old": PASSWORD, "new": ANOTHER });
    assert_eq!(key.fail("PasswordChange", json!({ "input": change })).await, "FORBIDDEN");
    assert!(is_in(&other).await && signs_in(&instance, "alice", PASSWORD).await, "a refusal changes nothing");
    assert_eq!(alice.get("User", json!({ "key": "alice" })).await["lastPasswordResetAt"], Value::Null);

    let revision = alice.revision().await;
    let changed = alice.make("PasswordChange", change).await;
    assert_eq!(changed["user"]["key"], "alice");
    assert!(changed["user"]["lastPasswordResetAt"].is_string());
    assert!(is_in(&alice).await && !is_in(&key).await && !is_in(&other).await);
    assert!(signs_in(&instance, "alice", ANOTHER).await && !signs_in(&instance, "alice", PASSWORD).await);
    assert_eq!(alice.revision().await, revision, "no answer has changed");
    let found = events(&instance, "password.change").await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].actor.key.as_str(), found[0].target.as_str()), ("alice", "user:alice"));
    holds_no_secret(&found[0]);
}

both!(r28_the_api_key_ends_with_the_password_unless_it_is_to_be_kept);
async fn r28_the_api_key_ends_with_the_password_unless_it_is_to_be_kept(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    let key_of = async |client: &Client| {
        let key = client.make("ApiKeyGenerate", json!({})).await;
        client.with_token(key["token"].as_str().unwrap())
    };
    let key = key_of(&mia).await;
    mia.make("PasswordChange", json!({ "old": PASSWORD, "new": ANOTHER, "keepApiKey": true })).await;
    assert!(is_in(&key).await);
    mia.make("PasswordChange", json!({ "old": ANOTHER, "new": PASSWORD })).await;
    assert!(!is_in(&key).await, "it ends unless something else is said");
    assert_eq!(alice.get("User", json!({ "key": "mia" })).await["apiKey"], Value::Null);

    let key = key_of(&mia).await;
    alice.make("UserSetPassword", json!({ "key": "mia", "password": ANOTHER, "keepApiKey": true })).await;
    assert!(is_in(&key).await && !is_in(&mia).await);
    alice.make("UserSetPassword", json!({ "key": "mia", "password": PASSWORD })).await;
    assert!(!is_in(&key).await);
    let told = events(&instance, "user.setPassword").await;
    let ended = |event: &AuditEvent| event.after.as_ref().unwrap()["accounts"]["mia"]["apiKey"].clone();
    assert_eq!(told.iter().map(ended).collect::<Vec<_>>(), [json!("ended"), Value::Null]);
    let told = events(&instance, "password.change").await;
    assert_eq!(told.iter().map(ended).collect::<Vec<_>>(), [json!("ended"), Value::Null]);
    let account = |event: &AuditEvent| event.after.as_ref().unwrap()["accounts"]["mia"]["password"].clone();
    assert_eq!(told.iter().map(account).collect::<Vec<_>>(), [json!("set"), json!("set")]);
}

both!(r28_whoever_has_a_session_may_change_the_password_that_goes_with_it);
async fn r28_whoever_has_a_session_may_change_the_password_that_goes_with_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for (name, base_role, more) in
        [("dana", "USER", json!({ "profile": "default" })), ("mia", "MANAGER", json!({})), ("ann", "AGENT", json!({}))]
    {
        let user = alice.new_user("acme", name, base_role, more).await;
        user.make("PasswordChange", json!({ "old": PASSWORD, "new": ANOTHER })).await;
        assert!(signs_in(&instance, name, ANOTHER).await, "{base_role}");
    }
    // An operator's account is in the platform, wherever it acts.
    let operator = instance.operator().await.in_tenant("acme");
    let own = json!({ "old": crate::common::app::OPERATOR_PASSWORD, "new": ANOTHER });
    assert_eq!(operator.make("PasswordChange", own).await["user"]["key"], "operator");
    instance.stranger().signed_in("platform", "operator", ANOTHER).await;
}

both!(the_old_password_cannot_be_guessed_at_with_a_stolen_session);
async fn the_old_password_cannot_be_guessed_at_with_a_stolen_session(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for _ in 0..10 {
        let refused = alice.refuse("PasswordChange", json!({ "old": "Wrong-1234", "new": ANOTHER })).await;
        assert_eq!(refused, refusal("WRONG_PASSWORD", "old"));
    }
    let right = json!({ "input": { "old": PASSWORD, "new": ANOTHER } });
    assert_eq!(alice.fail("PasswordChange", right.clone()).await, "RATE_LIMITED");
    assert!(!signs_in(&instance, "alice", PASSWORD).await, "nor at the door");
    alice.at_address("192.0.2.1").get("PasswordChange", right).await;
    assert!(signs_in(&instance, "alice", ANOTHER).await, "who knows it is not held up elsewhere");
}

both!(r28_an_admin_sets_anothers_password_and_never_its_own);
async fn r28_an_admin_sets_anothers_password_and_never_its_own(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    let new = json!({ "username": "pat", "fullName": "Pat", "email": "pat@example.com", "baseRole": "AGENT" });
    alice.make("UserCreate", new).await;
    alice.add_user("desk", "SERVICE", json!({})).await;
    let key = alice.make("ApiKeyGenerate", json!({})).await;
    let key = alice.with_token(key["token"].as_str().unwrap());
    let set = |user: &str, password: &str| json!({ "key": user, "password": password });
    for (user, password, code, field) in [
        ("alice", ANOTHER, "INVALID", "key"),
        ("desk", ANOTHER, "INVALID", "key"),
        ("nobody", ANOTHER, "NOT_FOUND", "key"),
        ("No Key", ANOTHER, "INVALID", "key"),
        ("mia", "weak", "WEAK_PASSWORD", "password"),
    ] {
        assert_eq!(alice.refuse("UserSetPassword", set(user, password)).await, refusal(code, field), "{user}");
    }
    let own = alice.get("UserSetPassword", json!({ "input": set("alice", ANOTHER) })).await;
    assert!(own["userErrors"][0]["message"].as_str().unwrap().contains("passwordChange"));
    assert_eq!(key.fail("UserSetPassword", json!({ "input": set("mia", ANOTHER) })).await, "FORBIDDEN");
    assert!(is_in(&mia).await && signs_in(&instance, "mia", PASSWORD).await, "a refusal changes nothing");

    let done = alice.make("UserSetPassword", set("mia", ANOTHER)).await;
    assert_eq!(done["user"]["key"], "mia");
    assert!(done["user"]["lastPasswordResetAt"].is_string());
    assert!(!is_in(&mia).await && is_in(&alice).await);
    assert!(signs_in(&instance, "mia", ANOTHER).await && !signs_in(&instance, "mia", PASSWORD).await);
    assert!(!signs_in(&instance, "pat", ANOTHER).await);
    alice.make("UserSetPassword", set("pat", ANOTHER)).await;
    assert!(signs_in(&instance, "pat", ANOTHER).await, "who had none has one now");
    let found = events(&instance, "user.setPassword").await;
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].actor.key.as_str(), found[0].revision), ("alice", None));
    found.iter().for_each(holds_no_secret);
}

both!(r28_an_operator_sets_the_password_of_a_user_who_has_its_own_name);
async fn r28_an_operator_sets_the_password_of_a_user_who_has_its_own_name(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("operator", "AGENT", json!({})).await;
    let operator = instance.operator().await;
    let there = operator.in_tenant("acme");
    there.make("UserSetPassword", json!({ "key": "operator", "password": ANOTHER })).await;
    assert!(signs_in(&instance, "operator", ANOTHER).await && is_in(&operator).await);
    let own = json!({ "key": "operator", "password": ANOTHER });
    assert_eq!(operator.refuse("UserSetPassword", own).await, refusal("INVALID", "key"));
}

both!(r28_a_new_password_lets_in_who_had_guessed_too_often);
async fn r28_a_new_password_lets_in_who_had_guessed_too_often(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    for _ in 0..10 {
        assert!(!signs_in(&instance, "mia", "Wrong-1234").await);
    }
    assert!(!signs_in(&instance, "mia", PASSWORD).await);
    alice.make("UserSetPassword", json!({ "key": "mia", "password": ANOTHER })).await;
    assert!(signs_in(&instance, "mia", ANOTHER).await);
}

both!(r28_the_last_reset_is_shown_while_the_security_suite_is_on);
async fn r28_the_last_reset_is_shown_while_the_security_suite_is_on(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    alice.make("UserSetPassword", json!({ "key": "mia", "password": ANOTHER })).await;
    let shown = async || alice.get("User", json!({ "key": "mia" })).await["lastPasswordResetAt"].clone();
    let at = shown().await;
    assert!(at.is_string());
    alice.make("SettingsUpdate", json!({ "securitySuite": false })).await;
    assert_eq!(shown().await, Value::Null);
    alice.make("SettingsUpdate", json!({ "securitySuite": true })).await;
    assert_eq!(shown().await, at);
}

both!(r27_every_special_character_of_the_rule_counts_and_no_other);
async fn r27_every_special_character_of_the_rule_counts_and_no_other(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    for special in "~!@#$%^&-_=+[{]}".chars() {
        let password = format!("Secret1{special}");
        alice.make("UserSetPassword", json!({ "key": "mia", "password": password })).await;
    }
    assert!(signs_in(&instance, "mia", "Secret1}").await);
    for other in "*().,:;?/\\|<>'\"` é€".chars() {
        let password = format!("Secret1{other}");
        let refused = alice.refuse("UserSetPassword", json!({ "key": "mia", "password": password })).await;
        assert_eq!(refused, refusal("WEAK_PASSWORD", "password"), "{other}");
    }
}

both!(r30_an_api_key_opens_no_way_to_a_password);
async fn r30_an_api_key_opens_no_way_to_a_password(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let key = alice.make("ApiKeyGenerate", json!({})).await;
    let by_key = alice.with_token(key["token"].as_str().unwrap());
    let user = |name: &str| json!({ "username": name, "fullName": "E", "email": format!("{name}@example.com"), "baseRole": "AGENT" });
    by_key.make("UserCreate", user("eve")).await;
    let before = (alice.revision().await, alice.get("Users", json!({})).await["totalCount"].clone());
    let with_password = merged(user("mallory"), json!({ "password": PASSWORD, "baseRole": "ADMIN" }));
    for (operation, input) in [
        ("UserCreate", with_password.clone()),
        ("UsersImport", json!({ "users": [with_password] })),
        ("UserUpdate", json!({ "key": "alice", "version": 1, "email": "mallory@example.com" })),
        ("UserUpdate", json!({ "key": "eve", "version": 1, "email": null })),
    ] {
        assert_eq!(by_key.fail(operation, json!({ "input": input })).await, "FORBIDDEN", "{operation} {input}");
    }
    assert_eq!((alice.revision().await, alice.get("Users", json!({})).await["totalCount"].clone()), before);
    by_key.make("UserUpdate", json!({ "key": "eve", "version": 1, "fullName": "Eve" })).await;
}
