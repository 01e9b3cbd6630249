//! The rules, and their origins.

use async_graphql::{Context, Description, Enum, Object};

use super::context::{caller, loaders};
use super::decision::revision;
use super::page::{connection, page};
use super::scalar::int;
use crate::auth::caller::Caller;
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::service::policy::rules::{self, NamedOrigin, Origins, RuleFilter, RuleRow};
use crate::service::{Page, Platform};

/// A tenant's Casbin policy, at present or at an earlier revision.
#[derive(Description)]
pub struct Policy {
    /// Past revision to show; the present one if absent.
    then: Option<u64>,
}

#[Object(use_type_description)]
impl Policy {
    /// Revision of the policy: the one in force at this instance, or the one that was asked for.
    async fn revision(&self, ctx: &Context<'_>) -> Result<i32> {
        let (platform, caller) = caller(ctx)?;
        match self.then {
            Some(revision) => Ok(int(revision)),
            None => platform.policy_revision(caller).await.map(int),
        }
    }

    /// Casbin model by which the rules match.
    async fn model(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, _) = caller(ctx)?;
        Ok(platform.model().to_owned())
    }

    /// Digest of the rules, settings and disabled users that this instance holds, and of the changes that made them,
    /// in hexadecimal digits. Instances that hold the same have the same digest. Null for a policy of the past.
    #[graphql(complexity = 500)]
    async fn digest(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let (platform, caller) = caller(ctx)?;
        match self.then {
            Some(_) => Ok(None),
            None => platform.policy_digest(caller).await.map(Some),
        }
    }

    /// Rules of the policy.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn rules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only `p` or only `g` lines.")] ptype: Option<String>,
        #[graphql(desc = "Part of a value.")] search: Option<String>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
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
        let found = platform.rule_list(caller, &filter, wanted).await?;
        let tenant = caller.tenant().key.clone();
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.rule_count(&caller, &filter).await }) as _
        };
        Ok(RuleConnection::new(found, |row: RuleRow| Rule::new(row.rule, &tenant), Box::new(count)))
    }

    /// All rules of the revision, in the form that every Casbin program reads. More than 4 MiB of them are refused
    /// with `TOO_LARGE`: `GET /casbin/policy.csv` and the command line give them whole.
    #[graphql(complexity = 12_500)]
    async fn csv(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, caller) = caller(ctx)?;
        let export = match self.then {
            Some(revision) => platform.policy_export_at(caller, revision).await?,
            None => platform.policy_export(caller).await?,
        };
        export.text().await
    }
}

/// Loads a page of the rules of a revision.
async fn past_rules(
    platform: &Platform,
    caller: &Caller,
    revision: u64,
    filter: RuleFilter,
    wanted: Page,
) -> Result<RuleConnection> {
    let found = platform.rule_list_at(caller, revision, &filter, wanted).await?;
    let tenant = caller.tenant().key.clone();
    let count = move |platform: Platform, caller: Caller| {
        let filter = filter.clone();
        Box::pin(async move { platform.rule_count_at(&caller, revision, &filter).await }) as _
    };
    Ok(RuleConnection::new(found, |rule| Rule::new(rule, &tenant), Box::new(count)))
}

/// One Casbin line.
#[derive(Clone, Description)]
pub struct Rule {
    line: rules::Rule,
    values: Vec<String>,
    /// Origins of the rule, if they have been read with it.
    origins: Option<Origins>,
}

impl Rule {
    /// Creates a rule of the tenant of this key, present or past.
    pub(super) fn new(rule: rules::Rule, tenant: &TenantKey) -> Self {
        Self { values: rule.values(tenant), line: rule, origins: None }
    }

    /// Returns the rule itself.
    pub(super) const fn line(&self) -> &rules::Rule {
        &self.line
    }

    /// Adds the origins.
    pub(super) fn with_origins(self, origins: Option<Origins>) -> Self {
        Self { origins, ..self }
    }

    /// Finds the origins of the rule. If the rule is no longer in force, only the owner that it names itself is known.
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

    /// Returns the first origin of the rule.
    pub(super) async fn first_origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        let first = self.known_origins(ctx).await?.first.into_iter().next();
        first.map(Origin).ok_or_else(|| Error::internal("a rule without an origin"))
    }
}

#[Object(use_type_description)]
impl Rule {
    /// Kind of the rule: `p` or `g`.
    async fn ptype(&self) -> &str {
        self.line.ptype()
    }

    /// Values of the rule: subject, domain, object, action and effect; or member, role and domain.
    #[graphql(complexity = "super::cost::list(5, child_complexity)")]
    async fn values(&self) -> &[String] {
        &self.values
    }

    /// Origin of the rule; the first one if it has several.
    async fn origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        self.first_origin(ctx).await
    }

    /// Origins of the rule, the first 10; if the rule is no longer in force, its former owner.
    #[graphql(complexity = "super::cost::list(10, child_complexity)")]
    async fn origins(&self, ctx: &Context<'_>) -> Result<Vec<Origin>> {
        Ok(self.known_origins(ctx).await?.first.into_iter().map(Origin).collect())
    }

    /// Number of origins of the rule.
    async fn origin_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.known_origins(ctx).await?.count))
    }
}

connection!(RuleConnection, RuleEdge, Rule, "rules");

/// The origin of a rule, in the words of administrators.
#[derive(Debug, Clone, Description)]
pub struct Origin(pub(super) NamedOrigin);

#[Object(use_type_description)]
impl Origin {
    /// Kind of the thing that the rule comes from.
    async fn kind(&self) -> OriginKind {
        self.0.origin.kind.into()
    }

    /// Key of the thing that the rule comes from.
    async fn key(&self) -> &str {
        &self.0.origin.key
    }

    /// Name of the thing that the rule comes from.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Module that the rule is about, if it is about one.
    async fn module(&self) -> Option<&str> {
        self.0.origin.module.as_deref()
    }

    /// Section that the rule is about, if it is about one.
    async fn section(&self) -> Option<&str> {
        self.0.origin.section.as_deref()
    }

    /// Detail of the origin, such as "AUTOMATIC association of Voice Queues".
    async fn note(&self) -> &str {
        &self.0.origin.note
    }

    /// Complete origin, such as "User profile Supervisors: Voice → Voice Queues, own permission read and delete".
    async fn text(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, _) = caller(ctx)?;
        Ok(self.0.text(platform.catalogue()))
    }
}

/// The kinds of things that rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::OriginKind")]
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
    /// Returns the rules of the caller's tenant, at present or at an earlier revision. Needs `read` on `admin/rules`.
    async fn policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Revision of the rules; the current one when absent.", name = "revision")] then: Option<i32>,
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
