//! Groups (R39, R40).

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Platform;
use super::change::{Done, Intent};
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::group::GroupChange;
use crate::domain::key::{GroupKey, UserKey};
use crate::domain::name::Name;
use crate::error::Result;

fn intent(permit: Permit, action: &'static str, key: &str, reason: Option<String>) -> Intent {
    Intent { permit, action, target: format!("group:{key}"), reason, gives: true }
}

impl Platform {
    /// Makes a group.
    pub async fn create_group(
        &self,
        caller: &Caller,
        key: Option<GroupKey>,
        name: Name,
        change: GroupChange,
        members: BTreeSet<UserKey>,
        reason: Option<String>,
    ) -> Result<Done<GroupKey>> {
        let intent = intent(Permit::GROUPS_EDIT, "group.create", name.as_str(), reason);
        self.change(caller, intent, |draft| {
            draft.state.create_group(draft.catalogue, Uuid::now_v7(), key, name, change, members)
        })
        .await
    }

    /// Changes a group's name, roles or permissions.
    pub async fn update_group(
        &self,
        caller: &Caller,
        key: &GroupKey,
        version: i32,
        change: GroupChange,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        let intent = intent(Permit::GROUPS_EDIT, "group.update", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.update_group(draft.catalogue, key.as_str(), version, change)).await
    }

    /// Adds members to a group.
    pub async fn add_members(
        &self,
        caller: &Caller,
        key: &GroupKey,
        users: BTreeSet<UserKey>,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        let intent = intent(Permit::GROUPS_EDIT, "group.addMembers", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.add_members(key.as_str(), users)).await
    }

    /// Removes members from a group.
    pub async fn remove_members(
        &self,
        caller: &Caller,
        key: &GroupKey,
        users: &BTreeSet<UserKey>,
        reason: Option<String>,
    ) -> Result<Done<()>> {
        let intent = intent(Permit::GROUPS_EDIT, "group.removeMembers", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.remove_members(key.as_str(), users)).await
    }

    /// Deletes a group that is not the only one of any member.
    pub async fn delete_group(&self, caller: &Caller, key: &GroupKey, reason: Option<String>) -> Result<Done<()>> {
        let intent = intent(Permit::GROUPS_DELETE, "group.delete", key.as_str(), reason);
        self.change(caller, intent, |draft| draft.state.delete_group(key.as_str()).map(drop)).await
    }
}
