//! Lists of items linked to an owner (R15), through the API, and the filter behind their pages.

mod set;

use std::collections::BTreeSet;

use bailiwick::domain::key::{ResourceKey, SectionKey, TenantKey};
use bailiwick::policy::reach::Reach;
use bailiwick::store::page::Page;
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, merged, open, refusal};

/// Returns the input of a section that is not enabled, with this list of associated resources.
fn closed(section: &str, resources: &[&str]) -> Value {
    merged(open(section, resources), json!({ "enabled": false, "visible": false }))
}

/// `dana`, who may edit all agents and has the queues `test1` and `test2` associated. The agent `tom` is in the
/// queues `sales`, `Support` and `test1`.
async fn with_dana(alice: &Client) -> Client {
    alice.register("voice/queues", &["test1", "test2", "sales", "Support", "other"]).await;
    alice.register("staff/agents", &["tom"]).await;
    alice.make("ResourceLinksSet", links("staff/agents/tom", &json!(["sales", "Support", "test1"]))).await;
    alice.add_profile("Lead", "READ_EDIT").await;
    alice.save_sections("lead", "staff", json!([automatic("staff/agents")])).await;
    alice.save_sections("lead", "voice", json!([closed("voice/queues", &["test1", "test2"])])).await;
    alice.new_user("acme", "dana", "USER", json!({ "profile": "lead" })).await
}

/// The queues that are linked to an owner, as a whole.
fn links(owner: &str, items: &Value) -> Value {
    json!({ "owner": owner, "itemSection": "voice/queues", "items": items })
}

fn on_create(owner: &str, items: &str) -> Value {
    json!({ "owner": owner, "itemSection": items, "mode": "CREATE" })
}

fn on_edit(owner: &str, items: &str) -> Value {
    json!({ "owner": owner, "itemSection": items, "mode": "EDIT" })
}

/// Returns the input of the same list with more items claimed to be linked.
fn claiming(input: Value, linked: &[&str]) -> Value {
    merged(input, json!({ "linked": linked }))
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

both!(r15_only_associated_queues_can_be_chosen_and_those_linked_already_are_seen_locked);
async fn r15_only_associated_queues_can_be_chosen_and_those_linked_already_are_seen_locked(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    assert_eq!(seen(&dana, on_create("staff/agents", "voice/queues")).await, ["test1", "test2"]);
    let edited = on_edit("staff/agents/tom", "voice/queues");
    let linked = ["Support+!", "sales+!", "test1+", "test2"];
    assert_eq!(seen(&alice, for_dana(edited.clone())).await, linked);
    assert_eq!(seen(&dana, edited.clone()).await, linked, "they see the same when they ask themselves");
    assert_eq!(seen(&alice, edited).await, ["Support+", "other", "sales+", "test1+", "test2"]);
    assert_eq!(seen(&dana, on_edit("staff/agents/new", "voice/queues")).await, ["test1", "test2"]);
}

both!(r15_what_is_claimed_to_be_linked_counts_for_a_host_that_asks_for_a_user_and_for_nobody_else);
async fn r15_what_is_claimed_to_be_linked_counts_for_a_host_that_asks_for_a_user_and_for_nobody_else(
    instance: Instance,
) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let desk = alice.new_service("desk").await;
    let eve = alice.new_delegate("acme", "eve", &[("admin/decisions", "read")]).await;
    let claims = claiming(on_edit("staff/agents/tom", "voice/queues"), &["other", "test2", "nowhere"]);
    let told = ["Support+!", "other+!", "sales+!", "test1+", "test2+"];
    assert_eq!(seen(&desk, for_dana(claims.clone())).await, told);
    assert_eq!(seen(&alice, for_dana(claims.clone())).await, told);
    let stored = ["Support+!", "sales+!", "test1+", "test2"];
    assert_eq!(seen(&dana, claims.clone()).await, stored, "nobody learns by naming it what there is");
    assert_eq!(seen(&dana, for_dana(claims.clone())).await, stored);
    assert_eq!(seen(&eve, for_dana(claims.clone())).await, stored, "a right to ask is not a host's word");
    assert_eq!(seen(&alice, claims).await, ["Support+", "other", "sales+", "test1+", "test2"]);
    let created = claiming(on_create("staff/agents", "voice/queues"), &["other", "test1"]);
    assert_eq!(seen(&desk, for_dana(created)).await, ["test1+", "test2"], "what is linked is no choice on create");
}

both!(r15_the_integrations_of_a_trigger_are_the_associated_ones_alone_also_those_linked);
async fn r15_the_integrations_of_a_trigger_are_the_associated_ones_alone_also_those_linked(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let items = "integrations/integrations";
    alice.register(items, &["salesforce", "zendesk", "freshdesk"]).await;
    alice.register("tools/triggers", &["t"]).await;
    alice.add_profile("Lead", "READ_EDIT").await;
    alice.save_sections("lead", "tools", json!([automatic("tools/triggers")])).await;
    alice.save_sections("lead", "integrations", json!([open(items, &["zendesk"])])).await;
    let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "lead" })).await;
    assert_eq!(seen(&dana, on_create("tools/triggers", items)).await, ["zendesk"]);
    let links = json!({ "owner": "tools/triggers/t", "itemSection": items, "items": ["salesforce"] });
    alice.make("ResourceLinksSet", links).await;
    let edited = on_edit("tools/triggers/t", items);
    assert_eq!(seen(&dana, edited.clone()).await, ["zendesk"]);
    assert_eq!(seen(&alice, for_dana(claiming(edited.clone(), &["freshdesk"]))).await, ["zendesk"]);
    alice.save_sections("lead", "integrations", json!([automatic(items)])).await;
    assert_eq!(seen(&dana, edited).await, ["freshdesk", "salesforce+", "zendesk"]);
}

both!(r15_who_may_not_edit_the_owner_changes_no_link_and_who_may_not_read_it_sees_none);
async fn r15_who_may_not_edit_the_owner_changes_no_link_and_who_may_not_read_it_sees_none(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let edit = on_edit("staff/agents/tom", "voice/queues");
    let read =
        merged(automatic("staff/agents"), json!({ "override": { "read": true, "edit": false, "delete": false } }));
    alice.save_sections("lead", "staff", json!([read])).await;
    assert_eq!(seen(&alice, for_dana(edit.clone())).await, ["Support+!", "sales+!", "test1+!", "test2!"]);
    let none: [String; 0] = [];
    assert_eq!(seen(&dana, on_create("staff/agents", "voice/queues")).await, none);
    alice.register("staff/agents", &["ann"]).await;
    alice.make("ResourceLinksSet", links("staff/agents/ann", &json!(["sales"]))).await;
    let listed = merged(open("staff/agents", &["tom"]), json!({ "override": null }));
    alice.save_sections("lead", "staff", json!([listed])).await;
    assert_eq!(seen(&alice, for_dana(edit)).await, ["Support+!", "sales+!", "test1+", "test2"]);
    for owner in ["staff/agents/ann", "staff/agents/nobody"] {
        let claims = claiming(on_edit(owner, "voice/queues"), &["sales"]);
        assert_eq!(seen(&alice, for_dana(claims)).await, none, "{owner}");
    }
}

both!(r2_items_of_a_module_without_a_licence_are_not_seen_linked_or_not);
async fn r2_items_of_a_module_without_a_licence_are_not_seen_linked_or_not(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let operator = instance.operator().await;
    let edit = on_edit("staff/agents/tom", "voice/queues");
    let none: [String; 0] = [];
    let all = ["Support+!", "sales+!", "test1+", "test2"].map(str::to_owned);
    for (modules, items) in [(vec!["staff"], &none[..]), (vec!["voice"], &none), (vec!["staff", "voice"], &all)] {
        operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": modules })).await;
        assert_eq!(seen(&dana, edit.clone()).await, items, "{modules:?}");
        assert_eq!(seen(&alice, for_dana(edit.clone())).await, items, "{modules:?}");
    }
}

both!(r2_items_of_an_optional_module_are_neither_listed_nor_named_without_its_licence);
async fn r2_items_of_an_optional_module_are_neither_listed_nor_named_without_its_licence(instance: Instance) {
    let alice = instance.tenant_with("acme", &["staff", "voice"]).await;
    let items = "whatsapp/queues";
    alice.register(items, &["support"]).await;
    alice.register("staff/agents", &["tom"]).await;
    let links = json!({ "owner": "staff/agents/tom", "itemSection": items, "items": ["support"] });
    assert_eq!(alice.refuse("ResourceLinksSet", links.clone()).await, refusal("INVALID", "itemSection"));
    let desk = alice.new_service("desk").await;
    desk.make("ResourceLinksSet", links).await;
    for list in [on_edit("staff/agents/tom", items), on_create("staff/agents", items)] {
        for caller in [&alice, &desk] {
            assert_eq!(caller.fail("LinkableItems", json!({ "input": list })).await, "BAD_INPUT");
        }
    }
    let unknown = json!({ "input": on_edit("staff/agents/tom", "tools/tags") });
    let message = async || alice.answer("LinkableItems", unknown.clone()).await["errors"][0]["message"].to_string();
    let told = message().await;
    assert!(told.contains("`voice/queues`") && !told.contains("whatsapp"), "{told}");
    let licence = json!({ "tenant": "acme", "modules": ["staff", "voice", "whatsapp"] });
    instance.operator().await.make("TenantSetLicence", licence).await;
    assert_eq!(seen(&alice, on_edit("staff/agents/tom", items)).await, ["support+"]);
    assert!(message().await.contains("`whatsapp/queues`"));
}

both!(r15_a_host_asks_for_others_and_everyone_for_themselves);
async fn r15_a_host_asks_for_others_and_everyone_for_themselves(instance: Instance) {
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
}

both!(r15_the_items_are_found_by_key_or_name_and_come_in_pages);
async fn r15_the_items_are_found_by_key_or_name_and_come_in_pages(instance: Instance) {
    let alice = instance.tenant("acme").await;
    with_dana(&alice).await;
    let renamed = json!([{ "key": "test2", "name": "Night Desk" }]);
    alice.make("ResourceRegister", json!({ "section": "voice/queues", "resources": renamed })).await;
    let all = for_dana(on_edit("staff/agents/tom", "voice/queues"));
    for (search, items) in
        [("NIGHT", vec!["test2"]), ("test", vec!["test1+", "test2"]), ("sal", vec!["sales+!"]), ("other", vec![])]
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
}

both!(r15_a_list_that_there_is_not_is_refused_with_those_there_are);
async fn r15_a_list_that_there_is_not_is_refused_with_those_there_are(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    let edit = |more: Value| merged(on_edit("tools/triggers/t", "voice/queues"), more);
    for (input, field, says) in [
        (edit(json!({ "itemSection": "contacts/lists" })), "itemSection", "`integrations/integrations`"),
        (edit(json!({ "owner": "tools/tags/t" })), "itemSection", "none"),
        (edit(json!({ "itemSection": "nothing" })), "itemSection", "section key"),
        (edit(json!({ "owner": "tools/triggers" })), "owner", "is a resource, such as"),
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
}

both!(a_page_takes_more_keys_than_a_statement_has_places_for_values);
async fn a_page_takes_more_keys_than_a_statement_has_places_for_values(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.register("voice/queues", &["k00007", "k39999", "zz"]).await;
    let tenant = instance.store.tenant_by_key(&TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
    let scope = instance.store.scope(tenant.id);
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
}
