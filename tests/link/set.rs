//! Changing what is linked (R15): what users may, what hosts tell, and what becomes of links.

use serde_json::{Value, json};

use super::{claiming, closed, for_dana, links, on_edit, seen, with_dana};
use crate::common::app::{Choices, Client, Database, Instance, both, both_databases};
use crate::common::operations::{automatic, merged, open, refusal};
use crate::common::tables::Tables;

const TOM: &str = "staff/agents/tom";

fn changed(owner: &str, add: &[&str], remove: &[&str]) -> Value {
    json!({ "owner": owner, "itemSection": "voice/queues", "addItems": add, "removeItems": remove })
}

/// The queues that are linked to an owner.
async fn linked(alice: &Client, owner: &str) -> Vec<String> {
    let items = seen(alice, on_edit(owner, "voice/queues")).await;
    items.into_iter().filter_map(|item| item.strip_suffix('+').map(str::to_owned)).collect()
}

/// Registers agents with the queues that each is in.
async fn tell(host: &Client, agents: &[(&str, &[&str])]) -> Value {
    let agent = |(key, queues): &(&str, &[&str])| json!({ "key": key, "name": key, "links": [{ "itemSection": "voice/queues", "items": queues }] });
    let agents: Vec<_> = agents.iter().map(agent).collect();
    host.make("ResourceRegister", json!({ "section": "staff/agents", "resources": agents })).await
}

both!(r15_a_user_links_and_unlinks_what_is_associated_and_nothing_that_is_locked);
async fn r15_a_user_links_and_unlinks_what_is_associated_and_nothing_that_is_locked(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let revision = alice.revision().await;
    let whole = |items: Value| links(TOM, &items);
    for (input, code, field) in [
        (whole(json!(["sales", "Support", "test1", "other"])), "LINK_LOCKED", "items"),
        (whole(json!(["sales", "test1"])), "LINK_LOCKED", "items"),
        (changed(TOM, &["other"], &[]), "LINK_LOCKED", "addItems"),
        (changed(TOM, &["nowhere"], &[]), "LINK_LOCKED", "addItems"),
        (changed(TOM, &["test2"], &["Support"]), "LINK_LOCKED", "removeItems"),
    ] {
        assert_eq!(dana.refuse("ResourceLinksSet", input.clone()).await, refusal(code, field), "{input}");
    }
    let answer = dana.answer("ResourceLinksSet", json!({ "input": whole(json!([])) })).await;
    let error = &answer["data"]["resourceLinksSet"]["userErrors"][0];
    assert_eq!(error["message"], "`Support` and `sales` are not associated, and can neither be linked nor unlinked");
    assert_eq!(error["count"], 2);
    assert_eq!(linked(&alice, TOM).await, ["Support", "sales", "test1"], "a refusal changes nothing");

    let made = dana.make("ResourceLinksSet", whole(json!(["Support", "sales", "test2"]))).await;
    assert_eq!((&made["linked"], &made["revision"]), (&json!(["Support", "sales", "test2"]), &json!(revision)));
    let made = dana.make("ResourceLinksSet", changed(TOM, &["test1", "sales"], &["test2", "other"])).await;
    assert_eq!(made["linked"], json!(["Support", "sales", "test1"]), "what is so already is no change");
    assert_eq!(linked(&alice, TOM).await, ["Support", "sales", "test1"]);
    assert_eq!(alice.revision().await, revision, "no decision changes");
    let other = dana.fail("ResourceLinksSet", json!({ "input": links("voice/queues/test1", &json!([])) })).await;
    assert_eq!(other, "FORBIDDEN");
}

both!(r15_whoever_may_not_edit_the_owner_changes_no_link_of_it);
async fn r15_whoever_may_not_edit_the_owner_changes_no_link_of_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let read =
        merged(automatic("staff/agents"), json!({ "override": { "read": true, "edit": false, "delete": false } }));
    alice.save_sections("lead", "staff", json!([read])).await;
    let eve = alice.new_delegate("acme", "eve", &[("admin/resources", "edit"), ("admin/decisions", "read")]).await;
    for (caller, owner) in [(&dana, TOM), (&dana, "staff/agents/nobody"), (&eve, TOM)] {
        let input = json!({ "input": changed(owner, &["test2"], &[]) });
        assert_eq!(caller.fail("ResourceLinksSet", input).await, "FORBIDDEN", "{owner}");
    }
    let told = json!([{ "key": "tom", "name": "Tom", "links": [{ "itemSection": "voice/queues", "items": [] }] }]);
    let told = json!({ "input": { "section": "staff/agents", "resources": told } });
    assert_eq!(eve.fail("ResourceRegister", told).await, "FORBIDDEN", "a right is not a host's word");
    assert_eq!(linked(&alice, TOM).await, ["Support", "sales", "test1"]);
    let own = alice.new_delegate("acme", "own", &[(TOM, "edit"), ("voice/queues/other", "link")]).await;
    own.make("ResourceLinksSet", changed(TOM, &["other"], &[])).await;
    assert_eq!(linked(&alice, TOM).await, ["Support", "other", "sales", "test1"]);
}

both!(r15_a_new_owner_is_linked_to_what_its_maker_has_associated);
async fn r15_a_new_owner_is_linked_to_what_its_maker_has_associated(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let desk = alice.new_service("desk").await;
    let new = json!({ "section": "staff/agents", "createdBy": "dana", "resources": [{ "key": "new", "name": "N" }] });
    desk.make("ResourceRegister", new).await;
    let owner = "staff/agents/new";
    let refused = dana.refuse("ResourceLinksSet", links(owner, &json!(["test1", "sales"]))).await;
    assert_eq!(refused, refusal("LINK_LOCKED", "items"));
    dana.make("ResourceLinksSet", links(owner, &json!(["test1"]))).await;
    assert_eq!(linked(&alice, owner).await, ["test1"]);
}

both!(r15_a_host_changes_links_in_the_name_of_a_user_as_far_as_that_user_may);
async fn r15_a_host_changes_links_in_the_name_of_a_user_as_far_as_that_user_may(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let desk = alice.new_service("desk").await;
    let (more, locked) = (for_dana(changed(TOM, &["test2"], &[])), for_dana(changed(TOM, &["other"], &[])));
    for host in [&desk, &alice] {
        assert_eq!(host.refuse("ResourceLinksSet", locked.clone()).await, refusal("LINK_LOCKED", "addItems"));
    }
    assert_eq!(desk.make("ResourceLinksSet", more).await["linked"], json!(["Support", "sales", "test1", "test2"]));
    let event = &instance.audited("acme", "resource.setLinks").await[0];
    assert_eq!((event.actor.key.as_str(), &event.after.as_ref().unwrap()["subject"]), ("desk", &json!("dana")));
    dana.make("ResourceLinksSet", for_dana(changed(TOM, &[], &["test2"]))).await;
    assert_eq!(dana.refuse("ResourceLinksSet", locked).await, refusal("LINK_LOCKED", "addItems"), "also of oneself");

    let pairs = [("admin/resources", "edit"), ("admin/decisions", "read")];
    let eve = alice.new_delegate("acme", "eve", &pairs).await;
    let of = |user: &str| json!({ "input": merged(changed(TOM, &["test2"], &[]), json!({ "subject": user })) });
    for (caller, user) in [(&eve, "dana"), (&dana, "alice"), (&dana, "nobody"), (&desk, "nobody"), (&desk, "eve")] {
        assert_eq!(caller.fail("ResourceLinksSet", of(user)).await, "FORBIDDEN", "{user}");
    }
    assert_eq!(linked(&alice, TOM).await, ["Support", "sales", "test1"]);
}

both!(r15_a_host_tells_what_is_linked_on_its_own_or_with_the_resources);
async fn r15_a_host_tells_what_is_linked_on_its_own_or_with_the_resources(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let desk = alice.new_service("desk").await;
    desk.make("ResourceLinksSet", changed(TOM, &["other"], &["sales"])).await;
    assert_eq!(linked(&alice, TOM).await, ["Support", "other", "test1"]);
    tell(&desk, &[("tom", &["sales"]), ("ann", &["test1", "other"]), ("ben", &[])]).await;
    let seen_by_dana = seen(&dana, on_edit("staff/agents/ann", "voice/queues")).await;
    assert_eq!(seen_by_dana, ["other+!", "test1+", "test2"]);
    alice.register("staff/agents", &["tom"]).await;
    assert_eq!(linked(&alice, TOM).await, ["sales"], "what is not told stays");
    let other = json!([{ "itemSection": "chat/queues", "items": [] }]);
    let tom = json!([{ "key": "tom", "name": "Tom", "links": other }]);
    desk.make("ResourceRegister", json!({ "section": "staff/agents", "resources": tom })).await;
    assert_eq!(linked(&alice, TOM).await, ["sales"], "and so does every other list");
    tell(&desk, &[("tom", &[]), ("ann", &["test2"])]).await;
    assert_eq!((linked(&alice, TOM).await, linked(&alice, "staff/agents/ann").await), (vec![], vec!["test2".into()]));

    let revision = alice.revision().await;
    tell(&desk, &[("tom", &["test1"])]).await;
    assert_eq!(alice.revision().await, revision, "links alone change no decision");
    let both =
        json!([{ "key": "q1", "name": "Q", "links": [{ "itemSection": "voice/music-on-hold", "items": ["m"] }] }]);
    alice.register("voice/music-on-hold", &["m"]).await;
    desk.make("ResourceRegister", json!({ "section": "voice/queues", "resources": both })).await;
    let music = seen(&alice, on_edit("voice/queues/q1", "voice/music-on-hold")).await;
    assert_eq!(music, ["m+"]);
}

both!(r46_a_host_tells_what_is_linked_while_the_module_is_not_licensed_and_a_user_is_refused);
async fn r46_a_host_tells_what_is_linked_while_the_module_is_not_licensed_and_a_user_is_refused(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let operator = instance.operator().await;
    let licence = async |modules: &[&str]| {
        operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": modules })).await;
    };
    licence(&["staff"]).await;
    let refused = dana.refuse("ResourceLinksSet", changed(TOM, &["test2"], &[])).await;
    assert_eq!(refused, refusal("UNLICENSED_MODULE", "itemSection"));
    let admins = alice.refuse("ResourceLinksSet", changed(TOM, &["other"], &[])).await;
    assert_eq!(admins, refusal("UNLICENSED_MODULE", "itemSection"), "admins are not above the licence");
    licence(&["voice"]).await;
    let admins = alice.refuse("ResourceLinksSet", changed(TOM, &["other"], &[])).await;
    assert_eq!(admins, refusal("UNLICENSED_MODULE", "owner"));
    licence(&["staff"]).await;
    let desk = alice.new_service("desk").await;
    desk.make("ResourceLinksSet", changed(TOM, &["other"], &[])).await;
    tell(&alice, &[("ann", &["sales"])]).await;
    licence(&["staff", "voice"]).await;
    assert_eq!(linked(&alice, TOM).await, ["Support", "other", "sales", "test1"]);
    assert_eq!(linked(&alice, "staff/agents/ann").await, ["sales"]);
}

both!(r15_links_are_tried_before_they_are_made);
async fn r15_links_are_tried_before_they_are_made(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let dry = |input: Value| merged(input, json!({ "dryRun": true }));
    let events = instance.audited("acme", "resource.setLinks").await.len();
    let tried = dana.make("ResourceLinksSet", dry(changed(TOM, &["test2"], &["test1"]))).await;
    assert_eq!(tried["linked"], json!(["Support", "sales", "test2"]));
    let refused = dana.refuse("ResourceLinksSet", dry(changed(TOM, &["other"], &[]))).await;
    assert_eq!(refused, refusal("LINK_LOCKED", "addItems"));
    let told = json!([{ "key": "tom", "name": "tom", "links": [{ "itemSection": "voice/queues", "items": [] }] }]);
    alice.make("ResourceRegister", dry(json!({ "section": "staff/agents", "resources": told }))).await;
    assert_eq!(linked(&alice, TOM).await, ["Support", "sales", "test1"]);
    dana.make("ResourceLinksSet", changed(TOM, &["test1"], &[])).await;
    assert_eq!(instance.audited("acme", "resource.setLinks").await.len(), events, "nor is what changes nothing");
}

both!(r15_links_that_cannot_be_are_refused_by_their_field);
async fn r15_links_that_cannot_be_are_refused_by_their_field(instance: Instance) {
    let alice = instance.tenant("acme").await;
    with_dana(&alice).await;
    let many: Vec<String> = (0..1001).map(|n| format!("q{n}")).collect();
    let set = |more: Value| merged(links(TOM, &json!(["sales"])), more);
    for (input, code, field) in [
        (set(json!({ "owner": "staff/agents/nobody" })), "NOT_FOUND", "owner"),
        (set(json!({ "owner": "staff/agents" })), "INVALID", "owner"),
        (set(json!({ "owner": "*" })), "INVALID", "owner"),
        (set(json!({ "owner": "telepathy/minds/x" })), "INVALID", "owner"),
        (set(json!({ "itemSection": "contacts/lists" })), "INVALID", "itemSection"),
        (set(json!({ "itemSection": "queues" })), "INVALID", "itemSection"),
        (set(json!({ "items": ["sales", "nothing"] })), "NOT_FOUND", "items"),
        (set(json!({ "items": ["sales", "*"] })), "INVALID", "items.1"),
        (set(json!({ "items": many })), "INVALID", "items"),
        (set(json!({ "addItems": ["other"] })), "INVALID", "items"),
        (set(json!({ "items": null, "addItems": ["nothing"] })), "NOT_FOUND", "addItems"),
        (set(json!({ "items": null, "addItems": many })), "INVALID", "addItems"),
        (set(json!({ "items": null, "addItems": ["sales"], "removeItems": ["sales"] })), "INVALID", "removeItems"),
        (set(json!({ "items": null, "removeItems": ["*"] })), "INVALID", "removeItems.0"),
        (set(json!({ "subject": "No Key" })), "INVALID", "subject"),
        (set(json!({ "reason": "a\nb" })), "INVALID", "reason"),
    ] {
        let refused = alice.refuse("ResourceLinksSet", input.clone()).await;
        assert_eq!(refused, refusal(code, field), "{:.200}", input.to_string());
    }
    let list = |items: Value| json!({ "itemSection": "voice/queues", "items": items });
    let agent = |key: &str, lists: Value| json!({ "key": key, "name": key, "links": lists });
    let crowd: Vec<_> = (0..201).map(|n| agent(&format!("a{n}"), json!([list(json!([]))]))).collect();
    for (agents, code, field) in [
        (json!([agent("a", json!([list(json!(["nothing"]))]))]), "NOT_FOUND", "resources.0.links"),
        (json!([agent("a", json!([list(json!(many))]))]), "INVALID", "resources.0.links"),
        (
            json!([agent("b", json!([])), agent("a", json!([{ "itemSection": "tools/tags", "items": [] }]))]),
            "INVALID",
            "resources.1.links.itemSection",
        ),
        (json!([agent("a", json!([list(json!([])), list(json!([]))]))]), "INVALID", "resources.0.links.1.itemSection"),
        (json!([agent("a", json!([list(json!(["*"]))]))]), "INVALID", "resources.0.links.0.items.0"),
        (json!(crowd), "INVALID", "resources"),
    ] {
        let input = json!({ "section": "staff/agents", "resources": agents });
        let refused = alice.refuse("ResourceRegister", input.clone()).await;
        assert_eq!(refused, refusal(code, field), "{:.200}", input.to_string());
    }
    assert_eq!(linked(&alice, TOM).await, ["Support", "sales", "test1"]);
    assert_eq!(alice.get("Resources", json!({ "section": "staff/agents" })).await["totalCount"], 1);
}

both_databases!(r46_links_go_with_either_end_and_a_key_that_comes_again_inherits_none);
async fn r46_links_go_with_either_end_and_a_key_that_comes_again_inherits_none(database: Database) {
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    let tables = Tables::of(&database).await;
    alice.make("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales", "other"] })).await;
    assert_eq!(linked(&alice, TOM).await, ["Support", "test1"]);
    alice.register("voice/queues", &["sales"]).await;
    assert_eq!(seen(&dana, on_edit(TOM, "voice/queues")).await, ["Support+!", "test1+", "test2"]);
    alice.make("ResourceRemove", json!({ "section": "staff/agents", "keys": ["tom"] })).await;
    assert_eq!(tables.rows("resource_links").await, [""; 0]);
    alice.register("staff/agents", &["tom"]).await;
    assert_eq!(linked(&alice, TOM).await, [""; 0]);

    alice.add_user("gus", "AGENT", json!({})).await;
    let gus = "staff/agents/gus";
    alice.make("ResourceLinksSet", links(gus, &json!(["test1"]))).await;
    alice.make("UserDelete", json!({ "key": "gus" })).await;
    alice.add_user("gus", "AGENT", json!({})).await;
    assert_eq!(linked(&alice, gus).await, [""; 0], "an agent is a user and a resource");

    // A program that knows nothing of links deletes resources as it did.
    alice.make("ResourceLinksSet", links(TOM, &json!(["test1"]))).await;
    tables.run("DELETE FROM resources WHERE section = 'voice/queues' AND \"key\" = 'test1'").await;
    assert_eq!(tables.rows("resource_links").await, [""; 0]);
}

both!(r15_links_of_a_team_reach_its_members_and_what_is_saved_of_a_profile_holds_at_once);
async fn r15_links_of_a_team_reach_its_members_and_what_is_saved_of_a_profile_holds_at_once(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = with_dana(&alice).await;
    alice.register("staff/agents", &["ann"]).await;
    let blue = json!([{ "key": "blue", "name": "Blue", "members": ["staff/agents/ann"] }]);
    alice.make("ResourceRegister", json!({ "section": "staff/teams", "resources": blue })).await;
    let sections = json!([closed("staff/agents", &[]), closed("staff/teams", &["blue"])]);
    alice.save_sections("lead", "staff", sections).await;
    alice.save_sections("lead", "voice", json!([open("voice/queues", &["test1"])])).await;
    let owner = "voice/queues/test1";
    let agents = |add: &str| json!({ "owner": owner, "itemSection": "staff/agents", "addItems": [add] });
    assert_eq!(dana.refuse("ResourceLinksSet", agents("tom")).await, refusal("LINK_LOCKED", "addItems"));
    dana.make("ResourceLinksSet", agents("ann")).await;
    let claims = claiming(on_edit(owner, "staff/agents"), &["tom"]);
    assert_eq!(seen(&dana, claims).await, ["ann+"]);
    assert_eq!(dana.fail("ResourceLinksSet", json!({ "input": links(TOM, &json!([])) })).await, "FORBIDDEN");
}
