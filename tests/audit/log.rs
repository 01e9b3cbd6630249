//! The log as auditors read and export it.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};

/// Makes a tenant with some past; returns its admin, and a user who may read it.
async fn furnish(instance: &Instance) -> (Client, Client) {
    let alice = instance.tenant("acme").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [], "reason": "=1+1, \"quoted\"" })).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.make("RoleUpdate", json!({ "key": "analyst", "version": 1, "name": "Analysts", "reason": "Ünicode" })).await;
    let grants = json!([{ "object": "admin/audit", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Auditor", "permissions": [], "grants": grants })).await;
    instance.tenant("globex").await.make("RoleCreate", json!({ "name": "Foreign", "permissions": [] })).await;
    let max = alice.new_user("acme", "max", "MANAGER", json!({ "customRole": "auditor" })).await;
    (alice, max)
}

async fn get(client: &Client, path: &str) -> reqwest::Response {
    client.fetch(path, &[]).await
}

fn actions(events: &Value) -> Vec<&str> {
    events["nodes"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect()
}

both!(r43_the_log_is_filtered_and_paged_newest_first);
async fn r43_the_log_is_filtered_and_paged_newest_first(instance: Instance) {
    let (_, max) = furnish(&instance).await;
    let all = max.get("AuditEvents", json!({ "first": 100 })).await;
    let times: Vec<&str> = all["nodes"].as_array().unwrap().iter().map(|it| it["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    assert_eq!(all["totalCount"], times.len());
    assert!(!all.to_string().contains("Foreign"));
    let filtered = async |filter: Value| max.get("AuditEvents", json!({ "filter": filter })).await;
    assert_eq!(actions(&filtered(json!({ "target": "role:analyst" })).await), ["role.update", "role.create"]);
    assert_eq!(actions(&filtered(json!({ "action": "role.update" })).await), ["role.update"]);
    let of_roles = ["role.update", "role.create"];
    assert_eq!(actions(&filtered(json!({ "target": "role:*" })).await), [&["role.create"], &of_roles[..]].concat());
    assert_eq!(actions(&filtered(json!({ "action": "role.*", "target": "role:an*" })).await), of_roles);
    for nothing in ["ROLE:*", "role_*", "%*", "role:**", "*role:analyst"] {
        assert_eq!(actions(&filtered(json!({ "target": nothing })).await), [""; 0], "{nothing}");
    }
    assert_eq!(actions(&filtered(json!({ "target": "*", "action": "role.up*" })).await), ["role.update"]);
    assert_eq!(actions(&filtered(json!({ "actor": "max" })).await), ["session.create"]);
    assert_eq!(actions(&filtered(json!({ "actor": "nobody" })).await), [""; 0]);
    let event = &filtered(json!({ "action": "role.update" })).await["nodes"][0];
    assert_eq!((&event["reason"], &event["actor"]["key"]), (&json!("Ünicode"), &json!("alice")));
    assert!(event["before"].as_str().unwrap().contains("Analyst") && event["revision"].is_null(), "{event}");
    let node = max.get("Node", json!({ "id": event["id"] })).await;
    assert_eq!(node["__typename"], "AuditEvent");
    let at = event["at"].as_str().unwrap();
    let (since, before) = (filtered(json!({ "from": at })).await, filtered(json!({ "to": at })).await);
    assert!(actions(&since).contains(&"role.update") && !actions(&before).contains(&"role.update"));
    assert_eq!(actions(&since).len() + actions(&before).len(), times.len());
    let mut walked = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = max.get("AuditEvents", json!({ "first": 2, "after": after })).await;
        walked.extend(page["nodes"].as_array().unwrap().clone());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(json!(walked), all["nodes"]);
    assert_eq!(max.fail("AuditEvents", json!({ "filter": { "from": "yesterday" } })).await, "BAD_INPUT");
    assert_eq!(max.fail("AuditEvents", json!({ "filter": { "actor": "a\u{0}" } })).await, "BAD_INPUT");
}

both!(the_log_is_taken_out_as_csv_and_as_json_lines_and_that_is_in_the_log);
async fn the_log_is_taken_out_as_csv_and_as_json_lines_and_that_is_in_the_log(instance: Instance) {
    let (alice, max) = furnish(&instance).await;
    for n in 0..120 {
        // More than one page.
        alice.make("GroupCreate", json!({ "name": format!("Group {n}") })).await;
    }
    let newest = max.get("AuditEvents", json!({ "first": 100 })).await;
    let lines = get(&max, "/audit.jsonl").await;
    assert_eq!(lines.headers()["content-type"], "application/jsonl");
    let lines = lines.text().await.unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["action"], "audit.export", "it is the newest itself");
    let shown = newest["nodes"].as_array().unwrap();
    assert_eq!(events.len() as u64, newest["totalCount"].as_u64().unwrap() + 1);
    for (event, shown) in events[1..].iter().zip(shown) {
        assert_eq!(
            (&event["at"], &event["action"], &event["target"]),
            (&shown["at"], &shown["action"], &shown["target"])
        );
        assert_eq!(event["after"].is_null(), shown["after"].is_null());
    }
    let sheet = get(&max, "/audit.csv?target=role:analyst&actor=alice").await;
    assert_eq!(sheet.headers()["content-disposition"], "attachment; filename=\"audit.csv\"");
    assert_eq!(
        (&sheet.headers()["cache-control"], &sheet.headers()["x-content-type-options"]),
        (&"no-store".parse().unwrap(), &"nosniff".parse().unwrap())
    );
    let sheet = sheet.text().await.unwrap();
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    assert_eq!(&reader.headers().unwrap()[4], "action");
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| &row[4]).collect::<Vec<_>>(), ["role.update", "role.create"]);
    assert_eq!(&rows[1][6], "'=1+1, \"quoted\"", "no cell is a formula");
    let exports = max.get("AuditEvents", json!({ "filter": { "action": "audit.export" } })).await;
    assert_eq!(exports["totalCount"], 2);
    assert!(exports["nodes"][0]["after"].as_str().unwrap().contains("role:analyst"), "{exports}");
}

both!(r43_a_list_gives_the_beginning_of_what_is_long_and_the_export_all_of_it);
async fn r43_a_list_gives_the_beginning_of_what_is_long_and_the_export_all_of_it(instance: Instance) {
    let (alice, max) = furnish(&instance).await;
    let grant = |n: usize| json!({ "object": format!("voice/queues/unit-{n:04}"), "action": "read" });
    let grants: Vec<Value> = (0..400).map(grant).collect();
    alice.make("RoleCreate", json!({ "name": "Wide", "permissions": [], "grants": grants })).await;
    alice.make("RoleDelete", json!({ "key": "wide" })).await;
    let found = max.get("AuditEvents", json!({ "filter": { "target": "role:wide" }, "first": 2 })).await;
    let (made, gone) = (&found["nodes"][1], &found["nodes"][0]);
    for (event, side) in [(made, "after"), (gone, "before")] {
        let text = event[side].as_str().unwrap();
        assert_eq!(text.chars().count(), 16_384);
        assert!(text.contains("unit-0001"), "{text:.200}");
        assert!(event[format!("{side}Length")].as_u64().unwrap() > 20_000);
        let node = max.get("Node", json!({ "id": event["id"] })).await;
        assert_eq!(node[side].as_str().map_or(16_384, |text| text.chars().count()), 16_384);
    }
    let other = &made["before"];
    assert!(other.is_null() || serde_json::from_str::<Value>(other.as_str().unwrap()).unwrap().is_object());
    let short = max.get("AuditEvents", json!({ "filter": { "action": "role.update" } })).await["nodes"][0].clone();
    let before = short["before"].as_str().unwrap();
    assert_eq!(short["beforeLength"], before.chars().count());
    assert!(serde_json::from_str::<Value>(before).unwrap().is_object());
    let whole = get(&max, "/audit.jsonl?target=role:wide").await.text().await.unwrap();
    let last = whole.lines().last().unwrap();
    assert!(last.contains("unit-0001") && last.contains("unit-0399"));
}

both!(r1_the_log_is_for_those_who_may_read_it_and_of_their_own_tenant);
async fn r1_the_log_is_for_those_who_may_read_it_and_of_their_own_tenant(instance: Instance) {
    let (_, max) = furnish(&instance).await;
    let alice = instance.tenant("initech").await;
    let ann = alice.new_user("initech", "ann", "AGENT", json!({})).await;
    for path in ["/audit.csv", "/audit.jsonl"] {
        assert_eq!(get(&ann, path).await.status(), 403);
        assert_eq!(get(&instance.stranger(), path).await.status(), 401);
        let other = get(&alice, path).await.text().await.unwrap();
        assert!(!other.contains("Analyst"), "{other}");
        for wrong in ["?from=yesterday", "?to=1", "?colour=blue", "?actor=a&actor=b"] {
            let refused = get(&max, &format!("{path}{wrong}")).await;
            assert_eq!(refused.status(), 400, "{wrong}");
            let refused: Value = refused.json().await.unwrap();
            assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_INPUT");
        }
    }
    let event = max.get("AuditEvents", json!({ "first": 1 })).await["nodes"][0]["id"].clone();
    assert_eq!(alice.get("Node", json!({ "id": event })).await, Value::Null);
    assert_eq!(ann.fail("Node", json!({ "id": event })).await, "FORBIDDEN");
}
