//! Tenants, licences and settings, through the API.

use bailiwick::domain::key::TenantKey;
use bailiwick::store::page::Page;
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};
use crate::common::operations::{automatic, keys, merged, refusal};

fn new_tenant(key: &str, more: Value) -> Value {
    let admin = json!({ "username": "root", "fullName": "Root", "email": "root@example.com", "password": PASSWORD });
    merged(json!({ "key": key, "name": format!("The {key}"), "modules": ["voice"], "admin": admin }), more)
}

both!(r3_a_new_tenant_has_its_admin_a_profile_that_permits_nothing_the_roles_and_settings);
async fn r3_a_new_tenant_has_its_admin_a_profile_that_permits_nothing_the_roles_and_settings(instance: Instance) {
    let operator = instance.operator().await;
    let made = operator.make("TenantCreate", new_tenant("acme", json!({}))).await;
    assert_eq!(made["revision"], 1);
    assert_eq!(made["tenant"]["name"], "The acme");
    let root = instance.stranger().signed_in("acme", "Root", PASSWORD).await;
    let users = root.get("Users", json!({})).await;
    assert_eq!((&users["totalCount"], &users["nodes"][0]["baseRole"]), (&json!(1), &json!("ADMIN")));
    assert_eq!(root.get("User", json!({ "key": "root" })).await["isDefaultAdmin"], true);
    let profiles = root.get("Profiles", json!({})).await;
    assert_eq!(keys(&profiles["nodes"]), ["default"]);
    let roles = root.get("Roles", json!({})).await;
    assert_eq!(keys(&roles["nodes"]), ["admin", "manager", "agent", "service", "member"]);
    let settings = root.get("Tenant", json!({})).await["settings"].clone();
    assert_eq!(settings, json!({ "securitySuite": true, "maskedCharacters": 4, "sessionHours": 12 }));
    root.add_user("dana", "USER", json!({ "profile": "default" })).await;
    assert!(!root.allowed("dana", "read", "voice/queues").await);
}

both!(r3_the_default_admin_is_not_deleted_disabled_or_demoted);
async fn r3_the_default_admin_is_not_deleted_disabled_or_demoted(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let rules = alice.rules().await;
    for (change, field) in [
        (json!({ "enabled": false }), "enabled"),
        (json!({ "baseRole": "MANAGER" }), "baseRole"),
        (json!({ "baseRole": "USER", "profile": "default" }), "baseRole"),
    ] {
        let input = merged(json!({ "key": "alice", "version": 1 }), change);
        assert_eq!(alice.refuse("UserUpdate", input).await, refusal("PROTECTED_USER", field));
    }
    let refused = alice.refuse("UserDelete", json!({ "key": "alice" })).await;
    assert_eq!(refused, refusal("PROTECTED_USER", "key"));
    assert_eq!(alice.rules().await, rules);
}

both!(tenants_are_listed_and_made_by_operators_alone);
async fn tenants_are_listed_and_made_by_operators_alone(instance: Instance) {
    let operator = instance.operator().await;
    let alice = instance.tenant("acme").await;
    instance.tenant("globex").await;
    let page = operator.get("Tenants", json!({ "first": 2 })).await;
    assert_eq!(keys(&page["nodes"]), ["acme", "globex"]);
    assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
    let next = operator.get("Tenants", json!({ "after": page["pageInfo"]["endCursor"] })).await;
    assert_eq!(keys(&next["nodes"]), ["platform"]);
    let back = operator.get("Tenants", json!({ "last": 1, "before": page["pageInfo"]["endCursor"] })).await;
    assert_eq!(keys(&back["nodes"]), ["acme"]);
    assert_eq!(alice.fail("Tenants", json!({})).await, "FORBIDDEN");
    let input = json!({ "input": new_tenant("initech", json!({})) });
    assert_eq!(alice.fail("TenantCreate", input).await, "FORBIDDEN");
    let licence = json!({ "input": { "tenant": "acme", "modules": [] } });
    assert_eq!(alice.fail("TenantSetLicence", licence).await, "FORBIDDEN");
}

both!(a_tenant_is_not_made_twice_nor_with_what_cannot_be);
async fn a_tenant_is_not_made_twice_nor_with_what_cannot_be(instance: Instance) {
    let operator = instance.operator().await;
    operator.make("TenantCreate", new_tenant("acme", json!({}))).await;
    let admin = |change: Value| {
        let usual = new_tenant("x", json!({}))["admin"].clone();
        json!({ "admin": merged(usual, change) })
    };
    for (input, code, field) in [
        (new_tenant("acme", json!({})), "ALREADY_EXISTS", "key"),
        (new_tenant("platform", json!({})), "ALREADY_EXISTS", "key"),
        (new_tenant("Acme", json!({})), "INVALID", "key"),
        (new_tenant("globex", json!({ "name": " " })), "INVALID", "name"),
        (new_tenant("globex", json!({ "modules": ["nothing"] })), "NOT_FOUND", "modules"),
        (new_tenant("globex", json!({ "modules": ["admin"] })), "INVALID", "modules"),
        (new_tenant("globex", admin(json!({ "password": "weak" }))), "WEAK_PASSWORD", "admin.password"),
        (new_tenant("globex", admin(json!({ "username": "no spaces" }))), "INVALID", "admin.username"),
        (new_tenant("globex", admin(json!({ "email": "nobody" }))), "INVALID", "admin.email"),
    ] {
        assert_eq!(operator.refuse("TenantCreate", input.clone()).await, refusal(code, field), "{input}");
    }
    assert_eq!(operator.get("Tenants", json!({})).await["totalCount"], 2);
}

both!(r2_an_unlicensed_module_denies_everyone_at_once_and_comes_back_as_it_was);
async fn r2_an_unlicensed_module_denies_everyone_at_once_and_comes_back_as_it_was(instance: Instance) {
    let operator = instance.operator().await;
    let alice = instance.tenant_with("acme", &["voice", "chat"]).await;
    alice.register("voice/queues", &["sales"]).await;
    alice.save_sections("default", "voice", json!([automatic("voice/queues")])).await;
    let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "default" })).await;
    let before = alice.rules().await;
    for client in [&alice, &dana] {
        assert!(client.can("read", "voice/queues/sales").await);
    }

    let set = operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": ["chat"] })).await;
    assert_eq!(set["tenant"]["licensedModules"], json!(["chat"]));
    for client in [&alice, &dana] {
        assert!(!client.can("read", "voice/queues/sales").await);
    }
    assert_eq!(alice.decision("dana", "read", "voice/queues/sales").await["reason"], "UNLICENSED");
    let input = json!({ "profile": "default", "module": "voice", "version": 2, "all": true });
    assert_eq!(alice.refuse("ProfileSaveModule", input).await, refusal("UNLICENSED_MODULE", "module"));
    let module = alice.get("ProfileModule", json!({ "profile": "default", "module": "voice" })).await;
    assert_eq!(module["module"]["state"], "UNLICENSED");

    operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": ["voice", "chat"] })).await;
    assert_eq!(alice.rules().await, before, "what was configured comes back");
    assert!(dana.can("read", "voice/queues/sales").await);
}

both!(r4_only_admins_read_or_change_settings);
async fn r4_only_admins_read_or_change_settings(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let manager = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    assert_eq!(manager.get("Tenant", json!({})).await["settings"], Value::Null);
    let input = json!({ "input": { "sessionHours": 1 } });
    assert_eq!(manager.fail("SettingsUpdate", input).await, "FORBIDDEN");
    let changed = alice.make("SettingsUpdate", json!({ "securitySuite": false, "maskedCharacters": 6 })).await;
    let now = json!({ "securitySuite": false, "maskedCharacters": 6, "sessionHours": 12 });
    assert_eq!(changed["settings"], now);
    for (input, field) in [
        (json!({ "maskedCharacters": 0 }), "maskedCharacters"),
        (json!({ "maskedCharacters": 101 }), "maskedCharacters"),
        (json!({ "sessionHours": 0 }), "sessionHours"),
        (json!({ "sessionHours": 8761 }), "sessionHours"),
    ] {
        assert_eq!(alice.refuse("SettingsUpdate", input).await, refusal("INVALID", field));
    }
    assert_eq!(alice.get("Tenant", json!({})).await["settings"], now);
}

both!(an_operator_acts_in_a_tenant_only_by_naming_it_and_both_tenants_know);
async fn an_operator_acts_in_a_tenant_only_by_naming_it_and_both_tenants_know(instance: Instance) {
    instance.tenant("acme").await;
    let operator = instance.operator().await;
    assert_eq!(operator.get("Tenant", json!({})).await["key"], "platform");
    assert_eq!(keys(&operator.get("Users", json!({})).await["nodes"]), ["operator"]);
    let visitor = operator.in_tenant("acme");
    assert_eq!(visitor.get("Tenant", json!({})).await["key"], "acme");
    assert_eq!(keys(&visitor.get("Users", json!({})).await["nodes"]), ["alice"]);
    visitor.make("ProfileCreate", json!({ "name": "Night", "permissionType": "READ", "reason": "asked for" })).await;

    let there = events(&instance, "acme", "profile.create").await;
    assert_eq!(there.len(), 1);
    assert_eq!((there[0].actor.kind.as_ref(), there[0].actor.key.as_str()), ("operator", "operator"));
    assert_eq!((there[0].reason.as_str(), there[0].target.as_str()), ("asked for", "profile:night"));
    let here = events(&instance, "platform", "profile.create").await;
    assert_eq!(here.len(), 1);
    assert_eq!(here[0].target, "tenant:acme profile:night");
    assert_eq!((&here[0].before, &here[0].after), (&None, &None), "not what it saw");
}

both!(naming_a_tenant_is_refused_to_others_before_it_is_looked_up);
async fn naming_a_tenant_is_refused_to_others_before_it_is_looked_up(instance: Instance) {
    let alice = instance.tenant("acme").await;
    instance.tenant("globex").await;
    let mut texts = Vec::new();
    for tenant in ["acme", "globex", "nothing", "No Key!"] {
        let answer = alice.in_tenant(tenant).answer("Viewer", json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
        texts.push(answer["errors"][0]["message"].clone());
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    let operator = instance.operator().await;
    for tenant in ["nothing", "No Key!"] {
        assert_eq!(operator.in_tenant(tenant).fail("Viewer", json!({})).await, "BAD_INPUT");
    }
}

async fn events(instance: &Instance, tenant: &str, action: &str) -> Vec<bailiwick::store::audit::AuditEvent> {
    let key = TenantKey::parse(tenant).unwrap();
    let tenant = instance.policies.get_by_key(&key).await.unwrap().unwrap();
    let filter = bailiwick::store::audit::AuditFilter { action: Some(action.to_owned()), ..Default::default() };
    let found = instance.store.scope(tenant.id).audit_events(&filter, &Page::first(100)).await.unwrap();
    found.items.into_iter().map(|(_, event)| event).collect()
}

both!(r43_each_change_is_in_the_audit_log_with_author_and_reason_and_never_a_secret);
async fn r43_each_change_is_in_the_audit_log_with_author_and_reason_and_never_a_secret(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "MANAGER", json!({ "reason": "hired" })).await;
    let found = events(&instance, "acme", "user.create").await;
    assert_eq!(found.len(), 1);
    let event = &found[0];
    assert_eq!((event.actor.key.as_str(), event.reason.as_str()), ("alice", "hired"));
    assert_eq!((event.target.as_str(), event.revision), ("user:dana", Some(2)));
    assert!(event.request_id.is_some());
    let text = format!("{:?}", event.after);
    assert!(text.contains("dana@example.com") && !text.contains(PASSWORD) && !text.contains("argon2"), "{text}");
    refuses_long_reasons(&alice).await;
    assert_eq!(events(&instance, "acme", "user.create").await.len(), 1, "what is refused is not in it");
}

async fn refuses_long_reasons(alice: &Client) {
    let input = json!({ "username": "eve", "fullName": "Eve", "email": "eve@example.com", "baseRole": "MANAGER" });
    for reason in ["x".repeat(501), "a\nb".to_owned()] {
        let refused = alice.refuse("UserCreate", merged(input.clone(), json!({ "reason": reason }))).await;
        assert_eq!(refused, refusal("INVALID", "reason"));
    }
}
