//! The compiler: a pure function from a tenant's state to its rules (R44). Nothing else in the project makes rules.
//!
//! It works source by source: the tenant itself, each user, profile, custom role, group and group membership. The
//! origins of a rule are kept beside it; a rule can have several.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{PolicyDiff, StatePatch};
use super::rule::{BuiltIn, Origin, OriginKind, Rule, Subject};
use super::source::{self, Source};
use crate::domain::catalogue::{Catalogue, Module, Rights, Section};
use crate::domain::group::Group;
use crate::domain::key::{Action, ActionPattern, GroupKey, Object, ObjectPattern, PermissionKey, SectionKey, UserKey};
use crate::domain::listed;
use crate::domain::profile::{Association, Profile, ProfileSection};
use crate::domain::resource::Resource;
use crate::domain::role::{CustomRole, RoleRef};
use crate::domain::tenant::TenantState;
use crate::domain::user::{BaseRole, User};
use crate::error::Result;

/// A tenant's rules with their origins, in the order of exports.
pub type Compiled = BTreeMap<Rule, BTreeSet<Origin>>;

/// Compiles the whole state.
///
/// # Errors
/// Only a fault of ours: a key that does not fit into a rule.
pub fn compile(catalogue: &Catalogue, state: &TenantState) -> Result<Compiled> {
    compile_sources(catalogue, state, &source::all(state))
}

/// Compiles some sources of a state; a source that the state does not have has no rules.
pub fn compile_sources(catalogue: &Catalogue, state: &TenantState, sources: &BTreeSet<Source>) -> Result<Compiled> {
    let mut out = Output::default();
    let mut by_section = None;
    for source in sources {
        match source {
            Source::Tenant => {
                built_in_roles(&mut out, catalogue, state)?;
                licence(&mut out, catalogue, state)?;
            }
            Source::User(key) => state.users.get(key).into_iter().for_each(|user| user_rules(&mut out, user)),
            Source::Profile(key) => {
                if let Some(profile) = state.profiles.get(key) {
                    let by_section = by_section.get_or_insert_with(|| resources_by_section(state));
                    profile_rules(&mut out, catalogue, state, by_section, profile)?;
                }
            }
            Source::Role(key) => {
                state.roles.get(key).into_iter().for_each(|role| role_rules(&mut out, catalogue, role));
            }
            Source::Group(key) => {
                state.groups.get(key).into_iter().for_each(|group| group_rules(&mut out, catalogue, group));
            }
            Source::Member(group, user) => member_rule(&mut out, state, group, user),
        }
    }
    Ok(out.rules)
}

/// Returns the difference between the rules of two states, compiling only what the change between them touches.
pub fn compile_change(
    catalogue: &Catalogue,
    before: &TenantState,
    after: &TenantState,
    patch: &StatePatch,
) -> Result<PolicyDiff> {
    let sources = source::touched(before, after, patch);
    let was = compile_sources(catalogue, before, &sources)?;
    Ok(PolicyDiff::between(&was, &compile_sources(catalogue, after, &sources)?))
}

/// The resources that the compiler looks at one by one: protected ones and those with members.
type BySection<'a> = BTreeMap<&'a SectionKey, Vec<&'a Resource>>;

fn resources_by_section(state: &TenantState) -> BySection<'_> {
    let mut by_section = BySection::new();
    for resource in state.resources.values().filter(|resource| resource.protected || !resource.members.is_empty()) {
        by_section.entry(&resource.section).or_default().push(resource);
    }
    by_section
}

#[derive(Default)]
struct Output {
    rules: Compiled,
}

impl Output {
    fn add(&mut self, rule: Rule, origin: &Origin) {
        self.rules.entry(rule).or_default().insert(origin.clone());
    }

    fn allow(
        &mut self,
        subject: &Subject,
        object: impl Into<ObjectPattern>,
        action: impl Into<ActionPattern>,
        origin: &Origin,
    ) {
        self.add(Rule::allow(subject.clone(), object.into(), action.into()), origin);
    }
}

fn origin(kind: OriginKind, key: &str, note: impl Into<String>) -> Origin {
    Origin { kind, key: key.to_owned(), module: None, section: None, note: note.into() }
}

fn built_in_roles(out: &mut Output, catalogue: &Catalogue, state: &TenantState) -> Result<()> {
    let admin = Subject::Role(BuiltIn::Admin);
    for module in catalogue.modules().iter().filter(|module| state.is_licensed(catalogue, module.key.as_str())) {
        let mut from = origin(OriginKind::BuiltIn, BuiltIn::Admin.as_ref(), "admins may do everything");
        from.module = Some(module.key.to_string());
        out.allow(&admin, ObjectPattern::parse(module.key.as_str())?, ActionPattern::any(), &from);
        out.allow(&admin, ObjectPattern::below(&module.key)?, ActionPattern::any(), &from);
    }
    let from = origin(OriginKind::BuiltIn, BuiltIn::Admin.as_ref(), "admins see all data");
    out.allow(&admin, ObjectPattern::below("data")?, ActionPattern::any(), &from);
    if state.key.is_platform() {
        let from = origin(OriginKind::BuiltIn, BuiltIn::Admin.as_ref(), "operators run the platform");
        for object in ["tenants", "tenants/*", "licences", "licences/*"] {
            out.allow(&admin, ObjectPattern::parse(object)?, ActionPattern::any(), &from);
        }
    }
    let manager = Subject::Role(BuiltIn::Manager);
    let all: BTreeSet<PermissionKey> =
        catalogue.permissions().iter().map(|permission| permission.key.clone()).collect();
    permission_rules(out, catalogue, &manager, &all, OriginKind::BuiltIn, BuiltIn::Manager.as_ref());
    let service = Subject::Role(BuiltIn::Service);
    let from = origin(
        OriginKind::BuiltIn,
        BuiltIn::Service.as_ref(),
        "host applications decide for others and register resources",
    );
    out.allow(&service, ObjectPattern::parse("admin/decisions")?, &Action::read(), &from);
    out.allow(&service, ObjectPattern::parse("admin/resources")?, &Action::edit(), &from);
    let from =
        origin(OriginKind::BuiltIn, BuiltIn::Member.as_ref(), "contacts are shown in full unless a profile masks them");
    out.allow(&Subject::Role(BuiltIn::Member), ObjectPattern::below("data")?, &Action::unmask(), &from);
    Ok(())
}

/// Denies everyone each module that is not in the licence (R2).
fn licence(out: &mut Output, catalogue: &Catalogue, state: &TenantState) -> Result<()> {
    let everyone = Subject::Role(BuiltIn::Member);
    for module in catalogue.modules().iter().filter(|module| !state.is_licensed(catalogue, module.key.as_str())) {
        let mut from = origin(OriginKind::Licence, module.key.as_str(), "not in the licence");
        from.module = Some(module.key.to_string());
        for object in [ObjectPattern::parse(module.key.as_str())?, ObjectPattern::below(&module.key)?] {
            out.add(Rule::deny(everyone.clone(), object, ActionPattern::any()), &from);
        }
    }
    Ok(())
}

/// Adds the roles that a user holds themselves (R25, R42). A disabled user has no rule at all.
fn user_rules(out: &mut Output, user: &User) {
    if !user.enabled {
        return;
    }
    let subject = Subject::User(user.key.clone());
    let mut holds = |role: Subject, note: &str| {
        out.add(Rule::membership(subject.clone(), role), &origin(OriginKind::User, user.key.as_str(), note));
    };
    holds(Subject::Role(BuiltIn::Member), "every user is a member");
    match (user.base_role, &user.role, &user.profile) {
        (BaseRole::Admin, ..) => holds(Subject::Role(BuiltIn::Admin), "base role ADMIN"),
        (BaseRole::Manager, Some(role), _) => holds(Subject::Custom(role.clone()), "custom role"),
        (BaseRole::Manager, None, _) => holds(Subject::Role(BuiltIn::Manager), "base role MANAGER"),
        (BaseRole::User, _, Some(profile)) => holds(Subject::Profile(profile.clone()), "user profile"),
        (BaseRole::User, _, None) => {}
        (BaseRole::Agent, ..) => holds(Subject::Role(BuiltIn::Agent), "base role AGENT"),
        (BaseRole::Service, ..) => holds(Subject::Role(BuiltIn::Service), "base role SERVICE"),
    }
}

fn profile_rules(
    out: &mut Output,
    catalogue: &Catalogue,
    state: &TenantState,
    by_section: &BySection<'_>,
    profile: &Profile,
) -> Result<()> {
    let subject = Subject::Profile(profile.key.clone());
    let performance = origin(OriginKind::Profile, profile.key.as_str(), "profiles see who did what");
    out.allow(&subject, ObjectPattern::parse("data/performance")?, &Action::identify(), &performance);
    for module in catalogue.modules().iter().filter(|module| !module.platform) {
        for section in &module.sections {
            let one = SectionCompiler { subject: &subject, profile, module, section };
            one.compile(out, state, by_section.get(&section.key).map_or(&[], Vec::as_slice))?;
        }
    }
    if profile.mask_sensitive_data {
        mask_rules(out, catalogue, state, profile, &subject)?;
    }
    Ok(())
}

/// Denies a masking profile every view of contacts in full, except where it can edit contacts (R20). Without a licence
/// no user can (R2), whatever the profile says.
fn mask_rules(
    out: &mut Output,
    catalogue: &Catalogue,
    state: &TenantState,
    profile: &Profile,
    subject: &Subject,
) -> Result<()> {
    let lifted: BTreeSet<&str> = catalogue
        .modules()
        .iter()
        .filter(|module| state.is_licensed(catalogue, module.key.as_str()))
        .flat_map(|module| &module.sections)
        .filter(|section| section.unmasked_by_edit && profile.sections.get(&section.key).is_some_and(|own| own.enabled))
        .filter(|section| profile.effective(section).edit)
        .filter_map(|section| Some(section.data_view.as_ref()?.as_str()))
        .collect();
    let from = origin(OriginKind::Profile, profile.key.as_str(), "masks sensitive data");
    for view in catalogue.data_views().iter().filter(|view| view.masks_contacts) {
        if !lifted.contains(view.key.as_str()) {
            let object = ObjectPattern::parse(&format!("data/{}", view.key))?;
            out.add(Rule::deny(subject.clone(), object, (&Action::unmask()).into()), &from);
        }
    }
    Ok(())
}

/// The compiler of one section of one profile.
struct SectionCompiler<'a> {
    subject: &'a Subject,
    profile: &'a Profile,
    module: &'a Module,
    section: &'a Section,
}

impl SectionCompiler<'_> {
    fn compile(&self, out: &mut Output, state: &TenantState, special: &[&Resource]) -> Result<()> {
        let default = ProfileSection::default();
        let own = self.profile.sections.get(&self.section.key).unwrap_or(&default);
        if self.section.download {
            if own.enabled {
                out.allow(self.subject, &self.section.key, &Action::download(), &self.origin("download"));
            }
            return Ok(());
        }
        // The rights that the section gives: its effective rights when it is open, and reading of associated resources
        // when it is not (R13).
        let rights = if own.enabled { self.profile.effective(self.section) } else { Rights::READ };
        if own.enabled {
            self.section_itself(out, own, rights);
        }
        if !self.section.holds_resources {
            return Ok(());
        }
        match &own.association {
            Association::Automatic => {
                let from = self.origin(&format!("AUTOMATIC association of {}", self.section.name));
                self.give(out, &ObjectPattern::below(&self.section.key)?, rights, &from);
            }
            Association::Manual(list) => {
                for key in list {
                    let from = self.origin("associated");
                    self.give(out, &(&Object::resource(&self.section.key, key)).into(), rights, &from);
                }
            }
        }
        for resource in special {
            self.special(out, state, own, rights, resource);
        }
        Ok(())
    }

    fn section_itself(&self, out: &mut Output, own: &ProfileSection, rights: Rights) {
        let from = self.origin(&self.rights_note(own, rights));
        for action in rights.actions() {
            out.allow(self.subject, &self.section.key, &action, &from);
        }
        if own.visible {
            out.allow(self.subject, &self.section.key, &Action::show(), &from);
        }
    }

    /// R16, R34a: a protected resource belongs to every profile; a container gives its members the
    /// rights that it gives itself, to be linked among them.
    fn special(
        &self,
        out: &mut Output,
        state: &TenantState,
        own: &ProfileSection,
        rights: Rights,
        resource: &Resource,
    ) {
        if resource.protected {
            let from = self.origin("protected: belongs to every profile");
            self.give(out, &(&resource.object()).into(), rights, &from);
        }
        let associated = resource.protected || own.association.list().is_none_or(|list| list.contains(&resource.key));
        if associated {
            let from = self.origin(&format!("member of {}", resource.name));
            for member in resource.members.iter().filter(|member| state.resources.contains_key(*member)) {
                self.give(out, &member.into(), rights, &from);
            }
        }
    }

    fn give(&self, out: &mut Output, object: &ObjectPattern, rights: Rights, from: &Origin) {
        for action in rights.actions().chain([Action::link()]) {
            out.allow(self.subject, object.clone(), &action, from);
        }
    }

    /// Names the level that sets the rights of the section, and the rights.
    fn rights_note(&self, own: &ProfileSection, rights: Rights) -> String {
        let whose = if own.rights.is_some() {
            "own permission"
        } else if self.profile.modules.contains_key(&self.module.key) {
            "the module's permission"
        } else {
            "the profile's permission"
        };
        let actions: Vec<Action> = rights.actions().collect();
        format!("{whose} {}", listed(&actions.iter().map(Action::as_str).collect::<Vec<_>>()))
    }

    fn origin(&self, note: &str) -> Origin {
        Origin {
            kind: OriginKind::Profile,
            key: self.profile.key.to_string(),
            module: Some(self.module.key.to_string()),
            section: Some(self.section.key.to_string()),
            note: note.to_owned(),
        }
    }
}

fn permission_rules(
    out: &mut Output,
    catalogue: &Catalogue,
    subject: &Subject,
    permissions: &BTreeSet<PermissionKey>,
    kind: OriginKind,
    key: &str,
) {
    for permission in catalogue.permissions().iter().filter(|permission| permissions.contains(&permission.key)) {
        let from = origin(kind, key, format!("permission {}", permission.name));
        for (object, action) in &permission.pairs {
            out.allow(subject, object.clone(), action, &from);
        }
    }
}

fn role_rules(out: &mut Output, catalogue: &Catalogue, role: &CustomRole) {
    let subject = Subject::Custom(role.key.clone());
    permission_rules(out, catalogue, &subject, &role.permissions, OriginKind::Role, role.key.as_str());
    let from = origin(OriginKind::Role, role.key.as_str(), "grant");
    for grant in &role.grants {
        let (object, action) = (grant.object.clone(), grant.action.clone());
        out.add(Rule::Permission { subject: subject.clone(), object, action, effect: grant.effect }, &from);
    }
}

/// Adds a member's link to their group; a disabled member holds nothing of it (R39, R42).
fn member_rule(out: &mut Output, state: &TenantState, group: &GroupKey, user: &UserKey) {
    let is_member = state.groups.get(group).is_some_and(|group| group.members.contains(user));
    if is_member && state.users.get(user).is_some_and(|user| user.enabled) {
        let rule = Rule::membership(Subject::User(user.clone()), Subject::Group(group.clone()));
        out.add(rule, &origin(OriginKind::Group, group.as_str(), "member of the group"));
    }
}

fn group_rules(out: &mut Output, catalogue: &Catalogue, group: &Group) {
    let subject = Subject::Group(group.key.clone());
    let from = origin(OriginKind::Group, group.key.as_str(), "role of the group");
    for role in &group.roles {
        let role = match role {
            RoleRef::Manager => Subject::Role(BuiltIn::Manager),
            RoleRef::Custom(key) => Subject::Custom(key.clone()),
        };
        out.add(Rule::membership(subject.clone(), role), &from);
    }
    permission_rules(out, catalogue, &subject, &group.permissions, OriginKind::Group, group.key.as_str());
}
