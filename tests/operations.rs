//! Every operation document runs as it is, in the order in which an operator, an administrator and a host would use
//! them. The answers are in `docs/API.md`.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::DocumentOperations;
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, OPERATOR_PASSWORD, PASSWORD, both};
use crate::common::mail::token_in;
use crate::common::operations::document;
use crate::common::socket::Socket;
use api::example::Example;

mod api;

/// Returns the names of all documents.
fn documents() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/graphql/operations");
    let file = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let names = std::fs::read_dir(folder).unwrap().map(file);
    names.map(|name| name.strip_suffix(".graphql").unwrap().to_owned()).collect()
}

#[test]
fn a_document_holds_one_operation_of_its_own_name() {
    for name in documents() {
        let parsed = parse_query(document(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let DocumentOperations::Multiple(operations) = parsed.operations else { panic!("{name} has no name inside") };
        assert_eq!(operations.keys().map(async_graphql::Name::as_str).collect::<Vec<_>>(), [name.as_str()]);
    }
}

/// Runs documents, and remembers the first run of each.
#[derive(Default)]
struct Run {
    examples: BTreeMap<String, Example>,
}

impl Run {
    /// Returns the one field of a query that must succeed.
    async fn get(&mut self, client: &Client, name: &str, variables: Value) -> Value {
        let answer = client.data(&document(name), variables.clone()).await;
        let field = answer.as_object().unwrap().values().next().unwrap().clone();
        self.keep(name, variables, answer);
        field
    }

    /// Returns the payload of a mutation that must not be refused.
    async fn make(&mut self, client: &Client, name: &str, input: Value) -> Value {
        let payload = self.get(client, name, json!({ "input": input })).await;
        assert_eq!(payload["userErrors"], json!([]), "{name}");
        payload
    }

    fn keep(&mut self, name: &str, variables: Value, answer: Value) {
        self.examples.entry(name.to_owned()).or_insert(Example { variables, answer });
    }
}

both!(every_document_runs);
async fn every_document_runs(instance: Instance) {
    let mut run = Run::default();
    let stranger = instance.stranger();
    let operator = {
        let input = json!({ "tenant": "platform", "username": "operator", "password": OPERATOR_PASSWORD });
        let session = run.make(&stranger, "SignIn", input).await;
        stranger.with_token(session["token"].as_str().unwrap())
    };
    tenants(&mut run, &operator).await;
    let alice = stranger.signed_in("acme", "alice", PASSWORD).await;
    people(&mut run, &alice).await;
    policy(&mut run, &alice, &instance.url).await;
    let change = instance.audited("acme", "role.update").await[0].change_id;
    assert_eq!(run.get(&alice, "Change", json!({ "id": change })).await["target"], "role:analyst");
    passwords(&mut run, &alice, &instance).await;
    removals(&mut run, &alice).await;
    let ended = run.get(&alice, "SignOut", json!({})).await;
    assert_eq!(ended["ended"], true);
    assert_eq!(run.examples.keys().cloned().collect::<BTreeSet<_>>(), documents());
    api::holds(&run.examples);
}

async fn tenants(run: &mut Run, operator: &Client) {
    let admin = json!({ "username": "alice", "fullName": "Alice", "email": "alice@example.com", "password": PASSWORD });
    let input = json!({ "key": "acme", "name": "Acme", "modules": ["voice"], "admin": admin });
    let made = run.make(operator, "TenantCreate", input).await;
    assert_eq!(made["tenant"]["licensedModules"], json!(["voice"]));
    let input = json!({ "tenant": "acme", "modules": ["voice", "staff", "dashboards", "tools", "reports"] });
    run.make(operator, "TenantSetLicence", input).await;
    let tenants = run.get(operator, "Tenants", json!({ "search": "ac" })).await;
    assert_eq!(tenants["totalCount"], 1);
}

async fn people(run: &mut Run, alice: &Client) {
    let queues = json!([{ "key": "sales", "name": "Sales" }, { "key": "support", "name": "Support" }]);
    run.make(alice, "ResourceRegister", json!({ "section": "voice/queues", "resources": queues })).await;
    let found = run.get(alice, "Resources", json!({ "section": "voice/queues" })).await;
    assert_eq!(found["totalCount"], 2);
    run.make(alice, "ProfileCreate", json!({ "name": "Night", "permissionType": "READ_EDIT" })).await;
    run.make(alice, "ProfileUpdate", json!({ "key": "night", "version": 1, "description": "After ten" })).await;
    let sections = json!([{
        "section": "voice/queues", "enabled": true, "visible": true, "association": "MANUAL", "resources": ["sales"],
    }]);
    let input = json!({ "profile": "night", "module": "voice", "version": 2, "sections": sections });
    run.make(alice, "ProfileSaveModule", input).await;
    run.make(alice, "ProfileClone", json!({ "key": "night", "newName": "Day" })).await;
    let night = run.get(alice, "Profile", json!({ "key": "night" })).await;
    assert_eq!(night["version"], 3);
    let module = run.get(alice, "ProfileModule", json!({ "profile": "night", "module": "voice" })).await;
    assert_eq!(module["module"]["state"], "PARTIAL");
    assert_eq!(run.get(alice, "Profiles", json!({})).await["totalCount"], 3);

    run.make(alice, "RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"] })).await;
    run.make(alice, "RoleUpdate", json!({ "key": "analyst", "version": 1, "name": "Analysts" })).await;
    assert_eq!(run.get(alice, "Role", json!({ "key": "analyst" })).await["name"], "Analysts");
    assert_eq!(run.get(alice, "Roles", json!({ "custom": true })).await["totalCount"], 1);

    let dana = json!({ "username": "dana", "fullName": "Dana", "email": "dana@example.com", "baseRole": "USER",
        "profile": "night", "password": PASSWORD });
    let dana = run.make(alice, "UserCreate", dana).await["user"].clone();
    run.make(alice, "UserUpdate", json!({ "key": "dana", "version": 1, "fullName": "Dana D." })).await;
    assert_eq!(run.get(alice, "User", json!({ "key": "dana" })).await["fullName"], "Dana D.");
    assert_eq!(run.get(alice, "Users", json!({})).await["totalCount"], 2);
    assert_eq!(run.get(alice, "Node", json!({ "id": dana["id"] })).await["key"], "dana");
    let exported = run.make(alice, "UsersExport", json!({ "keys": ["dana"] })).await;
    assert!(exported["csv"].as_str().unwrap().contains("Dana D."));
    let erin = json!({ "username": "erin", "fullName": "Erin", "email": "erin@example.com", "baseRole": "AGENT" });
    run.make(alice, "UsersImport", json!({ "users": [erin] })).await;
    assert_eq!(run.get(alice, "User", json!({ "key": "erin" })).await["avatarUrl"], Value::Null);
    run.make(alice, "UserSetAvatar", json!({ "user": "erin", "file": null })).await;
    run.make(alice, "ApiKeyGenerate", json!({ "user": "dana" })).await;
    run.make(alice, "ApiKeyRemove", json!({ "user": "dana" })).await;

    run.make(alice, "ProfileAssign", json!({ "profile": "night", "users": ["dana"] })).await;

    run.make(alice, "GroupCreate", json!({ "name": "Staff", "roles": ["analyst"] })).await;
    run.make(alice, "GroupUpdate", json!({ "key": "staff", "version": 1, "permissions": ["automation"] })).await;
    run.make(alice, "GroupAddMembers", json!({ "group": "staff", "users": ["dana"] })).await;
    assert_eq!(run.get(alice, "Group", json!({ "key": "staff" })).await["memberCount"], 1);
    assert_eq!(run.get(alice, "Groups", json!({})).await["totalCount"], 1);
}

async fn policy(run: &mut Run, alice: &Client, url: &str) {
    assert_eq!(run.get(alice, "Viewer", json!({})).await["user"]["key"], "alice");
    let asked = json!({ "action": "edit", "object": "admin/users" });
    assert_eq!(run.get(alice, "ViewerCan", asked).await["can"], true);
    assert_eq!(run.get(alice, "Tenant", json!({})).await["key"], "acme");
    assert!(!run.get(alice, "Catalogue", json!({})).await["modules"].as_array().unwrap().is_empty());
    run.make(alice, "SettingsUpdate", json!({ "sessionHours": 8 })).await;
    let links = json!({ "owner": "voice/queues/sales", "itemSection": "staff/agents", "addItems": ["erin"] });
    assert_eq!(run.make(alice, "ResourceLinksSet", links).await["linked"], json!(["erin"]));
    let items =
        json!({ "subject": "dana", "owner": "voice/queues/sales", "itemSection": "staff/agents", "mode": "EDIT" });
    assert_eq!(run.get(alice, "LinkableItems", json!({ "input": items })).await["nodes"][0]["locked"], true);
    let asked = json!({ "subject": "dana", "action": "edit", "object": "voice/queues/sales" });
    assert_eq!(run.get(alice, "Decision", json!({ "input": asked })).await["allowed"], true);
    assert_eq!(run.get(alice, "Decisions", json!({ "inputs": [asked] })).await[0]["allowed"], true);
    let why = run.get(alice, "Explain", json!({ "input": asked })).await;
    assert_eq!(why["matched"][0]["origin"]["name"], "Night");
    let who = json!({ "action": "edit", "object": "voice/queues/sales", "why": true });
    assert_eq!(run.get(alice, "WhoCan", who).await["totalCount"], 2);
    let what = run.get(alice, "WhatCan", json!({ "subject": "dana", "module": "voice" })).await;
    assert!(what["totalCount"].as_u64().unwrap() > 0);
    let own = run.get(alice, "ViewerWhatCan", json!({ "first": 3 })).await;
    assert_eq!(own["whatCan"]["nodes"].as_array().unwrap().len(), 3);
    let contact = json!({ "name": "Ada", "phone": "555", "email": null });
    let input = json!({ "view": "contacts", "subject": "dana", "contacts": [contact] });
    assert_eq!(run.get(alice, "Masked", json!({ "input": input })).await[0]["masked"], false);
    let named = run.get(alice, "Pseudonyms", json!({ "users": ["dana"] })).await;
    assert_eq!(named[0]["anonymised"], true);
    let policy = run.get(alice, "Policy", json!({})).await;
    assert!(policy["csv"].as_str().unwrap().contains("p, profile:night, acme, voice/queues/sales, edit, allow"));
    let rules = run.get(alice, "Rules", json!({ "search": "night" })).await;
    assert!(rules["rules"]["totalCount"].as_u64().unwrap() > 0);

    let newest = run.get(alice, "PolicyRevisions", json!({ "first": 1 })).await["nodes"][0]["revision"].clone();
    let diff = run.get(alice, "PolicyDiff", json!({ "from": 1, "to": newest, "access": true })).await;
    assert!(diff["access"]["affectedUsers"].as_i64().unwrap() > 0);
    run.make(alice, "PolicyRestore", json!({ "revision": newest, "dryRun": true })).await;
    let brought = json!({ "csv": "p, desk, crm/deals, read\ng, dana, desk\n", "dryRun": true });
    assert_eq!(run.make(alice, "PolicyImport", brought).await["imported"]["roles"], 1);
    let events = run.get(alice, "AuditEvents", json!({ "filter": { "target": "role:analyst" } })).await;
    assert_eq!(events["nodes"][0]["action"], "role.update");

    let mut socket = Socket::open(url, alice).await;
    let since = json!({ "since": 1 });
    socket.subscribe("1", &document("PolicyChanged"), since.clone()).await;
    let first = socket.next("1").await;
    assert_eq!(first["data"]["policyChanged"]["revision"], 2, "{first}");
    run.keep("PolicyChanged", since, first["data"].clone());
}

async fn passwords(run: &mut Run, alice: &Client, instance: &Instance) {
    run.make(alice, "PasswordChange", json!({ "old": PASSWORD, "new": "Another-12" })).await;
    let set = run.make(alice, "UserSetPassword", json!({ "key": "dana", "password": "Another-12" })).await;
    assert!(set["user"]["lastPasswordResetAt"].is_string());
    let stranger = instance.stranger();
    let input = json!({ "tenant": "acme", "email": "dana@example.com" });
    assert_eq!(run.make(&stranger, "PasswordResetRequest", input).await["accepted"], true);
    let token = token_in(&instance.mails().await[0]);
    let reset = run.make(&stranger, "PasswordReset", json!({ "token": token, "password": PASSWORD })).await;
    assert_eq!((&reset["tenant"], &reset["username"]), (&json!("acme"), &json!("dana")));
}

async fn removals(run: &mut Run, alice: &Client) {
    run.make(alice, "GroupRemoveMembers", json!({ "group": "staff", "users": ["dana"] })).await;
    let gone = run.make(alice, "GroupDelete", json!({ "key": "staff" })).await;
    assert_eq!(gone["message"], "Group deleted successfully.");
    run.make(alice, "RoleDelete", json!({ "key": "analyst" })).await;
    let legacy =
        json!({ "user": "dana", "edit": true, "delete": false, "modules": ["voice"], "sections": [], "resources": [] });
    let imported = run.make(alice, "ProfilesImportLegacy", json!({ "users": [legacy] })).await;
    assert_eq!(imported["profiles"][0]["name"], "profile_1");
    run.make(alice, "UserDelete", json!({ "key": "dana" })).await;
    run.make(alice, "ProfileDelete", json!({ "key": "night" })).await;
    run.make(alice, "ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })).await;
}
