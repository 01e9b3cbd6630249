//! Searches through the API, who can and what can: compared with decisions, page by page.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, keys, merged, open};

const ACTIONS: [&str; 8] = ["show", "read", "edit", "delete", "link", "download", "unmask", "identify"];

/// Makes a tenant in which rights come from profiles, groups and roles, and a role denies.
async fn furnish(alice: &Client) -> Client {
    alice.register("voice/queues", &["sales", "support", "zeta", "Alpha"]).await;
    alice.register("voice/voicemails", &["box"]).await;
    alice
        .make("ProfileCreate", json!({ "name": "Night", "permissionType": "READ_EDIT", "maskSensitiveData": true }))
        .await;
    let sections = json!([open("voice/queues", &["sales", "zeta"]), automatic("voice/voicemails")]);
    alice.save_sections("night", "voice", sections).await;
    let grants = json!([
        { "object": "voice/queues/*", "action": "delete" }, { "object": "voice/queues/Alpha", "action": "dance" },
        { "object": "voice/queues/zeta", "action": "*", "effect": "DENY" },
    ]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grants })).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["analyst"] })).await;
    for name in ["ann", "ben"] {
        alice.add_user(name, "AGENT", json!({})).await;
    }
    alice.add_user("ed", "USER", json!({ "profile": "night", "groups": ["staff"] })).await;
    alice.add_user("mia", "MANAGER", json!({ "customRole": "analyst" })).await;
    alice.add_user("off", "ADMIN", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
    alice.new_user("acme", "dana", "USER", json!({ "profile": "night" })).await
}

/// Returns all of a list, in pages of this size from this end, each page and the whole in its order.
async fn walk(caller: &Client, name: &str, asked: &Value, size: usize, backward: bool) -> Vec<Value> {
    let (count, place, end, more) = if backward {
        ("last", "before", "startCursor", "hasPreviousPage")
    } else {
        ("first", "after", "endCursor", "hasNextPage")
    };
    let (mut all, mut cursor): (Vec<Value>, Value) = (Vec::new(), Value::Null);
    loop {
        let page = caller.get(name, merged(asked.clone(), json!({ count: size, place: cursor }))).await;
        let nodes = page["nodes"].as_array().unwrap().clone();
        assert_eq!(page["edges"].as_array().unwrap().len(), nodes.len());
        all = if backward { [nodes, all].concat() } else { [all, nodes].concat() };
        cursor = page["pageInfo"][end].clone();
        if page["pageInfo"][more] == false {
            assert_eq!(page["totalCount"], all.len());
            return all;
        }
    }
}

fn users(nodes: &[Value]) -> Vec<&str> {
    nodes.iter().map(|node| node["user"]["key"].as_str().unwrap()).collect()
}

both!(r41_who_can_lists_by_key_exactly_those_whom_decisions_allow);
async fn r41_who_can_lists_by_key_exactly_those_whom_decisions_allow(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let stranger = instance.tenant("globex").await;
    stranger.add_user("aaron", "ADMIN", json!({})).await;
    let all = ["alice", "ann", "ben", "dana", "ed", "mia", "off"];
    let mut sizes = BTreeSet::new();
    for (action, object) in [
        ("read", "voice/queues/sales"),
        ("delete", "voice/queues/sales"),
        ("read", "voice/queues/zeta"),
        ("dance", "voice/queues/Alpha"),
        ("unmask", "data/contacts"),
        ("edit", "admin/users"),
        ("read", "voice/voicemails/any"),
        ("read", "nothing/at/all"),
        ("unheard-of", "voice"),
    ] {
        let mut may = Vec::new();
        for user in all {
            may.extend(alice.allowed(user, action, object).await.then_some(user));
        }
        let asked = json!({ "action": action, "object": object });
        for (size, backward) in [(100, false), (2, false), (1, true), (3, true)] {
            assert_eq!(users(&walk(&alice, "WhoCan", &asked, size, backward).await), may, "{action} {object}");
        }
        sizes.insert(may.len());
    }
    assert!(sizes.contains(&0) && sizes.len() > 3, "{sizes:?}");
}

/// Returns the objects of a module, or of the data views: those that the catalogue names, and the resources.
async fn objects(alice: &Client, module: &str) -> Vec<String> {
    let catalogue = alice.get("Catalogue", json!({})).await;
    if module == "data" {
        let views = catalogue["dataViews"].as_array().unwrap();
        return views.iter().map(|view| format!("data/{}", view.as_str().unwrap())).collect();
    }
    let modules = catalogue["modules"].as_array().unwrap();
    let sections = keys(&modules.iter().find(|one| one["key"] == module).unwrap()["sections"]);
    let mut objects = vec![module.to_owned()];
    objects.extend(sections.iter().cloned());
    for section in sections {
        let resources = keys(&alice.get("Resources", json!({ "section": section })).await["nodes"]);
        objects.extend(resources.iter().map(|key| format!("{section}/{key}")));
    }
    objects
}

fn pairs(nodes: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    nodes.iter().map(|node| (text(&node["object"]), text(&node["action"]))).collect()
}

both!(r41_what_can_lists_exactly_what_decisions_allow_on_all_there_is);
async fn r41_what_can_lists_exactly_what_decisions_allow_on_all_there_is(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    for module in ["voice", "data"] {
        let objects = objects(&alice, module).await;
        for user in ["alice", "dana", "ed", "mia", "ann", "off"] {
            let mut may = BTreeSet::new();
            for object in &objects {
                let inputs = ACTIONS.map(|action| json!({ "subject": user, "action": action, "object": object }));
                let answers = alice.get("Decisions", json!({ "inputs": inputs })).await;
                let allowed = ACTIONS.iter().zip(answers.as_array().unwrap()).filter(|(_, it)| it["allowed"] == true);
                may.extend(allowed.map(|(action, _)| (object.clone(), (*action).to_owned())));
            }
            let asked = json!({ "subject": user, "module": module });
            let mut listed = pairs(&walk(&alice, "WhatCan", &asked, 100, false).await);
            for (size, backward) in [(7, false), (100, true), (9, true)] {
                assert_eq!(pairs(&walk(&alice, "WhatCan", &asked, size, backward).await), listed, "{user} {module}");
            }
            // An action of their own stands beside those of the platform.
            let dances = listed.iter().filter(|(_, action)| action == "dance").count();
            assert_eq!(dances, usize::from(module == "voice" && ["ed", "mia"].contains(&user)), "{user}");
            listed.retain(|(_, action)| action != "dance");
            assert_eq!(listed.len(), may.len(), "{user} {module}");
            assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), may, "{user} {module}");
        }
    }
    let all = walk(&alice, "WhatCan", &json!({ "subject": "dana" }), 100, false).await;
    let voice = walk(&alice, "WhatCan", &json!({ "subject": "dana", "module": "voice" }), 100, false).await;
    let of_voice = all.iter().filter(|node| node["object"].as_str().unwrap().starts_with("voice/"));
    assert!(of_voice.eq(&voice) && all.len() > voice.len());
}

both!(r41_both_lists_are_filtered_by_what_is_said_and_paged_and_counted_as_the_filter_leaves_them);
async fn r41_both_lists_are_filtered_by_what_is_said_and_paged_and_counted_as_the_filter_leaves_them(
    instance: Instance,
) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let question = json!({ "action": "read", "object": "voice/queues/sales" });
    let all = walk(&alice, "WhoCan", &question, 100, false).await;
    for (filter, expected) in [
        (json!({}), vec!["alice", "dana", "ed", "off"]),
        (json!({ "profile": "night" }), vec!["dana", "ed"]),
        (json!({ "group": "staff" }), vec!["ed"]),
        (json!({ "search": "AN" }), vec!["dana"]),
        (json!({ "baseRole": "USER", "search": "e" }), vec!["dana", "ed"]),
        (json!({ "enabled": true, "baseRole": "ADMIN" }), vec!["alice"]),
        (json!({ "role": "analyst" }), vec![]),
        (json!({ "profile": "No key" }), vec![]),
    ] {
        let expected: Vec<&str> = expected.into_iter().filter(|user| users(&all).contains(user)).collect();
        let asked = merged(question.clone(), json!({ "filter": filter }));
        for (size, backward) in [(1, false), (1, true), (100, false)] {
            assert_eq!(users(&walk(&alice, "WhoCan", &asked, size, backward).await), expected, "{filter}");
        }
    }
    let asked = json!({ "subject": "ed" });
    let all = walk(&alice, "WhatCan", &asked, 100, false).await;
    for (filter, fits) in [
        (
            json!({ "action": "delete" }),
            (|object: &str, action: &str| action == "delete" && !object.is_empty()) as fn(&str, &str) -> bool,
        ),
        (json!({ "search": "QUEUES/" }), |object, _| object.contains("queues/")),
        (json!({ "search": "a", "action": "link" }), |object, action| {
            object.to_lowercase().contains('a') && action == "link"
        }),
        (json!({ "search": "no such" }), |_, _| false),
    ] {
        let expected: Vec<Value> = all
            .iter()
            .filter(|it| fits(it["object"].as_str().unwrap(), it["action"].as_str().unwrap()))
            .cloned()
            .collect();
        assert!(expected.is_empty() == (filter["search"] == "no such"), "{filter}");
        let asked = merged(asked.clone(), json!({ "filter": filter }));
        for (size, backward) in [(2, false), (3, true), (100, false)] {
            assert_eq!(walk(&alice, "WhatCan", &asked, size, backward).await, expected, "{filter}");
        }
    }
    // Also what no rule names, and a rule allows.
    let asked = json!({ "subject": "alice", "filter": { "action": "dial", "search": "voice/queues/s" } });
    let found = walk(&alice, "WhatCan", &asked, 1, false).await;
    let objects: Vec<_> = found.iter().map(|it| (&it["object"], &it["action"])).collect();
    let dial = json!("dial");
    let expected = [json!("voice/queues/sales"), json!("voice/queues/support")];
    assert_eq!(objects, expected.iter().map(|object| (object, &dial)).collect::<Vec<_>>());
    assert!(alice.allowed("alice", "dial", "voice/queues/sales").await);
    let wrong = json!({ "subject": "ed", "filter": { "action": "Fly!" } });
    let answer = alice.answer("WhatCan", wrong).await;
    assert_eq!(answer["errors"][0]["extensions"]["field"], json!(["filter", "action"]), "{answer:#}");
}

both!(a_list_goes_on_where_it_was_when_what_stood_there_is_gone);
async fn a_list_goes_on_where_it_was_when_what_stood_there_is_gone(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let asked = json!({ "action": "read", "object": "voice/queues/sales", "first": 2 });
    let page = alice.get("WhoCan", asked.clone()).await;
    assert_eq!(users(page["nodes"].as_array().unwrap()), ["alice", "dana"]);
    alice.make("UserDelete", json!({ "key": "dana" })).await;
    alice.add_user("duke", "USER", json!({ "profile": "night" })).await;
    let next = merged(asked, json!({ "after": page["pageInfo"]["endCursor"] }));
    let page = alice.get("WhoCan", next).await;
    assert_eq!(users(page["nodes"].as_array().unwrap()), ["duke", "ed"]);
    assert_eq!(page["pageInfo"]["hasPreviousPage"], true);

    let asked = json!({ "subject": "mia", "module": "voice" });
    let all = walk(&alice, "WhatCan", &asked, 100, false).await;
    let at = all.iter().position(|node| node["object"] == "voice/queues/sales").unwrap();
    let page = alice.get("WhatCan", merged(asked.clone(), json!({ "first": at + 1 }))).await;
    alice.make("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })).await;
    let next = merged(asked, json!({ "after": page["pageInfo"]["endCursor"] }));
    let rest = alice.get("WhatCan", next).await["nodes"].as_array().unwrap().clone();
    assert_eq!(pairs(&rest), pairs(&all[at + 1..]));
    assert!(!rest.is_empty());
}

both!(r34_a_supervisor_who_decides_for_others_finds_its_agents_alone);
async fn r34_a_supervisor_who_decides_for_others_finds_its_agents_alone(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let decisions = ("admin/decisions", "read");
    let blind = alice.new_delegate("acme", "blind", &[decisions]).await;
    let lead = alice.new_delegate("acme", "lead", &[decisions, ("staff/agents/ben", "read")]).await;
    let clerk = alice.new_delegate("acme", "clerk", &[decisions, ("admin/users", "read")]).await;
    let asked = json!({ "action": "unmask", "object": "data/contacts" });
    assert_eq!(users(&walk(&lead, "WhoCan", &asked, 100, false).await), ["ben"]);
    let all = users(&walk(&clerk, "WhoCan", &asked, 2, false).await).len();
    assert!(all > 5, "{all}");
    assert_eq!(blind.fail("WhoCan", asked.clone()).await, "FORBIDDEN");
    for caller in [&blind, &lead, &clerk] {
        let what = json!({ "subject": "ann", "module": "data" });
        assert!(!walk(caller, "WhatCan", &what, 100, false).await.is_empty());
        // Why is told in rules, which are not theirs to see.
        assert_eq!(caller.fail("WhatCan", merged(what, json!({ "why": true }))).await, "FORBIDDEN");
    }
    assert_eq!(clerk.fail("WhoCan", merged(asked, json!({ "why": true }))).await, "FORBIDDEN");
}

both!(everybody_may_ask_what_they_can_do_and_why_and_nobody_about_others);
async fn everybody_may_ask_what_they_can_do_and_why_and_nobody_about_others(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = furnish(&alice).await;
    let asked = json!({ "subject": "dana", "module": "voice", "why": true, "first": 100 });
    let told = alice.get("WhatCan", asked.clone()).await;
    assert_eq!(dana.get("WhatCan", asked).await, told);
    let own = dana.get("ViewerWhatCan", json!({ "module": "voice", "first": 100 })).await["whatCan"].clone();
    assert_eq!(pairs(own["nodes"].as_array().unwrap()), pairs(told["nodes"].as_array().unwrap()));
    let via = json!([{
        "rule": { "values": ["profile:night", "acme", "voice/queues/sales", "edit", "allow"] },
        "via": [{ "from": "user:dana", "to": "profile:night" }],
        "origin": { "kind": "PROFILE", "name": "Night", "text": "User profile Night: Voice → Voice Queues, associated" },
    }]);
    let edits = |node: &&Value| node["object"] == "voice/queues/sales" && node["action"] == "edit";
    assert_eq!(own["nodes"].as_array().unwrap().iter().find(edits).unwrap()["via"], via);

    assert_eq!(dana.fail("WhatCan", json!({ "subject": "alice" })).await, "FORBIDDEN");
    assert_eq!(dana.fail("WhatCan", json!({ "subject": "nobody" })).await, "FORBIDDEN");
    assert_eq!(dana.fail("WhoCan", json!({ "action": "read", "object": "voice" })).await, "FORBIDDEN");
    let visitor = instance.operator().await.in_tenant("acme");
    let admin = visitor.get("ViewerWhatCan", json!({ "module": "data" })).await["whatCan"].clone();
    assert_eq!(admin["totalCount"], 8 * objects(&alice, "data").await.len());
}

both!(a_search_for_what_cannot_be_is_refused_by_its_field);
async fn a_search_for_what_cannot_be_is_refused_by_its_field(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let other = alice.get("Users", json!({ "first": 1 })).await["pageInfo"]["endCursor"].clone();
    let who = |more: Value| ("WhoCan", merged(json!({ "action": "read", "object": "voice" }), more));
    let what = |more: Value| ("WhatCan", merged(json!({ "subject": "dana" }), more));
    for ((name, asked), code, field) in [
        (who(json!({ "object": "voice/*" })), "BAD_INPUT", "object"),
        (who(json!({ "object": "" })), "BAD_INPUT", "object"),
        (who(json!({ "action": "1" })), "BAD_INPUT", "action"),
        (who(json!({ "action": "*" })), "BAD_INPUT", "action"),
        (who(json!({ "first": 101 })), "BAD_INPUT", "first"),
        (who(json!({ "after": "nonsense" })), "BAD_INPUT", "after"),
        (who(json!({ "before": other })), "BAD_INPUT", "before"),
        (what(json!({ "subject": "nobody" })), "NOT_FOUND", "subject"),
        (what(json!({ "subject": "No Key" })), "BAD_INPUT", "subject"),
        (what(json!({ "module": "nothing" })), "BAD_INPUT", "module"),
        (what(json!({ "module": "*" })), "BAD_INPUT", "module"),
        (what(json!({ "after": other })), "BAD_INPUT", "after"),
        (what(json!({ "last": 1, "first": 1 })), "BAD_INPUT", "last"),
    ] {
        let error = alice.answer(name, asked.clone()).await["errors"][0]["extensions"].clone();
        assert_eq!((&error["code"], &error["field"][0]), (&json!(code), &json!(field)), "{name} {asked}");
    }
}
