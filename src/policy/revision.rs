//! The counters by which instances agree on how far a tenant has come.

use serde::{Deserialize, Serialize};

/// A tenant's two counters, as its row holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Grows by one with each change that can alter an answer: rules, settings, resources.
    pub revision: u64,
    /// Grows with each change of sessions, API keys, passwords, or who is enabled.
    pub credential_epoch: u64,
}
