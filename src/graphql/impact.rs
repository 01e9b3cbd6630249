//! What a change would do, before it is made.

use std::collections::HashMap;

use async_graphql::SimpleObject;

use super::scalar::int;
use super::user::User;
use crate::domain::key::{TenantId, UserKey};
use crate::service::change::{self, Done};
use crate::service::user::UserRow;

/// What a change would do to who may do what, exactly: on the catalogue's objects, the resources
/// and the objects that rules name, with the actions that the platform knows and those that a
/// user's rules name. Users whom the caller may not see are neither listed nor counted.
#[derive(SimpleObject)]
pub struct Impact {
    /// What is denied now and would be allowed, by user, object and action; the first 500.
    #[graphql(complexity = "super::cost::list(500, child_complexity)")]
    gained: Vec<AccessChange>,
    /// What is allowed now and would be denied, likewise.
    #[graphql(complexity = "super::cost::list(500, child_complexity)")]
    lost: Vec<AccessChange>,
    /// How much would be gained.
    gained_count: i32,
    /// How much would be lost.
    lost_count: i32,
    /// How many users would gain or lose anything.
    affected_users: i32,
    /// Whether a list leaves anything out.
    truncated: bool,
}

/// Something that a user would gain or lose.
#[derive(SimpleObject)]
pub struct AccessChange {
    /// Who. A user that the change would delete is shown as it is; one that it would make, as it
    /// would be: `node` does not know it, and its extension is empty unless it is given by hand.
    user: User,
    /// On what.
    object: String,
    /// Does what.
    action: String,
}

impl Impact {
    /// The impact on users of `tenant`, if one is told.
    pub(super) fn of<T>(tenant: TenantId, done: Done<T>) -> Option<Self> {
        let Done { impact, users, .. } = done;
        Some(Self::new(tenant, impact?, &users))
    }

    /// The impact on users of `tenant`, as far as they are among these.
    pub(super) fn new(tenant: TenantId, impact: change::Impact, users: &HashMap<UserKey, UserRow>) -> Self {
        let truncated = impact.truncated();
        let changes = |list: Vec<change::AccessChange>| {
            let change = |change: change::AccessChange| {
                // Who is gone since the impact was found out is left out.
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
