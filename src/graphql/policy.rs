//! The rules themselves, and their changes as they happen.

use async_graphql::{ComplexObject, Context, Description, Enum, InputObject, Object, SimpleObject, Subscription};
use futures_util::Stream;

use super::context::{caller, loaders};
use super::decision::revision;
use super::impact::Impact;
use super::page::{connection, page};
use super::payload::payload;
use super::scalar::{DateTime, int};
use crate::auth::caller::Caller;
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::service::change::Terms;
use crate::service::policy::{self, NamedOrigin, RevisionRow, RuleFilter, RuleRow};
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

    /// All rules of the revision, as any Casbin program reads them.
    #[graphql(complexity = 5000)]
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
    origins: Vec<Origin>,
}

impl Rule {
    /// A rule of the tenant of this key, now or in the past.
    pub(super) fn new(rule: policy::Rule, tenant: &TenantKey) -> Self {
        Self { values: rule.values(tenant), line: rule, origins: Vec::new() }
    }

    /// The same with where it comes from.
    pub(super) fn with_origins(self, origins: Vec<NamedOrigin>) -> Self {
        Self { origins: origins.into_iter().map(Origin).collect(), ..self }
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
        Ok(vec![Origin(NamedOrigin { name: origin.key.clone(), origin })])
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
            ends: (entry.revision.saturating_sub(1), entry.revision),
            from: int(entry.revision.saturating_sub(1)),
            to: int(entry.revision),
            added: lines(&entry.rules.added),
            removed: lines(&entry.rules.removed),
        }
    }
}

connection!(PolicyRevisionConnection, PolicyRevisionEdge, PolicyRevision, "revisions of a policy");

/// The difference of two versions of a policy.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct PolicyDiff {
    #[graphql(skip)]
    ends: (u64, u64),
    /// The version that is compared.
    from: i32,
    /// The version that it is compared with.
    to: i32,
    /// The rules that `to` has and `from` has not.
    added: Vec<Rule>,
    /// The rules that `from` has and `to` has not.
    removed: Vec<Rule>,
}

#[ComplexObject]
impl PolicyDiff {
    /// What users could do at `to` and not at `from`, and the reverse. Users who are gone since are
    /// counted, and not listed.
    #[graphql(complexity = "2000 + child_complexity")]
    async fn access(&self, ctx: &Context<'_>) -> Result<Impact> {
        let (platform, caller) = caller(ctx)?;
        let (impact, users) = platform.access_diff(caller, self.ends.0, self.ends.1).await?;
        Ok(Impact::new(caller.tenant().id, impact, &users))
    }
}

/// Goes back to a revision.
#[derive(InputObject)]
pub struct PolicyRestoreInput {
    /// The revision.
    revision: i32,
    /// Only say what would come of it, and change nothing.
    #[graphql(default)]
    dry_run: bool,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

/// Something that a restore leaves otherwise than it was.
#[derive(SimpleObject)]
pub struct NotRestored {
    /// The thing, such as `user:dana` or `profile:night`.
    thing: String,
    /// What is otherwise, in a sentence.
    text: String,
}

payload! {
    /// What came of a restore.
    PolicyRestorePayload {
        /// What is not as it was: users and resources that are gone, things made since that are held.
        not_restored: Vec<NotRestored>,
        /// The tenant's policy version: a new one.
        revision: i32,
        /// Who would gain and who would lose what; after a dry run, for those who may see rules.
        impact: Impact,
    }
}

/// Mutations of the policy as a whole.
#[derive(Default)]
pub struct PolicyMutation;

#[Object]
impl PolicyMutation {
    /// Makes a new revision in which profiles, custom roles, groups and who holds them are as they
    /// were at an old one. Licences, accounts, passwords, whether users are enabled, settings and
    /// resources stay as they are. Needs `edit` on `admin/rules`, and on all that it changes.
    async fn policy_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The revision to go back to.")] input: PolicyRestoreInput,
    ) -> Result<PolicyRestorePayload> {
        let (platform, caller) = caller(ctx)?;
        let restored = async {
            let number = revision(input.revision).map_err(|error| error.at("revision").at("input"))?;
            let terms = Terms { reason: input.reason, dry_run: input.dry_run };
            let done = platform.restore_policy(caller, number, terms).await?;
            let lost = done.value.iter();
            let lost = lost.map(|lost| NotRestored { thing: lost.thing.clone(), text: lost.text.clone() }).collect();
            Ok(PolicyRestorePayload {
                not_restored: Some(lost),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        PolicyRestorePayload::of(restored.await)
    }
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

    /// The revisions, newest first: who made each, when and why. Needs `read` on `admin/rules`.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn policy_revisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<PolicyRevisionConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let found = platform.policy_revisions(caller, wanted).await?;
        let count = move |platform: Platform, caller: Caller| {
            Box::pin(async move { platform.count_policy_revisions(&caller).await }) as _
        };
        Ok(PolicyRevisionConnection::new(found, |row| PolicyRevision { row }, Box::new(count)))
    }

    /// What differs between two revisions, in rules and in access; 0 is before the first. Needs
    /// `read` on `admin/rules`.
    #[graphql(complexity = "1000 + child_complexity")]
    async fn policy_diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The revision that is compared.")] from: i32,
        #[graphql(desc = "The revision that it is compared with.")] to: i32,
    ) -> Result<PolicyDiff> {
        let (platform, caller) = caller(ctx)?;
        let number = |number: i32, name: &str| revision(number).map_err(|error| error.at(name));
        let ends = (number(from, "from")?, number(to, "to")?);
        let diff = platform.policy_diff(caller, ends.0, ends.1).await?;
        let tenant = &caller.tenant().key;
        let lines = |rules: Vec<policy::Rule>| rules.into_iter().map(|rule| Rule::new(rule, tenant)).collect();
        Ok(PolicyDiff { ends, from, to, added: lines(diff.added), removed: lines(diff.removed) })
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
