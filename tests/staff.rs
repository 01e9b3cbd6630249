//! Agents (R34): each is a user and a resource, and a supervisor manages those they are given.

use std::collections::BTreeMap;

use bailiwick::domain::key::{Object, TenantKey};
use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, both, both_databases};
use crate::common::operations::{Refusal, automatic, keys, merged, open, refusal};

const USERS: &str = "query($filter: UserFilter, $first: Int, $after: String) {
    users(filter: $filter, first: $first, after: $after) {
        totalCount pageInfo { endCursor hasNextPage } nodes { key baseRole fullName email apiKey { prefix } menu { key } }
    } }";
const USER: &str = "query($key: String!) { user(key: $key) { key fullName version enabled } }";
const CREATE: &str = "mutation($input: UserCreateInput!) { userCreate(input: $input) { user { key baseRole } userErrors { code message field } } }";
const UPDATE: &str = "mutation($input: UserUpdateInput!) { userUpdate(input: $input) { user { key fullName } userErrors { code message field } } }";
const DELETE: &str =
    "mutation($input: UserDeleteInput!) { userDelete(input: $input) { key userErrors { code message field } } }";

/// Returns a new user's input, by default an agent without a password.
fn new(name: &str, more: Value) -> Value {
    let email = format!("{name}@example.com");
    merged(json!({ "username": name, "fullName": name, "email": email, "baseRole": "AGENT" }), more)
}

fn input(input: Value) -> Value {
    BTreeMap::from([("input", input)])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn add_agents(alice: &Client, names: &[&str]) {
    for name in names {
        alice.done(CREATE, input(new(name, json!({})))).await;
    }
}

/// Makes a user `name` with a profile of their own of these sections of the module `staff`.
async fn supervisor(alice: &Client, name: &str, permission_type: &str, sections: Value) -> Client {
    alice.add_profile(name, permission_type).await;
    alice.save_sections(name, "staff", sections).await;
    alice.new_user("acme", name, "USER", json!({ "profile": name })).await
}

/// Returns the keys of the users that a caller sees, and checks the count.
async fn sees(caller: &Client) -> Vec<String> {
    let users = caller.data(USERS, json!({})).await["users"].clone();
    let mut seen = keys(&users["nodes"]);
    assert_eq!(users["totalCount"], seen.len());
    seen.sort();
    seen
}

async fn user(caller: &Client, key: &str) -> Value {
    caller.data(USER, json!({ "key": key })).await["user"].clone()
}

/// Changes a user at its present version.
async fn update(caller: &Client, alice: &Client, key: &str, more: Value) -> Value {
    let version = user(alice, key).await["version"].clone();
    caller.done(UPDATE, input(merged(json!({ "key": key, "version": version }), more))).await
}

async fn update_refused(caller: &Client, alice: &Client, key: &str, more: Value) -> Refusal {
    let version = user(alice, key).await["version"].clone();
    caller.refused(UPDATE, input(merged(json!({ "key": key, "version": version }), more))).await
}

/// Returns the agents as resources: key and name.
async fn agents(alice: &Client) -> Vec<(String, String)> {
    let page = alice.get("Resources", json!({ "section": "staff/agents" })).await;
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    page["nodes"].as_array().unwrap().iter().map(|one| (text(one, "key"), text(one, "name"))).collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect()
}

both!(r34_an_agent_is_a_resource_for_as_long_as_it_is_an_agent);
async fn r34_an_agent_is_a_resource_for_as_long_as_it_is_an_agent(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann", "ben"]).await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    assert_eq!(agents(&alice).await, named(&[("ann", "ann"), ("ben", "ben")]));
    let page = alice.get("Resources", json!({ "section": "staff/agents" })).await;
    assert_eq!(page["nodes"][0]["createdBy"]["key"], "alice");
    let before = alice.revision().await;
    update(&alice, &alice, "ann", json!({ "fullName": "Ann Archer" })).await;
    assert_eq!(agents(&alice).await, named(&[("ann", "Ann Archer"), ("ben", "ben")]));
    update(&alice, &alice, "ann", json!({ "extension": "7001" })).await;
    assert_eq!(alice.revision().await, before + 1, "an extension is no matter of policy");
    update(&alice, &alice, "mia", json!({ "baseRole": "AGENT" })).await;
    update(&alice, &alice, "ben", json!({ "baseRole": "MANAGER", "fullName": "Ben Baker" })).await;
    assert_eq!(agents(&alice).await, named(&[("ann", "Ann Archer"), ("mia", "mia")]));
    update(&alice, &alice, "ben", json!({ "baseRole": "AGENT" })).await;
    alice.done(DELETE, input(json!({ "key": "mia" }))).await;
    assert_eq!(agents(&alice).await, named(&[("ann", "Ann Archer"), ("ben", "Ben Baker")]));
}

both!(r34_and_r46_an_agent_that_leaves_leaves_every_list_and_team);
async fn r34_and_r46_an_agent_that_leaves_leaves_every_list_and_team(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann", "ben"]).await;
    let team = json!([{ "key": "north", "name": "North", "members": ["staff/agents/ann", "staff/agents/ben"] }]);
    alice.make("ResourceRegister", json!({ "section": "staff/teams", "resources": team })).await;
    let sections = json!([open("staff/agents", &["ann"]), open("staff/teams", &["north"])]);
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", sections).await;
    assert_eq!(sees(&dana).await, ["ann", "ben"]);
    update(&alice, &alice, "ann", json!({ "baseRole": "MANAGER" })).await;
    assert_eq!((sees(&dana).await, user(&dana, "ann").await), (vec!["ben".to_owned()], Value::Null));
    let gone = dana.failed(UPDATE, input(json!({ "key": "ann", "version": 2, "fullName": "Mine" }))).await;
    assert_eq!(gone, "FORBIDDEN");
    update(&alice, &alice, "ann", json!({ "baseRole": "AGENT" })).await;
    assert_eq!(sees(&dana).await, ["ben"], "who comes back inherits nothing");
    dana.done(DELETE, input(json!({ "key": "ben" }))).await;
    assert!(sees(&dana).await.is_empty());
    assert!(!alice.allowed("dana", "read", "staff/agents/ben").await);
}

both!(r34_with_all_agents_a_supervisor_manages_them_all);
async fn r34_with_all_agents_a_supervisor_manages_them_all(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann", "ben"]).await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([automatic("staff/agents")])).await;
    assert_eq!(sees(&dana).await, ["ann", "ben"]);
    let made = dana.done(CREATE, input(new("cleo", json!({ "password": "Secret-99" })))).await;
    assert_eq!(made["user"], json!({ "key": "cleo", "baseRole": "AGENT" }));
    instance.stranger().signed_in("acme", "cleo", "Secret-99").await;
    let changed = update(&dana, &alice, "cleo", json!({ "fullName": "cleo C.", "email": "c@example.com" })).await;
    assert_eq!(changed["user"]["fullName"], "cleo C.");
    update(&dana, &alice, "ann", json!({ "enabled": false, "extension": "7001", "baseRole": "AGENT" })).await;
    dana.done(DELETE, input(json!({ "key": "ben" }))).await;
    assert_eq!(sees(&dana).await, ["ann", "cleo"]);
    let page = dana.data(USERS, json!({ "first": 1 })).await["users"].clone();
    assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(2), &json!(true)));
    let rest = dana.data(USERS, json!({ "first": 1, "after": page["pageInfo"]["endCursor"] })).await["users"].clone();
    assert_eq!((keys(&rest["nodes"]), &rest["pageInfo"]["hasNextPage"]), (vec!["cleo".to_owned()], &json!(false)));
    let found = dana.data(USERS, json!({ "filter": { "search": "cleo" } })).await["users"].clone();
    assert_eq!(keys(&found["nodes"]), ["cleo"]);
}

both!(r34_a_supervisor_imports_agents_and_nobody_else);
async fn r34_a_supervisor_imports_agents_and_nobody_else(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([automatic("staff/agents")])).await;
    let user = |name: &str, base: &str| json!({ "username": name, "fullName": name, "email": format!("{name}@example.com"), "baseRole": base });
    let import = "mutation($input: UsersImportInput!) { usersImport(input: $input) { users { key } userErrors { code field message } } }";
    let mixed = json!({ "users": [user("ann", "AGENT"), user("max", "MANAGER")] });
    let refused = dana.refused(import, input(mixed)).await;
    assert_eq!(refused, ("BEYOND_OWN_RIGHTS".to_owned(), "users.1.baseRole".to_owned()));
    let agents = json!({ "users": [user("ann", "AGENT"), user("ben", "AGENT")] });
    dana.done(import, input(agents)).await;
    assert_eq!(sees(&dana).await, ["ann", "ben"]);
}

both!(r34_an_import_tells_a_supervisor_of_no_profile_role_or_group);
async fn r34_an_import_tells_a_supervisor_of_no_profile_role_or_group(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([automatic("staff/agents")])).await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    let import = "mutation($input: UsersImportInput!) { usersImport(input: $input) { users { key } userErrors { code field message } } }";
    let refused = async |more: Value| dana.data(import, input(json!({ "users": [new("ann", more)] }))).await;
    for (field, there, nowhere) in [
        ("profile", json!("default"), json!("nothing")),
        ("customRole", json!("analyst"), json!("nothing")),
        ("groups", json!(["staff"]), json!(["nothing"])),
    ] {
        let told = refused(json!({ field: there })).await;
        assert_eq!(told["usersImport"]["userErrors"][0]["code"], "BEYOND_OWN_RIGHTS", "{told}");
        assert_eq!(refused(json!({ field: nowhere })).await, told, "{field}");
    }
}

both!(r34_other_users_are_to_a_supervisor_as_if_they_were_not_there);
async fn r34_other_users_are_to_a_supervisor_as_if_they_were_not_there(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann"]).await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    alice.new_service("desk").await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([automatic("staff/agents")])).await;
    // A resource of the host's by the key of a user that is no agent.
    alice.register("staff/agents", &["mia"]).await;
    let neutral = |answer: Value, key: &str| answer.to_string().replace(key, "KEY");
    let asks = |key: &str| {
        [
            (USER, json!({ "key": key })),
            (UPDATE, input(json!({ "key": key, "version": 9, "fullName": "Mine" }))),
            (UPDATE, input(json!({ "key": key, "version": 1, "baseRole": "AGENT", "groups": ["x"] }))),
            (DELETE, input(json!({ "key": key }))),
        ]
    };
    for other in ["alice", "mia", "desk", "dana"] {
        for ((query, variables), (_, unknown)) in asks(other).into_iter().zip(asks("nobody")) {
            let expected = neutral(dana.data(query, unknown).await, "nobody");
            assert_eq!(neutral(dana.data(query, variables).await, other), expected, "{other} {query}");
        }
        let id = alice.get("User", json!({ "key": other })).await["id"].clone();
        assert_eq!(
            dana.data("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await["node"],
            Value::Null
        );
    }
    let filter = json!({ "filter": { "baseRole": "MANAGER" } });
    assert_eq!(dana.data(USERS, filter).await["users"]["totalCount"], 0);
    assert_eq!(sees(&alice).await, ["alice", "ann", "dana", "desk", "mia"]);
    assert_eq!(dana.fail("Profiles", json!({})).await, "FORBIDDEN");
}

both!(r34_a_supervisor_gives_an_agent_nothing);
async fn r34_a_supervisor_gives_an_agent_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann"]).await;
    alice.make("GroupCreate", json!({ "name": "Crew", "members": ["ann"] })).await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([automatic("staff/agents")])).await;
    let revision = alice.revision().await;
    for (more, field) in [
        (json!({ "baseRole": "ADMIN" }), "baseRole"),
        (json!({ "baseRole": "MANAGER", "customRole": "nothing" }), "baseRole"),
        (json!({ "baseRole": "USER", "profile": "dana" }), "baseRole"),
        (json!({ "baseRole": "SERVICE" }), "baseRole"),
        (json!({ "groups": ["crew"] }), "groups"),
        (json!({ "groups": ["nothing"] }), "groups"),
        (json!({ "profile": "nothing" }), "profile"),
        (json!({ "customRole": "nothing" }), "customRole"),
    ] {
        let refused = dana.refused(CREATE, input(new("eve", more.clone()))).await;
        assert_eq!(refused, refusal("BEYOND_OWN_RIGHTS", field), "{more}");
        let mut change = more.clone();
        if change["groups"].is_array() {
            change["groups"] = json!([]);
        }
        let refused = update_refused(&dana, &alice, "ann", change).await;
        assert_eq!(refused, refusal("BEYOND_OWN_RIGHTS", field), "{more}");
    }
    assert_eq!(alice.revision().await, revision);
    assert_eq!(
        dana.refused(CREATE, input(new("ann", json!({ "email": "x@example.com" })))).await,
        refusal("ALREADY_EXISTS", "username")
    );
}

both!(r34_and_r11_with_a_list_a_supervisor_manages_those_on_it_and_those_it_makes);
async fn r34_and_r11_with_a_list_a_supervisor_manages_those_on_it_and_those_it_makes(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann", "ben"]).await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([open("staff/agents", &["ann"])])).await;
    let eli = supervisor(&alice, "eli", "READ_EDIT", json!([open("staff/agents", &["ben"])])).await;
    assert_eq!((sees(&dana).await, sees(&eli).await), (vec!["ann".to_owned()], vec!["ben".to_owned()]));
    update(&dana, &alice, "ann", json!({ "fullName": "Ann A." })).await;
    for other in ["ben", "alice", "nobody"] {
        let change = input(json!({ "key": other, "version": 1, "fullName": "Mine" }));
        assert_eq!(dana.failed(UPDATE, change).await, "FORBIDDEN", "{other}");
        assert_eq!(dana.failed(DELETE, input(json!({ "key": other }))).await, "FORBIDDEN", "{other}");
        assert_eq!(user(&dana, other).await, Value::Null);
    }
    dana.done(CREATE, input(new("cleo", json!({})))).await;
    assert_eq!(sees(&dana).await, ["ann", "cleo"], "R11: what a holder makes is its profile's");
    assert_eq!(sees(&eli).await, ["ben"]);
    let page = alice.get("Resources", json!({ "section": "staff/agents", "search": "cleo" })).await;
    assert_eq!(page["nodes"][0]["createdBy"]["key"], "dana");
    update(&dana, &alice, "cleo", json!({ "fullName": "cleo C." })).await;
    eli.done(CREATE, input(new("fay", json!({})))).await;
    assert_eq!(eli.failed(DELETE, input(json!({ "key": "fay" }))).await, "FORBIDDEN", "no right to delete");
    dana.done(DELETE, input(json!({ "key": "cleo" }))).await;
    assert_eq!(sees(&dana).await, ["ann"]);
    assert_eq!(alice.refused(DELETE, input(json!({ "key": "cleo" }))).await, refusal("NOT_FOUND", "key"));
}

both!(r34a_with_a_team_a_supervisor_manages_its_members_and_makes_none);
async fn r34a_with_a_team_a_supervisor_manages_its_members_and_makes_none(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann", "ben"]).await;
    let team = json!([{ "key": "north", "name": "North", "members": ["staff/agents/ann"] }]);
    alice.make("ResourceRegister", json!({ "section": "staff/teams", "resources": team })).await;
    let dana = supervisor(&alice, "dana", "READ_EDIT", json!([open("staff/teams", &["north"])])).await;
    assert_eq!(sees(&dana).await, ["ann"]);
    update(&dana, &alice, "ann", json!({ "fullName": "Ann A." })).await;
    assert_eq!(dana.failed(UPDATE, input(json!({ "key": "ben", "version": 1 }))).await, "FORBIDDEN");
    assert_eq!(dana.failed(DELETE, input(json!({ "key": "ann" }))).await, "FORBIDDEN");
    assert_eq!(dana.failed(CREATE, input(new("cleo", json!({})))).await, "FORBIDDEN");
}

both!(r34_with_read_alone_a_supervisor_sees_agents_and_changes_none);
async fn r34_with_read_alone_a_supervisor_sees_agents_and_changes_none(instance: Instance) {
    let alice = instance.tenant("acme").await;
    add_agents(&alice, &["ann", "ben"]).await;
    let dana = supervisor(&alice, "dana", "READ", json!([automatic("staff/agents")])).await;
    assert_eq!(sees(&dana).await, ["ann", "ben"]);
    assert_eq!(user(&dana, "ann").await["fullName"], "ann");
    for (mutation, asked) in [
        (CREATE, new("cleo", json!({}))),
        (UPDATE, json!({ "key": "ann", "version": 1, "fullName": "Mine" })),
        (DELETE, json!({ "key": "ann" })),
    ] {
        assert_eq!(dana.failed(mutation, input(asked)).await, "FORBIDDEN", "{mutation}");
    }
    let empty = supervisor(&alice, "eli", "READ", json!([open("staff/agents", &[])])).await;
    assert!(sees(&empty).await.is_empty());
    let closed = supervisor(&alice, "fay", "READ", json!([open("staff/telephones", &[])])).await;
    assert_eq!(closed.failed(USERS, json!({})).await, "FORBIDDEN");
    let operator = instance.operator().await;
    operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": ["voice"] })).await;
    assert_eq!(dana.failed(USERS, json!({})).await, "FORBIDDEN", "without a licence");
}

both!(r34_and_r35b_an_agent_that_may_more_is_not_taken_over);
async fn r34_and_r35b_an_agent_that_may_more_is_not_taken_over(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("GroupCreate", json!({ "name": "Crew", "permissions": ["people"] })).await;
    alice.done(CREATE, input(new("ann", json!({ "groups": ["crew"] })))).await;
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([automatic("staff/agents")])).await;
    let taken = update_refused(&dana, &alice, "ann", json!({ "email": "dana2@example.com" })).await;
    assert_eq!(taken.0, "BEYOND_OWN_RIGHTS");
    update(&dana, &alice, "ann", json!({ "fullName": "Ann A.", "enabled": false })).await;
    let woken = update_refused(&dana, &alice, "ann", json!({ "enabled": true })).await;
    assert_eq!(woken.0, "BEYOND_OWN_RIGHTS");
    dana.done(DELETE, input(json!({ "key": "ann" }))).await;
}

both!(r34_what_the_host_has_registered_is_taken_over_and_then_follows_the_user);
async fn r34_what_the_host_has_registered_is_taken_over_and_then_follows_the_user(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let desk = alice.new_service("desk").await;
    desk.register("staff/agents", &["ann", "robot"]).await;
    let id = alice.get("Resources", json!({ "section": "staff/agents" })).await["nodes"][0]["id"].clone();
    let dana = supervisor(&alice, "dana", "READ_EDIT_DELETE", json!([open("staff/agents", &["ann"])])).await;
    assert!(sees(&dana).await.is_empty(), "there is no such user yet");
    let robot = dana.refused(CREATE, input(new("robot", json!({})))).await;
    assert_eq!(robot, refusal("ALREADY_EXISTS", "username"), "one that the host gave others");
    dana.done(CREATE, input(new("ann", json!({ "fullName": "Ann Archer" })))).await;
    assert_eq!(agents(&alice).await, named(&[("ann", "Ann Archer"), ("robot", "robot")]));
    let taken = alice.get("Resources", json!({ "section": "staff/agents" })).await["nodes"][0].clone();
    assert_eq!((&taken["id"], sees(&dana).await), (&id, vec!["ann".to_owned()]));
    desk.register("staff/agents", &["ann"]).await;
    assert_eq!(agents(&alice).await[0].1, "Ann Archer", "the person's name is the user's");
    let team = json!([{ "key": "north", "name": "North", "members": ["staff/agents/ann"] }]);
    desk.make("ResourceRegister", json!({ "section": "staff/teams", "resources": team })).await;
    let remove = |key: &str| json!({ "section": "staff/agents", "keys": [key] });
    assert_eq!(desk.refuse("ResourceRemove", remove("ann")).await, refusal("PROTECTED_RESOURCE", "keys"));
    desk.make("ResourceRemove", remove("robot")).await;
    let protected = json!([{ "key": "ann", "name": "Ann", "protected": true }]);
    desk.make("ResourceRegister", json!({ "section": "staff/agents", "resources": protected })).await;
    assert_eq!(alice.refused(DELETE, input(json!({ "key": "ann" }))).await, refusal("PROTECTED_RESOURCE", "key"));
    update(&alice, &alice, "ann", json!({ "fullName": "Ann B." })).await;
    let still = alice.get("Resources", json!({ "section": "staff/agents" })).await["nodes"][0].clone();
    assert_eq!((&still["protected"], &still["name"]), (&json!(true), &json!("Ann B.")));
}

/// Takes a resource away as if it had never been registered.
async fn forget(instance: &Instance, object: &str) {
    let store = &instance.store;
    let tenant = store.tenant_by_key(&TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
    let mut tx = store.begin(tenant.id).await.unwrap().unwrap();
    let before = tx.state().await.unwrap();
    let mut after = before.clone();
    after.resources.remove(&Object::parse(object).unwrap()).unwrap();
    tx.write_state(&before, &after, &BTreeMap::new()).await.unwrap();
    tx.commit().await.unwrap();
}

both_databases!(r34_agents_from_before_they_were_resources_become_some_with_the_first_change_here);
async fn r34_agents_from_before_they_were_resources_become_some_with_the_first_change_here(database: Database) {
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    alice.done(CREATE, input(new("ann", json!({ "fullName": "Ann Archer" })))).await;
    forget(&instance, "staff/agents/ann").await;
    assert_eq!(agents(&alice).await, []);
    let next = Instance::start(&database, Choices::default()).await;
    let alice = alice.at(&next);
    alice.make("SettingsUpdate", json!({ "sessionHours": 8 })).await;
    assert_eq!(agents(&alice).await, named(&[("ann", "Ann Archer")]));
    let found = alice.get("Resources", json!({ "section": "staff/agents" })).await["nodes"][0].clone();
    assert_eq!(found["createdBy"], Value::Null, "nobody has made it just now");
}
