//! What a change does to who may do what.

use crate::domain::key::{Action, Object, UserKey};

/// Something that a user may do now and could not before, or the reverse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessChange {
    /// Who.
    pub user: UserKey,
    /// On what.
    pub object: Object,
    /// Does what.
    pub action: Action,
}

/// Who gains and who loses what by a change: each request that one policy denies and the other
/// allows. The lists go by user, then by object from the top of the catalogue down, then by
/// action, and have a bound; the counts are of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impact {
    /// The first of what is denied before and allowed after.
    pub gained: Vec<AccessChange>,
    /// The first of what is allowed before and denied after.
    pub lost: Vec<AccessChange>,
    /// How much is gained.
    pub gained_count: u64,
    /// How much is lost.
    pub lost_count: u64,
    /// How many users gain or lose anything.
    pub affected_users: u64,
}

impl Impact {
    /// How much each list holds at the most.
    pub const LISTED_MAX: usize = 500;

    /// Whether a list leaves anything out.
    pub fn truncated(&self) -> bool {
        let holds_all = |list: &[AccessChange], count: u64| list.len() as u64 == count;
        !(holds_all(&self.gained, self.gained_count) && holds_all(&self.lost, self.lost_count))
    }
}
