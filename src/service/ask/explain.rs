//! Reasons of a decision: the matching rules with the path to each, their origins, and a summary in words.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object};
pub use crate::engine::explain::{Matched, Matches};
use crate::engine::tenant::{Decision, TenantPolicy};
use crate::error::Result;
use crate::policy::rule::RuleHash;
pub use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::{Permit, subject_of};
use crate::service::ask::decision::{Query, When};
use crate::service::policy::rules::Origins;

mod nearest;
mod text;

/// Maximum number of matching rules that an explanation lists.
pub const LISTED_MAX: usize = 100;

pub use nearest::Suggestion;

/// Answer with the policy that made it, to be explained later.
#[derive(Clone)]
pub struct Because {
    policy: Arc<TenantPolicy>,
    subject: Subject,
    /// Object of the action.
    pub object: Object,
    /// Action that was asked about.
    pub action: Action,
}

impl Because {
    /// Returns the revision of the policy that made the answer.
    pub fn revision(&self) -> u64 {
        self.policy.counters.revision
    }

    pub(in crate::service) fn new(
        policy: &Arc<TenantPolicy>,
        subject: Subject,
        object: Object,
        action: Action,
    ) -> Self {
        Self { policy: Arc::clone(policy), subject, object, action }
    }
}

/// Decision with its reasons.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Decision itself.
    pub decision: Decision,
    /// Matching rules, each with a path to it, and their number; at most [`LISTED_MAX`] are listed.
    pub matched: Matches,
    /// Origins of the listed rules.
    pub origins: HashMap<RuleHash, Origins>,
    /// Summary of the explanation in words.
    pub text: String,
}

impl Platform {
    /// Explains a decision. Users can ask about themselves; asking about others needs `read` on `admin/rules`, because
    /// an explanation shows rules.
    pub async fn explain(&self, caller: &Caller, query: &Query) -> Result<Explanation> {
        let tenant = self.tenant_for(caller, Permit::RULES_READ, std::slice::from_ref(query)).await?;
        let policy = match query.when {
            When::At(revision) => self.historical_policy(caller, revision).await?,
            _ => Arc::clone(&tenant.policy()),
        };
        let decision = self.answer(caller, &policy, query);
        let subject = query.subject.of(caller);
        let explained = |subject| policy.snapshot.explain(subject, &query.object, &query.action, LISTED_MAX);
        let matched = subject.as_ref().map(explained).unwrap_or_default();
        let rules: Vec<_> = matched.first.iter().map(|matched| matched.rule.clone()).collect();
        let origins = if rules.is_empty() { HashMap::new() } else { self.rule_origins(caller, &rules).await? };
        let text = text::of(subject.as_ref(), query, &decision, &matched, &origins, &self.parts.catalogue);
        Ok(Explanation { decision, matched, origins, text })
    }

    /// Returns the rules that led to an answer; at most `most` are listed. Users can ask about themselves; asking about
    /// others needs `read` on `admin/rules`.
    pub async fn why(&self, caller: &Caller, because: &Because, most: usize) -> Result<Matches> {
        if because.subject != subject_of(caller) {
            self.authorise(caller, Permit::RULES_READ).await?;
        }
        Ok(because.policy.snapshot.explain(&because.subject, &because.object, &because.action, most))
    }
}
