//! Decisions: what the platform is for. From memory, without lock or I/O.

use std::sync::Arc;

use super::Platform;
use super::permit::{Permit, subject_of};
use super::tenants::Tenant;
use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, UserKey};
pub use crate::engine::tenant::{Decision, DecisionReason, Obligation};
use crate::error::{Error, Result};
use crate::policy::rule::Subject;

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
        let tenant = self.tenant_about(caller, queries.iter().filter_map(|query| query.subject.as_ref())).await?;
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

    /// The tenant, for an answer about these users: about themselves anyone may ask, about others
    /// who may decide for them.
    pub(super) async fn tenant_about<'a>(
        &self,
        caller: &Caller,
        mut users: impl Iterator<Item = &'a UserKey>,
    ) -> Result<Arc<Tenant>> {
        if users.all(|user| is_self(caller, user)) {
            return self.tenant_of(caller).await;
        }
        self.authorise(caller, Permit::DECISIONS_READ).await
    }

    /// Whether the caller itself may do this.
    pub async fn can(&self, caller: &Caller, action: &Action, object: &Object) -> Result<bool> {
        let tenant: Arc<Tenant> = self.tenant_of(caller).await?;
        let allowed = tenant.policy().allows(&subject_of(caller), object, action);
        Ok(allowed)
    }
}

/// Whom a question is about: the caller, when it names nobody.
pub(super) fn asked_about(caller: &Caller, subject: Option<&UserKey>) -> Subject {
    subject.map_or_else(|| subject_of(caller), |user| Subject::User(user.clone()))
}

fn is_self(caller: &Caller, user: &UserKey) -> bool {
    !caller.is_visiting() && !caller.is_system() && caller.user() == user
}
