//! Data that a change writes, with the state before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::domain::Change;
use crate::domain::key::UserKey;
use crate::domain::link::{LinkDiff, LinkList};
use crate::domain::map::Differing;
use crate::domain::tenant::TenantState;
use crate::domain::user::{Email, User};
use crate::error::{Error, Result};
use crate::policy::diff::StatePatch;
use crate::service::ask::link::links_for_audit;
use crate::service::change::state_cache::LoadedState;
use crate::store::user::{AccountChange, NewAccount};

/// Data that a change writes, with the state before it.
pub(in crate::service) struct ChangeSet<'a> {
    /// State before the change.
    pub before: &'a TenantState,
    /// `true` if the stored rules are known to follow from `before`.
    pub(super) is_followed: bool,
    /// State after the change.
    pub after: &'a TenantState,
    /// Accounts of new users.
    pub new_accounts: &'a BTreeMap<UserKey, NewAccount>,
    /// Changes to existing accounts.
    pub accounts: &'a BTreeMap<UserKey, AccountChange>,
    /// Links that are added and removed.
    pub links: &'a [(LinkList, LinkDiff)],
    /// Difference that turns `before` into `after`.
    pub patch: &'a StatePatch,
}

impl<'a> ChangeSet<'a> {
    /// Collects everything that a change writes, without links.
    pub(in crate::service) fn new(
        found: &'a LoadedState,
        after: &'a TenantState,
        new_accounts: &'a BTreeMap<UserKey, NewAccount>,
        accounts: &'a BTreeMap<UserKey, AccountChange>,
        patch: &'a StatePatch,
    ) -> Self {
        let LoadedState { stored: before, is_followed, .. } = found;
        Self { before, is_followed: *is_followed, after, new_accounts, accounts, links: &[], patch }
    }

    /// Adds the links that are added and removed.
    #[must_use]
    pub(super) const fn with_links(mut self, links: &'a [(LinkList, LinkDiff)]) -> Self {
        self.links = links;
        self
    }

    /// Returns the users that the change creates, changes or deletes.
    pub(in crate::service) fn users(&self) -> impl Iterator<Item = Differing<'_, UserKey, User>> {
        self.before.users.differing(&self.after.users)
    }

    /// Returns the email addresses that accounts get.
    pub(super) fn emails(&self) -> impl Iterator<Item = &Email> {
        let changed = self.accounts.values().filter_map(|account| match &account.email {
            Change::Set(email) => Some(email),
            Change::Keep | Change::Clear => None,
        });
        self.new_accounts.values().filter_map(|account| account.email.as_ref()).chain(changed)
    }

    /// Returns `true` if the change alters anything that instances cache with a credential: that its user exists and is
    /// enabled, their base role, their name or their password, or that their API key ends.
    pub(super) fn alters_credentials(&self) -> bool {
        let remembered = |user: &User| (user.id, user.enabled, user.base_role);
        let altered =
            |user: Differing<'_, _, _>| user.was.is_some() && user.was.map(remembered) != user.is.map(remembered);
        self.users().any(altered)
            || self.accounts.values().any(|it| it.password_hash.is_some() || it.full_name.is_some() || it.ends_api_key)
    }

    /// Returns the users whose sessions end for good: those who can no longer sign in, and those who get another
    /// password.
    pub(super) fn signed_out(&self) -> impl Iterator<Item = &UserKey> {
        let may_sign_in = |user: &User| user.enabled && user.base_role.signs_in();
        let could = self.users().filter(move |user| user.was.is_some_and(may_sign_in));
        let barred = could.filter(move |user| user.is.is_some_and(|user| !may_sign_in(user)));
        let renewed = self.accounts.iter().filter(|(_, account)| account.password_hash.is_some());
        barred.map(|user| user.key).chain(renewed.map(|(key, _)| key))
    }

    /// Returns the users whose API key ends with their password.
    pub(super) fn keys_ended(&self) -> impl Iterator<Item = &UserKey> {
        self.accounts.iter().filter(|(_, account)| account.ends_api_key).map(|(key, _)| key)
    }

    /// Returns the users whose password link becomes void: those whose sessions end, and those whose email address
    /// changes.
    pub(super) fn links_voided(&self) -> impl Iterator<Item = &UserKey> {
        let moved = self.accounts.iter().filter(|(_, account)| !matches!(account.email, Change::Keep));
        self.signed_out().chain(moved.map(|(key, _)| key))
    }

    /// Returns the changed things before and after, for the audit log; never a secret. `accounts_before` are the
    /// accounts before the change; `keys_ended`, the users whose API keys have ended with it.
    pub(super) fn for_audit(
        &self,
        accounts_before: Map<String, Value>,
        keys_ended: &BTreeSet<&UserKey>,
    ) -> Result<(Option<Value>, Option<Value>)> {
        let undo = StatePatch::between(self.after, self.before);
        let json = |patch: &StatePatch| serde_json::to_value(patch).map_err(Error::internal);
        let mut accounts = Map::new();
        accounts.extend(self.new_accounts.iter().map(|(user, account)| (user.to_string(), account.for_audit())));
        let shown = |(user, change): (&UserKey, &AccountChange)| {
            (user.to_string(), change.for_audit(keys_ended.contains(user)))
        };
        accounts.extend(self.accounts.iter().map(shown));
        let (mut was, mut is) = (json(&undo)?, json(self.patch)?);
        for (side, accounts) in [(&mut was, accounts_before), (&mut is, accounts)] {
            if let Some(fields) = side.as_object_mut().filter(|_| !accounts.is_empty()) {
                fields.insert("accounts".to_owned(), accounts.into());
            }
        }
        let [unlinked, linked] = links_for_audit(self.links);
        for (side, links) in [(&mut was, unlinked), (&mut is, linked)] {
            if let (Some(fields), Some(links)) = (side.as_object_mut(), links) {
                fields.insert("links".to_owned(), links);
            }
        }
        Ok((Some(was), Some(is)))
    }
}
