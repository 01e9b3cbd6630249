//! The chain of events: whatever others do to the log shows.

use bailiwick::domain::key::TenantKey;
use bailiwick::service::admin::audit::{Break, ChainReport};
use serde_json::json;

use crate::common::app::{Choices, Client, Database, Instance, both, both_databases};
use crate::common::tables::Tables;

async fn report(instance: &Instance, tenant: &str) -> ChainReport {
    let platform = &instance.platform;
    let system = platform.system_caller(&TenantKey::parse("platform").unwrap()).await.unwrap();
    let tenant = TenantKey::parse(tenant).unwrap();
    platform.audit_verify(&system, &tenant, |_| {}).await.unwrap().unwrap()
}

async fn assert_in_order(instance: &Instance, tenant: &str) -> u64 {
    let report = report(instance, tenant).await;
    assert_eq!((report.broken, report.events), (None, report.head.count), "{tenant}");
    report.events
}

/// Makes a tenant with some events of many kinds.
async fn furnish(instance: &Instance) -> Client {
    let alice = instance.tenant("acme").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [], "reason": "Ünicode \u{1F600}" })).await;
    alice.make("RoleUpdate", json!({ "key": "analyst", "version": 1, "description": "no revision" })).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.make("UsersExport", json!({ "keys": ["ann"] })).await;
    alice.new_service("desk").await;
    alice.make("ApiKeyRemove", json!({ "user": "desk" })).await;
    alice.make("SettingsUpdate", json!({ "maskedCharacters": 3 })).await;
    alice
}

both!(r43_each_event_is_a_link_whatever_wrote_it);
async fn r43_each_event_is_a_link_whatever_wrote_it(instance: Instance) {
    let alice = furnish(&instance).await;
    let events = alice.get("AuditEvents", json!({})).await["totalCount"].as_u64().unwrap();
    assert!(events > 8);
    assert_eq!(assert_in_order(&instance, "acme").await, events);
    // Refused, and so not there.
    assert_eq!(alice.refuse("RoleDelete", json!({ "key": "gone" })).await.0, "NOT_FOUND");
    assert_eq!(assert_in_order(&instance, "acme").await, events);
    assert!(assert_in_order(&instance, "platform").await > 0);
}

both_databases!(what_was_done_to_the_log_is_named_by_its_place);
async fn what_was_done_to_the_log_is_named_by_its_place(database: Database) {
    let instance = Instance::start(&database, Choices::default()).await;
    furnish(&instance).await;
    let tables = Tables::of(&database).await;
    let of = "tenant_id = (SELECT id FROM tenants WHERE key = 'acme')";
    let last = report(&instance, "acme").await.head.count;
    for (tampering, undo, broken) in [
        (
            "UPDATE audit_events SET action = 'x' || action WHERE {of} AND place = 3",
            "UPDATE audit_events SET action = substr(action, 2) WHERE {of} AND place = 3",
            Break::Changed(3),
        ),
        (
            "UPDATE audit_events SET at = at + 1 WHERE {of} AND place = 1",
            "UPDATE audit_events SET at = at - 1 WHERE {of} AND place = 1",
            Break::Changed(1),
        ),
        (
            "UPDATE audit_events SET actor_key = 'x' || actor_key WHERE {of} AND place = 4",
            "UPDATE audit_events SET actor_key = substr(actor_key, 2) WHERE {of} AND place = 4",
            Break::Changed(4),
        ),
        (
            "UPDATE audit_events SET place = 99 WHERE {of} AND place = 2",
            "UPDATE audit_events SET place = 2 WHERE {of} AND place = 99",
            Break::Missing(2),
        ),
        (
            "UPDATE audit_events SET place = NULL WHERE {of} AND place = 2",
            "UPDATE audit_events SET place = 2 WHERE {of} AND place IS NULL",
            Break::Missing(2),
        ),
        (
            "UPDATE tenants SET audit_count = audit_count + 1 WHERE key = 'acme'",
            "UPDATE tenants SET audit_count = audit_count - 1 WHERE key = 'acme'",
            Break::CutAfter(last),
        ),
        (
            "UPDATE tenants SET audit_count = audit_count - 1 WHERE key = 'acme'",
            "UPDATE tenants SET audit_count = audit_count + 1 WHERE key = 'acme'",
            Break::Added(last),
        ),
    ] {
        tables.run(&tampering.replace("{of}", of)).await;
        assert_eq!(report(&instance, "acme").await.broken, Some(broken), "{tampering}");
        tables.run(&undo.replace("{of}", of)).await;
        assert_in_order(&instance, "acme").await;
    }
    let copy = "INSERT INTO audit_events (tenant_id, id, change_id, at, actor_kind, actor_key, actor_name, action, target, reason)
        SELECT tenant_id, change_id, change_id, at, actor_kind, actor_key, actor_name, action, target, reason
        FROM audit_events WHERE {of} AND place = 3";
    tables.run(&copy.replace("{of}", of)).await;
    assert_eq!(report(&instance, "acme").await.broken, Some(Break::Outside(1)));
    tables.run(&format!("UPDATE audit_events SET place = -1 WHERE {of} AND place IS NULL")).await;
    assert_eq!(report(&instance, "acme").await.broken, Some(Break::Outside(1)), "a place that no event has");
    tables.run(&format!("UPDATE audit_events SET place = NULL WHERE {of} AND place < 1")).await;
    tables.run(&format!("DELETE FROM audit_events WHERE {of} AND place IS NULL")).await;
    tables.run(&format!("DELETE FROM audit_events WHERE {of} AND place = {last}")).await;
    assert_eq!(report(&instance, "acme").await.broken, Some(Break::CutAfter(last - 1)));
    tables.run(&format!("DELETE FROM audit_events WHERE {of} AND place = 5")).await;
    assert_eq!(report(&instance, "acme").await.broken, Some(Break::Missing(5)));
    assert_in_order(&instance, "platform").await;
}

both!(operators_who_visit_side_by_side_leave_one_chain_at_home);
async fn operators_who_visit_side_by_side_leave_one_chain_at_home(instance: Instance) {
    let operator = instance.operator().await;
    for tenant in ["acme", "globex", "initech"] {
        instance.tenant(tenant).await;
    }
    let before = assert_in_order(&instance, "platform").await;
    let visits = (0..12).map(|n| {
        let visitor = operator.in_tenant(["acme", "globex", "initech"][n % 3]);
        async move { visitor.make("GroupCreate", json!({ "name": format!("Group {n}") })).await }
    });
    let home = (0..4).map(|n| {
        operator.make(
            "TenantCreate",
            json!({
                "key": format!("new{n}"), "name": "New", "modules": [],
                "admin": { "username": "a", "fullName": "A", "email": "a@example.com", "password": "Secret-12" },
            }),
        )
    });
    futures_util::future::join(futures_util::future::join_all(visits), futures_util::future::join_all(home)).await;
    assert_eq!(assert_in_order(&instance, "platform").await, before + 16);
    for tenant in ["acme", "globex", "initech", "new0"] {
        assert_in_order(&instance, tenant).await;
    }
}
