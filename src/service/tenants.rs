//! The tenants that this instance has in memory, and the one applier of each: whoever brings
//! news of a tenant (an own commit, a message, the sweep, a first load) comes through here.

mod registry;
mod tenant;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::MutexGuard;
use tokio::time::timeout;

pub use self::registry::Limits;
use self::registry::Registry;
pub use self::tenant::{Held, Tenant};

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
    registry: Registry,
    started: Instant,
    /// Milliseconds from `started` to the last time that the database confirmed what is here.
    confirmed: AtomicU64,
}

impl Tenants {
    /// None yet: tenants are loaded on first use, and above `limits` the least used are dropped.
    pub fn new(store: Store, plan: Arc<Plan>, limits: Limits) -> Self {
        Self { store, plan, registry: Registry::new(limits), started: Instant::now(), confirmed: AtomicU64::new(0) }
    }

    /// How much is in memory.
    pub fn held(&self) -> &Arc<Held> {
        self.registry.held()
    }

    /// The tenant of this id, loaded if it is not in memory. Concurrent first uses load once.
    pub async fn get(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        loop {
            let slot = self.registry.slot(id);
            if let Some(tenant) = slot.tenant() {
                return Ok(Some(self.registry.used(tenant)));
            }
            let turn = slot.turn.lock().await;
            if slot.is_closed() || slot.tenant().is_some() {
                continue;
            }
            let tenant = match self.load(id).await {
                Ok(Some(tenant)) => tenant,
                none_or_failed => {
                    self.registry.close(id, &slot);
                    return none_or_failed;
                }
            };
            self.registry.put(&slot, &tenant);
            drop(turn);
            self.registry.make_room();
            // News may have come between the read and now.
            self.advance(&tenant, slot.seen()).await?;
            return Ok(Some(tenant));
        }
    }

    /// The tenant of this key.
    pub async fn get_by_key(&self, key: &TenantKey) -> Result<Option<Arc<Tenant>>> {
        if let Some(id) = self.registry.id_of(key)
            && let Some(tenant) = self.get(id).await?
        {
            return Ok(Some(tenant));
        }
        match self.store.tenant_by_key(key).await? {
            Some(row) => self.get(row.id).await,
            None => Ok(None),
        }
    }

    async fn load(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        let loaded = self.read(id).await?;
        Ok(loaded.map(|(key, policy)| Arc::new(Tenant::new(id, key, policy, Arc::clone(self.held())))))
    }

    /// The policy by which this instance decides, at least at `counters`: of a tenant that is not
    /// in memory, what a first use would load. It is not kept for that.
    pub async fn look_at(&self, id: TenantId, counters: Counters) -> Result<Option<Arc<TenantPolicy>>> {
        if let Some(tenant) = self.registry.find(id).and_then(|slot| slot.tenant()) {
            self.advance(&tenant, counters).await?;
            return Ok(Some(Arc::clone(&tenant.policy())));
        }
        Ok(self.read(id).await?.map(|(_, policy)| Arc::new(policy)))
    }

    /// How rules are matched.
    pub(super) const fn plan(&self) -> &Arc<Plan> {
        &self.plan
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
        let came = tenant.looks.begun();
        let applying = tenant.applying.lock().await;
        if reached(tenant.policy().counters, target) || tenant.looks.has_ended_after(came) {
            return Ok(());
        }
        self.catch_up(tenant, &applying).await
    }

    /// Brings a tenant to where the database is, from the revision log or by loading it anew.
    async fn catch_up(&self, tenant: &Tenant, _applying: &MutexGuard<'_, ()>) -> Result<()> {
        let current = Arc::clone(&tenant.policy());
        let look = tenant.looks.begin();
        let read = self.store.counters_and_log(tenant.id, current.counters.revision, FOLLOW_MAX);
        match within(ANSWER_MAX, read).await? {
            None => self.registry.forget(tenant).await,
            Some((stored, _)) if stored == current.counters => {}
            Some((stored, log)) => match Self::follow(&current, stored, &log) {
                Some(next) => tenant.swap(next),
                None => match self.read(tenant.id).await? {
                    Some((_, next)) => tenant.swap(next),
                    None => self.registry.forget(tenant).await,
                },
            },
        }
        tenant.looks.end(look);
        Ok(())
    }

    /// The policy at `stored`; `None` when the log does not lead there from here. So it is after
    /// too many revisions, and where the database was set back to an earlier time.
    fn follow(current: &TenantPolicy, stored: Counters, log: &[RevisionEntry]) -> Option<TenantPolicy> {
        if stored.revision < current.counters.revision {
            return None;
        }
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
        let Some(tenant) = self.surely_loaded(id, change.counters).await else { return Ok(()) };
        {
            let _applying = tenant.applying.lock().await;
            let current = Arc::clone(&tenant.policy());
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
        let slot = self.registry.find(id)?;
        slot.hear(counters);
        slot.tenant()
    }

    /// The same, where the answer must hold: a tenant is out of its place for a moment while it is
    /// looked whether it can be dropped, and its place is taken while it is loaded.
    async fn surely_loaded(&self, id: TenantId, counters: Counters) -> Option<Arc<Tenant>> {
        if let Some(tenant) = self.loaded(id, counters) {
            return Some(tenant);
        }
        let slot = self.registry.find(id)?;
        let _turn = slot.turn.lock().await;
        slot.tenant()
    }

    /// Brings a tenant to where the database is. One that cannot be brought there is dropped, so
    /// that it neither goes on with what was taken away nor keeps the sweep from the others.
    async fn set_right(&self, tenant: &Tenant) -> Result<()> {
        let applying = tenant.applying.lock().await;
        match self.catch_up(tenant, &applying).await {
            Err(error) if error.code != ErrorCode::Unavailable => {
                tracing::error!(tenant = %tenant.key, %error, cause = error.source_text(), "a tenant cannot be brought up to date; it is loaded anew on its next use");
                self.registry.forget(tenant).await;
                Ok(())
            }
            result => result,
        }
    }

    async fn sweep(&self) -> Result<()> {
        let asked = Instant::now();
        let loaded = self.registry.loaded();
        for ids in loaded.chunks(SWEEP_CHUNK) {
            let stored = within(ANSWER_MAX, self.store.counters(ids)).await?;
            let stored: HashMap<TenantId, Counters> = stored.into_iter().collect();
            // Tenants are held one at a time: what is held is not dropped.
            for id in ids {
                let Some(tenant) = self.registry.find(*id).and_then(|slot| slot.tenant()) else { continue };
                match stored.get(id) {
                    Some(counters) if *counters == tenant.policy().counters => {}
                    Some(_) => self.set_right(&tenant).await?,
                    None => self.registry.forget(&tenant).await,
                }
            }
        }
        // What was in use when others came may be idle by now, and changes may have added rules.
        self.registry.make_room();
        self.registry.tidy();
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
