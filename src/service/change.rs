//! The one way in which a tenant changes. A use case states what it needs and what it does to the state; everything
//! around it is here: the lock, the check that the caller still has the permission, the compiler, the difference, the
//! revision, the audit event, the commit, and the news to other instances.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::auth::caller::{Caller, Credential};
use crate::domain::Change;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{TenantId, UserKey};
use crate::domain::link::{LinkDiff, LinkEdit, LinkList};
use crate::domain::name::Timestamp;
use crate::domain::tenant::TenantState;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::compile::{compile, compile_change};
use crate::policy::diff::{PolicyDiff, StatePatch};
pub use crate::policy::impact::{AccessChange, Impact};
use crate::policy::reach::Reach;
use crate::service::Platform;
use crate::service::access::credential::needs_session;
use crate::service::access::escalation;
use crate::service::access::permit::{Access, Permit, subject_of};
use crate::service::admin::agent;
use crate::service::ask::link::told_differences;
use crate::service::change::state_cache::LoadedState;
use crate::store::user::{AccountChange, NewAccount, UserRow};
use crate::store::{Tx, View};

mod change_set;
mod commit;
pub(in crate::service) mod conflict;
mod context;
pub(in crate::service) mod dry_run;
mod read_back;
pub(in crate::service) mod state_cache;

pub(super) use change_set::ChangeSet;
pub use context::ChangeContext;
pub use read_back::read_back;

/// Maximum number of characters of a reason.
const REASON_MAX: usize = 500;
/// Weight above which a change is compiled only after the thread's other tasks were moved away: moving them takes
/// longer than compiling a smaller change.
const LARGE_CHANGE_WEIGHT: usize = 500;

/// Description of a change: the permission that it needs, and what the audit log and the revision say of it.
pub struct ChangeRequest {
    /// Permission that the caller needs.
    pub permit: Permit,
    /// Name of the use case, such as `profile.saveModule`.
    pub action: &'static str,
    /// Target of the change, such as `profile:supervisors`.
    pub target: String,
    /// Reason for the change, in the caller's words.
    pub reason: Option<String>,
    /// `true` if the change can give or take access: then callers can give only rights that they have, and take only
    /// those that are theirs to take (R35b).
    pub checks_escalation: bool,
    /// `true` for a dry run, which changes nothing.
    pub dry_run: bool,
}

impl ChangeRequest {
    /// Describes a change that can give or take access. `target` is a kind and a key, such as `profile:supervisors`.
    pub fn new(
        permit: Permit,
        action: &'static str,
        target: impl fmt::Display,
        options: impl Into<ChangeOptions>,
    ) -> Self {
        let ChangeOptions { reason, dry_run } = options.into();
        Self { permit, action, target: target.to_string(), reason, checks_escalation: true, dry_run }
    }

    /// Returns the description of a change that gives and takes no access.
    #[must_use]
    pub fn without_rights(self) -> Self {
        Self { checks_escalation: false, ..self }
    }
}

/// Options that a caller passes along with a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeOptions {
    /// Reason for the change, in the caller's words.
    pub reason: Option<String>,
    /// `true` for a dry run, which changes nothing.
    pub dry_run: bool,
}

impl From<Option<String>> for ChangeOptions {
    /// Makes the options of a change that is carried out, with this reason.
    fn from(reason: Option<String>) -> Self {
        Self { reason, dry_run: false }
    }
}

/// Copy of a tenant's state for a use case to change. Nothing is written if the use case fails.
pub struct ChangeDraft<'a> {
    /// Catalogue of everything that can be granted.
    pub catalogue: &'a Catalogue,
    /// Copy of the tenant's state.
    pub state: &'a mut TenantState,
    /// Accounts of new users.
    pub new_accounts: BTreeMap<UserKey, NewAccount>,
    /// Changes to existing accounts.
    pub accounts: BTreeMap<UserKey, AccountChange>,
    /// Agents that the caller can do this to, if they can do it to no other users (R34).
    pub(super) supervised: Option<Reach>,
    /// Target of the change, if its key is known only once the change is made.
    pub target: Option<String>,
    /// Lists of links that a host states along with the change.
    pub links: Vec<(LinkList, LinkEdit)>,
    /// Time of the change.
    pub now: Timestamp,
}

/// Outcome of a change.
pub struct Outcome<T> {
    /// Result of the use case; after a dry run, the result that it would have had.
    pub value: T,
    /// Revision of the tenant after the change, already in force on this instance.
    pub revision: u64,
    /// `true` after a dry run: nothing was changed, and `value` is the result that the change would have had.
    pub dry_run: bool,
    /// Access that users would gain or lose. Present only after a dry run, and only for callers who can see it.
    pub impact: Option<Impact>,
    /// Users that the impact names, in their present state; users that do not exist yet, as they would be.
    pub users: HashMap<UserKey, UserRow>,
}

impl<T> Outcome<T> {
    /// Returns the outcome of a change that was carried out.
    pub(super) fn committed(value: T, revision: u64) -> Self {
        Self { value, revision, dry_run: false, impact: None, users: HashMap::new() }
    }

    /// Replaces the value of the outcome.
    pub(super) fn with<U>(self, value: U) -> Outcome<U> {
        let Self { revision, dry_run, impact, users, .. } = self;
        Outcome { value, revision, dry_run, impact, users }
    }
}

/// Work of a use case on a draft. The shell around it keeps its result, so that everything else is compiled once for
/// all use cases.
pub(super) type Apply<'a> = Box<dyn FnOnce(&mut ChangeDraft<'_>) -> Result<()> + Send + 'a>;

/// Change that was made to a copy of the state and checked. Nothing of it is written yet.
pub(super) struct PreparedChange {
    found: LoadedState,
    pub(super) after: TenantState,
    pub(super) new_accounts: BTreeMap<UserKey, NewAccount>,
    pub(super) accounts: BTreeMap<UserKey, AccountChange>,
    links: Vec<(LinkList, LinkDiff)>,
    /// Difference that turns the state before the change into `after`.
    patch: StatePatch,
    pub(super) diff: PolicyDiff,
    target: Option<String>,
    now: Timestamp,
}

impl PreparedChange {
    /// Returns the state before the change.
    pub(super) const fn before(&self) -> &TenantState {
        &self.found.stored
    }

    fn written(&self) -> ChangeSet<'_> {
        ChangeSet::new(&self.found, &self.after, &self.new_accounts, &self.accounts, &self.patch)
            .with_links(&self.links)
    }
}

impl Platform {
    /// Changes a tenant: all of it, or nothing.
    pub async fn change<T: Send>(
        &self,
        caller: &Caller,
        intent: ChangeRequest,
        apply: impl FnOnce(&mut ChangeDraft<'_>) -> Result<T> + Send,
    ) -> Result<Outcome<T>> {
        let mut value = None;
        let apply: Apply<'_> = Box::new(|draft| {
            value = Some(apply(draft)?);
            Ok(())
        });
        let outcome = self.change_untyped(caller, intent, apply).await?;
        let value = value.ok_or_else(|| Error::internal("a change was concluded that was never made"))?;
        Ok(outcome.with(value))
    }

    /// Changes a tenant, or tries to, without the type of the result. A boxed future, so that no use case compiles this
    /// way of a change as a part of its own.
    fn change_untyped<'a>(
        &'a self,
        caller: &'a Caller,
        mut intent: ChangeRequest,
        apply: Apply<'a>,
    ) -> BoxFuture<'a, Result<Outcome<()>>> {
        let changing = async move {
            check_reason(intent.reason.as_deref())?;
            if intent.dry_run {
                return self.dry_run(caller, &intent, apply).await;
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
            let record = ChangeContext::new(caller, &intent, drafted.now);
            let policy = self.write(&mut tx, &drafted.written(), &drafted.diff, &record).await?;
            let counters = self.commit(tx, record, policy, visited_from(caller)).await?;
            Ok(Outcome::committed((), counters.revision))
        };
        changing.boxed()
    }

    /// Applies the change to a copy of the state, compiles it, and checks that the caller may make it. `policy` is the
    /// tenant's policy at the moment of `view`.
    pub(super) async fn draft(
        &self,
        caller: &Caller,
        policy: &TenantPolicy,
        view: &View,
        intent: &ChangeRequest,
        apply: Apply<'_>,
    ) -> Result<PreparedChange> {
        let found = self.find_state(view).await?;
        let mut after = found.state.clone();
        let mut draft = ChangeDraft {
            catalogue: &self.parts.catalogue,
            state: &mut after,
            new_accounts: BTreeMap::new(),
            accounts: BTreeMap::new(),
            target: None,
            links: Vec::new(),
            supervised: agent::supervised(caller, policy, &intent.permit)?,
            now: self.now(),
        };
        apply(&mut draft)?;
        self.follow_agents(caller, view, &found, &mut draft).await?;
        let ChangeDraft { new_accounts, accounts, target, links, now, .. } = draft;
        let links = told_differences(view, links).await?;
        if *caller.credential() == Credential::ApiKey && sets_credentials(&new_accounts, &accounts) {
            return Err(needs_session());
        }
        let patch = StatePatch::between(&found.stored, &after);
        self.check_deletes(caller, policy, &patch).await?;
        let written = ChangeSet::new(&found, &after, &new_accounts, &accounts, &patch);
        let diff = self.rule_diff(view, &written).await?;
        if intent.checks_escalation && !caller.is_system() {
            let subject = subject_of(caller);
            let grantor = escalation::Grantor { policy, subject: &subject, catalogue: &self.parts.catalogue };
            self.check_given(&grantor, &intent.permit, &found, &written, &diff)?;
        }
        Ok(PreparedChange { found, after, new_accounts, accounts, links, patch, diff, target, now })
    }

    /// Refuses the change if it gives rights that the caller does not have. Differences that come from this program's
    /// first change of the tenant, and not from the change itself, do not count: what is given and what the grantor has
    /// are compiled alike.
    fn check_given(
        &self,
        grantor: &escalation::Grantor<'_>,
        permit: &Permit,
        found: &LoadedState,
        written: &ChangeSet<'_>,
        diff: &PolicyDiff,
    ) -> Result<()> {
        if found.is_followed {
            return grantor.check(permit, written, diff);
        }
        let own = LoadedState::followed(found.state.clone());
        let patch = StatePatch::between(&own.state, written.after);
        let written = ChangeSet::new(&own, written.after, written.new_accounts, written.accounts, &patch);
        let diff = in_place(|| compile_change(&self.parts.catalogue, written.before, written.after, &patch))?;
        let policy = self.compiled_policy(grantor.policy, &own.state)?;
        let grantor = escalation::Grantor { policy: &policy, subject: grantor.subject, catalogue: grantor.catalogue };
        grantor.check(permit, &written, &diff)
    }

    /// Returns the tenant's policy as this program compiles it from a state that another program may have compiled.
    pub(super) fn compiled_policy(&self, policy: &TenantPolicy, state: &TenantState) -> Result<TenantPolicy> {
        let revision = policy.counters.revision;
        let snapshot = in_place(|| {
            let rules = compile(&self.parts.catalogue, state)?;
            Ok::<_, Error>(Snapshot::build(self.parts.policies.plan(), &state.key, revision, rules.keys()))
        })?;
        Ok(TenantPolicy { snapshot: Arc::new(snapshot), ..policy.clone() })
    }

    /// Locks the tenant. If it has changed since the caller was authorised, this instance catches up and authorises
    /// again, so that a right that was just revoked is gone here too.
    pub(in crate::service) async fn begin(&self, caller: &Caller, permit: Permit) -> Result<(Access<'_>, Tx)> {
        // Read before the caller is authorised: if the tenant changes meanwhile, the caller is authorised again.
        let authorised_at = self.tenant_of(caller).await?.policy().counters;
        let tenant = self.authorise(caller, permit.clone()).await?;
        let tx = tenant.begin().await?;
        if tx.counters() == authorised_at {
            return Ok((tenant, tx));
        }
        self.parts.policies.advance(&tenant, tx.counters()).await?;
        let tenant = self.authorise(caller, permit).await?;
        if tx.counters().same_policy(&tenant.policy().counters) {
            return Ok((tenant, tx));
        }
        // This happens if the lock and the read came from two databases: one is taking over right now.
        Err(Error::unavailable("the database is not of one mind: try again later"))
    }

    /// Returns the difference between the stored rules and those of the state after the change. If the stored rules are
    /// known to follow from the state before, only the part that the change touches is compiled; otherwise everything
    /// is, and compared with all stored rules.
    pub(super) async fn rule_diff(&self, view: &View, written: &ChangeSet<'_>) -> Result<PolicyDiff> {
        if written.is_followed {
            let compile = || compile_change(&self.parts.catalogue, written.before, written.after, written.patch);
            return if written.patch.weight(written.before) > LARGE_CHANGE_WEIGHT {
                in_place(compile)
            } else {
                compile()
            };
        }
        let stored = view.stored_rules().await?;
        in_place(|| Ok(PolicyDiff::between(&stored, &compile(&self.parts.catalogue, written.after)?)))
    }
}

/// Returns the home tenant of a visiting operator.
pub(super) fn visited_from(caller: &Caller) -> Option<TenantId> {
    caller.is_visiting().then(|| caller.home().id).filter(|_| !caller.is_system())
}

/// Runs the long work of a large change on this thread, after handing the thread's other tasks to another one.
pub(super) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}

/// Returns `true` if the change sets the password of any user, or changes the address that their password links are
/// mailed to.
fn sets_credentials(new: &BTreeMap<UserKey, NewAccount>, changed: &BTreeMap<UserKey, AccountChange>) -> bool {
    new.values().any(|account| account.password_hash.is_some())
        || changed.values().any(|account| account.password_hash.is_some() || account.email != Change::Keep)
}

/// Refuses a reason that is too long or has control characters.
pub(super) fn check_reason(reason: Option<&str>) -> Result<()> {
    match reason {
        Some(reason) if reason.chars().count() > REASON_MAX || reason.chars().any(char::is_control) => {
            Err(Error::invalid(format!("a reason has at most {REASON_MAX} characters and no control characters"))
                .at("reason"))
        }
        _ => Ok(()),
    }
}
