//! Past policies, the revisions that made them, and restoring them.
//!
//! The log of rule differences is the authority on past rules (R44): neither today's catalogue nor today's compiler
//! decides what was in force. Settings and disabled users come from the state that the log keeps beside it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use moka::sync::Cache;
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::{TenantId, UserKey};
pub use crate::domain::restore::NotRestored;
use crate::domain::tenant::TenantState;
use crate::engine::impact::Objects;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::diff::RuleDiff;
pub use crate::policy::impact::Impact;
use crate::policy::revision::Counters;
use crate::policy::rule::Rule;
use crate::service::Platform;
use crate::service::access::permit::{Access, Permit};
use crate::service::ask::search::blocking;
use crate::service::change::dry_run::{rows_of, told};
use crate::service::change::{ChangeOptions, ChangeRequest, Outcome};
use crate::store::Scope;
use crate::store::page::{Page, PageOf};
use crate::store::revision::{RevisionEntry, RevisionHead};
pub use crate::store::user::UserRow;

/// Number of revisions that are read at once.
const CHUNK: u64 = 100;
/// Maximum number of rules in the cached past policies, of all tenants together.
const CACHED_RULES_MAX: u64 = 2_000_000;

/// Past policy, with the state that it came from.
#[derive(Clone)]
pub struct HistoricalPolicy {
    /// Past policy.
    pub policy: Arc<TenantPolicy>,
    state: Arc<TenantState>,
}

/// Cache of recent past policies, by the changes that made them: a revision number alone may come again after a
/// database was restored from a backup.
pub(in crate::service) struct HistoricalPolicies(Cache<(TenantId, Uuid), HistoricalPolicy>);

impl HistoricalPolicies {
    pub(in crate::service) fn new() -> Self {
        let weigh = |_: &(TenantId, Uuid), past: &HistoricalPolicy| {
            u32::try_from(past.policy.snapshot.len()).unwrap_or(u32::MAX).max(1)
        };
        Self(Cache::builder().max_capacity(CACHED_RULES_MAX).weigher(weigh).build())
    }
}

impl Platform {
    /// Returns a page of the revisions, newest first. Needs `read` on `admin/rules`, as everything past does.
    pub async fn policy_revision_list(&self, caller: &Caller, page: Page) -> Result<PageOf<RevisionHead>> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        tenant.scope().revisions(&page).await
    }

    /// Counts the revisions.
    pub async fn policy_revision_count(&self, caller: &Caller) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        tenant.scope().revisions_count().await
    }

    /// Returns the policy of a revision; 0 is before the first.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such revision, or it is no longer kept.
    pub async fn policy_at(&self, caller: &Caller, revision: u64) -> Result<Arc<TenantPolicy>> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        Ok(self.past(&tenant, revision).await?.policy)
    }

    /// Returns the access that users had at `to` and not at `from`, and the reverse, with the rows of those users that
    /// still exist. Covers only users that the caller can see.
    pub async fn policy_access_diff(
        &self,
        caller: &Caller,
        from: u64,
        to: u64,
    ) -> Result<(Impact, HashMap<UserKey, UserRow>)> {
        self.check_revisions(caller, from, to).await?;
        let diff = self.policy_diff(caller, from, to).await?;
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let visible = self.visible_users(caller).await?;
        let (was, is) = (self.past(&tenant, from).await?, self.past(&tenant, to).await?);
        let told = told(&self.parts.catalogue, [&*was.state, &*is.state])?;
        let (impact, visible) = self
            .search(tenant.id, move || {
                let (before, after) = (&was.policy.snapshot, &is.policy.snapshot);
                let objects = Objects::new(told, before);
                let seen =
                    |user: &UserKey| visible.contains_in(&is.policy, user) || visible.contains_in(&was.policy, user);
                (before.impact(after, &diff.rules(), &objects, seen, Impact::LISTED_MAX), visible)
            })
            .await?;
        let users = rows_of(&visible, &impact).await?;
        Ok((impact, users))
    }

    /// Makes a new revision that restores the profiles, custom roles, groups and assignments of an old one (R45).
    /// Returns the parts that could not be restored as they were.
    pub async fn policy_restore(
        &self,
        caller: &Caller,
        revision: u64,
        options: impl Into<ChangeOptions>,
    ) -> Result<Outcome<Vec<NotRestored>>> {
        let tenant = self.authorise(caller, Permit::RESTORE).await?;
        if revision == 0 {
            return Err(no_revision(revision));
        }
        let past = self.past(&tenant, revision).await?;
        let intent =
            ChangeRequest::new(Permit::RESTORE, "policy.restore", format_args!("revision:{revision}"), options);
        let newest = tenant.policy().counters.revision;
        self.change(caller, intent, |draft| draft.state.restore(draft.catalogue, &past.state, newest)).await
    }

    /// Returns, for each of these rules, which hold at `revision`, the revision since which it has held; rules that
    /// have held since before the log begins are not in the result. Returns nothing to callers who cannot read the
    /// rules.
    pub async fn brought_by(&self, caller: &Caller, rules: &[Rule], revision: u64) -> Result<HashMap<Rule, u64>> {
        let Ok(tenant) = self.authorise(caller, Permit::RULES_READ).await else { return Ok(HashMap::new()) };
        // The search may go through all of the log.
        let _turn = self.search_turn(tenant.id).await?;
        tenant.scope().brought_by(rules, revision).await
    }

    /// Returns these revisions by their numbers.
    pub async fn policy_revision_list_by_numbers(
        &self,
        caller: &Caller,
        numbers: &[u64],
    ) -> Result<HashMap<u64, RevisionHead>> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let found = tenant.scope().revisions_by_numbers(numbers).await?.into_iter();
        Ok(found.map(|head| (head.revision, head)).collect())
    }

    /// Returns the policy of a tenant at a revision.
    pub(in crate::service) async fn past(&self, tenant: &Access<'_>, revision: u64) -> Result<HistoricalPolicy> {
        let (change, newest) = self.find_revision(tenant, revision).await?;
        // A revision that may still be amended is not remembered: its state can grow.
        let is_closed = revision < newest;
        if let Some(past) = self.parts.historical.0.get(&(tenant.id, change)).filter(|_| is_closed) {
            return Ok(past);
        }
        let turn = self.search_turn(tenant.id).await?;
        let rules = self.replayed_rules(tenant, revision).await?;
        let state = self.state_at(tenant, revision).await?;
        let (plan, key) = (Arc::clone(self.parts.policies.plan()), tenant.key.clone());
        let past = blocking(move || {
            let _held = turn;
            let snapshot = Snapshot::build(&plan, &key, revision, &rules);
            let disabled = state.users.values().filter(|user| !user.enabled).map(|user| user.key.clone());
            let policy = TenantPolicy {
                counters: Counters { revision, policy_change: change, ..Counters::default() },
                snapshot: Arc::new(snapshot),
                settings: state.settings,
                disabled: Arc::new(disabled.collect()),
            };
            HistoricalPolicy { policy: Arc::new(policy), state: Arc::new(state) }
        })
        .await?;
        if is_closed {
            self.parts.historical.0.insert((tenant.id, change), past.clone());
        }
        Ok(past)
    }

    /// Returns the change that made the revision, the nil id for revision 0, and the number of the newest revision.
    /// Refuses revisions that do not exist.
    pub(in crate::service) async fn find_revision(&self, tenant: &Access<'_>, revision: u64) -> Result<(Uuid, u64)> {
        let here = tenant.policy().counters;
        // This instance may lag behind, or hold what is not of the log.
        if revision > here.revision || !is_of_log(&tenant.scope(), &here).await? {
            self.parts.policies.refresh(tenant).await?;
        }
        let newest = tenant.policy().counters.revision;
        if revision > newest {
            return Err(no_revision(revision));
        }
        let found = match revision {
            0 => is_log_whole(&tenant.scope()).await?.then_some(Uuid::nil()),
            _ => tenant.scope().change_of(revision).await?,
        };
        match found {
            Some(change) => Ok((change, newest)),
            None => Err(gone(&tenant.scope(), revision).await?),
        }
    }

    /// Returns the rules of a revision, computed from today's rules backwards or from none forwards, whichever is
    /// shorter.
    async fn replayed_rules(&self, tenant: &Access<'_>, revision: u64) -> Result<BTreeSet<Rule>> {
        let now = Arc::clone(&tenant.policy());
        let newest = now.counters.revision;
        if revision < newest - revision && is_log_whole(&tenant.scope()).await? {
            let mut rules = BTreeSet::new();
            let each = |diff: &RuleDiff| step(&mut rules, &diff.removed, &diff.added);
            match each_between(tenant, 0, revision, each).await {
                // The log was shortened meanwhile; the revision may be there still.
                Err(error) if error.code == ErrorCode::NotFound => {}
                read => return read.map(|()| rules),
            }
        }
        let mut rules: BTreeSet<Rule> = blocking(move || now.snapshot.rules().collect()).await?;
        let mut high = newest;
        while high > revision {
            let low = high.saturating_sub(CHUNK).max(revision);
            for entry in revisions_between(tenant, low, high).await?.iter().rev() {
                step(&mut rules, &entry.rules.added, &entry.rules.removed);
            }
            high = low;
        }
        Ok(rules)
    }

    /// Returns the tenant's state at a revision: the last one that was stored whole, with the changes since applied.
    async fn state_at(&self, tenant: &Access<'_>, revision: u64) -> Result<TenantState> {
        if revision == 0 {
            return Ok(TenantState::empty(tenant.key.clone()));
        }
        let found = tenant.scope().checkpoint(revision).await?;
        let Some((mut at, mut state)) = found else { return Err(gone(&tenant.scope(), revision).await?) };
        while at < revision {
            let next = revision.min(at + CHUNK);
            for entry in &revisions_between(tenant, at, next).await? {
                entry.patch.apply(&mut state);
            }
            at = next;
        }
        Ok(state)
    }
}

/// Returns `true` if the log has the change that made the policy in memory: from there it leads back.
async fn is_of_log(scope: &Scope, here: &Counters) -> Result<bool> {
    if here.policy_change.is_nil() {
        return Ok(true);
    }
    Ok(scope.change_of(here.revision).await? == Some(here.policy_change))
}

/// Returns `true` if the log goes back to the state without any rule.
async fn is_log_whole(scope: &Scope) -> Result<bool> {
    Ok(scope.oldest_revision().await?.is_none_or(|oldest| oldest == 1))
}

/// Returns the error for a revision that is not in the log although newer ones are.
pub(in crate::service) async fn gone(scope: &Scope, revision: u64) -> Result<Error> {
    Ok(match scope.oldest_revision().await? {
        Some(oldest) if revision < oldest => {
            let message = format!("revision `{revision}` is no longer kept: the oldest is `{oldest}`");
            Error::new(ErrorCode::NotFound, message).at("revision")
        }
        _ => Error::internal("the log of revisions has a gap"),
    })
}

/// Returns all revisions after `low`, up to and including `high`.
async fn revisions_between(tenant: &Access<'_>, low: u64, high: u64) -> Result<Vec<RevisionEntry>> {
    let entries = tenant.revisions_since(low, high - low).await?;
    if entries.len() as u64 == high - low { Ok(entries) } else { Err(gone(&tenant.scope(), low).await?) }
}

/// Calls `each` with the rule difference of every revision after `low`, up to and including `high`.
async fn each_between(tenant: &Access<'_>, low: u64, high: u64, mut each: impl FnMut(&RuleDiff) + Send) -> Result<()> {
    let mut at = low;
    while at < high {
        let next = high.min(at + CHUNK);
        for entry in &revisions_between(tenant, at, next).await? {
            each(&entry.rules);
        }
        at = next;
    }
    Ok(())
}

fn step(rules: &mut BTreeSet<Rule>, go: &[Rule], come: &[Rule]) {
    for rule in go {
        rules.remove(rule);
    }
    rules.extend(come.iter().cloned());
}

fn no_revision(revision: u64) -> Error {
    Error::not_found("revision", revision).at("revision")
}
