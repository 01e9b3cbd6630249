//! The counters by which instances agree on a tenant's position in its history.

use uuid::Uuid;

/// A tenant's two counters, as its row holds them, each with the change that moved it there.
///
/// The numbers are for people. A number is given out twice when a database loses its last commits; the id of a change
/// never is. Two sets of counters are equal if they belong to one moment of one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Number that grows by one with each change that can alter an answer: rules, settings, resources.
    pub revision: u64,
    /// Number that grows with each change of sessions, API keys, passwords, or users' enabled flags.
    pub credential_epoch: u64,
    /// The change that made the revision; nil before the first, and where a program that leaves no ids has made it.
    pub policy_change: Uuid,
    /// The change that began the epoch; nil before the first, and where a program that leaves no ids has begun it.
    pub credential_change: Uuid,
}

impl Counters {
    /// Returns `true` if both are at the same revision of one history.
    pub fn same_policy(&self, other: &Self) -> bool {
        self.revision == other.revision && self.policy_change == other.policy_change
    }

    /// Returns `true` if both are in the same credential epoch of one history.
    pub fn same_credentials(&self, other: &Self) -> bool {
        self.credential_epoch == other.credential_epoch && self.credential_change == other.credential_change
    }
}
