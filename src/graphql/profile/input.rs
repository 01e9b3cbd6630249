//! The inputs of the mutations of user profiles, and their conversion to the domain's types.

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

/// The rights to read, edit and delete. Read is always given.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct AccessRightsInput {
    /// `true` always: an override includes the right to see, and `false` is refused.
    read: bool,
    /// `true` if the right to change and create is included.
    edit: bool,
    /// `true` if the right to delete is included.
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
    /// Key of the profile; made from the name when absent.
    key: Option<String>,
    /// Name of the profile, unique in the tenant; it never changes.
    name: String,
    /// Description of the profile's purpose.
    #[graphql(default)]
    description: String,
    /// Rights that the profile gives where nothing overrides them.
    permission_type: PermissionType,
    /// `true` if the holders of the profile see contacts masked.
    #[graphql(default)]
    mask_sensitive_data: bool,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
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

/// Changes a profile as a whole. An absent field stays; null empties.
#[derive(InputObject)]
pub struct ProfileUpdateInput {
    /// Key of the profile.
    pub(super) key: String,
    /// Version of the profile that is changed.
    pub(super) version: i32,
    /// New description; null empties it.
    description: MaybeUndefined<String>,
    /// New permission type; null is refused.
    permission_type: MaybeUndefined<PermissionType>,
    /// `true` if the holders of the profile see contacts masked; null is refused.
    mask_sensitive_data: MaybeUndefined<bool>,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
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
    /// Key of the profile.
    pub(super) profile: String,
    /// Key of the module.
    pub(super) module: String,
    /// Version of the profile that is changed.
    pub(super) version: i32,
    /// Switch of the whole module. `true` opens every section, shows it, makes it automatic and lets it inherit its
    /// rights; `false` closes every section and clears its resources and overrides. Cannot be combined with sections.
    /// Null is refused.
    all: MaybeUndefined<bool>,
    /// Rights that override the profile's permission type in the module; null clears the override.
    #[graphql(name = "override")]
    rights: MaybeUndefined<AccessRightsInput>,
    /// Sections that change; an absent one stays as it is. Null is an empty list.
    sections: Option<Vec<ProfileSectionInput>>,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
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

/// The new state of one section of a profile.
#[derive(InputObject)]
pub struct ProfileSectionInput {
    /// Key of the section with its module's: `voice/queues`.
    section: String,
    /// `true` if the profile opens the section.
    enabled: bool,
    /// `true` if the section stands in the menu.
    visible: bool,
    /// Rights that override the module's rights in the section; null clears the override. A right that does not exist
    /// in the section is refused.
    #[graphql(name = "override")]
    rights: MaybeUndefined<AccessRightsInput>,
    /// Way in which the section takes its resources: all of them, or a list. A section that holds no resources has
    /// MANUAL.
    association: Association,
    /// `true` keeps the present resources as the list when AUTOMATIC is switched off; otherwise the list begins empty.
    /// Cannot be combined with a list.
    #[graphql(default)]
    keep_associated: bool,
    /// Whole list of resources, by key; null empties it. Cannot be combined with resources to add or remove.
    resources: MaybeUndefined<Vec<String>>,
    /// Keys of the resources to add to the list; null adds none.
    add_resources: Option<Vec<String>>,
    /// Keys of the resources to take from the list; null takes none.
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
    /// Key of the profile to copy.
    pub(super) key: String,
    /// Key of the copy; made from its name when absent.
    pub(super) new_key: Option<String>,
    /// Name of the copy.
    pub(super) new_name: String,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// Deletes a profile that no user holds.
#[derive(InputObject)]
pub struct ProfileDeleteInput {
    /// Key of the profile.
    pub(super) key: String,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// Gives a profile to users of base role USER, all at once.
#[derive(InputObject)]
pub struct ProfileAssignInput {
    /// Key of the profile.
    pub(super) profile: String,
    /// Keys of the users, 1 to 1000; users who hold the profile already stay as they are.
    pub(super) users: Vec<String>,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// Makes profiles from the permissions that users had one by one: users with the same permissions share a profile.
/// Repeating the import changes nothing.
#[derive(InputObject)]
pub struct ProfilesImportLegacyInput {
    /// Users to import, 1 to 1000, each once.
    users: Vec<LegacyUserInput>,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// A user with the permissions of their own that they had before there were profiles.
#[derive(InputObject)]
pub struct LegacyUserInput {
    /// Key of the user, whose base role is USER.
    user: String,
    /// `true` if the user could change the things that they saw.
    edit: bool,
    /// `true` if the user could delete the things that they saw.
    delete: bool,
    /// Keys of the modules that were on as a whole: they are opened with everything in them.
    modules: Vec<String>,
    /// Keys of the sections that were on, with their module's: they are opened with the resources that are named.
    sections: Vec<String>,
    /// Objects of the resources that the user saw, such as `voice/queues/sales`. Outside the sections and modules that
    /// were on, they can be read and linked.
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
