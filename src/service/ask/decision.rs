//! Decisions, the platform's purpose: made from memory, without lock or I/O.

use std::slice;
use std::sync::Arc;

use crate::auth::caller::Caller;
pub use crate::domain::key::{Action, Object, UserKey};
use crate::engine::tenant::TenantPolicy;
pub use crate::engine::tenant::{Decision, DecisionReason, Obligation};
use crate::error::{Error, Result};
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::{Permit, is_self, subject_of};
use crate::service::ask::shadow::Sample;
pub use crate::service::runtime::metrics::Interface;
use crate::service::runtime::policy_cache::Tenant;

/// Maximum number of decisions in one call.
pub const DECISIONS_MAX: usize = 1000;

/// Subject of a request.
#[derive(Debug, Clone)]
pub enum About {
    /// The caller themselves.
    Caller,
    /// The user with this key.
    User(UserKey),
    /// A subject that no key can name, and so no user: denied as an unknown one (R42).
    Nobody,
}

impl About {
    /// Returns the rule subject that is meant, if there can be one.
    pub(in crate::service) fn of(&self, caller: &Caller) -> Option<Subject> {
        match self {
            Self::Caller => Some(subject_of(caller)),
            Self::User(user) => Some(Subject::User(user.clone())),
            Self::Nobody => None,
        }
    }
}

/// Time whose policy is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// The policy in force on this instance.
    #[default]
    Now,
    /// The policy in force, at this revision or newer.
    NotBefore(u64),
    /// The policy that was in force at this revision. Needs `read` on `admin/rules`.
    At(u64),
}

/// Request for one decision.
#[derive(Debug, Clone)]
pub struct Query {
    /// Subject that would act.
    pub subject: About,
    /// Action that the subject would take.
    pub action: Action,
    /// Object of the action.
    pub object: Object,
    /// Time whose policy is to answer.
    pub when: When,
}

impl Query {
    /// Makes a request about an object that no rule can name, such as an id that is too long: it is denied.
    pub fn about_nothing(subject: About) -> Self {
        Self { subject, action: Action::read(), object: Object::nothing(), when: When::Now }
    }
}

impl Platform {
    /// Decides all the requests at one revision, in their order. Users can ask about themselves; asking about others
    /// needs `read` on `admin/decisions`.
    pub async fn decide_all(&self, caller: &Caller, face: Interface, queries: &[Query]) -> Result<Vec<Decision>> {
        self.decide_until(caller, face, queries, |_| false).await
    }

    /// Decides as [`decide_all`](Self::decide_all) does, up to the first decision for which `ends` returns `true`.
    pub async fn decide_until(
        &self,
        caller: &Caller,
        face: Interface,
        queries: &[Query],
        ends: impl Fn(&Decision) -> bool + Send,
    ) -> Result<Vec<Decision>> {
        if queries.len() > DECISIONS_MAX {
            return Err(Error::bad_input(format!("at most {DECISIONS_MAX} decisions at once are allowed")).at("inputs"));
        }
        let tenant = self.tenant_asked(caller, face, queries).await?;
        let (policy, began) = (tenant.policy(), self.parts.metrics.begin(face));
        let mut answers = Vec::with_capacity(queries.len());
        let mut then: Option<(u64, Arc<TenantPolicy>)> = None;
        for query in queries {
            let answer = match query.when {
                When::At(revision) => {
                    let past = match then.take() {
                        Some((looked_at, past)) if looked_at == revision => past,
                        // Each costs a whole policy.
                        Some(_) => {
                            return Err(Error::bad_input("one call asks about one `atRevision`").at("atRevision"));
                        }
                        None => self.historical_policy(caller, revision).await?,
                    };
                    let answer = self.answer(caller, &past, query);
                    then = Some((revision, past));
                    answer
                }
                _ => self.answer(caller, &policy, query),
            };
            let is_last = ends(&answer);
            answers.push(answer);
            if is_last {
                break;
            }
        }
        self.parts.metrics.decided(face, began, &answers);
        Ok(answers)
    }

    /// Decides one request, as [`decide_all`](Self::decide_all) does.
    pub async fn decide(&self, caller: &Caller, face: Interface, query: &Query) -> Result<Decision> {
        let tenant = self.tenant_asked(caller, face, slice::from_ref(query)).await?;
        let began = self.parts.metrics.begin(face);
        let answer = match query.when {
            When::At(revision) => self.answer(caller, &*self.historical_policy(caller, revision).await?, query),
            _ => self.answer(caller, &tenant.policy(), query),
        };
        self.parts.metrics.decided(face, began, slice::from_ref(&answer));
        Ok(answer)
    }

    /// Returns `true` if the caller may take the action on the object.
    pub async fn can(&self, caller: &Caller, action: &Action, object: &Object) -> Result<bool> {
        let tenant: Arc<Tenant> = self.tenant_of(caller).await?;
        let allowed = tenant.policy().allows(&subject_of(caller), object, action);
        Ok(allowed)
    }

    async fn tenant_asked(&self, caller: &Caller, face: Interface, queries: &[Query]) -> Result<Arc<Tenant>> {
        let tenant = self.tenant_for(caller, Permit::DECISIONS_READ, queries).await;
        tenant.inspect_err(|_| self.parts.metrics.refused(face))
    }

    /// Returns the tenant to decide from, at the revision that the requests want, if the caller may ask; `permit` is
    /// what asking about others needs.
    pub(in crate::service) async fn tenant_for(
        &self,
        caller: &Caller,
        permit: Permit,
        queries: &[Query],
    ) -> Result<Arc<Tenant>> {
        let own = |query: &Query| match &query.subject {
            About::Caller => true,
            About::User(user) => is_self(caller, user),
            About::Nobody => false,
        };
        let tenant = if queries.iter().all(own) {
            self.tenant_of(caller).await?
        } else {
            self.authorise(caller, permit).await?.into_tenant()
        };
        let not_before = |query: &Query| match query.when {
            When::NotBefore(revision) => Some(revision),
            _ => None,
        };
        if let Some(revision) = queries.iter().filter_map(not_before).max() {
            self.parts.policies.wait_for(&tenant, revision).await?;
        }
        Ok(tenant)
    }

    /// Returns the policy of a revision, for callers who can see rules.
    pub(in crate::service) async fn historical_policy(
        &self,
        caller: &Caller,
        revision: u64,
    ) -> Result<Arc<TenantPolicy>> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        Ok(self.past(&tenant, revision).await.map_err(|error| error.at_instead("atRevision"))?.policy)
    }

    /// Answers one request from this policy.
    pub(in crate::service) fn answer(&self, caller: &Caller, policy: &TenantPolicy, query: &Query) -> Decision {
        let Some(subject) = query.subject.of(caller) else {
            return Decision {
                allowed: false,
                reason: DecisionReason::UnknownSubject,
                obligations: Vec::new(),
                revision: policy.counters.revision,
                deciding: None,
            };
        };
        let decision = policy.decide(&self.parts.catalogue, &subject, &query.object, &query.action);
        if self.parts.shadow.picks() {
            self.parts.shadow.offer(Sample {
                snapshot: Arc::clone(&policy.snapshot),
                subject,
                object: query.object.clone(),
                action: query.action.clone(),
                allowed: decision.allowed,
            });
        }
        decision
    }
}
