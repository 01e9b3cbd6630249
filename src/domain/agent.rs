//! Agents: each is a user of base role AGENT and, under the same key, a resource (R34). The state knows no names of
//! persons, so a change of it brings the names of the agents to register.

use std::collections::BTreeSet;

use super::catalogue::{Catalogue, Section};
use super::key::{Object, ResourceKey, SectionKey, UserKey};
use super::name::Timestamp;
use super::resource::{NewResource, protected};
use super::tenant::TenantState;
use super::user::{BaseRole, User};
use crate::error::{Error, ErrorCode, Result};

impl TenantState {
    /// Returns whether a user of base role AGENT has this key.
    pub fn is_agent(&self, key: &str) -> bool {
        is_agent(self.users.get(key))
    }

    /// Returns the agents that `before` did not know as such.
    pub fn agents_made<'a>(&'a self, catalogue: &Catalogue, before: &'a Self) -> Vec<&'a UserKey> {
        if section(catalogue).is_none() {
            return Vec::new();
        }
        let made = before.users.differing(&self.users).filter(|user| is_agent(user.is) && !is_agent(user.was));
        made.map(|user| user.key).collect()
    }

    /// Returns the agents that are no resource yet: from a time when none of them was, or under a catalogue that had no
    /// section for them.
    pub fn agents_unregistered(&self, catalogue: &Catalogue) -> Vec<&UserKey> {
        if section(catalogue).is_none() {
            return Vec::new();
        }
        let agents = self.users.values().filter(|user| is_agent(Some(user))).map(|user| &user.key);
        agents.filter(|key| !self.resources.contains_key(&Object::agent(key))).collect()
    }

    /// Makes the resources follow the users since `before`: those of `agents` that are agents are registered or
    /// renamed, and resources of users that are agents no more are removed (R46). Agents that the change itself made
    /// are the creator's: their profile gets them where its list is manual (R11). One that the host had registered is
    /// taken over as it is.
    pub fn follow_agents(
        &mut self,
        catalogue: &Catalogue,
        before: &Self,
        agents: Vec<NewResource>,
        creator: Option<&UserKey>,
        now: Timestamp,
    ) -> Result<()> {
        let Some(section) = section(catalogue) else { return Ok(()) };
        self.remove_left_agents(section, before)?;
        for agent in agents {
            let key = agent.key.clone();
            if !self.is_agent(key.as_str()) {
                continue;
            }
            let creator = creator.filter(|_| !before.is_agent(key.as_str()));
            let known = self.resources.get(&Object::resource(&section.key, &key));
            let agent = NewResource { protected: known.is_some_and(|known| known.protected), ..agent };
            let profile = creator.and_then(|creator| self.users.get(creator)?.profile.clone());
            if self.put_resource(section, agent, creator, now)?
                && let Some(profile) = profile
            {
                self.associate_created(&profile, &section.key, key);
            }
        }
        Ok(())
    }

    fn remove_left_agents(&mut self, section: &Section, before: &Self) -> Result<()> {
        let differing = before.users.differing(&self.users);
        let mut left = BTreeSet::new();
        for user in differing.filter(|user| is_agent(user.was) && !is_agent(user.is)) {
            let Some(resource) = self.resources.get(&Object::agent(user.key)) else { continue };
            if resource.protected {
                return Err(protected(&resource.key).at("key"));
            }
            left.insert(resource.key.clone());
        }
        if !left.is_empty() {
            self.clear_resources(&section.key, &left);
        }
        Ok(())
    }

    /// Returns what a host tells of an agent, with the name kept where the agent is a user: users alone decide about
    /// their names.
    pub(super) fn preserve_agent_name(&self, spec: &Section, told: NewResource) -> NewResource {
        let known = self.resources.get(&Object::resource(&spec.key, &told.key));
        match known.filter(|known| spec.key == SectionKey::agents() && self.is_agent(known.key.as_str())) {
            Some(known) => NewResource { name: known.name.clone(), ..told },
            None => told,
        }
    }

    /// Refuses to remove a resource that is a user.
    pub(super) fn refuse_if_user(&self, section: &SectionKey, key: &ResourceKey) -> Result<()> {
        if *section != SectionKey::agents() || !self.is_agent(key.as_str()) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::ProtectedResource,
            format!("`{key}` is a user: delete the user, or give it another base role, and the agent goes with it"),
        )
        .at("keys"))
    }
}

fn is_agent(user: Option<&User>) -> bool {
    user.is_some_and(|user| user.base_role == BaseRole::Agent)
}

/// Returns the section of the agents, when the catalogue has one that holds resources.
fn section(catalogue: &Catalogue) -> Option<&Section> {
    catalogue.section(SectionKey::agents().as_str()).filter(|section| section.holds_resources)
}
