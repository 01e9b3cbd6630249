//! Writing and committing a change, putting it in force here, and telling the other instances.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::timeout;
use uuid::Uuid;

use super::read_back::unknown;
use super::{ChangeContext, ChangeSet};
use crate::domain::key::{TenantId, UserKey};
use crate::error::{Error, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::diff::{PolicyDiff, RuleDiff, StatePatch, alters_answers};
use crate::policy::revision::{Counters, Steps};
use crate::service::Platform;
use crate::service::change::state_cache::CachedState;
use crate::service::runtime::policy_cache::{OwnChange, news_of};
use crate::store::audit::AuditEvent;
use crate::store::policy::RevisionEntry;
use crate::store::{CommitError, Tx, UserTx, View};

/// Number of revisions from one that keeps the whole state to the next, so that restoring a state need not start at the
/// first.
const CHECKPOINT_EVERY: u64 = 100;

/// Time that a change waits for its news to be published; after it, publishing goes on in the background.
const PUBLISH_WAIT: Duration = Duration::from_millis(500);

/// Change whose commit has been requested.
pub(super) struct Made {
    pub(super) tenant: TenantId,
    pub(super) change: Uuid,
    pub(super) what: What,
}

/// Kind of a change: what it locks until it ends, and what the other instances are told.
pub(super) enum What {
    /// Change of the tenant.
    Tenant(Box<OwnChange>),
    /// Change of this user's credentials.
    Credentials(UserKey),
}

impl Platform {
    /// Writes everything of a change except the commit. Returns the change of the policy, if it makes a revision (R43).
    pub(in crate::service) async fn write(
        &self,
        tx: &mut Tx,
        written: &ChangeSet<'_>,
        diff: &PolicyDiff,
        record: &ChangeContext,
    ) -> Result<Option<(RuleDiff, StatePatch)>> {
        let tenant = tx.tenant().id;
        let policy = self.write_all(tx, written, diff, record).await.inspect_err(|_| self.parts.states.drop(tenant))?;
        let (change, revision, state) = (record.change_id, tx.counters().revision, written.after.clone());
        self.parts.states.keep(tenant, CachedState { change, revision, state });
        Ok(policy)
    }

    async fn write_all(
        &self,
        tx: &mut Tx,
        written: &ChangeSet<'_>,
        diff: &PolicyDiff,
        record: &ChangeContext,
    ) -> Result<Option<(RuleDiff, StatePatch)>> {
        // The database compares single forms of addresses, and some addresses have several.
        if written.emails().any(|email| email.forms().len() > 1) {
            tx.check_accounts(written.new_accounts, written.accounts).await?;
        }
        let accounts = self.accounts_before(tx, written).await?;
        tx.write_state(written.before, written.after, written.new_accounts).await?;
        tx.write_links(written.links).await?;
        for (user, account) in written.accounts {
            tx.update_account(user, account).await?;
        }
        for user in written.signed_out() {
            tx.credentials().end_sessions(user, None).await?;
        }
        let mut keys_ended = BTreeSet::new();
        for user in written.keys_ended() {
            if tx.credentials().remove_api_key(user).await? {
                keys_ended.insert(user);
            }
        }
        for user in written.links_voided() {
            tx.credentials().void_password_reset(user).await?;
        }
        tx.write_rules(diff).await?;
        let rules = diff.rules();
        let revises = !rules.is_empty() || alters_answers(written.before, written.after);
        let patch = written.patch;
        let (was, is) = written.for_audit(accounts, &keys_ended)?;
        // Before the counters are written, so that one statement writes all of the tenant's row.
        let next = revises.then(|| tx.counters().revision + 1);
        tx.audit(&record.event(was, is, next)).await?;
        let counters = tx.conclude(record.change_id, revises, written.alters_credentials()).await?;
        if !revises {
            if !patch.is_empty() || !diff.is_empty() {
                tx.amend_revision(patch, written.after, self.parts.catalogue.hash()).await?;
            }
            return Ok(None);
        }
        let due = counters.revision == 1 || counters.revision.is_multiple_of(CHECKPOINT_EVERY);
        let entry = self.revision_entry(record, counters.revision, &rules, patch);
        tx.log_revision(&entry, due.then_some(written.after)).await?;
        Ok(Some((rules, patch.clone())))
    }

    /// Returns, for the audit log, the accounts before the change: whole if the user is deleted, and otherwise the
    /// changed fields that the log shows.
    async fn accounts_before(&self, view: &View, written: &ChangeSet<'_>) -> Result<Map<String, Value>> {
        let gone = written.users().filter(|user| user.is.is_none());
        let whole = gone.map(|user| (user.key.clone(), None));
        let changed = written.accounts.iter().map(|(user, change)| (user.clone(), Some(change.for_audit(false))));
        let is_empty = |shown: &Option<Value>| shown.as_ref().and_then(Value::as_object).is_some_and(Map::is_empty);
        let told: BTreeMap<UserKey, Option<Value>> = whole.chain(changed.filter(|(_, it)| !is_empty(it))).collect();
        let mut accounts = Map::new();
        if told.is_empty() {
            return Ok(accounts);
        }
        let users: Vec<UserKey> = told.keys().cloned().collect();
        for row in self.beside(view).users_by_keys(&users).await? {
            let mut shown = row.for_audit();
            if let (Some(fields), Some(Some(changed))) = (shown.as_object_mut(), told.get(&row.user.key)) {
                fields.retain(|field, _| changed.get(field).is_some());
            }
            accounts.insert(row.user.key.to_string(), shown);
        }
        Ok(accounts)
    }

    fn revision_entry(
        &self,
        record: &ChangeContext,
        revision: u64,
        rules: &RuleDiff,
        patch: &StatePatch,
    ) -> RevisionEntry {
        RevisionEntry {
            revision,
            change_id: record.change_id,
            at: record.at,
            author: record.actor.clone(),
            reason: record.reason.clone(),
            rules: rules.clone(),
            patch: patch.clone(),
            model_hash: self.parts.model_hash.clone(),
            catalogue_hash: self.parts.catalogue.hash().to_owned(),
            compiler_version: COMPILER_VERSION,
        }
    }

    /// Commits the change, applies it here and tells the other instances, in a task of its own: a client that
    /// disconnects cannot stop it half-way.
    ///
    /// If `from` is given, the event is also recorded in that tenant: it is the home of an operator who acts in another
    /// tenant.
    pub(in crate::service) async fn commit(
        &self,
        mut tx: Tx,
        record: ChangeContext,
        policy: Option<(RuleDiff, StatePatch)>,
        from: Option<TenantId>,
    ) -> Result<Counters> {
        let counters = tx.counters();
        let tenant = tx.tenant().id;
        let own = OwnChange { before: tx.taken_at(), counters, policy };
        if let Some(from) = from {
            let event = record.event_elsewhere(&tx.tenant().key);
            tx.audit_in(from, &event).await?;
        }
        let made = Made { tenant, change: record.change_id, what: What::Tenant(Box::new(own)) };
        self.conclude(tx.commit(), made).await?;
        Ok(counters)
    }

    /// Commits a change of a user's credentials, so that all instances look them up anew.
    pub(in crate::service) async fn commit_credentials(
        &self,
        tenant: TenantId,
        user: &UserKey,
        tx: UserTx,
        event: AuditEvent,
    ) -> Result<()> {
        let made = Made { tenant, change: event.change_id, what: What::Credentials(user.clone()) };
        self.conclude(async move { tx.commit(&event).await }, made).await
    }

    async fn conclude(
        &self,
        commit: impl Future<Output = Result<(), CommitError>> + Send + 'static,
        made: Made,
    ) -> Result<()> {
        let platform = self.clone();
        let task = self.parts.tasks.spawn(async move {
            match commit.await {
                Ok(()) => {}
                Err(CommitError::Refused(error)) => return Err(error),
                Err(CommitError::Unknown(error)) => match platform.is_stored(&made).await {
                    Ok(Some(true)) => {}
                    Ok(Some(false)) => return Err(error),
                    Ok(None) | Err(_) => {
                        let change = made.change;
                        platform.find_out(made);
                        return Err(unknown(error, change));
                    }
                },
            }
            tracing::debug!(tenant = %made.tenant.0, change = %made.change, "committed");
            platform.spread(&made).await;
            Ok(())
        });
        task.await.map_err(Error::internal)?
    }

    /// Publishes a committed change and applies it here at the same time. A failure does not undo the change: this
    /// instance and the others find it with the next sweep.
    pub(super) async fn spread(&self, Made { tenant, change, what }: &Made) {
        let (tenant, failed) = (*tenant, |error: &Error| {
            tracing::warn!(tenant = %tenant.0, %error, cause = error.source_text(), "a change is stored and not in force here yet; the sweep tries again");
        });
        match what {
            What::Tenant(own) => self.spread_own(tenant, own).await.unwrap_or_else(|error| failed(&error)),
            What::Credentials(_) => {
                match self.system().counters(tenant).await {
                    Ok(Some(counters)) => {
                        // Based on the latest counters: other changes may have come between.
                        let own = OwnChange { before: counters, counters, policy: None };
                        self.spread_own(tenant, &own).await.unwrap_or_else(|error| failed(&error));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        failed(&error);
                        self.void_credentials(tenant, *change).await;
                    }
                }
                self.place_events(tenant).await;
            }
        }
    }

    /// Ends what is remembered of a tenant's credentials without asking the database: here at once, and elsewhere by
    /// news of an epoch that the others do not know, which makes them look.
    async fn void_credentials(&self, tenant: TenantId, change: Uuid) {
        // A tenant that is not in memory has no credential that counts.
        let Some(held) = self.parts.policies.in_memory(tenant) else { return };
        held.forget_credentials();
        let step = Steps { count: 1, marks: Steps::mark(change) };
        let news = news_of(tenant, held.policy().counters.after(step));
        if !matches!(timeout(PUBLISH_WAIT, self.parts.bus.publish(&news)).await, Ok(Ok(()))) {
            self.parts.metrics.publishes_failed.inc();
        }
    }

    async fn spread_own(&self, tenant: TenantId, own: &OwnChange) -> Result<()> {
        let revision = own.counters.revision;
        let news = news_of(tenant, own.counters);
        let platform = self.clone();
        // In a task of its own, so that a slow bus does not hold up changes for long.
        let publish = self.parts.tasks.spawn(async move {
            if let Err(error) = platform.parts.bus.publish(&news).await {
                platform.parts.metrics.publishes_failed.inc();
                tracing::debug!(tenant = %tenant.0, revision, %error, "the news of a change was not published");
            }
        });
        let (_, applied) = tokio::join!(timeout(PUBLISH_WAIT, publish), self.parts.policies.apply_own(tenant, own));
        applied
    }
}
