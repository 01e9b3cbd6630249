//! Which users a list holds, and in which order.

use async_graphql::{Enum, InputObject};

use super::BaseRole;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey};
use crate::service::user::{UserFilter as Filter, UserOrder as Order};

/// Which users are wanted; all that is given must fit.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// A part of the username, full name, email or extension.
    search: Option<String>,
    /// This base role.
    base_role: Option<BaseRole>,
    /// Holders of this profile.
    profile: Option<String>,
    /// Holders of this custom role.
    role: Option<String>,
    /// Members of this group.
    group: Option<String>,
    /// Enabled or disabled ones.
    enabled: Option<bool>,
}

impl UserFilter {
    /// The filter in the store's words; `None` when it names a key that cannot be one.
    pub(in crate::graphql) fn filter(self) -> Option<Filter> {
        Some(Filter {
            search: self.search,
            base_role: self.base_role.map(Into::into),
            profile: self.profile.as_deref().map(ProfileKey::parse).transpose().ok()?,
            role: self.role.as_deref().map(RoleKey::parse).transpose().ok()?,
            group: self.group.as_deref().map(GroupKey::parse).transpose().ok()?,
            enabled: self.enabled,
        })
    }
}

/// In which order users are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "Order")]
pub enum UserOrder {
    /// By full name.
    #[default]
    NameAscending,
    /// By full name, from the end.
    NameDescending,
    /// The oldest account first.
    OldestFirst,
    /// The newest account first.
    NewestFirst,
}
