//! User profiles: named sets of access over modules, sections and resources (R5 to R18).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::catalogue::{Catalogue, Module, Rights, Section};
use super::key::{ModuleKey, Object, ProfileKey, ResourceKey, SectionKey};
use super::name::{Name, check_description};
use super::tenant::TenantState;
use super::{Change, check_version, counted, in_the_way_users, unique_key};
use crate::error::{Error, ErrorCode, Result};

/// What a profile gives where nothing overrides it (R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl PermissionType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::ReadEdit, Self::ReadDelete, Self::ReadEditDelete];

    /// The rights that it stands for.
    pub const fn rights(self) -> Rights {
        Rights {
            read: true,
            edit: matches!(self, Self::ReadEdit | Self::ReadEditDelete),
            delete: matches!(self, Self::ReadDelete | Self::ReadEditDelete),
        }
    }

    /// The word under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadEdit => "read_edit",
            Self::ReadDelete => "read_delete",
            Self::ReadEditDelete => "read_edit_delete",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::invalid(format!("`{}` is not a permission type", text.escape_debug())))
    }
}

/// Which resources of a section a profile takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Association {
    /// Exactly these (R11).
    Manual(BTreeSet<ResourceKey>),
    /// All, present and future (R10).
    Automatic,
}

/// How a profile treats one section. The default is that of a section never configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSection {
    /// Whether the section is open.
    pub enabled: bool,
    /// Whether it stands in the menu, once it is open.
    pub visible: bool,
    /// What overrides the module's or the profile's rights here (R9).
    pub rights: Option<Rights>,
    /// Which resources it takes.
    pub association: Association,
}

impl Default for ProfileSection {
    fn default() -> Self {
        Self { enabled: false, visible: false, rights: None, association: Association::Manual(BTreeSet::new()) }
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
    /// What it is for.
    pub description: String,
    /// What it gives where nothing overrides it.
    pub permission_type: PermissionType,
    /// Whether its holders see contacts masked (R20).
    pub mask_sensitive_data: bool,
    /// The modules' overrides (R9).
    pub modules: BTreeMap<ModuleKey, Rights>,
    /// The sections that are not as by default.
    pub sections: BTreeMap<SectionKey, ProfileSection>,
    /// Grows with each change of the profile.
    pub version: i32,
}

impl Profile {
    /// What holds in a section: its override, else the module's, else the permission type (R9),
    /// as far as the section has these rights at all.
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
    /// The state of a licensed module from how far each of its sections is.
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

/// How far a profile has opened one section.
#[derive(Debug, Clone, Copy)]
pub struct SectionProgress {
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether the profile takes any of its resources by itself; protected ones, which every
    /// profile has, do not count.
    pub associated: bool,
    /// Whether the profile has all resources of it.
    pub complete: bool,
}

/// What a new profile is made of (R5).
#[derive(Debug, Clone)]
pub struct NewProfile {
    /// Internal id.
    pub id: Uuid,
    /// Its key; from the name when none is given.
    pub key: Option<ProfileKey>,
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// What it gives where nothing overrides it.
    pub permission_type: PermissionType,
    /// Whether its holders see contacts masked.
    pub mask_sensitive_data: bool,
}

/// What changes in a profile as a whole.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// A new description.
    pub description: Option<String>,
    /// A new permission type.
    pub permission_type: Option<PermissionType>,
    /// Masking on or off.
    pub mask_sensitive_data: Option<bool>,
}

/// One save of one module (R17).
#[derive(Debug, Clone)]
pub struct ModuleSave {
    /// The module switch (R8); not together with `sections`.
    pub all: Option<bool>,
    /// The module's override.
    pub rights: Change<Rights>,
    /// The sections that change; the others stay as they are.
    pub sections: Option<Vec<SectionSave>>,
}

/// What one section is saved as.
#[derive(Debug, Clone)]
pub struct SectionSave {
    /// Which section.
    pub section: SectionKey,
    /// Whether it is open.
    pub enabled: bool,
    /// Whether it stands in the menu.
    pub visible: bool,
    /// Its override.
    pub rights: Change<Rights>,
    /// All resources (true) or a list (false).
    pub automatic: bool,
    /// The whole list,
    pub resources: Option<BTreeSet<ResourceKey>>,
    /// or what to add to it
    pub add: BTreeSet<ResourceKey>,
    /// and what to take from it.
    pub remove: BTreeSet<ResourceKey>,
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
            version: 1,
        };
        self.profiles.insert(key.clone(), profile);
        Ok(key)
    }

    /// Copies a profile: everything but its name and its users (R18).
    pub fn clone_profile(
        &mut self,
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
        self.profiles
            .insert(new_key.clone(), Profile { id, key: new_key.clone(), name: new_name, version: 1, ..source });
        Ok(new_key)
    }

    /// Changes a profile's description, permission type or masking.
    pub fn update_profile(&mut self, key: &str, version: i32, change: ProfileChange) -> Result<()> {
        let profile = self.profile_at(key, version, "key")?;
        if let Some(description) = change.description {
            check_description(&description)?;
            profile.description = description;
        }
        profile.permission_type = change.permission_type.unwrap_or(profile.permission_type);
        profile.mask_sensitive_data = change.mask_sensitive_data.unwrap_or(profile.mask_sensitive_data);
        profile.version += 1;
        Ok(())
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

    /// Saves one module of a profile as a whole: all of it changes or nothing (R17).
    pub fn save_module(
        &mut self,
        catalogue: &Catalogue,
        key: &str,
        module: &str,
        version: i32,
        save: ModuleSave,
    ) -> Result<()> {
        let module = self.configurable_module(catalogue, module)?;
        let mut profile = self.profile_at(key, version, "profile")?.clone();
        let sections = save.sections.unwrap_or_default();
        if let Some(on) = save.all {
            if !sections.is_empty() {
                return Err(Error::invalid("the module switch and single sections do not go together").at("all"));
            }
            switch_module(&mut profile, module, on);
        }
        match save.rights {
            Change::Keep => {}
            Change::Clear => drop(profile.modules.remove(&module.key)),
            Change::Set(rights) => {
                check_override(rights).map_err(|error| error.at("override"))?;
                profile.modules.insert(module.key.clone(), rights);
            }
        }
        let mut named = BTreeSet::new();
        for (i, save) in sections.into_iter().enumerate() {
            let place = |error: Error| error.at(i.to_string()).at("sections");
            if !named.insert(save.section.clone()) {
                return Err(place(Error::invalid(format!("`{}` is named twice", save.section)).at("section")));
            }
            self.save_section(&mut profile, module, save).map_err(place)?;
        }
        profile.version += 1;
        self.profiles.insert(profile.key.clone(), profile);
        Ok(())
    }

    fn save_section(&self, profile: &mut Profile, module: &Module, save: SectionSave) -> Result<()> {
        let spec = module
            .sections
            .iter()
            .find(|section| section.key == save.section)
            .ok_or_else(|| Error::not_found("section", &save.section).at("section"))?;
        let before = profile.sections.remove(&save.section).unwrap_or_default();
        let rights = save.rights.clone().apply(before.rights);
        if let Some(rights) = rights {
            check_override(rights).map_err(|error| error.at("override"))?;
        }
        let association = self.associate(spec, before.association, &save)?;
        let settings = ProfileSection { enabled: save.enabled, visible: save.visible, rights, association };
        if settings != ProfileSection::default() {
            profile.sections.insert(save.section, settings);
        }
        Ok(())
    }

    /// The section's new list. Switching AUTOMATIC off starts an empty one (R12).
    fn associate(&self, spec: &Section, before: Association, save: &SectionSave) -> Result<Association> {
        let edited = !save.add.is_empty() || !save.remove.is_empty();
        if save.automatic {
            let listed = save.resources.as_ref().is_some_and(|list| !list.is_empty());
            let given = [(listed, "resources"), (!save.add.is_empty(), "addResources"), (edited, "removeResources")];
            if let Some((_, field)) = given.into_iter().find(|(given, _)| *given) {
                return Err(Error::new(
                    ErrorCode::AssociationIsAutomatic,
                    format!("`{}` takes all its resources by itself: leave the list out", spec.key),
                )
                .at(field));
            }
            return Ok(Association::Automatic);
        }
        if save.resources.is_some() && edited {
            return Err(Error::invalid("give either the whole list or what to add and remove").at("resources"));
        }
        self.check_listed(spec, save.resources.iter().flatten(), "resources")?;
        self.check_listed(spec, &save.add, "addResources")?;
        let mut list = match (before, &save.resources) {
            (_, Some(list)) => list.clone(),
            (Association::Manual(list), None) => list,
            (Association::Automatic, None) => BTreeSet::new(),
        };
        for key in &save.remove {
            if self.resources.get(&Object::resource(&spec.key, key)).is_some_and(|resource| resource.protected) {
                return Err(Error::new(
                    ErrorCode::ProtectedResource,
                    format!("`{key}` belongs to every profile and cannot be removed"),
                )
                .at("removeResources"));
            }
            if !list.remove(key) {
                return Err(Error::not_found("associated resource", key).at("removeResources"));
            }
        }
        list.extend(save.add.iter().cloned());
        Ok(Association::Manual(list))
    }

    fn check_listed<'a>(
        &self,
        spec: &Section,
        keys: impl IntoIterator<Item = &'a ResourceKey>,
        field: &str,
    ) -> Result<()> {
        match keys.into_iter().find(|key| !self.resources.contains_key(&Object::resource(&spec.key, key))) {
            Some(unknown) => Err(Error::not_found("resource", unknown).at(field)),
            None => Ok(()),
        }
    }

    /// The module, when a profile of this tenant can configure it (R2).
    fn configurable_module<'a>(&self, catalogue: &'a Catalogue, key: &str) -> Result<&'a Module> {
        let module = catalogue.module(key).ok_or_else(|| Error::not_found("module", key).at("module"))?;
        if module.platform || !module.in_profiles {
            return Err(Error::invalid(format!("`{key}` is never part of a profile")).at("module"));
        }
        if self.is_licensed(catalogue, key) {
            return Ok(module);
        }
        Err(Error::new(ErrorCode::UnlicensedModule, format!("`{key}` is not in the licence")).at("module"))
    }

    fn profile_at(&mut self, key: &str, version: i32, field: &str) -> Result<&mut Profile> {
        let profile = self.profiles.get_mut(key).ok_or_else(|| Error::not_found("profile", key).at(field))?;
        check_version(profile.version, version)?;
        Ok(profile)
    }

    fn new_profile_key(&self, key: Option<ProfileKey>, name: &Name) -> Result<ProfileKey> {
        let exists = |what: String, field: &str| Err(Error::new(ErrorCode::AlreadyExists, what).at(field));
        if self.profiles.values().any(|profile| profile.name == *name) {
            return exists(format!("a profile named `{name}` exists"), "name");
        }
        match key {
            Some(key) if self.profiles.contains_key(&key) => exists(format!("the profile key `{key}` is taken"), "key"),
            Some(key) => Ok(key),
            None => ProfileKey::parse(&unique_key(name, "profile", |text| self.profiles.contains_key(text))),
        }
    }
}

/// The module switch (R8): everything open, seen, automatic and inheriting; or nothing at all.
fn switch_module(profile: &mut Profile, module: &Module, on: bool) {
    profile.modules.remove(&module.key);
    profile.sections.retain(|section, _| section.module() != module.key.as_str());
    if on {
        let open = ProfileSection { enabled: true, visible: true, rights: None, association: Association::Automatic };
        profile.sections.extend(module.sections.iter().map(|section| (section.key.clone(), open.clone())));
    }
}

fn check_override(rights: Rights) -> Result<()> {
    if rights.read {
        return Ok(());
    }
    Err(Error::invalid("an override always contains read").at("read"))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
