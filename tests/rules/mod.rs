//! The rules of the domain, through the built-in catalogue, the compiler and the engine, without
//! a database. A test that proves a rule carries its number in its name.

mod association;
mod avatar;
mod compiled;
mod composition;
mod group;
mod impact;
mod import;
mod legacy;
mod patch;
mod profile;
mod resource;
mod role;
mod succession;
mod tenant;
mod user;
mod value;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use bailiwick::config::catalogue::built_in;
use bailiwick::domain::Change;
use bailiwick::domain::catalogue::{Catalogue, Rights};
use bailiwick::domain::group::GroupChange;
use bailiwick::domain::key::{Action, GroupKey, Object, ResourceKey, RoleKey, SectionKey, UserKey};
use bailiwick::domain::name::Timestamp;
use bailiwick::domain::profile::{ModuleSave, NewProfile, PermissionType, SectionSave};
use bailiwick::domain::resource::NewResource;
use bailiwick::domain::role::{Effect, Grant, RoleChange};
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::{BaseRole, UserChange};
use bailiwick::engine::tenant::{DecisionReason, TenantPolicy};
use bailiwick::engine::{MODEL, Plan, Snapshot};
use bailiwick::error::{Error, ErrorCode, Related, Result};
use bailiwick::policy::compile::compile;
use bailiwick::policy::revision::Counters;
use bailiwick::policy::rule::Subject;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| built_in().unwrap());
static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| Arc::new(Plan::from_model(MODEL).unwrap()));

/// Every action that the platform itself knows, in the order in which [`World::may`] names them.
const ACTIONS: [&str; 8] = ["show", "read", "edit", "delete", "link", "download", "unmask", "identify"];

/// Returns a runner of random cases, the same ones in each run.
fn runner() -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Parses a key, name or other checked text.
fn key<K: TryFrom<String, Error = Error>>(text: &str) -> K {
    K::try_from(text.to_owned()).unwrap()
}

/// Keys with space between them.
fn keys<K: TryFrom<String, Error = Error> + Ord>(texts: &str) -> BTreeSet<K> {
    texts.split_whitespace().map(key).collect()
}

/// Grants such as `allow read voice/*`.
fn grants(texts: &[&str]) -> BTreeSet<Grant> {
    let grant = |text: &&str| {
        let parts: Vec<&str> = text.split(' ').collect();
        let effect = if parts[0] == "deny" { Effect::Deny } else { Effect::Allow };
        Grant { object: key(parts[2]), action: key(parts[1]), effect }
    };
    texts.iter().map(grant).collect()
}

/// Returns the refusal: the code, and the path of the field at fault.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> (ErrorCode, String) {
    let error = result.unwrap_err();
    (error.code, error.field.join("."))
}

/// Returns the things in the way of a change: their number, and the keys of those that it names.
fn in_the_way(error: &Error) -> (u64, Vec<&str>) {
    let keys = error.related.iter().map(|related| match related {
        Related::User(key) | Related::Group(key) => key.as_str(),
    });
    (error.count.unwrap(), keys.collect())
}

const fn rights(edit: bool, delete: bool) -> Rights {
    Rights { read: true, edit, delete }
}

/// Returns a section that is enabled, visible, inheriting, with a manual list that stays as it is.
fn open(section: &str) -> SectionSave {
    SectionSave {
        section: key(section),
        enabled: true,
        visible: true,
        rights: Change::Keep,
        automatic: false,
        keep_associated: false,
        resources: None,
        add: BTreeSet::new(),
        remove: BTreeSet::new(),
    }
}

/// Returns a section that is not enabled, otherwise as [`open`].
fn closed(section: &str) -> SectionSave {
    SectionSave { enabled: false, visible: false, ..open(section) }
}

/// Returns a profile of full rights by this name.
fn new_profile(key: Option<&str>, name: &str) -> NewProfile {
    NewProfile {
        id: Uuid::nil(),
        key: key.map(self::key),
        name: self::key(name),
        description: String::new(),
        permission_type: PermissionType::ReadEditDelete,
        mask_sensitive_data: false,
    }
}

fn new_resource(key: &str) -> NewResource {
    NewResource { id: Uuid::nil(), key: self::key(key), name: self::key(key), protected: false, members: None }
}

/// One tenant. A change that is refused leaves it as it was, as the services see to.
#[derive(Clone)]
struct World {
    state: TenantState,
}

impl World {
    /// Makes the tenant `acme`: every module licensed, the default admin `ada`, the resources that the catalogue gives
    /// everyone.
    fn new() -> Self {
        let mut world = Self { state: TenantState::empty(key("acme")) };
        let modules = CATALOGUE.modules().iter().filter(|module| !module.platform);
        world.state.licensed = modules.map(|module| module.key.clone()).collect();
        world.user("ada", BaseRole::Admin, UserChange::default()).unwrap();
        world.state.users.get_mut("ada").unwrap().default_admin = true;
        for section in CATALOGUE.modules().iter().flat_map(|module| &module.sections) {
            for resource in &section.built_in {
                let new = NewResource { protected: resource.protected, ..new_resource(resource.key.as_str()) };
                world.register_all(section.key.as_str(), vec![new], None).unwrap();
            }
        }
        world
    }

    /// Makes [`World::new`] with a profile of full rights that permits nothing yet, and `dana` who holds it.
    fn with_dana() -> Self {
        let mut world = Self::new();
        world.profile("supervisors", PermissionType::ReadEditDelete);
        world.holder("dana", "supervisors");
        world
    }

    fn change<T>(&mut self, act: impl FnOnce(&mut TenantState) -> Result<T>) -> Result<T> {
        let mut copy = self.state.clone();
        let done = act(&mut copy)?;
        self.state = copy;
        Ok(done)
    }

    fn licence(&mut self, modules: &str) -> Result<()> {
        self.change(|state| state.set_licence(&CATALOGUE, keys(modules)))
    }

    fn profile(&mut self, key: &str, permission_type: PermissionType) {
        let new = NewProfile { permission_type, ..new_profile(Some(key), key) };
        self.change(|state| state.create_profile(new)).unwrap();
    }

    fn save(&mut self, profile: &str, module: &str, save: ModuleSave) -> Result<()> {
        let version = self.state.profiles.get(profile).map_or(1, |profile| profile.version);
        self.change(|state| state.save_module(&CATALOGUE, profile, module, version, save))
    }

    /// Saves sections of one module.
    fn sections(&mut self, profile: &str, sections: impl Into<Vec<SectionSave>>) -> Result<()> {
        let sections = sections.into();
        let module = sections[0].section.module().to_owned();
        self.save(profile, &module, ModuleSave { all: None, rights: Change::Keep, sections: Some(sections) })
    }

    /// Turns the switch of a whole module.
    fn switch(&mut self, profile: &str, module: &str, on: bool) {
        self.save(profile, module, ModuleSave { all: Some(on), rights: Change::Keep, sections: None }).unwrap();
    }

    /// Overrides a module's permission.
    fn override_module(&mut self, profile: &str, module: &str, rights: Change<Rights>) -> Result<()> {
        self.save(profile, module, ModuleSave { all: None, rights, sections: None })
    }

    fn user(&mut self, user: &str, base_role: BaseRole, change: UserChange) -> Result<()> {
        self.change(|state| state.add_user(Uuid::nil(), &key(user), base_role, change))
    }

    /// Adds a user of base role USER with their profile.
    fn holder(&mut self, user: &str, profile: &str) {
        let access = UserChange { profile: Change::Set(key(profile)), ..UserChange::default() };
        self.user(user, BaseRole::User, access).unwrap();
    }

    /// Adds a user of another base role.
    fn staff(&mut self, user: &str, base_role: BaseRole) {
        self.user(user, base_role, UserChange::default()).unwrap();
    }

    /// Adds a manager, with a custom role.
    fn manager(&mut self, user: &str, role: &str) {
        let access = UserChange { role: Change::Set(key(role)), ..UserChange::default() };
        self.user(user, BaseRole::Manager, access).unwrap();
    }

    fn change_user(&mut self, user: &str, change: UserChange) -> Result<()> {
        let version = self.state.users.get(user).map_or(1, |user| user.version);
        self.change(|state| state.change_user(user, version, change))
    }

    fn disable(&mut self, user: &str) {
        self.change_user(user, UserChange { enabled: Some(false), ..UserChange::default() }).unwrap();
    }

    fn group(&mut self, name: &str, roles: &str, permissions: &str, members: &str) -> Result<GroupKey> {
        let change = GroupChange { name: None, roles: Some(keys(roles)), permissions: Some(keys(permissions)) };
        let members: BTreeSet<UserKey> = keys(members);
        self.change(|state| state.create_group(&CATALOGUE, Uuid::nil(), None, key(name), change, members))
    }

    fn role(&mut self, name: &str, permissions: &str, grants: &[&str]) -> Result<RoleKey> {
        let change = role_change(permissions, grants);
        self.change(|state| state.create_role(&CATALOGUE, Uuid::nil(), None, key(name), change))
    }

    fn update_role(&mut self, role: &str, change: RoleChange) -> Result<()> {
        let version = self.state.roles.get(role).map_or(1, |role| role.version);
        self.change(|state| state.update_role(&CATALOGUE, role, version, change))
    }

    fn register(&mut self, section: &str, resources: &str) {
        let resources = resources.split_whitespace().map(new_resource).collect();
        self.register_all(section, resources, None).unwrap();
    }

    fn register_all(&mut self, section: &str, resources: Vec<NewResource>, by: Option<&str>) -> Result<()> {
        let (section, by): (SectionKey, Option<UserKey>) = (key(section), by.map(key));
        self.change(|state| state.register_resources(&CATALOGUE, &section, resources, by.as_ref(), Timestamp(0)))
    }

    fn remove(&mut self, section: &str, resources: &str) -> Result<()> {
        let (section, resources): (SectionKey, BTreeSet<ResourceKey>) = (key(section), keys(resources));
        self.change(|state| state.remove_resources(&CATALOGUE, &section, &resources))
    }

    fn policy(&self) -> TenantPolicy {
        let rules = compile(&CATALOGUE, &self.state).unwrap();
        let disabled = self.state.users.values().filter(|user| !user.enabled).map(|user| user.key.clone());
        TenantPolicy {
            counters: Counters { revision: 1, credential_epoch: 0, ..Counters::default() },
            snapshot: Arc::new(Snapshot::build(&PLAN, &self.state.key, 1, rules.keys())),
            settings: self.state.settings,
            disabled: Arc::new(disabled.collect()),
        }
    }

    fn reason(&self, user: &str, action: &str, object: &str) -> DecisionReason {
        let (object, action): (Object, Action) = (key(object), key(action));
        self.policy().decide(&CATALOGUE, &Subject::User(key(user)), &object, &action).reason
    }

    fn allowed(&self, user: &str, action: &str, object: &str) -> bool {
        self.reason(user, action, object) == DecisionReason::Allowed
    }

    /// Returns all that the user may do on the object: `read link`.
    fn may(&self, user: &str, object: &str) -> String {
        let (policy, subject, object) = (self.policy(), Subject::User(key(user)), key(object));
        let allowed = |action: &&str| policy.allows(&subject, &object, &key(action));
        ACTIONS.into_iter().filter(allowed).collect::<Vec<_>>().join(" ")
    }

    /// Returns the rules as they are in `policy.csv`, in its order.
    fn rules(&self) -> Vec<String> {
        let rules = compile(&CATALOGUE, &self.state).unwrap();
        rules.keys().map(|rule| format!("{}, {}", rule.ptype(), rule.values(&self.state.key).join(", "))).collect()
    }

    /// Returns the rules about one subject, `p` before `g`, without that subject and the tenant:
    /// `voice/queues read allow` and `g role:member`.
    fn rules_of(&self, subject: &str) -> Vec<String> {
        let permission = format!("p, {subject}, acme, ");
        let membership = format!("g, {subject}, ");
        let short = |rule: String| {
            let p = rule.strip_prefix(&permission).map(|rest| rest.replace(", ", " "));
            p.or_else(|| Some(format!("g {}", rule.strip_prefix(&membership)?.strip_suffix(", acme")?)))
        };
        self.rules().into_iter().filter_map(short).collect()
    }
}

fn role_change(permissions: &str, texts: &[&str]) -> RoleChange {
    RoleChange { permissions: Some(keys(permissions)), grants: Some(grants(texts)), ..RoleChange::default() }
}
