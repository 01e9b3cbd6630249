//! Why a decision is what it is: the rules that match with the way to each, where they come from,
//! and all of it in words.

use std::collections::HashMap;
use std::sync::Arc;

use super::Platform;
use super::decision::{Query, When};
use super::permit::{Permit, subject_of};
use super::policy::Origins;
use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object};
pub use crate::engine::explain::{Matched, Matches};
use crate::engine::tenant::{Decision, TenantPolicy};
use crate::error::Result;
use crate::policy::rule::RuleHash;
pub use crate::policy::rule::Subject;

mod nearest;
mod text;

/// The most matching rules that an explanation lists.
pub const LISTED_MAX: usize = 100;

pub use nearest::Suggestion;

/// An answer, with the policy that it was made by: it can be asked why.
#[derive(Clone)]
pub struct Because {
    policy: Arc<TenantPolicy>,
    subject: Subject,
    /// On what.
    pub object: Object,
    /// Does what.
    pub action: Action,
}

impl Because {
    /// The revision of the policy that it was made by.
    pub fn revision(&self) -> u64 {
        self.policy.counters.revision
    }

    pub(super) fn new(policy: &Arc<TenantPolicy>, subject: Subject, object: Object, action: Action) -> Self {
        Self { policy: Arc::clone(policy), subject, object, action }
    }
}

/// A decision with its reasons.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The rules that match, each with a way to it; [`LISTED_MAX`] are listed.
    pub matched: Matches,
    /// Where those rules come from.
    pub origins: HashMap<RuleHash, Origins>,
    /// All of it in words.
    pub text: String,
}

impl Platform {
    /// Explains a decision. Anyone may ask about themselves; asking about others needs `read` on
    /// `admin/rules`, for an explanation shows rules.
    pub async fn explain(&self, caller: &Caller, query: &Query) -> Result<Explanation> {
        let tenant = self.tenant_for(caller, Permit::RULES_READ, std::slice::from_ref(query)).await?;
        let policy = match query.when {
            When::At(revision) => self.policy_then(caller, &tenant, revision).await?,
            _ => Arc::clone(&tenant.policy()),
        };
        let decision = self.answer(caller, &policy, query);
        let subject = query.subject.of(caller);
        let explained = |subject| policy.snapshot.explain(subject, &query.object, &query.action, LISTED_MAX);
        let matched = subject.as_ref().map(explained).unwrap_or_default();
        let rules: Vec<_> = matched.first.iter().map(|matched| matched.rule.clone()).collect();
        let origins = if rules.is_empty() { HashMap::new() } else { self.origins(caller, &rules).await? };
        let text = text::of(subject.as_ref(), query, &decision, &matched, &origins, &self.catalogue);
        Ok(Explanation { decision, matched, origins, text })
    }

    /// Finds the rules by which an answer came about, and lists the first `most`. Anyone may ask about
    /// themselves; asking about others needs `read` on `admin/rules`.
    pub async fn why(&self, caller: &Caller, because: &Because, most: usize) -> Result<Matches> {
        if because.subject != subject_of(caller) {
            self.authorise(caller, Permit::RULES_READ).await?;
        }
        Ok(because.policy.snapshot.explain(&because.subject, &because.object, &because.action, most))
    }
}
