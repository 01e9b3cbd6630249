//! User profiles: named sets of access over modules, sections and resources (R5 to R19, R24). Profiles themselves stand
//! here; saving one of their modules and the import have files of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::catalogue::{Catalogue, Rights, Section};
use super::key::{ModuleKey, ProfileKey, ResourceKey, SectionKey, UserKey};
use super::name::{Name, check_description, check_free};
use super::resource::check_batch;
use super::tenant::TenantState;
use super::user::BaseRole;
use super::{check_version, counted, in_the_way_users, unique_key};
use crate::error::{Error, ErrorCode, Result};

mod conform;
mod legacy;
mod module;

pub use legacy::{LegacyDigest, LegacyPermissions, LegacyUser};
pub use module::{ModuleSave, SectionSave};

/// The rights that a profile gives where nothing overrides them (R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::AsRefStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = not_a_permission_type)]
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

fn not_a_permission_type(text: &str) -> Error {
    Error::invalid(format!("`{}` is not a permission type", text.escape_debug()))
}

impl PermissionType {
    /// Returns the rights that it stands for.
    pub const fn rights(self) -> Rights {
        Rights {
            read: true,
            edit: matches!(self, Self::ReadEdit | Self::ReadEditDelete),
            delete: matches!(self, Self::ReadDelete | Self::ReadEditDelete),
        }
    }
}

/// The choice of the resources of a section that a profile takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Association {
    /// Exactly these (R11).
    Manual(BTreeSet<ResourceKey>),
    /// All, present and future (R10).
    Automatic,
}

impl Association {
    /// Returns an empty list.
    pub const fn none() -> Self {
        Self::Manual(BTreeSet::new())
    }

    /// Returns the resources of a manual list.
    pub const fn list(&self) -> Option<&BTreeSet<ResourceKey>> {
        match self {
            Self::Manual(list) => Some(list),
            Self::Automatic => None,
        }
    }
}

/// The settings of one section in a profile. The default is that of a section never configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSection {
    /// `true` if the section is open.
    pub enabled: bool,
    /// `true` if the section stands in the menu, once it is open.
    pub visible: bool,
    /// Override of the module's or the profile's rights here (R9).
    pub rights: Option<Rights>,
    /// The resources that the section takes.
    pub association: Association,
}

impl Default for ProfileSection {
    fn default() -> Self {
        Self { enabled: false, visible: false, rights: None, association: Association::none() }
    }
}

/// A user profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Internal id, never used again.
    pub id: Uuid,
    /// Its key, which never changes.
    pub key: ProfileKey,
    /// Its name, unique in the tenant; it never changes (R5).
    pub name: Name,
    /// The purpose of the profile, in words.
    pub description: String,
    /// The rights that the profile gives where nothing overrides them.
    pub permission_type: PermissionType,
    /// `true` if users of the profile see contacts masked (R20).
    pub mask_sensitive_data: bool,
    /// The modules' overrides (R9).
    pub modules: BTreeMap<ModuleKey, Rights>,
    /// The sections that are not as by default.
    pub sections: BTreeMap<SectionKey, ProfileSection>,
    /// The permissions that it was imported from (R24), whatever became of it since.
    #[serde(default)]
    pub imported_from: Option<LegacyDigest>,
    /// Version, which grows with each change of the profile.
    pub version: i32,
}

impl Profile {
    /// Returns the rights that hold in a section: its override, else the module's, else the permission type (R9), as
    /// far as the section has these rights at all.
    pub fn effective(&self, section: &Section) -> Rights {
        let own = self.sections.get(&section.key).and_then(|settings| settings.rights);
        let module = || self.modules.get(section.key.module()).copied();
        own.or_else(module).unwrap_or_else(|| self.permission_type.rights()).intersection(section.rights)
    }
}

/// A module's state for a profile: the colour of its icon (R7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleState {
    /// Not in the licence (red).
    Unlicensed,
    /// No section enabled, nothing associated (grey).
    Disabled,
    /// Anything between (orange).
    Partial,
    /// All sections enabled, all resources associated (green).
    Full,
}

impl ModuleState {
    /// Returns the state of a licensed module from the progress of each of its sections.
    pub fn of(sections: impl IntoIterator<Item = SectionProgress>) -> Self {
        let (mut all, mut any) = (true, false);
        for section in sections {
            all &= section.enabled && section.complete;
            any |= section.enabled || section.associated;
        }
        match (all, any) {
            (_, false) => Self::Disabled,
            (true, true) => Self::Full,
            (false, true) => Self::Partial,
        }
    }
}

/// Extent to which a profile has opened one section.
#[derive(Debug, Clone, Copy)]
pub struct SectionProgress {
    /// `true` if the section is enabled.
    pub enabled: bool,
    /// `true` if the profile takes any of the section's resources by itself; protected ones, which every profile has,
    /// do not count.
    pub associated: bool,
    /// `true` if the profile has all resources of the section.
    pub complete: bool,
}

/// The parts of a new profile (R5).
#[derive(Debug, Clone)]
pub struct NewProfile {
    /// Internal id.
    pub id: Uuid,
    /// Its key; from the name when none is given.
    pub key: Option<ProfileKey>,
    /// Its name.
    pub name: Name,
    /// The purpose of the profile, in words.
    pub description: String,
    /// The rights that the profile gives where nothing overrides them.
    pub permission_type: PermissionType,
    /// `true` if users of the profile see contacts masked.
    pub mask_sensitive_data: bool,
}

/// A change of a profile as a whole.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// A new description.
    pub description: Option<String>,
    /// A new permission type.
    pub permission_type: Option<PermissionType>,
    /// Masking on or off.
    pub mask_sensitive_data: Option<bool>,
}

impl TenantState {
    /// Makes a profile, which permits nothing yet (R6).
    pub fn create_profile(&mut self, new: NewProfile) -> Result<ProfileKey> {
        let key = self.new_profile_key(new.key, &new.name)?;
        check_description(&new.description)?;
        let profile = Profile {
            id: new.id,
            key: key.clone(),
            name: new.name,
            description: new.description,
            permission_type: new.permission_type,
            mask_sensitive_data: new.mask_sensitive_data,
            modules: BTreeMap::new(),
            sections: BTreeMap::new(),
            imported_from: None,
            version: 1,
        };
        self.profiles.insert(key.clone(), profile);
        Ok(key)
    }

    /// Copies a profile: everything but its name and its users (R18). The copy was not imported,
    /// so an import never finds two profiles for the same permissions.
    pub fn clone_profile(
        &mut self,
        catalogue: &Catalogue,
        key: &str,
        id: Uuid,
        new_key: Option<ProfileKey>,
        new_name: Name,
    ) -> Result<ProfileKey> {
        let source = self.profiles.get(key).ok_or_else(|| Error::not_found("profile", key).at("key"))?.clone();
        let new_key = self.new_profile_key(new_key, &new_name).map_err(|mut error| {
            error.field = error.field.iter().map(|field| format!("new{}", capitalised(field))).collect();
            error
        })?;
        let mut copy = Profile { id, key: new_key.clone(), name: new_name, imported_from: None, version: 1, ..source };
        copy.conform(catalogue);
        self.profiles.insert(new_key.clone(), copy);
        Ok(new_key)
    }

    /// Changes a profile's description, permission type or masking.
    pub fn update_profile(&mut self, key: &str, version: i32, change: ProfileChange) -> Result<()> {
        let profile = self.profile_at(key, version, "key")?;
        let mut changed = profile.clone();
        if let Some(description) = change.description {
            check_description(&description)?;
            changed.description = description;
        }
        changed.permission_type = change.permission_type.unwrap_or(changed.permission_type);
        changed.mask_sensitive_data = change.mask_sensitive_data.unwrap_or(changed.mask_sensitive_data);
        changed.version += i32::from(changed != *profile);
        *profile = changed;
        Ok(())
    }

    /// Gives a profile to many users in one change (R19). Those that hold it already stay as they are.
    pub fn assign_profile(&mut self, profile: &ProfileKey, users: &BTreeSet<UserKey>) -> Result<()> {
        check_batch(users.len(), "users")?;
        if let Some(unknown) = users.iter().find(|user| !self.users.contains_key(*user)) {
            return Err(Error::not_found("user", unknown).at("users"));
        }
        self.check_assignable(users)?;
        if !self.profiles.contains_key(profile) {
            return Err(Error::not_found("profile", profile).at("profile"));
        }
        for user in users {
            self.hold(user, profile);
        }
        Ok(())
    }

    /// Refuses users of another base role than USER: only those hold a profile (R19).
    fn check_assignable<'a>(&self, users: impl IntoIterator<Item = &'a UserKey>) -> Result<()> {
        let is_user = |user: &&UserKey| self.users.get(*user).is_some_and(|user| user.base_role == BaseRole::User);
        let others = in_the_way_users(users.into_iter().filter(|user| !is_user(user)));
        if others.is_empty() {
            return Ok(());
        }
        let users = counted(others.len(), "user is", "users are");
        let message = format!("{users} not of base role USER, and only those hold a profile: leave them out");
        Err(Error::new(ErrorCode::ProfileNotAssignable, message).in_the_way(others).at("users"))
    }

    fn hold(&mut self, user: &UserKey, profile: &ProfileKey) {
        if let Some(user) = self.users.get_mut(user).filter(|user| user.profile.as_ref() != Some(profile)) {
            user.profile = Some(profile.clone());
            user.version += 1;
        }
    }

    /// Deletes a profile that no user holds (R18).
    pub fn delete_profile(&mut self, key: &str) -> Result<Profile> {
        let holders = self.users.values().filter(|user| user.profile.as_ref().is_some_and(|held| held.as_str() == key));
        let holders = in_the_way_users(holders.map(|user| &user.key));
        if !holders.is_empty() {
            let users = counted(holders.len(), "user holds", "users hold");
            return Err(Error::new(ErrorCode::ProfileInUse, format!("{users} this profile: move them first"))
                .in_the_way(holders)
                .at("key"));
        }
        self.profiles.remove(key).ok_or_else(|| Error::not_found("profile", key).at("key"))
    }

    fn profile_at(&mut self, key: &str, version: i32, field: &str) -> Result<&mut Profile> {
        let profile = self.profiles.get_mut(key).ok_or_else(|| Error::not_found("profile", key).at(field))?;
        check_version(profile.version, version)?;
        Ok(profile)
    }

    fn check_profile_name(&self, name: &Name) -> Result<()> {
        let profiles = self.profiles.values().map(|profile| (profile.key.as_str(), &profile.name));
        check_free("profile", name, None, profiles)
    }

    fn new_profile_key(&self, key: Option<ProfileKey>, name: &Name) -> Result<ProfileKey> {
        self.check_profile_name(name)?;
        match key {
            Some(key) if self.profiles.contains_key(&key) => {
                Err(Error::new(ErrorCode::AlreadyExists, format!("the profile key `{key}` is taken")).at("key"))
            }
            Some(key) => Ok(key),
            None => ProfileKey::parse(&unique_key(name, "profile", |text| self.profiles.contains_key(text))),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
