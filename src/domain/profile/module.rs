//! Saving one module of a profile: its override, its sections and the resources that they take (R8 to R17).

use std::collections::BTreeSet;

use super::{Association, Profile, ProfileSection};
use crate::domain::Change;
use crate::domain::catalogue::{Catalogue, Module, Rights, Section};
use crate::domain::key::{Object, ResourceKey, SectionKey};
use crate::domain::tenant::TenantState;
use crate::error::{Error, ErrorCode, Result};

/// The most resources that a section leaves as its list when AUTOMATIC goes off: each is a few rules, and the
/// profile stands whole in each of its revisions.
const KEPT_MAX: usize = 10_000;

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

/// The settings that one section is saved with.
#[derive(Debug, Clone)]
pub struct SectionSave {
    /// The section.
    pub section: SectionKey,
    /// `true` if the section is open.
    pub enabled: bool,
    /// `true` if the section stands in the menu.
    pub visible: bool,
    /// Its override.
    pub rights: Change<Rights>,
    /// All resources (`true`) or a list (`false`).
    pub automatic: bool,
    /// The choice to keep the present resources as the list when AUTOMATIC goes off (R12).
    pub keep_associated: bool,
    /// The whole list; not together with `add` or `remove`.
    pub resources: Option<BTreeSet<ResourceKey>>,
    /// The resources to add to the list.
    pub add: BTreeSet<ResourceKey>,
    /// The resources to take from the list.
    pub remove: BTreeSet<ResourceKey>,
}

impl TenantState {
    /// Saves one module of a profile as a whole: all of it changes or nothing (R17).
    pub fn save_module(
        &mut self,
        catalogue: &Catalogue,
        key: &str,
        module: &str,
        version: i32,
        save: ModuleSave,
    ) -> Result<()> {
        let module = self.configurable_module(catalogue, module).map_err(|error| error.at("module"))?;
        let before = self.profile_at(key, version, "profile")?.clone();
        let mut profile = before.clone();
        profile.conform(catalogue);
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
        profile.version += i32::from(profile != before);
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
        if let Change::Set(rights) = &save.rights {
            check_section_override(spec, *rights).map_err(|error| error.at("override"))?;
        }
        let rights = save.rights.clone().apply(before.rights);
        let association = self.associate(spec, before.association, &save)?;
        let settings = ProfileSection { enabled: save.enabled, visible: save.visible, rights, association };
        if settings != ProfileSection::default() {
            profile.sections.insert(save.section, settings);
        }
        Ok(())
    }

    /// Returns the section's new list. Switching AUTOMATIC off starts an empty one, or keeps what is there (R12).
    fn associate(&self, spec: &Section, before: Association, save: &SectionSave) -> Result<Association> {
        check_holds_resources(spec, save)?;
        if save.keep_associated {
            return self.keep_associated(spec, &before, save);
        }
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
        if let Some(both) = save.add.intersection(&save.remove).next() {
            return Err(Error::invalid(format!("`{both}` is to be added and removed")).at("removeResources"));
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

    /// Returns the present resources of a section that was automatic, as its list (R12). Protected ones are in
    /// no list: every profile has them (R16).
    fn keep_associated(&self, spec: &Section, before: &Association, save: &SectionSave) -> Result<Association> {
        let refused = |message: String| Err(Error::invalid(message).at("keepAssociated"));
        if save.automatic || *before != Association::Automatic {
            return refused(format!("it goes with switching AUTOMATIC off, and `{}` is not switched off", spec.key));
        }
        if save.resources.is_some() || !save.add.is_empty() || !save.remove.is_empty() {
            return refused("the present resources become the list: leave another list out".to_owned());
        }
        let present = self.resources_in(&spec.key).filter(|resource| !resource.protected);
        let kept: BTreeSet<ResourceKey> = present.map(|resource| resource.key.clone()).take(KEPT_MAX + 1).collect();
        if kept.len() > KEPT_MAX {
            return refused(format!("`{}` has more than {KEPT_MAX} resources: name those to keep", spec.key));
        }
        Ok(Association::Manual(kept))
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

    /// Returns the module, when a profile of this tenant can configure it (R2).
    pub(super) fn configurable_module<'a>(&self, catalogue: &'a Catalogue, key: &str) -> Result<&'a Module> {
        let module = catalogue.module(key).ok_or_else(|| Error::not_found("module", key))?;
        if module.platform || !module.in_profiles {
            return Err(Error::invalid(format!("`{key}` is never part of a profile")));
        }
        if self.is_licensed(catalogue, key) {
            return Ok(module);
        }
        Err(Error::new(ErrorCode::UnlicensedModule, format!("`{key}` is not in the licence")))
    }
}

/// Sets the module switch (R8): everything open, seen and inheriting, with all resources; or nothing at all.
pub(super) fn switch_module(profile: &mut Profile, module: &Module, on: bool) {
    profile.modules.remove(&module.key);
    profile.sections.retain(|section, _| section.module() != module.key.as_str());
    if on {
        let open = |section: &Section| {
            let association = if section.holds_resources { Association::Automatic } else { Association::none() };
            (section.key.clone(), ProfileSection { enabled: true, visible: true, rights: None, association })
        };
        profile.sections.extend(module.sections.iter().map(open));
    }
}

fn check_override(rights: Rights) -> Result<()> {
    if rights.read {
        return Ok(());
    }
    Err(Error::invalid("an override always contains read").at("read"))
}

/// Refuses what the section has not (R9). A kind of download is given or not given: there is nothing in
/// it to read, edit or delete (R21).
fn check_section_override(spec: &Section, rights: Rights) -> Result<()> {
    if spec.download {
        return Err(Error::invalid(format!("`{}` is a kind of download: it has no permission to override", spec.key)));
    }
    check_override(rights)?;
    for (right, wanted, has) in [("edit", rights.edit, spec.rights.edit), ("delete", rights.delete, spec.rights.delete)]
    {
        if wanted && !has {
            return Err(Error::invalid(format!("`{}` has no {right} that could be given", spec.key)).at(right));
        }
    }
    Ok(())
}

/// Refuses AUTOMATIC, and a list with anything in it, for a section that holds no resources (R9).
fn check_holds_resources(spec: &Section, save: &SectionSave) -> Result<()> {
    let listed = save.resources.as_ref().is_some_and(|list| !list.is_empty());
    let given = [
        (save.automatic, "association"),
        (save.keep_associated, "keepAssociated"),
        (listed, "resources"),
        (!save.add.is_empty(), "addResources"),
        (!save.remove.is_empty(), "removeResources"),
    ];
    match given.into_iter().find(|(given, _)| *given && !spec.holds_resources) {
        Some((_, field)) => Err(Error::invalid(format!("`{}` holds no resources", spec.key)).at(field)),
        None => Ok(()),
    }
}
