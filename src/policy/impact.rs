//! The impact of a change on users' access.

use crate::domain::key::{Action, Object, UserKey};

/// A request that is allowed to a user now and was not before, or the reverse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessChange {
    /// The user.
    pub user: UserKey,
    /// The object of the request.
    pub object: Object,
    /// The action of the request.
    pub action: Action,
}

/// The access that users gain and lose by a change: each request that one policy denies and the other allows. The lists
/// are ordered by user, then by object from the top of the catalogue down, then by action, and are bounded; the counts
/// are complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impact {
    /// The first requests that are denied before and allowed after.
    pub gained: Vec<AccessChange>,
    /// The first requests that are allowed before and denied after.
    pub lost: Vec<AccessChange>,
    /// Number of requests gained.
    pub gained_count: u64,
    /// Number of requests lost.
    pub lost_count: u64,
    /// Number of users that gain or lose anything.
    pub affected_users: u64,
}

impl Impact {
    /// Maximum number of entries in each list.
    pub const LISTED_MAX: usize = 500;

    /// Returns `true` if a list leaves anything out.
    pub fn truncated(&self) -> bool {
        let holds_all = |list: &[AccessChange], count: u64| list.len() as u64 == count;
        !(holds_all(&self.gained, self.gained_count) && holds_all(&self.lost, self.lost_count))
    }
}
