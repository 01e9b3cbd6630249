//! One tenant in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OnceCell, watch};

use crate::auth::pseudonym::Pseudonyms;
use crate::domain::key::{TenantId, TenantKey};
use crate::engine::tenant::TenantPolicy;
use crate::policy::revision::Counters;

/// One tenant in memory. There is never a second one of the same id beside it.
pub struct Tenant {
    /// Internal id.
    pub id: TenantId,
    /// The tenant's key.
    pub key: TenantKey,
    policy: ArcSwap<TenantPolicy>,
    /// Held while the next policy is made, so that revisions are applied in order. Decisions
    /// never take it: they read `policy`.
    pub(super) applying: Mutex<()>,
    pub(super) looks: Looks,
    changed: watch::Sender<Counters>,
    /// When it was last used, by the clock of the registry.
    used: AtomicU64,
    held: Arc<Held>,
    /// What makes its users' pseudonyms, once one was asked for.
    pub(in crate::service) pseudonyms: OnceCell<Pseudonyms>,
}

/// The looks at the database for how far a tenant has come, by number. Who waited for its turn need not
/// look again when somebody else began to after it came: what is stored now was not there, or is here.
#[derive(Debug, Default)]
pub(super) struct Looks {
    begun: AtomicU64,
    /// The newest that came to its end.
    ended: AtomicU64,
}

impl Looks {
    /// The newest that has begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Begins one; gives its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The one of this number has come to its end.
    pub(super) fn end(&self, number: u64) {
        self.ended.store(number, Ordering::Release);
    }

    /// Whether one that began after the one of this number has come to its end.
    pub(super) fn has_ended_after(&self, number: u64) -> bool {
        self.ended.load(Ordering::Acquire) > number
    }
}

impl Tenant {
    pub(super) fn new(id: TenantId, key: TenantKey, policy: TenantPolicy, held: Arc<Held>) -> Self {
        held.tenants.fetch_add(1, Ordering::Relaxed);
        held.rules.fetch_add(policy.snapshot.len(), Ordering::Relaxed);
        let (changed, _) = watch::channel(policy.counters);
        let policy = ArcSwap::from_pointee(policy);
        let used = AtomicU64::new(0);
        let (applying, looks) = (Mutex::new(()), Looks::default());
        Self { id, key, policy, applying, looks, changed, used, held, pseudonyms: OnceCell::new() }
    }

    /// The policy as it is now. Takes no lock.
    pub fn policy(&self) -> arc_swap::Guard<Arc<TenantPolicy>> {
        self.policy.load()
    }

    /// Tells of each change, after it holds here. Who listens keeps the tenant in memory.
    pub fn changes(&self) -> watch::Receiver<Counters> {
        self.changed.subscribe()
    }

    /// Whether somebody waits for its changes.
    pub(super) fn is_watched(&self) -> bool {
        self.changed.receiver_count() > 0
    }

    pub(super) fn swap(&self, next: TenantPolicy) {
        let counters = next.counters;
        self.held.rules.fetch_add(next.snapshot.len(), Ordering::Relaxed);
        let before = self.policy.swap(Arc::new(next));
        self.held.rules.fetch_sub(before.snapshot.len(), Ordering::Relaxed);
        self.held.applied.fetch_add(1, Ordering::Relaxed);
        self.changed.send_replace(counters);
    }

    pub(super) fn last_used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes a use. Nearly always it is the same moment still, and nothing is written.
    pub(super) fn note_use(&self, now: u64) {
        if self.last_used() != now {
            self.used.store(now, Ordering::Relaxed);
        }
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.held.tenants.fetch_sub(1, Ordering::Relaxed);
        self.held.rules.fetch_sub(self.policy.load().snapshot.len(), Ordering::Relaxed);
    }
}

/// How much is in memory. The tenants count it themselves as they come, change and go, so that it
/// is right whoever still holds one.
#[derive(Debug, Default)]
pub struct Held {
    tenants: AtomicUsize,
    rules: AtomicUsize,
    applied: AtomicU64,
}

impl Held {
    /// How many tenants.
    pub fn tenants(&self) -> usize {
        self.tenants.load(Ordering::Relaxed)
    }

    /// How many rules all of them have.
    pub fn rules(&self) -> usize {
        self.rules.load(Ordering::Relaxed)
    }

    /// How many times a tenant that was in memory was brought forward.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Relaxed)
    }
}
