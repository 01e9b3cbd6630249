//! Custom roles (R35 to R38).

use uuid::Uuid;

use super::Platform;
use super::change::{Done, Intent};
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::key::RoleKey;
use crate::domain::name::Name;
use crate::domain::role::RoleChange;
use crate::error::Result;

fn intent(permit: Permit, action: &'static str, key: &str, reason: Option<String>) -> Intent {
    Intent { permit, action, target: format!("role:{key}"), reason, gives: true }
}

impl Platform {
    /// Makes a custom role.
    pub async fn create_role(
        &self,
        caller: &Caller,
        key: Option<RoleKey>,
        name: Name,
        change: RoleChange,
        reason: Option<String>,
    ) -> Result<Done<RoleKey>> {
        let intent = intent(Permit::ROLES_EDIT, "role.create", name.as_str(), reason);
        self.change(caller, intent, |draft| {
            draft.state.create_role(draft.catalogue, Uuid::now_v7(), key, name, change)
        })
        .await
    }

    /// Changes a custom role, for all who hold it at once.
    pub async fn update_role(
        &self,
        caller: &Caller,
        key: &RoleKey,
        version: i32,
        change: RoleChange,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        let intent = intent(Permit::ROLES_EDIT, "role.update", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.update_role(draft.catalogue, key.as_str(), version, change)).await
    }

    /// Deletes a custom role that nobody holds.
    pub async fn delete_role(&self, caller: &Caller, key: &RoleKey, reason: Option<String>) -> Result<Done<()>> {
        let intent = intent(Permit::ROLES_DELETE, "role.delete", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.delete_role(key.as_str()).map(drop)).await
    }
}
