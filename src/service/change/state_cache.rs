//! The states of the tenants that this instance has changed lately, so that their next change
//! neither reads a whole tenant nor compiles it.
//!
//! Each change leaves its id in the tenant's row. A state that carries the id that is there when the tenant is taken is
//! the newest: it has not changed since. Where others have changed it, the log of revisions leads from there to the
//! newest, if the database holds the change that it is of. So nothing needs to arrive for a state to become void, and
//! it does not matter when one is remembered or dropped.

use moka::sync::Cache;
use uuid::Uuid;

use crate::domain::catalogue::Catalogue;
use crate::domain::key::TenantId;
use crate::domain::tenant::TenantState;
use crate::error::Result;
use crate::policy::COMPILER_VERSION;
use crate::service::Platform;
use crate::store::View;
use crate::store::revision::Step;

/// Number of revisions of others that are followed one by one; after more, the whole tenant is read.
const FOLLOW_MAX: u64 = 100;

/// A tenant's state as it was found when the tenant was taken.
pub(in crate::service) struct LoadedState {
    /// The state as it is stored.
    pub stored: TenantState,
    /// The stored state under this program's catalogue: a change begins with it.
    pub state: TenantState,
    /// `true` if the rules that are stored are known to be those that this program compiles from the state: an instance
    /// of the same program and catalogue has left them so, and this one has followed since. Otherwise they need to be
    /// looked at.
    pub is_followed: bool,
}

impl LoadedState {
    /// Returns a state of which it is not known what compiled it.
    pub(in crate::service) fn unfollowed(stored: TenantState, catalogue: &Catalogue) -> Self {
        let mut state = stored.clone();
        state.succeed_sections(catalogue);
        Self { stored, state, is_followed: false }
    }

    /// Returns a state that this program compiled the stored rules from.
    pub(in crate::service) fn followed(state: TenantState) -> Self {
        Self { stored: state.clone(), state, is_followed: true }
    }
}

/// The state that a change leaves, if it is committed.
#[derive(Clone)]
pub(in crate::service) struct CachedState {
    /// The id of the change.
    pub change: Uuid,
    /// The revision that the tenant is at after it.
    pub revision: u64,
    /// The state.
    pub state: TenantState,
}

/// The remembered states, by tenant. The least recently used go first.
pub(in crate::service) struct StateCache(Cache<TenantId, CachedState>);

impl StateCache {
    /// Returns an empty cache of states that have at most so many users, profiles, custom roles, groups and resources
    /// together.
    pub(in crate::service) fn new(things: u64) -> Self {
        let weigh = |_: &TenantId, it: &CachedState| u32::try_from(it.state.things()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(things).weigher(weigh).build())
    }

    /// Remembers the state that a change leads to. Until that is committed nothing follows from
    /// it, and if it never is, nothing ever does.
    pub(in crate::service) fn keep(&self, tenant: TenantId, state: CachedState) {
        self.0.insert(tenant, state);
    }

    /// Drops what is known of a tenant: what is stored may not be what follows from it.
    pub(in crate::service) fn drop(&self, tenant: TenantId) {
        self.0.invalidate(&tenant);
    }
}

impl Platform {
    /// Returns the state of the tenant that is taken or looked at.
    pub(in crate::service) async fn find_state(&self, view: &View) -> Result<LoadedState> {
        let tenant = view.tenant();
        let known = self.parts.states.0.get(&tenant.id).filter(|_| tenant.compiler_version == COMPILER_VERSION);
        if let Some(known) = known {
            let followed = if tenant.last_change == Some(known.change) {
                Some(known.state)
            } else {
                self.follow(view, known).await?
            };
            if let Some(state) = followed {
                return Ok(LoadedState::followed(state));
            }
        }
        Ok(LoadedState::unfollowed(view.state().await?, &self.parts.catalogue))
    }

    /// Returns the newest state, by the log from a remembered one on; `None` when the log does not lead there. What was
    /// added to the same revision later stands in its entry: patches name whole things, so to apply one again does no
    /// harm.
    async fn follow(&self, view: &View, known: CachedState) -> Result<Option<TenantState>> {
        let newest = view.counters().revision;
        let is_near = newest.checked_sub(known.revision).is_some_and(|behind| behind < FOLLOW_MAX);
        // Of a change that was never committed, or that a restored database knows nothing of, no
        // log leads anywhere.
        if !is_near || !view.holds_change(known.change).await? {
            return Ok(None);
        }
        let log = view.steps_from(known.revision, FOLLOW_MAX).await?;
        let is_whole = log.iter().map(|step| step.revision).eq(known.revision..=newest);
        if !is_whole || !log.iter().all(|step| self.compiles_as(step)) {
            return Ok(None);
        }
        let mut state = known.state;
        for step in &log {
            step.patch.apply(&mut state);
        }
        Ok(Some(state))
    }

    /// Returns whether a revision's rules were compiled as this program compiles them.
    fn compiles_as(&self, step: &Step) -> bool {
        step.compiler_version == COMPILER_VERSION && step.catalogue_hash == self.parts.catalogue.hash()
    }
}
