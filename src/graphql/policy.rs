//! The rules themselves, and where they come from.

use async_graphql::{Context, Description, Enum, Object};

use super::context::{caller, loaders};
use super::decision::revision;
use super::page::{connection, page};
use super::scalar::int;
use crate::auth::caller::Caller;
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::service::policy::{self, NamedOrigin, Origins, RuleFilter, RuleRow};
use crate::service::{Page, Platform};

/// A tenant's Casbin policy, as it is or as it was.
#[derive(Description)]
pub struct Policy {
    /// As it was at this revision; as it is when absent.
    then: Option<u64>,
}

#[Object(use_type_description)]
impl Policy {
    /// The revision: the one that is in force here, or the one that was asked for.
    async fn revision(&self, ctx: &Context<'_>) -> Result<i32> {
        let (platform, caller) = caller(ctx)?;
        match self.then {
            Some(revision) => Ok(int(revision)),
            None => platform.policy_revision(caller).await.map(int),
        }
    }

    /// The Casbin model by which the rules match.
    async fn model(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, _) = caller(ctx)?;
        Ok(platform.model.clone())
    }

    /// What tells the rules, settings and disabled users that this instance holds, and the changes that made
    /// them so, from all others, in hexadecimal digits: the same at each instance that holds the same. Null for
    /// a policy of the past.
    #[graphql(complexity = 500)]
    async fn digest(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let (platform, caller) = caller(ctx)?;
        match self.then {
            Some(_) => Ok(None),
            None => platform.policy_digest(caller).await.map(Some),
        }
    }

    /// The rules.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn rules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only `p` or only `g` lines.")] ptype: Option<String>,
        #[graphql(desc = "A part of a value.")] search: Option<String>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
    ) -> Result<RuleConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), None, None)?;
        if let Some(unknown) = ptype.as_deref().filter(|ptype| !["p", "g"].contains(ptype)) {
            let message =
                format!("`{}` is neither `p` nor `g`", unknown.chars().take(40).collect::<String>().escape_debug());
            return Err(Error::bad_input(message).at("ptype"));
        }
        let filter = RuleFilter { ptype, search };
        if let Some(revision) = self.then {
            return past_rules(platform, caller, revision, filter, wanted).await;
        }
        let found = platform.rules(caller, &filter, wanted).await?;
        let tenant = caller.tenant().key.clone();
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.count_rules(&caller, &filter).await }) as _
        };
        Ok(RuleConnection::new(found, |row: RuleRow| Rule::new(row.rule, &tenant), Box::new(count)))
    }

    /// All rules of the revision, as any Casbin program reads them. More than 4 MiB of them are refused with
    /// `TOO_LARGE`: `GET /casbin/policy.csv` and the command line give them whole.
    #[graphql(complexity = 12_500)]
    async fn csv(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, caller) = caller(ctx)?;
        let export = match self.then {
            Some(revision) => platform.export_policy_at(caller, revision).await?,
            None => platform.export_policy(caller).await?,
        };
        export.text().await
    }
}

/// A page of the rules of a revision.
async fn past_rules(
    platform: &Platform,
    caller: &Caller,
    revision: u64,
    filter: RuleFilter,
    wanted: Page,
) -> Result<RuleConnection> {
    let found = platform.rules_then(caller, revision, &filter, wanted).await?;
    let tenant = caller.tenant().key.clone();
    let count = move |platform: Platform, caller: Caller| {
        let filter = filter.clone();
        Box::pin(async move { platform.count_rules_then(&caller, revision, &filter).await }) as _
    };
    Ok(RuleConnection::new(found, |rule| Rule::new(rule, &tenant), Box::new(count)))
}

/// One Casbin line.
#[derive(Clone, Description)]
pub struct Rule {
    line: policy::Rule,
    values: Vec<String>,
    /// Where it comes from, when that has been read with it.
    origins: Option<Origins>,
}

impl Rule {
    /// A rule of the tenant of this key, now or in the past.
    pub(super) fn new(rule: policy::Rule, tenant: &TenantKey) -> Self {
        Self { values: rule.values(tenant), line: rule, origins: None }
    }

    /// The rule itself.
    pub(super) const fn line(&self) -> &policy::Rule {
        &self.line
    }

    /// Adds where it comes from.
    pub(super) fn with_origins(self, origins: Option<Origins>) -> Self {
        Self { origins, ..self }
    }

    /// Finds what it comes from. Of a rule that is no longer in force only what it says itself is
    /// known: whose it was.
    async fn known_origins(&self, ctx: &Context<'_>) -> Result<Origins> {
        if let Some(known) = &self.origins {
            return Ok(known.clone());
        }
        if let Some(known) = loaders(ctx)?.origins(&self.line).await? {
            return Ok(known);
        }
        let origin = self.line.holder();
        Ok(Origins { first: vec![NamedOrigin { name: origin.key.clone(), origin }], count: 1 })
    }

    /// The first of its origins.
    pub(super) async fn first_origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        let first = self.known_origins(ctx).await?.first.into_iter().next();
        first.map(Origin).ok_or_else(|| Error::internal("a rule without an origin"))
    }
}

#[Object(use_type_description)]
impl Rule {
    /// `p` or `g`.
    async fn ptype(&self) -> &str {
        self.line.ptype()
    }

    /// The values: subject, domain, object, action and effect; or member, role and domain.
    #[graphql(complexity = "super::cost::list(5, child_complexity)")]
    async fn values(&self) -> &[String] {
        &self.values
    }

    /// Where it comes from; the first of its origins, when it has several.
    async fn origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        self.first_origin(ctx).await
    }

    /// What it comes from, the first 10; of a rule that is no longer in force, whose it was.
    #[graphql(complexity = "super::cost::list(10, child_complexity)")]
    async fn origins(&self, ctx: &Context<'_>) -> Result<Vec<Origin>> {
        Ok(self.known_origins(ctx).await?.first.into_iter().map(Origin).collect())
    }

    /// How many things it comes from.
    async fn origin_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.known_origins(ctx).await?.count))
    }
}

connection!(RuleConnection, RuleEdge, Rule, "rules");

/// Where a rule comes from, in the words of administrators.
#[derive(Debug, Clone, Description)]
pub struct Origin(pub(super) NamedOrigin);

#[Object(use_type_description)]
impl Origin {
    /// What kind of thing.
    async fn kind(&self) -> OriginKind {
        self.0.origin.kind.into()
    }

    /// The thing's key.
    async fn key(&self) -> &str {
        &self.0.origin.key
    }

    /// The thing's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The module that the rule is about, if one.
    async fn module(&self) -> Option<&str> {
        self.0.origin.module.as_deref()
    }

    /// The section that the rule is about, if one.
    async fn section(&self) -> Option<&str> {
        self.0.origin.section.as_deref()
    }

    /// What about it, such as "AUTOMATIC association of Voice Queues".
    async fn note(&self) -> &str {
        &self.0.origin.note
    }

    /// All of it, such as "User profile Supervisors: Voice → Voice Queues, own permission read and delete".
    async fn text(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, _) = caller(ctx)?;
        Ok(self.0.text(&platform.catalogue))
    }
}

/// The kinds of things that rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "policy::OriginKind")]
pub enum OriginKind {
    /// A user profile.
    Profile,
    /// A custom role.
    Role,
    /// A group.
    Group,
    /// The tenant's licence.
    Licence,
    /// The platform itself.
    BuiltIn,
    /// A user's base role, profile or custom role.
    User,
}

/// Queries of the policy.
#[derive(Default)]
pub struct PolicyQuery;

#[Object]
impl PolicyQuery {
    /// The rules of the caller's tenant, as they are or as they were. Needs `read` on `admin/rules`.
    async fn policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As they were at this revision.", name = "revision")] then: Option<i32>,
    ) -> Result<Policy> {
        let (platform, caller) = caller(ctx)?;
        let then = then.map(revision).transpose().map_err(|error| error.at("revision"))?;
        match then {
            Some(revision) => platform.policy_at(caller, revision).await.map(drop)?,
            None => platform.policy_revision(caller).await.map(drop)?,
        }
        Ok(Policy { then })
    }
}
