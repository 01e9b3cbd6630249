//! The catalogue as clients see it.

use std::sync::Arc;

use async_graphql::{Context, Description, Object};

use super::context::caller;
use super::profile::AccessRights;
use crate::domain::catalogue::{self, Rights};
use crate::domain::key::SectionKey;
use crate::error::Result;
use crate::service::Platform;

/// Everything that can be granted: the modules with their sections, the named permissions, the data views.
#[derive(Description)]
pub struct Catalogue {
    whole: Arc<catalogue::Catalogue>,
    modules: Vec<Module>,
}

impl Catalogue {
    /// The catalogue as the tenant sees it: without optional modules that it has no licence for.
    pub(super) fn new(platform: &Platform, listed: Vec<(usize, bool)>) -> Self {
        let whole = Arc::clone(platform.catalogue());
        let modules = listed.into_iter().map(|(index, licensed)| Module { whole: Arc::clone(&whole), index, licensed });
        Self { modules: modules.collect(), whole }
    }
}

#[Object(use_type_description)]
impl Catalogue {
    /// The modules in the order of the menu. Optional ones without a licence are not listed.
    #[graphql(complexity = "super::cost::modules(child_complexity)")]
    async fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The named permissions.
    #[graphql(complexity = "super::cost::permissions(child_complexity)")]
    async fn permissions(&self) -> Vec<Permission> {
        Permission::all(&self.whole)
    }

    /// The data views, by key.
    #[graphql(complexity = "super::cost::data_views(child_complexity)")]
    async fn data_views(&self) -> Vec<&str> {
        self.whole.data_views().iter().map(|view| view.key.as_str()).collect()
    }
}

/// A module: what a licence names, and what a profile saves as a whole.
#[derive(Clone, Description)]
pub struct Module {
    whole: Arc<catalogue::Catalogue>,
    index: usize,
    licensed: bool,
}

impl Module {
    /// The module of this place in the catalogue.
    pub(super) fn new(platform: &Platform, index: usize, licensed: bool) -> Self {
        Self { whole: Arc::clone(platform.catalogue()), index, licensed }
    }

    fn get(&self) -> Option<&catalogue::Module> {
        self.whole.modules().get(self.index)
    }
}

#[Object(use_type_description)]
impl Module {
    /// Key of the module: the first part of its objects.
    async fn key(&self) -> &str {
        self.get().map_or("", |module| module.key.as_str())
    }

    /// Name of the module.
    async fn name(&self) -> &str {
        self.get().map_or("", |module| module.name.as_str())
    }

    /// `true` if the tenant's licence includes the module.
    async fn licensed(&self) -> bool {
        self.licensed
    }

    /// `true` if the module is hidden from tenants without a licence for it.
    async fn optional(&self) -> bool {
        self.get().is_some_and(|module| module.optional)
    }

    /// Sections of the module, in the order of the menu.
    #[graphql(complexity = "super::cost::sections(child_complexity)")]
    async fn sections(&self) -> Vec<Section> {
        let sections = self.get().map_or(&[][..], |module| &module.sections);
        sections
            .iter()
            .map(|section| Section { whole: Arc::clone(&self.whole), key: section.key.to_string() })
            .collect()
    }
}

/// A section of a module.
#[derive(Clone, Description)]
pub struct Section {
    whole: Arc<catalogue::Catalogue>,
    key: String,
}

impl Section {
    /// Finds the section of this key.
    pub(super) fn new(ctx: &Context<'_>, key: &str) -> Result<Self> {
        let (platform, _) = caller(ctx)?;
        Ok(Self { whole: Arc::clone(platform.catalogue()), key: key.to_owned() })
    }

    fn get(&self) -> Option<&catalogue::Section> {
        self.whole.section(&self.key)
    }

    /// Returns the other sections that it names, as far as the caller's tenant sees them.
    async fn others(
        &self,
        ctx: &Context<'_>,
        pick: impl Fn(&catalogue::Section) -> &[SectionKey] + Send,
    ) -> Result<Vec<Self>> {
        let (platform, caller) = caller(ctx)?;
        let seen = platform.seen_sections(caller, self.get().map_or(&[][..], pick)).await?;
        Ok(seen.iter().map(|key| Self { whole: Arc::clone(&self.whole), key: key.to_string() }).collect())
    }
}

#[Object(use_type_description)]
impl Section {
    /// Key of the section with its module's: `voice/queues`.
    async fn key(&self) -> &str {
        &self.key
    }

    /// Name of the section.
    async fn name(&self) -> &str {
        self.get().map_or("", |section| section.name.as_str())
    }

    /// `true` if hosts register resources in the section.
    async fn holds_resources(&self) -> bool {
        self.get().is_some_and(|section| section.holds_resources)
    }

    /// Rights that exist in the section; no profile can give others. A kind of download has none.
    async fn rights(&self) -> AccessRights {
        let none = Rights { read: false, edit: false, delete: false };
        self.get().map_or(none, |section| section.rights).into()
    }

    /// `true` for a kind of download: a profile that opens it gives `download`, and nothing else.
    async fn download(&self) -> bool {
        self.get().is_some_and(|section| section.download)
    }

    /// Sections to remember when this one is configured. Sections of optional modules without a
    /// licence are left out.
    #[graphql(complexity = "super::cost::goes_with(child_complexity)")]
    async fn goes_with(&self, ctx: &Context<'_>) -> Result<Vec<Section>> {
        self.others(ctx, |section| &section.goes_with).await
    }

    /// Sections whose resources can be linked to the resources of this section. Sections of optional modules
    /// without a licence are left out.
    #[graphql(complexity = "super::cost::links(child_complexity)")]
    async fn links(&self, ctx: &Context<'_>) -> Result<Vec<Section>> {
        self.others(ctx, |section| &section.links).await
    }

    /// The data view that it shows.
    async fn data_view(&self) -> Option<&str> {
        self.get().and_then(|section| Some(section.data_view.as_ref()?.as_str()))
    }
}

/// A named permission: a switch of custom roles and groups.
#[derive(Clone, Description)]
pub struct Permission {
    whole: Arc<catalogue::Catalogue>,
    pub(super) key: String,
}

impl Permission {
    fn all(whole: &Arc<catalogue::Catalogue>) -> Vec<Self> {
        whole.permissions().iter().map(|one| Self { whole: Arc::clone(whole), key: one.key.to_string() }).collect()
    }

    /// The permissions of these keys, in the catalogue's order.
    pub(super) fn some(
        platform: &Platform,
        keys: &std::collections::BTreeSet<crate::domain::key::PermissionKey>,
    ) -> Vec<Self> {
        Self::all(platform.catalogue()).into_iter().filter(|one| keys.contains(one.key.as_str())).collect()
    }

    fn get(&self) -> Option<&catalogue::Permission> {
        self.whole.permission(&self.key)
    }
}

#[Object(use_type_description)]
impl Permission {
    /// Key of the permission.
    async fn key(&self) -> &str {
        &self.key
    }

    /// Name of the permission.
    async fn name(&self) -> &str {
        self.get().map_or("", |permission| permission.name.as_str())
    }

    /// Description of the access that the permission opens.
    async fn description(&self) -> &str {
        self.get().map_or("", |permission| permission.description.as_str())
    }

    /// Permissions that must be on together with this one.
    #[graphql(complexity = "super::cost::requires(child_complexity)")]
    async fn requires(&self) -> Vec<Permission> {
        let keys = self.get().map_or(&[][..], |permission| &permission.requires);
        keys.iter().map(|key| Self { whole: Arc::clone(&self.whole), key: key.to_string() }).collect()
    }
}
