//! The rules themselves, and their changes as they happen.

use async_graphql::{Context, Description, Enum, Object, SimpleObject, Subscription};
use futures_util::Stream;

use super::context::{caller, loaders};
use super::page::{connection, page};
use super::scalar::{DateTime, int};
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::service::policy::{self, NamedOrigin, RevisionRow, RuleFilter, RuleRow};

/// A tenant's Casbin policy.
#[derive(Description)]
pub struct Policy;

#[Object(use_type_description)]
impl Policy {
    /// The revision that is in force here.
    async fn revision(&self, ctx: &Context<'_>) -> Result<i32> {
        let (platform, caller) = caller(ctx)?;
        platform.policy_revision(caller).await.map(int)
    }

    /// The Casbin model by which the rules match.
    async fn model(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, _) = caller(ctx)?;
        Ok(platform.model.clone())
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
        let found = platform.rules(caller, &filter, wanted).await?;
        let tenant = caller.tenant().key.clone();
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.count_rules(&caller, &filter).await }) as _
        };
        Ok(RuleConnection::new(found, |row: RuleRow| Rule::new(row.rule, &tenant), Box::new(count)))
    }

    /// All rules at the revision in force, as any Casbin program reads them.
    #[graphql(complexity = 5000)]
    async fn csv(&self, ctx: &Context<'_>) -> Result<String> {
        let (platform, caller) = caller(ctx)?;
        platform.export_policy(caller).await?.text().await
    }
}

/// One Casbin line.
#[derive(Clone, Description)]
pub struct Rule {
    line: policy::Rule,
    values: Vec<String>,
    /// Where it comes from, when that has been read with it.
    origins: Vec<Origin>,
}

impl Rule {
    /// A rule of the tenant of this key, now or in the past.
    pub(super) fn new(rule: policy::Rule, tenant: &TenantKey) -> Self {
        Self { values: rule.values(tenant), line: rule, origins: Vec::new() }
    }

    /// The same with where it comes from.
    pub(super) fn with_origins(self, origins: Vec<NamedOrigin>) -> Self {
        Self { origins: origins.into_iter().map(Origin::new).collect(), ..self }
    }

    /// All that it comes from. Of a rule that is no longer in force only what it says itself is
    /// known: whose it was.
    async fn known_origins(&self, ctx: &Context<'_>) -> Result<Vec<Origin>> {
        if !self.origins.is_empty() {
            return Ok(self.origins.clone());
        }
        let known = loaders(ctx)?.origins(&self.line).await?;
        if !known.is_empty() {
            return Ok(known);
        }
        let origin = self.line.holder();
        Ok(vec![Origin::new(NamedOrigin { name: origin.key.clone(), origin })])
    }

    /// The first of its origins.
    pub(super) async fn first_origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        let origins = self.known_origins(ctx).await?;
        origins.into_iter().next().ok_or_else(|| Error::internal("a rule without an origin"))
    }
}

#[Object(use_type_description)]
impl Rule {
    /// `p` or `g`.
    async fn ptype(&self) -> &str {
        self.line.ptype()
    }

    /// The values: subject, domain, object, action and effect; or member, role and domain.
    async fn values(&self) -> &[String] {
        &self.values
    }

    /// Where it comes from; the first of its origins, when it has several.
    async fn origin(&self, ctx: &Context<'_>) -> Result<Origin> {
        self.first_origin(ctx).await
    }

    /// All that it comes from; of a rule that is no longer in force, whose it was.
    async fn origins(&self, ctx: &Context<'_>) -> Result<Vec<Origin>> {
        self.known_origins(ctx).await
    }
}

connection!(RuleConnection, RuleEdge, Rule, "rules");

/// Where a rule comes from, in the words of administrators.
#[derive(Debug, Clone, SimpleObject)]
pub struct Origin {
    /// What kind of thing.
    kind: OriginKind,
    /// The thing's key.
    key: String,
    /// The thing's name.
    name: String,
    /// The module that the rule is about, if one.
    module: Option<String>,
    /// The section that the rule is about, if one.
    section: Option<String>,
    /// What about it, such as "AUTOMATIC association of Voice Queues".
    note: String,
}

impl Origin {
    /// An origin with the name that its thing has now.
    pub(super) fn new(NamedOrigin { origin, name }: NamedOrigin) -> Self {
        Self {
            kind: origin.kind.into(),
            name,
            key: origin.key,
            module: origin.module,
            section: origin.section,
            note: origin.note,
        }
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

/// One version of a tenant's policy: who made it, when and why, and what it changed.
#[derive(Clone, Description)]
pub struct PolicyRevision {
    row: RevisionRow,
}

#[Object(use_type_description)]
impl PolicyRevision {
    /// Its number: it grows by one with each change that can alter an answer.
    async fn revision(&self) -> i32 {
        int(self.row.entry.revision)
    }

    /// When it was made.
    async fn at(&self) -> DateTime {
        DateTime(self.row.entry.at)
    }

    /// Who made it.
    async fn author(&self) -> Actor {
        self.row.entry.author.clone().into()
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.row.entry.reason
    }

    /// How many rules it added.
    async fn added_count(&self) -> usize {
        self.row.entry.rules.added.len()
    }

    /// How many rules it removed.
    async fn removed_count(&self) -> usize {
        self.row.entry.rules.removed.len()
    }

    /// What it changed in the rules.
    async fn diff(&self) -> PolicyDiff {
        let entry = &self.row.entry;
        let lines =
            |rules: &[policy::Rule]| rules.iter().map(|rule| Rule::new(rule.clone(), &self.row.tenant)).collect();
        PolicyDiff {
            from: int(entry.revision.saturating_sub(1)),
            to: int(entry.revision),
            added: lines(&entry.rules.added),
            removed: lines(&entry.rules.removed),
        }
    }
}

/// The difference of two versions of a policy.
#[derive(SimpleObject)]
pub struct PolicyDiff {
    /// The earlier version.
    from: i32,
    /// The later version.
    to: i32,
    /// The rules that came.
    added: Vec<Rule>,
    /// The rules that went.
    removed: Vec<Rule>,
}

/// Who did something.
#[derive(SimpleObject)]
pub struct Actor {
    /// What kind of actor.
    kind: ActorKind,
    /// Its key at the time.
    key: String,
    /// Its name at the time.
    name: String,
}

impl From<policy::Actor> for Actor {
    fn from(actor: policy::Actor) -> Self {
        Self { kind: actor.kind.into(), key: actor.key, name: actor.name }
    }
}

/// The kinds of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "policy::ActorKind")]
pub enum ActorKind {
    /// A user of the tenant.
    User,
    /// An operator of the platform.
    Operator,
    /// The platform itself, or its command line.
    System,
}

/// Queries of the policy.
#[derive(Default)]
pub struct PolicyQuery;

#[Object]
impl PolicyQuery {
    /// The rules of the caller's tenant. Needs `read` on `admin/rules`.
    async fn policy(&self, ctx: &Context<'_>) -> Result<Policy> {
        let (platform, caller) = caller(ctx)?;
        platform.policy_revision(caller).await.map(|_| Policy)
    }
}

/// The changes of the policy as they happen.
#[derive(Default)]
pub struct PolicySubscription;

#[Subscription]
impl PolicySubscription {
    /// Each new version of the caller's tenant's policy, on whichever instance it was made, once
    /// it is in force here. Needs `read` on `admin/rules`, asked again at each event.
    async fn policy_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Begin with what came after this revision; from now on when absent.")] since: Option<i32>,
    ) -> Result<impl Stream<Item = Result<PolicyRevision>> + use<>> {
        let (platform, caller) = caller(ctx)?;
        let since = since
            .map(u64::try_from)
            .transpose()
            .map_err(|_| Error::bad_input("a revision is not negative").at("since"))?;
        let changes = platform.clone().policy_changes(caller.clone(), since).await?;
        Ok(futures_util::StreamExt::map(changes, |row| row.map(|row| PolicyRevision { row })))
    }
}
