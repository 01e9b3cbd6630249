//! The effect of a change on access, before it is made.

use std::collections::HashMap;

use async_graphql::SimpleObject;

use super::scalar::int;
use super::user::User;
use crate::domain::key::{TenantId, UserKey};
use crate::service::admin::user::UserRow;
use crate::service::change::{self, Outcome};

/// The exact effect of a change on the access of users: on the catalogue's objects, the resources and the objects that
/// rules name, with the actions that the platform knows and those that a user's rules name. Users whom the caller may
/// not see are neither listed nor counted.
#[derive(SimpleObject)]
pub struct Impact {
    /// Access that is denied now and would be allowed, by user, object and action; the first 500.
    #[graphql(complexity = "super::cost::list(500, child_complexity)")]
    gained: Vec<AccessChange>,
    /// Access that is allowed now and would be denied, by user, object and action; the first 500.
    #[graphql(complexity = "super::cost::list(500, child_complexity)")]
    lost: Vec<AccessChange>,
    /// Number of accesses that would be gained.
    gained_count: i32,
    /// Number of accesses that would be lost.
    lost_count: i32,
    /// Number of users who would gain or lose any access.
    affected_users: i32,
    /// `true` if `gained` or `lost` is cut off.
    truncated: bool,
}

/// Something that a user would gain or lose.
#[derive(SimpleObject)]
pub struct AccessChange {
    /// User who would gain or lose the access. A user whom the change would delete is shown as they are; one whom it
    /// would create, as they would be: `node` does not know them, and their extension is empty unless the input names
    /// one.
    user: User,
    /// Object of the access.
    object: String,
    /// Action on the object.
    action: String,
}

impl Impact {
    /// Returns the impact on users of `tenant`, if the change has one.
    pub(super) fn of<T>(tenant: TenantId, done: Outcome<T>) -> Option<Self> {
        let Outcome { impact, users, .. } = done;
        Some(Self::new(tenant, impact?, &users))
    }

    /// Returns the impact on those users of `tenant` that `users` contains.
    pub(super) fn new(tenant: TenantId, impact: change::Impact, users: &HashMap<UserKey, UserRow>) -> Self {
        let truncated = impact.truncated();
        let changes = |list: Vec<change::AccessChange>| {
            let change = |change: change::AccessChange| {
                // Users deleted since the impact was computed are skipped.
                let user = User::new(tenant, users.get(&change.user)?.clone());
                Some(AccessChange { user, object: change.object.to_string(), action: change.action.to_string() })
            };
            list.into_iter().filter_map(change).collect()
        };
        Self {
            gained_count: int(impact.gained_count),
            lost_count: int(impact.lost_count),
            affected_users: int(impact.affected_users),
            truncated,
            gained: changes(impact.gained),
            lost: changes(impact.lost),
        }
    }
}
