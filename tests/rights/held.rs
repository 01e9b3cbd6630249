//! R35b from the other side: only admins change the rights that an ADMIN or a SERVICE holds, by whatever way they hold
//! them.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::refusal;

/// The rights of max: to administer everything but settings, and all of voice. So he could give whatever is given here.
const PAIRS: [(&str, &str); 8] = [
    ("admin/users", "*"),
    ("admin/user-profiles", "*"),
    ("admin/groups", "*"),
    ("admin/roles", "*"),
    ("admin/resources", "*"),
    ("admin/rules", "*"),
    ("voice", "*"),
    ("voice/*", "*"),
];

/// Makes an admin `alice`, her delegate `max`, and the users whom he must leave alone: `bob`, an ADMIN, `off`, a
/// disabled one, and the host `desk`, whose key is given too. They and `ann`, an AGENT, are in the groups "one" and
/// "two", which hold the role "dialer".
async fn tenant(instance: &Instance) -> (Client, Client, Client) {
    let alice = instance.tenant("acme").await;
    alice.register("voice/queues", &["sales", "support"]).await;
    let max = alice.new_delegate("acme", "max", &PAIRS).await;
    alice.add_user("bob", "ADMIN", json!({})).await;
    alice.add_user("off", "ADMIN", json!({})).await;
    let desk = alice.new_service("desk").await;
    alice.add_user("ann", "AGENT", json!({})).await;
    role(&alice, "Dialer", json!([allow("voice/queues/sales", "read"), allow("voice/calls/*", "edit")])).await;
    role(&alice, "Mute", json!([{ "object": "voice/*", "action": "*", "effect": "DENY" }])).await;
    for name in ["One", "Two"] {
        let members = ["bob", "off", "desk", "ann"];
        alice.make("GroupCreate", json!({ "name": name, "roles": ["dialer"], "members": members })).await;
    }
    for name in ["Muted", "Others"] {
        alice.make("GroupCreate", json!({ "name": name, "roles": ["mute"], "members": [] })).await;
    }
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
    (alice, max, desk)
}

fn allow(object: &str, action: &str) -> Value {
    json!({ "object": object, "action": action })
}

async fn role(alice: &Client, name: &str, grants: Value) {
    alice.make("RoleCreate", json!({ "name": name, "permissions": [], "grants": grants })).await;
}

/// Returns mutations that would change the rights of bob, off or desk: to less, to more and, some day, to either.
fn shaking(before: i64) -> Vec<(&'static str, Value)> {
    let sales = allow("voice/queues/sales", "read");
    let calls = allow("voice/calls/*", "edit");
    let deny = json!({ "object": "voice/calls/private", "action": "edit", "effect": "DENY" });
    vec![
        ("GroupUpdate", json!({ "key": "one", "version": 1, "roles": [] })),
        ("GroupUpdate", json!({ "key": "one", "version": 1, "roles": ["dialer", "mute"] })),
        ("RoleUpdate", json!({ "key": "dialer", "version": 1, "grants": [] })),
        ("RoleUpdate", json!({ "key": "dialer", "version": 1, "grants": [sales] })),
        ("RoleUpdate", json!({ "key": "dialer", "version": 1, "grants": [sales, calls, deny] })),
        ("RoleUpdate", json!({ "key": "dialer", "version": 1, "grants": [sales, calls, allow("voice/x", "read")] })),
        ("GroupRemoveMembers", json!({ "group": "one", "users": ["desk"] })),
        ("GroupRemoveMembers", json!({ "group": "one", "users": ["ann", "bob"] })),
        ("GroupRemoveMembers", json!({ "group": "one", "users": ["off"] })),
        ("GroupAddMembers", json!({ "group": "muted", "users": ["desk"] })),
        ("GroupAddMembers", json!({ "group": "muted", "users": ["bob"] })),
        ("GroupAddMembers", json!({ "group": "muted", "users": ["off"] })),
        ("GroupCreate", json!({ "name": "New", "roles": ["mute"], "members": ["desk"] })),
        ("GroupDelete", json!({ "key": "two" })),
        ("UserUpdate", json!({ "key": "desk", "version": 1, "groups": ["two"] })),
        ("UserUpdate", json!({ "key": "bob", "version": 1, "groups": [] })),
        ("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })),
        ("PolicyImport", json!({ "csv": "p, quiet, voice/calls/*, edit, deny\ng, user:desk, quiet" })),
        ("PolicyRestore", json!({ "revision": before })),
    ]
}

both!(r35b_what_an_admin_or_a_host_holds_nobody_else_takes_away_or_denies);
async fn r35b_what_an_admin_or_a_host_holds_nobody_else_takes_away_or_denies(instance: Instance) {
    let (alice, max, desk) = tenant(&instance).await;
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    // Before the groups were made.
    for (name, input) in shaking(revision - 5) {
        assert_eq!(max.refuse(name, input.clone()).await, refusal("BEYOND_OWN_RIGHTS", ""), "{name} {input}");
    }
    assert_eq!((alice.revision().await, alice.rules().await), (revision, rules));
    assert!(alice.allowed("desk", "read", "voice/queues/sales").await);
    // The resources that it registered are the host's own, and no right is left on a removed one (R46).
    desk.make("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })).await;
    alice.make("GroupUpdate", json!({ "key": "one", "version": 1, "roles": [] })).await;
    let operator = instance.operator().await.in_tenant("acme");
    operator.make("GroupRemoveMembers", json!({ "group": "two", "users": ["desk"] })).await;
    assert!(!alice.allowed("desk", "edit", "voice/calls/1").await);
}

both!(r35b_whose_rights_stand_in_the_way_is_told_to_those_who_may_see_them);
async fn r35b_whose_rights_stand_in_the_way_is_told_to_those_who_may_see_them(instance: Instance) {
    let (alice, max, _) = tenant(&instance).await;
    let blind = alice.new_delegate("acme", "blind", &[("admin/groups", "*"), ("voice/*", "*")]).await;
    let update = "mutation($input: GroupUpdateInput!) { groupUpdate(input: $input) { userErrors { code count related { ... on User { key } } } } }";
    let input = json!({ "input": { "key": "one", "version": 1, "roles": [] } });
    for (caller, related) in
        [(&max, json!([{ "key": "bob" }, { "key": "desk" }, { "key": "off" }])), (&blind, json!([]))]
    {
        let refused = caller.data(update, input.clone()).await["groupUpdate"]["userErrors"][0].clone();
        assert_eq!(refused, json!({ "code": "BEYOND_OWN_RIGHTS", "count": 3, "related": related }));
    }
}

both!(r35b_what_others_hold_beside_an_admin_stays_for_those_who_administer_it);
async fn r35b_what_others_hold_beside_an_admin_stays_for_those_who_administer_it(instance: Instance) {
    let (alice, max, _) = tenant(&instance).await;
    for (name, input) in [
        ("GroupRemoveMembers", json!({ "group": "one", "users": ["ann"] })),
        ("GroupAddMembers", json!({ "group": "one", "users": ["ann", "bob"] })),
        ("GroupUpdate", json!({ "key": "one", "version": 3, "name": "First" })),
        ("RoleUpdate", json!({ "key": "dialer", "version": 1, "description": "calls" })),
        ("GroupAddMembers", json!({ "group": "muted", "users": ["ann"] })),
        ("RoleUpdate", json!({ "key": "mute", "version": 1, "grants": [allow("voice/x", "read")] })),
        ("GroupDelete", json!({ "key": "others" })),
        ("ResourceRemove", json!({ "section": "voice/queues", "keys": ["support"] })),
        ("UserUpdate", json!({ "key": "ann", "version": 1, "groups": [] })),
        ("UserDelete", json!({ "key": "ann" })),
    ] {
        max.make(name, input).await;
    }
    assert!(alice.allowed("desk", "read", "voice/queues/sales").await);
}
