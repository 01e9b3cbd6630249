//! The grants of custom roles (R35a), of one role or of all roles of a group. They come in pages, because the number of
//! grants of a role has no bound.

use std::collections::BTreeSet;

use crate::auth::caller::Caller;
use crate::domain::key::RoleKey;
pub use crate::domain::role::Grant;
use crate::domain::role::RoleRef;
use crate::error::Result;
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::admin::role::RoleRow;
use crate::store::Scope;
use crate::store::page::{Page, PageOf};

/// Maximum number of roles that are named as the source of one grant.
pub const SOURCES_MAX: u32 = 10;

/// Grant of a group's roles, with the roles that it comes from.
#[derive(Debug, Clone)]
pub struct GrantSource {
    /// Grant itself.
    pub grant: Grant,
    /// First of the roles with the grant, ordered by key; at most [`SOURCES_MAX`].
    pub roles: Vec<RoleRef>,
    /// Number of roles with the grant.
    pub role_count: u64,
}

impl Platform {
    /// Reads a page of a role's grants.
    pub async fn role_grant_list(&self, caller: &Caller, role: &RoleRow, page: Page) -> Result<PageOf<Grant>> {
        let (scope, keys) = self.holder_of(caller, role).await?;
        scope.grants(&keys, &page).await
    }

    /// Counts a role's grants.
    pub async fn role_grant_count(&self, caller: &Caller, role: &RoleRow) -> Result<u64> {
        let (scope, keys) = self.holder_of(caller, role).await?;
        scope.grants_count(&keys).await
    }

    /// Reads a page of the grants of these roles, each once. Callers can see those of roles that they hold.
    pub async fn group_grant_list(
        &self,
        caller: &Caller,
        roles: &BTreeSet<RoleRef>,
        page: Page,
    ) -> Result<PageOf<Grant>> {
        let (scope, keys) = self.holders_of(caller, roles).await?;
        scope.grants(&keys, &page).await
    }

    /// Counts the grants of these roles, each once.
    pub async fn group_grant_count(&self, caller: &Caller, roles: &BTreeSet<RoleRef>) -> Result<u64> {
        let (scope, keys) = self.holders_of(caller, roles).await?;
        scope.grants_count(&keys).await
    }

    /// Reads a page of the grants of these roles, each with the roles that it comes from.
    pub async fn group_grant_sources(
        &self,
        caller: &Caller,
        roles: &BTreeSet<RoleRef>,
        page: Page,
    ) -> Result<PageOf<GrantSource>> {
        let (scope, keys) = self.holders_of(caller, roles).await?;
        let found = scope.grants(&keys, &page).await?;
        let mut holders = scope.holders_of_grants(&keys, &found, SOURCES_MAX).await?;
        found.try_map(|grant| {
            let held = holders.remove(&grant).unwrap_or_default();
            Ok(GrantSource {
                grant,
                roles: held.first.into_iter().map(RoleRef::Custom).collect(),
                role_count: held.count,
            })
        })
    }

    async fn holder_of(&self, caller: &Caller, role: &RoleRow) -> Result<(Scope, Vec<RoleKey>)> {
        let key = if role.custom { Some(RoleKey::parse(&role.key)?) } else { None };
        if role.changed {
            return Ok((self.after_change(caller), key.into_iter().collect()));
        }
        self.holders_of(caller, &key.into_iter().map(RoleRef::Custom).collect()).await
    }

    /// Refuses roles whose grants the caller cannot see. Returns the reads of their tenant, and the keys of the roles that
    /// can have grants.
    async fn holders_of(&self, caller: &Caller, roles: &BTreeSet<RoleRef>) -> Result<(Scope, Vec<RoleKey>)> {
        let custom = roles.iter().filter_map(|role| match role {
            RoleRef::Manager => None,
            RoleRef::Custom(key) => Some(key.clone()),
        });
        let keys: Vec<RoleKey> = custom.collect();
        let wanted = keys.iter().cloned().map(Subject::Custom);
        let tenant = self.authorise_holder(caller, Permit::ROLES_READ, wanted).await?;
        Ok((tenant.scope(), keys))
    }
}
