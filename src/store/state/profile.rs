//! Profiles, with their overrides, sections and manual lists.

use std::collections::{BTreeMap, BTreeSet};

use super::all;
use crate::domain::catalogue::Rights;
use crate::domain::key::{ModuleKey, ProfileKey, ResourceKey, SectionKey, TenantId};
use crate::domain::letters;
use crate::domain::map::{Differing, Map};
use crate::domain::name::Name;
use crate::domain::profile::{Association, LegacyDigest, Profile, ProfileSection};
use crate::error::{Error, Result};
use crate::store::db::Transaction;
use crate::store::entity::profile::{profile, profile_module, profile_resource, profile_section};
use crate::store::error::stored;
use crate::store::write::Rows;

/// Reads all profiles of a tenant.
pub(super) async fn load(db: &Transaction, tenant: TenantId) -> Result<BTreeMap<ProfileKey, Profile>> {
    assemble(
        all::<profile::Entity>(db, tenant).await?,
        all::<profile_module::Entity>(db, tenant).await?,
        all::<profile_section::Entity>(db, tenant).await?,
        all::<profile_resource::Entity>(db, tenant).await?,
    )
}

/// Puts profiles together from their rows.
pub(in crate::store) fn assemble(
    profiles: Vec<profile::Model>,
    modules: Vec<profile_module::Model>,
    sections: Vec<profile_section::Model>,
    resources: Vec<profile_resource::Model>,
) -> Result<BTreeMap<ProfileKey, Profile>> {
    let mut found: BTreeMap<ProfileKey, Profile> =
        profiles.into_iter().map(|row| of(row).map(|profile| (profile.key.clone(), profile))).collect::<Result<_>>()?;
    for row in modules {
        let module = stored(ModuleKey::parse(&row.module))?;
        let rights = Rights { read: true, edit: row.can_edit, delete: row.can_delete };
        owner(&mut found, &row.profile)?.modules.insert(module, rights);
    }
    for row in sections {
        let key = stored(SectionKey::parse(&row.section))?;
        owner(&mut found, &row.profile)?.sections.insert(key, section_of(&row));
    }
    for row in resources {
        let section = owner(&mut found, &row.profile)?.sections.get_mut(row.section.as_str());
        if let Some(ProfileSection { association: Association::Manual(list), .. }) = section {
            list.insert(stored(ResourceKey::parse(&row.resource))?);
        }
    }
    Ok(found)
}

fn owner<'a>(profiles: &'a mut BTreeMap<ProfileKey, Profile>, key: &str) -> Result<&'a mut Profile> {
    profiles.get_mut(key).ok_or_else(|| Error::internal("a row of a profile that is not there"))
}

/// Returns a profile without what its other rows hold.
pub(in crate::store) fn of(row: profile::Model) -> Result<Profile> {
    Ok(Profile {
        id: row.id,
        key: stored(ProfileKey::parse(&row.key))?,
        name: Name::stored(row.name.clone()),
        description: row.description,
        permission_type: stored(row.permission_type.parse())?,
        mask_sensitive_data: row.mask_sensitive_data,
        modules: BTreeMap::new(),
        sections: BTreeMap::new(),
        imported_from: row.imported_from.map(LegacyDigest::stored),
        version: row.version,
    })
}

/// Returns a section without its list.
fn section_of(row: &profile_section::Model) -> ProfileSection {
    let rights = row.can_edit.zip(row.can_delete).map(|(edit, delete)| Rights { read: true, edit, delete });
    let association = if row.automatic { Association::Automatic } else { Association::Manual(BTreeSet::new()) };
    ProfileSection { enabled: row.enabled, visible: row.visible, rights, association }
}

/// Differences between two states in the profiles' tables.
#[derive(Debug, Default)]
pub(super) struct ProfileRows {
    pub(super) profiles: Rows<profile::Entity>,
    pub(super) modules: Rows<profile_module::Entity>,
    pub(super) sections: Rows<profile_section::Entity>,
    pub(super) resources: Rows<profile_resource::Entity>,
}

static NO_MODULES: BTreeMap<ModuleKey, Rights> = BTreeMap::new();
static NO_SECTIONS: BTreeMap<SectionKey, ProfileSection> = BTreeMap::new();
static NO_RESOURCES: BTreeSet<ResourceKey> = BTreeSet::new();

impl ProfileRows {
    /// Deletes what is gone below those that stay.
    pub(super) async fn delete_below(&self, db: &Transaction) -> Result<()> {
        self.modules.delete(db).await?;
        self.sections.delete(db).await?;
        self.resources.delete(db).await
    }

    /// Writes what is new or changed.
    pub(super) async fn put(&mut self, db: &Transaction) -> Result<()> {
        self.profiles.put(db).await?;
        self.modules.put(db).await?;
        self.sections.put(db).await?;
        self.resources.put(db).await
    }
}

/// Returns the rows that differ. The rows under a profile that is gone go with it.
pub(super) fn difference(
    tenant: TenantId,
    before: &Map<ProfileKey, Profile>,
    after: &Map<ProfileKey, Profile>,
) -> ProfileRows {
    let mut rows = ProfileRows::default();
    for Differing { was, is, .. } in before.differing(after) {
        rows.profiles.one(was, is, |profile| row(tenant, profile));
        if let Some(profile) = is {
            rows.add(tenant, was, profile);
        }
    }
    rows
}

impl ProfileRows {
    fn add(&mut self, tenant: TenantId, before: Option<&Profile>, after: &Profile) {
        let modules = before.map_or(&NO_MODULES, |profile| &profile.modules);
        self.modules.map(modules, &after.modules, |module, rights| profile_module::Model {
            tenant_id: tenant.0,
            profile: after.key.to_string(),
            module: module.to_string(),
            can_edit: rights.edit,
            can_delete: rights.delete,
        });
        let sections = before.map_or(&NO_SECTIONS, |profile| &profile.sections);
        self.sections
            .map(sections, &after.sections, |section, settings| section_row(tenant, &after.key, section, settings));
        let keys: BTreeSet<&SectionKey> = sections.keys().chain(after.sections.keys()).collect();
        for section in keys {
            let (before, after_list) = (list(sections.get(section)), list(after.sections.get(section)));
            self.resources.set(before, after_list, |resource| profile_resource::Model {
                tenant_id: tenant.0,
                profile: after.key.to_string(),
                section: section.to_string(),
                resource: resource.to_string(),
            });
        }
    }
}

fn list(section: Option<&ProfileSection>) -> &BTreeSet<ResourceKey> {
    section.and_then(|section| section.association.list()).unwrap_or(&NO_RESOURCES)
}

fn row(tenant: TenantId, profile: &Profile) -> profile::Model {
    profile::Model {
        tenant_id: tenant.0,
        key: profile.key.to_string(),
        id: profile.id,
        name: profile.name.to_string(),
        sort_key: letters::searched(profile.name.as_str()),
        sort_key_of: profile.name.to_string(),
        description: profile.description.clone(),
        permission_type: profile.permission_type.as_ref().to_owned(),
        mask_sensitive_data: profile.mask_sensitive_data,
        imported_from: profile.imported_from.as_ref().map(|digest| digest.as_str().to_owned()),
        version: profile.version,
    }
}

fn section_row(
    tenant: TenantId,
    profile: &ProfileKey,
    section: &SectionKey,
    settings: &ProfileSection,
) -> profile_section::Model {
    profile_section::Model {
        tenant_id: tenant.0,
        profile: profile.to_string(),
        section: section.to_string(),
        enabled: settings.enabled,
        visible: settings.visible,
        can_edit: settings.rights.map(|rights| rights.edit),
        can_delete: settings.rights.map(|rights| rights.delete),
        automatic: settings.association == Association::Automatic,
    }
}
