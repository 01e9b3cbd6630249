//! Smallest changes that would turn a deny into an allow. Each is tried on a copy of the state with the domain's own
//! methods, compiled, and decided by the engine, so that no change is proposed that the domain refuses or that would
//! not help; a deny for want of a licence gets no proposal.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::auth::caller::Caller;
use crate::domain::Change;
use crate::domain::catalogue::{Catalogue, Rights, Section};
use crate::domain::group::{Group, GroupChange};
use crate::domain::key::{Action, ActionPattern, GroupKey, Object, ObjectPattern, ResourceKey, RoleKey, UserKey};
use crate::domain::profile::{Association, ModuleSave, Profile, ProfileChange, SectionSave};
use crate::domain::role::{CustomRole, Effect, Grant, RoleChange, RoleRef};
use crate::domain::tenant::TenantState;
use crate::domain::user::{BaseRole, User, UserChange};
use crate::engine::impact::Objects;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::{DecisionReason, TenantPolicy};
use crate::error::{ErrorCode, Result};
use crate::policy::compile::compile_change;
use crate::policy::diff::{RuleDiff, StatePatch};
use crate::policy::rule::{Origin, OriginKind, Subject};
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::ask::decision::{Query, When};
use crate::service::change::dry_run::told;
use crate::service::policy::rules::NamedOrigin;

/// Maximum number of suggestions.
const GIVEN: usize = 5;
/// Maximum number of profiles, of groups and of roles that are tried.
const TRIED: usize = 100;

/// Change that would turn a deny into an allow.
#[derive(Debug, Clone)]
pub struct Suggestion {
    /// Thing to change.
    pub origin: NamedOrigin,
    /// Sentence that says what to change.
    pub text: String,
}

/// Change to try.
struct Candidate {
    suggestion: Suggestion,
    apply: Apply,
}

type Apply = Box<dyn Fn(&mut TenantState) -> Result<()> + Send>;

impl Platform {
    /// Returns changes that would turn a deny into an allow, starting with those that give the least access. Returns
    /// none for an allow, for a deny for want of a licence, and for callers who cannot see rules.
    pub async fn nearest(&self, caller: &Caller, query: &Query) -> Result<Vec<Suggestion>> {
        let Some(Subject::User(user)) = query.subject.of(caller) else { return Ok(Vec::new()) };
        if matches!(query.when, When::At(_)) {
            return Ok(Vec::new());
        }
        let (policy, view) = match self.read_view(caller, &Permit::RULES_READ).await {
            Err(error) if error.code == ErrorCode::Forbidden => return Ok(Vec::new()),
            looked => looked?,
        };
        let decision = self.answer(caller, &policy, query);
        if decision.allowed || decision.reason == DecisionReason::Unlicensed {
            return Ok(Vec::new());
        }
        let state = self.find_state(&view).await?.state;
        drop(view);
        let Some(user) = state.users.get(&user).cloned() else { return Ok(Vec::new()) };
        let catalogue = Arc::clone(&self.parts.catalogue);
        let (object, action) = (query.object.clone(), query.action.clone());
        self.search(caller.tenant().id, move || {
            let asked = DeniedRequest { catalogue: &catalogue, state: &state, policy: &policy, user, object, action };
            asked.nearest()
        })
        .await?
    }
}

/// Denied request with everything that the answer depends on.
struct DeniedRequest<'a> {
    catalogue: &'a Arc<Catalogue>,
    state: &'a TenantState,
    policy: &'a TenantPolicy,
    user: User,
    object: Object,
    action: Action,
}

impl DeniedRequest<'_> {
    fn nearest(&self) -> Result<Vec<Suggestion>> {
        let told = told(self.catalogue, [self.state])?;
        let objects = Objects::new(told, &self.policy.snapshot);
        let mut found = Vec::new();
        for candidate in self.candidates()? {
            if let Some(opened) = self.opens(&candidate.apply, &objects)? {
                found.push((opened, candidate.suggestion));
            }
        }
        // Changes that give the least access come first; among equals, the order of the candidates stays.
        found.sort_by_key(|(opened, _)| *opened);
        Ok(found.into_iter().take(GIVEN).map(|(_, suggestion)| suggestion).collect())
    }

    /// Returns how much access a change would give, if it can be made and turns the answer.
    fn opens(&self, apply: &Apply, objects: &Objects) -> Result<Option<u64>> {
        let opened = |(after, diff): (Snapshot, RuleDiff)| {
            self.policy.snapshot.impact(&after, &diff, objects, |_| true, 0).gained_count
        };
        Ok(self.turned(apply)?.map(opened))
    }

    /// Returns the rules after a change, if it can be made and turns the answer.
    fn turned(&self, apply: &Apply) -> Result<Option<(Snapshot, RuleDiff)>> {
        let mut state = self.state.clone();
        if apply(&mut state).is_err() {
            return Ok(None);
        }
        let patch = StatePatch::between(self.state, &state);
        let diff = compile_change(self.catalogue, self.state, &state, &patch)?.rules();
        let after = self.policy.snapshot.after(self.policy.counters.revision, &diff);
        let subject = Subject::User(self.user.key.clone());
        let allowed = after.decide(&subject, &self.object, &self.action).allowed;
        Ok(allowed.then_some((after, diff)))
    }

    fn candidates(&self) -> Result<Vec<Candidate>> {
        if !self.user.enabled {
            return Ok(vec![self.enable()]);
        }
        let mut all = Vec::new();
        let profile = self.user.profile.as_ref().and_then(|key| self.state.profiles.get(key));
        if let Some(profile) = profile {
            all.extend(self.in_profile(profile)?);
            all.push(unmask(profile));
        }
        all.extend(self.in_roles());
        all.extend(self.groups_to_join());
        all.extend(self.profiles_to_hold());
        Ok(all)
    }

    fn enable(&self) -> Candidate {
        let key = self.user.key.to_string();
        let version = self.user.version;
        let text = format!("Enable the user {key}.");
        candidate(OriginKind::User, &key.clone(), &key.clone(), text, move |state| {
            state.change_user(&key, version, UserChange { enabled: Some(true), ..UserChange::default() })
        })
    }

    /// Returns the section that the object is or is in, and the resource.
    fn place(&self) -> Option<(&Section, Option<ResourceKey>)> {
        let mut parts = self.object.as_str().splitn(3, '/');
        let (module, section, resource) = (parts.next()?, parts.next()?, parts.next());
        let section = self.catalogue.section(&format!("{module}/{section}"))?;
        Some((section, resource.and_then(|key| ResourceKey::parse(key).ok())))
    }

    /// Returns the smallest sets of these steps that suffice: open the section, associate the resource, let the profile
    /// do more there.
    fn in_profile(&self, profile: &Profile) -> Result<Vec<Candidate>> {
        let Some((section, resource)) = self.place() else { return Ok(Vec::new()) };
        let mut enough: Vec<u8> = Vec::new();
        let mut all = Vec::new();
        // Ordered by the number of steps; a set that contains a sufficient smaller one is skipped.
        for steps in [0b001_u8, 0b010, 0b100, 0b011, 0b101, 0b110, 0b111] {
            if enough.iter().any(|fewer| steps & fewer == *fewer) {
                continue;
            }
            let candidate = self.with_steps(profile, section, resource.as_ref(), steps);
            if self.turned(&candidate.apply)?.is_some() {
                enough.push(steps);
                all.push(candidate);
            }
        }
        Ok(all)
    }

    fn with_steps(&self, profile: &Profile, section: &Section, resource: Option<&ResourceKey>, steps: u8) -> Candidate {
        let settings = profile.sections.get(&section.key).cloned().unwrap_or_default();
        let [associates, opens, widens] = [0b001, 0b010, 0b100].map(|step| steps & step != 0);
        let mut rights = profile.effective(section);
        rights.edit |= self.action == Action::edit();
        rights.delete |= self.action == Action::delete();
        let save = SectionSave {
            section: section.key.clone(),
            enabled: settings.enabled || opens,
            visible: settings.visible || (opens && self.action == Action::show()),
            rights: if widens { Change::Set(Rights { read: true, ..rights }) } else { Change::Keep },
            automatic: section.holds_resources && settings.association == Association::Automatic,
            keep_associated: false,
            resources: None,
            add: resource.filter(|_| associates).cloned().into_iter().collect(),
            remove: BTreeSet::new(),
        };
        let mut parts = Vec::new();
        if opens {
            parts.push(format!("open {}", section.name));
        }
        if let Some(resource) = resource.filter(|_| associates) {
            let named = self.state.resources.get(&Object::resource(&section.key, resource));
            parts.push(format!("associate {}", named.map_or_else(|| resource.to_string(), |it| it.name.to_string())));
        }
        if widens {
            parts.push(format!("let it {} there", self.action));
        }
        let place = self.catalogue.place(section.key.module(), Some(section.key.as_str())).unwrap_or_default();
        let text = format!("In the user profile {} ({place}), {}.", profile.name, parts.join(" and "));
        let (key, version) = (profile.key.to_string(), profile.version);
        let (module, catalogue) = (section.key.module().to_owned(), Arc::clone(self.catalogue));
        let mut made = candidate(OriginKind::Profile, &key.clone(), profile.name.as_str(), text, move |state| {
            let save = ModuleSave { all: None, rights: Change::Keep, sections: Some(vec![save.clone()]) };
            state.save_module(&catalogue, &key, &module, version, save)
        });
        made.suggestion.origin.origin.module = Some(section.key.module().to_owned());
        made.suggestion.origin.origin.section = Some(section.key.to_string());
        made
    }

    /// Returns changes of the user's own role and of their groups' roles: an added permission, an added grant or a
    /// removed denial; and of their groups: an added permission.
    fn in_roles(&self) -> Vec<Candidate> {
        let groups: Vec<&GroupKey> = self.state.groups_of(&self.user.key).collect();
        let of_groups = groups.iter().filter_map(|key| self.state.groups.get(*key)).flat_map(|group| &group.roles);
        let custom = of_groups.filter_map(|role| match role {
            RoleRef::Custom(key) => Some(key),
            RoleRef::Manager => None,
        });
        let roles: BTreeSet<&RoleKey> = self.user.role.iter().chain(custom).collect();
        let permission = self.catalogue.permissions().iter().find(|permission| {
            permission.pairs.iter().any(|(object, action)| *action == self.action && contains(object, &self.object))
        });
        let mut all = Vec::new();
        for role in roles.into_iter().take(TRIED).filter_map(|key| self.state.roles.get(key)) {
            let denies = |grant: &&Grant| {
                grant.effect == Effect::Deny
                    && contains(&grant.object, &self.object)
                    && (grant.action.is_any() || grant.action.as_str() == self.action.as_str())
            };
            let denying: Vec<Grant> = role.grants.iter().filter(denies).cloned().collect();
            if !denying.is_empty() {
                let mut grants = role.grants.clone();
                grants.retain(|grant| !denying.contains(grant));
                let what = format!("take out what denies {} on {}", self.action, self.object);
                all.push(self.in_role(role, &what, RoleChange { grants: Some(grants), ..RoleChange::default() }));
            }
            if let Some(permission) = permission {
                let mut permissions = role.permissions.clone();
                permissions.insert(permission.key.clone());
                permissions.extend(permission.requires.iter().cloned());
                let what = format!("turn the permission {} on", permission.name);
                all.push(self.in_role(
                    role,
                    &what,
                    RoleChange { permissions: Some(permissions), ..RoleChange::default() },
                ));
            }
            let mut grants = role.grants.clone();
            let action = ActionPattern::from(&self.action);
            grants.insert(Grant { object: ObjectPattern::from(&self.object), action, effect: Effect::Allow });
            let what = format!("grant {} on {}", self.action, self.object);
            all.push(self.in_role(role, &what, RoleChange { grants: Some(grants), ..RoleChange::default() }));
        }
        if let Some(permission) = permission {
            for group in groups.into_iter().take(TRIED).filter_map(|key| self.state.groups.get(key)) {
                let mut permissions = group.permissions.clone();
                permissions.insert(permission.key.clone());
                permissions.extend(permission.requires.iter().cloned());
                let text = format!("In the group {}, turn the permission {} on.", group.name, permission.name);
                let (key, version, catalogue) = (group.key.to_string(), group.version, Arc::clone(self.catalogue));
                all.push(candidate(OriginKind::Group, &key.clone(), group.name.as_str(), text, move |state| {
                    let change = GroupChange { permissions: Some(permissions.clone()), ..GroupChange::default() };
                    state.update_group(&catalogue, &key, version, change)
                }));
            }
        }
        all
    }

    fn in_role(&self, role: &CustomRole, what: &str, change: RoleChange) -> Candidate {
        let (key, version, catalogue) = (role.key.to_string(), role.version, Arc::clone(self.catalogue));
        let text = format!("In the role {}, {what}.", role.name);
        candidate(OriginKind::Role, &key.clone(), role.name.as_str(), text, move |state| {
            state.update_role(&catalogue, &key, version, change.clone())
        })
    }

    fn groups_to_join(&self) -> Vec<Candidate> {
        let others = self.state.groups.values().filter(|group| !group.members.contains(&self.user.key));
        let join = |group: &Group| {
            let (key, user) = (group.key.to_string(), self.user.key.clone());
            let text = format!("Put {user} into the group {}.", group.name);
            candidate(OriginKind::Group, &key.clone(), group.name.as_str(), text, move |state| {
                state.add_members(&key, BTreeSet::from([user.clone()]))
            })
        };
        others.take(TRIED).map(join).collect()
    }

    fn profiles_to_hold(&self) -> Vec<Candidate> {
        if self.user.base_role != BaseRole::User {
            return Vec::new();
        }
        let others = self.state.profiles.values().filter(|profile| self.user.profile.as_ref() != Some(&profile.key));
        let hold = |profile: &Profile| {
            let (profile_key, user): (_, UserKey) = (profile.key.clone(), self.user.key.clone());
            let text = format!("Give {user} the user profile {}.", profile.name);
            candidate(OriginKind::Profile, profile.key.as_str(), profile.name.as_str(), text, move |state| {
                state.assign_profile(&profile_key, &BTreeSet::from([user.clone()]))
            })
        };
        others.take(TRIED).map(hold).collect()
    }
}

/// Returns the change that stops masking contacts in a profile (R20).
fn unmask(profile: &Profile) -> Candidate {
    let (key, version) = (profile.key.to_string(), profile.version);
    let text = format!("In the user profile {}, stop masking sensitive data.", profile.name);
    candidate(OriginKind::Profile, &key.clone(), profile.name.as_str(), text, move |state| {
        let change = ProfileChange { mask_sensitive_data: Some(false), ..ProfileChange::default() };
        state.update_profile(&key, version, change)
    })
}

fn candidate(
    kind: OriginKind,
    key: &str,
    name: &str,
    text: String,
    apply: impl Fn(&mut TenantState) -> Result<()> + Send + 'static,
) -> Candidate {
    let origin = Origin { kind, key: key.to_owned(), module: None, section: None, note: String::new() };
    let origin = NamedOrigin { origin, name: name.to_owned() };
    Candidate { suggestion: Suggestion { origin, text }, apply: Box::new(apply) }
}

/// Returns `true` if the pattern is the object, or a prefix of it.
fn contains(pattern: &ObjectPattern, object: &Object) -> bool {
    match pattern.prefix() {
        Some(prefix) => object.as_str().starts_with(prefix),
        None => pattern.as_str() == object.as_str(),
    }
}
