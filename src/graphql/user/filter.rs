//! The choice and the order of the users in a list.

use async_graphql::{Enum, InputObject};

use super::BaseRole;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey};
use crate::service::admin::user::{UserFilter as Filter, UserOrder as Order};

/// A choice of users; every given field must fit.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// Part of the username, full name, email or extension.
    search: Option<String>,
    /// Base role of the users.
    base_role: Option<BaseRole>,
    /// Key of the profile that the users hold.
    profile: Option<String>,
    /// Key of the custom role that the users hold.
    role: Option<String>,
    /// Key of the group that the users are in.
    group: Option<String>,
    /// `true` for enabled users, `false` for disabled ones.
    enabled: Option<bool>,
}

impl UserFilter {
    /// Converts the filter to the store's; `None` if it names a key that cannot exist.
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

/// The order in which users are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "Order")]
pub enum UserOrder {
    /// Ascending order of the full name.
    #[default]
    NameAscending,
    /// Descending order of the full name.
    NameDescending,
    /// The oldest account first.
    OldestFirst,
    /// The newest account first.
    NewestFirst,
}
