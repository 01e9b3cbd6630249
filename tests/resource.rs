//! Resources, through the API: what a host registers and removes.

use serde_json::{Value, json};

use crate::common::app::{Instance, both};
use crate::common::operations::{keys, merged, open, refusal};

both!(a_host_registers_what_it_owns_and_registers_it_again_under_another_name);
async fn a_host_registers_what_it_owns_and_registers_it_again_under_another_name(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let desk = alice.new_service("desk").await;
    let one = |key: &str, name: &str| json!({ "key": key, "name": name });
    let input = json!({ "section": "voice/queues", "resources": [one("Sales", "Sales"), one("a%20b", "A B")] });
    let made = desk.make("ResourceRegister", input).await;
    assert_eq!(keys(&made["resources"]), ["Sales", "a%20b"], "a host's ids keep their case");
    let sales = &made["resources"][0];
    assert_eq!((&sales["object"], &sales["section"]["key"]), (&json!("voice/queues/Sales"), &json!("voice/queues")));
    let again = json!({ "section": "voice/queues", "resources": [one("Sales", "Sales Europe")] });
    let again = desk.make("ResourceRegister", again).await["resources"][0].clone();
    assert_eq!((&again["name"], &again["id"]), (&json!("Sales Europe"), &sales["id"]));
    let page = alice.get("Resources", json!({ "section": "voice/queues", "first": 1 })).await;
    assert_eq!((keys(&page["nodes"]), &page["totalCount"]), (vec!["Sales".to_owned()], &json!(2)));
    let next = json!({ "section": "voice/queues", "after": page["pageInfo"]["endCursor"] });
    assert_eq!(keys(&alice.get("Resources", next).await["nodes"]), ["a%20b"]);
    let found = json!({ "section": "voice/queues", "search": "europe" });
    assert_eq!(keys(&alice.get("Resources", found).await["nodes"]), ["Sales"]);
    assert_eq!(alice.fail("Resources", json!({ "section": "voice/nothing" })).await, "BAD_INPUT");
    assert_eq!(desk.fail("Resources", json!({ "section": "voice/queues" })).await, "FORBIDDEN");
}

both!(what_cannot_be_registered_is_refused_as_a_whole);
async fn what_cannot_be_registered_is_refused_as_a_whole(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let one = |key: &str| json!({ "key": key, "name": "x" });
    let register = |section: &str, resources: Value| json!({ "section": section, "resources": resources });
    let many: Vec<_> = (0..1001).map(|n| one(&n.to_string())).collect();
    for (input, code, field) in [
        (register("voice/nothing", json!([one("a")])), "NOT_FOUND", "section"),
        (register("voice", json!([one("a")])), "INVALID", "section"),
        (register("voice/chanspy", json!([one("a")])), "INVALID", "section"),
        (register("voice/queues", json!([])), "INVALID", "resources"),
        (register("voice/queues", json!(many)), "INVALID", "resources"),
        (register("voice/queues", json!([one("a"), one("a")])), "INVALID", "resources.1.key"),
        (register("voice/queues", json!([one("a"), one("*")])), "INVALID", "resources.1.key"),
        (register("voice/queues", json!([{ "key": "a", "name": "" }])), "INVALID", "resources.0.name"),
        (
            register("voice/queues", json!([merged(one("a"), json!({ "members": ["staff/agents/x"] }))])),
            "INVALID",
            "resources.0.members",
        ),
        (
            register("staff/teams", json!([merged(one("a"), json!({ "members": ["staff/agents/x"] }))])),
            "NOT_FOUND",
            "resources.0.members",
        ),
        (
            register("staff/teams", json!([merged(one("a"), json!({ "members": ["a/*"] }))])),
            "INVALID",
            "resources.0.members.0",
        ),
        (
            merged(register("voice/queues", json!([one("a")])), json!({ "createdBy": "nobody" })),
            "NOT_FOUND",
            "createdBy",
        ),
    ] {
        let refused = alice.refuse("ResourceRegister", input.clone()).await;
        assert_eq!(refused, refusal(code, field), "{:.200}", input.to_string());
    }
    assert_eq!(alice.get("Resources", json!({ "section": "voice/queues" })).await["totalCount"], 0);
}

both!(r46_a_removed_resource_leaves_nothing_for_one_of_the_same_key);
async fn r46_a_removed_resource_leaves_nothing_for_one_of_the_same_key(instance: Instance) {
    let alice = instance.tenant_with("acme", &["voice"]).await;
    alice.register("voice/queues", &["sales"]).await;
    alice.add_profile("Night", "READ").await;
    alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    let grants = json!([{ "object": "voice/queues/sales", "action": "edit" }]);
    alice.make("RoleCreate", json!({ "name": "Exact", "permissions": [], "grants": grants })).await;
    alice.make("GroupCreate", json!({ "name": "Exact", "roles": ["exact"], "members": ["dana"] })).await;
    assert!(alice.allowed("dana", "edit", "voice/queues/sales").await);

    let input = json!({ "section": "voice/queues", "keys": ["sales"] });
    assert_eq!(alice.make("ResourceRemove", input.clone()).await["keys"], json!(["sales"]));
    assert_eq!(alice.refuse("ResourceRemove", input).await, refusal("NOT_FOUND", "keys"));
    assert!(!alice.rules().await.iter().any(|rule| rule.contains("voice/queues/sales")));
    alice.register("voice/queues", &["sales"]).await;
    assert!(!alice.allowed("dana", "read", "voice/queues/sales").await);
    assert!(!alice.allowed("dana", "edit", "voice/queues/sales").await);
    assert_eq!(alice.get("Role", json!({ "key": "exact" })).await["grants"]["nodes"], json!([]));
    alice.register("chat/queues", &["unlicensed"]).await;
}

both!(r16_a_protected_resource_belongs_to_every_profile_and_stays);
async fn r16_a_protected_resource_belongs_to_every_profile_and_stays(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "USER", json!({ "profile": "default" })).await;
    let protected = json!({ "key": "main", "name": "Main", "protected": true });
    alice.make("ResourceRegister", json!({ "section": "voice/queues", "resources": [protected] })).await;
    for object in ["voice/queues/main", "voice/contexts/from-sip"] {
        assert!(alice.allowed("dana", "read", object).await && alice.allowed("dana", "link", object).await);
        assert!(!alice.allowed("dana", "edit", object).await);
    }
    for (section, key) in [("voice/queues", "main"), ("voice/contexts", "from-sip")] {
        let input = json!({ "section": section, "keys": [key] });
        assert_eq!(alice.refuse("ResourceRemove", input).await, refusal("PROTECTED_RESOURCE", "keys"));
    }
    let lift = json!({ "section": "voice/contexts", "resources": [{ "key": "from-sip", "name": "from-sip" }] });
    let refused = alice.refuse("ResourceRegister", lift).await;
    assert_eq!(refused, refusal("PROTECTED_RESOURCE", "resources.0.protected"));
    let unlist = json!([{ "section": "voice/queues", "enabled": true, "visible": true, "association": "MANUAL",
        "removeResources": ["main"] }]);
    let input = json!({ "profile": "default", "module": "voice", "version": 1, "sections": unlist });
    let refused = alice.refuse("ProfileSaveModule", input).await;
    assert_eq!(refused, refusal("PROTECTED_RESOURCE", "sections.0.removeResources"));
}

both!(r34a_who_has_a_team_has_its_agents);
async fn r34a_who_has_a_team_has_its_agents(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.register("staff/agents", &["ann", "ben"]).await;
    let team = |members: Value| json!({ "section": "staff/teams", "resources": [{ "key": "night", "name": "Night", "members": members }] });
    alice.make("ResourceRegister", team(json!(["staff/agents/ann"]))).await;
    alice.add_profile("Lead", "READ_EDIT").await;
    alice.save_sections("lead", "staff", json!([open("staff/teams", &["night"])])).await;
    alice.add_user("dana", "USER", json!({ "profile": "lead" })).await;
    assert!(alice.allowed("dana", "edit", "staff/agents/ann").await);
    assert!(!alice.allowed("dana", "read", "staff/agents/ben").await);
    let absent = json!({ "section": "staff/teams", "resources": [{ "key": "night", "name": "Night" }] });
    alice.make("ResourceRegister", absent).await;
    assert!(alice.allowed("dana", "edit", "staff/agents/ann").await, "absent members stay");
    alice.make("ResourceRegister", team(json!(["staff/agents/ben"]))).await;
    assert!(!alice.allowed("dana", "edit", "staff/agents/ann").await);
    assert!(alice.allowed("dana", "edit", "staff/agents/ben").await);
}

both!(who_made_a_resource_is_known_while_it_is_there);
async fn who_made_a_resource_is_known_while_it_is_there(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("ann", "AGENT", json!({})).await;
    let resources = json!([{ "key": "hers", "name": "Hers" }]);
    let input = json!({ "section": "voice/queues", "resources": resources, "createdBy": "ann" });
    alice.make("ResourceRegister", input).await;
    let maker = async || {
        let page = alice.get("Resources", json!({ "section": "voice/queues" })).await;
        page["nodes"][0]["createdBy"]["key"].clone()
    };
    assert_eq!(maker().await, "ann");
    alice.make("UserDelete", json!({ "key": "ann" })).await;
    assert_eq!(maker().await, Value::Null);
    alice.add_user("ann", "AGENT", json!({})).await;
    assert_eq!(maker().await, Value::Null, "another ann did not make it");
}
