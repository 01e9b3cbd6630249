//! The permissions of each base role: every mutation and every list.

mod everything;

use std::collections::BTreeSet;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{DocumentOperations, OperationType};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};
use crate::common::operations::document;

/// Returns every mutation that needs a right, with an input that would do.
fn mutations() -> Vec<(&'static str, Value)> {
    let admin = json!({ "username": "x", "fullName": "X", "email": "x@example.com", "password": PASSWORD });
    let resources = json!([{ "key": "sales", "name": "Sales" }]);
    let legacy =
        json!({ "user": "dana", "edit": true, "delete": false, "modules": [], "sections": [], "resources": [] });
    vec![
        ("TenantCreate", json!({ "key": "x", "name": "X", "modules": [], "admin": admin })),
        ("TenantSetLicence", json!({ "tenant": "acme", "modules": [] })),
        ("SettingsUpdate", json!({ "sessionHours": 1 })),
        ("UserCreate", json!({ "username": "x", "fullName": "X", "email": "x@example.com", "baseRole": "AGENT" })),
        ("UserUpdate", json!({ "key": "ann", "version": 1, "fullName": "X" })),
        ("UserSetAvatar", json!({ "user": "alice", "file": null })),
        ("UserDelete", json!({ "key": "ann" })),
        ("UserSetPassword", json!({ "key": "alice", "password": PASSWORD })),
        ("UsersExport", json!({ "keys": ["ann"] })),
        (
            "UsersImport",
            json!({ "users": [{ "username": "x", "fullName": "X", "email": "x@example.com", "baseRole": "AGENT" }] }),
        ),
        ("ProfileCreate", json!({ "name": "X", "permissionType": "READ" })),
        ("ProfileUpdate", json!({ "key": "default", "version": 1, "description": "x" })),
        ("ProfileSaveModule", json!({ "profile": "default", "module": "voice", "version": 1, "all": true })),
        ("ProfileAssign", json!({ "profile": "default", "users": ["dana"] })),
        ("ProfilesImportLegacy", json!({ "users": [legacy] })),
        ("ProfileClone", json!({ "key": "default", "newName": "X" })),
        ("ProfileDelete", json!({ "key": "default" })),
        ("RoleCreate", json!({ "name": "X", "permissions": [] })),
        ("RoleUpdate", json!({ "key": "analyst", "version": 1, "name": "X" })),
        ("RoleDelete", json!({ "key": "analyst" })),
        ("GroupCreate", json!({ "name": "X" })),
        ("GroupUpdate", json!({ "key": "staff", "version": 1, "name": "X" })),
        ("GroupAddMembers", json!({ "group": "staff", "users": ["ann"] })),
        ("GroupRemoveMembers", json!({ "group": "staff", "users": ["ann"] })),
        ("GroupDelete", json!({ "key": "staff" })),
        ("ResourceRegister", json!({ "section": "voice/queues", "resources": resources })),
        ("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })),
        (
            "ResourceLinksSet",
            json!({ "owner": "staff/agents/ann", "itemSection": "voice/queues", "addItems": ["sales"] }),
        ),
        ("PolicyRestore", json!({ "revision": 1 })),
        ("PolicyImport", json!({ "csv": "p, desk, crm, read" })),
        ("ApiKeyGenerate", json!({ "user": "alice" })),
        ("ApiKeyRemove", json!({ "user": "alice" })),
    ]
}

/// Returns every query that needs a right.
fn queries() -> Vec<(&'static str, Value)> {
    let asked = json!({ "subject": "alice", "action": "read", "object": "voice" });
    let items = json!({ "subject": "alice", "owner": "staff/agents", "itemSection": "voice/queues", "mode": "CREATE" });
    vec![
        ("Tenants", json!({})),
        ("Users", json!({})),
        ("User", json!({ "key": "ann" })),
        ("Profiles", json!({})),
        ("Profile", json!({ "key": "other" })),
        ("ProfileModule", json!({ "profile": "other", "module": "voice" })),
        ("Roles", json!({})),
        ("Role", json!({ "key": "analyst" })),
        ("Groups", json!({})),
        ("Group", json!({ "key": "staff" })),
        ("Resources", json!({ "section": "voice/queues" })),
        ("Decision", json!({ "input": asked })),
        ("Decisions", json!({ "inputs": [asked] })),
        ("LinkableItems", json!({ "input": items })),
        ("Masked", json!({ "input": { "view": "contacts", "subject": "alice", "contacts": [{ "name": "Ada" }] } })),
        ("Pseudonyms", json!({ "users": ["alice"] })),
        ("Explain", json!({ "input": asked })),
        ("WhoCan", json!({ "action": "read", "object": "voice" })),
        ("WhatCan", json!({ "subject": "alice" })),
        ("Policy", json!({})),
        ("Rules", json!({})),
        ("AuditEvents", json!({})),
        ("PolicyRevisions", json!({})),
        ("PolicyDiff", json!({ "from": 0, "to": 1 })),
    ]
}

/// The operations that any signed-in user may run, and those that need no sign-in.
const FREE: [&str; 12] = [
    "SignIn",
    "SignOut",
    "PasswordChange",
    "PasswordResetRequest",
    "PasswordReset",
    "Viewer",
    "ViewerCan",
    "ViewerWhatCan",
    "Tenant",
    "Catalogue",
    "Node",
    "Change",
];

#[test]
fn no_operation_is_left_out_here() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/graphql/operations");
    let mut listed: BTreeSet<&str> = FREE.into();
    listed.extend(mutations().iter().chain(&queries()).map(|(name, _)| *name));
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".graphql").unwrap();
        let DocumentOperations::Multiple(operations) = parse_query(document(name)).unwrap().operations else {
            panic!("{name}")
        };
        let subscription = operations.values().any(|one| one.node.ty == OperationType::Subscription);
        assert!(subscription || listed.contains(name), "{name} is neither free nor refused to anyone");
    }
}

both!(r25_only_an_admin_administers_and_only_a_service_besides_registers_and_decides);
async fn r25_only_an_admin_administers_and_only_a_service_besides_registers_and_decides(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    alice.add_profile("Other", "READ").await;
    let desk = alice.new_service("desk").await;
    let callers = [
        ("USER", alice.new_user("acme", "dana", "USER", json!({ "profile": "default" })).await),
        ("MANAGER", alice.new_user("acme", "mia", "MANAGER", json!({})).await),
        ("AGENT", alice.new_user("acme", "ann", "AGENT", json!({})).await),
        ("SERVICE", desk.clone()),
    ];
    let (revision, rules) = (alice.revision().await, alice.rules().await);
    for (base_role, caller) in &callers {
        let may = |name: &str| match name {
            "ResourceRegister" | "ResourceRemove" | "ResourceLinksSet" | "Decision" | "Decisions" | "LinkableItems"
            | "Masked" | "Pseudonyms" | "WhatCan" => *base_role == "SERVICE",
            _ => false,
        };
        let asked = mutations().into_iter().map(|(name, input)| (name, json!({ "input": input }))).chain(queries());
        for (name, variables) in asked.filter(|(name, _)| !may(name)) {
            assert_eq!(caller.fail(name, variables).await, "FORBIDDEN", "{base_role} {name}");
        }
        let signed_in = caller.get("Viewer", json!({})).await;
        assert_eq!(signed_in["tenant"]["key"], "acme");
        assert_eq!(caller.fail("Node", json!({ "id": node_id(&alice).await })).await, "FORBIDDEN", "{base_role}");
    }
    assert_eq!((alice.revision().await, alice.rules().await), (revision, rules));

    desk.register("voice/queues", &["sales"]).await;
    assert!(desk.allowed("alice", "read", "voice/queues/sales").await);
    desk.make("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })).await;
}

async fn node_id(alice: &Client) -> Value {
    alice.get("User", json!({ "key": "ann" })).await["id"].clone()
}

both!(without_signing_in_there_is_nothing_but_signing_in_and_a_new_password);
async fn without_signing_in_there_is_nothing_but_signing_in_and_a_new_password(instance: Instance) {
    instance.tenant("acme").await;
    let stranger = instance.stranger();
    let asked = mutations().into_iter().map(|(name, input)| (name, json!({ "input": input }))).chain(queries());
    let free = ["SignOut", "Viewer", "Tenant", "Catalogue"].map(|name| (name, json!({})));
    let own = ("PasswordChange", json!({ "input": { "old": PASSWORD, "new": PASSWORD } }));
    for (name, variables) in asked.chain(free).chain([own]) {
        assert_eq!(stranger.fail(name, variables).await, "UNAUTHENTICATED", "{name}");
    }
    let tenant = stranger.in_tenant("acme");
    let answer = tenant.answer("Viewer", json!({})).await.to_string();
    assert!(answer.contains("UNAUTHENTICATED") || answer.contains("FORBIDDEN"), "{answer}");
    assert!(!answer.contains("Alice"), "{answer}");
}
