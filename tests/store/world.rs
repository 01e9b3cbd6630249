//! A tenant with something of everything in it.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::domain::catalogue::Rights;
use bailiwick::domain::group::Group;
use bailiwick::domain::key::{
    ActionPattern, GroupKey, ModuleKey, Object, ObjectPattern, PermissionKey, ProfileKey, ResourceKey, RoleKey,
    SectionKey, TenantId, TenantKey, UserKey,
};
use bailiwick::domain::name::{Name, Timestamp};
use bailiwick::domain::profile::{Association, LegacyDigest, PermissionType, Profile, ProfileSection};
use bailiwick::domain::resource::Resource;
use bailiwick::domain::role::{CustomRole, Effect, Grant, RoleRef};
use bailiwick::domain::tenant::{Settings, TenantState};
use bailiwick::domain::user::{BaseRole, Email, Telephony, User};
use bailiwick::policy::COMPILER_VERSION;
use bailiwick::policy::revision::Counters;
use bailiwick::store::audit::chain::ChainHead;
use bailiwick::store::tenant::TenantRow;
use bailiwick::store::user::NewAccount;
use bailiwick::store::{Store, Tx};
use uuid::Uuid;

pub(super) fn tenant_row(key: &str) -> TenantRow {
    TenantRow {
        id: TenantId(Uuid::now_v7()),
        key: TenantKey::parse(key).unwrap(),
        name: name("A tenant"),
        counters: Counters::default(),
        compiler_version: COMPILER_VERSION,
        last_change: None,
        audit: ChainHead::default(),
        settings: Settings::default(),
        created_at: Timestamp(1_700_000_000_000_000),
    }
}

/// Makes a tenant with this state.
pub(super) async fn make(store: &Store, state: &TenantState) -> TenantId {
    let row = TenantRow { settings: state.settings, ..tenant_row(state.key.as_str()) };
    let mut tx = store.begin_new(row).await.unwrap();
    let mut empty = TenantState::empty(state.key.clone());
    empty.settings = state.settings;
    tx.write_state(&empty, state, &accounts(state)).await.unwrap();
    let id = tx.tenant().id;
    tx.commit().await.unwrap();
    id
}

/// Writes the change that turns the tenant's state into `after`.
pub(super) async fn change(tx: &mut Tx, after: &TenantState) {
    let before = tx.state().await.unwrap();
    tx.write_state(&before, after, &accounts(after)).await.unwrap();
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn user_key(text: &str) -> UserKey {
    UserKey::parse(text).unwrap()
}

pub(super) fn account(key: &str) -> NewAccount {
    NewAccount {
        username: key.to_uppercase(),
        full_name: name(&format!("Name of {key}")),
        email: Some(Email::parse(&format!("{key}@Example.com")).unwrap()),
        password_hash: None,
        extension: None,
        telephony: Telephony::default(),
        created_at: Timestamp(5),
    }
}

fn accounts(state: &TenantState) -> BTreeMap<UserKey, NewAccount> {
    state.users.keys().map(|key| (key.clone(), account(key.as_str()))).collect()
}

pub(super) fn user(key: &str, base_role: BaseRole) -> User {
    User {
        id: Uuid::now_v7(),
        key: user_key(key),
        base_role,
        enabled: true,
        default_admin: false,
        profile: None,
        role: None,
        imported_from: None,
        version: 1,
    }
}

pub(super) fn resource(section: &str, key: &str) -> Resource {
    Resource {
        id: Uuid::now_v7(),
        section: SectionKey::parse(section).unwrap(),
        key: ResourceKey::parse(key).unwrap(),
        name: name(&format!("Resource {key}")),
        protected: false,
        members: BTreeSet::new(),
        created_by: None,
        created_at: Timestamp(7),
    }
}

pub(super) fn profile(key: &str) -> Profile {
    Profile {
        id: Uuid::now_v7(),
        key: ProfileKey::parse(key).unwrap(),
        name: name(&format!("Profile {key}")),
        description: "What it is for\nin two lines".to_owned(),
        permission_type: PermissionType::ReadEdit,
        mask_sensitive_data: true,
        modules: BTreeMap::new(),
        sections: BTreeMap::new(),
        imported_from: Some(LegacyDigest::stored(format!("digest of {key}"))),
        version: 1,
    }
}

pub(super) fn role(key: &str) -> CustomRole {
    CustomRole {
        id: Uuid::now_v7(),
        key: RoleKey::parse(key).unwrap(),
        name: name(&format!("Role {key}")),
        description: String::new(),
        permissions: [PermissionKey::parse("reports").unwrap(), PermissionKey::parse("people").unwrap()].into(),
        grants: [grant("crm/*", "read", Effect::Allow), grant("crm/notes", "*", Effect::Deny)].into(),
        version: 1,
    }
}

pub(super) fn grant(object: &str, action: &str, effect: Effect) -> Grant {
    Grant { object: ObjectPattern::parse(object).unwrap(), action: ActionPattern::parse(action).unwrap(), effect }
}

pub(super) fn group(key: &str, members: &[&str]) -> Group {
    Group {
        id: Uuid::now_v7(),
        key: GroupKey::parse(key).unwrap(),
        name: name(&format!("Group {key}")),
        roles: [RoleRef::Manager].into(),
        permissions: [PermissionKey::parse("automation").unwrap()].into(),
        members: members.iter().map(|key| user_key(key)).collect(),
        version: 1,
    }
}

fn section(enabled: bool, rights: Option<Rights>, association: Association) -> ProfileSection {
    ProfileSection { enabled, visible: true, rights, association }
}

fn keys(keys: &[&str]) -> BTreeSet<ResourceKey> {
    keys.iter().map(|key| ResourceKey::parse(key).unwrap()).collect()
}

/// Makes a tenant with something of everything.
pub(super) fn rich(key: &str) -> TenantState {
    let mut state = TenantState::empty(TenantKey::parse(key).unwrap());
    state.licensed = ["voice", "chat"].iter().map(|key| ModuleKey::parse(key).unwrap()).collect();
    state.settings = Settings { security_suite: false, masked_characters: 7, session_hours: 24 };
    for it in ["alpha", "beta", "Gamma%20x"] {
        add_resource(&mut state, resource("voice/queues", it));
    }
    let mut team = resource("staff/teams", "night");
    team.protected = true;
    team.created_by = Some(user_key("ann"));
    team.members = [Object::parse("voice/queues/alpha").unwrap()].into();
    add_resource(&mut state, team);

    let mut support = profile("support");
    support.modules.insert(ModuleKey::parse("voice").unwrap(), Rights { read: true, edit: false, delete: true });
    let queues = section(true, Some(Rights::ALL), Association::Manual(keys(&["alpha", "beta"])));
    support.sections.insert(SectionKey::parse("voice/queues").unwrap(), queues);
    let teams = section(false, None, Association::Automatic);
    support.sections.insert(SectionKey::parse("staff/teams").unwrap(), teams);
    for it in [support, profile("empty")] {
        state.profiles.insert(it.key.clone(), it);
    }
    let desk = role("desk");
    state.roles.insert(desk.key.clone(), desk);
    let mut ann = user("ann", BaseRole::Admin);
    ann.default_admin = true;
    let mut ben = user("ben", BaseRole::User);
    ben.profile = Some(ProfileKey::parse("support").unwrap());
    let mut cat = user("cat", BaseRole::Manager);
    cat.role = Some(RoleKey::parse("desk").unwrap());
    let mut dan = user("dan", BaseRole::Agent);
    dan.enabled = false;
    for it in [ann, ben, cat, dan] {
        state.users.insert(it.key.clone(), it);
    }
    let mut day = group("day", &["ben", "cat"]);
    day.roles.insert(RoleRef::Custom(RoleKey::parse("desk").unwrap()));
    for it in [day, group("none", &[])] {
        state.groups.insert(it.key.clone(), it);
    }
    state
}

pub(super) fn add_resource(state: &mut TenantState, resource: Resource) {
    state.resources.insert(resource.object(), resource);
}
