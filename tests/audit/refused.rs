//! Every mutation refused, in the tenant that [`furnish`] makes.

use serde_json::{Value, json};

use super::World;
use super::step::{By, PICTURE};
use crate::common::app::{OPERATOR_PASSWORD, PASSWORD};

/// Makes the things that the refusals are about, and signs all callers in.
pub(super) async fn furnish(world: &mut World) {
    let alice = world.instance.tenant("acme").await;
    alice.register("voice/queues", &["sales"]).await;
    alice.add_profile("Night", "READ").await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"] })).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["analyst"], "members": ["dana"] })).await;
    let operator = world.instance.stranger().signed_in("platform", "operator", OPERATOR_PASSWORD).await;
    for (by, client) in [(By::Admin, alice), (By::Agent, ann), (By::Operator, operator)] {
        world.tokens.insert(by, client.token.unwrap());
    }
}

/// Returns refusals: the caller, the mutation, its input, and the code.
pub(super) fn refusals() -> Vec<(By, &'static str, Value, &'static str)> {
    let admin =
        |password: &str| json!({ "username": "x", "fullName": "X", "email": "x@example.com", "password": password });
    let tenant =
        |key: &str, password: &str| json!({ "key": key, "name": "X", "modules": [], "admin": admin(password) });
    let wrong = json!({ "tenant": "acme", "username": "alice", "password": "Wrong-123" });
    let user = json!({ "username": "eve", "fullName": "Eve", "email": "eve@example.com", "baseRole": "USER" });
    let nowhere = json!({ "tenant": "acme", "email": "not an address" });
    let old = json!({ "user": "ann", "edit": true, "delete": true, "modules": [], "sections": [], "resources": [] });
    let again = json!({ "username": "dana", "fullName": "D", "email": "d@example.com", "baseRole": "AGENT" });
    let mut all = vec![
        (By::Stranger, "passwordResetRequest", nowhere, "INVALID"),
        (By::Stranger, "passwordReset", json!({ "token": "x", "password": "Another-12" }), "LINK_EXPIRED"),
        (By::Stranger, "sessionCreate", wrong, "WRONG_PASSWORD"),
        (By::Stranger, "sessionEnd", Value::Null, "UNAUTHENTICATED"),
        (By::Operator, "tenantCreate", tenant("acme", PASSWORD), "ALREADY_EXISTS"),
        (By::Operator, "tenantCreate", tenant("globex", "weak"), "WEAK_PASSWORD"),
        (By::Operator, "tenantSetLicence", json!({ "tenant": "acme", "modules": ["telepathy"] }), "NOT_FOUND"),
    ];
    let by_admin = [
        ("settingsUpdate", json!({ "maskedCharacters": 0 }), "INVALID"),
        ("userCreate", user, "PROFILE_REQUIRED"),
        ("userUpdate", json!({ "key": "dana", "version": 9, "fullName": "D" }), "CONFLICT"),
        (
            "userUpdate",
            json!({ "key": "ann", "version": 1, "fullName": "A", "email": "dana@example.com" }),
            "ALREADY_EXISTS",
        ),
        ("userDelete", json!({ "key": "alice" }), "PROTECTED_USER"),
        ("userSetPassword", json!({ "key": "alice", "password": "Another-12" }), "INVALID"),
        ("passwordChange", json!({ "old": "Wrong-123", "new": "Another-12" }), "WRONG_PASSWORD"),
        ("userSetAvatar", json!({ "user": "dana" }), "INVALID"),
        ("usersExport", json!({ "keys": ["dana", "nobody"] }), "NOT_FOUND"),
        ("usersImport", json!({ "users": [again] }), "ALREADY_EXISTS"),
        ("profileAssign", json!({ "profile": "default", "users": ["dana", "ann"] }), "PROFILE_NOT_ASSIGNABLE"),
        ("profilesImportLegacy", json!({ "users": [old] }), "PROFILE_NOT_ASSIGNABLE"),
        ("profileCreate", json!({ "name": "Night", "permissionType": "READ" }), "ALREADY_EXISTS"),
        ("profileUpdate", json!({ "key": "night", "version": 9, "maskSensitiveData": true }), "CONFLICT"),
        ("profileSaveModule", json!({ "profile": "night", "module": "voice", "version": 9, "all": true }), "CONFLICT"),
        ("profileClone", json!({ "key": "night", "newName": "Night" }), "ALREADY_EXISTS"),
        ("profileDelete", json!({ "key": "night" }), "PROFILE_IN_USE"),
        ("roleCreate", json!({ "name": "X", "permissions": ["supervision-report"] }), "PREREQUISITE_MISSING"),
        ("roleUpdate", json!({ "key": "analyst", "version": 9, "name": "X" }), "CONFLICT"),
        ("roleDelete", json!({ "key": "analyst" }), "ROLE_IN_USE"),
        ("groupCreate", json!({ "name": "Staff" }), "ALREADY_EXISTS"),
        ("groupUpdate", json!({ "key": "staff", "version": 9, "name": "X" }), "CONFLICT"),
        ("groupAddMembers", json!({ "group": "staff", "users": ["ann", "nobody"] }), "NOT_FOUND"),
        ("groupRemoveMembers", json!({ "group": "nowhere", "users": ["dana"] }), "NOT_FOUND"),
        ("groupDelete", json!({ "key": "staff" }), "LAST_GROUP_OF_MEMBERS"),
        (
            "resourceRegister",
            json!({ "section": "voice/chanspy", "resources": [{ "key": "a", "name": "A" }] }),
            "INVALID",
        ),
        ("resourceRemove", json!({ "section": "voice/contexts", "keys": ["from-sip"] }), "PROTECTED_RESOURCE"),
        (
            "resourceLinksSet",
            json!({ "owner": "staff/agents/ann", "itemSection": "voice/queues", "items": ["sales", "nothing"] }),
            "NOT_FOUND",
        ),
        ("policyRestore", json!({ "revision": 999 }), "NOT_FOUND"),
        ("policyImport", json!({ "csv": "g, nobody, desk" }), "NOT_FOUND"),
        ("apiKeyGenerate", json!({ "user": "nobody" }), "NOT_FOUND"),
        ("apiKeyRemove", json!({ "user": "dana" }), "NOT_FOUND"),
    ];
    all.extend(by_admin.map(|(mutation, input, code)| (By::Admin, mutation, input, code)));
    all
}

/// Returns the mutations that need a right, with inputs that would do for a caller who has it.
pub(super) fn forbidden() -> Vec<(&'static str, Value)> {
    let own = |step: &super::Step| step.mutation.starts_with("session") || step.mutation.starts_with("password");
    let all = super::steps().into_iter().filter(|step| !own(step) && step.input["file"] != PICTURE);
    let own_key = |input: &Value| input == &json!({});
    all.filter(|step| !own_key(&step.input)).map(|step| (step.mutation, step.input)).collect()
}
