//! What the mutations of user profiles take, and how it becomes the domain's types.

use async_graphql::{InputObject, MaybeUndefined};
use uuid::Uuid;

use super::{Association, PermissionType};
use crate::domain::catalogue::Rights;
use crate::domain::key::{ModuleKey, Object, ProfileKey, ResourceKey, SectionKey, UserKey};
use crate::domain::name::{Name, check_description};
use crate::domain::profile::{LegacyPermissions, LegacyUser, ModuleSave, NewProfile, ProfileChange, SectionSave};
use crate::error::{Error, Result};
use crate::graphql::input::{change, given, parse, parse_all, parse_opt};
use crate::graphql::role::{description, list};

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
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

impl ProfileCreateInput {
    pub(super) fn new_profile(self) -> Result<NewProfile> {
        check_description(&self.description)?;
        Ok(NewProfile {
            id: Uuid::now_v7(),
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
    pub(super) key: String,
    /// The version that is changed.
    pub(super) version: i32,
    /// Another description.
    description: MaybeUndefined<String>,
    /// Another permission type; null is refused.
    permission_type: MaybeUndefined<PermissionType>,
    /// Masking on or off; null is refused.
    mask_sensitive_data: MaybeUndefined<bool>,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

impl ProfileUpdateInput {
    pub(super) fn change(self) -> Result<ProfileChange> {
        Ok(ProfileChange {
            description: description(self.description)?,
            permission_type: given("permissionType", self.permission_type)?.map(Into::into),
            mask_sensitive_data: given("maskSensitiveData", self.mask_sensitive_data)?,
        })
    }
}

/// Saves one module of a profile as a whole: all of it changes or nothing.
#[derive(InputObject)]
pub struct ProfileSaveModuleInput {
    /// The profile's key.
    pub(super) profile: String,
    /// The module's key.
    pub(super) module: String,
    /// The profile's version that is changed.
    pub(super) version: i32,
    /// The module switch: everything open, seen, automatic and inheriting; or nothing at all. Not
    /// together with sections. Null is refused.
    all: MaybeUndefined<bool>,
    /// The module's override; null clears it.
    #[graphql(name = "override")]
    rights: MaybeUndefined<AccessRightsInput>,
    /// The sections that change; an absent one stays as it is. Null is an empty list.
    sections: Option<Vec<ProfileSectionInput>>,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

impl ProfileSaveModuleInput {
    pub(super) fn save(self) -> Result<ModuleSave> {
        Ok(ModuleSave {
            all: given("all", self.all)?,
            rights: change(self.rights, |rights| Ok(rights.into()))?,
            sections: sections(self.sections)?,
        })
    }
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
    /// Its override; null clears it. It can give no right that the section has not.
    #[graphql(name = "override")]
    rights: MaybeUndefined<AccessRightsInput>,
    /// All its resources, or a list. A section that holds none has MANUAL.
    association: Association,
    /// The choice to keep the present resources as the list when AUTOMATIC is switched off; without it the list
    /// begins empty. Not together with a list.
    #[graphql(default)]
    keep_associated: bool,
    /// The whole list of resources, by key; null empties it. Not together with resources to add or remove.
    resources: MaybeUndefined<Vec<String>>,
    /// The resources to add to the list; null adds none.
    add_resources: Option<Vec<String>>,
    /// The resources to take from the list; null takes none.
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
            keep_associated: self.keep_associated,
            resources: keys("resources", list(self.resources))?,
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
    pub(super) key: String,
    /// The copy's key; made from its name when absent.
    pub(super) new_key: Option<String>,
    /// The copy's name.
    pub(super) new_name: String,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// Deletes a profile that no user holds.
#[derive(InputObject)]
pub struct ProfileDeleteInput {
    /// Its key.
    pub(super) key: String,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// Gives a profile to users of base role USER, all at once.
#[derive(InputObject)]
pub struct ProfileAssignInput {
    /// The profile's key.
    pub(super) profile: String,
    /// The users' keys, 1 to 1000; those that hold it already stay as they are.
    pub(super) users: Vec<String>,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// Makes profiles of what users were permitted one by one: users with the same permissions share
/// one. The same import again changes nothing.
#[derive(InputObject)]
pub struct ProfilesImportLegacyInput {
    /// The users, 1 to 1000, each once.
    users: Vec<LegacyUserInput>,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// A user with the permissions of its own that it had before there were profiles.
#[derive(InputObject)]
pub struct LegacyUserInput {
    /// The user's key; its base role is USER.
    user: String,
    /// Whether it could change what it saw.
    edit: bool,
    /// Whether it could delete what it saw.
    delete: bool,
    /// The modules that were on as a whole, by key: they are opened with all that is in them.
    modules: Vec<String>,
    /// The sections that were on, by key with their module's: they are opened with the resources
    /// that are named.
    sections: Vec<String>,
    /// The resources that it saw, as objects: `voice/queues/sales`. Outside of the sections and
    /// modules that were on they can be read and linked.
    resources: Vec<String>,
}

impl ProfilesImportLegacyInput {
    pub(super) fn users(&self) -> Result<Vec<LegacyUser>> {
        let place = |(i, user): (usize, &LegacyUserInput)| {
            user.parsed().map_err(|error: Error| error.at(i.to_string()).at("users"))
        };
        self.users.iter().enumerate().map(place).collect()
    }
}

impl LegacyUserInput {
    fn parsed(&self) -> Result<LegacyUser> {
        Ok(LegacyUser {
            user: parse("user", &self.user, UserKey::parse)?,
            permissions: LegacyPermissions {
                edit: self.edit,
                delete: self.delete,
                modules: parse_all("modules", &self.modules, ModuleKey::parse)?,
                sections: parse_all("sections", &self.sections, SectionKey::parse)?,
                resources: parse_all("resources", &self.resources, Object::parse)?,
            },
            profile_id: Uuid::now_v7(),
        })
    }
}
