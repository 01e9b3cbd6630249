//! The states of the tenants that this instance has changed lately, so that their next change
//! neither reads a whole tenant nor compiles it.
//!
//! Each change leaves its id in the tenant's row. A copy that carries the id that is there when
//! the tenant is taken is the newest: nobody has changed the state since. Where others have, the
//! log of revisions leads from the copy to the newest state. So nothing needs to arrive for a copy
//! to become void, and it does not matter when one is kept or dropped.

use moka::sync::Cache;
use uuid::Uuid;

use super::Platform;
use crate::domain::key::TenantId;
use crate::domain::tenant::TenantState;
use crate::error::Result;
use crate::policy::COMPILER_VERSION;
use crate::store::Tx;
use crate::store::policy::RevisionEntry;

/// How many revisions of others are followed one by one; after more, the whole tenant is read.
const FOLLOW_MAX: u64 = 100;

/// A tenant's state as it was found when the tenant was taken.
pub(super) struct Known {
    /// The state.
    pub state: TenantState,
    /// Whether the rules that are stored are known to be those that this program compiles from
    /// the state: an instance of the same program and catalogue has left them so, and this one has
    /// followed since. Otherwise they need to be looked at.
    pub is_followed: bool,
    /// The id of the change that made the tenant's revision.
    pub revised_by: Option<Uuid>,
}

/// The state that a change has left.
#[derive(Clone)]
pub(super) struct Copy {
    /// The id of the change.
    pub change: Uuid,
    /// The revision that the tenant was at after it.
    pub revision: u64,
    /// The id of the change that made the revision.
    pub revised_by: Option<Uuid>,
    /// The state.
    pub state: TenantState,
}

/// The copies. Those that were not used for longest are dropped.
pub(super) struct Workings(Cache<TenantId, Copy>);

impl Workings {
    /// None yet. They hold so many users, profiles, custom roles, groups and resources together.
    pub(super) fn new(things: u64) -> Self {
        let weigh = |_: &TenantId, copy: &Copy| u32::try_from(copy.state.things()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(things).weigher(weigh).build())
    }

    /// Keeps the state that a change leads to. It counts once that is committed.
    pub(super) fn keep(&self, tenant: TenantId, copy: Copy) {
        self.0.insert(tenant, copy);
    }

    /// Drops what is known of a tenant: what is stored may not be what follows from it.
    pub(super) fn drop(&self, tenant: TenantId) {
        self.0.invalidate(&tenant);
    }
}

impl Platform {
    /// The state of the tenant that is taken.
    pub(super) async fn known(&self, tx: &Tx) -> Result<Known> {
        let tenant = tx.tenant();
        let copy = self.workings.0.get(&tenant.id).filter(|_| tenant.compiler_version == COMPILER_VERSION);
        if let Some(copy) = copy {
            if tenant.last_change == Some(copy.change) {
                return Ok(Known { state: copy.state, is_followed: true, revised_by: copy.revised_by });
            }
            if let Some(known) = self.follow(tx, copy).await? {
                return Ok(known);
            }
        }
        let revised_by = tx.revisions_from(tx.counters().revision, 1).await?.first().map(|entry| entry.change_id);
        Ok(Known { state: tx.state().await?, is_followed: false, revised_by })
    }

    /// The newest state, by the log from a copy on; `None` when the log does not lead there. What
    /// was added to the copy's own revision later stands in its entry: patches name whole things,
    /// so to apply one again does no harm.
    async fn follow(&self, tx: &Tx, copy: Copy) -> Result<Option<Known>> {
        let newest = tx.counters().revision;
        if newest.checked_sub(copy.revision).is_none_or(|behind| behind >= FOLLOW_MAX) {
            return Ok(None);
        }
        let log = tx.revisions_from(copy.revision, FOLLOW_MAX).await?;
        let starts_here = copy.revised_by.is_some() && log.first().map(|entry| entry.change_id) == copy.revised_by;
        let is_whole = log.iter().map(|entry| entry.revision).eq(copy.revision..=newest);
        if !(starts_here && is_whole && log.iter().all(|entry| self.compiles_as(entry))) {
            return Ok(None);
        }
        let mut state = copy.state;
        for entry in &log {
            entry.patch.apply(&mut state);
        }
        Ok(Some(Known { state, is_followed: true, revised_by: log.last().map(|entry| entry.change_id) }))
    }

    /// Whether a revision's rules were compiled as this program compiles them.
    fn compiles_as(&self, entry: &RevisionEntry) -> bool {
        entry.compiler_version == COMPILER_VERSION && entry.catalogue_hash == self.catalogue.hash()
    }
}
