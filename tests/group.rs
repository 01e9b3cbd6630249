//! Groups, through the API.

use serde_json::{Value, json};

use crate::common::app::on_both;
use crate::common::operations::{keys, refusal};

#[tokio::test]
async fn r39_a_group_lists_its_members_and_what_it_gives_them() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let grant = json!([{ "object": "voice/queues/*", "action": "read" }]);
        alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grant })).await;
        for name in ["ann", "ben", "cat"] {
            alice.add_user(name, "AGENT", json!({})).await;
        }
        let input = json!({ "name": "Night Staff", "roles": ["analyst"], "permissions": ["people"], "members": ["ben", "ann"] });
        let made = alice.make("GroupCreate", input.clone()).await["group"].clone();
        assert_eq!((&made["key"], &made["memberCount"], &made["version"]), (&json!("night-staff"), &json!(2), &json!(1)));
        let group = alice.get("Group", json!({ "key": "night-staff", "first": 1 })).await;
        assert_eq!((keys(&group["permissions"]), keys(&group["effectivePermissions"])), (vec!["people".into()], vec!["reports".into(), "people".into()]));
        assert_eq!(group["effectiveGrants"], json!([{ "object": "voice/queues/*", "action": "read", "effect": "ALLOW" }]));
        assert_eq!((keys(&group["members"]["nodes"]), &group["members"]["totalCount"]), (vec!["ann".to_owned()], &json!(2)));
        let after = group["members"]["pageInfo"]["endCursor"].clone();
        let rest = alice.get("Group", json!({ "key": "night-staff", "after": after })).await;
        assert_eq!(keys(&rest["members"]["nodes"]), ["ben"]);
        assert!(alice.allowed("ann", "edit", "people/skills").await && alice.allowed("ben", "read", "reports/activity").await);
        assert!(!alice.allowed("cat", "edit", "people/skills").await);

        assert_eq!(alice.refuse("GroupCreate", input).await, refusal("ALREADY_EXISTS", "name"));
        let renamed = alice.make("GroupUpdate", json!({ "key": "night-staff", "version": 1, "name": "Late" })).await;
        assert_eq!((&renamed["group"]["name"], &renamed["group"]["key"]), (&json!("Late"), &json!("night-staff")));
        let whole = json!({ "name": "Managers", "roles": ["manager"] });
        let managers = alice.make("GroupCreate", whole).await["group"].clone();
        assert_eq!(keys(&managers["roles"]), ["manager"]);
        let all = alice.get("Group", json!({ "key": "managers" })).await;
        assert_eq!(all["effectivePermissions"].as_array().unwrap().len(), 7, "a manager has them all");
        assert_eq!(keys(&alice.get("Groups", json!({ "search": "late" })).await["nodes"]), ["night-staff"]);
        assert_eq!(keys(&alice.get("Groups", json!({ "last": 1 })).await["nodes"]), ["managers"], "by name");
    })
    .await;
}

#[tokio::test]
async fn members_come_and_go_at_once() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        alice.add_user("dana", "USER", json!({ "profile": "default" })).await;
        let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
        alice.make("GroupCreate", json!({ "name": "Staff", "permissions": ["people"] })).await;
        let change = |users: &[&str]| json!({ "group": "staff", "users": users });
        let more = alice.make("GroupAddMembers", change(&["ann", "dana"])).await;
        assert_eq!((&more["group"]["memberCount"], &more["group"]["version"]), (&json!(2), &json!(2)));
        assert!(ann.can("edit", "people/skills").await);
        assert_eq!(keys(&ann.get("Viewer", json!({})).await["user"]["groups"]), ["staff"]);
        assert_eq!(keys(&alice.get("User", json!({ "key": "ann" })).await["groups"]), ["staff"]);
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
    })
    .await;
}

#[tokio::test]
async fn r35b_a_group_never_carries_the_admin_role() {
    on_both(async |instance| {
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
    })
    .await;
}

#[tokio::test]
async fn r40_the_only_group_of_a_member_is_not_deleted() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        for name in ["ann", "ben"] {
            alice.add_user(name, "AGENT", json!({})).await;
        }
        alice
            .make("GroupCreate", json!({ "name": "First", "permissions": ["people"], "members": ["ann", "ben"] }))
            .await;
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
    })
    .await;
}

#[tokio::test]
async fn r39_a_group_tells_where_each_permission_and_grant_comes_from() {
    on_both(async |instance| {
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
        let grants = group["grantSources"].as_array().unwrap();
        assert_eq!((grants.len(), keys(&grants[0]["roles"])), (1, vec!["analyst".to_owned(), "reader".to_owned()]));
        assert_eq!(group["effectiveGrants"], json!([grants[0]["grant"]]), "told once, whoever brings it");
    })
    .await;
}

#[tokio::test]
async fn r40_the_members_in_the_way_are_named_to_those_who_may_know_them() {
    on_both(async |instance| {
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
    })
    .await;
}
