//! The registry of the tenants in memory, in which the least used make room for others.
//!
//! INVARIANT: there is at most one [`Tenant`] of an id, so that news reach all tasks that use it. One that a task holds
//! or listens to therefore stays, above the limits too; one that no task holds takes its slot along, and a task that
//! was about to use that slot looks for the next one.
//!
//! The maps are those of `papaya` because each decision reads one, and no reader may wait or make others wait: a lock
//! around a map, or around its parts as in `dashmap`, is written by every reader, and a map in an `ArcSwap` would be
//! copied whole for each of thousands of tenants that are loaded.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;

use super::tenant::{Held, Tenant};
use crate::domain::key::{TenantId, TenantKey};
use crate::error::Error;
use crate::sync::News;

/// The share of a limit, one in so many, that goes beyond what is needed when room is made, so that the next loads need
/// not look for room again.
const SPARE: usize = 20;

/// The most that can be in memory. Tenants in use stay, also above it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tenants.
    pub tenants: usize,
    /// Rules of all of them together: what nearly all of their memory is.
    pub rules: usize,
}

/// A place for a tenant that is, or is being, loaded.
#[derive(Default)]
pub(super) struct Slot {
    /// The news that were heard, also while the load is under way.
    heard: Mutex<Option<News>>,
    /// The tenant: set once, emptied when the slot is closed, and found without a lock.
    tenant: ArcSwapOption<Tenant>,
    /// Lock that is held while the tenant is loaded or dropped.
    pub(super) turn: tokio::sync::Mutex<()>,
    closed: AtomicBool,
    /// The reason why the load failed that others were waiting for.
    failure: OnceLock<Error>,
}

impl Slot {
    pub(super) fn hear(&self, news: News) {
        let mut heard = self.heard();
        *heard = Some(heard.map_or(news, |earlier| earlier.merged(news)));
    }

    /// Returns what was heard since, taken together.
    pub(super) fn take_heard(&self) -> Option<News> {
        self.heard().take()
    }

    fn heard(&self) -> MutexGuard<'_, Option<News>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tenant, once it is loaded.
    pub(super) fn tenant(&self) -> Option<Arc<Tenant>> {
        self.tenant.load_full()
    }

    /// Returns whether the slot is in the registry no more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Returns why the load failed, to those who waited for it: each would only find the same, one after
    /// the other.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    fn holds(&self, tenant: &Tenant) -> bool {
        self.tenant.load().as_ref().is_some_and(|held| std::ptr::eq(Arc::as_ptr(held), tenant))
    }
}

/// The slots by id, and the ids of loaded tenants by key.
pub(super) struct Registry {
    slots: papaya::HashMap<TenantId, Arc<Slot>>,
    keys: papaya::HashMap<TenantKey, TenantId>,
    limits: Limits,
    held: Arc<Held>,
    /// Two moments pass with each load: between two loads all uses are at the same one.
    clock: AtomicU64,
    /// Room is made by one at a time.
    making_room: Mutex<()>,
}

impl Registry {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            slots: papaya::HashMap::new(),
            keys: papaya::HashMap::new(),
            limits,
            held: Arc::default(),
            clock: AtomicU64::new(0),
            making_room: Mutex::new(()),
        }
    }

    pub(super) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// Returns the slot for this id, new if there is none.
    pub(super) fn slot(&self, id: TenantId) -> Arc<Slot> {
        Arc::clone(self.slots.pin().get_or_insert_with(id, Arc::default))
    }

    /// Returns the slot of this id, if there is one.
    pub(super) fn find(&self, id: TenantId) -> Option<Arc<Slot>> {
        self.slots.pin().get(&id).cloned()
    }

    /// Returns the id of the loaded tenant of this key.
    pub(super) fn id_of(&self, key: &TenantKey) -> Option<TenantId> {
        self.keys.pin().get(key).copied()
    }

    /// Returns the tenants that are loaded.
    pub(super) fn loaded(&self) -> Vec<TenantId> {
        self.slots.pin().iter().filter(|(_, slot)| slot.tenant.load().is_some()).map(|(id, _)| *id).collect()
    }

    /// Takes out the slots whose load was given up half-way.
    pub(super) fn tidy(&self) {
        let slots = self.slots.pin();
        for (id, slot) in slots.iter().filter(|(_, slot)| slot.tenant.load().is_none()) {
            if let Ok(_turn) = slot.turn.try_lock()
                && slot.tenant.load().is_none()
            {
                self.close(*id, slot);
            }
        }
    }

    /// Notes a use of a tenant.
    pub(super) fn used(&self, tenant: Arc<Tenant>) -> Arc<Tenant> {
        tenant.note_use(self.clock.load(Ordering::Relaxed));
        tenant
    }

    /// Puts a tenant into its slot, whose turn the caller has.
    pub(super) fn put(&self, slot: &Slot, tenant: &Arc<Tenant>) {
        tenant.note_use(self.clock.fetch_add(2, Ordering::Relaxed) + 1);
        self.keys.pin().insert(tenant.key.clone(), tenant.id);
        slot.tenant.store(Some(Arc::clone(tenant)));
    }

    /// Takes a slot out of the registry: the caller has its turn, and no tenant is in it.
    fn close(&self, id: TenantId, slot: &Arc<Slot>) {
        slot.closed.store(true, Ordering::SeqCst);
        // Whether it was there says nothing new: nobody else closes it meanwhile.
        let _ = self.slots.pin().remove_if(&id, |_, there| Arc::ptr_eq(there, slot));
    }

    /// Takes out a slot whose load gave no tenant, perhaps because it failed: the caller has its turn.
    pub(super) fn give_up(&self, id: TenantId, slot: &Arc<Slot>, failure: Option<&Error>) {
        if let Some(error) = failure {
            slot.failure.get_or_init(|| error.clone());
        }
        self.close(id, slot);
    }

    /// Drops a tenant that no task may use any more, whichever still holds it.
    pub(super) async fn forget(&self, tenant: &Tenant) {
        let Some(slot) = self.find(tenant.id) else { return };
        let _turn = slot.turn.lock().await;
        if slot.holds(tenant) {
            slot.tenant.store(None);
            self.closed(tenant, &slot);
        }
    }

    fn closed(&self, tenant: &Tenant, slot: &Arc<Slot>) {
        let _ = self.keys.pin().remove_if(&tenant.key, |_, id| *id == tenant.id);
        self.close(tenant.id, slot);
        // Nobody notices any more what becomes of its history.
        self.held.moments.next();
    }

    /// Drops the tenants that were not used for longest, until what is left is within the limits.
    pub(super) fn make_room(&self) {
        let over = |Limits { tenants, rules }| self.held.tenants() > tenants || self.held.rules() > rules;
        if !over(self.limits) {
            return;
        }
        let _one = self.making_room.lock().unwrap_or_else(PoisonError::into_inner);
        let spared = |limit: usize| limit - limit / SPARE;
        let goal = Limits { tenants: spared(self.limits.tenants), rules: spared(self.limits.rules) };
        let mut least_used: Vec<(u64, TenantId)> = Vec::new();
        for (id, slot) in &self.slots.pin() {
            least_used.extend(slot.tenant.load().as_ref().map(|tenant| (tenant.last_used(), *id)));
        }
        least_used.sort_unstable();
        for (_, id) in least_used {
            if !over(goal) {
                return;
            }
            if let Some(slot) = self.find(id) {
                self.drop_unused(&slot);
            }
        }
    }

    /// Drops the tenant of a slot, unless it is in use.
    fn drop_unused(&self, slot: &Arc<Slot>) {
        let Ok(_turn) = slot.turn.try_lock() else { return };
        let Some(tenant) = slot.tenant.swap(None) else { return };
        // Who found it before the swap counts among its holders by now, and nobody finds it any
        // more: a tenant that is ours alone stays so.
        if Arc::strong_count(&tenant) > 1 || tenant.is_watched() {
            slot.tenant.store(Some(tenant));
            return;
        }
        self.closed(&tenant, slot);
    }
}
