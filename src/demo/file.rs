//! The form of `demo/northwind.yaml`, and the inputs of use cases made from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use uuid::Uuid;

use super::PASSWORD;
use crate::domain::Change;
use crate::domain::catalogue::Rights;
use crate::domain::key::{
    GroupKey, ModuleKey, Object, PermissionKey, ProfileKey, ResourceKey, RoleKey, SectionKey, TenantKey,
};
use crate::domain::name::Name;
use crate::domain::profile::{PermissionType, SectionSave};
use crate::domain::resource::NewResource;
use crate::domain::role::Grant;
use crate::domain::user::{BaseRole, Email, Username};
use crate::error::Result;
use crate::service::admin::tenant::{NewAdmin, NewTenant};

/// The contents of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demo {
    pub(super) key: TenantKey,
    pub(super) name: Name,
    pub(super) licence: BTreeSet<ModuleKey>,
    pub(super) admin: Admin,
    pub(super) profiles: Vec<Profile>,
    pub(super) roles: Vec<Role>,
    pub(super) groups: Vec<Group>,
    pub(super) users: Vec<User>,
    pub(super) teams: BTreeMap<ResourceKey, Team>,
    pub(super) resources: BTreeMap<SectionKey, BTreeMap<ResourceKey, Name>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) username: String,
    pub(super) name: Name,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) key: ProfileKey,
    pub(super) name: Name,
    pub(super) description: String,
    pub(super) permission_type: PermissionType,
    #[serde(default)]
    pub(super) mask_sensitive_data: bool,
    pub(super) modules: BTreeMap<ModuleKey, Module>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module {
    pub(super) all: Option<bool>,
    pub(super) r#override: Option<PermissionType>,
    #[serde(default)]
    pub(super) sections: BTreeMap<String, Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default = "yes")]
    pub(super) visible: bool,
    pub(super) r#override: Option<PermissionType>,
    #[serde(default)]
    pub(super) automatic: bool,
    pub(super) resources: Option<BTreeSet<ResourceKey>>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) key: RoleKey,
    pub(super) name: Name,
    pub(super) description: String,
    pub(super) permissions: BTreeSet<PermissionKey>,
    #[serde(default)]
    pub(super) grants: BTreeSet<Grant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) name: Name,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) permissions: BTreeSet<PermissionKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) name: Name,
    pub(super) role: BaseRole,
    pub(super) profile: Option<ProfileKey>,
    pub(super) custom_role: Option<RoleKey>,
    #[serde(default)]
    pub(super) groups: BTreeSet<GroupKey>,
    #[serde(default)]
    pub(super) signs_in: bool,
    #[serde(default)]
    pub(super) disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Team {
    pub(super) name: Name,
    pub(super) agents: Vec<ResourceKey>,
}

impl Demo {
    /// Returns the tenant with its default admin.
    pub(super) fn tenant(&self) -> Result<NewTenant> {
        let admin = NewAdmin {
            username: Username::parse(&self.admin.username)?,
            full_name: self.admin.name.clone(),
            email: Some(email(&self.admin.username)?),
            password: PASSWORD.into(),
        };
        Ok(NewTenant { key: self.key.clone(), name: self.name.clone(), modules: self.licence.clone(), admin })
    }

    /// Returns all resources by section. The agents are not among them: each came with its user.
    pub(super) fn inventory(&self) -> Result<Vec<(SectionKey, Vec<NewResource>)>> {
        let agents_section = SectionKey::agents();
        let teams = self.teams.iter().map(|(key, team)| {
            let members = team.agents.iter().map(|agent| Object::resource(&agents_section, agent)).collect();
            NewResource { members: Some(members), ..resource(key, &team.name) }
        });
        let teams = (SectionKey::parse("staff/teams")?, teams.collect());
        let others = self.resources.iter().map(|(section, resources)| {
            (section.clone(), resources.iter().map(|(key, name)| resource(key, name)).collect())
        });
        Ok(std::iter::once(teams).chain(others).collect())
    }
}

fn resource(key: &ResourceKey, name: &Name) -> NewResource {
    NewResource { id: Uuid::now_v7(), key: key.clone(), name: name.clone(), protected: false, members: None }
}

pub(super) fn email(username: &str) -> Result<Email> {
    Email::parse(&format!("{username}@northwind.example"))
}

impl Section {
    /// Returns the input with which a profile saves this section.
    pub(super) fn save(&self, module: &ModuleKey, name: &str) -> Result<SectionSave> {
        Ok(SectionSave {
            section: SectionKey::of(module, name)?,
            enabled: self.enabled,
            visible: self.visible && self.enabled,
            rights: rights(self.r#override),
            automatic: self.automatic,
            keep_associated: false,
            resources: self.resources.clone(),
            add: BTreeSet::new(),
            remove: BTreeSet::new(),
        })
    }
}

pub(super) fn rights(given: Option<PermissionType>) -> Change<Rights> {
    given.map_or(Change::Keep, |given| Change::Set(given.rights()))
}
