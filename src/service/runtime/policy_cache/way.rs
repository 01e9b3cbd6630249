//! The choice of a way for a tenant in memory to where the database is.

use crate::engine::tenant::TenantPolicy;
use crate::policy::revision::Counters;
use crate::store::revision::Ahead;

/// The way from what is in memory to what is stored.
pub(super) enum Way {
    /// None is needed: it is there.
    None,
    /// The log leads to this.
    Forward(TenantPolicy),
    /// The log does not say: there are too many revisions in between, or those are no longer kept.
    Far,
    /// There is none: what is in memory is not of the history that is stored. The database has lost it.
    Elsewhere,
}

/// Returns the way to what is stored.
///
/// A number says nothing here: it is given out again when a database has lost what it was given to. What
/// is in memory is of the stored history where that holds the change that made it, and then so is all
/// that was before it.
pub(super) fn way(current: &TenantPolicy, ahead: &Ahead) -> Way {
    let (here, stored) = (&current.counters, &ahead.counters);
    if here == stored {
        return Way::None;
    }
    if is_lost(here, ahead) {
        return Way::Elsewhere;
    }
    if here.same_policy(stored) {
        return Way::Forward(TenantPolicy { counters: *stored, ..TenantPolicy::clone(current) });
    }
    let is_known = here.revision == 0 || ahead.from.is_some();
    let due = here.revision + 1..=stored.revision;
    if !is_known || !due.eq(ahead.log.iter().map(|entry| entry.revision)) {
        return Way::Far;
    }
    Way::Forward(current.after(*stored, ahead.log.iter().map(|entry| (&entry.rules, &entry.patch))))
}

/// Returns whether the stored history is known to be without what made these counters.
fn is_lost(here: &Counters, ahead: &Ahead) -> bool {
    let stored = &ahead.counters;
    let policy = if stored.revision == here.revision {
        !here.same_policy(stored)
    } else {
        let is_another = ahead.from.is_some_and(|change| !here.policy_change.is_nil() && change != here.policy_change);
        stored.revision < here.revision || is_another
    };
    // No log says which changes were before the epoch that is stored.
    let credentials = stored.credential_epoch < here.credential_epoch
        || stored.credential_epoch == here.credential_epoch && !here.same_credentials(stored);
    policy || credentials
}
