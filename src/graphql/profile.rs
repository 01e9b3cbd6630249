//! User profiles: their modules, sections and associations.

use async_graphql::{ComplexObject, Context, Description, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::catalogue::{Module, Section};
use super::context::{caller, loaders};
use super::input::{change, parse, parse_all, parse_opt};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::payload::payload;
use super::resource::{Resource, ResourceConnection};
use super::role::description;
use super::scalar::int;
use super::user::{User, UserConnection};
use crate::domain::catalogue::Rights;
use crate::domain::key::{ModuleKey, ProfileKey, ResourceKey, SectionKey};
use crate::domain::name::{Name, check_description};
use crate::domain::profile::{self, ModuleSave, NewProfile, ProfileChange, ProfileSection as Settings, SectionSave};
use crate::error::Result;
use crate::service::profile::{ModuleRow, ProfileRow};

/// A named set of access over modules, sections and resources; held by users of base role USER.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Profile {
    /// The opaque id for `node`.
    pub(super) id: ID,
    /// Its key.
    key: String,
    /// Its name, unique in the tenant; it never changes.
    name: String,
    /// What it is for.
    description: String,
    /// What it gives where nothing overrides it.
    permission_type: PermissionType,
    /// Whether its holders see contacts masked.
    mask_sensitive_data: bool,
    /// Grows with each change; updates name the version that they change.
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
    /// The modules that a profile can configure, in the catalogue's order. Optional ones without
    /// a licence are not listed.
    #[graphql(complexity = "25 * child_complexity")]
    async fn modules(&self, ctx: &Context<'_>) -> Result<Vec<ProfileModule>> {
        let modules = loaders(ctx)?.profile_modules(&self.row).await?;
        Ok(modules.into_iter().map(|module| ProfileModule { profile: self.row.clone(), module }).collect())
    }

    /// One module.
    async fn module(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The module's key.")] key: String,
    ) -> Result<Option<ProfileModule>> {
        let modules = loaders(ctx)?.profile_modules(&self.row).await?;
        let found = modules.into_iter().find(|module| module.key.as_str() == key);
        Ok(found.map(|module| ProfileModule { profile: self.row.clone(), module }))
    }

    /// The users that hold it, by name.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
    ) -> Result<UserConnection> {
        let (platform, caller) = caller(ctx)?;
        let key = self.row.profile.key.clone();
        let tenant = caller.tenant().id;
        let found = platform.holders(caller, &key, page(first, after.as_deref(), None, None)?).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let key = key.clone();
            Box::pin(async move { platform.holder_count(&caller, &key).await }) as _
        };
        Ok(UserConnection::new(found, |row| User::new(tenant, row), Box::new(count)))
    }

    /// How many users hold it.
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
    /// The module.
    async fn module(&self, ctx: &Context<'_>) -> Result<Module> {
        let (platform, _) = caller(ctx)?;
        Ok(Module::new(platform, self.module.index, self.module.licensed))
    }

    /// How far the profile has opened it: the colour of its icon.
    async fn state(&self) -> ModuleState {
        self.module.state.into()
    }

    /// What overrides the profile's permission type in this module.
    #[graphql(name = "override")]
    async fn rights(&self) -> Option<AccessRights> {
        self.profile.profile.modules.get(&self.module.key).copied().map(Into::into)
    }

    /// Its sections, in the order of the menu.
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
    /// The section.
    async fn section(&self, ctx: &Context<'_>) -> Result<Section> {
        Section::new(ctx, self.key.as_str())
    }

    /// Whether it is open.
    async fn enabled(&self) -> bool {
        self.settings().enabled
    }

    /// Whether it stands in the menu, once it is open.
    async fn visible(&self) -> bool {
        self.settings().visible
    }

    /// What overrides the module's or the profile's permission here.
    #[graphql(name = "override")]
    async fn rights(&self) -> Option<AccessRights> {
        self.settings().rights.map(Into::into)
    }

    /// What holds here once it is open: its own override, else the module's, else the profile's
    /// permission type, as far as the section has these rights at all.
    async fn effective(&self, ctx: &Context<'_>) -> Result<AccessRights> {
        let (platform, _) = caller(ctx)?;
        let section = platform.catalogue.section(self.key.as_str());
        Ok(section.map_or(Rights::READ, |section| self.profile.profile.effective(section)).into())
    }

    /// Whether it takes all its resources by itself, or a list of them.
    async fn association(&self) -> Association {
        match self.settings().association {
            profile::Association::Automatic => Association::Automatic,
            profile::Association::Manual(_) => Association::Manual,
        }
    }

    /// The resources that the profile has here, protected ones among them, by key.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "A part of the key or the name.")] search: Option<String>,
    ) -> Result<ResourceConnection> {
        self.listed(ctx, true, first, after, search).await
    }

    /// How many resources the profile has here.
    async fn resource_count(&self, ctx: &Context<'_>) -> Result<i32> {
        loaders(ctx)?.profile_resources(&self.profile, &self.key).await.map(int)
    }

    /// The resources that the profile does not have here yet, by key.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn available(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "A part of the key or the name.")] search: Option<String>,
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
        let found =
            platform.section_resources(caller, &profile, &section, associated, search.as_deref(), wanted).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let (profile, section, search) = (profile.clone(), section.clone(), search.clone());
            Box::pin(async move {
                platform.count_section_resources(&caller, &profile, &section, associated, search.as_deref()).await
            }) as _
        };
        Ok(ResourceConnection::new(found, Resource::new, Box::new(count)))
    }
}

/// What a profile gives where nothing overrides it.
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

/// How far a profile has opened a module.
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

/// Which resources of a section a profile takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Association {
    /// A list of them, and what its holders create.
    Manual,
    /// All, present and future.
    Automatic,
}

/// Which of read, edit and delete hold.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct AccessRights {
    /// See.
    read: bool,
    /// Change, and create.
    edit: bool,
    /// Delete.
    delete: bool,
}

impl From<Rights> for AccessRights {
    fn from(Rights { read, edit, delete }: Rights) -> Self {
        Self { read, edit, delete }
    }
}

/// Which of read, edit and delete hold. Read always does.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct AccessRightsInput {
    /// See: always true.
    read: bool,
    /// Change, and create.
    edit: bool,
    /// Delete.
    delete: bool,
}

impl From<AccessRightsInput> for Rights {
    fn from(AccessRightsInput { read, edit, delete }: AccessRightsInput) -> Self {
        Self { read, edit, delete }
    }
}

/// Makes a profile, which permits nothing yet.
#[derive(InputObject)]
pub struct ProfileCreateInput {
    /// Its key; made from the name when absent.
    key: Option<String>,
    /// Its name, unique in the tenant; it never changes.
    name: String,
    /// What it is for.
    #[graphql(default)]
    description: String,
    /// What it gives where nothing overrides it.
    permission_type: PermissionType,
    /// Whether its holders see contacts masked.
    #[graphql(default)]
    mask_sensitive_data: bool,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

impl ProfileCreateInput {
    fn new_profile(self) -> Result<NewProfile> {
        check_description(&self.description)?;
        Ok(NewProfile {
            id: uuid::Uuid::now_v7(),
            key: parse_opt("key", self.key.as_deref(), ProfileKey::parse)?,
            name: parse("name", &self.name, Name::parse)?,
            description: self.description,
            permission_type: self.permission_type.into(),
            mask_sensitive_data: self.mask_sensitive_data,
        })
    }
}

/// Changes a profile as a whole. What is absent stays; null empties.
#[derive(InputObject)]
pub struct ProfileUpdateInput {
    /// Its key.
    key: String,
    /// The version that is changed.
    version: i32,
    /// Another description.
    description: MaybeUndefined<String>,
    /// Another permission type.
    permission_type: Option<PermissionType>,
    /// Masking on or off.
    mask_sensitive_data: Option<bool>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Saves one module of a profile as a whole: all of it changes or nothing.
#[derive(InputObject)]
pub struct ProfileSaveModuleInput {
    /// The profile's key.
    profile: String,
    /// The module's key.
    module: String,
    /// The profile's version that is changed.
    version: i32,
    /// The module switch: everything open, seen, automatic and inheriting; or nothing at all. Not
    /// together with sections.
    all: Option<bool>,
    /// The module's override; null clears it.
    #[graphql(name = "override")]
    rights: MaybeUndefined<AccessRightsInput>,
    /// The sections that change; an absent one stays as it is.
    sections: Option<Vec<ProfileSectionInput>>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// What one section is saved as.
#[derive(InputObject)]
pub struct ProfileSectionInput {
    /// The section's key with its module's: `voice/queues`.
    section: String,
    /// Whether it is open.
    enabled: bool,
    /// Whether it stands in the menu.
    visible: bool,
    /// Its override; null clears it.
    #[graphql(name = "override")]
    rights: MaybeUndefined<AccessRightsInput>,
    /// All its resources, or a list.
    association: Association,
    /// The whole list of resources, by key,
    resources: Option<Vec<String>>,
    /// or what to add to it
    add_resources: Option<Vec<String>>,
    /// and what to take from it.
    remove_resources: Option<Vec<String>>,
}

impl ProfileSectionInput {
    fn save(self) -> Result<SectionSave> {
        let keys = |field: &str, list: Option<Vec<String>>| {
            list.map(|list| parse_all(field, &list, ResourceKey::parse)).transpose()
        };
        Ok(SectionSave {
            section: parse("section", &self.section, SectionKey::parse)?,
            enabled: self.enabled,
            visible: self.visible,
            rights: change(self.rights, |rights| Ok(rights.into()))?,
            automatic: self.association == Association::Automatic,
            resources: keys("resources", self.resources)?,
            add: keys("addResources", self.add_resources)?.unwrap_or_default(),
            remove: keys("removeResources", self.remove_resources)?.unwrap_or_default(),
        })
    }
}

fn sections(input: Option<Vec<ProfileSectionInput>>) -> Result<Option<Vec<SectionSave>>> {
    let Some(sections) = input else { return Ok(None) };
    let place = |(i, section): (usize, ProfileSectionInput)| {
        section.save().map_err(|error| error.at(i.to_string()).at("sections"))
    };
    sections.into_iter().enumerate().map(place).collect::<Result<_>>().map(Some)
}

/// Copies a profile: everything but its name and its users.
#[derive(InputObject)]
pub struct ProfileCloneInput {
    /// The key of the profile to copy.
    key: String,
    /// The copy's key; made from its name when absent.
    new_key: Option<String>,
    /// The copy's name.
    new_name: String,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Deletes a profile that no user holds.
#[derive(InputObject)]
pub struct ProfileDeleteInput {
    /// Its key.
    key: String,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

payload! {
    /// A new profile.
    ProfileCreatePayload {
        /// The profile.
        profile: Profile,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A changed profile.
    ProfileUpdatePayload {
        /// The profile as it is now.
        profile: Profile,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A profile with a saved module.
    ProfileSaveModulePayload {
        /// The profile as it is now.
        profile: Profile,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A copied profile.
    ProfileClonePayload {
        /// The copy.
        profile: Profile,
        /// The tenant's policy version.
        revision: i32,
    }
}

payload! {
    /// A deleted profile.
    ProfileDeletePayload {
        /// The key of the profile that is gone.
        key: String,
        /// The tenant's policy version.
        revision: i32,
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
        #[graphql(desc = "A part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<ProfileConnection> {
        let (platform, caller) = caller(ctx)?;
        let found = platform
            .profiles(caller, search.as_deref(), page(first, after.as_deref(), last, before.as_deref())?)
            .await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let search = search.clone();
            Box::pin(async move { platform.count_profiles(&caller, search.as_deref()).await }) as _
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
        Ok(platform.profile(caller, &key).await?.map(Profile::new))
    }
}

/// Mutations of user profiles.
#[derive(Default)]
pub struct ProfileMutation;

#[Object]
impl ProfileMutation {
    /// Makes a profile with every module and section disabled.
    async fn profile_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to make.")] mut input: ProfileCreateInput,
    ) -> Result<ProfileCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            let reason = input.reason.take();
            let done = platform.create_profile(caller, input.new_profile()?, reason).await?;
            Ok(ProfileCreatePayload {
                profile: platform.changed_profile(caller, &done.value).await?.map(Profile::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        ProfileCreatePayload::of(made.await)
    }

    /// Changes a profile's description, permission type or masking.
    async fn profile_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile and what changes.")] input: ProfileUpdateInput,
    ) -> Result<ProfileUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let key = parse("key", &input.key, ProfileKey::parse)?;
            let change = ProfileChange {
                description: description(input.description)?,
                permission_type: input.permission_type.map(Into::into),
                mask_sensitive_data: input.mask_sensitive_data,
            };
            let done = platform.update_profile(caller, &key, input.version, change, input.reason).await?;
            Ok(ProfileUpdatePayload {
                profile: platform.changed_profile(caller, &key).await?.map(Profile::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        ProfileUpdatePayload::of(updated.await)
    }

    /// Saves one module of a profile as a whole: its override, sections and associations change
    /// together or not at all.
    async fn profile_save_module(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile, the module and what it is saved as.")] input: ProfileSaveModuleInput,
    ) -> Result<ProfileSaveModulePayload> {
        let (platform, caller) = caller(ctx)?;
        let saved = async {
            let key = parse("profile", &input.profile, ProfileKey::parse)?;
            let save = ModuleSave {
                all: input.all,
                rights: change(input.rights, |rights| Ok(rights.into()))?,
                sections: sections(input.sections)?,
            };
            let module = parse("module", &input.module, ModuleKey::parse)?;
            let done = platform.save_module(caller, &key, module.as_str(), input.version, save, input.reason).await?;
            Ok(ProfileSaveModulePayload {
                profile: platform.changed_profile(caller, &key).await?.map(Profile::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        ProfileSaveModulePayload::of(saved.await)
    }

    /// Copies a profile under a new name, without its users.
    async fn profile_clone(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to copy and the copy's name.")] input: ProfileCloneInput,
    ) -> Result<ProfileClonePayload> {
        let (platform, caller) = caller(ctx)?;
        let cloned = async {
            let key = parse("key", &input.key, ProfileKey::parse)?;
            let new_key = parse_opt("newKey", input.new_key.as_deref(), ProfileKey::parse)?;
            let new_name = parse("newName", &input.new_name, Name::parse)?;
            let done = platform.clone_profile(caller, &key, new_key, new_name, input.reason).await?;
            Ok(ProfileClonePayload {
                profile: platform.changed_profile(caller, &done.value).await?.map(Profile::new),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        ProfileClonePayload::of(cloned.await)
    }

    /// Deletes a profile that no user holds.
    async fn profile_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to delete.")] input: ProfileDeleteInput,
    ) -> Result<ProfileDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, ProfileKey::parse)?;
            let done = platform.delete_profile(caller, &key, input.reason).await?;
            Ok(ProfileDeletePayload {
                key: Some(key.to_string()),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        ProfileDeletePayload::of(deleted.await)
    }
}
