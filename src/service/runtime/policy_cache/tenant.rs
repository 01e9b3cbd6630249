//! One tenant in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OnceCell, watch};
use uuid::Uuid;

use super::digest::{Digest, digest};
use crate::auth::pseudonym::Pseudonyms;
use crate::domain::key::{TenantId, TenantKey};
use crate::engine::tenant::TenantPolicy;
use crate::policy::revision::Counters;
use crate::sync::News;

/// Number of past changes that are known again when late news tell of them.
const TRAIL: usize = 64;

/// One tenant in memory. There is never a second one of the same id beside it.
pub struct Tenant {
    /// Internal id.
    pub id: TenantId,
    /// The tenant's key.
    pub key: TenantKey,
    policy: ArcSwap<TenantPolicy>,
    /// Lock that is held while the next policy is made, so that revisions are applied in order. Decisions never take
    /// it: they read `policy`.
    pub(super) applying: Mutex<()>,
    pub(super) tickets: RefreshTickets,
    changed: watch::Sender<Counters>,
    /// Time of the last use, by the clock of the registry.
    used: AtomicU64,
    held: Arc<Held>,
    /// The moment since which the history that is in memory is watched.
    since: AtomicU64,
    /// Time since which it is known to be elsewhere than the database, in milliseconds of the registry's clock and one
    /// more; 0 when it is not.
    behind: AtomicU64,
    /// `true` once it is known to be of a history that the database has lost, until another takes its place.
    lost: AtomicBool,
    /// The changes that were in memory lately and have been followed from.
    trail: std::sync::Mutex<VecDeque<Uuid>>,
    /// The digest of a policy that was asked for.
    digest: std::sync::Mutex<Option<(Weak<TenantPolicy>, Digest)>>,
    pseudonyms: ArcSwap<OnceCell<Arc<Pseudonyms>>>,
}

/// Moments, by number, in an order that all of an instance agrees on. One passes whenever a tenant's
/// history is lost sight of: what was remembered of it before may be of another history since.
#[derive(Debug, Default)]
pub(super) struct Moments(AtomicU64);

impl Moments {
    /// Returns the moment that it is.
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Lets one pass, and returns the next.
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Numbers of the refreshes from the database. A task that waited may skip its own if another refresh started after it
/// queued: that one already saw everything it needs.
#[derive(Debug, Default)]
pub(super) struct RefreshTickets {
    begun: AtomicU64,
    /// The newest that came to its end.
    ended: AtomicU64,
}

impl RefreshTickets {
    /// Returns the number of the newest look that has begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Begins a look; returns its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Notes that the look of this number has come to its end.
    pub(super) fn end(&self, number: u64) {
        self.ended.store(number, Ordering::Release);
    }

    /// Returns whether a look that began after the one of this number has come to its end.
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
        let (applying, tickets) = (Mutex::new(()), RefreshTickets::default());
        let (since, behind) = (AtomicU64::new(held.moments.now()), AtomicU64::new(0));
        let lost = AtomicBool::new(false);
        let (trail, digest, pseudonyms) =
            (std::sync::Mutex::default(), std::sync::Mutex::default(), ArcSwap::default());
        Self { id, key, policy, applying, tickets, changed, used, held, since, behind, lost, trail, digest, pseudonyms }
    }

    /// Returns whether what was remembered of the tenant at a moment is of the history that is in memory.
    pub(in crate::service) fn is_watched_since(&self, moment: u64) -> bool {
        moment >= self.since.load(Ordering::SeqCst)
    }

    /// Notes that the database was found to be elsewhere, at this time of the clock of all tenants.
    pub(super) fn note_behind(&self, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        // Since when it has been so is what counts: an earlier note stays.
        let _ = self.behind.compare_exchange(0, millis, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes that it is where the database is.
    pub(super) fn note_there(&self) {
        self.behind.store(0, Ordering::Relaxed);
    }

    /// Returns since when it is known to be elsewhere than the database.
    pub(super) fn behind_since(&self) -> Option<Duration> {
        self.behind.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis)
    }

    /// Notes that what is in memory is of a history that the database has lost; gives whether that is new.
    pub(super) fn note_lost(&self) -> bool {
        !self.lost.swap(true, Ordering::SeqCst)
    }

    /// Returns whether what is in memory is known to be of a history that the database has lost.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Returns the digest of what is in memory. It is made when it is first asked for, and takes long then.
    pub(in crate::service) fn digest(&self) -> Digest {
        let policy = self.policy();
        let mut known = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        // What is held by a weak reference is at a place of its own.
        let same = |(of, _): &&(Weak<TenantPolicy>, Digest)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(&policy));
        if let Some((_, digest)) = known.as_ref().filter(same) {
            return *digest;
        }
        let digest = digest(&policy);
        *known = Some((Arc::downgrade(&policy), digest));
        digest
    }

    /// Returns what makes its users' pseudonyms, once one was asked for.
    pub(in crate::service) fn pseudonyms(&self) -> Arc<OnceCell<Arc<Pseudonyms>>> {
        self.pseudonyms.load_full()
    }

    /// Returns whether what news tell of is in memory, or was and has been followed from.
    pub(super) fn has(&self, news: &News) -> bool {
        let here = self.policy().counters;
        let trail = self.trail();
        let was = |change: Uuid| trail.contains(&change);
        let has = |named: Option<Uuid>, is_here: bool| named.is_some_and(|named| is_here || was(named));
        has(news.policy_change, news.revision == here.revision && news.policy_change == Some(here.policy_change))
            && has(
                news.credential_change,
                news.credential_epoch == here.credential_epoch
                    && news.credential_change == Some(here.credential_change),
            )
    }

    fn trail(&self) -> std::sync::MutexGuard<'_, VecDeque<Uuid>> {
        self.trail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the policy as it is now. Takes no lock.
    pub fn policy(&self) -> arc_swap::Guard<Arc<TenantPolicy>> {
        self.policy.load()
    }

    /// Returns a receiver of each change, after it holds here. A listener keeps the tenant in memory.
    pub fn changes(&self) -> watch::Receiver<Counters> {
        self.changed.subscribe()
    }

    /// Returns whether a subscriber waits for the tenant's changes.
    pub(super) fn is_watched(&self) -> bool {
        self.changed.receiver_count() > 0
    }

    /// Goes on to what follows from what is here.
    pub(super) fn swap(&self, next: TenantPolicy) {
        let before = self.policy().counters;
        let mut trail = self.trail();
        // One that has no name is like any other.
        let gone = [
            (before.policy_change, next.counters.policy_change),
            (before.credential_change, next.counters.credential_change),
        ];
        trail.extend(gone.iter().filter(|(was, is)| was != is && !was.is_nil()).map(|(was, _)| *was));
        let excess = trail.len().saturating_sub(TRAIL);
        drop(trail.drain(..excess));
        drop(trail);
        self.put(next);
    }

    /// Goes on with what may not follow from what is here: what was remembered beside it counts no more.
    pub(super) fn replace(&self, next: TenantPolicy) {
        self.trail().clear();
        self.pseudonyms.store(Arc::default());
        self.since.store(self.held.moments.next(), Ordering::SeqCst);
        self.put(next);
        self.lost.store(false, Ordering::SeqCst);
    }

    /// Has every credential of the tenant that is remembered looked up anew.
    pub(in crate::service) fn forget_credentials(&self) {
        self.since.store(self.held.moments.next(), Ordering::SeqCst);
    }

    fn put(&self, next: TenantPolicy) {
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

/// The amounts that are in memory. The tenants count them themselves as they come, change and go, so that they are
/// right whoever still holds one.
#[derive(Debug, Default)]
pub struct Held {
    tenants: AtomicUsize,
    rules: AtomicUsize,
    applied: AtomicU64,
    replaced: AtomicU64,
    pub(super) moments: Moments,
}

impl Held {
    /// Returns the number of tenants.
    pub fn tenants(&self) -> usize {
        self.tenants.load(Ordering::Relaxed)
    }

    /// Returns the number of rules of all tenants together.
    pub fn rules(&self) -> usize {
        self.rules.load(Ordering::Relaxed)
    }

    /// Returns how many times a tenant that was in memory was brought forward.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Relaxed)
    }

    /// Returns how many times what was in memory of a tenant was not of the database's history.
    pub fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    pub(super) fn count_replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }
}
