//! The tenants that this instance has in memory, and the one applier of each: whoever brings
//! news of a tenant (an own commit, a message, the sweep, a first load) comes through here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard, OnceCell, watch};
use tokio::time::timeout;

use crate::auth::pseudonym::Pseudonyms;
use crate::domain::key::{TenantId, TenantKey};
use crate::engine::plan::Plan;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::diff::{RuleDiff, StatePatch};
use crate::policy::revision::Counters;
use crate::store::Store;
use crate::store::revision::RevisionEntry;
use crate::sync::{Applier, News};

/// How many revisions behind an instance follows one by one; further behind, it loads the whole
/// tenant anew.
const FOLLOW_MAX: u64 = 256;
/// How many tenants the sweep asks about at once.
const SWEEP_CHUNK: usize = 500;
/// How long the database may take to say what is new, before it counts as away.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long it may take to hand over a whole tenant.
const LOAD_MAX: Duration = Duration::from_mins(2);
/// How long a decision waits for a revision that it must not be older than.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// One tenant in memory.
pub struct Tenant {
    /// Internal id.
    pub id: TenantId,
    /// The tenant's key.
    pub key: TenantKey,
    policy: ArcSwap<TenantPolicy>,
    /// Held while the next policy is made, so that revisions are applied in order. Decisions
    /// never take it: they read `policy`.
    applying: Mutex<()>,
    changed: watch::Sender<Counters>,
    /// What makes its users' pseudonyms, once one was asked for.
    pub(super) pseudonyms: OnceCell<Pseudonyms>,
}

impl Tenant {
    /// The policy as it is now. Takes no lock.
    pub fn policy(&self) -> arc_swap::Guard<Arc<TenantPolicy>> {
        self.policy.load()
    }

    /// Tells of each change, after it holds here.
    pub fn changes(&self) -> watch::Receiver<Counters> {
        self.changed.subscribe()
    }

    fn swap(&self, next: TenantPolicy) {
        let counters = next.counters;
        self.policy.store(Arc::new(next));
        self.changed.send_replace(counters);
    }
}

/// A place for a tenant that is, or is being, loaded.
#[derive(Default)]
struct Slot {
    /// The highest counters heard of, also while the first load is under way.
    seen_revision: AtomicU64,
    seen_epoch: AtomicU64,
    tenant: OnceCell<Arc<Tenant>>,
}

impl Slot {
    fn hear(&self, counters: Counters) {
        self.seen_revision.fetch_max(counters.revision, Ordering::SeqCst);
        self.seen_epoch.fetch_max(counters.credential_epoch, Ordering::SeqCst);
    }

    fn seen(&self) -> Counters {
        Counters {
            revision: self.seen_revision.load(Ordering::SeqCst),
            credential_epoch: self.seen_epoch.load(Ordering::SeqCst),
        }
    }
}

/// A change of this instance's own, as it has just been committed.
pub struct OwnChange {
    /// The counters after it.
    pub counters: Counters,
    /// What it changed in the rules and in the state, when it made a revision.
    pub policy: Option<(RuleDiff, StatePatch)>,
}

/// All tenants in memory.
pub struct Tenants {
    store: Store,
    plan: Arc<Plan>,
    slots: papaya::HashMap<TenantId, Arc<Slot>>,
    keys: papaya::HashMap<TenantKey, TenantId>,
    started: Instant,
    /// Milliseconds from `started` to the last time that the database confirmed what is here.
    confirmed: AtomicU64,
}

impl Tenants {
    /// None yet: tenants are loaded on first use.
    pub fn new(store: Store, plan: Arc<Plan>) -> Self {
        Self {
            store,
            plan,
            slots: papaya::HashMap::new(),
            keys: papaya::HashMap::new(),
            started: Instant::now(),
            confirmed: AtomicU64::new(0),
        }
    }

    /// The tenant of this id, loaded if it is not in memory. Concurrent first uses load once.
    pub async fn get(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        let slot = Arc::clone(self.slots.pin().get_or_insert_with(id, Arc::default));
        if let Some(tenant) = slot.tenant.get() {
            return Ok(Some(Arc::clone(tenant)));
        }
        let loaded = slot.tenant.get_or_try_init(|| async { self.load(id).await?.ok_or(LoadError::Gone) }).await;
        match loaded {
            Ok(tenant) => {
                let tenant = Arc::clone(tenant);
                // News may have come between the read and now.
                self.advance(&tenant, slot.seen()).await?;
                Ok(Some(tenant))
            }
            Err(LoadError::Gone) => {
                self.forget(id);
                Ok(None)
            }
            Err(LoadError::Failed(error)) => Err(error),
        }
    }

    /// The tenant of this key.
    pub async fn get_by_key(&self, key: &TenantKey) -> Result<Option<Arc<Tenant>>> {
        let known = self.keys.pin().get(key).copied();
        if let Some(id) = known
            && let Some(tenant) = self.get(id).await?
        {
            return Ok(Some(tenant));
        }
        match self.store.tenant_by_key(key).await? {
            Some(row) => {
                self.keys.pin().insert(key.clone(), row.id);
                self.get(row.id).await
            }
            None => Ok(None),
        }
    }

    async fn load(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        let Some((key, policy)) = self.read(id).await? else { return Ok(None) };
        let (changed, _) = watch::channel(policy.counters);
        let tenant = Tenant {
            id,
            key,
            policy: ArcSwap::from_pointee(policy),
            applying: Mutex::new(()),
            changed,
            pseudonyms: OnceCell::new(),
        };
        Ok(Some(Arc::new(tenant)))
    }

    /// The policy by which this instance decides, at least at `counters`: of a tenant that is not
    /// in memory, what a first use would load. It is not kept for that.
    pub async fn look_at(&self, id: TenantId, counters: Counters) -> Result<Option<Arc<TenantPolicy>>> {
        let slot = self.slots.pin().get(&id).cloned();
        if let Some(tenant) = slot.as_ref().and_then(|slot| slot.tenant.get()) {
            self.advance(tenant, counters).await?;
            return Ok(Some(tenant.policy.load_full()));
        }
        Ok(self.read(id).await?.map(|(_, policy)| Arc::new(policy)))
    }

    /// Reads a whole tenant: counters and rules in one transaction.
    async fn read(&self, id: TenantId) -> Result<Option<(TenantKey, TenantPolicy)>> {
        let Some(loaded) = within(LOAD_MAX, self.store.load_policy(id)).await? else { return Ok(None) };
        let snapshot = Snapshot::build(&self.plan, &loaded.key, loaded.counters.revision, loaded.rules.iter());
        let policy = TenantPolicy {
            counters: loaded.counters,
            snapshot: Arc::new(snapshot),
            settings: loaded.settings,
            disabled: Arc::new(loaded.disabled.into_iter().collect::<HashSet<_>>()),
        };
        Ok(Some((loaded.key, policy)))
    }

    /// Brings a tenant at least to `target`, or as far as the database is: what `target` says may
    /// be forged.
    pub async fn advance(&self, tenant: &Tenant, target: Counters) -> Result<()> {
        if reached(tenant.policy().counters, target) {
            return Ok(());
        }
        let applying = tenant.applying.lock().await;
        if reached(tenant.policy().counters, target) {
            return Ok(());
        }
        self.catch_up(tenant, &applying).await
    }

    /// Brings a tenant to where the database is, from the revision log or by loading it anew.
    async fn catch_up(&self, tenant: &Tenant, _applying: &MutexGuard<'_, ()>) -> Result<()> {
        let current = tenant.policy.load_full();
        let read = self.store.counters_and_log(tenant.id, current.counters.revision, FOLLOW_MAX);
        let Some((stored, log)) = within(ANSWER_MAX, read).await? else {
            self.forget(tenant.id);
            return Ok(());
        };
        if stored == current.counters {
            return Ok(());
        }
        match Self::follow(&current, stored, &log) {
            Some(next) => tenant.swap(next),
            None => match self.read(tenant.id).await? {
                Some((_, next)) => tenant.swap(next),
                None => self.forget(tenant.id),
            },
        }
        Ok(())
    }

    /// The policy at `stored`; `None` when the log does not lead there from here. So it is after
    /// too many revisions, and where the database was set back to an earlier time.
    fn follow(current: &TenantPolicy, stored: Counters, log: &[RevisionEntry]) -> Option<TenantPolicy> {
        if stored.revision == current.counters.revision {
            return Some(TenantPolicy { counters: stored, ..TenantPolicy::clone(current) });
        }
        let due = current.counters.revision + 1..=stored.revision;
        let whole = due.eq(log.iter().map(|entry| entry.revision));
        whole.then(|| current.after(stored, log.iter().map(|entry| (&entry.rules, &entry.patch))))
    }

    /// Applies a change that this instance has committed itself. What is not in memory needs
    /// nothing; what is further behind catches up.
    pub async fn apply_own(&self, id: TenantId, change: &OwnChange) -> Result<()> {
        let Some(tenant) = self.loaded(id, change.counters) else { return Ok(()) };
        {
            let _applying = tenant.applying.lock().await;
            let current = tenant.policy.load_full();
            let next = match &change.policy {
                Some((rules, patch)) if current.counters.revision + 1 == change.counters.revision => {
                    Some(current.after(change.counters, std::iter::once((rules, patch))))
                }
                None if current.counters.revision == change.counters.revision => {
                    Some(TenantPolicy { counters: change.counters, ..TenantPolicy::clone(&current) })
                }
                _ => None,
            };
            if let Some(next) = next.filter(|next| !reached(current.counters, next.counters)) {
                tenant.swap(next);
            }
        }
        self.advance(&tenant, change.counters).await
    }

    /// Waits until the tenant is at `revision`; `UNAVAILABLE` when that cannot be had in time.
    pub async fn wait_for(&self, tenant: &Tenant, revision: u64) -> Result<()> {
        if tenant.policy().counters.revision >= revision {
            return Ok(());
        }
        let mut changes = tenant.changes();
        let arrive = async {
            self.advance(tenant, Counters { revision, credential_epoch: 0 }).await?;
            changes.wait_for(|counters| counters.revision >= revision).await.map(drop).map_err(Error::internal)
        };
        timeout(WAIT_MAX, arrive)
            .await
            .map_err(|_| Error::unavailable(format!("revision {revision} is not here yet")).at("atLeastRevision"))?
    }

    /// How long ago the database last confirmed what is in memory.
    pub fn age(&self) -> Duration {
        let now = self.started.elapsed();
        now.saturating_sub(Duration::from_millis(self.confirmed.load(Ordering::Relaxed)))
    }

    fn confirm(&self, at: Instant) {
        let millis = u64::try_from(at.duration_since(self.started).as_millis()).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(millis, Ordering::Relaxed);
    }

    /// Remembers the news and gives the tenant, if it is in memory.
    fn loaded(&self, id: TenantId, counters: Counters) -> Option<Arc<Tenant>> {
        let slot = self.slots.pin().get(&id).cloned()?;
        slot.hear(counters);
        slot.tenant.get().cloned()
    }

    /// Drops a tenant whose row is gone.
    fn forget(&self, id: TenantId) {
        self.slots.pin().remove(&id);
        self.keys.pin().retain(|_, known| *known != id);
    }

    /// Brings a tenant to where the database is. One that cannot be brought there is dropped, so
    /// that it neither goes on with what was taken away nor keeps the sweep from the others.
    async fn set_right(&self, tenant: &Tenant) -> Result<()> {
        let applying = tenant.applying.lock().await;
        match self.catch_up(tenant, &applying).await {
            Err(error) if error.code != ErrorCode::Unavailable => {
                tracing::error!(tenant = %tenant.key, %error, cause = error.source_text(), "a tenant cannot be brought up to date; it is loaded anew on its next use");
                self.forget(tenant.id);
                Ok(())
            }
            result => result,
        }
    }

    async fn sweep(&self) -> Result<()> {
        let asked = Instant::now();
        let loaded: Vec<Arc<Tenant>> =
            self.slots.pin().values().filter_map(|slot| slot.tenant.get().cloned()).collect();
        for chunk in loaded.chunks(SWEEP_CHUNK) {
            let ids: Vec<TenantId> = chunk.iter().map(|tenant| tenant.id).collect();
            let stored = within(ANSWER_MAX, self.store.counters(&ids)).await?;
            let stored: HashMap<TenantId, Counters> = stored.into_iter().collect();
            for tenant in chunk {
                match stored.get(&tenant.id) {
                    Some(counters) if *counters == tenant.policy().counters => {}
                    Some(_) => self.set_right(tenant).await?,
                    None => self.forget(tenant.id),
                }
            }
        }
        if loaded.is_empty() {
            self.store.ping().await?;
        }
        self.confirm(asked);
        Ok(())
    }
}

impl Applier for Tenants {
    async fn heard(&self, news: News) {
        let counters = Counters { revision: news.revision, credential_epoch: news.credential_epoch };
        if let Some(tenant) = self.loaded(TenantId(news.tenant), counters)
            && let Err(error) = self.advance(&tenant, counters).await
        {
            tracing::warn!(tenant = %tenant.key, %error, cause = error.source_text(), "cannot catch up yet; the sweep tries again");
        }
    }

    async fn check_all(&self) {
        if let Err(error) = self.sweep().await {
            tracing::warn!(%error, cause = error.source_text(), "cannot compare with the database; decisions go on from memory");
        }
    }
}

/// What a read gives within its time.
async fn within<T>(limit: Duration, read: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, read).await.map_err(|_| Error::unavailable("the database does not answer: try again later"))?
}

fn reached(current: Counters, target: Counters) -> bool {
    current.revision >= target.revision && current.credential_epoch >= target.credential_epoch
}

enum LoadError {
    Gone,
    Failed(Error),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
