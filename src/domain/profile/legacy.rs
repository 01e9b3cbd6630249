//! The import of users that had permissions of their own before there were profiles (R24).
//!
//! A profile remembers the permissions that it was made from, and a user those that they were imported with, each by
//! their digest. So whatever administrators change afterwards, the same import again finds everything done: it makes no
//! second profile, and moves no user back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::module::switch_module;
use super::{Association, NewProfile, PermissionType, Profile, ProfileSection};
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{ModuleKey, Object, ProfileKey, ResourceKey, SectionKey, UserKey};
use crate::domain::name::Name;
use crate::domain::resource::check_batch;
use crate::domain::tenant::TenantState;
use crate::error::{Error, Result};

/// The permissions that a user had by switches of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyPermissions {
    /// `true` if the user could change what they saw.
    pub edit: bool,
    /// `true` if the user could delete what they saw.
    pub delete: bool,
    /// The modules that were on as a whole.
    pub modules: BTreeSet<ModuleKey>,
    /// The sections that were on.
    pub sections: BTreeSet<SectionKey>,
    /// The resources that the user saw.
    pub resources: BTreeSet<Object>,
}

/// A user with the permissions that they had.
#[derive(Debug, Clone)]
pub struct LegacyUser {
    /// The user.
    pub user: UserKey,
    /// The permissions that the user had.
    pub permissions: LegacyPermissions,
    /// The internal id of a profile, for when these permissions need a new one.
    pub profile_id: Uuid,
}

/// The mark by which a set of legacy permissions is recognised: the hex SHA-256 of its meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegacyDigest(String);

impl LegacyDigest {
    /// Takes a digest that was stored.
    pub const fn stored(hex: String) -> Self {
        Self(hex)
    }

    /// Returns the hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LegacyPermissions {
    /// Returns one digest for all sets of one meaning: what is named below a module that is on as a whole adds nothing
    /// to it.
    fn digest(&self) -> LegacyDigest {
        let mut hash = Sha256::new();
        let mut line = |what: &str, of: &dyn fmt::Display| hash.update(format!("{what} {of}\n"));
        line("edit", &self.edit);
        line("delete", &self.delete);
        // INVARIANT: no key holds a line break, so no two sets make the same lines.
        for module in &self.modules {
            line("module", module);
        }
        let partly = |module: &str| !self.modules.contains(module);
        for section in self.sections.iter().filter(|section| partly(section.module())) {
            line("section", section);
        }
        for resource in self.resources.iter().filter(|resource| partly(resource.first())) {
            line("resource", resource);
        }
        LegacyDigest(HEXLOWER.encode(&hash.finalize()))
    }

    fn permission_type(&self) -> PermissionType {
        match (self.edit, self.delete) {
            (false, false) => PermissionType::Read,
            (true, false) => PermissionType::ReadEdit,
            (false, true) => PermissionType::ReadDelete,
            (true, true) => PermissionType::ReadEditDelete,
        }
    }
}

/// Returns an error as that of one of the users of an import.
fn place(i: usize, error: Error) -> Error {
    error.at(i.to_string()).at("users")
}

impl TenantState {
    /// Gives each user the profile that permits what they were permitted: one for each set of permissions, new where
    /// there is none yet. Users that were imported with the same permissions before stay as they are. Returns the
    /// profiles that the users are in, in the order of first use.
    pub fn import_legacy(&mut self, catalogue: &Catalogue, users: &[LegacyUser]) -> Result<Vec<ProfileKey>> {
        check_batch(users.len(), "users")?;
        self.check_named(users)?;
        let news = self.not_imported(users);
        self.check_assignable(news.iter().map(|(_, one, _)| &one.user))?;
        let mut known = self.imported_profiles();
        let mut number = 0;
        for (i, one, digest) in news {
            let profile = match known.get(&digest) {
                Some(profile) => profile.clone(),
                None => {
                    self.profile_of_legacy(catalogue, one, &digest, &mut number).map_err(|error| place(i, error))?
                }
            };
            self.hold(&one.user, &profile);
            if let Some(user) = self.users.get_mut(&one.user) {
                user.imported_from = Some(digest.clone());
            }
            known.insert(digest, profile);
        }
        let mut told = BTreeSet::new();
        let held = users.iter().filter_map(|one| self.users.get(&one.user)?.profile.clone());
        Ok(held.filter(|profile| told.insert(profile.clone())).collect())
    }

    fn check_named(&self, users: &[LegacyUser]) -> Result<()> {
        let mut named = BTreeSet::new();
        for (i, LegacyUser { user, .. }) in users.iter().enumerate() {
            if !self.users.contains_key(user) {
                return Err(place(i, Error::not_found("user", user).at("user")));
            }
            if !named.insert(user) {
                return Err(place(i, Error::invalid(format!("`{user}` is named twice")).at("user")));
            }
        }
        Ok(())
    }

    /// Returns the users that were not imported with these permissions yet, with their place and digest.
    fn not_imported<'a>(&self, users: &'a [LegacyUser]) -> Vec<(usize, &'a LegacyUser, LegacyDigest)> {
        let digests = users.iter().enumerate().map(|(i, one)| (i, one, one.permissions.digest()));
        let is_new = |(_, one, digest): &(usize, &LegacyUser, LegacyDigest)| {
            self.users.get(&one.user).is_none_or(|user| user.imported_from.as_ref() != Some(digest))
        };
        digests.filter(is_new).collect()
    }

    fn imported_profiles(&self) -> BTreeMap<LegacyDigest, ProfileKey> {
        let digest = |profile: &Profile| Some((profile.imported_from.clone()?, profile.key.clone()));
        self.profiles.values().filter_map(digest).collect()
    }

    /// Makes the profile `profile_N` of these permissions. N is the next number that is free.
    fn profile_of_legacy(
        &mut self,
        catalogue: &Catalogue,
        one: &LegacyUser,
        digest: &LegacyDigest,
        number: &mut u32,
    ) -> Result<ProfileKey> {
        let name = loop {
            *number += 1;
            let name = Name::parse(&format!("profile_{number}"))?;
            if !self.profiles.contains_key(name.as_str()) && self.check_profile_name(&name).is_ok() {
                break name;
            }
        };
        let key = self.create_profile(NewProfile {
            id: one.profile_id,
            key: Some(ProfileKey::parse(name.as_str())?),
            name,
            description: "Imported from permissions that users had of their own".to_owned(),
            permission_type: one.permissions.permission_type(),
            mask_sensitive_data: false,
        })?;
        if let Some(mut profile) = self.profiles.get(&key).cloned() {
            self.open_legacy(catalogue, &mut profile, &one.permissions)?;
            profile.imported_from = Some(digest.clone());
            self.profiles.insert(key.clone(), profile);
        }
        Ok(key)
    }

    fn open_legacy(&self, catalogue: &Catalogue, profile: &mut Profile, wanted: &LegacyPermissions) -> Result<()> {
        for key in &wanted.modules {
            let module = self.configurable_module(catalogue, key.as_str()).map_err(|error| error.at("modules"))?;
            switch_module(profile, module, true);
        }
        for key in &wanted.sections {
            self.check_section(catalogue, key).map_err(|error| error.at("sections"))?;
            let open = ProfileSection { enabled: true, visible: true, ..ProfileSection::default() };
            profile.sections.entry(key.clone()).or_insert(open);
        }
        for object in &wanted.resources {
            let (section, key) = self.legacy_resource(catalogue, object).map_err(|error| error.at("resources"))?;
            if let Association::Manual(list) = &mut profile.sections.entry(section).or_default().association {
                list.insert(key);
            }
        }
        Ok(())
    }

    fn check_section(&self, catalogue: &Catalogue, key: &SectionKey) -> Result<()> {
        catalogue.section(key.as_str()).ok_or_else(|| Error::not_found("section", key))?;
        self.configurable_module(catalogue, key.module()).map(drop)
    }

    fn legacy_resource(&self, catalogue: &Catalogue, object: &Object) -> Result<(SectionKey, ResourceKey)> {
        let there = self.resources.get(object).and_then(|_| object.as_resource());
        let (section, key) = there.ok_or_else(|| Error::not_found("resource", object))?;
        self.check_section(catalogue, &section)?;
        Ok((section, key))
    }
}
