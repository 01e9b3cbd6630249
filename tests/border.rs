//! R1: nothing of one tenant reaches a caller of another, and a foreign key or id behaves exactly like one that does
//! not exist.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};
use crate::common::operations::{document, keys, open};
use crate::common::socket::Socket;

/// The key of everything that `globex` has.
const FOREIGN: &str = "globexmark";
/// A key of nothing.
const UNKNOWN: &str = "nobodykeys";

/// Makes a tenant in which everything is named by the marker.
async fn marked(instance: &Instance, marker: &str) -> Client {
    let alice = instance.tenant(marker).await;
    alice.register("voice/queues", &[marker]).await;
    alice.register("staff/agents", &["linked"]).await;
    let links = json!({ "owner": "staff/agents/linked", "itemSection": "voice/queues", "items": [marker] });
    alice.make("ResourceLinksSet", links).await;
    let description = json!({ "name": marker, "description": marker, "permissionType": "READ", "reason": marker });
    alice.make("ProfileCreate", description).await;
    alice.save_sections(marker, "voice", json!([open("voice/queues", &[marker])])).await;
    let grants = json!([{ "object": format!("{marker}/x"), "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": marker, "permissions": ["people"], "grants": grants })).await;
    alice.add_user(marker, "USER", json!({ "profile": marker })).await;
    alice.make("GroupCreate", json!({ "name": marker, "roles": [marker], "members": [marker] })).await;
    alice
}

/// Returns every operation that names a thing, with `KEY` for it.
fn operations() -> Vec<(&'static str, Value)> {
    let user = |more: Value| {
        let new = json!({ "username": "new", "fullName": "New", "email": "new@example.com", "baseRole": "AGENT" });
        crate::common::operations::merged(new, more)
    };
    let input = |value: Value| json!({ "input": value });
    let list =
        |more: Value| crate::common::operations::merged(json!({ "itemSection": "voice/queues", "mode": "EDIT" }), more);
    let save =
        json!({ "profile": "default", "module": "voice", "version": 1, "sections": [open("voice/queues", &["KEY"])] });
    let team = json!([{ "key": "t", "name": "T", "members": ["staff/agents/KEY"] }]);
    let linked = json!([{ "key": "a", "name": "A", "links": [{ "itemSection": "voice/queues", "items": ["KEY"] }] }]);
    let links = |more: Value| crate::common::operations::merged(json!({ "itemSection": "voice/queues" }), more);
    vec![
        ("User", json!({ "key": "KEY" })),
        ("Profile", json!({ "key": "KEY" })),
        ("ProfileModule", json!({ "profile": "KEY", "module": "voice" })),
        ("ProfileModule", json!({ "profile": "default", "module": "voice", "search": "KEY" })),
        ("Group", json!({ "key": "KEY" })),
        ("Role", json!({ "key": "KEY" })),
        ("Users", json!({ "filter": { "search": "KEY" } })),
        ("Users", json!({ "filter": { "profile": "KEY" } })),
        ("Users", json!({ "filter": { "role": "KEY" } })),
        ("Users", json!({ "filter": { "group": "KEY" } })),
        ("Profiles", json!({ "search": "KEY" })),
        ("Groups", json!({ "search": "KEY" })),
        ("Roles", json!({ "search": "KEY" })),
        ("Resources", json!({ "section": "voice/queues", "search": "KEY" })),
        ("Rules", json!({ "search": "KEY" })),
        ("Tenants", json!({ "search": "KEY" })),
        ("Decision", input(json!({ "subject": "KEY", "action": "read", "object": "voice/queues" }))),
        ("Decision", input(json!({ "subject": "alice", "action": "read", "object": "voice/queues/KEY" }))),
        ("LinkableItems", input(list(json!({ "owner": "staff/agents/KEY", "linked": ["KEY"] })))),
        ("LinkableItems", input(list(json!({ "owner": "staff/agents/linked", "search": "KEY" })))),
        ("LinkableItems", input(list(json!({ "owner": "staff/agents/ann", "search": "KEY" })))),
        ("LinkableItems", input(list(json!({ "owner": "staff/agents/ann", "subject": "KEY" })))),
        ("SignIn", input(json!({ "tenant": "KEY", "username": "alice", "password": "Wrong-1234" }))),
        ("TenantSetLicence", input(json!({ "tenant": "KEY", "modules": [] }))),
        ("UserCreate", input(user(json!({ "baseRole": "USER", "profile": "KEY" })))),
        ("UserCreate", input(user(json!({ "baseRole": "MANAGER", "customRole": "KEY" })))),
        ("UserCreate", input(user(json!({ "groups": ["KEY"] })))),
        ("UserUpdate", input(json!({ "key": "KEY", "version": 1, "fullName": "Mine" }))),
        ("UserUpdate", input(json!({ "key": "alice", "version": 1, "groups": ["KEY"] }))),
        ("UserSetAvatar", input(json!({ "user": "KEY", "file": null }))),
        ("UserDelete", input(json!({ "key": "KEY" }))),
        ("UserSetPassword", input(json!({ "key": "KEY", "password": "Another-12" }))),
        ("PasswordResetRequest", input(json!({ "tenant": "KEY", "email": "alice@example.com" }))),
        ("PasswordResetRequest", input(json!({ "tenant": "acmemark", "email": "KEY@example.com" }))),
        ("UsersExport", input(json!({ "keys": ["alice", "KEY"] }))),
        ("UsersImport", input(json!({ "users": [user(json!({ "groups": ["KEY"] }))] }))),
        ("ProfileUpdate", input(json!({ "key": "KEY", "version": 1, "description": "mine" }))),
        ("ProfileSaveModule", input(json!({ "profile": "KEY", "module": "voice", "version": 2, "all": true }))),
        ("ProfileSaveModule", input(save)),
        ("ProfileClone", input(json!({ "key": "KEY", "newName": "Mine" }))),
        ("ProfileDelete", input(json!({ "key": "KEY" }))),
        ("RoleUpdate", input(json!({ "key": "KEY", "version": 1, "name": "Mine" }))),
        ("RoleDelete", input(json!({ "key": "KEY" }))),
        ("GroupCreate", input(json!({ "name": "Mine", "roles": ["KEY"] }))),
        ("GroupCreate", input(json!({ "name": "Mine", "members": ["KEY"] }))),
        ("GroupUpdate", input(json!({ "key": "KEY", "version": 1, "name": "Mine" }))),
        ("GroupAddMembers", input(json!({ "group": "KEY", "users": ["alice"] }))),
        ("GroupAddMembers", input(json!({ "group": "acmemark", "users": ["KEY"] }))),
        ("GroupRemoveMembers", input(json!({ "group": "KEY", "users": ["KEY"] }))),
        ("GroupRemoveMembers", input(json!({ "group": "acmemark", "users": ["KEY"] }))),
        ("GroupDelete", input(json!({ "key": "KEY" }))),
        (
            "ResourceRegister",
            input(json!({ "section": "voice/queues", "createdBy": "KEY", "resources": [{ "key": "a", "name": "A" }] })),
        ),
        ("ResourceRegister", input(json!({ "section": "staff/teams", "resources": team }))),
        ("ResourceRegister", input(json!({ "section": "staff/agents", "resources": linked }))),
        ("ResourceRemove", input(json!({ "section": "voice/queues", "keys": ["KEY"] }))),
        ("ResourceLinksSet", input(links(json!({ "owner": "staff/agents/KEY", "items": [] })))),
        ("ResourceLinksSet", input(links(json!({ "owner": "staff/agents/linked", "items": ["KEY"] })))),
        ("ResourceLinksSet", input(links(json!({ "owner": "staff/agents/linked", "removeItems": ["KEY"] })))),
        ("ResourceLinksSet", input(links(json!({ "owner": "staff/agents/linked", "items": [], "subject": "KEY" })))),
        ("PolicyImport", input(json!({ "csv": "p, desk, crm, read\ng, KEY, desk" }))),
        ("PolicyImport", input(json!({ "csv": "p, desk, KEY, crm, read, allow" }))),
        ("ApiKeyGenerate", input(json!({ "user": "KEY" }))),
        ("ApiKeyRemove", input(json!({ "user": "KEY" }))),
    ]
}

fn naming(variables: &Value, key: &str) -> Value {
    serde_json::from_str(&variables.to_string().replace("KEY", key)).unwrap()
}

/// Returns the whole answer, without the name and the id of the request.
async fn neutral(caller: &Client, name: &str, variables: &Value, key: &str) -> Value {
    let mut answer = caller.answer(name, naming(variables, key)).await;
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        error["extensions"]["requestId"] = Value::Null;
    }
    serde_json::from_str(&answer.to_string().replace(key, "KEY")).unwrap()
}

both!(r1_a_foreign_key_behaves_exactly_like_an_unknown_one);
async fn r1_a_foreign_key_behaves_exactly_like_an_unknown_one(instance: Instance) {
    let alice = marked(&instance, "acmemark").await;
    let foreign = marked(&instance, FOREIGN).await;
    let (revision, rules) = (foreign.revision().await, foreign.rules().await);
    let own = alice.rules().await;
    for (name, variables) in operations() {
        let expected = neutral(&alice, name, &variables, UNKNOWN).await;
        assert_eq!(neutral(&alice, name, &variables, FOREIGN).await, expected, "{name} {variables}");
    }
    for key in [FOREIGN, UNKNOWN] {
        let answer = alice.in_tenant(key).answer("Viewer", json!({})).await;
        assert_eq!(answer["errors"][0]["message"], "only operators name a tenant");
    }
    assert_eq!(alice.rules().await, own);
    assert_eq!((foreign.revision().await, foreign.rules().await), (revision, rules));
}

both!(r1_a_foreign_id_is_nothing);
async fn r1_a_foreign_id_is_nothing(instance: Instance) {
    let alice = marked(&instance, "acmemark").await;
    let foreign = marked(&instance, FOREIGN).await;
    let mut ids = vec![foreign.get("Tenant", json!({})).await["id"].clone()];
    for kind in ["User", "Profile", "Group", "Role"] {
        ids.push(foreign.get(kind, json!({ "key": FOREIGN })).await["id"].clone());
    }
    ids.push(foreign.get("Resources", json!({ "section": "voice/queues" })).await["nodes"][0]["id"].clone());
    for id in &ids {
        assert_eq!(foreign.get("Node", json!({ "id": id })).await["id"], *id);
        let unknown = alice.answer("Node", json!({ "id": "bm8" })).await;
        assert_eq!(alice.answer("Node", json!({ "id": id })).await, unknown, "{id}");
    }
}

both!(r1_no_answer_names_anything_of_another_tenant);
async fn r1_no_answer_names_anything_of_another_tenant(instance: Instance) {
    let alice = marked(&instance, "acmemark").await;
    let foreign = marked(&instance, FOREIGN).await;
    let mut news = Socket::open(&instance.url, &alice).await;
    news.subscribe("1", &document("PolicyChanged"), json!({ "since": 0 })).await;
    for (name, variables) in [
        ("Viewer", json!({})),
        ("Tenant", json!({})),
        ("Catalogue", json!({})),
        ("Users", json!({})),
        ("Profiles", json!({})),
        ("Profile", json!({ "key": "acmemark" })),
        ("Groups", json!({})),
        ("Group", json!({ "key": "acmemark" })),
        ("Roles", json!({})),
        ("Resources", json!({ "section": "voice/queues" })),
        ("Policy", json!({})),
        ("Rules", json!({ "first": 100 })),
    ] {
        let (own, other) =
            (alice.answer(name, variables.clone()).await, foreign.answer(name, naming(&variables, "")).await);
        assert!(!own.to_string().contains(FOREIGN), "{name} {own:#}");
        assert!(!other.to_string().contains("acmemark"), "{name} {other:#}");
    }
    for revision in 1..=alice.revision().await {
        let told = news.next("1").await;
        assert_eq!(told["data"]["policyChanged"]["revision"], revision);
        assert!(!told.to_string().contains(FOREIGN), "{told}");
    }
    assert!(news.is_silent(100).await);
    cursors_and_taken_names(&alice, &foreign).await;
}

/// Checks that a cursor of another tenant is a place in the caller's own list, and that names taken there are free
/// here.
async fn cursors_and_taken_names(alice: &Client, foreign: &Client) {
    let place = foreign.get("Profiles", json!({ "first": 1 })).await["pageInfo"]["endCursor"].clone();
    let page = alice.get("Profiles", json!({ "after": place })).await;
    assert!(keys(&page["nodes"]).iter().all(|key| key == "default" || key == "acmemark"), "{page}");
    alice.add_user(FOREIGN, "AGENT", json!({})).await;
    assert_eq!(alice.add_profile(FOREIGN, "READ").await["key"], FOREIGN);
    alice.register("voice/queues", &[FOREIGN]).await;
}

both!(r1_a_credential_opens_its_own_tenant_alone);
async fn r1_a_credential_opens_its_own_tenant_alone(instance: Instance) {
    let acme = instance.tenant("acme").await;
    let globex = instance.tenant("globex").await;
    let key = acme.make("ApiKeyGenerate", json!({})).await;
    let by_key = globex.with_token(key["token"].as_str().unwrap());
    assert_eq!(by_key.get("Tenant", json!({})).await["key"], "acme");
    globex.make("UserUpdate", json!({ "key": "alice", "version": 1, "fullName": "Another Alice" })).await;
    assert_eq!(acme.get("Viewer", json!({})).await["user"]["fullName"], "Alice Admin");
    let sign_in = json!({ "tenant": "globex", "username": "alice", "password": PASSWORD });
    let session = instance.stranger().make("SignIn", sign_in).await;
    assert_eq!(session["user"]["fullName"], "Another Alice");
}
