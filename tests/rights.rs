//! R35b through the API: a user who may administer a little gains nothing by it, for any user.

mod held;

use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, both, both_databases};
use crate::common::operations::{automatic, merged, open};
use crate::common::tables::Tables;

/// The objects that mia may administer, but not see; and people, of the catalogue.
const OBJECTS: [&str; 5] = ["admin/users", "admin/user-profiles", "admin/groups", "admin/roles", "admin/api-keys"];

/// Makes an admin `alice`, another `bob`, and `mia` with the role "deputy".
async fn deputy(instance: &Instance) -> (Client, Client) {
    let alice = instance.tenant("acme").await;
    let grants: Vec<_> = OBJECTS
        .iter()
        .flat_map(|object| ["edit", "delete"].map(|action| json!({ "object": object, "action": action })))
        .collect();
    let role = json!({ "name": "Deputy", "permissions": ["people"], "grants": grants });
    alice.make("RoleCreate", role).await;
    let denied = json!([{ "object": "voice/queues/*", "action": "read", "effect": "DENY" }]);
    alice.make("RoleCreate", json!({ "name": "Denied", "permissions": [], "grants": denied })).await;
    alice.make("RoleCreate", json!({ "name": "Strong", "permissions": ["automation"] })).await;
    alice.make("GroupCreate", json!({ "name": "Strong", "roles": ["strong"] })).await;
    alice.add_user("bob", "ADMIN", json!({})).await;
    alice.add_user("max", "MANAGER", json!({})).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({ "customRole": "deputy" })).await;
    alice.make("GroupCreate", json!({ "name": "Denied", "roles": ["denied"], "members": ["mia", "ann"] })).await;
    (alice, mia)
}

both!(r35b_no_one_gives_themselves_or_others_more_than_they_have);
async fn r35b_no_one_gives_themselves_or_others_more_than_they_have(instance: Instance) {
    let (alice, mia) = deputy(&instance).await;
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    for (name, input) in beyond() {
        let refused = mia.refuse(name, input.clone()).await;
        assert_eq!(refused.0, "BEYOND_OWN_RIGHTS", "{name} {input}");
    }
    assert_eq!((alice.revision().await, alice.rules().await), (revision, rules));
}

both_databases!(r35b_what_an_older_compiler_did_not_know_is_the_givers_own_at_the_first_change);
async fn r35b_what_an_older_compiler_did_not_know_is_the_givers_own_at_the_first_change(database: Database) {
    let old = Instance::start(&database, Choices::default()).await;
    let alice = old.tenant("acme").await;
    alice.register("staff/agents", &["ann"]).await;
    let team = json!([{ "key": "sales", "name": "Sales", "members": ["staff/agents/ann"] }]);
    alice.make("ResourceRegister", json!({ "section": "staff/teams", "resources": team })).await;
    alice.add_profile("Lead", "READ_EDIT").await;
    alice.save_sections("lead", "staff", json!([open("staff/teams", &["sales"])])).await;
    let grants = [
        ("admin/users", "edit"),
        ("admin/users", "read"),
        ("admin/api-keys", "edit"),
        ("admin/user-profiles", "read"),
        ("admin/groups", "read"),
        ("admin/roles", "read"),
    ];
    let grants = grants.map(|(object, action)| json!({ "object": object, "action": action }));
    alice.make("RoleCreate", json!({ "name": "Deputy", "permissions": [], "grants": grants })).await;
    let mia = alice.new_user("acme", "mia", "USER", json!({ "profile": "lead" })).await;
    alice.make("GroupCreate", json!({ "name": "Deputies", "roles": ["deputy"], "members": ["mia"] })).await;
    mia.add_user("one", "USER", json!({ "profile": "lead" })).await;
    old.stop().await;

    let tables = Tables::of(&database).await;
    let gone = "v0 = 'profile:lead' AND v3 = 'link'";
    let origins = format!("DELETE FROM rule_origins WHERE rule_hash IN (SELECT hash FROM casbin_rule WHERE {gone})");
    tables.run(&origins).await;
    tables.run(&format!("DELETE FROM casbin_rule WHERE {gone}")).await;
    tables.run("UPDATE tenants SET compiler_version = 1 WHERE key = 'acme'").await;
    let new = Instance::start(&database, Choices::default()).await;
    let (alice, mia) = (alice.at(&new), mia.at(&new));
    assert!(!alice.allowed("mia", "link", "staff/agents/ann").await, "as the older one compiled it");
    mia.make("ApiKeyGenerate", json!({ "user": "one" })).await;
    let strong = json!({ "username": "two", "fullName": "two", "email": "two@example.com", "baseRole": "MANAGER" });
    assert_eq!(mia.refuse("UserCreate", strong).await.0, "BEYOND_OWN_RIGHTS");
    mia.add_user("two", "USER", json!({ "profile": "lead" })).await;
    assert!(alice.allowed("mia", "link", "staff/agents/ann").await);
}

fn beyond() -> Vec<(&'static str, Value)> {
    let user = |name: &str, more: Value| {
        let email = format!("{name}@example.com");
        merged(json!({ "username": name, "fullName": name, "email": email }), more)
    };
    let role = |grant: Value| json!({ "name": "New", "permissions": [], "grants": [grant] });
    let own = |more: Value| merged(json!({ "key": "deputy", "version": 1 }), more);
    let save =
        json!({ "profile": "default", "module": "voice", "version": 1, "sections": [automatic("voice/queues")] });
    vec![
        ("RoleUpdate", own(json!({ "permissions": ["people", "reports"] }))),
        ("RoleUpdate", own(json!({ "grants": [{ "object": "admin/audit", "action": "read" }] }))),
        ("RoleUpdate", own(json!({ "grants": [{ "object": "admin/users/*", "action": "edit" }] }))),
        ("RoleUpdate", own(json!({ "grants": [{ "object": "admin/users", "action": "*" }] }))),
        ("RoleUpdate", json!({ "key": "denied", "version": 1, "grants": [] })),
        ("RoleUpdate", json!({ "key": "strong", "version": 1, "permissions": ["automation", "reports"] })),
        ("RoleCreate", json!({ "name": "New", "permissions": ["reports"] })),
        ("RoleCreate", role(json!({ "object": "voice/*", "action": "read" }))),
        ("RoleCreate", role(json!({ "object": "billing/invoices", "action": "read" }))),
        ("RoleCreate", role(json!({ "object": "people/*", "action": "edit" }))),
        ("GroupCreate", json!({ "name": "New", "roles": ["manager"], "members": ["mia"] })),
        ("GroupCreate", json!({ "name": "New", "roles": ["strong"] })),
        ("GroupCreate", json!({ "name": "New", "permissions": ["reports"], "members": ["ann"] })),
        ("GroupAddMembers", json!({ "group": "strong", "users": ["mia"] })),
        ("GroupAddMembers", json!({ "group": "strong", "users": ["ann"] })),
        ("GroupRemoveMembers", json!({ "group": "denied", "users": ["mia"] })),
        ("GroupUpdate", json!({ "key": "denied", "version": 1, "roles": [] })),
        ("UserUpdate", json!({ "key": "mia", "version": 1, "groups": [] })),
        ("UserUpdate", json!({ "key": "mia", "version": 1, "groups": ["denied", "strong"] })),
        ("UserUpdate", json!({ "key": "mia", "version": 1, "baseRole": "ADMIN" })),
        ("UserUpdate", json!({ "key": "mia", "version": 1, "customRole": null })),
        ("UserUpdate", json!({ "key": "mia", "version": 1, "customRole": "strong" })),
        ("UserUpdate", json!({ "key": "ann", "version": 1, "baseRole": "SERVICE" })),
        ("UserCreate", user("new", json!({ "baseRole": "ADMIN" }))),
        ("UserCreate", user("new", json!({ "baseRole": "MANAGER" }))),
        ("UserCreate", user("new", json!({ "baseRole": "SERVICE" }))),
        ("UserCreate", user("new", json!({ "baseRole": "USER", "profile": "default" }))),
        ("UserCreate", user("new", json!({ "baseRole": "AGENT", "groups": ["strong"] }))),
        ("ProfileSaveModule", save),
        ("ProfileClone", json!({ "key": "default", "newName": "Copy" })),
    ]
}

both!(r35b_no_one_but_an_admin_touches_an_admin);
async fn r35b_no_one_but_an_admin_touches_an_admin(instance: Instance) {
    let (alice, mia) = deputy(&instance).await;
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    for (name, input) in [
        ("UserUpdate", json!({ "key": "bob", "version": 1, "fullName": "Mine" })),
        ("UserUpdate", json!({ "key": "bob", "version": 1, "email": "mine@example.com" })),
        ("UserUpdate", json!({ "key": "bob", "version": 1, "enabled": false })),
        ("UserUpdate", json!({ "key": "bob", "version": 1, "baseRole": "AGENT" })),
        ("UserDelete", json!({ "key": "bob" })),
        ("ApiKeyGenerate", json!({ "user": "bob" })),
        ("ApiKeyGenerate", json!({ "user": "alice" })),
        ("ApiKeyRemove", json!({ "user": "bob" })),
        ("ApiKeyGenerate", json!({ "user": "max" })),
        ("UserSetPassword", json!({ "key": "bob", "password": "Another-12" })),
        ("UserSetPassword", json!({ "key": "alice", "password": "Another-12" })),
        ("UserSetPassword", json!({ "key": "max", "password": "Another-12" })),
    ] {
        assert_eq!(mia.refuse(name, input.clone()).await.0, "BEYOND_OWN_RIGHTS", "{name} {input}");
    }
    assert_eq!((alice.revision().await, alice.rules().await), (revision, rules));
    let bob = alice.get("User", json!({ "key": "bob" })).await;
    assert_eq!((&bob["fullName"], &bob["apiKey"], &bob["version"]), (&json!("bob"), &Value::Null, &json!(1)));
    alice.make("UserUpdate", json!({ "key": "bob", "version": 1, "fullName": "Bob" })).await;
}

/// Mutations whose answers can tell a caller of things that they may not list.
const NEW_GROUP: &str = "mutation($input: GroupCreateInput!) { groupCreate(input: $input) { group { key name } userErrors { code message } } }";
const ADD_MEMBERS: &str = "mutation($input: GroupAddMembersInput!) { groupAddMembers(input: $input) { group { version } userErrors { code message } } }";
const NEW_USER: &str =
    "mutation($input: UserCreateInput!) { userCreate(input: $input) { user { key } userErrors { code message } } }";

both!(r35b_what_one_has_one_may_give_and_take);
async fn r35b_what_one_has_one_may_give_and_take(instance: Instance) {
    let (alice, mia) = deputy(&instance).await;
    let grants = json!([{ "object": "admin/groups", "action": "edit" },
        { "object": "anything/*", "action": "*", "effect": "DENY" }]);
    let role = json!({ "name": "Skills", "permissions": ["people"], "grants": grants });
    let made = mia.make("RoleCreate", role).await;
    assert_eq!(made["role"]["key"], "skills", "who may not list roles hears of the one it made");
    let group = json!({ "name": "Skilled", "roles": ["skills"], "members": ["ann"] });
    assert_eq!(mia.done(NEW_GROUP, json!({ "input": group })).await["group"]["key"], "skilled");
    for (action, object) in [("edit", "people/skills"), ("edit", "admin/groups")] {
        assert!(alice.allowed("ann", action, object).await, "{action} {object}");
    }
    let user = json!({ "username": "new", "fullName": "New", "email": "new@example.com", "baseRole": "MANAGER",
        "customRole": "deputy" });
    assert_eq!(mia.done(NEW_USER, json!({ "input": user })).await["user"]["key"], "new");
    assert!(mia.make("ApiKeyGenerate", json!({ "user": "ann" })).await["token"].is_string());
    assert_eq!(
        mia.make("UserSetPassword", json!({ "key": "ann", "password": "Another-12" })).await["user"]["key"],
        "ann"
    );
    mia.make("RoleUpdate", json!({ "key": "strong", "version": 1, "permissions": [] })).await;
    let members = json!({ "group": "strong", "users": ["mia"] });
    assert_eq!(mia.done(ADD_MEMBERS, json!({ "input": members })).await["group"]["version"], 2);
    assert_eq!(mia.fail("Groups", json!({})).await, "FORBIDDEN", "to change is not to see");
}

both!(r35b_who_may_not_read_profiles_roles_and_groups_is_not_told_which_there_are);
async fn r35b_who_may_not_read_profiles_roles_and_groups_is_not_told_which_there_are(instance: Instance) {
    let (alice, _) = deputy(&instance).await;
    let pairs = [("admin/users", "edit"), ("admin/groups", "edit")];
    let max = alice.new_delegate("acme", "blind", &pairs).await;
    let seer = [("admin/users", "edit"), ("admin/user-profiles", "read"), ("admin/roles", "read")];
    let sue = alice.new_delegate("acme", "sue", &seer).await;
    let user = |more: Value| {
        merged(json!({ "username": "new", "fullName": "N", "email": "n@example.com", "baseRole": "MANAGER" }), more)
    };
    let cases = |profile: &str, role: &str, group: &str| {
        let profiled = json!({ "baseRole": "USER", "profile": profile });
        let taken = json!({ "email": "ann@example.com", "customRole": role });
        vec![
            ("UserCreate", user(profiled.clone())),
            ("UserCreate", user(json!({ "customRole": role }))),
            ("UserCreate", user(json!({ "baseRole": "AGENT", "groups": [group] }))),
            ("UserUpdate", merged(json!({ "key": "ann", "version": 1 }), json!({ "groups": [group] }))),
            ("UserUpdate", json!({ "key": "ann", "version": 1, "baseRole": "MANAGER", "customRole": role })),
            ("UserUpdate", json!({ "key": "ann", "version": 1, "baseRole": "USER", "profile": profile })),
            ("UserUpdate", json!({ "key": "ann", "version": 1, "profile": profile, "customRole": role })),
            ("UsersImport", json!({ "users": [user(profiled), user(json!({ "username": "two" }))] })),
            (
                "UsersImport",
                json!({ "users": [user(json!({ "customRole": role })), user(json!({ "username": "ann" }))] }),
            ),
            ("UsersImport", json!({ "users": [user(taken)] })),
            ("ProfileAssign", json!({ "profile": profile, "users": ["ann"] })),
            ("GroupCreate", json!({ "name": "New", "roles": [role], "members": ["nobody"] })),
            ("GroupUpdate", json!({ "key": "denied", "version": 1, "roles": [role] })),
        ]
    };
    let errors = async |caller: &Client, name: &str, input: Value| {
        caller.get(name, json!({ "input": input })).await["userErrors"].clone()
    };
    let both = cases("default", "strong", "strong").into_iter().zip(cases("nothing", "nothing", "nothing"));
    for ((name, there), (_, nowhere)) in both {
        let told = errors(&max, name, there.clone()).await;
        assert!(told[0]["code"].is_string(), "{name} {there}");
        assert_eq!(errors(&max, name, nowhere).await, told, "{name} {there}");
    }
    // Callers who may read them are told the reason.
    for (more, code, field) in [
        (json!({ "customRole": "nothing" }), "NOT_FOUND", "customRole"),
        (json!({ "customRole": "strong" }), "BEYOND_OWN_RIGHTS", ""),
    ] {
        assert_eq!(sue.refuse("UserCreate", user(more)).await, (code.to_owned(), field.to_owned()));
    }
}
