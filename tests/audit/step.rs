//! Every mutation once or more, in an order in which each can succeed, with what it must leave.

use bailiwick::store::audit::ActorKind;
use serde_json::{Value, json};

use crate::common::app::{OPERATOR_PASSWORD, PASSWORD};

/// The caller of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// A caller without a session, who becomes the one that signs in.
    Stranger,
    /// The platform's operator.
    Operator,
    /// The admin of `acme`.
    Admin,
    /// An AGENT of `acme`, who may do nothing.
    Agent,
    /// The holder of the link that was mailed to Dana.
    Mailed,
}

/// The placeholder for the token of a mailed link in an input.
pub(super) const MAILED: &str = "as mailed";
/// The placeholder for a file in an input.
pub(super) const PICTURE: &str = "a picture";
/// The mutation that leaves no event: it only asks for a mail, and nothing tells in time whether one is sent.
pub(super) const UNLOGGED: [&str; 1] = ["passwordResetRequest"];

impl By {
    /// Returns the actor whom the log names, in a step that concerns this tenant.
    pub(super) fn actor(self, tenant: &str) -> (ActorKind, &'static str, &'static str) {
        match self {
            Self::Operator => (ActorKind::Operator, "operator", "Operator"),
            Self::Stranger if tenant == "platform" => (ActorKind::Operator, "operator", "Operator"),
            Self::Agent => (ActorKind::User, "ann", "Ann"),
            Self::Mailed => (ActorKind::User, "dana", "Dana Field"),
            Self::Stranger | Self::Admin => (ActorKind::User, "alice", "Alice"),
        }
    }
}

/// A mutation that is made, and what it must leave.
pub(super) struct Step {
    pub(super) by: By,
    pub(super) mutation: &'static str,
    pub(super) input: Value,
    /// The tenant that it changes.
    pub(super) tenant: &'static str,
    pub(super) action: &'static str,
    pub(super) target: String,
    /// `true` if the step can change an answer.
    pub(super) revises: bool,
    /// The caller whom the step's token signs in.
    pub(super) signs_in: Option<By>,
}

/// Makes a step of the admin that can change an answer.
fn step(mutation: &'static str, action: &'static str, target: &str, input: Value) -> Step {
    let target = target.to_owned();
    Step { by: By::Admin, mutation, input, tenant: "acme", action, target, revises: true, signs_in: None }
}

impl Step {
    /// Returns the step as one of the operator.
    fn by_operator(self) -> Self {
        Self { by: By::Operator, ..self }
    }

    /// Returns the step as one that changes no answer.
    fn quiet(self) -> Self {
        Self { revises: false, ..self }
    }
}

fn sign_in(tenant: &'static str, username: &str, password: &str, who: By) -> Step {
    let input = json!({ "tenant": tenant, "username": username, "password": password });
    let made = step("sessionCreate", "session.create", &format!("user:{username}"), input).quiet();
    Step { by: By::Stranger, tenant, signs_in: Some(who), ..made }
}

/// Returns all steps, in order.
pub(super) fn steps() -> Vec<Step> {
    [beginning(), things(), people(), credentials(), groups(), end()].into_iter().flatten().collect()
}

fn beginning() -> Vec<Step> {
    let admin = json!({ "username": "alice", "fullName": "Alice", "email": "alice@example.com", "password": PASSWORD });
    let tenant = json!({ "key": "acme", "name": "Acme", "modules": ["voice"], "admin": admin });
    let licence = json!({ "tenant": "acme", "modules": ["voice", "staff", "reports", "automation"] });
    vec![
        sign_in("platform", "operator", OPERATOR_PASSWORD, By::Operator),
        step("tenantCreate", "tenant.create", "tenant:acme", tenant).by_operator(),
        step("tenantSetLicence", "tenant.setLicence", "tenant:acme", licence.clone()).by_operator(),
        step("tenantSetLicence", "tenant.setLicence", "tenant:acme", licence).by_operator().quiet(),
        sign_in("acme", "alice", PASSWORD, By::Admin),
        step("settingsUpdate", "settings.update", "tenant:acme", json!({ "maskedCharacters": 5 })),
        step("settingsUpdate", "settings.update", "tenant:acme", json!({ "maskedCharacters": 5 })).quiet(),
    ]
}

fn things() -> Vec<Step> {
    let queues = json!({ "section": "voice/queues", "resources": [{ "key": "sales", "name": "Sales" }] });
    let sections = json!([{
        "section": "voice/queues", "enabled": true, "visible": true, "association": "MANUAL", "resources": ["sales"],
    }]);
    let module = json!({ "profile": "night", "module": "voice", "version": 3, "sections": sections });
    let (profile, role) = ("profile:night", "role:analyst");
    vec![
        step("resourceRegister", "resource.register", "section:voice/queues", queues.clone()),
        step("resourceRegister", "resource.register", "section:voice/queues", queues).quiet(),
        step("profileCreate", "profile.create", profile, json!({ "name": "Night", "permissionType": "READ" })),
        step(
            "profileUpdate",
            "profile.update",
            profile,
            json!({ "key": "night", "version": 1, "description": "Late" }),
        )
        .quiet(),
        step(
            "profileUpdate",
            "profile.update",
            profile,
            json!({ "key": "night", "version": 2, "maskSensitiveData": true }),
        ),
        step("profileSaveModule", "profile.saveModule", profile, module),
        step("profileClone", "profile.clone", profile, json!({ "key": "night", "newName": "Day" })),
        step("profileDelete", "profile.delete", "profile:day", json!({ "key": "day" })),
        step("roleCreate", "role.create", role, json!({ "name": "Analyst", "permissions": ["reports"] })),
        step("roleUpdate", "role.update", role, json!({ "key": "analyst", "version": 1, "name": "Analysts" })).quiet(),
        step(
            "roleUpdate",
            "role.update",
            role,
            json!({ "key": "analyst", "version": 2, "permissions": ["automation"] }),
        ),
    ]
}

fn people() -> Vec<Step> {
    let dana = json!({
        "username": "dana", "fullName": "Dana", "email": "dana@example.com", "baseRole": "USER", "profile": "night",
        "password": PASSWORD,
    });
    let assign = |profile: &str| json!({ "profile": profile, "users": ["dana"] });
    let old = json!([{ "user": "dana", "edit": true, "delete": false, "modules": [],
        "sections": ["voice/queues"], "resources": [] }]);
    let ben = json!({ "username": "ben", "fullName": "Ben", "email": "ben@example.com", "baseRole": "AGENT" });
    let (user, agent) = ("user:dana", "resource:staff/agents/ben");
    let links = |items: Value| json!({ "owner": "staff/agents/ben", "itemSection": "voice/queues", "items": items });
    let gus = json!({ "key": "gus", "name": "Gus", "links": [{ "itemSection": "voice/queues", "items": ["sales"] }] });
    let gus = json!({ "section": "staff/agents", "resources": [gus] });
    vec![
        step("userCreate", "user.create", user, dana),
        step("userUpdate", "user.update", user, json!({ "key": "dana", "version": 1, "fullName": "Dana Field" }))
            .quiet(),
        step("userUpdate", "user.update", user, json!({ "key": "dana", "version": 2, "enabled": false })),
        step("userUpdate", "user.update", user, json!({ "key": "dana", "version": 3, "enabled": true })),
        step("profileAssign", "profile.assign", "profile:default", assign("default")),
        step("profileAssign", "profile.assign", "profile:default", assign("default")).quiet(),
        step("profilesImportLegacy", "profile.importLegacy", "profile:profile_*", json!({ "users": old.clone() })),
        step("profilesImportLegacy", "profile.importLegacy", "profile:profile_*", json!({ "users": old })).quiet(),
        step("usersImport", "users.import", "users", json!({ "users": [ben] })),
        step("resourceLinksSet", "resource.setLinks", agent, links(json!(["sales"]))).quiet(),
        step("resourceLinksSet", "resource.setLinks", agent, links(json!([]))).quiet(),
        step("resourceRegister", "resource.register", "section:staff/agents", gus),
        step("usersExport", "users.export", "users", json!({ "keys": ["dana", "ben"] })).quiet(),
        step("userSetAvatar", "avatar.set", user, json!({ "user": "dana", "file": PICTURE })).quiet(),
        step("userSetAvatar", "avatar.remove", user, json!({ "user": "dana", "file": null })).quiet(),
    ]
}

fn credentials() -> Vec<Step> {
    let (user, new) = ("user:dana", "Another-12");
    let reset = step("passwordReset", "password.reset", user, json!({ "token": MAILED, "password": new }));
    vec![
        step("apiKeyGenerate", "apiKey.generate", user, json!({ "user": "dana" })).quiet(),
        step("apiKeyGenerate", "apiKey.generate", "user:alice", json!({})).quiet(),
        step("apiKeyRemove", "apiKey.remove", user, json!({ "user": "dana" })).quiet(),
        step("passwordChange", "password.change", "user:alice", json!({ "old": PASSWORD, "new": new })).quiet(),
        step("userSetPassword", "user.setPassword", user, json!({ "key": "dana", "password": new })).quiet(),
        Step { by: By::Mailed, ..reset.quiet() },
    ]
}

fn groups() -> Vec<Step> {
    let members = json!({ "group": "staff", "users": ["dana"] });
    let group = "group:staff";
    vec![
        step("groupCreate", "group.create", group, json!({ "name": "Staff" })).quiet(),
        step("groupUpdate", "group.update", group, json!({ "key": "staff", "version": 1, "roles": ["analyst"] })),
        step("groupUpdate", "group.update", group, json!({ "key": "staff", "version": 2, "name": "All" })).quiet(),
        step("groupAddMembers", "group.addMembers", group, members.clone()),
        step("groupAddMembers", "group.addMembers", group, members.clone()).quiet(),
        step("groupRemoveMembers", "group.removeMembers", group, members),
        step("groupDelete", "group.delete", group, json!({ "key": "staff" })),
    ]
}

fn end() -> Vec<Step> {
    let queues = json!({ "section": "voice/queues", "keys": ["sales"] });
    vec![
        step("roleDelete", "role.delete", "role:analyst", json!({ "key": "analyst" })),
        step("userDelete", "user.delete", "user:dana", json!({ "key": "dana" })),
        step("resourceRemove", "resource.remove", "section:voice/queues", queues),
        step("policyImport", "policy.import", "policy", json!({ "csv": "p, old desk, crm/deals, read" })),
        step("policyRestore", "policy.restore", "revision:1", json!({ "revision": 1 })),
        step("sessionEnd", "session.end", "user:alice", Value::Null).quiet(),
    ]
}
