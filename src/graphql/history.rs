//! The policy as it was: its revisions, what they changed, and the way back; and each new one as it comes.

use async_graphql::{ComplexObject, Context, Description, Enum, InputObject, Object, SimpleObject, Subscription};
use futures_util::Stream;

use super::context::{caller, loaders};
use super::decision::revision;
use super::impact::Impact;
use super::page::{connection, known, page};
use super::payload::payload;
use super::policy::{Rule, RuleConnection};
use super::scalar::{DateTime, int};
use crate::auth::caller::Caller;
use crate::error::{Error, Result};
use crate::service::change::ChangeOptions;
use crate::service::policy::difference::{self, Difference};
use crate::service::policy::rules::{self, RevisionHead};
use crate::service::{Page, Platform};

/// One version of a tenant's policy: who made it, when and why, and what it changed.
#[derive(Clone, Description)]
pub struct PolicyRevision {
    head: RevisionHead,
}

impl PolicyRevision {
    pub(super) const fn new(head: RevisionHead) -> Self {
        Self { head }
    }
}

#[Object(use_type_description)]
impl PolicyRevision {
    /// Number of the revision: it grows by one with each change that can alter an answer.
    async fn revision(&self) -> i32 {
        int(self.head.revision)
    }

    /// Time at which the revision was made.
    async fn at(&self) -> DateTime {
        DateTime(self.head.at)
    }

    /// Actor that made the revision.
    async fn author(&self) -> Actor {
        self.head.author.clone().into()
    }

    /// Reason for the change.
    async fn reason(&self) -> &str {
        &self.head.reason
    }

    /// Number of rules that the revision added.
    async fn added_count(&self) -> i32 {
        int(self.head.added)
    }

    /// Number of rules that the revision removed.
    async fn removed_count(&self) -> i32 {
        int(self.head.removed)
    }

    /// Changes that the revision made to the rules.
    async fn diff(&self) -> PolicyDiff {
        PolicyDiff::new(self.head.revision.saturating_sub(1), self.head.revision)
    }
}

connection!(PolicyRevisionConnection, PolicyRevisionEdge, PolicyRevision, "revisions of a policy");

/// The difference of two versions of a policy.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct PolicyDiff {
    #[graphql(skip)]
    ends: (u64, u64),
    /// Version that is compared.
    from: i32,
    /// Version that it is compared with.
    to: i32,
}

impl PolicyDiff {
    fn new(from: u64, to: u64) -> Self {
        Self { ends: (from, to), from: int(from), to: int(to) }
    }

    async fn rules(&self, ctx: &Context<'_>) -> Result<Difference> {
        loaders(ctx)?.difference(self.ends.0, self.ends.1).await
    }
}

/// Makes a page of the rules that were added, or of those that were removed.
fn rules(ctx: &Context<'_>, rules: &[rules::Rule], wanted: &Page) -> Result<RuleConnection> {
    let (_, caller) = caller(ctx)?;
    let tenant = &caller.tenant().key;
    let found = difference::page_of(rules, wanted)?;
    Ok(RuleConnection::new(found, |rule| Rule::new(rule, tenant), known(rules.len())))
}

#[ComplexObject]
impl PolicyDiff {
    /// The rules that `to` has and `from` has not, in order.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn added(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<RuleConnection> {
        let wanted = page(first, after.as_deref(), None, None)?;
        rules(ctx, self.rules(ctx).await?.added(), &wanted)
    }

    /// The rules that `from` has and `to` has not, in order.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn removed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<RuleConnection> {
        let wanted = page(first, after.as_deref(), None, None)?;
        rules(ctx, self.rules(ctx).await?.removed(), &wanted)
    }

    /// Access that users have at `to` and not at `from`, and the reverse. Users deleted since then are counted, but
    /// not listed.
    #[graphql(complexity = "5000 + child_complexity")]
    async fn access(&self, ctx: &Context<'_>) -> Result<Impact> {
        let (platform, caller) = caller(ctx)?;
        let (impact, users) = platform.policy_access_diff(caller, self.ends.0, self.ends.1).await?;
        Ok(Impact::new(caller.tenant().id, impact, &users))
    }
}

/// Goes back to a revision.
#[derive(InputObject)]
pub struct PolicyRestoreInput {
    /// Revision to go back to.
    revision: i32,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
}

/// Maximum number of differences that a restore lists.
const NOT_RESTORED_MAX: usize = 500;

/// Something that a restore leaves different from the old revision.
#[derive(SimpleObject)]
pub struct NotRestored {
    /// Thing that differs, such as `user:dana` or `profile:night`.
    thing: String,
    /// Description of the difference, in a sentence.
    text: String,
}

payload! {
    /// The result of a restore.
    PolicyRestorePayload {
        /// Things that are not as they were at the old revision: deleted users and resources, and newer things that
        /// are still held. The first 500.
        not_restored: Vec<NotRestored> [at most 500],
        /// Number of things that are not as they were.
        not_restored_count: i32,
        /// Policy revision of the tenant: a new one.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who cannot
        /// see rules and users.
        impact: Impact,
    }
}

/// Mutations of the policy as a whole.
#[derive(Default)]
pub struct HistoryMutation;

#[Object]
impl HistoryMutation {
    /// Makes a new revision in which profiles, custom roles, groups and who holds them are as they
    /// were at an old one. Licences, accounts, passwords, whether users are enabled, settings and
    /// resources stay as they are. Needs `edit` on `admin/rules`, and on all that it changes; and
    /// `delete` on the kinds of things that it takes out.
    async fn policy_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The revision to go back to.")] input: PolicyRestoreInput,
    ) -> Result<PolicyRestorePayload> {
        let (platform, caller) = caller(ctx)?;
        let restored = async {
            let number = revision(input.revision).map_err(|error| error.at("revision").at("input"))?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.policy_restore(caller, number, options).await?;
            let lost_count = int(done.value.len() as u64);
            let lost = done.value.iter().take(NOT_RESTORED_MAX);
            let lost = lost.map(|lost| NotRestored { thing: lost.thing.clone(), text: lost.text.clone() }).collect();
            Ok(PolicyRestorePayload {
                not_restored: Some(lost),
                not_restored_count: Some(lost_count),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        PolicyRestorePayload::of(restored.await)
    }
}

/// The user, operator or platform that did something.
#[derive(SimpleObject)]
pub struct Actor {
    /// Kind of the actor.
    kind: ActorKind,
    /// Key of the actor at the time.
    key: String,
    /// Name of the actor at the time.
    name: String,
}

impl From<rules::Actor> for Actor {
    fn from(actor: rules::Actor) -> Self {
        Self { kind: actor.kind.into(), key: actor.key, name: actor.name }
    }
}

/// The kinds of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::ActorKind")]
pub enum ActorKind {
    /// A user of the tenant.
    User,
    /// An operator of the platform.
    Operator,
    /// The platform itself, or its command line.
    System,
}

/// Queries of the past.
#[derive(Default)]
pub struct HistoryQuery;

#[Object]
impl HistoryQuery {
    /// The revisions, newest first: who made each, when and why. Needs `read` on `admin/rules`.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn policy_revisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<PolicyRevisionConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let found = platform.policy_revision_list(caller, wanted).await?;
        let count = move |platform: Platform, caller: Caller| {
            Box::pin(async move { platform.policy_revision_count(&caller).await }) as _
        };
        Ok(PolicyRevisionConnection::new(found, PolicyRevision::new, Box::new(count)))
    }

    /// Returns the differences between two revisions, in rules and in access; 0 is before the first. Needs `read` on
    /// `admin/rules`.
    #[graphql(complexity = "2500 + child_complexity")]
    async fn policy_diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The revision that is compared.")] from: i32,
        #[graphql(desc = "The revision that it is compared with.")] to: i32,
    ) -> Result<PolicyDiff> {
        let (platform, caller) = caller(ctx)?;
        let number = |number: i32, name: &str| revision(number).map_err(|error| error.at(name));
        let ends = (number(from, "from")?, number(to, "to")?);
        platform.check_revisions(caller, ends.0, ends.1).await?;
        Ok(PolicyDiff::new(ends.0, ends.1))
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
        Ok(futures_util::StreamExt::map(changes, |head| head.map(PolicyRevision::new)))
    }
}
