//! Revisions: the numbers by which instances agree, and what each change of a policy was.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rule::Rule;
use crate::domain::name::Timestamp;
use crate::error::{Error, Result};

/// The two counters of a tenant. Each only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Grows with each change that can change an answer (R43).
    pub revision: u64,
    /// Grows with each change of sessions, API keys, passwords and enabled. A cached credential
    /// holds only at its tenant's current epoch.
    pub credential_epoch: u64,
}

/// What kind of caller made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A user of the tenant.
    User,
    /// An operator of the platform, inside a tenant by naming it.
    Operator,
    /// The program itself: the command line, an upgrade.
    System,
}

impl ActorKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Operator, Self::System];

    /// The word under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::invalid(format!("`{}` is not a kind of actor", text.escape_debug())))
    }
}

/// Who made a change, as known at that time: a user that is gone keeps its name here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// The user's key in its home tenant.
    pub key: String,
    /// Its full name.
    pub name: String,
}

/// One revision of a tenant's policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevisionEntry {
    /// Its number.
    pub revision: u64,
    /// The change that made it. Its audit event carries the same id.
    pub change_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// The rules that it added.
    pub added: Vec<Rule>,
    /// The rules that it removed.
    pub removed: Vec<Rule>,
    /// What it changed in the tenant's state.
    pub patch: serde_json::Value,
    /// The tenant's whole state after it; now and then, so that going back is a short way.
    pub checkpoint: Option<serde_json::Value>,
    /// The hex digest of the Casbin model.
    pub model_hash: String,
    /// The hex digest of the catalogue.
    pub catalogue_hash: String,
    /// The compiler's version.
    pub compiler_version: i32,
}
