//! Groups (R39, R40).

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::group::{Group, GroupChange};
use crate::domain::key::{GroupKey, UserKey};
use crate::domain::name::Name;
use crate::error::{ErrorCode, Result};
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::access::unseen::Named;
use crate::service::change::{ChangeDraft, ChangeOptions, ChangeRequest, Outcome};
use crate::store::page::{Page, PageOf};
use crate::store::user::UserRow;

impl Platform {
    /// Creates a group.
    pub async fn group_create(
        &self,
        caller: &Caller,
        key: Option<GroupKey>,
        name: Name,
        change: GroupChange,
        members: BTreeSet<UserKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<GroupKey>> {
        let intent = ChangeRequest::new(Permit::GROUPS_EDIT, "group.create", format_args!("group:{name}"), options);
        let named = Named::from(&change);
        let done = self.change(caller, intent, |draft| {
            let key = draft.state.create_group(draft.catalogue, Uuid::now_v7(), key, name, change, members)?;
            draft.target = Some(format!("group:{key}"));
            Ok(key)
        });
        match done.await {
            Err(error) => Err(self.unseen(caller, named, error).await),
            done => done,
        }
    }

    /// Changes a group's name, roles or permissions.
    pub async fn group_update(
        &self,
        caller: &Caller,
        key: &GroupKey,
        version: i32,
        change: GroupChange,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::GROUPS_EDIT, "group.update", format_args!("group:{key}"), options);
        let named = Named::from(&change);
        let update =
            |draft: &mut ChangeDraft<'_>| draft.state.update_group(draft.catalogue, key.as_str(), version, change);
        match self.change(caller, intent, update).await {
            Err(error) => Err(self.unseen(caller, named, error).await),
            done => done,
        }
    }

    /// Adds members to a group.
    pub async fn group_add_members(
        &self,
        caller: &Caller,
        key: &GroupKey,
        users: BTreeSet<UserKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::GROUPS_EDIT, "group.addMembers", format_args!("group:{key}"), options);
        self.change(caller, intent, |draft| draft.state.add_members(key.as_str(), users)).await
    }

    /// Removes members from a group.
    pub async fn group_remove_members(
        &self,
        caller: &Caller,
        key: &GroupKey,
        users: &BTreeSet<UserKey>,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent =
            ChangeRequest::new(Permit::GROUPS_EDIT, "group.removeMembers", format_args!("group:{key}"), options);
        self.change(caller, intent, |draft| draft.state.remove_members(key.as_str(), users)).await
    }

    /// Deletes a group, unless it is the only group of any member.
    pub async fn group_delete(
        &self,
        caller: &Caller,
        key: &GroupKey,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::GROUPS_DELETE, "group.delete", format_args!("group:{key}"), options);
        match self.change(caller, intent, |draft| draft.state.delete_group(key.as_str()).map(drop)).await {
            Err(error) if error.code == ErrorCode::LastGroupOfMembers && !self.sees_members(caller).await => {
                Err(error.saying("this is the only group of some of its members: add them to another group first"))
            }
            done => done,
        }
    }

    /// Returns `true` if the caller can see the members of groups.
    async fn sees_members(&self, caller: &Caller) -> bool {
        self.may(caller, Permit::GROUPS_READ).await && self.may(caller, Permit::USERS_READ).await
    }

    /// Returns a page of the groups, ordered by name, without their members.
    pub async fn group_list(&self, caller: &Caller, search: Option<&str>, page: Page) -> Result<PageOf<Group>> {
        let tenant = self.authorise(caller, Permit::GROUPS_READ).await?;
        tenant.scope().groups(search, &page).await
    }

    /// Counts the groups.
    pub async fn group_count(&self, caller: &Caller, search: Option<&str>) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::GROUPS_READ).await?;
        tenant.scope().groups_count(search).await
    }

    /// Returns the group with this key, without its members.
    pub async fn group_get(&self, caller: &Caller, key: &GroupKey) -> Result<Option<Group>> {
        Ok(self.group_list_by_keys(caller, std::slice::from_ref(key)).await?.pop())
    }

    /// Returns a group that the caller has just changed, without checking their permission again.
    pub async fn group_get_changed(&self, caller: &Caller, key: &GroupKey) -> Result<Option<Group>> {
        Ok(self.after_change(caller).groups_by_keys(std::slice::from_ref(key)).await?.pop())
    }

    /// Returns the groups with these keys, in no particular order, without their members. Users can see the groups that
    /// they are in.
    pub async fn group_list_by_keys(&self, caller: &Caller, keys: &[GroupKey]) -> Result<Vec<Group>> {
        let wanted = keys.iter().cloned().map(Subject::Group);
        let tenant = self.authorise_holder(caller, Permit::GROUPS_READ, wanted).await?;
        tenant.scope().groups_by_keys(keys).await
    }

    /// Returns the group with this internal id, without its members.
    pub async fn group_get_by_id(&self, caller: &Caller, id: Uuid) -> Result<Option<Group>> {
        let tenant = self.authorise(caller, Permit::GROUPS_READ).await?;
        tenant.scope().group_by_id(id).await
    }

    /// Reads, for each of these users, the same page of the keys of their groups; users in no group are not in the
    /// result. Callers can ask about themselves.
    pub async fn group_list_of_users(
        &self,
        caller: &Caller,
        users: &[UserKey],
        page: &Page,
    ) -> Result<HashMap<UserKey, PageOf<GroupKey>>> {
        let wanted = users.iter().cloned().map(Subject::User);
        let tenant = self.authorise_holder(caller, Permit::GROUPS_READ, wanted).await?;
        tenant.scope().group_pages_of_users(users, page).await
    }

    /// Counts the groups that a user is in. Callers can ask about themselves.
    pub async fn group_count_of_user(&self, caller: &Caller, user: &UserKey) -> Result<u64> {
        let wanted = std::iter::once(Subject::User(user.clone()));
        let tenant = self.authorise_holder(caller, Permit::GROUPS_READ, wanted).await?;
        tenant.scope().groups_count_of_user(user).await
    }

    /// Returns a page of the members of a group, ordered by name.
    pub async fn group_members(&self, caller: &Caller, key: &GroupKey, page: Page) -> Result<PageOf<UserRow>> {
        self.authorise(caller, Permit::GROUPS_READ).await?;
        let tenant = self.authorise(caller, Permit::USERS_READ).await?;
        tenant.scope().members_of_group(key, None, &page).await
    }

    /// Counts the members of each of these groups; groups without members are not in the result.
    pub async fn group_member_counts(&self, caller: &Caller, keys: &[GroupKey]) -> Result<HashMap<GroupKey, u64>> {
        let tenant = self.authorise(caller, Permit::GROUPS_READ).await?;
        tenant.scope().member_counts(keys).await
    }

    /// Counts the members of a group.
    pub async fn group_member_count(&self, caller: &Caller, key: &GroupKey) -> Result<u64> {
        Ok(self.group_member_counts(caller, std::slice::from_ref(key)).await?.remove(key).unwrap_or(0))
    }
}
