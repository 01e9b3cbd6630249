//! The one way in which a tenant changes. A use case says what it needs and what it does to the
//! state; everything around it is here: the lock, the check that the caller still may, the
//! compiler, the difference, the revision, the audit event, the commit, and the news of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::Platform;
use super::permit::{Permit, subject_of};
use super::session::needs_session;
use super::tenants::{OwnChange, Tenant};
use super::working::{Found, Remembered};
use super::{rights, staff};
use crate::auth::caller::{Caller, Credential};
use crate::domain::Change;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{TenantId, UserKey};
use crate::domain::name::Timestamp;
use crate::domain::tenant::TenantState;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::compile::{compile, compile_change};
use crate::policy::diff::{PolicyDiff, RuleDiff, StatePatch, alters_answers};
pub use crate::policy::impact::{AccessChange, Impact};
use crate::policy::reach::Reach;
use crate::policy::revision::Counters;
use crate::store::policy::RevisionEntry;
use crate::store::user::{AccountChange, NewAccount, UserRow};
use crate::store::{CommitError, Tx, View};
use crate::sync::News;

mod record;
mod written;

pub use record::Record;
pub(super) use written::Written;

/// The most characters that a reason may have.
const REASON_MAX: usize = 500;
/// From this weight on a change is compiled beside the other work of a thread: to make room takes longer
/// than to compile a smaller one.
const LARGE: usize = 500;
/// A revision keeps the whole state every so often, so that going back need not start at the first.
const CHECKPOINT_EVERY: u64 = 100;

/// What a change is, for the permission it needs and for those who read of it later.
pub struct Intent {
    /// What the caller must be allowed.
    pub permit: Permit,
    /// The use case, such as `profile.saveModule`.
    pub action: &'static str,
    /// What it is done to, such as `profile:supervisors`.
    pub target: String,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// Whether it gives access, so that nobody gives what they lack (R35b).
    pub gives: bool,
    /// Whether it is only tried: then nothing changes.
    pub dry_run: bool,
}

/// On what terms a change is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// Whether it is only tried.
    pub dry_run: bool,
}

impl From<Option<String>> for Terms {
    /// To be made, for this reason.
    fn from(reason: Option<String>) -> Self {
        Self { reason, dry_run: false }
    }
}

/// A tenant's state as a use case may change it. Whatever it refuses, nothing is written.
pub struct Draft<'a> {
    /// What can be granted.
    pub catalogue: &'a Catalogue,
    /// The state: a copy.
    pub state: &'a mut TenantState,
    /// The accounts of new users.
    pub new_accounts: BTreeMap<UserKey, NewAccount>,
    /// The accounts that change.
    pub accounts: BTreeMap<UserKey, AccountChange>,
    /// The agents that the caller may do this to, when it may to no other user (R34).
    pub(super) supervised: Option<Reach>,
    /// What it is done to, where only the change itself finds the key.
    pub target: Option<String>,
    /// The time of the change.
    pub now: Timestamp,
}

/// What came of a change.
pub struct Done<T> {
    /// What the use case gives.
    pub value: T,
    /// The tenant's revision, which is in force here by now.
    pub revision: u64,
    /// Whether it was only tried: then `value` is what would have come of it.
    pub dry_run: bool,
    /// Who gains and who loses what by it. Only after a dry run, and for those who may see it.
    pub impact: Option<Impact>,
    /// The users that the impact names, as they are; those that are not there yet as they would be.
    pub users: HashMap<UserKey, UserRow>,
}

impl<T> Done<T> {
    /// A change that was made.
    pub(super) fn made(value: T, revision: u64) -> Self {
        Self { value, revision, dry_run: false, impact: None, users: HashMap::new() }
    }

    /// The same with another value.
    pub(super) fn with<U>(self, value: U) -> Done<U> {
        let Self { revision, dry_run, impact, users, .. } = self;
        Done { value, revision, dry_run, impact, users }
    }
}

/// A change as it was made to a copy and checked. Nothing of it is written.
pub(super) struct Drafted<T> {
    pub(super) value: T,
    found: Found,
    pub(super) after: TenantState,
    pub(super) new_accounts: BTreeMap<UserKey, NewAccount>,
    pub(super) accounts: BTreeMap<UserKey, AccountChange>,
    /// What turns the state as it was into `after`.
    patch: StatePatch,
    pub(super) diff: PolicyDiff,
    target: Option<String>,
    now: Timestamp,
}

impl<T> Drafted<T> {
    /// The state as it was found.
    pub(super) const fn before(&self) -> &TenantState {
        &self.found.state
    }

    fn written(&self) -> Written<'_> {
        Written::new(&self.found, &self.after, &self.new_accounts, &self.accounts, &self.patch)
    }
}

impl Platform {
    /// Changes a tenant: all of it, or nothing.
    pub async fn change<T: Send>(
        &self,
        caller: &Caller,
        mut intent: Intent,
        apply: impl FnOnce(&mut Draft<'_>) -> Result<T> + Send,
    ) -> Result<Done<T>> {
        check_reason(intent.reason.as_deref())?;
        if intent.dry_run {
            return self.rehearse(caller, &intent, apply).await;
        }
        let (tenant, mut tx) = self.begin(caller, intent.permit.clone()).await?;
        let policy = Arc::clone(&tenant.policy());
        let drafted = match self.draft(caller, &policy, &tx, &intent, apply).await {
            Ok(drafted) => drafted,
            Err(error) => {
                drop(tx);
                return Err(self.explain_conflict(caller, &intent.target, error).await);
            }
        };
        intent.target = drafted.target.clone().unwrap_or(intent.target);
        let record = Record::new(caller, &intent, drafted.now);
        let policy = self.write(&mut tx, &drafted.written(), &drafted.diff, &record).await?;
        let counters = self.commit(tx, record, policy, visited_from(caller)).await?;
        Ok(Done::made(drafted.value, counters.revision))
    }

    /// Makes the change to a copy of the state, compiles it and checks that the caller may. `policy`
    /// is the tenant's at the moment of `view`.
    pub(super) async fn draft<T: Send>(
        &self,
        caller: &Caller,
        policy: &TenantPolicy,
        view: &View,
        intent: &Intent,
        apply: impl FnOnce(&mut Draft<'_>) -> Result<T> + Send,
    ) -> Result<Drafted<T>> {
        let found = self.find_state(view).await?;
        let mut after = found.state.clone();
        let mut draft = Draft {
            catalogue: &self.catalogue,
            state: &mut after,
            new_accounts: BTreeMap::new(),
            accounts: BTreeMap::new(),
            target: None,
            supervised: staff::supervised(caller, policy, &intent.permit)?,
            now: self.now(),
        };
        let value = apply(&mut draft)?;
        self.follow_agents(caller, &found, &mut draft).await?;
        let Draft { new_accounts, accounts, target, now, .. } = draft;
        if *caller.credential() == Credential::ApiKey && sets_credentials(&new_accounts, &accounts) {
            return Err(needs_session());
        }
        let patch = StatePatch::between(&found.state, &after);
        let written = Written::new(&found, &after, &new_accounts, &accounts, &patch);
        let diff = self.rule_diff(view, &written).await?;
        if intent.gives && !caller.is_system() {
            let subject = subject_of(caller);
            let giver = rights::Giver { policy, subject: &subject, catalogue: &self.catalogue };
            giver.check(&intent.permit, &written, &diff)?;
        }
        Ok(Drafted { value, found, after, new_accounts, accounts, patch, diff, target, now })
    }

    /// Takes the tenant. If it has moved on since the caller was authorised, this instance
    /// catches up and asks again, so that a right that was just taken away is gone here too.
    pub async fn begin(&self, caller: &Caller, permit: Permit) -> Result<(Arc<Tenant>, Tx)> {
        // Where the tenant is before it is asked: what it moves on meanwhile is asked about again.
        let authorised_at = self.tenant_of(caller).await?.policy().counters;
        let tenant = self.authorise(caller, permit.clone()).await?;
        let tx = self.store.begin(tenant.id).await?.ok_or_else(super::permit::unauthenticated)?;
        if tx.counters() != authorised_at {
            self.tenants.advance(&tenant, tx.counters()).await?;
            self.authorise(caller, permit).await?;
        }
        Ok((tenant, tx))
    }

    /// What turns the rules that are stored into those of the state after the change. Where they
    /// follow from the state before, no more is compiled than the change touches; where that is
    /// not known, all of it, and compared with all that is stored.
    pub(super) async fn rule_diff(&self, view: &View, written: &Written<'_>) -> Result<PolicyDiff> {
        if written.is_followed {
            let compile = || compile_change(&self.catalogue, written.before, written.after, written.patch);
            return if written.patch.weight(written.before) > LARGE { in_place(compile) } else { compile() };
        }
        let stored = view.stored_rules().await?;
        in_place(|| Ok(PolicyDiff::between(&stored, &compile(&self.catalogue, written.after)?)))
    }

    /// Writes everything of one change but the commit. Gives what changed in the policy, when
    /// that makes a revision (R43).
    pub(super) async fn write(
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
        let accounts = self.accounts_before(tx.tenant().id, written).await?;
        tx.write_state(written.before, written.after, written.new_accounts).await?;
        for (user, account) in written.accounts {
            tx.update_account(user, account).await?;
        }
        for user in written.signed_out() {
            tx.end_sessions(user, None).await?;
        }
        for user in written.links_voided() {
            tx.void_password_reset(user).await?;
        }
        tx.write_rules(diff).await?;
        let rules = diff.rules();
        let revises = !rules.is_empty() || alters_answers(written.before, written.after);
        let patch = written.patch;
        let (was, is) = written.for_audit(accounts)?;
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
        let changed = written.accounts.iter().map(|(user, change)| (user.clone(), Some(change.for_audit())));
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
    pub(super) async fn commit(
        &self,
        mut tx: Tx,
        record: Record,
        policy: Option<(RuleDiff, StatePatch)>,
        from: Option<TenantId>,
    ) -> Result<Counters> {
        let counters = tx.counters();
        let id = tx.tenant().id;
        let own = OwnChange { counters, policy };
        if let Some(from) = from {
            let event = record.event_elsewhere(&tx.tenant().key);
            tx.audit_in(from, &event).await?;
        }
        let platform = self.clone();
        let task = self.tasks.spawn(async move {
            match tx.commit().await {
                Ok(()) => {}
                Err(CommitError::Refused(error)) => return Err(error),
                Err(CommitError::Unknown(error)) => {
                    // The database may still be at it. Once the tenant can be taken, it has ended.
                    drop(platform.store.begin(id).await?);
                    if !platform.store.change_committed(record.change_id).await? {
                        return Err(error);
                    }
                }
            }
            tracing::debug!(tenant = %id.0, revision = own.counters.revision, "committed");
            platform.spread(id, &own).await
        });
        task.await.map_err(Error::internal)??;
        Ok(counters)
    }

    /// Publishes a committed change and applies it here meanwhile. A failed publish fails
    /// nothing: the others sweep.
    async fn spread(&self, tenant: TenantId, own: &OwnChange) -> Result<()> {
        let Counters { revision, credential_epoch } = own.counters;
        let news = News { tenant: tenant.0, revision, credential_epoch };
        let (published, applied) = tokio::join!(self.bus.publish(&news), self.tenants.apply_own(tenant, own));
        if let Err(error) = published {
            self.metrics.publishes_failed.inc();
            tracing::warn!(tenant = %tenant.0, revision, %error, "the news of a change was not published; the sweep of the others finds it");
        }
        applied
    }
}

/// From where a visiting operator acts.
pub(super) fn visited_from(caller: &Caller) -> Option<TenantId> {
    caller.is_visiting().then(|| caller.home().id).filter(|_| !caller.is_system())
}

/// Does work that may take long, for a change may be large, while others go on with what this thread
/// had before it.
pub(super) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}

/// Whether anyone gets a password by this, or another address that a link for one is mailed to.
fn sets_credentials(new: &BTreeMap<UserKey, NewAccount>, changed: &BTreeMap<UserKey, AccountChange>) -> bool {
    new.values().any(|account| account.password_hash.is_some())
        || changed.values().any(|account| account.password_hash.is_some() || account.email != Change::Keep)
}

/// Refuses a reason that no log could show.
pub(super) fn check_reason(reason: Option<&str>) -> Result<()> {
    match reason {
        Some(reason) if reason.chars().count() > REASON_MAX || reason.chars().any(char::is_control) => {
            Err(Error::invalid(format!("a reason has at most {REASON_MAX} characters and no control characters"))
                .at("reason"))
        }
        _ => Ok(()),
    }
}
