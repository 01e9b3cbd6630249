//! The one way in which a tenant changes. A use case says what it needs and what it does to the
//! state; everything around it is here: the lock, the check that the caller still may, the
//! compiler, the difference, the revision, the audit event, the commit, and the news of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::Platform;
use super::credential::needs_session;
use super::link::told_differences;
use super::permit::{Permit, subject_of};
use super::tenants::Tenant;
use super::working::Found;
use super::{rights, staff};
use crate::auth::caller::{Caller, Credential};
use crate::domain::Change;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{TenantId, UserKey};
use crate::domain::link::{LinkDiff, LinkEdit, LinkList};
use crate::domain::name::Timestamp;
use crate::domain::tenant::TenantState;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::compile::{compile, compile_change};
use crate::policy::diff::{PolicyDiff, StatePatch};
pub use crate::policy::impact::{AccessChange, Impact};
use crate::policy::reach::Reach;
use crate::store::user::{AccountChange, NewAccount, UserRow};
use crate::store::{Tx, View};

mod commit;
mod outcome;
mod record;
mod written;

pub use outcome::read_back;
pub use record::Record;
pub(super) use written::Written;

/// The most characters that a reason may have.
const REASON_MAX: usize = 500;
/// From this weight on a change is compiled beside the other work of a thread: to make room takes longer
/// than to compile a smaller one.
const LARGE: usize = 500;

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
    /// Whether it gives or takes access, so that nobody gives what they lack, or takes what is not theirs
    /// to take (R35b).
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
    /// The lists of links that are told with it.
    pub links: Vec<(LinkList, LinkEdit)>,
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
    links: Vec<(LinkList, LinkDiff)>,
    /// What turns the state as it was into `after`.
    patch: StatePatch,
    pub(super) diff: PolicyDiff,
    target: Option<String>,
    now: Timestamp,
}

impl<T> Drafted<T> {
    /// The state as it was found.
    pub(super) const fn before(&self) -> &TenantState {
        &self.found.stored
    }

    fn written(&self) -> Written<'_> {
        Written::new(&self.found, &self.after, &self.new_accounts, &self.accounts, &self.patch).with_links(&self.links)
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
            links: Vec::new(),
            supervised: staff::supervised(caller, policy, &intent.permit)?,
            now: self.now(),
        };
        let value = apply(&mut draft)?;
        self.follow_agents(caller, &found, &mut draft).await?;
        let Draft { new_accounts, accounts, target, links, now, .. } = draft;
        let links = told_differences(view, links).await?;
        if *caller.credential() == Credential::ApiKey && sets_credentials(&new_accounts, &accounts) {
            return Err(needs_session());
        }
        let patch = StatePatch::between(&found.stored, &after);
        self.check_deletes(caller, policy, &patch).await?;
        let written = Written::new(&found, &after, &new_accounts, &accounts, &patch);
        let diff = self.rule_diff(view, &written).await?;
        if intent.gives && !caller.is_system() {
            let subject = subject_of(caller);
            let giver = rights::Giver { policy, subject: &subject, catalogue: &self.catalogue };
            self.check_given(&giver, &intent.permit, &found, &written, &diff)?;
        }
        Ok(Drafted { value, found, after, new_accounts, accounts, links, patch, diff, target, now })
    }

    /// Checks that the caller may give what the change gives. What this program makes of the rest with its first
    /// change of a tenant is not of their giving.
    fn check_given(
        &self,
        giver: &rights::Giver<'_>,
        permit: &Permit,
        found: &Found,
        written: &Written<'_>,
        diff: &PolicyDiff,
    ) -> Result<()> {
        if found.is_followed {
            return giver.check(permit, written, diff);
        }
        let own = Found::followed(found.state.clone());
        let patch = StatePatch::between(&own.state, written.after);
        let written = Written::new(&own, written.after, written.new_accounts, written.accounts, &patch);
        let diff = in_place(|| compile_change(&self.catalogue, written.before, written.after, &patch))?;
        giver.check(permit, &written, &diff)
    }

    /// Takes the tenant. If it has moved on since the caller was authorised, this instance
    /// catches up and asks again, so that a right that was just taken away is gone here too.
    pub async fn begin(&self, caller: &Caller, permit: Permit) -> Result<(Arc<Tenant>, Tx)> {
        // Where the tenant is before it is asked: what it moves on meanwhile is asked about again.
        let authorised_at = self.tenant_of(caller).await?.policy().counters;
        let tenant = self.authorise(caller, permit.clone()).await?;
        let tx = self.store.begin(tenant.id).await?.ok_or_else(super::permit::unauthenticated)?;
        if tx.counters() == authorised_at {
            return Ok((tenant, tx));
        }
        self.tenants.advance(&tenant, tx.counters()).await?;
        let tenant = self.authorise(caller, permit).await?;
        if tx.counters().same_policy(&tenant.policy().counters) {
            return Ok((tenant, tx));
        }
        // So it is when what was taken and what was looked at are two databases: one takes over right now.
        Err(Error::unavailable("the database is not of one mind: try again later"))
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
}

/// From where a visiting operator acts.
pub(super) fn visited_from(caller: &Caller) -> Option<TenantId> {
    caller.is_visiting().then(|| caller.home().id).filter(|_| !caller.is_system())
}

/// Does the long work of a large change on this thread, and lets others do what else was waiting for it.
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
