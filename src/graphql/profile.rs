//! User profiles: their modules, sections and associations, and their queries. The inputs and the mutations are in
//! files of their own.

use async_graphql::{ComplexObject, Context, Description, Enum, ID, Object, SimpleObject};

use super::catalogue::{Module, Section};
use super::context::{caller, loaders};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::resource::{Resource, ResourceConnection};
use super::scalar::int;
use super::user::{User, UserConnection};
use crate::domain::catalogue::Rights;
use crate::domain::key::{ProfileKey, SectionKey};
use crate::domain::profile::{self, ProfileSection as Settings};
use crate::error::Result;
use crate::service::admin::profile::{ModuleRow, ProfileRow};

pub mod input;
pub mod mutation;

pub use mutation::ProfileMutation;

/// A named set of access over modules, sections and resources; held by users of base role USER.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Profile {
    /// Opaque id for `node`.
    pub(super) id: ID,
    /// Key of the profile.
    key: String,
    /// Name of the profile, unique in the tenant; it never changes.
    name: String,
    /// Description of the profile's purpose.
    description: String,
    /// Rights that the profile gives where nothing overrides them.
    permission_type: PermissionType,
    /// `true` if the holders of the profile see contacts masked.
    mask_sensitive_data: bool,
    /// Version, which grows with each change; an update names the version that it changes.
    version: i32,
    #[graphql(skip)]
    row: ProfileRow,
}

impl Profile {
    pub(super) fn new(row: ProfileRow) -> Self {
        let profile = &row.profile;
        Self {
            id: node_id(Kind::Profile, profile.id),
            key: profile.key.to_string(),
            name: profile.name.to_string(),
            description: profile.description.clone(),
            permission_type: profile.permission_type.into(),
            mask_sensitive_data: profile.mask_sensitive_data,
            version: profile.version,
            row,
        }
    }
}

#[ComplexObject]
impl Profile {
    /// Modules that a profile can configure, in the catalogue's order. Optional ones without a licence are not listed.
    #[graphql(complexity = "super::cost::modules(child_complexity)")]
    async fn modules(&self, ctx: &Context<'_>) -> Result<Vec<ProfileModule>> {
        let modules = loaders(ctx)?.profile_modules(&self.row).await?;
        Ok(modules.into_iter().map(|module| ProfileModule { profile: self.row.clone(), module }).collect())
    }

    /// Module of the profile, by key.
    async fn module(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The module's key.")] key: String,
    ) -> Result<Option<ProfileModule>> {
        let modules = loaders(ctx)?.profile_modules(&self.row).await?;
        let found = modules.into_iter().find(|module| module.key.as_str() == key);
        Ok(found.map(|module| ProfileModule { profile: self.row.clone(), module }))
    }

    /// Users who hold the profile, by name.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<UserConnection> {
        let (platform, caller) = caller(ctx)?;
        let key = self.row.profile.key.clone();
        let tenant = caller.tenant().id;
        let found = platform.profile_holders(caller, &key, page(first, after.as_deref(), None, None)?).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let key = key.clone();
            Box::pin(async move { platform.profile_holder_count(&caller, &key).await }) as _
        };
        Ok(UserConnection::new(found, |row| User::new(tenant, row), Box::new(count)))
    }

    /// Number of users who hold the profile.
    async fn user_count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders(ctx)?.profile_users(&self.row.profile.key).await.map(int)
    }
}

connection!(ProfileConnection, ProfileEdge, Profile, "user profiles");

/// A module as a profile has it.
#[derive(Description)]
pub struct ProfileModule {
    profile: ProfileRow,
    module: ModuleRow,
}

#[Object(use_type_description)]
impl ProfileModule {
    /// Module of the catalogue.
    async fn module(&self, ctx: &Context<'_>) -> Result<Module> {
        let (platform, _) = caller(ctx)?;
        Ok(Module::new(platform, self.module.index, self.module.licensed))
    }

    /// State of the module in the profile: the colour of its icon.
    async fn state(&self) -> ModuleState {
        self.module.state.into()
    }

    /// Rights that override the profile's permission type in this module.
    #[graphql(name = "override")]
    async fn rights(&self) -> Option<AccessRights> {
        self.profile.profile.modules.get(&self.module.key).copied().map(Into::into)
    }

    /// Sections of the module, in the order of the menu.
    #[graphql(complexity = "super::cost::sections(child_complexity)")]
    async fn sections(&self) -> Vec<ProfileSection> {
        let section = |key: &SectionKey| ProfileSection { profile: self.profile.clone(), key: key.clone() };
        self.module.sections.iter().map(section).collect()
    }
}

/// A section as a profile has it.
#[derive(Description)]
pub struct ProfileSection {
    profile: ProfileRow,
    key: SectionKey,
}

impl ProfileSection {
    fn settings(&self) -> Settings {
        self.profile.profile.sections.get(&self.key).cloned().unwrap_or_default()
    }
}

#[Object(use_type_description)]
impl ProfileSection {
    /// Section of the catalogue.
    async fn section(&self, ctx: &Context<'_>) -> Result<Section> {
        Section::new(ctx, self.key.as_str())
    }

    /// `true` if the profile opens the section.
    async fn enabled(&self) -> bool {
        self.settings().enabled
    }

    /// `true` if the section stands in the menu once it is open.
    async fn visible(&self) -> bool {
        self.settings().visible
    }

    /// Rights that override the module's or the profile's rights in this section.
    #[graphql(name = "override")]
    async fn rights(&self) -> Option<AccessRights> {
        self.settings().rights.map(Into::into)
    }

    /// Rights in the section once it is open: its own override, else the module's, else the profile's permission type,
    /// limited to the rights that exist in the section.
    async fn effective(&self, ctx: &Context<'_>) -> Result<AccessRights> {
        let (platform, _) = caller(ctx)?;
        let section = platform.catalogue().section(self.key.as_str());
        Ok(section.map_or(Rights::READ, |section| self.profile.profile.effective(section)).into())
    }

    /// Way in which the section takes its resources: all of them automatically, or a list.
    async fn association(&self) -> Association {
        match self.settings().association {
            profile::Association::Automatic => Association::Automatic,
            profile::Association::Manual(_) => Association::Manual,
        }
    }

    /// Resources that the profile has in the section, protected ones among them, by key.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
    ) -> Result<ResourceConnection> {
        self.listed(ctx, true, first, after, search).await
    }

    /// Number of resources that the profile has in the section.
    async fn resource_count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders(ctx)?.profile_resources(&self.profile, &self.key).await.map(int)
    }

    /// Resources of the section that the profile does not have yet, by key.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn available(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
    ) -> Result<ResourceConnection> {
        self.listed(ctx, false, first, after, search).await
    }
}

impl ProfileSection {
    async fn listed(
        &self,
        ctx: &Context<'_>,
        associated: bool,
        first: Option<i32>,
        after: Option<String>,
        search: Option<String>,
    ) -> Result<ResourceConnection> {
        let (platform, caller) = caller(ctx)?;
        let (profile, section) = (self.profile.profile.key.clone(), self.key.clone());
        let wanted = page(first, after.as_deref(), None, None)?;
        let found = platform
            .profile_section_resources(caller, &profile, &section, associated, search.as_deref(), wanted)
            .await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let (profile, section, search) = (profile.clone(), section.clone(), search.clone());
            Box::pin(async move {
                platform
                    .profile_count_section_resources(&caller, &profile, &section, associated, search.as_deref())
                    .await
            }) as _
        };
        Ok(ResourceConnection::new(found, Resource::new, Box::new(count)))
    }
}

/// The rights that a profile gives where nothing overrides them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "profile::PermissionType")]
pub enum PermissionType {
    /// See.
    Read,
    /// See and change.
    ReadEdit,
    /// See and delete.
    ReadDelete,
    /// See, change and delete.
    ReadEditDelete,
}

/// The extent to which a profile has opened a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "profile::ModuleState")]
pub enum ModuleState {
    /// Not in the licence (red): nothing can be configured.
    Unlicensed,
    /// No section enabled, nothing associated (grey).
    Disabled,
    /// Anything between (orange).
    Partial,
    /// All sections enabled, with all their resources (green).
    Full,
}

/// The choice of the resources that a profile takes in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Association {
    /// A list of resources, and those that the holders create.
    Manual,
    /// All resources, present and future.
    Automatic,
}

/// The rights to read, edit and delete.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct AccessRights {
    /// `true` if the right to see is included.
    read: bool,
    /// `true` if the right to change and create is included.
    edit: bool,
    /// `true` if the right to delete is included.
    delete: bool,
}

impl From<Rights> for AccessRights {
    fn from(Rights { read, edit, delete }: Rights) -> Self {
        Self { read, edit, delete }
    }
}

/// Queries of user profiles.
#[derive(Default)]
pub struct ProfileQuery;

#[Object]
impl ProfileQuery {
    /// The user profiles, by name.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn profiles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<ProfileConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform
            .profile_list(caller, search.as_deref(), page(first, after.as_deref(), last, before.as_deref())?)
            .await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let search = search.clone();
            Box::pin(async move { platform.profile_count(&caller, search.as_deref()).await }) as _
        };
        Ok(ProfileConnection::new(found, Profile::new, Box::new(count)))
    }

    /// The user profile of this key.
    async fn profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile's key.")] key: String,
    ) -> Result<Option<Profile>> {
        let (platform, caller) = caller(ctx)?;
        let Ok(key) = ProfileKey::parse(&key) else { return Ok(None) };
        Ok(platform.profile_get(caller, &key).await?.map(Profile::new))
    }
}
