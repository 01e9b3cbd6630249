//! Resources, as hosts tell them (R11, R16, R46).

use std::collections::BTreeSet;

use crate::auth::caller::Caller;
use crate::domain::key::Object;
use crate::domain::key::{ResourceKey, SectionKey, UserKey};
use crate::domain::link::ItemLists;
use crate::domain::resource::{NewResource, Resource};
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::permit::{Permit, is_admin_or_host};
use crate::service::change::{ChangeOptions, ChangeRequest, Outcome};
use crate::store::page::{Page, PageOf};

impl Platform {
    /// Registers resources of one section; known ones take the new name, protection and members. `links` are
    /// the lists that are told of each of them, in their order: they take the place of what is linked.
    pub async fn resource_register(
        &self,
        caller: &Caller,
        section: &SectionKey,
        resources: Vec<NewResource>,
        links: Vec<ItemLists>,
        created_by: Option<&UserKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        if links.iter().any(|lists| !lists.is_empty()) {
            let tenant = self.authorise(caller, Permit::RESOURCES_EDIT).await?;
            if !is_admin_or_host(caller, &tenant.policy()) {
                return Err(Error::new(ErrorCode::Forbidden, "only admins and host applications tell what is linked"));
            }
        }
        let told = resources.iter().map(|new| new.key.clone()).zip(links).collect();
        let target = format!("section:{section}");
        let intent = ChangeRequest::new(Permit::RESOURCES_EDIT, "resource.register", target, options);
        self.change(caller, intent, |draft| {
            draft.state.register_resources(draft.catalogue, section, resources, created_by, draft.now)?;
            draft.links = draft.state.told_links(draft.catalogue, section, told)?;
            Ok(())
        })
        .await
    }

    /// Removes resources of one section, with their associations and exact grants.
    pub async fn resource_remove(
        &self,
        caller: &Caller,
        section: &SectionKey,
        keys: &BTreeSet<ResourceKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let target = format!("section:{section}");
        let intent = ChangeRequest::new(Permit::RESOURCES_EDIT, "resource.remove", target, options);
        self.change(caller, intent, |draft| draft.state.remove_resources(draft.catalogue, section, keys)).await
    }

    /// Returns a page of the resources of a section, by key; of a section that the tenant does not see, none.
    pub async fn resource_list(
        &self,
        caller: &Caller,
        section: &SectionKey,
        search: Option<&str>,
        page: Page,
    ) -> Result<PageOf<Resource>> {
        let tenant = self.authorise(caller, Permit::RESOURCES_READ).await?;
        if self.parts.catalogue.section(section.as_str()).is_none() {
            return Err(Error::bad_input(format!("there is no section `{section}`")).at("section"));
        }
        if self.is_hidden(&tenant.policy(), section) {
            return Ok(PageOf::empty());
        }
        tenant.scope().resources(Some(section), search, &page).await
    }

    /// Counts the resources of a section.
    pub async fn resource_count(&self, caller: &Caller, section: &SectionKey, search: Option<&str>) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RESOURCES_READ).await?;
        if self.is_hidden(&tenant.policy(), section) {
            return Ok(0);
        }
        tenant.scope().resources_count(Some(section), search).await
    }

    /// Returns the resources of these objects, for the host that has just registered them, without asking again whether
    /// it may see them.
    pub async fn resource_registered(&self, caller: &Caller, objects: &[Object]) -> Result<Vec<Resource>> {
        self.after_change(caller).resources_by_objects(objects).await
    }

    /// Returns the resource of this internal id, in a section that the tenant sees.
    pub async fn resource_get_by_id(&self, caller: &Caller, id: uuid::Uuid) -> Result<Option<Resource>> {
        let tenant = self.authorise(caller, Permit::RESOURCES_READ).await?;
        let found = tenant.scope().resource_by_id(id).await?;
        Ok(found.filter(|resource| !self.is_hidden(&tenant.policy(), &resource.section)))
    }
}
