//! Resources: references to objects that the host owns (R11, R16, R34a, R46). Resources of the agents are users as
//! well: see [`agent`](super::agent).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::catalogue::{Catalogue, Section};
use super::key::{Object, ProfileKey, ResourceKey, SectionKey, UserKey};
use super::name::{Name, Timestamp};
use super::profile::Association;
use super::role::Grant;
use super::tenant::TenantState;
use crate::error::{Error, ErrorCode, Result};

/// The most things that one call changes: resources, users.
pub const BATCH_MAX: usize = 1000;

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Internal id, never used again.
    pub id: Uuid,
    /// The section that it is in.
    pub section: SectionKey,
    /// The host's id of it.
    pub key: ResourceKey,
    /// Its name for people.
    pub name: Name,
    /// `true` if the resource belongs to every profile (R16).
    pub protected: bool,
    /// The resources that are in it (R34a): a team's agents.
    pub members: BTreeSet<Object>,
    /// The user who made it, if the host said so and the user still exists.
    pub created_by: Option<UserKey>,
    /// Time of the registration.
    pub created_at: Timestamp,
}

impl Resource {
    /// Its object: `module/section/resource`.
    pub fn object(&self) -> Object {
        Object::resource(&self.section, &self.key)
    }
}

/// A resource as the host tells it.
#[derive(Debug, Clone)]
pub struct NewResource {
    /// The internal id, for when it is new.
    pub id: Uuid,
    /// The host's id of it.
    pub key: ResourceKey,
    /// Its name for people.
    pub name: Name,
    /// `true` if the resource belongs to every profile.
    pub protected: bool,
    /// The resources that are in it; `None` keeps what is there.
    pub members: Option<BTreeSet<Object>>,
}

impl TenantState {
    /// Registers resources of one section: new ones are added, known ones take the new name,
    /// protection and members. A profile whose holder created a new one gets it as well, where
    /// its list is manual (R11). Works while the module is unlicensed (R46).
    pub fn register_resources(
        &mut self,
        catalogue: &Catalogue,
        section: &SectionKey,
        resources: Vec<NewResource>,
        created_by: Option<&UserKey>,
        now: Timestamp,
    ) -> Result<()> {
        let spec = holding_section(catalogue, section)?;
        check_batch(resources.len(), "resources")?;
        let profile = match created_by {
            None => None,
            Some(user) => {
                let user = self.users.get(user).ok_or_else(|| Error::not_found("user", user).at("createdBy"))?;
                user.profile.clone()
            }
        };
        let mut named = BTreeSet::new();
        for (i, resource) in resources.into_iter().enumerate() {
            let place = |error: Error| error.at(i.to_string()).at("resources");
            if !named.insert(resource.key.clone()) {
                return Err(place(Error::invalid(format!("`{}` is named twice", resource.key)).at("key")));
            }
            let key = resource.key.clone();
            let resource = self.preserve_agent_name(spec, resource);
            let is_new = self.put_resource(spec, resource, created_by, now).map_err(place)?;
            if let (true, Some(profile)) = (is_new, &profile) {
                self.associate_created(profile, section, key);
            }
        }
        Ok(())
    }

    /// Returns the resources of one section, by key.
    pub(super) fn resources_in<'a>(&'a self, section: &'a SectionKey) -> impl Iterator<Item = &'a Resource> {
        self.resources.values().filter(move |resource| resource.section == *section)
    }

    /// Adds a resource, or changes the one of its key. Returns whether it is new.
    pub(super) fn put_resource(
        &mut self,
        spec: &Section,
        new: NewResource,
        created_by: Option<&UserKey>,
        now: Timestamp,
    ) -> Result<bool> {
        let object = Object::resource(&spec.key, &new.key);
        if let Some(members) = &new.members {
            self.check_members(spec, members)?;
        }
        if !new.protected && spec.built_in.iter().any(|built_in| built_in.protected && built_in.key == new.key) {
            return Err(protected(&new.key).at("protected"));
        }
        let before = self.resources.get(&object);
        let resource = Resource {
            id: before.map_or(new.id, |before| before.id),
            section: spec.key.clone(),
            key: new.key,
            name: new.name,
            protected: new.protected,
            members: new.members.or_else(|| before.map(|before| before.members.clone())).unwrap_or_default(),
            created_by: before.map_or_else(|| created_by.cloned(), |before| before.created_by.clone()),
            created_at: before.map_or(now, |before| before.created_at),
        };
        Ok(self.resources.insert(object, resource))
    }

    fn check_members(&self, spec: &Section, members: &BTreeSet<Object>) -> Result<()> {
        let of = match &spec.members {
            None if members.is_empty() => return Ok(()),
            None => return Err(Error::invalid(format!("resources of `{}` have no members", spec.key)).at("members")),
            Some(of) => of,
        };
        for member in members {
            if member.as_resource().is_none_or(|(section, _)| section != *of) {
                let message = format!("members of `{}` are resources of `{of}`, and `{member}` is none", spec.key);
                return Err(Error::invalid(message).at("members"));
            }
            if !self.resources.contains_key(member) {
                return Err(Error::not_found("resource", member).at("members"));
            }
        }
        Ok(())
    }

    /// Puts a resource into the manual list of a profile whose holder made it (R11).
    pub(super) fn associate_created(&mut self, profile: &ProfileKey, section: &SectionKey, key: ResourceKey) {
        if let Some(profile) = self.profiles.get_mut(profile)
            && let Association::Manual(list) = &mut profile.sections.entry(section.clone()).or_default().association
        {
            list.insert(key);
            profile.version += 1;
        }
    }

    /// Removes resources of one section with their associations, memberships and exact grants;
    /// one that is registered later under the same key inherits nothing (R46).
    pub fn remove_resources(
        &mut self,
        catalogue: &Catalogue,
        section: &SectionKey,
        keys: &BTreeSet<ResourceKey>,
    ) -> Result<()> {
        holding_section(catalogue, section)?;
        check_batch(keys.len(), "keys")?;
        for key in keys {
            let object = Object::resource(section, key);
            let resource =
                self.resources.get(&object).ok_or_else(|| Error::not_found("resource", &object).at("keys"))?;
            if resource.protected {
                return Err(protected(key).at("keys"));
            }
            self.refuse_if_user(section, key)?;
        }
        self.clear_resources(section, keys);
        Ok(())
    }

    /// Clears all that names these resources of one section, and the resources themselves (R46).
    pub(super) fn clear_resources(&mut self, section: &SectionKey, keys: &BTreeSet<ResourceKey>) {
        let objects: BTreeSet<Object> = keys.iter().map(|key| Object::resource(section, key)).collect();
        for object in &objects {
            self.resources.remove(object);
        }
        self.resources.change(
            |resource| !resource.members.is_disjoint(&objects),
            |resource| resource.members.retain(|member| !objects.contains(member)),
        );
        self.profiles.change(
            |profile| {
                let own = profile.sections.get(section);
                own.and_then(|own| own.association.list()).is_some_and(|list| !list.is_disjoint(keys))
            },
            |profile| {
                if let Some(Association::Manual(list)) = profile.sections.get_mut(section).map(|it| &mut it.association)
                {
                    list.retain(|key| !keys.contains(key));
                    profile.version += 1;
                }
            },
        );
        let is_gone = |grant: &Grant| objects.contains(resource_of(grant.object.as_str()));
        self.roles.change(
            |role| role.grants.iter().any(is_gone),
            |role| {
                role.grants.retain(|grant| !is_gone(grant));
                role.version += 1;
            },
        );
    }
}

/// Returns the section of this key, when it holds resources.
fn holding_section<'a>(catalogue: &'a Catalogue, section: &SectionKey) -> Result<&'a Section> {
    let spec = catalogue.section(section.as_str()).ok_or_else(|| Error::not_found("section", section).at("section"))?;
    if spec.holds_resources {
        return Ok(spec);
    }
    Err(Error::invalid(format!("`{section}` holds no resources")).at("section"))
}

/// Returns the resource in the object of a grant on it or on anything below it: the first three segments, without what
/// follows.
fn resource_of(object: &str) -> &str {
    object.match_indices('/').nth(2).and_then(|(end, _)| object.get(..end)).unwrap_or(object)
}

pub(super) fn check_batch(len: usize, field: &str) -> Result<()> {
    if (1..=BATCH_MAX).contains(&len) {
        return Ok(());
    }
    Err(Error::invalid(format!("1 to {BATCH_MAX} at once are allowed")).at(field))
}

/// Returns the refusal to remove what belongs to every profile (R16).
pub(super) fn protected(key: &ResourceKey) -> Error {
    Error::new(ErrorCode::ProtectedResource, format!("`{key}` belongs to every profile and cannot be removed"))
}
