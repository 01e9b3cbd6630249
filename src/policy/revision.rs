//! The counters by which instances agree on how far a tenant has come.

use uuid::Uuid;

/// A tenant's two counters, as its row holds them, each with the change that moved it there.
///
/// The numbers are for people. They are given out twice when a database loses its last commits, and the
/// id of a change never is: two of these are equal where they are of one moment of one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Grows by one with each change that can alter an answer: rules, settings, resources.
    pub revision: u64,
    /// Grows with each change of sessions, API keys, passwords, or who is enabled.
    pub credential_epoch: u64,
    /// The change that made the revision; nil before the first, and where a program that leaves no ids
    /// has made it.
    pub policy_change: Uuid,
    /// The change that began the epoch; nil in the same cases.
    pub credential_change: Uuid,
}

impl Counters {
    /// Returns whether both are at the same revision of one history.
    pub fn same_policy(&self, other: &Self) -> bool {
        self.revision == other.revision && self.policy_change == other.policy_change
    }

    /// Returns whether both are in the same credential epoch of one history.
    pub fn same_credentials(&self, other: &Self) -> bool {
        self.credential_epoch == other.credential_epoch && self.credential_change == other.credential_change
    }
}
