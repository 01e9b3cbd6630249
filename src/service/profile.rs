//! User profiles (R5 to R18).

use uuid::Uuid;

use super::Platform;
use super::change::{Done, Intent};
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::key::ProfileKey;
use crate::domain::name::Name;
use crate::domain::profile::{ModuleSave, NewProfile, ProfileChange};
use crate::error::Result;

fn intent(permit: Permit, action: &'static str, key: &str, reason: Option<String>) -> Intent {
    Intent { permit, action, target: format!("profile:{key}"), reason, gives: true }
}

impl Platform {
    /// Makes a profile that permits nothing yet.
    pub async fn create_profile(&self, caller: &Caller, new: NewProfile, reason: Option<String>) -> Result<Done<ProfileKey>> {
        let intent = intent(Permit::PROFILES_EDIT, "profile.create", new.name.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.create_profile(new)).await
    }

    /// Changes a profile's description, permission type or masking.
    pub async fn update_profile(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        version: i32,
        change: ProfileChange,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        let intent = intent(Permit::PROFILES_EDIT, "profile.update", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.update_profile(key.as_str(), version, change)).await
    }

    /// Saves one module of a profile as a whole (R17).
    pub async fn save_module(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        module: &str,
        version: i32,
        save: ModuleSave,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        let intent = intent(Permit::PROFILES_EDIT, "profile.saveModule", key.as_str(), reason);
        self.change(caller, intent, |draft| {
            draft.state.save_module(draft.catalogue, key.as_str(), module, version, save)
        })
        .await
    }

    /// Copies a profile under a new name, without its users.
    pub async fn clone_profile(
        &self,
        caller: &Caller,
        key: &ProfileKey,
        new_key: Option<ProfileKey>,
        new_name: Name,
        reason: Option<String>,
    ) -> Result<Done<ProfileKey>> {
        let intent = intent(Permit::PROFILES_EDIT, "profile.clone", key.as_str(), reason);
        self.change(caller, intent, |draft| {
            draft.state.clone_profile(key.as_str(), Uuid::now_v7(), new_key, new_name)
        })
        .await
    }

    /// Deletes a profile that no user holds.
    pub async fn delete_profile(&self, caller: &Caller, key: &ProfileKey, reason: Option<String>) -> Result<Done<()>> {
        let intent = intent(Permit::PROFILES_DELETE, "profile.delete", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.delete_profile(key.as_str()).map(drop)).await
    }
}
