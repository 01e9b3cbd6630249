//! User profiles (R5 to R19, R24).

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::catalogue::Module;
use crate::domain::key::{ModuleKey, ProfileKey, SectionKey, UserKey};
use crate::domain::name::Name;
use crate::domain::profile::{
    Association, LegacyUser, ModuleSave, ModuleState, NewProfile, Profile, ProfileChange, ProfileSection,
    SectionProgress,
};
use crate::domain::resource::Resource;
use crate::error::Result;
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::access::unseen::Named;
use crate::service::change::{ChangeOptions, ChangeRequest, Outcome};
use crate::store::page::{Page, PageOf};
use crate::store::resource::ResourceCount;
use crate::store::user::{UserFilter, UserOrder, UserRow};

/// A profile as lists show it: without its manual lists, which are asked for a page at a time.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// The profile; the lists of its sections are empty.
    pub profile: Profile,
}

/// A module as a profile has it.
#[derive(Debug, Clone)]
pub struct ModuleRow {
    /// Its place in the catalogue.
    pub index: usize,
    /// Its key.
    pub key: ModuleKey,
    /// `true` while the licence holds it.
    pub licensed: bool,
    /// Extent to which the profile has opened it.
    pub state: ModuleState,
    /// Its sections.
    pub sections: Vec<SectionKey>,
}

/// Numbers of resources, of all and of those on the lists of profiles: the states of modules are made of them.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Numbers of resources, by section.
    pub resources: HashMap<SectionKey, ResourceCount>,
    /// Numbers of resources on a profile's list, by profile and section; protected ones are not counted.
    pub listed: HashMap<(ProfileKey, SectionKey), u64>,
    /// The modules that the tenant sees, by their place in the catalogue, and whether the licence
    /// holds each.
    pub modules: Vec<(usize, bool)>,
}

impl Platform {
    /// Makes a profile that permits nothing yet.
    pub async fn profile_create(
        &self,
        caller: &Caller,
        new: NewProfile,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<ProfileKey>> {
        let intent =
            ChangeRequest::new(Permit::PROFILES_EDIT, "profile.create", format_args!("profile:{}", new.name), options);
        self.change(caller, intent, |draft| {
            let key = draft.state.create_profile(new)?;
            draft.target = Some(format!("profile:{key}"));
            Ok(key)
        })
        .await
    }

    /// Changes a profile's description, permission type or masking.
    pub async fn profile_update(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        version: i32,
        change: ProfileChange,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent =
            ChangeRequest::new(Permit::PROFILES_EDIT, "profile.update", format_args!("profile:{key}"), options);
        self.change(caller, intent, |draft| draft.state.update_profile(key.as_str(), version, change)).await
    }

    /// Saves one module of a profile as a whole (R17).
    pub async fn profile_save_module(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        module: &str,
        version: i32,
        save: ModuleSave,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent =
            ChangeRequest::new(Permit::PROFILES_EDIT, "profile.saveModule", format_args!("profile:{key}"), options);
        self.change(caller, intent, |draft| {
            draft.state.save_module(draft.catalogue, key.as_str(), module, version, save)
        })
        .await
    }

    /// Gives a profile to many users in one change (R19).
    pub async fn profile_assign(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        users: &BTreeSet<UserKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::USERS_EDIT, "profile.assign", format_args!("profile:{key}"), options);
        match self.change(caller, intent, |draft| draft.state.assign_profile(key, users)).await {
            Err(error) => Err(self.unseen(caller, Named::PROFILE, error).await),
            done => done,
        }
    }

    /// Makes profiles of what users were permitted one by one, and gives the profiles that the
    /// users are in (R24).
    pub async fn profile_import_legacy(
        &self,
        caller: &Caller,
        users: &[LegacyUser],
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<Vec<ProfileKey>>> {
        let intent = ChangeRequest::new(Permit::PROFILES_IMPORT, "profile.importLegacy", "profile:profile_*", options);
        self.change(caller, intent, |draft| draft.state.import_legacy(draft.catalogue, users)).await
    }

    /// Copies a profile under a new name, without its users.
    pub async fn profile_clone(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        new_key: Option<ProfileKey>,
        new_name: Name,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<ProfileKey>> {
        let intent = ChangeRequest::new(Permit::PROFILES_EDIT, "profile.clone", format_args!("profile:{key}"), options);
        self.change(caller, intent, |draft| {
            draft.state.clone_profile(draft.catalogue, key.as_str(), Uuid::now_v7(), new_key, new_name)
        })
        .await
    }

    /// Deletes a profile that no user holds.
    pub async fn profile_delete(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent =
            ChangeRequest::new(Permit::PROFILES_DELETE, "profile.delete", format_args!("profile:{key}"), options);
        self.change(caller, intent, |draft| draft.state.delete_profile(key.as_str()).map(drop)).await
    }

    /// Returns a page of the profiles, by name.
    pub async fn profile_list(&self, caller: &Caller, search: Option<&str>, page: Page) -> Result<PageOf<ProfileRow>> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        let found = tenant.scope().profiles(search, &page).await?;
        found.try_map(|profile| Ok(self.profile_row(profile)))
    }

    /// Counts the profiles.
    pub async fn profile_count(&self, caller: &Caller, search: Option<&str>) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        tenant.scope().profiles_count(search).await
    }

    /// Returns the profile of this key.
    pub async fn profile_get(&self, caller: &Caller, key: &ProfileKey) -> Result<Option<ProfileRow>> {
        Ok(self.profile_list_by_keys(caller, std::slice::from_ref(key)).await?.pop())
    }

    /// Returns a profile that the caller has just changed, without asking again whether they may see it.
    pub async fn profile_get_changed(&self, caller: &Caller, key: &ProfileKey) -> Result<Option<ProfileRow>> {
        let found = self.after_change(caller).profiles_by_keys(std::slice::from_ref(key)).await?.pop();
        Ok(found.map(|profile| self.profile_row(profile)))
    }

    /// Returns the profiles of these keys, in no order. Callers can see the one that they hold.
    pub async fn profile_list_by_keys(&self, caller: &Caller, keys: &[ProfileKey]) -> Result<Vec<ProfileRow>> {
        let wanted = keys.iter().cloned().map(Subject::Profile);
        let tenant = self.authorise_holder(caller, Permit::PROFILES_READ, wanted).await?;
        let found = tenant.scope().profiles_by_keys(keys).await?;
        Ok(found.into_iter().map(|profile| self.profile_row(profile)).collect())
    }

    /// Returns the profile of this internal id.
    pub async fn profile_get_by_id(&self, caller: &Caller, id: Uuid) -> Result<Option<ProfileRow>> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        Ok(tenant.scope().profile_by_id(id).await?.map(|profile| self.profile_row(profile)))
    }

    /// Returns the row of a profile, as the next save of it would begin with.
    fn profile_row(&self, mut profile: Profile) -> ProfileRow {
        profile.conform(&self.parts.catalogue);
        ProfileRow { profile }
    }

    /// Counts the users who hold each of these profiles; a profile without any is absent.
    pub async fn profile_users(&self, caller: &Caller, keys: &[ProfileKey]) -> Result<HashMap<ProfileKey, u64>> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        tenant.scope().profile_user_counts(keys).await
    }

    /// Returns a page of the users that hold a profile, by name.
    pub async fn profile_holders(&self, caller: &Caller, key: &ProfileKey, page: Page) -> Result<PageOf<UserRow>> {
        let tenant = self.authorise(caller, Permit::USERS_READ).await?;
        let filter = UserFilter { profile: Some(key.clone()), ..UserFilter::default() };
        tenant.scope().users(&filter, UserOrder::default(), &page).await
    }

    /// Counts the users who hold a profile.
    pub async fn profile_holder_count(&self, caller: &Caller, key: &ProfileKey) -> Result<u64> {
        Ok(self.profile_users(caller, std::slice::from_ref(key)).await?.remove(key).unwrap_or(0))
    }

    /// Returns the numbers that the states of the modules of these profiles are made of, in three queries.
    pub async fn profile_inventory(&self, caller: &Caller, keys: &[ProfileKey]) -> Result<Inventory> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        let scope = tenant.scope();
        Ok(Inventory {
            resources: scope.resource_counts().await?,
            listed: scope.association_counts(keys).await?,
            modules: self.listed_modules(caller).await?,
        })
    }

    /// Returns the modules that profiles of the tenant configure, as this one has them (R7). Optional ones without a
    /// licence are not listed (R2).
    pub fn profile_modules(&self, row: &ProfileRow, inventory: &Inventory) -> Vec<ModuleRow> {
        let modules = self.parts.catalogue.modules();
        let row = |&(index, licensed): &(usize, bool)| {
            let module = modules.get(index).filter(|module| module.in_profiles && !module.platform)?;
            let state = if licensed { inventory.state(&row.profile, module) } else { ModuleState::Unlicensed };
            let sections = module.sections.iter().map(|section| section.key.clone()).collect();
            Some(ModuleRow { index, key: module.key.clone(), licensed, state, sections })
        };
        inventory.modules.iter().filter_map(row).collect()
    }

    /// Returns a page of the resources that a profile has in a section, or does not have yet.
    pub async fn profile_section_resources(
        &self,
        caller: &Caller,
        profile: &ProfileKey,
        section: &SectionKey,
        associated: bool,
        search: Option<&str>,
        page: Page,
    ) -> Result<PageOf<Resource>> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        let scope = tenant.scope();
        if associated {
            scope.profile_resources(profile, section, search, &page).await
        } else {
            scope.available_resources(profile, section, search, &page).await
        }
    }

    /// Counts the resources that a profile has in a section, or does not have yet.
    pub async fn profile_count_section_resources(
        &self,
        caller: &Caller,
        profile: &ProfileKey,
        section: &SectionKey,
        associated: bool,
        search: Option<&str>,
    ) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::PROFILES_READ).await?;
        let scope = tenant.scope();
        if associated {
            scope.profile_resources_count(profile, section, search).await
        } else {
            scope.available_resources_count(profile, section, search).await
        }
    }
}

impl Inventory {
    /// Counts the resources that the profile has in a section, protected ones among them.
    pub fn associated(&self, profile: &Profile, section: &SectionKey) -> u64 {
        let all = self.resources.get(section).copied().unwrap_or_default();
        match profile.sections.get(section).map(|own| &own.association) {
            Some(Association::Automatic) => all.total,
            _ => all.protected + self.listed.get(&(profile.key.clone(), section.clone())).copied().unwrap_or(0),
        }
    }

    /// Returns the state of a licensed module for a profile (R7).
    fn state(&self, profile: &Profile, module: &Module) -> ModuleState {
        let default = ProfileSection::default();
        ModuleState::of(module.sections.iter().map(|section| {
            let own = profile.sections.get(&section.key).unwrap_or(&default);
            let all = self.resources.get(&section.key).copied().unwrap_or_default();
            let has = self.associated(profile, &section.key);
            let automatic = own.association == Association::Automatic;
            SectionProgress {
                enabled: own.enabled,
                associated: section.holds_resources && (automatic || has > all.protected),
                complete: has >= all.total,
            }
        }))
    }
}
