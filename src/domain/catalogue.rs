//! The catalogue: the modules, sections, data views and named permissions that can be granted.
//! Pure data and look-ups; `config` reads it from YAML.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::domain::key::{Action, DataViewKey, ModuleKey, ObjectPattern, PermissionKey, ResourceKey, SectionKey};

/// A choice among read, edit and delete. An override always contains read (R9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rights {
    /// See.
    pub read: bool,
    /// Change, and create.
    pub edit: bool,
    /// Delete.
    pub delete: bool,
}

impl Rights {
    /// Read alone.
    pub const READ: Self = Self { read: true, edit: false, delete: false };
    /// All three.
    pub const ALL: Self = Self { read: true, edit: true, delete: true };

    /// Returns the rights that both allow.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self { read: self.read && other.read, edit: self.edit && other.edit, delete: self.delete && other.delete }
    }

    /// Returns the actions that hold, in the order read, edit, delete.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        [(self.read, Action::read as fn() -> Action), (self.edit, Action::edit), (self.delete, Action::delete)]
            .into_iter()
            .filter_map(|(on, action)| on.then(action))
    }
}

/// A module: a licence names it, and a profile configures it as a whole (R17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its key, the first segment of its objects.
    pub key: ModuleKey,
    /// Its name for people.
    pub name: String,
    /// `true` if the module is hidden from tenants without a licence for it (R2).
    pub optional: bool,
    /// `true` if the module is the platform's own: always licensed, never part of a profile (R2).
    pub platform: bool,
    /// `true` if profiles configure the module. They configure neither the platform's own modules nor those that only
    /// named permissions open.
    pub in_profiles: bool,
    /// Its sections in the order of the menu.
    pub sections: Vec<Section>,
}

/// A section of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its key with its module's: `voice/queues`.
    pub key: SectionKey,
    /// Its name for people.
    pub name: String,
    /// `true` if hosts register resources in the section.
    pub holds_resources: bool,
    /// The rights that the section has at all; a profile can give no others.
    pub rights: Rights,
    /// `true` if the section is a kind of download: enabling it gives `download` and nothing else (R21).
    pub download: bool,
    /// The sections whose resources its resources link to (R15).
    pub links: Vec<SectionKey>,
    /// The sections among these whose lists hide what is not associated even when it is linked.
    pub hiding_links: Vec<SectionKey>,
    /// The sections that the console reminds of ("remember to associate …").
    pub goes_with: Vec<SectionKey>,
    /// The resources that every tenant has from the start.
    pub built_in: Vec<BuiltInResource>,
    /// The data view that it shows (R20).
    pub data_view: Option<DataViewKey>,
    /// `true` if contacts here are shown in full to a masking profile that may edit here (R20).
    pub unmasked_by_edit: bool,
    /// `true` if its associated resources are entries of the menu (R22).
    pub entries: bool,
    /// The other module under whose menu entry the section appears (R22): custom dashboards.
    pub shown_under: Option<ModuleKey>,
    /// The section whose resources are members of its resources (R34a): a team its agents.
    pub members: Option<SectionKey>,
    /// The section of the same module that this one was, or was a part of, in an earlier catalogue.
    pub formerly: Option<SectionKey>,
}

/// A resource that every tenant has from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltInResource {
    /// Its key.
    pub key: ResourceKey,
    /// Its name for people.
    pub name: String,
    /// `true` if the resource belongs to every profile and cannot be removed (R16). The general dashboard is there from
    /// the start, but not protected.
    pub protected: bool,
}

/// A view on data that shows contacts or persons: the object `data/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataView {
    /// Its key.
    pub key: DataViewKey,
    /// Its name for people.
    pub name: String,
    /// `true` if masking profiles see the view masked (R20).
    pub masks_contacts: bool,
}

/// A named switch that stands for (object, action) pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Its key.
    pub key: PermissionKey,
    /// Its name for people.
    pub name: String,
    /// A description, for people, of what the permission opens.
    pub description: String,
    /// The permissions that must be on with it (R36).
    pub requires: Vec<PermissionKey>,
    /// The exact pairs that it gives.
    pub pairs: Vec<(ObjectPattern, Action)>,
}

/// The whole catalogue. Immutable after start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    modules: Vec<Module>,
    data_views: Vec<DataView>,
    permissions: Vec<Permission>,
    sections: HashMap<SectionKey, (usize, usize)>,
    hash: String,
}

impl Catalogue {
    /// Puts a catalogue together. `hash` is the hex digest of the text that it was read from.
    /// The loader has checked that keys are unique and that every reference resolves.
    pub fn new(modules: Vec<Module>, data_views: Vec<DataView>, permissions: Vec<Permission>, hash: String) -> Self {
        let sections = modules
            .iter()
            .enumerate()
            .flat_map(|(m, module)| {
                module.sections.iter().enumerate().map(move |(s, section)| (section.key.clone(), (m, s)))
            })
            .collect();
        Self { modules, data_views, permissions, sections, hash }
    }

    /// Returns the modules in the order of the menu.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Returns the data views.
    pub fn data_views(&self) -> &[DataView] {
        &self.data_views
    }

    /// Returns the named permissions.
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// Returns the hex digest of the text that the catalogue was read from.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns the module of this key, if there is one.
    pub fn module(&self, key: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.key.as_str() == key)
    }

    /// Returns the section of this key (`module/section`), if there is one.
    pub fn section(&self, key: &str) -> Option<&Section> {
        let (module, section) = self.sections.get(key)?;
        self.modules.get(*module)?.sections.get(*section)
    }

    /// Returns the sections of earlier catalogues, each with those that took its place.
    pub fn successors(&self) -> BTreeMap<&SectionKey, Vec<&Section>> {
        let mut successors: BTreeMap<&SectionKey, Vec<&Section>> = BTreeMap::new();
        for section in self.modules.iter().flat_map(|module| &module.sections) {
            if let Some(former) = &section.formerly {
                successors.entry(former).or_default().push(section);
            }
        }
        successors
    }

    /// Returns the place of a module, or of a section in it, in their names: `Voice → Voice Queues`.
    pub fn place(&self, module: &str, section: Option<&str>) -> Option<String> {
        let module = &self.module(module)?.name;
        let section = section.and_then(|key| self.section(key));
        Some(section.map_or_else(|| module.clone(), |section| format!("{module} → {}", section.name)))
    }

    /// Returns the named permission of this key, if there is one.
    pub fn permission(&self, key: &str) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.key.as_str() == key)
    }
}
