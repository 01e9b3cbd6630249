//! Why an answer is what it is.

use async_graphql::{ComplexObject, Context, Description, Object, SimpleObject};

use super::context::{caller, loaders};
use super::decision::{Decision, DecisionInput};
use super::history::PolicyRevision;
use super::page::{cut, cut_cost};
use super::policy::{Origin, Rule};
use super::scalar::int;
use crate::domain::key::TenantKey;
use crate::error::Result;
use crate::service::ask::decision::Query;
use crate::service::ask::explain::{self, Matched};
use crate::service::policy::rules;

/// Number of matching rules in an explanation when the client names none.
const MATCHED: usize = 50;

/// A rule that matches a request, with the links by which the subject has it. A rule is listed once for each thing
/// that the subject holds directly and that leads to it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct MatchedRule {
    /// Rule that matches.
    rule: Rule,
    #[graphql(skip)]
    links: Vec<(explain::Subject, explain::Subject)>,
    /// The revision at which they hold.
    #[graphql(skip)]
    revision: u64,
}

#[ComplexObject]
impl MatchedRule {
    /// Links from the user to the rule's own subject, in order: user, group, role. Empty if the rule is the user's
    /// own.
    #[graphql(complexity = "super::cost::list(2, child_complexity)")]
    async fn via(&self) -> Vec<Step> {
        self.links.iter().map(|(from, to)| Step { from: from.to_string(), to: to.to_string() }).collect()
    }

    /// Revision since which the rule and all links to it have held, with its author, time and reason. Null if it is
    /// older than the revisions that are kept, and for callers without `read` on `admin/rules`.
    #[graphql(complexity = "25 + child_complexity")]
    async fn since(&self, ctx: &Context<'_>) -> Result<Option<PolicyRevision>> {
        let links = self.links.iter().cloned();
        let mut rules: Vec<_> = links.map(|(member, role)| rules::Rule::Membership { member, role }).collect();
        rules.push(self.rule.line().clone());
        loaders(ctx)?.since(rules, self.revision).await
    }

    /// Origin of the rule; the first one if it has several.
    async fn origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        self.rule.first_origin(ctx).await
    }
}

impl MatchedRule {
    /// Creates a matched rule of the tenant of this key, as it holds at a revision.
    pub(super) fn new(matched: Matched, tenant: &TenantKey, revision: u64) -> Self {
        Self { rule: Rule::new(matched.rule, tenant), links: matched.via, revision }
    }
}

/// One link: the first holds the second.
#[derive(SimpleObject)]
pub struct Step {
    /// Holder, such as `user:dana`.
    from: String,
    /// Thing held, such as `group:staff`.
    to: String,
}

/// A decision with its reasons.
#[derive(Description)]
pub struct Explanation {
    told: explain::Explanation,
    query: Query,
    tenant: TenantKey,
}

#[Object(use_type_description)]
impl Explanation {
    /// Decision that is explained.
    async fn decision(&self) -> Decision {
        self.told.decision.clone().into()
    }

    /// Rules that match, the denials first. A subject can have one rule in several ways: `matchedCount` is the number
    /// in all.
    #[graphql(complexity = "cut_cost(first, MATCHED, child_complexity)")]
    async fn matched(
        &self,
        #[graphql(desc = "Number of rules; 50 when absent, at most 100.")] first: Option<i32>,
    ) -> Result<Vec<MatchedRule>> {
        let matched = |matched: &Matched| {
            let origins = self.told.origins.get(&matched.rule.hash()).cloned();
            let mut shown = MatchedRule::new(matched.clone(), &self.tenant, self.told.decision.revision);
            shown.rule = shown.rule.with_origins(origins);
            shown
        };
        Ok(self.told.matched.first.iter().take(cut(first, MATCHED)?).map(matched).collect())
    }

    /// Number of rules that match, each counted once for each thing that the subject holds directly and that leads to
    /// it.
    async fn matched_count(&self) -> i32 {
        int(self.told.matched.count)
    }

    /// Smallest changes that would turn a deny into an allow, each tried on a copy; those that open the least come
    /// first, at most 5. Empty for a deny by the licence, for questions about the past, and for callers without `read`
    /// on `admin/rules`.
    #[graphql(complexity = "1250 + super::cost::list(5, child_complexity)")]
    async fn nearest(&self, ctx: &Context<'_>) -> Result<Vec<Suggestion>> {
        let (platform, caller) = caller(ctx)?;
        let found = platform.nearest(caller, &self.query).await?;
        Ok(found.into_iter().map(|it| Suggestion { origin: Origin(it.origin), text: it.text }).collect())
    }

    /// Explanation in sentences.
    async fn text(&self) -> &str {
        &self.told.text
    }
}

/// A change that would turn a deny into an allow.
#[derive(SimpleObject)]
pub struct Suggestion {
    /// Profile, role, group or other thing to change.
    origin: Origin,
    /// Instruction for the change, in a sentence.
    text: String,
}

/// Queries of explanations.
#[derive(Default)]
pub struct ExplainQuery;

#[Object]
impl ExplainQuery {
    /// Explains a decision. Callers may ask about themselves; asking about others needs `read` on `admin/rules`.
    async fn explain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The request.")] input: DecisionInput,
    ) -> Result<Explanation> {
        let (platform, caller) = caller(ctx)?;
        let query = input.query().map_err(|error| error.at("input"))?;
        let explanation = platform.explain(caller, &query).await?;
        Ok(Explanation { told: explanation, query, tenant: caller.tenant().key.clone() })
    }
}
