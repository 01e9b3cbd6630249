//! Lists of items linked to an owner (R15), through the API, and the filter behind their pages.

use std::collections::BTreeSet;

use bailiwick::domain::key::{ResourceKey, SectionKey, TenantKey};
use bailiwick::policy::reach::Reach;
use bailiwick::store::page::Page;
use serde_json::{Value, json};

use crate::common::app::{Client, on_both};
use crate::common::operations::{automatic, merged, open};

/// Returns the input of a section that is not enabled, with this list of associated resources.
fn closed(section: &str, resources: &[&str]) -> Value {
    merged(open(section, resources), json!({ "enabled": false, "visible": false }))
}

/// Makes `dana`, who may edit all agents and has the queues `test1` and `test2` associated.
async fn with_dana(alice: &Client) -> Client {
    alice.register("voice/queues", &["test1", "test2", "sales", "Support", "other"]).await;
    alice.add_profile("Lead", "READ_EDIT").await;
    alice.save_sections("lead", "staff", json!([automatic("staff/agents")])).await;
    alice.save_sections("lead", "voice", json!([closed("voice/queues", &["test1", "test2"])])).await;
    alice.new_user("acme", "dana", "USER", json!({ "profile": "lead" })).await
}

fn on_create(owner: &str, items: &str) -> Value {
    json!({ "owner": owner, "itemSection": items, "mode": "CREATE" })
}

fn on_edit(owner: &str, items: &str, linked: &[&str]) -> Value {
    json!({ "owner": owner, "itemSection": items, "mode": "EDIT", "linked": linked })
}

/// Returns the input of the same list as a caller who may decide for others sends it.
fn for_dana(input: Value) -> Value {
    merged(input, json!({ "subject": "dana" }))
}

/// Returns the items in a page, with `+` for a linked one and `!` for a locked one, and checks the count.
async fn seen(caller: &Client, input: Value) -> Vec<String> {
    let page = caller.get("LinkableItems", json!({ "input": input })).await;
    let item = |node: &Value| {
        let sign = |on: &Value, sign: &'static str| if on.as_bool().unwrap() { sign } else { "" };
        let key = node["resource"]["key"].as_str().unwrap();
        format!("{key}{}{}", sign(&node["linked"], "+"), sign(&node["locked"], "!"))
    };
    let mut items: Vec<String> = page["nodes"].as_array().unwrap().iter().map(item).collect();
    assert_eq!(page["totalCount"], items.len());
    items.sort();
    items
}

#[tokio::test]
async fn r15_only_associated_queues_can_be_chosen_and_those_linked_already_are_seen_locked() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let dana = with_dana(&alice).await;
        assert_eq!(seen(&dana, on_create("staff/agents", "voice/queues")).await, ["test1", "test2"]);
        let linked = ["sales", "Support", "test1"];
        let edited = on_edit("staff/agents/tom", "voice/queues", &linked);
        assert_eq!(seen(&alice, for_dana(edited.clone())).await, ["Support+!", "sales+!", "test1+", "test2"]);
        let own = seen(&dana, edited.clone()).await;
        assert_eq!(own, ["test1+", "test2"], "nobody learns by naming it what there is");
        assert_eq!(seen(&alice, edited).await, ["Support+", "other", "sales+", "test1+", "test2"]);
        let created = merged(on_create("staff/agents", "voice/queues"), json!({ "linked": linked }));
        assert_eq!(seen(&dana, created).await, ["test1+", "test2"], "what was linked is no choice on create");
    })
    .await;
}

#[tokio::test]
async fn r15_a_trigger_can_choose_the_associated_integrations_alone() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        alice.register("integrations/integrations", &["salesforce", "zendesk", "freshdesk"]).await;
        alice.add_profile("Lead", "READ_EDIT").await;
        alice.save_sections("lead", "tools", json!([automatic("tools/triggers")])).await;
        let integrations = json!([open("integrations/integrations", &["zendesk"])]);
        alice.save_sections("lead", "integrations", integrations).await;
        let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "lead" })).await;
        let items = "integrations/integrations";
        assert_eq!(seen(&dana, on_create("tools/triggers", items)).await, ["zendesk"]);
        assert_eq!(seen(&dana, on_edit("tools/triggers/t", items, &[])).await, ["zendesk"]);
        alice.save_sections("lead", "integrations", json!([automatic(items)])).await;
        assert_eq!(seen(&dana, on_edit("tools/triggers/t", items, &[])).await, ["freshdesk", "salesforce", "zendesk"]);
    })
    .await;
}

#[tokio::test]
async fn r15_who_may_not_edit_the_owner_changes_no_link_and_who_may_not_read_it_sees_none() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let dana = with_dana(&alice).await;
        let edit = on_edit("staff/agents/tom", "voice/queues", &["sales"]);
        let read =
            merged(automatic("staff/agents"), json!({ "override": { "read": true, "edit": false, "delete": false } }));
        alice.save_sections("lead", "staff", json!([read])).await;
        assert_eq!(seen(&alice, for_dana(edit.clone())).await, ["sales+!", "test1!", "test2!"]);
        let none: [String; 0] = [];
        assert_eq!(seen(&dana, on_create("staff/agents", "voice/queues")).await, none);
        alice.register("staff/agents", &["tom"]).await;
        let listed = merged(open("staff/agents", &["tom"]), json!({ "override": null }));
        alice.save_sections("lead", "staff", json!([listed])).await;
        assert_eq!(seen(&alice, for_dana(edit)).await, ["sales+!", "test1", "test2"]);
        assert_eq!(seen(&alice, for_dana(on_edit("staff/agents/ann", "voice/queues", &["sales"]))).await, none);
        assert_eq!(seen(&alice, for_dana(on_edit("staff/agents/nobody", "voice/queues", &["sales"]))).await, none);
    })
    .await;
}

#[tokio::test]
async fn r15_items_of_a_module_without_a_licence_are_not_seen() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        with_dana(&alice).await;
        let operator = instance.operator().await;
        let edit = on_edit("staff/agents/tom", "voice/queues", &["sales"]);
        let none: [String; 0] = [];
        for (modules, items) in [
            (vec!["staff"], &none[..]),
            (vec!["voice"], &none),
            (vec!["staff", "voice"], &["sales+!".to_owned(), "test1".to_owned(), "test2".to_owned()]),
        ] {
            operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": modules })).await;
            assert_eq!(seen(&alice, for_dana(edit.clone())).await, items, "{modules:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn r15_a_host_asks_for_others_and_everyone_for_themselves() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let dana = with_dana(&alice).await;
        let desk = alice.new_service("desk").await;
        let about = |user: &str| merged(on_create("staff/agents", "voice/queues"), json!({ "subject": user }));
        assert_eq!(seen(&desk, about("dana")).await, ["test1", "test2"]);
        assert_eq!(seen(&dana, about("dana")).await, ["test1", "test2"]);
        let none: [String; 0] = [];
        assert_eq!(seen(&desk, about("nobody")).await, none);
        assert_eq!(dana.fail("LinkableItems", json!({ "input": about("alice") })).await, "FORBIDDEN");
        assert_eq!(dana.fail("LinkableItems", json!({ "input": about("nobody") })).await, "FORBIDDEN");
    })
    .await;
}

#[tokio::test]
async fn r15_the_items_are_found_by_key_or_name_and_come_in_pages() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        with_dana(&alice).await;
        let renamed = json!([{ "key": "test2", "name": "Night Desk" }]);
        alice.make("ResourceRegister", json!({ "section": "voice/queues", "resources": renamed })).await;
        let all = for_dana(on_edit("staff/agents/tom", "voice/queues", &["sales", "Support"]));
        for (search, items) in
            [("NIGHT", vec!["test2"]), ("test", vec!["test1", "test2"]), ("sal", vec!["sales+!"]), ("other", vec![])]
        {
            assert_eq!(seen(&alice, merged(all.clone(), json!({ "search": search }))).await, items, "{search}");
        }
        let (mut keys, mut place) = (Vec::new(), Value::Null);
        loop {
            let page = alice.get("LinkableItems", json!({ "input": all, "first": 1, "after": place })).await;
            assert_eq!((page["nodes"].as_array().unwrap().len(), &page["totalCount"]), (1, &json!(4)));
            keys.push(page["nodes"][0]["resource"]["key"].as_str().unwrap().to_owned());
            place = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        keys.sort();
        assert_eq!(keys, ["Support", "sales", "test1", "test2"]);
    })
    .await;
}

#[tokio::test]
async fn r15_a_list_that_there_is_not_is_refused_with_those_there_are() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
        let edit = |more: Value| merged(on_edit("tools/triggers/t", "voice/queues", &[]), more);
        for (input, field, says) in [
            (edit(json!({ "itemSection": "contacts/lists" })), "itemSection", "`integrations/integrations`"),
            (edit(json!({ "owner": "tools/tags/t" })), "itemSection", "none"),
            (edit(json!({ "itemSection": "nothing" })), "itemSection", "section key"),
            (edit(json!({ "owner": "tools/triggers" })), "owner", "on EDIT"),
            (edit(json!({ "owner": "tools/nothing/t" })), "owner", "there is no section"),
            (edit(json!({ "owner": "*" })), "owner", "not an object"),
            (edit(json!({ "mode": "CREATE" })), "owner", "section key"),
            (edit(json!({ "linked": many })), "linked", "at most 1000"),
            (edit(json!({ "linked": ["a", "*"] })), "linked", "resource key"),
            (edit(json!({ "subject": "No Key" })), "subject", "user key"),
        ] {
            let answer = alice.answer("LinkableItems", json!({ "input": input })).await;
            let error = &answer["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_INPUT", "{answer:#}");
            assert_eq!(error["extensions"]["field"][1], field, "{answer:#}");
            assert!(error["message"].as_str().unwrap().contains(says), "{answer:#}");
        }
        let page = json!({ "input": edit(json!({})), "after": "nonsense" });
        assert_eq!(alice.fail("LinkableItems", page).await, "BAD_INPUT");
    })
    .await;
}

#[tokio::test]
async fn a_page_takes_more_keys_than_a_statement_has_places_for_values() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        alice.register("voice/queues", &["k00007", "k39999", "zz"]).await;
        let platform = &instance.platform;
        let tenant = platform.store.tenant_by_key(&TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
        let scope = platform.store.scope(tenant.id);
        let section = SectionKey::parse("voice/queues").unwrap();
        let keys = |count: u32| -> BTreeSet<ResourceKey> {
            (0..count).map(|n| ResourceKey::parse(&format!("k{n:05}")).unwrap()).collect()
        };
        let all = ["k00007", "k39999", "zz"];
        for (reach, found) in [
            (Reach::Only(keys(40_000)), &all[..2]),
            (Reach::AllBut(keys(40_000)), &all[2..]),
            (Reach::Only(keys(70_000)), &all[..2]),
            (Reach::nothing(), &[]),
            (Reach::AllBut(BTreeSet::new()), &all),
        ] {
            let page = scope.resources_within(&section, &reach, None, &Page::first(10)).await.unwrap();
            let keys: Vec<&str> = page.items.iter().map(|(_, resource)| resource.key.as_str()).collect();
            assert_eq!(keys, found);
            assert_eq!(scope.resources_within_count(&section, &reach, None).await.unwrap(), found.len() as u64);
        }
    })
    .await;
}
