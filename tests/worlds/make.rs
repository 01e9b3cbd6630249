//! Makes a world's tenant.

use serde_json::{Value, json};

use super::form::{Profile, Section, World};
use crate::common::app::Client;

/// Sets the tenant up; then takes the steps that follow.
pub(super) async fn make(operator: &Client, alice: &Client, tenant: &str, world: &World) {
    if let Some(settings) = &world.settings {
        alice.make("SettingsUpdate", settings.clone()).await;
    }
    resources(alice, world).await;
    for (owner, lists) in &world.links {
        for (section, items) in lists {
            let input = json!({ "owner": owner, "itemSection": section, "items": items });
            alice.make("ResourceLinksSet", input).await;
        }
    }
    for (key, profile) in &world.profiles {
        self::profile(alice, key, profile).await;
    }
    for (key, role) in &world.roles {
        let grants: Vec<_> = role.grants.iter().map(|text| grant(text)).collect();
        let input = json!({ "key": key, "name": key, "permissions": role.permissions, "grants": grants });
        alice.make("RoleCreate", input).await;
    }
    for (key, group) in &world.groups {
        let input = json!({ "key": key, "name": key, "roles": group.roles, "permissions": group.permissions });
        alice.make("GroupCreate", input).await;
    }
    for (key, user) in &world.users {
        let base = user.base.as_deref().unwrap_or("USER");
        let more = json!({ "profile": user.profile, "customRole": user.role, "groups": user.groups });
        alice.add_user(key, base, more).await;
        if user.disabled {
            alice.make("UserUpdate", json!({ "key": key, "version": 1, "enabled": false })).await;
        }
    }
    for (operation, input) in world.then.iter().flatten() {
        // An operator makes the changes that a tenant cannot make itself.
        let by = if operation.starts_with("Tenant") { operator } else { alice };
        by.make(operation, at_present(alice, operation, input.clone()).await).await;
    }
    // Last, because what is not licensed cannot be configured.
    if let Some(licence) = &world.licence {
        operator.make("TenantSetLicence", json!({ "tenant": tenant, "modules": licence })).await;
    }
}

async fn resources(alice: &Client, world: &World) {
    for (section, keys) in &world.resources {
        alice.register(section, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    for (section, keys) in &world.protected {
        let resources: Vec<_> = keys.iter().map(|key| json!({ "key": key, "name": key, "protected": true })).collect();
        alice.make("ResourceRegister", json!({ "section": section, "resources": resources })).await;
    }
    for (container, members) in &world.members {
        let (section, key) = container.rsplit_once('/').unwrap();
        let resources = [json!({ "key": key, "name": key, "members": members })];
        alice.make("ResourceRegister", json!({ "section": section, "resources": resources })).await;
    }
}

async fn profile(alice: &Client, key: &str, profile: &Profile) {
    let input = json!({ "key": key, "name": key, "permissionType": permission_type(&profile.permission_type),
        "maskSensitiveData": profile.mask });
    alice.make("ProfileCreate", input).await;
    let save = async |module: &str, more: Value| {
        let mut input = json!({ "profile": key, "module": module });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        alice.make("ProfileSaveModule", at_present(alice, "ProfileSaveModule", input).await).await;
    };
    for module in &profile.switched {
        save(module, json!({ "all": true })).await;
    }
    for (module, rights) in &profile.overrides {
        save(module, json!({ "override": self::rights(rights) })).await;
    }
    for (section, settings) in &profile.sections {
        let module = section.split('/').next().unwrap();
        save(module, json!({ "sections": [self::section(section, settings)] })).await;
    }
}

fn section(key: &str, settings: &Section) -> Value {
    let mut section = json!({
        "section": key, "enabled": !settings.closed, "visible": !settings.hidden && !settings.closed,
        "association": if settings.automatic { "AUTOMATIC" } else { "MANUAL" },
    });
    if let Some(rights) = &settings.rights {
        section["override"] = self::rights(rights);
    }
    if !settings.automatic {
        section["resources"] = json!(settings.list);
    }
    section
}

fn permission_type(short: &str) -> &'static str {
    match short {
        "R" => "READ",
        "RE" => "READ_EDIT",
        "RD" => "READ_DELETE",
        "RED" => "READ_EDIT_DELETE",
        other => panic!("`{other}` is not a permission type"),
    }
}

fn rights(short: &str) -> Value {
    permission_type(short);
    json!({ "read": true, "edit": short.contains('E'), "delete": short.contains('D') })
}

fn grant(text: &str) -> Value {
    let [effect, action, object] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("`{text}` is no grant") };
    json!({ "effect": effect.to_uppercase(), "action": action, "object": object })
}

/// Returns the input with the present version of what it changes, if that has one and none is given.
pub(super) async fn at_present(alice: &Client, operation: &str, mut input: Value) -> Value {
    let (kind, field) = match operation {
        "ProfileSaveModule" => ("Profile", "profile"),
        "ProfileUpdate" => ("Profile", "key"),
        "RoleUpdate" => ("Role", "key"),
        "GroupUpdate" => ("Group", "key"),
        "UserUpdate" => ("User", "key"),
        _ => return input,
    };
    if input["version"].is_null() {
        input["version"] = alice.get(kind, json!({ "key": input[field] })).await["version"].clone();
    }
    input
}
