//! Groups, through the API.

use serde_json::{Value, json};

use crate::common::app::{Instance, both};
use crate::common::operations::{keys, refusal};

both!(r39_a_group_lists_its_members_and_what_it_gives_them);
async fn r39_a_group_lists_its_members_and_what_it_gives_them(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let grant = json!([{ "object": "voice/queues/*", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grant })).await;
    for name in ["ann", "ben", "cat"] {
        alice.add_user(name, "AGENT", json!({})).await;
    }
    let input =
        json!({ "name": "Night Staff", "roles": ["analyst"], "permissions": ["people"], "members": ["ben", "ann"] });
    let made = alice.make("GroupCreate", input.clone()).await["group"].clone();
    assert_eq!((&made["key"], &made["memberCount"], &made["version"]), (&json!("night-staff"), &json!(2), &json!(1)));
    let group = alice.get("Group", json!({ "key": "night-staff", "first": 1 })).await;
    assert_eq!(
        (keys(&group["permissions"]), keys(&group["effectivePermissions"])),
        (vec!["people".into()], vec!["reports".into(), "people".into()])
    );
    assert_eq!(
        group["effectiveGrants"]["nodes"],
        json!([{ "object": "voice/queues/*", "action": "read", "effect": "ALLOW" }])
    );
    assert_eq!(
        (keys(&group["members"]["nodes"]), &group["members"]["totalCount"]),
        (vec!["ann".to_owned()], &json!(2))
    );
    let after = group["members"]["pageInfo"]["endCursor"].clone();
    let rest = alice.get("Group", json!({ "key": "night-staff", "after": after })).await;
    assert_eq!(keys(&rest["members"]["nodes"]), ["ben"]);
    assert!(
        alice.allowed("ann", "edit", "people/skills").await && alice.allowed("ben", "read", "reports/activity").await
    );
    assert!(!alice.allowed("cat", "edit", "people/skills").await);

    assert_eq!(alice.refuse("GroupCreate", input).await, refusal("ALREADY_EXISTS", "name"));
    let renamed = alice.make("GroupUpdate", json!({ "key": "night-staff", "version": 1, "name": "Late" })).await;
    assert_eq!((&renamed["group"]["name"], &renamed["group"]["key"]), (&json!("Late"), &json!("night-staff")));
    let whole = json!({ "name": "Managers", "roles": ["manager"] });
    let managers = alice.make("GroupCreate", whole).await["group"].clone();
    assert_eq!(keys(&managers["roles"]["nodes"]), ["manager"]);
    let all = alice.get("Group", json!({ "key": "managers" })).await;
    assert_eq!(all["effectivePermissions"].as_array().unwrap().len(), 7, "a manager has them all");
    assert_eq!(keys(&alice.get("Groups", json!({ "search": "late" })).await["nodes"]), ["night-staff"]);
    assert_eq!(keys(&alice.get("Groups", json!({ "last": 1 })).await["nodes"]), ["managers"], "by name");
}

both!(members_come_and_go_at_once);
async fn members_come_and_go_at_once(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "USER", json!({ "profile": "default" })).await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "permissions": ["people"] })).await;
    let change = |users: &[&str]| json!({ "group": "staff", "users": users });
    let more = alice.make("GroupAddMembers", change(&["ann", "dana"])).await;
    assert_eq!((&more["group"]["memberCount"], &more["group"]["version"]), (&json!(2), &json!(2)));
    assert!(ann.can("edit", "people/skills").await);
    assert_eq!(keys(&ann.get("Viewer", json!({})).await["user"]["groups"]["nodes"]), ["staff"]);
    assert_eq!(keys(&alice.get("User", json!({ "key": "ann" })).await["groups"]["nodes"]), ["staff"]);
    let fewer = alice.make("GroupRemoveMembers", change(&["ann"])).await;
    assert_eq!(fewer["group"]["memberCount"], 1);
    assert!(!ann.can("edit", "people/skills").await);
    for (name, users, field) in [
        ("GroupAddMembers", vec!["nobody"], "users"),
        ("GroupRemoveMembers", vec!["ann"], "users"),
        ("GroupRemoveMembers", vec!["nobody"], "users"),
    ] {
        assert_eq!(alice.refuse(name, change(&users)).await, refusal("NOT_FOUND", field));
    }
    for name in ["GroupAddMembers", "GroupRemoveMembers"] {
        let unknown = json!({ "group": "nothing", "users": ["dana"] });
        assert_eq!(alice.refuse(name, unknown).await, refusal("NOT_FOUND", "group"));
    }
}

both!(r35b_a_group_never_carries_the_admin_role);
async fn r35b_a_group_never_carries_the_admin_role(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for role in ["admin", "service", "agent", "member"] {
        let input = json!({ "name": "Staff", "roles": [role] });
        assert_eq!(alice.refuse("GroupCreate", input).await, refusal("PROTECTED_ROLE", "roles.0"), "{role}");
    }
    for (input, field) in [
        (json!({ "name": "Staff", "roles": ["nothing"] }), "roles"),
        (json!({ "name": "Staff", "permissions": ["nothing"] }), "permissions"),
        (json!({ "name": "Staff", "members": ["nobody"] }), "members"),
    ] {
        assert_eq!(alice.refuse("GroupCreate", input).await, refusal("NOT_FOUND", field));
    }
    assert_eq!(alice.get("Groups", json!({})).await["totalCount"], 0);
}

both!(r40_the_only_group_of_a_member_is_not_deleted);
async fn r40_the_only_group_of_a_member_is_not_deleted(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for name in ["ann", "ben"] {
        alice.add_user(name, "AGENT", json!({})).await;
    }
    alice.make("GroupCreate", json!({ "name": "First", "permissions": ["people"], "members": ["ann", "ben"] })).await;
    alice.make("GroupCreate", json!({ "name": "Second", "members": ["ben"] })).await;
    let refused = alice.get("GroupDelete", json!({ "input": { "key": "first" } })).await;
    let error = &refused["userErrors"][0];
    assert_eq!((&error["code"], &error["count"]), (&json!("LAST_GROUP_OF_MEMBERS"), &json!(1)));
    assert_eq!(
        (&refused["key"], &refused["message"], &refused["revision"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(error["related"][0]["id"], alice.get("User", json!({ "key": "ann" })).await["id"]);
    assert!(alice.allowed("ann", "edit", "people/skills").await);
    alice.make("GroupAddMembers", json!({ "group": "second", "users": ["ann"] })).await;
    let gone = alice.make("GroupDelete", json!({ "key": "first" })).await;
    assert_eq!((&gone["key"], &gone["message"]), (&json!("first"), &json!("Group deleted successfully.")));
    assert!(!alice.allowed("ann", "edit", "people/skills").await);
    assert_eq!(alice.get("Group", json!({ "key": "first" })).await, Value::Null);
    let again = alice.make("GroupCreate", json!({ "name": "First" })).await;
    assert_eq!((&again["group"]["key"], &again["group"]["memberCount"]), (&json!("first"), &json!(0)));
}

both!(r39_a_group_tells_where_each_permission_and_grant_comes_from);
async fn r39_a_group_tells_where_each_permission_and_grant_comes_from(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let grant = json!([{ "object": "voice/queues/*", "action": "read" }]);
    for (name, permissions) in [("Analyst", json!(["reports", "people"])), ("Reader", json!(["reports"]))] {
        alice.make("RoleCreate", json!({ "name": name, "permissions": permissions, "grants": grant })).await;
    }
    let input = json!({ "name": "Staff", "roles": ["analyst", "reader"], "permissions": ["people", "automation"] });
    alice.make("GroupCreate", input).await;
    let group = alice.get("Group", json!({ "key": "staff" })).await;
    let source = |one: &Value| {
        let permission = one["permission"]["key"].as_str().unwrap().to_owned();
        (permission, one["fromGroup"].as_bool().unwrap(), keys(&one["roles"]).join(" "))
    };
    let sources: Vec<_> = group["permissionSources"].as_array().unwrap().iter().map(source).collect();
    let told = |permission: &str, own, roles: &str| (permission.to_owned(), own, roles.to_owned());
    let expected =
        [told("automation", true, ""), told("reports", false, "analyst reader"), told("people", true, "analyst")];
    assert_eq!(sources, expected);
    let grants = group["grantSources"]["nodes"].as_array().unwrap();
    assert_eq!((grants.len(), keys(&grants[0]["roles"])), (1, vec!["analyst".to_owned(), "reader".to_owned()]));
    assert_eq!(group["effectiveGrants"]["nodes"], json!([grants[0]["grant"]]), "told once, whoever brings it");
}

both!(r40_the_members_in_the_way_are_named_to_those_who_may_know_them);
async fn r40_the_members_in_the_way_are_named_to_those_who_may_know_them(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for name in ["ann", "ben"] {
        alice.add_user(name, "AGENT", json!({})).await;
    }
    alice.make("GroupCreate", json!({ "name": "Staff", "members": ["ann", "ben"] })).await;
    let grants = json!([{ "object": "admin/groups", "action": "delete" }]);
    alice.make("RoleCreate", json!({ "name": "Cleaner", "permissions": [], "grants": grants })).await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({ "customRole": "cleaner" })).await;
    for (caller, who, related) in [(&alice, "ann and ben", 2), (&mia, "some of its members", 0)] {
        let refused = caller.get("GroupDelete", json!({ "input": { "key": "staff" } })).await;
        let error = &refused["userErrors"][0];
        let message = format!("this is the only group of {who}: add them to another group first");
        assert_eq!((&error["message"], &error["count"]), (&json!(message), &json!(2)));
        assert_eq!(error["related"].as_array().unwrap().len(), related);
    }
}

both!(a_role_of_thousands_of_grants_is_shown_in_pages_wherever_it_stands);
async fn a_role_of_thousands_of_grants_is_shown_in_pages_wherever_it_stands(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let grant = |n: usize| json!({ "object": format!("voice/queues/q{n:04}"), "action": "read" });
    let many: Vec<Value> = (0..2_000).map(grant).collect();
    let mut roles: Vec<String> = Vec::new();
    for n in 0..12 {
        let grants = if n < 2 { many.as_slice() } else { &many[..1] };
        let role = json!({ "name": format!("r{n:02}"), "permissions": ["people"], "grants": grants });
        roles.push(alice.make("RoleCreate", role).await["role"]["key"].as_str().unwrap().to_owned());
    }
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": roles })).await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({ "groups": ["staff"] })).await;

    let nested = "{ viewer { user { groups { nodes { effectiveGrants { totalCount nodes { object } } } } } } }";
    let told = ann.ask(nested, json!({})).await;
    let group = &told["data"]["viewer"]["user"]["groups"]["nodes"][0];
    assert_eq!(group["effectiveGrants"]["totalCount"], 2_000, "each once");
    assert_eq!(group["effectiveGrants"]["nodes"].as_array().unwrap().len(), 50);
    assert!(told.to_string().len() < 10_000, "as long as a page, whatever the role holds");

    let page = "query($after: String) { group(key: \"staff\") { effectiveGrants(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor } nodes { object } } } }";
    let (mut after, mut walked) = (Value::Null, Vec::new());
    loop {
        let grants = alice.data(page, json!({ "after": after })).await["group"]["effectiveGrants"].clone();
        walked.extend(grants["nodes"].as_array().unwrap().iter().map(|it| it["object"].clone()));
        after = grants["pageInfo"]["endCursor"].clone();
        if grants["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(walked, many.iter().map(|grant| grant["object"].clone()).collect::<Vec<_>>());

    let group = alice.get("Group", json!({ "key": "staff" })).await;
    let first = &group["grantSources"]["nodes"][0];
    assert_eq!((keys(&first["roles"]), &first["roleCount"]), (roles[..10].to_vec(), &json!(12)));
    let second = &group["grantSources"]["nodes"][1];
    assert_eq!((keys(&second["roles"]), &second["roleCount"]), (roles[..2].to_vec(), &json!(2)));
    let people = &group["permissionSources"][0];
    assert_eq!((keys(&people["roles"]), &people["roleCount"]), (roles[..10].to_vec(), &json!(12)));
    assert_eq!((keys(&group["roles"]["nodes"]), &group["roles"]["totalCount"]), (roles, &json!(12)));
    let role = alice.get("Role", json!({ "key": "r00", "first": 2 })).await["grants"].clone();
    assert_eq!((role["nodes"].as_array().unwrap().len(), &role["totalCount"]), (2, &json!(2_000)));
    let nested =
        "{ users(first: 100) { nodes { groups(first: 100) { nodes { effectiveGrants { nodes { object } } } } } } }";
    assert_eq!(alice.failed(nested, json!({})).await, "BAD_INPUT", "it counts what it would be");
    for refused in ["first: 101", "first: 0", "after: \"x\""] {
        let query = format!("{{ group(key: \"staff\") {{ grantSources({refused}) {{ nodes {{ roleCount }} }} }} }}");
        assert_eq!(alice.failed(&query, json!({})).await, "BAD_INPUT", "{refused}");
    }
}

both!(who_is_in_very_many_groups_is_shown_in_pages_and_so_are_the_ways_that_lead_through_them);
async fn who_is_in_very_many_groups_is_shown_in_pages_and_so_are_the_ways_that_lead_through_them(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let queues = json!([{ "object": "voice/queues/*", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Reader", "permissions": [], "grants": queues })).await;
    let denied = json!([{ "object": "voice/queues/sales", "action": "read", "effect": "DENY" }]);
    alice.make("RoleCreate", json!({ "name": "Zero", "permissions": [], "grants": denied })).await;
    let mut groups = Vec::new();
    for n in 0..104 {
        let group = json!({ "name": format!("g{n:03}"), "roles": [if n == 103 { "zero" } else { "reader" }] });
        groups.push(alice.make("GroupCreate", group).await["group"]["key"].as_str().unwrap().to_owned());
    }
    alice.add_user("ann", "AGENT", json!({ "groups": groups })).await;

    let user = "query($after: String) { user(key: \"ann\") { groups(first: 100, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes { key } } } }";
    let page = alice.data(user, json!({})).await["user"]["groups"].clone();
    assert_eq!((keys(&page["nodes"]), &page["totalCount"]), (groups[..100].to_vec(), &json!(104)));
    let after = page["pageInfo"]["endCursor"].clone();
    let rest = alice.data(user, json!({ "after": after })).await["user"]["groups"].clone();
    assert_eq!((keys(&rest["nodes"]), &rest["pageInfo"]["hasNextPage"]), (groups[100..].to_vec(), &json!(false)));

    let input = json!({ "subject": "ann", "action": "read", "object": "voice/queues/sales" });
    let told = alice.get("Explain", json!({ "input": input.clone() })).await;
    let matched = told["matched"].as_array().unwrap();
    assert_eq!((matched.len(), &told["matchedCount"]), (50, &json!(104)));
    assert_eq!(matched[0]["rule"]["values"][4], "deny", "what decides comes first");
    assert!(told["text"].as_str().unwrap().contains("4 more ways lead to rules that match"), "{told}");
    let more = "query($input: DecisionInput!) { explain(input: $input) { matched(first: 100) { via { to } } } }";
    let more = alice.data(more, json!({ "input": input })).await["explain"]["matched"].clone();
    assert_eq!(more.as_array().unwrap().len(), 100);

    let who = json!({ "action": "read", "object": "voice/queues/support", "why": true });
    let found = alice.get("WhoCan", who).await["nodes"].clone();
    let ann = found.as_array().unwrap().iter().find(|node| node["user"]["key"] == "ann").unwrap();
    assert_eq!((ann["via"].as_array().unwrap().len(), &ann["viaCount"]), (5, &json!(103)));
}
