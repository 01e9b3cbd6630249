//! The conditions on a catalogue beyond its form: keys are unique, references resolve, and no section or permission
//! contradicts itself.

use std::collections::{HashMap, HashSet};

use serde_saphyr::Spanned;

use super::link::RawLink;
use super::{Fault, RawBuiltIn, RawCatalogue, RawModule, RawPermission, RawSection, Right};
use crate::domain::catalogue::{BuiltInResource, Catalogue, DataView, Module, Permission, Rights, Section};
use crate::domain::key::{Action, DataViewKey, ObjectPattern, PermissionKey, SectionKey};

/// The first segments of objects that are not modules: their rules would answer for a module of that name.
const RESERVED: [&str; 3] = ["data", "tenants", "licences"];
/// The platform's own module: without it, admins could not administer anything.
const PLATFORM: &str = "admin";

/// Everything that the file defines and that it can refer to.
struct Known<'a> {
    modules: HashMap<&'a str, &'a RawModule>,
    sections: HashMap<SectionKey, &'a RawSection>,
    views: HashSet<&'a str>,
    permissions: HashMap<&'a str, &'a RawPermission>,
}

/// Returns the checked catalogue, all in the file's order.
pub(super) fn check(raw: &RawCatalogue, hash: String) -> Result<Catalogue, Fault> {
    let known = Known::of(raw)?;
    let modules = raw.modules.value.iter().map(|module| known.module(module)).collect::<Result<_, _>>()?;
    let permissions =
        raw.permissions.iter().map(|permission| known.permission(permission)).collect::<Result<_, _>>()?;
    let views = raw.data_views.iter().map(|view| DataView {
        key: view.key.value.clone(),
        name: view.name.clone(),
        masks_contacts: view.masks_contacts,
    });
    Ok(Catalogue::new(modules, views.collect(), permissions, hash))
}

/// Refuses a key that was there before; `new` (from `insert`) is `true` if it was not.
fn unique<T>(new: bool, kind: &str, key: &Spanned<T>, name: impl std::fmt::Display) -> Result<(), Fault> {
    if new { Ok(()) } else { Err(Fault::at(key, format!("there are two {kind}s `{name}`"))) }
}

fn section_key(module: &RawModule, section: &RawSection) -> Result<SectionKey, Fault> {
    SectionKey::of(&module.key.value, &section.key.value).map_err(|error| Fault::at(&section.key, error.message))
}

impl<'a> Known<'a> {
    fn of(raw: &'a RawCatalogue) -> Result<Self, Fault> {
        let mut known = Self {
            modules: HashMap::new(),
            sections: HashMap::new(),
            views: HashSet::new(),
            permissions: HashMap::new(),
        };
        for view in &raw.data_views {
            unique(known.views.insert(view.key.value.as_str()), "data view", &view.key, &view.key.value)?;
        }
        for module in &raw.modules.value {
            let key = module.key.value.as_str();
            unique(known.modules.insert(key, module).is_none(), "module", &module.key, key)?;
            for section in &module.sections {
                let full = section_key(module, section)?;
                let new = known.sections.insert(full.clone(), section).is_none();
                unique(new, "section", &section.key, full)?;
            }
        }
        for permission in &raw.permissions {
            let key = permission.key.value.as_str();
            unique(known.permissions.insert(key, permission).is_none(), "permission", &permission.key, key)?;
        }
        if known.modules.is_empty() {
            return Err(Fault::at(&raw.modules, "the catalogue has no modules"));
        }
        if !known.modules.contains_key(PLATFORM) {
            let fault = format!("there is no module `{PLATFORM}`, by which the platform itself is administered");
            return Err(Fault::at(&raw.modules, fault));
        }
        Ok(known)
    }

    fn module(&self, raw: &RawModule) -> Result<Module, Fault> {
        let key = raw.key.value.as_str();
        if RESERVED.contains(&key) {
            return Err(Fault::at(&raw.key, format!("`{key}` is reserved, and cannot be a module")));
        }
        if raw.platform != (key == PLATFORM) {
            let fault = format!("the module `{PLATFORM}` and no other must have `platform: true`");
            return Err(Fault::at(&raw.key, fault));
        }
        if raw.platform && raw.optional {
            return Err(Fault::at(&raw.key, format!("the module `{key}` is always licensed, it cannot be `optional`")));
        }
        if raw.sections.is_empty() {
            return Err(Fault::at(&raw.key, format!("the module `{key}` has no sections")));
        }
        Ok(Module {
            key: raw.key.value.clone(),
            name: raw.name.clone(),
            optional: raw.optional,
            platform: raw.platform,
            in_profiles: raw.in_profiles && !raw.platform,
            sections: raw.sections.iter().map(|section| self.section(raw, section)).collect::<Result<_, _>>()?,
        })
    }

    fn section(&self, module: &RawModule, raw: &RawSection) -> Result<Section, Fault> {
        consistent(raw)?;
        if let Some(other) = raw.shown_under.as_ref().filter(|other| !self.modules.contains_key(other.value.as_str())) {
            return Err(Fault::at(other, format!("there is no module `{}`", other.value)));
        }
        let members = raw.members.as_ref().map(|members| self.known_section(members)).transpose()?;
        if let Some(target) = raw.members.as_ref().filter(|target| !self.holds_resources(target.value.as_str())) {
            return Err(Fault::at(target, format!("the section `{}` holds no resources", target.value)));
        }
        let links = self.links(&raw.links)?;
        let hiding = raw.links.iter().filter(|link| link.value.hides_unassociated);
        Ok(Section {
            key: section_key(module, raw)?,
            name: raw.name.clone(),
            holds_resources: raw.resources && !raw.download,
            rights: rights(raw)?,
            download: raw.download,
            links,
            hiding_links: hiding.map(|link| link.value.section.clone()).collect(),
            goes_with: self.sections(&raw.goes_with)?,
            built_in: built_in(&raw.built_in)?,
            data_view: raw.data_view.as_ref().map(|view| self.known_view(view)).transpose()?,
            unmasked_by_edit: raw.unmasked_by_edit,
            entries: raw.entries,
            shown_under: raw.shown_under.as_ref().map(|module| module.value.clone()),
            members,
            formerly: raw.formerly.as_ref().map(|former| self.former(module, former)).transpose()?,
        })
    }

    /// Returns the key of a section that the module had in an earlier catalogue, and has no more.
    fn former(&self, module: &RawModule, former: &Spanned<String>) -> Result<SectionKey, Fault> {
        let key = SectionKey::of(&module.key.value, &former.value).map_err(|error| Fault::at(former, error.message))?;
        if self.sections.contains_key(&key) {
            return Err(Fault::at(former, format!("`{key}` is a section still, nothing was it `formerly`")));
        }
        Ok(key)
    }

    /// The sections of a list of links: each is there, holds resources, and is named once.
    fn links(&self, raw: &[Spanned<RawLink>]) -> Result<Vec<SectionKey>, Fault> {
        let mut links: Vec<SectionKey> = Vec::new();
        for link in raw {
            let section = &link.value.section;
            if !self.sections.contains_key(section) {
                return Err(Fault::at(link, format!("there is no section `{section}`")));
            }
            if !self.holds_resources(section.as_str()) {
                return Err(Fault::at(link, format!("the section `{section}` holds no resources")));
            }
            unique(!links.contains(section), "list", link, section)?;
            links.push(section.clone());
        }
        Ok(links)
    }

    fn holds_resources(&self, key: &str) -> bool {
        self.sections.get(key).is_some_and(|section| section.resources && !section.download)
    }

    fn sections(&self, keys: &[Spanned<SectionKey>]) -> Result<Vec<SectionKey>, Fault> {
        keys.iter().map(|key| self.known_section(key)).collect()
    }

    fn known_section(&self, key: &Spanned<SectionKey>) -> Result<SectionKey, Fault> {
        let known = self.sections.contains_key(&key.value).then(|| key.value.clone());
        known.ok_or_else(|| Fault::at(key, format!("there is no section `{}`", key.value)))
    }

    fn known_view(&self, key: &Spanned<DataViewKey>) -> Result<DataViewKey, Fault> {
        let known = self.views.contains(key.value.as_str()).then(|| key.value.clone());
        known.ok_or_else(|| Fault::at(key, format!("there is no data view `{}`", key.value)))
    }

    fn permission(&self, raw: &RawPermission) -> Result<Permission, Fault> {
        for required in &raw.requires {
            if !self.permissions.contains_key(required.value.as_str()) {
                return Err(Fault::at(required, format!("there is no permission `{}`", required.value)));
            }
            if self.requires(&required.value, &raw.key.value) {
                return Err(Fault::at(required, format!("the permission `{}` requires itself", raw.key.value)));
            }
        }
        let mut pairs: Vec<(ObjectPattern, Action)> = Vec::new();
        for given in &raw.pairs {
            self.known_object(&given.object)?;
            pairs.extend(given.actions.iter().map(|action| (given.object.value.clone(), action.clone())));
        }
        if pairs.is_empty() {
            return Err(Fault::at(&raw.key, format!("the permission `{}` gives nothing", raw.key.value)));
        }
        Ok(Permission {
            key: raw.key.value.clone(),
            name: raw.name.clone(),
            description: raw.description.clone(),
            requires: raw.requires.iter().map(|required| required.value.clone()).collect(),
            pairs,
        })
    }

    /// Returns whether `from` is or requires `to`, directly or through others.
    fn requires(&self, from: &PermissionKey, to: &PermissionKey) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![from.as_str()];
        while let Some(key) = open.pop() {
            if key == to.as_str() {
                return true;
            }
            if let Some(permission) = self.permissions.get(key).filter(|_| seen.insert(key)) {
                open.extend(permission.requires.iter().map(|required| required.value.as_str()));
            }
        }
        false
    }

    /// Refuses the object of a pair unless it lies in a module, section or data view of the file.
    fn known_object(&self, object: &Spanned<ObjectPattern>) -> Result<(), Fault> {
        let path = object.value.as_str();
        let known = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["data", "*"] => true,
            ["data", view] => self.views.contains(view),
            ["data", ..] | [] => false,
            [module] | [module, "*"] => self.modules.contains_key(module),
            [module, section] => self.sections.contains_key(format!("{module}/{section}").as_str()),
            [module, section, ..] => self.holds_resources(&format!("{module}/{section}")),
        };
        if known { Ok(()) } else { Err(Fault::at(object, format!("there is no `{path}` in this catalogue"))) }
    }
}

/// Refuses a section that sets something that its kind rules out.
fn consistent(raw: &RawSection) -> Result<(), Fault> {
    let of_resources = !raw.links.is_empty() || !raw.built_in.is_empty() || raw.entries || raw.members.is_some();
    let fault = if of_resources && (raw.download || !raw.resources) {
        "a section without resources has no `links`, `built_in`, `entries` or `members`"
    } else if raw.download && raw.rights.is_some() {
        "a download gives `download` alone, it has no `rights`"
    } else if raw.download && raw.formerly.is_some() {
        "a download gives `download`, which no other section gave: it was nothing `formerly`"
    } else if raw.unmasked_by_edit && raw.data_view.is_none() {
        "`unmasked_by_edit` needs a `data_view`"
    } else {
        return Ok(());
    };
    Err(Fault::at(&raw.key, fault))
}

fn rights(raw: &RawSection) -> Result<Rights, Fault> {
    match &raw.rights {
        None if raw.download => Ok(Rights { read: false, edit: false, delete: false }),
        None => Ok(Rights::ALL),
        Some(list) if !list.value.contains(&Right::Read) => Err(Fault::at(list, "`rights` must contain `read`")),
        Some(list) => {
            let has = |right| list.value.contains(&right);
            Ok(Rights { read: true, edit: has(Right::Edit), delete: has(Right::Delete) })
        }
    }
}

fn built_in(raw: &[RawBuiltIn]) -> Result<Vec<BuiltInResource>, Fault> {
    let mut keys = HashSet::new();
    raw.iter()
        .map(|resource| {
            unique(keys.insert(&resource.key.value), "built-in resource", &resource.key, &resource.key.value)?;
            Ok(BuiltInResource {
                key: resource.key.value.clone(),
                name: resource.name.clone(),
                protected: resource.protected,
            })
        })
        .collect()
}
