//! Decisions: what the platform is for. From memory, without lock or I/O.

use std::sync::Arc;

use super::Platform;
use super::permit::{Permit, asked_about, subject_of};
use super::tenants::Tenant;
use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, UserKey};
pub use crate::engine::tenant::{Decision, DecisionReason, Obligation};
use crate::error::{Error, Result};

/// The most decisions that one call asks for.
pub const DECISIONS_MAX: usize = 1000;

/// One request for a decision.
#[derive(Debug, Clone)]
pub struct Query {
    /// Who; the caller when absent.
    pub subject: Option<UserKey>,
    /// Does what.
    pub action: Action,
    /// On what.
    pub object: Object,
    /// The answer must not be older than this revision.
    pub at_least_revision: Option<u64>,
}

impl Platform {
    /// Decides all the requests at one revision, in their order. Anyone may ask about
    /// themselves; asking about others needs `read` on `admin/decisions`.
    pub async fn decide(&self, caller: &Caller, queries: &[Query]) -> Result<Vec<Decision>> {
        if queries.len() > DECISIONS_MAX {
            return Err(Error::bad_input(format!("at most {DECISIONS_MAX} decisions at once are allowed")).at("inputs"));
        }
        let users = queries.iter().filter_map(|query| query.subject.as_ref());
        let tenant = self.authorise_about(caller, Permit::DECISIONS_READ, users).await?;
        if let Some(revision) = queries.iter().filter_map(|query| query.at_least_revision).max() {
            self.tenants.wait_for(&tenant, revision).await?;
        }
        let policy = tenant.policy();
        let answer = |query: &Query| {
            let subject = asked_about(caller, query.subject.as_ref());
            policy.decide(&self.catalogue, &subject, &query.object, &query.action)
        };
        Ok(queries.iter().map(answer).collect())
    }

    /// Whether the caller itself may do this.
    pub async fn can(&self, caller: &Caller, action: &Action, object: &Object) -> Result<bool> {
        let tenant: Arc<Tenant> = self.tenant_of(caller).await?;
        let allowed = tenant.policy().allows(&subject_of(caller), object, action);
        Ok(allowed)
    }
}
