//! Resources, as hosts tell them (R11, R16, R46).

use std::collections::BTreeSet;

use super::Platform;
use super::change::{Done, Intent};
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::key::{ResourceKey, SectionKey, UserKey};
use crate::domain::resource::NewResource;
use crate::error::Result;

/// What a host registers gives nobody more than profiles say: no check of what the host may do.
fn intent(action: &'static str, section: &SectionKey, reason: Option<String>) -> Intent {
    Intent { permit: Permit::RESOURCES_EDIT, action, target: format!("section:{section}"), reason, gives: false }
}

impl Platform {
    /// Registers resources of one section; known ones take the new name, protection and members.
    pub async fn register_resources(
        &self,
        caller: &Caller,
        section: &SectionKey,
        resources: Vec<NewResource>,
        created_by: Option<&UserKey>,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        self.change(caller, intent("resource.register", section, reason), |draft| {
            draft.state.register_resources(draft.catalogue, section, resources, created_by, draft.now)
        })
        .await
    }

    /// Removes resources of one section, with their associations and exact grants.
    pub async fn remove_resources(
        &self,
        caller: &Caller,
        section: &SectionKey,
        keys: &BTreeSet<ResourceKey>,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        self.change(caller, intent("resource.remove", section, reason), |draft| {
            draft.state.remove_resources(draft.catalogue, section, keys)
        })
        .await
    }
}
