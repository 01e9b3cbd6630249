//! Roles, through the API.

use serde_json::{Value, json};

use crate::common::app::{Instance, both};
use crate::common::operations::{keys, merged, refusal};

both!(r35_a_custom_role_is_a_name_and_the_permissions_left_on);
async fn r35_a_custom_role_is_a_name_and_the_permissions_left_on(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let input = json!({ "name": "Report Reader", "description": "reads", "permissions": ["reports", "people"],
        "grants": [{ "object": "voice/queues/*", "action": "read" }] });
    let made = alice.make("RoleCreate", input.clone()).await["role"].clone();
    assert_eq!((&made["key"], &made["custom"]), (&json!("report-reader"), &json!(true)));
    assert_eq!(keys(&made["permissions"]), ["reports", "people"], "in the catalogue's order");
    assert_eq!(made["grants"]["nodes"], json!([{ "object": "voice/queues/*", "action": "read", "effect": "ALLOW" }]));
    alice.add_user("mia", "MANAGER", json!({ "customRole": "report-reader" })).await;
    for (action, object, allowed) in [
        ("edit", "reports/activity", true),
        ("read", "reports/supervision", false),
        ("edit", "automation/automation", false),
        ("identify", "data/performance", false),
        ("read", "voice/queues/sales", true),
        ("edit", "voice/queues/sales", false),
    ] {
        assert_eq!(alice.allowed("mia", action, object).await, allowed, "{action} {object}");
    }
    assert_eq!(alice.get("Role", json!({ "key": "report-reader" })).await["userCount"], 1);
    assert_eq!(alice.refuse("RoleCreate", input).await, refusal("ALREADY_EXISTS", "name"));
    let same = json!({ "name": "Other", "key": "report-reader", "permissions": [] });
    assert_eq!(alice.refuse("RoleCreate", same).await, refusal("ALREADY_EXISTS", "key"));
    let admin = alice.make("RoleCreate", json!({ "name": "Admin", "permissions": [] })).await;
    assert_ne!(admin["role"]["key"], "admin", "no custom role becomes a built-in one by its name");
}

both!(r4_r35a_and_r35b_grants_are_exact_or_a_prefix_and_never_lock_a_tenant_out);
async fn r4_r35a_and_r35b_grants_are_exact_or_a_prefix_and_never_lock_a_tenant_out(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let with = |grant: Value| json!({ "name": "Role", "permissions": [], "grants": [grant] });
    let rules = alice.rules().await;
    for (object, action, effect, code, field) in [
        ("*", "read", "ALLOW", "INVALID", "grants.0.object"),
        ("voice*", "read", "ALLOW", "INVALID", "grants.0.object"),
        ("voice/*/sales", "read", "ALLOW", "INVALID", "grants.0.object"),
        ("voice//queues", "read", "ALLOW", "INVALID", "grants.0.object"),
        ("/voice", "read", "ALLOW", "INVALID", "grants.0.object"),
        ("voice/queues", "(GET)|(POST)", "ALLOW", "INVALID", "grants.0.action"),
        ("voice/queues", "", "ALLOW", "INVALID", "grants.0.action"),
        ("admin/*", "read", "DENY", "PROTECTED_ROLE", "grants"),
        ("admin/users", "*", "DENY", "PROTECTED_ROLE", "grants"),
        ("admin", "*", "DENY", "PROTECTED_ROLE", "grants"),
        ("admin/*", "read", "ALLOW", "PROTECTED_ROLE", "grants"),
        ("admin/settings", "read", "ALLOW", "PROTECTED_ROLE", "grants"),
        ("admin/settings/*", "*", "ALLOW", "PROTECTED_ROLE", "grants"),
    ] {
        let grant = json!({ "object": object, "action": action, "effect": effect });
        let refused = alice.refuse("RoleCreate", with(grant)).await;
        assert_eq!(refused, refusal(code, field), "{object} {action} {effect}");
    }
    assert_eq!(alice.rules().await, rules);
    let own = with(json!({ "object": "billing/invoices/*", "action": "*" }));
    alice.make("RoleCreate", own).await;
    alice.add_user("mia", "MANAGER", json!({ "customRole": "role" })).await;
    assert!(alice.allowed("mia", "pay", "billing/invoices/2026-1").await, "what the catalogue does not know");
    assert!(!alice.allowed("mia", "pay", "billing/invoices").await);
}

both!(r35b_built_in_roles_do_not_change);
async fn r35b_built_in_roles_do_not_change(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for role in ["admin", "manager", "agent", "service", "member"] {
        assert_eq!(alice.get("Role", json!({ "key": role })).await["custom"], false);
        let update = json!({ "key": role, "version": 1, "name": "Mine" });
        assert_eq!(alice.refuse("RoleUpdate", update).await, refusal("PROTECTED_ROLE", "key"));
        assert_eq!(alice.refuse("RoleDelete", json!({ "key": role })).await, refusal("PROTECTED_ROLE", "key"));
        let create = json!({ "key": role, "name": "Mine", "permissions": [] });
        assert_eq!(alice.refuse("RoleCreate", create).await, refusal("ALREADY_EXISTS", "key"));
    }
    assert_eq!(alice.get("Role", json!({ "key": "admin" })).await["userCount"], 1);
}

both!(r36_a_permission_needs_its_prerequisite);
async fn r36_a_permission_needs_its_prerequisite(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for report in ["supervision-report", "production-report"] {
        let alone = json!({ "name": "Role", "permissions": [report] });
        assert_eq!(alice.refuse("RoleCreate", alone.clone()).await, refusal("PREREQUISITE_MISSING", "permissions"));
        assert_eq!(alice.refuse("GroupCreate", alone).await, refusal("PREREQUISITE_MISSING", "permissions"));
    }
    let unknown = json!({ "name": "Role", "permissions": ["nothing"] });
    assert_eq!(alice.refuse("RoleCreate", unknown).await, refusal("NOT_FOUND", "permissions"));
    let both = json!({ "name": "Role", "permissions": ["reports", "supervision-report"] });
    alice.make("RoleCreate", both).await;
    let less = json!({ "key": "role", "version": 1, "permissions": ["supervision-report"] });
    assert_eq!(alice.refuse("RoleUpdate", less).await, refusal("PREREQUISITE_MISSING", "permissions"));
}

both!(r38_an_edit_holds_for_all_who_hold_the_role_at_once_and_a_held_role_stays);
async fn r38_an_edit_holds_for_all_who_hold_the_role_at_once_and_a_held_role_stays(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["people"] })).await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({ "customRole": "analyst" })).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["analyst"], "members": ["ann"] })).await;
    let own = mia.get("Viewer", json!({})).await["user"]["customRole"].clone();
    assert_eq!(own["key"], "analyst", "anyone sees what they hold themselves");
    assert!(mia.can("edit", "people/skills").await && alice.allowed("ann", "edit", "people/skills").await);

    let change = json!({ "key": "analyst", "version": 1, "permissions": ["automation"], "description": null });
    assert_eq!(alice.make("RoleUpdate", change).await["role"]["version"], 2);
    assert!(!mia.can("edit", "people/skills").await && !alice.allowed("ann", "edit", "people/skills").await);
    assert!(mia.can("edit", "automation/automation").await);

    let held = alice.get("RoleDelete", json!({ "input": { "key": "analyst" } })).await;
    let error = &held["userErrors"][0];
    assert_eq!((&error["code"], &error["count"]), (&json!("ROLE_IN_USE"), &json!(2)));
    let kinds: Vec<_> = error["related"].as_array().unwrap().iter().map(|one| one["__typename"].clone()).collect();
    assert_eq!(kinds, ["User", "Group"]);
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "customRole": null })).await;
    alice.make("GroupUpdate", json!({ "key": "staff", "version": 1, "roles": null })).await;
    alice.make("RoleDelete", json!({ "key": "analyst" })).await;
    assert_eq!(alice.get("Role", json!({ "key": "analyst" })).await, Value::Null);
    assert_eq!(alice.refuse("RoleDelete", json!({ "key": "analyst" })).await, refusal("NOT_FOUND", "key"));
}

both!(roles_are_listed_built_in_ones_first_searched_and_paged);
async fn roles_are_listed_built_in_ones_first_searched_and_paged(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for name in ["Zeta", "Analyst", "Admiral"] {
        alice.make("RoleCreate", json!({ "name": name, "permissions": [] })).await;
    }
    let found = async |variables: Value| {
        let page = alice.get("Roles", variables).await;
        (keys(&page["nodes"]), page["totalCount"].as_i64().unwrap())
    };
    assert_eq!(found(json!({ "custom": true })).await, (vec!["admiral".into(), "analyst".into(), "zeta".into()], 3));
    assert_eq!(found(json!({ "custom": false, "search": "adm" })).await, (vec!["admin".into()], 1));
    assert_eq!(found(json!({ "search": "adm" })).await, (vec!["admin".into(), "admiral".into()], 2));
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = alice.get("Roles", json!({ "first": 3, "after": after })).await;
        seen.extend(keys(&page["nodes"]));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, ["admin", "manager", "agent", "service", "member", "admiral", "analyst", "zeta"]);
    let last = alice.get("Roles", json!({ "last": 4 })).await;
    assert_eq!(keys(&last["nodes"]), ["member", "admiral", "analyst", "zeta"]);
    let before = merged(json!({ "last": 2 }), json!({ "before": last["pageInfo"]["startCursor"] }));
    assert_eq!(found(before).await.0, ["agent", "service"]);
    assert_eq!(alice.fail("Roles", json!({ "after": "e30" })).await, "BAD_INPUT");
}
