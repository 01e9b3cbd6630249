//! A change as it is written and committed, put in force here, and told to the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::timeout;
use uuid::Uuid;

use super::outcome::unknown;
use super::{Record, Written};
use crate::domain::key::{TenantId, UserKey};
use crate::error::{Error, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::diff::{PolicyDiff, RuleDiff, StatePatch, alters_answers};
use crate::policy::revision::Counters;
use crate::service::Platform;
use crate::service::tenants::{OwnChange, news_of};
use crate::service::working::Remembered;
use crate::store::audit::AuditEvent;
use crate::store::policy::RevisionEntry;
use crate::store::{CommitError, Tx, UserTx};

/// A revision keeps the whole state every so often, so that going back need not start at the first.
const CHECKPOINT_EVERY: u64 = 100;

/// How long a change waits until its news is published.
const PUBLISH_WAIT: Duration = Duration::from_millis(500);

/// A change whose commit was asked for.
pub(super) struct Made {
    pub(super) tenant: TenantId,
    pub(super) change: Uuid,
    pub(super) what: What,
}

/// The kind of a change: what it has taken until its end, and what others learn of it.
pub(super) enum What {
    /// A change of the tenant.
    Tenant(Box<OwnChange>),
    /// A change of the credentials of this user.
    Credentials(UserKey),
}

impl Platform {
    /// Writes everything of one change but the commit. Gives what changed in the policy, when
    /// that makes a revision (R43).
    pub(in crate::service) async fn write(
        &self,
        tx: &mut Tx,
        written: &Written<'_>,
        diff: &PolicyDiff,
        record: &Record,
    ) -> Result<Option<(RuleDiff, StatePatch)>> {
        let tenant = tx.tenant().id;
        let policy = self.write_all(tx, written, diff, record).await.inspect_err(|_| self.workings.drop(tenant))?;
        let (change, revision, state) = (record.change_id, tx.counters().revision, written.after.clone());
        self.workings.keep(tenant, Remembered { change, revision, state });
        Ok(policy)
    }

    async fn write_all(
        &self,
        tx: &mut Tx,
        written: &Written<'_>,
        diff: &PolicyDiff,
        record: &Record,
    ) -> Result<Option<(RuleDiff, StatePatch)>> {
        // The database compares single forms of addresses, and some addresses have several.
        if written.emails().any(|email| email.forms().len() > 1) {
            tx.check_accounts(written.new_accounts, written.accounts).await?;
        }
        let accounts = self.accounts_before(tx.tenant().id, written).await?;
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
                tx.amend_revision(patch, written.after, self.catalogue.hash()).await?;
            }
            return Ok(None);
        }
        let due = counters.revision == 1 || counters.revision.is_multiple_of(CHECKPOINT_EVERY);
        let entry = self.revision_entry(record, counters.revision, &rules, patch);
        tx.log_revision(&entry, due.then_some(written.after)).await?;
        Ok(Some((rules, patch.clone())))
    }

    /// What the audit log says the accounts were that go, or change in what it shows.
    async fn accounts_before(&self, tenant: TenantId, written: &Written<'_>) -> Result<Map<String, Value>> {
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
        for row in self.store.scope(tenant).users_by_keys(&users).await? {
            let mut shown = row.for_audit();
            if let (Some(fields), Some(Some(changed))) = (shown.as_object_mut(), told.get(&row.user.key)) {
                fields.retain(|field, _| changed.get(field).is_some());
            }
            accounts.insert(row.user.key.to_string(), shown);
        }
        Ok(accounts)
    }

    fn revision_entry(&self, record: &Record, revision: u64, rules: &RuleDiff, patch: &StatePatch) -> RevisionEntry {
        RevisionEntry {
            revision,
            change_id: record.change_id,
            at: record.at,
            author: record.actor.clone(),
            reason: record.reason.clone(),
            rules: rules.clone(),
            patch: patch.clone(),
            model_hash: self.model_hash.clone(),
            catalogue_hash: self.catalogue.hash().to_owned(),
            compiler_version: COMPILER_VERSION,
        }
    }

    /// Commits, applies here and tells the others, in a task of its own: a client that hangs up
    /// cannot stop it half-way.
    ///
    /// What an operator does in another tenant is audited in its own as well: `from`.
    pub(in crate::service) async fn commit(
        &self,
        mut tx: Tx,
        record: Record,
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

    /// Commits a change of a user's credentials, and has the others look them up anew.
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
        let task = self.tasks.spawn(async move {
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

    /// Publishes a committed change and applies it here meanwhile. It is made, whatever fails now: the
    /// others sweep, and so does this instance.
    pub(super) async fn spread(&self, Made { tenant, what, .. }: &Made) {
        let (tenant, failed) = (*tenant, |error: &Error| {
            tracing::warn!(tenant = %tenant.0, %error, cause = error.source_text(), "a change is stored and not in force here yet; the sweep tries again");
        });
        match what {
            What::Tenant(own) => self.spread_own(tenant, own).await.unwrap_or_else(|error| failed(&error)),
            What::Credentials(_) => {
                match self.store.counters(&[tenant]).await.map(|found| found.first().copied()) {
                    Ok(Some((_, counters))) => {
                        // From wherever this instance is: others may have come between.
                        let own = OwnChange { before: counters, counters, policy: None };
                        self.spread_own(tenant, &own).await.unwrap_or_else(|error| failed(&error));
                    }
                    Ok(None) => {}
                    Err(error) => failed(&error),
                }
                self.place_events(tenant).await;
            }
        }
    }

    async fn spread_own(&self, tenant: TenantId, own: &OwnChange) -> Result<()> {
        let revision = own.counters.revision;
        let news = news_of(tenant, own.counters);
        let platform = self.clone();
        // Of its own: a slow bus keeps nobody who makes a change waiting for long.
        let publish = self.tasks.spawn(async move {
            if let Err(error) = platform.bus.publish(&news).await {
                platform.metrics.publishes_failed.inc();
                tracing::debug!(tenant = %tenant.0, revision, %error, "the news of a change was not published");
            }
        });
        let (_, applied) = tokio::join!(timeout(PUBLISH_WAIT, publish), self.tenants.apply_own(tenant, own));
        applied
    }
}
