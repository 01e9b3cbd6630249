//! Resources, as hosts tell them (R11, R16, R46).

use std::collections::BTreeSet;

use super::Platform;
use super::change::{Done, Intent, Terms};
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::key::Object;
use crate::domain::key::{ResourceKey, SectionKey, UserKey};
use crate::domain::resource::{NewResource, Resource};
use crate::error::{Error, Result};
use crate::store::page::{Page, PageOf};

fn intent(action: &'static str, section: &SectionKey, terms: Terms) -> Intent {
    let Terms { reason, dry_run } = terms;
    let target = format!("section:{section}");
    Intent { permit: Permit::RESOURCES_EDIT, action, target, reason, gives: true, dry_run }
}

impl Platform {
    /// Registers resources of one section; known ones take the new name, protection and members.
    pub async fn register_resources(
        &self,
        caller: &Caller,
        section: &SectionKey,
        resources: Vec<NewResource>,
        created_by: Option<&UserKey>,
        terms: impl Into<Terms> + Send,
    ) -> Result<Done<()>> {
        self.change(caller, intent("resource.register", section, terms.into()), |draft| {
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
        terms: impl Into<Terms> + Send,
    ) -> Result<Done<()>> {
        self.change(caller, intent("resource.remove", section, terms.into()), |draft| {
            draft.state.remove_resources(draft.catalogue, section, keys)
        })
        .await
    }

    /// A page of the resources of a section, by key; of a section that the tenant does not see, none.
    pub async fn resources(
        &self,
        caller: &Caller,
        section: &SectionKey,
        search: Option<&str>,
        page: Page,
    ) -> Result<PageOf<Resource>> {
        let tenant = self.authorise(caller, Permit::RESOURCES_READ).await?;
        if self.catalogue.section(section.as_str()).is_none() {
            return Err(Error::bad_input(format!("there is no section `{section}`")).at("section"));
        }
        if self.is_hidden(&tenant.policy(), section) {
            return Ok(PageOf::empty());
        }
        self.store.scope(tenant.id).resources(Some(section), search, &page).await
    }

    /// How many resources a section has.
    pub async fn count_resources(&self, caller: &Caller, section: &SectionKey, search: Option<&str>) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RESOURCES_READ).await?;
        if self.is_hidden(&tenant.policy(), section) {
            return Ok(0);
        }
        self.store.scope(tenant.id).resources_count(Some(section), search).await
    }

    /// The resources of these objects, for the host that has just registered them: it is not
    /// asked again.
    pub async fn registered(&self, caller: &Caller, objects: &[Object]) -> Result<Vec<Resource>> {
        self.store.scope(caller.tenant().id).resources_by_objects(objects).await
    }

    /// The resource of this internal id, in a section that the tenant sees.
    pub async fn resource_by_id(&self, caller: &Caller, id: uuid::Uuid) -> Result<Option<Resource>> {
        let tenant = self.authorise(caller, Permit::RESOURCES_READ).await?;
        let found = self.store.scope(tenant.id).resource_by_id(id).await?;
        Ok(found.filter(|resource| !self.is_hidden(&tenant.policy(), &resource.section)))
    }
}
